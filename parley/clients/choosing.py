"""Whom something is for: the clients that a dialog offers, and those that its search finds."""

from __future__ import annotations

from typing import cast

from parley.businesses.models import Business
from parley.clients.models import Client, ClientQuerySet
from parley.clients.search import people

OFFERED = 20


def offered(business: Business, q: str) -> list[Client]:
    """Those whose name, number or email matches `q`; without it, whom one spoke with last, then everybody by name."""
    if q:
        return people(business, q, OFFERED).clients
    clients = cast(ClientQuerySet, business.clients.all()).by_name()
    recent = business.conversations.open().for_list()[:OFFERED]  # type: ignore[attr-defined]
    first = {talk.client_id: talk.client for talk in recent}
    for client in clients[:OFFERED]:
        first.setdefault(client.pk, client)
    return list(first.values())[:OFFERED]
