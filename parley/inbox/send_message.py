"""Quick Actions, Send Message: who is it for, then the message."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from parley.businesses.access import MemberRequest, for_members
from parley.businesses.models import Member
from parley.clients.choosing import choose
from parley.clients.models import Client
from parley.inbox.composer import way_of_texts
from parley.messaging.models import Message
from parley.messaging.sending import LONGEST_SUBJECT, LONGEST_TEXT, CannotSend, check, send
from parley.payments.models import PaymentRequest
from parley.payments.words import reminder
from parley.ui.dialogs import in_dialog, render_sheet


@dataclass(frozen=True, slots=True)
class Letter:
    """What step 2 holds."""

    subject: str
    body: str
    channel: str
    client_key: uuid.UUID


@for_members
@never_cache
def send_message(request: MemberRequest) -> HttpResponse:
    """Step 1: who is it for?"""
    return choose(
        request,
        lambda id: reverse("send_message_to", args=[id]),
        close=reverse("inbox"),
        new_client=f"{reverse('client_new')}?then=message",
        first="write to them",
    )


@for_members
@never_cache
def send_message_to(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Step 2: subject, message, and which way it goes.

    What was typed comes back with every refusal. `client_key` makes a second press of the same button one message.
    `remind` is a payment request of theirs: the message begins with a reminder of it.
    """
    client = get_object_or_404(request.member.business.clients, pk=id)
    way = way_of_texts(request.member, client)
    obstacles = {"sms": way.obstacle, "email": _no_email(request.member, client)}
    usual = "email" if obstacles["sms"] and not obstacles["email"] else "sms"
    post = request.POST
    typed = Letter(
        post.get("subject", ""),
        post.get("body", "") or _reminder(request, client),
        post.get("channel", usual),
        _key(post.get("client_key")),
    )
    problem: CannotSend | None = None
    if "by_email" in post:
        typed = replace(typed, channel="email")
    elif request.method == "POST":
        try:
            message = send(request.member, client, **asdict(typed))
        except CannotSend as cannot:
            problem = cannot
        else:
            return _sent(request, client, message)
    context: dict[str, Any] = {
        "client": client,
        "typed": typed,
        "obstacles": obstacles,
        "way": way,
        # What stands in the way of a channel is said beside it already.
        "problem": {problem.field: problem.words}
        if problem and problem.words not in obstacles.values()
        else {},
        "longest_text": LONGEST_TEXT,
        "longest_subject": LONGEST_SUBJECT,
    }
    return render_sheet(request, "inbox/send_message/letter.html", context, status=422 if problem else 200)


def _reminder(request: MemberRequest, client: Client) -> str:
    """The words to remind of the payment request `remind`, where the sheet opens for that."""
    if request.method != "GET" or "remind" not in request.GET:
        return ""
    asked = get_object_or_404(
        request.member.business.paymentrequests.select_related("business", "client"),
        pk=_key(request.GET["remind"]),
        client=client,
        status=PaymentRequest.Status.OPEN,
    )
    return reminder(asked)


def _no_email(member: Member, client: Client) -> str:
    """Why no email can go to this client, in words, before anything is written; empty if it can."""
    try:
        check(member.business, client, channel=Message.Channel.EMAIL, subject="…", body="…")
    except CannotSend as cannot:
        return cannot.words
    return ""


def _key(typed: str | None) -> uuid.UUID:
    try:
        return uuid.UUID(typed)
    except (TypeError, ValueError):
        return uuid.uuid4()


def _sent(request: MemberRequest, client: Client, message: Message) -> HttpResponse:
    """Close the dialog with a toast; a page goes on to the conversation."""
    said = f"Sent to {client.calls}"
    conversation = reverse("conversation", args=[message.conversation_id])
    if not in_dialog(request):
        messages.success(request, said, extra_tags="check")
        return redirect(conversation)
    if message.number:
        words = f"As a text from {message.number.pretty}"
    else:
        words = f"As an email from {request.member.business.email}"
    context = {"said": said, "words": words, "conversation": conversation}
    answer = render(request, "inbox/send_message/_sent.html", context)
    answer["HX-Trigger"] = "parley:done"
    return answer
