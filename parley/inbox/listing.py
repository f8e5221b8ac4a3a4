"""The list beside the thread: who waits, who is up to date, and what each row says.

Pages are cut by `(last_at, id)`, never by an offset: rows move to the top while somebody reads.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection
from django.utils.safestring import SafeString

from parley.businesses.models import Member
from parley.calls.models import Call
from parley.calls.shown import UNDER_WAY
from parley.campaigns.models import Campaign, Recipient
from parley.clients.models import Client
from parley.inbox.context import COUNTED
from parley.inbox.doubts import with_doubt
from parley.inbox.media import media_words
from parley.inbox.reach import conversations_of
from parley.messaging.models import Conversation, ConversationQuerySet, Message

PAGE = 30
# What a refresh may ask for at once, when somebody has scrolled far down.
MOST_ROWS = 300

SHOWS = {"open": "Open", "unread": "Unread", "mine": "Mine", "closed": "Closed"}
# Those who talk to the business since a campaign, which is named by its id after this.
OF_CAMPAIGN = "campaign-"
# Of these no more are gathered.
MOST_TALKING = 1000
# Each over the index of its list, and no further than a badge counts; in one statement.
COUNTS = """
WITH open AS NOT MATERIALIZED (
    SELECT assignee_id, unread FROM messaging_conversation WHERE business_id = %(business)s AND closed_at IS NULL
)
SELECT (SELECT count(*) FROM (SELECT FROM open LIMIT %(counted)s) counted),
       (SELECT count(*) FROM (SELECT FROM open WHERE unread > 0 LIMIT %(counted)s) counted),
       (SELECT count(*) FROM (SELECT FROM open WHERE assignee_id = %(member)s LIMIT %(counted)s) counted)
