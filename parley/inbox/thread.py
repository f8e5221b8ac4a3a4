"""A conversation as it is read: days, runs, and under each message what became of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise

from django.utils import timezone

from parley.appointments.shown import Shown, upcoming
from parley.businesses.models import Member
from parley.calls.shown import Shown as ShownCall
from parley.calls.shown import calls_in
from parley.inbox.media import Media, media_in
from parley.inbox.reach import messages_in
from parley.messaging import quarantine
from parley.messaging.again import again_key
from parley.messaging.models import Conversation, Message, MessageQuerySet
from parley.messaging.sending import why_no_texts
from parley.ui.templatetags.ui import ago, clock, day, local_date

PAGE = 50
# How far back from the end a conversation opens at a message that a search found; what is shown always ends at the end.
MOST_SHOWN = 400
# A run of bubbles is broken by a pause.
PAUSE = timedelta(minutes=15)
# `changed_at` is written before its transaction commits, on a clock that may not be ours: a refresh looks back
# this far and shows some messages twice, in place, rather than miss one.
OVERLAP = timedelta(minutes=1)

State = Message.State
ARRIVED = (State.DELIVERED, State.READ)
FAILED = (State.FAILED, State.UNDELIVERED, State.CANCELED)
# What the design has a look for; the rest wears the look of `sent`.
LOOKS = {
    **dict.fromkeys((State.QUEUED, State.SENDING, State.UNKNOWN), "queued"),
    **dict.fromkeys(ARRIVED, "delivered"),
    **dict.fromkeys(FAILED, "failed"),
    State.UNCONFIRMED: "unconfirmed",
    State.RECEIVED: "",
}


@dataclass(slots=True)
class Line:
    """One message as the thread shows it."""

    message: Message
    day: str = ""
    follows: bool = False
    icon: str = ""
    receipt: str = ""
    repeats: bool = False
    by_email: bool = False
    behind: bool = False
    media: list[Media] = field(default_factory=list)
    call: ShownCall | None = None

    @property
    def key(self) -> str:
        """Sorts as `(at, id)`; a day heading's key is its first message's without the id."""
        return f"{self.day_key}{self.message.id}"

    @property
    def day_key(self) -> str:
        return f"{self.message.at:%Y-%m-%dT%H:%M:%S.%f}|"

    @property
    def look(self) -> str:
        return LOOKS.get(State(self.message.state), "sent")

    @property
    def kind(self) -> str:
        """The design's data-kind: email, call, automatic, or nothing for a text that somebody wrote."""
        if self.message.channel == Message.Channel.CALL:
            return "call"
        if self.message.channel == Message.Channel.EMAIL:
            return "email"
        return "" if self.message.inbound or self.message.kind == Message.Kind.DIRECT else "automatic"


