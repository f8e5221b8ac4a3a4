"""What Parley asks of whoever takes the money, and what it is told: facts, with the words for people.

A provider decides nothing about texts: `buying` and `reloading` do. Every request that could move money carries the
order's id as its idempotency key, so asking twice for one order pays once.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from django.conf import settings

from parley.quota.models import Order


@dataclass(frozen=True, slots=True)
class Card:
    """A card that somebody agreed to keep: the provider's own names for payer and card, and what a person calls it."""

    customer: str
    card: str
    words: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A page of the provider's where one order can be paid."""

    payment: str
    url: str


@dataclass(frozen=True, slots=True)
class Paid:
    """The money was taken. `payment` is the provider's own name for it."""

    payment: str
    cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The card was refused, and no money was taken. `words` say why, as a person may read it."""

    payment: str
    words: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """There is no clear answer: money may have been taken. The same order may be asked for again, never another."""

    words: str


@dataclass(frozen=True, slots=True)
class PaymentEvent:
    """What became of one order. `payment` is the provider's checkout or payment; money is in cents of `currency`.

    `order` and `business` are what was asked for with it; whoever acts on an event compares all of it with the order.
    """

    became: Literal["paid", "pending", "failed", "expired"]
    business: uuid.UUID
    order: uuid.UUID
    payment: str
    cents: int
    currency: str
    words: str = ""


class PaymentError(Exception):
    """`words` say to a person what went wrong, and what to do."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Unavailable(PaymentError):
    """The provider could not be asked, or did not answer. Nothing is known to have changed."""


class Closed(PaymentError):
    """This checkout cannot be paid any more."""


class BadEvent(Exception):
    """Somebody called the webhook who is not the provider, or what came cannot be read."""


class Provider(Protocol):
    """Somebody who takes money. Calls block for some seconds at the most: never within a transaction."""

    name: str
    # Where a form that leads to its pages may end up, for the content security policy.
    pages: str

    def checkout(
        self, order: Order, *, success_url: str, cancel_url: str, customer: str, email: str
    ) -> Checkout:
        """Open a page where the order can be paid; for an order that has one, the same one.

        `customer` is the provider's name for the payer, if it has one. Raises Unavailable or Closed.
        """

    def charge(self, order: Order, customer: str, card: str) -> Paid | Declined | Doubt:
        """Take an order's money from a kept card, nobody being there. However often it is asked, it is taken once."""

    def find_charge(self, order: Order, customer: str) -> Paid | Declined | None:
        """What became of `charge`, from the provider's own list; None if it never happened. Raises Unavailable."""

    def look(self, order: Order) -> PaymentEvent | None:
        """What became of a checkout, asked for instead of told; None if it is still open. Raises Unavailable."""

    def read(self, headers: Mapping[str, str], body: bytes) -> PaymentEvent | None:
        """A webhook, whose signature is checked against the body as it came; None if it is of no concern.

        Raises BadEvent.
        """

    def kept_card(self, order: Order) -> Card | None:
        """The card that a paid order was paid with and that may be kept; None if there is none. Raises Unavailable."""

    def forget_card(self, card: str) -> None:
        """Have the provider forget a card; one that it does not know is forgotten already. Raises Unavailable."""


def provider() -> Provider | None:
    """Who takes the money; None if whoever runs Parley has not set anybody up."""
    given = settings.STRIPE
    return _stripe(given["key"], given["webhook_secret"], given["url"]) if given["key"] else None


@lru_cache(maxsize=4)
def _stripe(key: str, webhook_secret: str, url: str) -> Provider:
    from parley.quota.stripe_checkout import Stripe

    return Stripe(key, webhook_secret, url)
