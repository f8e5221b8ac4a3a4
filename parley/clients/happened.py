"""What has happened to a client, told by the rooms that know to whoever acts on it.

Rooms below tell, and know nobody who listens; `alerts` listens. What a listener writes is written in the teller's
transaction, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from django.db import connection
from django.dispatch import Signal

if TYPE_CHECKING:
    from parley.businesses.tenancy import BusinessOwned
    from parley.clients.models import Client

What = Literal[
    "requested",  # an appointment that the business has not agreed to yet
    "booked",  # an appointment that holds
    "moved",
    "cancelled",  # an appointment, a payment request or an estimate
    "confirmed",  # the client says they come
    "declined",  # the client says they do not come, in words that a member has to read
    "changed",  # what concerns no client: a note, a member, a service
    "new",  # a lead
    "asked",  # a payment
    "paid",
    "offered",  # an estimate
    "accepted",  # an estimate
]


@dataclass(frozen=True, slots=True)
class Happening:
    """`what` happened to `subject`, which is of `client`. `silent`: the client is told nothing of it."""

    client: Client
    subject: BusinessOwned
    what: What
    silent: bool = False


_happened = Signal()
listen = _happened.connect

# Whoever does this is no lead any more.
NO_LEAD: tuple[What, ...] = ("booked", "confirmed", "paid")


def tell(happening: Happening) -> None:
    """Say what happened, within the transaction that wrote it. A listener that fails undoes what happened."""
    assert connection.in_atomic_block
    client = happening.client
    if happening.what in NO_LEAD and client.status == client.Status.LEAD:
        client.status = client.Status.CLIENT
        client.save(update_fields=["status"])
    _happened.send(sender=type(happening.subject), happening=happening)
