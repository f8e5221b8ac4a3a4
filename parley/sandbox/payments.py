"""A payment provider that speaks as much of Stripe's API as buying texts needs, and takes nobody's money.

Checkout Sessions, PaymentIntents charged off session, the payment methods they keep, idempotency keys, and signed
webhooks that are tried again. https://docs.stripe.com/api (2026-10-28.endive), read 2026-11-25. The cards are Stripe's
own test cards: https://docs.stripe.com/testing.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from hmac import compare_digest
from pathlib import Path
from typing import Any

from parley.sandbox.account import PAYMENT_KEY
from parley.sandbox.changes import Changes
from parley.sandbox.control import Missing
from parley.sandbox.journal import Journal, Record
from parley.sandbox.payment_events import Events
from parley.sandbox.weather import Sky
from parley.sandbox.web import BadRequest, Request, Response, answer, reset

VERSION = "2026-10-28.endive"
SESSION_SECONDS = 24 * 3600
LISTED, MOST_LISTED = 10, 100
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
LEAST_CENTS = 50

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
class Kept:
    """What an idempotency key stands for: what was asked, and what was answered."""

    asked: str
    status: int
    body: Thing


@dataclass(slots=True)
class Books:
    """All there is, by id."""

    sessions: dict[str, Thing] = field(default_factory=dict)
    intents: dict[str, Thing] = field(default_factory=dict)
    customers: dict[str, Thing] = field(default_factory=dict)
    methods: dict[str, Thing] = field(default_factory=dict)
    keys: dict[str, Thing] = field(default_factory=dict)


class Payments:
    """The account's state, the API's handlers, and the doors of the sandbox's own checkout page."""

    def __init__(self, folder: Path, sky: Sky, events: Events, changes: Changes) -> None:
        """Raises journal.Busy and journal.Unreadable."""
        self._journal = Journal(folder)
        self._sky = sky
        self._events = events
        self._changes = changes
        self.books = Books()
        self._cards: dict[str, str] = {}
        self._later: set[asyncio.Task[None]] = set()
        self._journal.replay(self._recall)
        if self._journal.lines > 1000:
            self._journal.rewrite(self._records())

    def close(self) -> None:
        """After the last request."""
        for task in self._later:
            task.cancel()
        self._journal.close()

    # Memory

    def _recall(self, record: Record) -> None:
        kind = record.pop("k")
        if kind == "card":
            self._cards[record["id"]] = record["number"]
        else:
            getattr(self.books, kind)[record.pop("name")] = record["thing"]

    def _records(self) -> Iterator[tuple[str, Record]]:
        for kind, things in asdict(self.books).items():
            for name, thing in things.items():
                yield kind, {"name": name, "thing": thing}
        for id, number in self._cards.items():
            yield "card", {"id": id, "number": number}

    def _put(self, kind: str, name: str, thing: Thing) -> Thing:
        getattr(self.books, kind)[name] = thing
        self._journal.append(kind, {"name": name, "thing": thing})
        self._changes.tell("payments")
        return thing

    # The API

    def api(self, act: Callable[..., Thing]) -> Callable[..., Any]:
        """A handler of the API: the account's key, the weather, one answer for one idempotency key."""

        async def handler(request: Request, **names: str) -> Response:
            try:
                return await self._under_sky(act, request, names)
            except Refused as refused:
                return answer(refused.body, refused.status, _id())
            except BadRequest as error:
                return answer({"error": {"type": "invalid_request_error", "message": str(error)}}, 400, _id())

        return handler

    async def _under_sky(
        self, act: Callable[..., Thing], request: Request, names: dict[str, str]
    ) -> Response:
        if self._sky.now.down == "close":
            reset(request.scope)
            return Response(503)
        if self._sky.now.down:
            raise Refused(503, "api_error", "The provider is down.")
        _authorise(request)
        fault = self._sky.fault() if request.method == "POST" else "none"
        if fault == "rate_limit":
            raise Refused(429, "invalid_request_error", "Too many requests.", code="rate_limit")
        if fault == "error_before":
            raise Refused(500, "api_error", "Something went wrong; nothing was done.")
        if fault == "hang":
            await asyncio.sleep(self._sky.now.hang_seconds)
            reset(request.scope)
            return Response(500)
        if fault == "slow":
            await asyncio.sleep(self._sky.seconds(self._sky.now.slow_seconds))
        response = self._once(act, request, names)
        if fault == "error_after":
            raise Refused(500, "api_error", "Something went wrong.")
        if fault == "reset_after":
            reset(request.scope)
        if fault == "garbage":
            return Response(200, b"<html><body><h1>It works!</h1></body></html>", b"text/html")
        return response

    def _once(self, act: Callable[..., Thing], request: Request, names: dict[str, str]) -> Response:
        """https://docs.stripe.com/api/idempotent_requests: what was refused as unreadable is not kept."""
        key = (request.header(b"idempotency-key") or b"").decode("latin-1")
        if request.method != "POST" or not key:
            return answer(act(request, **names), headers=_id())
        asked = hashlib.sha256(f"{request.path}\n".encode() + request.body).hexdigest()
        if known := self.books.keys.get(key):
            if known["asked"] != asked:
                raise Refused(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters they were "
                    "first used with.",
                )
            return answer(known["body"], known["status"], (*_id(), (b"idempotent-replayed", b"true")))
        try:
            status, body = 200, act(request, **names)
        except Refused as refused:
            if refused.status != 402:
                raise
            status, body = refused.status, refused.body
        self._put("keys", key, asdict(Kept(asked, status, body)))
        return answer(body, status, _id())

    def create_session(self, request: Request) -> Thing:
        """POST /v1/checkout/sessions"""
        asked = nested(request)
        _no_types(asked)
        if asked.get("mode") != "payment":
            raise BadRequest("mode: only payment is known here")
        item = (asked.get("line_items") or {}).get("0") or {}
        price = item.get("price_data") or {}
        cents = _cents(price.get("unit_amount")) * int(item.get("quantity") or 1)
        customer = asked.get("customer")
        if customer and customer not in self.books.customers:
            raise _missing("customer", customer)
        if not asked.get("success_url"):
            raise BadRequest("success_url is missing")
        payment = asked.get("payment_intent_data") or {}
        id = _new("cs_test")
        now = int(time.time())
        session = {
            "id": id,
            "object": "checkout.session",
            "amount_subtotal": cents,
            "amount_total": cents,
            "allowed_payment_method_types": _listed(asked.get("allowed_payment_method_types")),
            "cancel_url": asked.get("cancel_url"),
            "client_reference_id": asked.get("client_reference_id"),
            "created": now,
            "currency": str(price.get("currency", "")).lower(),
            "customer": customer,
            "customer_creation": asked.get("customer_creation", "if_required"),
            "customer_details": None,
            "customer_email": asked.get("customer_email"),
            "expires_at": now + SESSION_SECONDS,
            "livemode": False,
            "metadata": asked.get("metadata") or {},
            "mode": "payment",
            "payment_intent": None,
            "payment_method_types": _listed(asked.get("allowed_payment_method_types"))
            or ["card", "us_bank_account"],
            "payment_status": "unpaid",
            "status": "open",
            "success_url": asked["success_url"],
            "ui_mode": "hosted_page",
            "url": f"{request.origin}/pay/{id}",
        }
        wishes = {
            "name": (price.get("product_data") or {}).get("name") or "",
            "metadata": payment.get("metadata") or {},
            "description": payment.get("description"),
            "setup_future_usage": payment.get("setup_future_usage"),
        }
        self._put("sessions", id, {"session": session, "wishes": wishes})
        return session

    def read_session(self, request: Request, id: str) -> Thing:
        """GET /v1/checkout/sessions/{id}?expand[]=payment_intent.payment_method"""
        session: Thing = dict(self._session(id)["session"])
        wanted = {value for key, value in request.query.items() if key.startswith("expand")}
        if session["payment_intent"] and any(one.startswith("payment_intent") for one in wanted):
            intent = dict(self.books.intents[session["payment_intent"]])
            if "payment_intent.payment_method" in wanted and intent["payment_method"]:
                intent["payment_method"] = self.books.methods[intent["payment_method"]]
            session["payment_intent"] = intent
        return session

    def list_sessions(self, request: Request) -> Thing:
        """GET /v1/checkout/sessions"""
        return self._list(request, [one["session"] for one in self.books.sessions.values()])

    def expire_session(self, request: Request, id: str) -> Thing:
        """POST /v1/checkout/sessions/{id}/expire"""
        if self._session(id)["session"]["status"] != "open":
            raise BadRequest('Only Checkout Sessions with a status in ["open"] can be expired.')
        return self._expire(id)

    def create_intent(self, request: Request) -> Thing:
        """POST /v1/payment_intents: charged at once, off session, or not at all."""
        asked = nested(request)
        _no_types(asked)
        cents = _cents(asked.get("amount"))
        if asked.get("confirm") != "true" or asked.get("off_session") != "true":
            raise BadRequest("only what is confirmed at once and off session is known here")
        customer, method = asked.get("customer", ""), asked.get("payment_method", "")
        if customer not in self.books.customers:
            raise _missing("customer", customer)
        if method not in self.books.methods:
            raise _missing("PaymentMethod", method)
        if self.books.methods[method]["customer"] != customer:
            raise BadRequest("The payment method does not belong to the Customer you supplied.")
        return self._charge(
            self._intent(cents, str(asked.get("currency", "")), customer, asked),
            method,
            CARDS[self._cards[method]].declined_later,
        )

    def read_intent(self, request: Request, id: str) -> Thing:
        """GET /v1/payment_intents/{id}"""
        if id not in self.books.intents:
            raise _missing("payment_intent", id)
        return self.books.intents[id]

    def list_intents(self, request: Request) -> Thing:
        """GET /v1/payment_intents?customer=…&created[gte]=…"""
        customer = request.query.get("customer")
        since = int(request.query.get("created[gte]", "0"))
        return self._list(
            request,
            [
                intent
                for intent in self.books.intents.values()
                if intent["created"] >= since and customer in (None, intent["customer"])
            ],
        )

    def read_customer(self, request: Request, id: str) -> Thing:
        """GET /v1/customers/{id}"""
        if id not in self.books.customers:
            raise _missing("customer", id)
        return self.books.customers[id]

    def read_method(self, request: Request, id: str) -> Thing:
        """GET /v1/payment_methods/{id}"""
        if id not in self.books.methods:
            raise _missing("PaymentMethod", id)
        return self.books.methods[id]

    def detach(self, request: Request, id: str) -> Thing:
        """POST /v1/payment_methods/{id}/detach"""
        method = self.read_method(request, id)
        if method["customer"] is None:
            raise BadRequest("The payment method you provided is not attached to a customer.")
        return self._put("methods", id, {**method, "customer": None})

    def _list(self, request: Request, things: list[Thing]) -> Thing:
        limit = request.query.get("limit", str(LISTED))
        if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit) <= MOST_LISTED):
            raise BadRequest(f"limit must be from 1 to {MOST_LISTED}")
        newest = things[::-1]
        if after := request.query.get("starting_after"):
            places = [place for place, thing in enumerate(newest) if thing["id"] == after]
            if not places:
                raise _missing("object", after)
            newest = newest[places[0] + 1 :]
        return {
            "object": "list",
            "data": newest[: int(limit)],
            "has_more": len(newest) > int(limit),
            "url": request.path,
        }

    # What happens to money

    def _session(self, id: str) -> Thing:
        if id not in self.books.sessions:
            raise _missing("checkout.session", id)
        both: Thing = self.books.sessions[id]
        session = both["session"]
        if session["status"] == "open" and session["expires_at"] <= time.time():
            self._expire(id)
        return both

    def _change_session(self, id: str, **facts: Any) -> Thing:
        both = self.books.sessions[id]
        session: Thing = {**both["session"], **facts}
        self._put("sessions", id, {**both, "session": session})
        return session

    def _expire(self, id: str) -> Thing:
        session = self._change_session(id, status="expired", url=None)
        self._events.tell("checkout.session.expired", session)
        return session

    def _intent(self, cents: int, currency: str, customer: str | None, asked: Thing) -> Thing:
        return {
            "id": _new("pi"),
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

    def _charge(self, intent: Thing, method: str, declined: str) -> Thing:
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
            self._put("intents", intent["id"], intent)
            self._events.tell("payment_intent.payment_failed", intent)
            raise Refused(402, "card_error", message, code=code, decline_code=declined, payment_intent=intent)
        intent |= {"status": "succeeded", "amount_received": intent["amount"], "payment_method": method}
        self._put("intents", intent["id"], intent)
        self._events.tell("payment_intent.succeeded", intent)
        return intent

    # The sandbox's own doors

    def truth(self, request: Request) -> Response:
        """GET /sandbox/payments: everything that was paid, declined, left; and every event with its deliveries."""
        return answer(
            {
                "sessions": [one["session"] for one in self.books.sessions.values()],
                "payment_intents": list(self.books.intents.values()),
                "payment_methods": list(self.books.methods.values()),
                "webhook_url": self._events.url,
                "events": self._events.as_list(),
            }
        )

    def set_up(self, request: Request) -> Response:
        """PUT /sandbox/payments {webhook_url}: where events are told."""
        wishes = request.json()
        url = wishes.get("webhook_url")
        if set(wishes) != {"webhook_url"} or not (url is None or isinstance(url, str)):
            raise BadRequest("give webhook_url: an address, or null")
        self._events.url = url
        return answer({"webhook_url": url})

    def tell_again(self, request: Request, id: str) -> Response:
        """POST /sandbox/payments/events/{id}/again: the same event once more, as happens."""
        if not self._events.again(id):
            raise Missing("no such event")
        return answer({"id": id}, 202)

    def show(self, request: Request, id: str) -> Response:
        """GET /sandbox/payments/{id}: what the checkout page shows."""
        both = self._found(id)
        session, wishes = both["session"], both["wishes"]
        return answer(
            {
                "name": wishes["name"],
                "description": wishes["description"],
                "cents": session["amount_total"],
                "currency": session["currency"],
                "status": session["status"],
                "keeps": bool(wishes["setup_future_usage"]),
                "bank": "us_bank_account" in session["payment_method_types"],
                "cancel_url": session["cancel_url"],
                "success_url": session["success_url"],
            }
        )

    def pay(self, request: Request, id: str) -> Response:
        """POST /sandbox/payments/{id}/pay {card} or {bank: true}: what a person does on the page."""
        both, wishes = self._found(id), request.json()
        session, asked = both["session"], both["wishes"]
        if session["status"] != "open":
            raise BadRequest("This page was paid already, or is too old.")
        if wishes.get("bank") and "us_bank_account" in session["payment_method_types"]:
            session = self._change_session(id, status="complete", url=None)
            self._events.tell("checkout.session.completed", session)
            self._start(self._bank_pays(id))
            return answer({"next": session["success_url"]})
        number = "".join(str(wishes.get("card", "")).split())
        card = CARDS.get(number)
        if card is None:
            raise BadRequest(f"This page knows only these cards: {', '.join(CARDS)}")
        customer = session["customer"]
        if customer is None and (session["customer_creation"] == "always" or asked["setup_future_usage"]):
            customer = _new("cus")
            self._put(
                "customers",
                customer,
                {"id": customer, "object": "customer", "email": session["customer_email"], "livemode": False},
            )
        method = self._method(number, card, customer if asked["setup_future_usage"] else None)
        intent = self._intent(session["amount_total"], session["currency"], customer, asked)
        try:
            self._charge(intent, method, card.declined)
        except Refused as refused:
            return answer({"error": str(refused)}, 402)
        session = self._change_session(
            id,
            status="complete",
            payment_status="paid",
            payment_intent=intent["id"],
            customer=customer,
            url=None,
        )
        self._events.tell("checkout.session.completed", session)
        return answer({"next": session["success_url"]})

    def _method(self, number: str, card: TestCard, customer: str | None) -> str:
        id = _new("pm")
        self._cards[id] = number
        self._journal.append("card", {"id": id, "number": number})
        details = {"brand": card.brand, "display_brand": card.brand, "last4": number[-4:]}
        self._put(
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

    async def _bank_pays(self, id: str) -> None:
        """A bank debit, which takes days elsewhere."""
        await asyncio.sleep(self._sky.seconds(self._sky.now.delivery_seconds))
        if self._sky.happens(self._sky.now.fail_share):
            session = self.books.sessions[id]["session"]
            self._events.tell("checkout.session.async_payment_failed", session)
        else:
            session = self._change_session(id, payment_status="paid")
            self._events.tell("checkout.session.async_payment_succeeded", session)

    def _start(self, later: Any) -> None:
        task = asyncio.get_running_loop().create_task(later)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _found(self, id: str) -> Thing:
        try:
            return self._session(id)
        except Refused as refused:
            raise Missing(str(refused)) from None


def nested(request: Request) -> Thing:
    """A form's a[b][0][c]=d as dicts within dicts; a list's places are keys. Raises BadRequest."""
    whole: Thing = {}
    for key, values in request.form.items():
        *path, last = key.replace("]", "").split("[")
        place = whole
        for step in path:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise BadRequest(f"{key} is both a value and a group")
        place[last] = values[-1]
    return whole


def _listed(value: Any) -> list[str]:
    return list(value.values()) if isinstance(value, dict) else []


def _no_types(asked: Thing) -> None:
    """https://docs.stripe.com/changelog/endive/2026-09-30"""
    if "payment_method_types" in asked:
        raise Refused(
            400,
            "invalid_request_error",
            "payment_method_types is no longer supported. Use allowed_payment_method_types.",
            code="payment_method_types_no_longer_supported",
        )


def _cents(value: Any) -> int:
    text = str(value or "")
    if not (text.isascii() and text.isdecimal() and LEAST_CENTS <= int(text) <= 99_999_999):
        raise Refused(
            400,
            "invalid_request_error",
            f"The amount must be at least {LEAST_CENTS}.",
            code="amount_too_small",
        )
    return int(text)


def _missing(what: str, id: str) -> Refused:
    return Refused(404, "invalid_request_error", f"No such {what}: '{id}'", code="resource_missing")


def _authorise(request: Request) -> None:
    header = request.header(b"authorization") or b""
    if not compare_digest(header, f"Bearer {PAYMENT_KEY}".encode()):
        raise Refused(401, "invalid_request_error", "Invalid API Key provided.")


def _new(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"


def _id() -> tuple[tuple[bytes, bytes], ...]:
    return ((b"request-id", _new("req").encode()), (b"stripe-version", VERSION.encode()))
