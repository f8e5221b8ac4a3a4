"""The card of one client: who they are, what they agreed to, and all that passed between them and the business."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.text import Truncator

from parley.appointments.shown import upcoming
from parley.businesses.access import MemberRequest, for_members
from parley.businesses.models import Member
from parley.calls.shown import Shown, calls_in
from parley.clients.models import Client
from parley.inbox.consent import standing_of
from parley.messaging.models import Conversation, Message, MessageQuerySet
from parley.sms.addresses import region_name, zone_name
from parley.ui.templatetags.ui import clock

PAGE = 25
MOST_REFRESHED = 500
# A text is at most 1,600 characters; an email is quoted by its beginning.
QUOTED = 280

SHOWN = {
    "everything": ("Everything", {}),
    "texts": ("Texts", {"channel": Message.Channel.SMS}),
    "emails": ("Emails", {"channel": Message.Channel.EMAIL}),
    "calls": ("Calls", {"channel": Message.Channel.CALL}),
}
LOST = {Message.State.FAILED, Message.State.UNDELIVERED, Message.State.UNCONFIRMED, Message.State.CANCELED}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: how a message is told on the card."""

    message: Message
    client: Client
    reader: Member
    call: Shown | None = None

    @property
    def lost(self) -> bool:
        return self.message.state in LOST

    @property
    def automatic(self) -> bool:
        return self.message.kind != Message.Kind.DIRECT

    @property
    def icon(self) -> str:
        if self.call:
            return self.call.icon
        if self.lost:
            return "alert"
        if self.message.channel == Message.Channel.EMAIL:
            return "mail"
        if self.message.kind == Message.Kind.MARKETING:
            return "megaphone"
        return "bolt" if self.automatic else "bubble" if self.message.inbound else "bubble-text"

    @property
    def tone(self) -> str:
        if self.call:
            return {"missed": "waiting", "failed": "danger"}.get(self.call.tone, "")
        if self.lost:
            return "danger"
        if self.message.channel == Message.Channel.EMAIL:
            return "email"
        return "quiet" if self.automatic else ""

    @property
    def title(self) -> str:
        """Who did what: Maya texted, You emailed, Booking confirmation."""
        if self.call:
            return self.call.title + (" with voicemail" if self.call.missed and self.call.voicemail else "")
        email = self.message.channel == Message.Channel.EMAIL
        if self.automatic:
            return self.message.title or ("Automatic email" if email else "Automatic text")
        return f"{self._who} {'emailed' if email else 'texted'}"

    @property
    def _who(self) -> str:
        author = self.message.author
        if self.message.inbound:
            return self.client.calls
        if author is None:
            return "Your team"
        return "You" if author.pk == self.reader.pk else author.first_name

    @property
    def at(self) -> str:
        """Today 9:02 AM; Tue, Nov 18; Oct 3; Oct 3, 2024."""
        zone = self.reader.business.zone
        local, today = self.message.at.astimezone(zone), timezone.now().astimezone(zone).date()
        if local.date() == today:
            return f"Today {clock(local, zone)}"
        date = f"{local:%b} {local.day}"
        if local.year != today.year:
            return f"{date}, {local.year}"
        return f"{local:%a}, {date}" if (today - local.date()).days < 7 else date

    @property
    def words(self) -> str:
        if self.call:
            left = self.call.voicemail
            said = f"“{left.transcript}”" if left and left.transcript else self.call.says
            return Truncator(said or self.call.outcome).chars(QUOTED)
        return Truncator(self.message.body).chars(QUOTED)

    @property
    def became(self) -> str:
        """What became of an outbound message, in words."""
        if self.message.inbound or self.call:
            return ""
        state = self.message.get_state_display()
        if self.message.kind == Message.Kind.MARKETING:
            state = f"Campaign, {state.lower()}"
        elif self.automatic:
            state = f"Automatic {'email' if self.message.channel == Message.Channel.EMAIL else 'text'}, {state.lower()}"
        return f"{state}. {self.message.reason}" if self.message.reason else state


@for_members
def client_card(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """The card. `show` picks texts or emails, `before` is the last message already shown.

    `until` is the oldest message on a page that is open: refreshing must not take it away.
    """
    client = get_object_or_404(request.member.business.clients.select_related("conversation"), pk=id)
    conversation: Conversation | None = getattr(client, "conversation", None)
    show = request.GET.get("show", "everything")
    if show not in SHOWN:
        raise Http404
    entries: list[Entry] = []
    more = False
    if conversation:
        messages: MessageQuerySet = conversation.messages.filter(**SHOWN[show][1])  # type: ignore[assignment]
        size = PAGE
        if before := _message(conversation, request.GET.get("before")):
            messages = messages.before(before)
        if until := _message(conversation, request.GET.get("until")):
            size = max(PAGE, messages.after(until)[:MOST_REFRESHED].count() + 1)
        newest = list(messages.for_thread().newest_first()[: size + 1])
        calls = calls_in(request.member, newest[:size])
        entries = [Entry(m, client, request.member, calls.get(m.pk)) for m in newest[:size]]
        more = len(newest) > size
    context = {
        "place": "clients",
        "client": client,
        "conversation": conversation,
        "upcoming": [] if "before" in request.GET else upcoming(request.member.business, client),
        "standing": standing_of(request.member.business, client),
        "home": f"{region_name(client.region)} {client.postal_code}".strip(),
        "clock": _clock_of(request.member, client),
        "entries": entries,
        "more": more,
        "show": show,
        "filters": [(name, label) for name, (label, _) in SHOWN.items()],
        "first": "before" not in request.GET,
    }
    template = {
        "li#earlier": "inbox/client_card/_entries.html",
        "div#client-card": "inbox/client_card/_card.html",
    }.get(request.headers.get("HX-Target", ""), "inbox/client_card/card.html")
    return render(request, template, context)


def _clock_of(member: Member, client: Client) -> str:
    """Their time zone in words; empty where nobody has written it down."""
    if client.time_zone == member.business.time_zone:
        return "Same as yours"
    return zone_name(client.time_zone) if client.time_zone else ""


def _message(conversation: Conversation, id: str | None) -> Message | None:
    """One of this conversation's messages. Raises Http404."""
    if not id:
        return None
    try:
        return conversation.messages.get(pk=id)
    except (Message.DoesNotExist, ValidationError):
        raise Http404 from None
