"""The pretend payment provider's books, and what happens to money that is nobody's.

The things are as Stripe's API says them, https://docs.stripe.com/api (2026-10-28.endive), read 2026-11-25; the cards
are its own test cards, https://docs.stripe.com/testing.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from parley.sandbox.changes import Changes
from parley.sandbox.journal import Journal, Record
from parley.sandbox.payment_events import Events
from parley.sandbox.weather import Sky

Thing = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TestCard:
    """A card number, and what happens to whoever pays with it; off session, if that is something else."""

    brand: str
    declined: str = ""
    declined_later: str = ""


CARDS = {
    "4242424242424242": TestCard("visa"),
    "5555555555554444": TestCard("mastercard"),
    "378282246310005": TestCard("amex"),
    "4000000000000002": TestCard("visa", declined="generic_decline"),
    "4000000000009995": TestCard("visa", declined="insufficient_funds"),
    "4000000000000069": TestCard("visa", declined="expired_card"),
    "4000000000000341": TestCard("visa", declined_later="generic_decline"),
    "4000002760003184": TestCard("visa", declined_later="authentication_required"),
}
_SAID = {
    "generic_decline": ("card_declined", "Your card was declined."),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds."),
    "expired_card": ("expired_card", "Your card has expired."),
    "authentication_required": (
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}


class Refused(Exception):
    """An answer that is an error, as the API says it."""

    def __init__(self, status: int, kind: str, message: str, *, code: str | None = None, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **({"code": code} if code else {}), **more}}


@dataclass(slots=True)
class Books:
    """All there is, by id."""

    sessions: dict[str, Thing] = field(default_factory=dict)
    intents: dict[str, Thing] = field(default_factory=dict)
    customers: dict[str, Thing] = field(default_factory=dict)
    methods: dict[str, Thing] = field(default_factory=dict)
    keys: dict[str, Thing] = field(default_factory=dict)


class Money:
    """Checkouts, payments, payers and their cards; all of it comes back after a restart."""

    def __init__(self, folder: Path, sky: Sky, events: Events, changes: Changes) -> None:
        """Raises journal.Busy and journal.Unreadable."""
        self._journal = Journal(folder)
        self._sky = sky
        self._events = events
        self._changes = changes
        self.books = Books()
        self.cards: dict[str, str] = {}
        self._later: set[asyncio.Task[None]] = set()
        self._journal.replay(self._recall)
        if self._journal.lines > 1000:
            self._journal.rewrite(self._records())

    def close(self) -> None:
        """After the last request."""
        for task in self._later:
            task.cancel()
        self._journal.close()

    def _recall(self, record: Record) -> None:
        kind = record.pop("k")
        if kind == "card":
            self.cards[record["id"]] = record["number"]
        else:
            getattr(self.books, kind)[record.pop("name")] = record["thing"]

    def _records(self) -> Iterator[tuple[str, Record]]:
        for kind, things in asdict(self.books).items():
            for name, thing in things.items():
                yield kind, {"name": name, "thing": thing}
        for id, number in self.cards.items():
            yield "card", {"id": id, "number": number}

    def put(self, kind: str, name: str, thing: Thing) -> Thing:
        """Write a thing into one of the books."""
        getattr(self.books, kind)[name] = thing
        self._journal.append(kind, {"name": name, "thing": thing})
        self._changes.tell("payments")
        return thing

    # Checkouts

    def session(self, id: str) -> Thing:
        """A checkout as it is now, and what was wished for its payment. Raises Refused."""
        if id not in self.books.sessions:
            raise missing("checkout.session", id)
        session = self.books.sessions[id]["session"]
        if session["status"] == "open" and session["expires_at"] <= time.time():
            self.expire(id)
        both: Thing = self.books.sessions[id]
        return both

    def _change(self, id: str, **facts: Any) -> Thing:
        both = self.books.sessions[id]
        session: Thing = {**both["session"], **facts}
        self.put("sessions", id, {**both, "session": session})
        return session

    def expire(self, id: str) -> Thing:
        """Nobody can pay it any more."""
        session = self._change(id, status="expired", url=None)
        self._events.tell("checkout.session.expired", session)
        return session

    def pay_by_card(self, id: str, number: str) -> Thing:
        """Somebody pays an open checkout at its page, with one of CARDS. Raises Refused if it is declined."""
        card = CARDS[number]
        both = self.session(id)
        session, asked = both["session"], both["wishes"]
        customer = session["customer"]
        if customer is None and (session["customer_creation"] == "always" or asked["setup_future_usage"]):
            customer = new_id("cus")
            self.put(
                "customers",
                customer,
                {"id": customer, "object": "customer", "email": session["customer_email"], "livemode": False},
            )
        method = self._method(number, card, customer if asked["setup_future_usage"] else None)
        intent = self.intent(session["amount_total"], session["currency"], customer, asked)
        self.charge(intent, method, card.declined)
        session = self._change(
            id,
            status="complete",
            payment_status="paid",
            payment_intent=intent["id"],
            customer=customer,
            url=None,
        )
        self._events.tell("checkout.session.completed", session)
        return session

    def pay_by_bank(self, id: str) -> Thing:
        """Somebody lets the bank pay an open checkout, which takes days elsewhere."""
        session = self._change(id, status="complete", url=None)
        self._events.tell("checkout.session.completed", session)
        task = asyncio.get_running_loop().create_task(self._bank_pays(id))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return session

    async def _bank_pays(self, id: str) -> None:
        """A bank debit, which takes days elsewhere."""
        await asyncio.sleep(self._sky.seconds(self._sky.now.delivery_seconds))
        if self._sky.happens(self._sky.now.fail_share):
            session = self.books.sessions[id]["session"]
            self._events.tell("checkout.session.async_payment_failed", session)
        else:
            session = self._change(id, payment_status="paid")
            self._events.tell("checkout.session.async_payment_succeeded", session)

    # Payments and cards

    def intent(self, cents: int, currency: str, customer: str | None, asked: Thing) -> Thing:
        """A payment that nobody was asked for yet."""
        return {
            "id": new_id("pi"),
            "object": "payment_intent",
            "amount": cents,
            "amount_received": 0,
            "capture_method": "automatic_async",
            "confirmation_method": "automatic",
            "created": int(time.time()),
            "currency": currency.lower(),
            "customer": customer,
            "description": asked.get("description"),
            "last_payment_error": None,
            "livemode": False,
            "metadata": asked.get("metadata") or {},
            "payment_method": None,
            "payment_method_types": ["card"],
            "setup_future_usage": asked.get("setup_future_usage"),
            "status": "requires_payment_method",
        }

    def charge(self, intent: Thing, method: str, declined: str) -> Thing:
        """Ask the bank. Raises Refused if it says no; the intent stays, and says why."""
        if declined:
            code, message = _SAID[declined]
            error = {
                "type": "card_error",
                "code": code,
                "decline_code": declined,
                "message": message,
                "payment_method": self.books.methods.get(method),
            }
            intent |= {"last_payment_error": error, "status": "requires_payment_method"}
            self.put("intents", intent["id"], intent)
            self._events.tell("payment_intent.payment_failed", intent)
            raise Refused(402, "card_error", message, code=code, decline_code=declined, payment_intent=intent)
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "payment_method": method}
        self.put("intents", intent["id"], intent)
        self._events.tell("payment_intent.succeeded", intent)
        return intent

    def _method(self, number: str, card: TestCard, customer: str | None) -> str:
        id = new_id("pm")
        self.cards[id] = number
        self._journal.append("card", {"id": id, "number": number})
        details = {"brand": card.brand, "display_brand": card.brand, "last4": number[-4:]}
        self.put(
            "methods",
            id,
            {
                "id": id,
                "object": "payment_method",
                "type": "card",
                "card": {**details, "exp_month": 12, "exp_year": 2034},
                "customer": customer,
                "created": int(time.time()),
                "livemode": False,
            },
        )
        return id


def missing(what: str, id: str) -> Refused:
    """There is no such thing."""
    return Refused(404, "invalid_request_error", f"No such {what}: '{id}'", code="resource_missing")


def new_id(kind: str) -> str:
    """pi_…, cs_test_…"""
    return f"{kind}_{secrets.token_hex(12)}"