"""
NOT_DELIVERED = (Message.State.FAILED, Message.State.UNDELIVERED, Message.State.CANCELED)


@dataclass(slots=True)
class Row:
    """One conversation as the list shows it."""

    conversation: Conversation
    part: str
    icon: str = ""
    words: str | SafeString = ""
    tone: str = ""
    # The message that a search found: the conversation opens at it.
    message_id: uuid.UUID | None = None

    @property
    def key(self) -> str:
        """Where the row belongs: sorts as `(last_at, id)`."""
        return f"{self.conversation.last_at:%Y-%m-%dT%H:%M:%S.%f}|{self.conversation.id}"


@dataclass(slots=True)
class Part:
    """A heading and its rows; `more` is where the next page begins, `note` what is said below the last."""

    name: str
    heading: str
    waiting: bool = False
    rows: list[Row] = field(default_factory=list)
    more: str = ""
    note: str = ""


def _call(message: Message) -> tuple[str, str]:
    """The icon and the words of a call: its message says enough, so that a list asks no more."""
    direction, state = Message.Direction(message.direction), message.code
    if state in Call.State.values and (said := UNDER_WAY.get((direction, Call.State(state)))):
        return "phone", said
    if message.inbound and state == Call.State.MISSED:
        return "voicemail" if "voicemail" in message.title else "phone-missed", message.title
    return "phone", message.title


def row_of(conversation: Conversation, member: Member, part: str = "") -> Row:
    """The row and its preview."""
    row = Row(conversation, part or ("waiting" if conversation.waiting else "rest"))
    message, client = conversation.last_message, conversation.client
    if message is None:
        row.words = "No messages yet"
    elif conversation.in_doubt:  # type: ignore[attr-defined]
        row.icon, row.tone = "hand", "pending"
        row.words = (
            f"May be an opt-out: {message.body}" if message.inbound else "May have opted out: what was meant?"
        )
    elif message.channel == Message.Channel.CALL:
        row.icon, row.words = _call(message)
    elif message.inbound and client.texting == Client.Texting.STOPPED:
        row.icon, row.words = (
            "block",
            "Asked to stop texts." + (" Email still works." if client.email else ""),
        )
    elif message.inbound:
        row.icon, row.words = ("", message.body) if message.body else ("image", media_words(message.media))
    elif message.state in NOT_DELIVERED:
        state = "Not sent" if message.state == Message.State.CANCELED else "Not delivered"
        row.icon, row.tone = "alert", "danger"
        row.words = f"{state}: {message.reason}" if message.reason else state
    elif message.state == Message.State.UNCONFIRMED:
        row.icon, row.tone, row.words = "alert", "pending", "May not have arrived"
    elif message.kind != Message.Kind.DIRECT:
        row.icon = "megaphone" if message.kind == Message.Kind.MARKETING else "bolt"
        row.words = f"{message.title or 'Automatic message'}, {message.get_state_display().lower()}"
    else:
        who = (
            ""
            if message.author is None
            else "You: "
            if message.author == member
            else f"{message.author.first_name}: "
        )
        row.icon = "mail" if message.channel == Message.Channel.EMAIL else ""
        row.words = who + (message.subject if message.channel == Message.Channel.EMAIL else message.body)
    return row


class Listing:
    """What one member's list shows now: a filter, and where to begin."""

    def __init__(
        self, member: Member, show: str = "open", *, before: str = "", part: str = "", rows: int = PAGE
    ) -> None:
        self.member = member
        self.campaign = self._campaign(show)
        self.show = show if show in SHOWS or self.campaign else "open"
        self._before = _read_cursor(before)
        self._only = part
        self._page = max(PAGE, min(rows, MOST_ROWS))

    def _campaign(self, show: str) -> Campaign | None:
        """The campaign that a filter names; None for any other filter, and for a stranger's."""
        if not show.startswith(OF_CAMPAIGN):
            return None
        try:
            return self.member.business.campaigns.only("name").get(
                pk=uuid.UUID(show.removeprefix(OF_CAMPAIGN))
            )
        except (ValueError, Campaign.DoesNotExist):
            return None

    @cached_property
    def _talking(self) -> list[uuid.UUID]:
        """The clients who talk to the business since the campaign. One query, over an index of its own."""
        own = Recipient.objects.filter(campaign=self.campaign, business_id=self.member.business_id)
        talking = own.filter(talked_at__isnull=False).order_by("place")
        return list(talking.values_list("client_id", flat=True)[:MOST_TALKING])

    @property
    def conversations(self) -> ConversationQuerySet:
        every = conversations_of(self.member)
        if self.campaign:
            return every.filter(client__in=self._talking)
        return {
            "open": every.open,
            "unread": every.unread,
            "mine": lambda: every.of(self.member),
            "closed": every.closed,
        }[self.show]()

    @property
    def _parts(self) -> list[tuple[Part, ConversationQuerySet]]:
        if self.show in ("open", "mine"):
            return [
                (Part("waiting", "Waiting on you", waiting=True), self.conversations.filter(waiting=True)),
                (Part("rest", "Up to date"), self.conversations.filter(waiting=False)),
            ]
        if self.campaign:
            return [(Part("all", f"Texted you after {self.campaign.name}"), self.conversations)]
        return [(Part("all", SHOWS[self.show]), self.conversations)]

    @cached_property
    def parts(self) -> list[Part]:
        """One query a part, each over an index of its own."""
        parts = []
        for part, conversations in self._parts:
            if self._only and part.name != self._only:
                continue
            if self._before:
                conversations = conversations.before(*self._before)
            page = list(with_doubt(conversations.for_list())[: self._page + 1])
            part.rows = [row_of(c, self.member, part.name) for c in page[: self._page]]
            part.more = part.rows[-1].key if len(page) > self._page else ""
            parts.append(part)
        return parts

    def among(self, ids: Iterable[uuid.UUID]) -> list[Row]:
        """The rows of these conversations that this list shows; the others are not in it (any more)."""
        whole = self.show not in ("open", "mine")
        return [
            row_of(c, self.member, "all" if whole else "")
            for c in with_doubt(self.conversations.filter(pk__in=list(ids)).for_list())
        ]

    @cached_property
    def filters(self) -> list[tuple[str, str, int | None]]:
        """`(name, label, count)`; closed ones are not counted, they only grow."""
        asked: dict[str, Any] = {
            "business": self.member.business_id,
            "member": self.member.id,
            "counted": COUNTED,
        }
        with connection.cursor() as cursor:
            cursor.execute(COUNTS, asked)
            counts = dict(zip(("open", "unread", "mine"), cursor.fetchone(), strict=True))
        shows: list[tuple[str, str, int | None]] = [
            (name, label, counts.get(name)) for name, label in SHOWS.items()
        ]
        return [(self.show, self.campaign.name, None), *shows] if self.campaign else shows


def _read_cursor(text: str) -> tuple[datetime, uuid.UUID] | None:
    """The end of a page as `Row.key` wrote it; nonsense begins at the top."""
    at, _, id = text.partition("|")
    try:
        return datetime.fromisoformat(f"{at}+00:00"), uuid.UUID(id)
    except ValueError:
        return None