class Thread:
    """One conversation for the member who reads it."""

    def __init__(self, member: Member, conversation: Conversation, at: uuid.UUID | None = None) -> None:
        """`at`: the message to open at. One that is not in this conversation changes nothing."""
        self.member = member
        self.conversation = conversation
        self.client = conversation.client
        self.zone = member.business.zone
        self.asked_at = timezone.now()
        self.earlier: Message | None = None
        self._at = at
        self.found: Message | None = None
        self.too_far: Message | None = None

    @cached_property
    def upcoming(self) -> list[Shown]:
        """The client's appointments that are to come."""
        return upcoming(self.member.business, self.client)

    @property
    def _messages(self) -> MessageQuerySet:
        return messages_in(self.member, self.conversation)

    @cached_property
    def newest(self) -> list[Line]:
        """The last page, or from the page around `found` on. `earlier` is the message that the page before ends at."""
        size = self._back_to(self._at) if self._at else PAGE
        return self._page(list(self._messages.newest_first()[: size + 1]), size=size)

    def _back_to(self, id: uuid.UUID) -> int:
        """How many messages to show so that this one is among them, with some before it."""
        at = self._messages.filter(pk=id).first()
        if at is None:
            return PAGE
        later = self._messages.after(at)[: MOST_SHOWN + 1].count()
        if later > MOST_SHOWN:
            self.too_far = at
            return PAGE
        self.found = at
        return max(PAGE, later + 1 + PAGE // 2)

    def before(self, message_id: uuid.UUID) -> list[Line]:
        """The page before a message, which comes along again: whether it follows is known only now."""
        shown = self._messages.get(pk=message_id)
        return self._page(list(self._messages.before(shown).newest_first()[: PAGE + 1]), shown)

    def since(self, moment: datetime, oldest: uuid.UUID | None) -> list[Line]:
        """From the first message that changed after `moment` to the end, no further back than what is shown."""
        changed = self._messages.filter(changed_at__gt=moment - OVERLAP)
        if oldest and (first_shown := self._messages.filter(pk=oldest).first()):
            changed = changed & (self._messages.after(first_shown) | self._messages.filter(pk=oldest))
        first = changed.order_by("at", "id").first()
        if first is None:
            return []
        # The one before may have lost its receipt to the new one; the one before that says whether it follows.
        prior = list(self._messages.before(first).newest_first()[:2])
        tail = list(self._messages.after(first).order_by("at", "id"))
        return self._lines([*prior[:1], first, *tail], prior[1] if len(prior) > 1 else None)

    def _page(self, newest_first: list[Message], *then: Message, size: int = PAGE) -> list[Line]:
        page = newest_first[:size]
        self.earlier = page[-1] if len(newest_first) > size else None
        return self._lines([*reversed(page), *then])

    def _lines(self, messages: Sequence[Message], previous: Message | None = None) -> list[Line]:
        repeated = self._repeated(messages)
        behind = self._behind(messages)
        held = self._held(messages)
        media = media_in(self.member, messages)
        calls = calls_in(self.member, messages)
        texts, emails = why_no_texts(self.client) is None, bool(self.client.email)
        lines = []
        for message in messages:
            line = Line(message, media=media.get(message.id, []), call=calls.get(message.id))
            if previous is None or self._day(previous) != self._day(message):
                line.day = day(message.at, self.zone)
            line.follows = previous is not None and not line.day and self._same_run(previous, message)
            line.icon, line.receipt = self._receipt(message)
            if message.id in held:
                line.receipt = f"Waiting to send. {quarantine.WHY}"
            elif message.id in behind:
                line.behind = behind[message.id]
                line.receipt = "Waiting to send: the carrier is still being asked about the text before it."
            if message.state in FAILED or message.state == State.UNCONFIRMED:
                by_text = message.channel == Message.Channel.SMS
                fresh = message.id not in repeated and message.kind == Message.Kind.DIRECT
                line.repeats = fresh and (texts if by_text else emails)
                line.by_email = by_text and emails
            lines.append(line)
            previous = message
        for line, after in pairwise(lines):
            if after.follows and self._said_by_next(line.message, after.message):
                line.receipt = ""
        return lines

    @staticmethod
    def _held(messages: Iterable[Message]) -> set[uuid.UUID]:
        """Texts that wait because the database went back in time (rule R9)."""
        waiting = {m.id for m in messages if m.state == State.QUEUED and m.channel == Message.Channel.SMS}
        return waiting if waiting and quarantine.holds() else set()

    def _behind(self, messages: Iterable[Message]) -> dict[uuid.UUID, bool]:
        """Texts that wait only because one before them is in doubt (rule R3), and whether a member may send past it.

        Not past the very same words: the carrier's log could not tell the two apart.
        """
        waiting = [
            m
            for m in messages
            if m.state == State.QUEUED and m.channel == Message.Channel.SMS and not m.reason
        ]
        if not waiting:
            return {}
        in_doubt = self._messages.filter(state=State.UNKNOWN, channel=Message.Channel.SMS)
        doubted = list(in_doubt.values_list("their_address", "body"))
        return {
            m.id: (m.their_address, m.body) not in doubted
            for m in waiting
            if any(address == m.their_address for address, _ in doubted)
        }

    def _repeated(self, messages: Iterable[Message]) -> set[uuid.UUID]:
        keys = {again_key(m.id): m.id for m in messages if m.state in FAILED or m.state == State.UNCONFIRMED}
        if not keys:
            return set()
        sent = self._messages.filter(client_key__in=keys).values_list("client_key", flat=True)
        return {keys[key] for key in sent if key}

    def _day(self, message: Message) -> object:
        return local_date(message.at, self.zone)

    @staticmethod
    def _same_run(one: Message, next: Message) -> bool:
        def speaker(m: Message) -> tuple[object, ...]:
            return m.direction, m.channel, m.kind, m.author_id

        return (
            speaker(one) == speaker(next) and next.at - one.at < PAUSE and next.channel == Message.Channel.SMS
        )

    @staticmethod
    def _said_by_next(one: Message, next: Message) -> bool:
        """Whether the receipt of the next bubble of the run says all that this one's would."""
        return one.state == next.state and one.state in (*ARRIVED, State.RECEIVED, State.ACCEPTED, State.SENT)

    def _receipt(self, message: Message) -> tuple[str, str]:
        """The icon and the words under a bubble."""
        state, reason = message.state, message.reason.rstrip(".")
        if message.channel == Message.Channel.CALL:
            return "", ""
        if message.inbound:
            return "", clock(message.at, self.zone) + (", arrived late" if "late" in message.why else "")
        if state in FAILED:
            said = "Not sent" if state == State.CANCELED else "Not delivered"
            return "alert", f"{said}. {reason}." if reason else f"{said}."
        if state == State.UNCONFIRMED:
            return "alert", "May not have arrived: the carrier did not confirm."
        if state == State.UNKNOWN:
            return "clock", State.UNKNOWN.label
        said = {State.QUEUED: "Waiting to send", State.SENDING: "Sending"}.get(State(state), "")
        if said:
            words = f"{said}. {reason}." if reason else said
            icon = "clock"
        else:
            at = message.changed_at
            same_day = local_date(at, self.zone) == self._day(message)
            words = (
                f"{message.get_state_display()} {clock(at, self.zone) if same_day else ago(at, self.zone)}"
            )
            icon = "checks" if state in ARRIVED else "check"
        return icon, self._by(message, words)

    def _by(self, message: Message, words: str) -> str:
        """Who sent it, where that was not the reader."""
        lower = words[0].lower() + words[1:]
        if "records" in message.why:
            return f"{words}. From the carrier’s records."
        if message.channel == Message.Channel.EMAIL:
            words = f"Email {lower}"
            lower = f"email {lower}"
        if message.kind != Message.Kind.DIRECT:
            return f"{'Campaign' if message.kind == Message.Kind.MARKETING else 'Automatic'}, {lower}"
        if message.author is None or message.author == self.member:
            return words
        return f"{message.author.first_name}, {lower}"
