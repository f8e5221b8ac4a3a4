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
from parley.businesses.models import Business, Member
from parley.clients.models import Client
from parley.clients.search import MORE_PEOPLE, people
from parley.inbox.composer import way_of_texts
from parley.messaging.models import Message
from parley.messaging.sending import LONGEST_SUBJECT, LONGEST_TEXT, CannotSend, check, send, why_no_texts
from parley.payments.models import PaymentRequest
from parley.payments.words import reminder
from parley.ui.dialogs import in_dialog, render_sheet

OFFERED = 20


@dataclass(frozen=True, slots=True)
class Contact:
    """A row of step 1: a client, and their last message if they wrote it."""

    client: Client
    wrote: Message | None = None

    @property
    def email_only(self) -> bool:
        return bool(self.client.email) and why_no_texts(self.client) is not None


@dataclass(frozen=True, slots=True)
class Letter:
    """What step 2 holds."""

    subject: str
    body: str
    channel: str
    client_key: uuid.UUID


def contacts(business: Business) -> list[Contact]:
    """Whom one spoke with last, then everybody by name."""
    clients = business.clients.all().by_name()  # type: ignore[attr-defined]
    recent = business.conversations.open().for_list()[:OFFERED]  # type: ignore[attr-defined]
    offered = {
        c.client_id: Contact(c.client, c.last_message if c.last_message and c.last_message.inbound else None)
        for c in recent
    }
    for client in clients[:OFFERED]:
        offered.setdefault(client.pk, Contact(client))
    return list(offered.values())[:OFFERED]


@for_members
@never_cache
def send_message(request: MemberRequest) -> HttpResponse:
    """Step 1: choose a client (`contact`). `q` searches; `continue` goes on, and says so when nobody was chosen."""
    q = " ".join(request.GET.get("q", "").split())[:100]
    chosen, problem = request.GET.get("contact", ""), ""
    if "continue" in request.GET:
        try:
            return redirect("send_message_to", uuid.UUID(chosen))
        except ValueError:
            problem = "Choose who it is for."
    found = people(request.member.business, q, OFFERED) if q else None
    context = {
        "q": q,
        "contacts": [Contact(client) for client in found.clients]
        if found
        else contacts(request.member.business),
        "note": MORE_PEOPLE if found and found.more else "",
        "chosen": chosen,
        "problem": problem,
    }
    if request.headers.get("HX-Target") == "div#contacts":
        return render(request, "inbox/send_message/_contacts.html", context)
    return render_sheet(request, "inbox/send_message/contact.html", context, status=422 if problem else 200)


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
