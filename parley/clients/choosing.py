"""Whom something is for: the clients that a dialog offers, and those that its search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from parley.businesses.models import Business
from parley.clients.models import Client, ClientQuerySet
from parley.clients.search import people

if TYPE_CHECKING:
    from parley.messaging.models import Conversation

OFFERED = 20


def at_hand(business: Business) -> list[tuple[Client, Conversation | None]]:
    """Whom one spoke with last, each with that conversation, then everybody by name."""
    recent = business.conversations.open().for_list()[:OFFERED]  # type: ignore[attr-defined]
    first: dict[Client, Conversation | None] = {talk.client: talk for talk in recent}
    for client in cast(ClientQuerySet, business.clients.all()).by_name()[:OFFERED]:
        first.setdefault(client, None)
    return list(first.items())[:OFFERED]


def offered(business: Business, q: str) -> list[Client]:
    """Those whose name, number or email matches `q`; without it, who is at hand."""
    if q:
        return people(business, q, OFFERED).clients
    return [client for client, _ in at_hand(business)]
