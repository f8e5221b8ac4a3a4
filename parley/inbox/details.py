"""“Details” of a message: why it was sent or held, and what became of it, for any member of its business."""

from __future__ import annotations

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from parley.businesses.access import MemberRequest, for_members
from parley.inbox.thread import LOOKS, State
from parley.messaging.why import explain
from parley.ui.dialogs import render_sheet

LABELS = {
    "what": "What",
    "from": "From",
    "to": "To",
    "consent": "Consent",
    "quiet": "Quiet hours",
    "cost": "Cost",
}
# By the look of the bubble: the icon and the tone of what it came to.
SIGNS = {
    "queued": ("clock", "pending"),
    "delivered": ("checks", ""),
    "failed": ("alert", "danger"),
    "unconfirmed": ("alert", "pending"),
}


@require_GET
@for_members
def details(request: MemberRequest, id: uuid.UUID, message: uuid.UUID) -> HttpResponse:
    """In a dialog over the conversation or the card, or on a page of its own."""
    found = get_object_or_404(
        request.member.business.messages.filter(conversation_id=id).select_related(
            "author__user", "number", "conversation__client"
        ),
        pk=message,
    )
    facts = explain(found)
    sign, tone = SIGNS.get(LOOKS.get(State(found.state), ""), ("check", ""))
    context = {
        "place": "inbox",
        "message": found,
        "client": found.conversation.client,
        "facts": [(LABELS[fact.about], fact) for fact in facts if fact.about in LABELS],
        "steps": [fact for fact in facts if fact.about == "step"],
        "now": next(fact for fact in facts if fact.about == "now"),
        "sign": sign,
        "tone": tone,
        "next": next((fact for fact in facts if fact.about == "next"), None),
    }
    return render_sheet(request, "inbox/details.html", context)
