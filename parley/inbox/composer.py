"""What the composer offers for a client, and what it was left with when a message could not be sent."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cache, cached_property

from parley.businesses import planned
from parley.businesses.models import Business, Member
from parley.calls.coming import is_unknown
from parley.clients.models import Client
from parley.messaging.models import Conversation, Message
from parley.messaging.routing import NOT_GUARANTEED
from parley.messaging.sending import LONGEST_TEXT, CannotSend, check
from parley.quota import ledger

HIDDEN = "Whoever hides their number when they call is here together, so nobody can be texted or called back."


@dataclass(frozen=True, slots=True)
class Way:
    """How texts go to a client: why they cannot (`obstacle`), or what is to be said of them (`note`).

    `settings`: what is missing is mended in the settings of texting; `buy`: by buying texts; `card`: on their card.
    """

    obstacle: str = ""
    note: str = ""
    settings: bool = False
    buy: bool = False
    card: bool = True


def way_of_texts(member: Member, client: Client) -> Way:
    """Asked of the road itself; and of the balance, before words are written that could not be sent."""
    if is_unknown(client):
        return Way(HIDDEN, card=False)
    try:
        ready = check(member.business, client, channel=Message.Channel.SMS, body="?")
    except CannotSend as reason:
        return Way(reason.words, settings=reason.settings, buy=reason.buy)
    if not ledger.seen(member.business).left:
        return Way(ledger.none_left(member.business), buy=True)
    return Way(note="" if ready.guaranteed else NOT_GUARANTEED)


def talk_of(business: Business, id: uuid.UUID) -> Conversation | None:
    """This business's conversation with its client, for a send; None if it has no such one."""
    found = planned.row(_talk_of(), {"business": business.pk, "conversation": id})
    if found is None:
        return None
    at = planned.width(Client)
    client, conversation = planned.built(Client, found[:at]), planned.built(Conversation, found[at:])
    client.business = conversation.business = business
    conversation.client = client
    return conversation


@cache
def _talk_of() -> str:
    return f"""
        SELECT {planned.columns(Client, "c")}, {planned.columns(Conversation, "v")}
        FROM messaging_conversation v
        JOIN clients_client c ON c.business_id = v.business_id AND c.id = v.client_id
        WHERE v.business_id = %(business)s AND v.id = %(conversation)s
    """  # noqa: S608  our own columns


@dataclass
class Composer:
    """The form under a thread. `problem` is what `check` refused, to be said at its field."""

    member: Member
    client: Client
    channel: str = ""
    subject: str = ""
    body: str = ""
    problem: CannotSend | None = None

    longest = LONGEST_TEXT

    @cached_property
    def way(self) -> Way:
        return way_of_texts(self.member, self.client)

    @property
    def no_texts(self) -> str:
        """Why texts cannot go to this client, in words; empty if they can."""
        return self.way.obstacle

    @property
    def no_emails(self) -> bool:
        return not self.client.email

    @property
    def via(self) -> str:
        """The channel that is picked: what was asked for, else texts, else email."""
        if self.channel == "email" and not self.no_emails:
            return "email"
        return "email" if self.no_texts and not self.no_emails else "sms"

    @property
    def closed(self) -> bool:
        """Neither way leads to this client."""
        return bool(self.no_texts) and self.no_emails

    @cached_property
    def key(self) -> uuid.UUID:
        """For a page without scripts; with them the page makes its own, and keeps it until the send succeeded."""
        return uuid.uuid4()
