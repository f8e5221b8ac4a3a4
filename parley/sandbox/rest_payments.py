"""As much of Stripe's API as buying texts needs: Checkout Sessions, PaymentIntents charged off session, kept cards.

https://docs.stripe.com/api (2026-10-28.endive) and https://docs.stripe.com/api/idempotent_requests, read 2026-11-25.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hmac import compare_digest
from typing import Any

from parley.sandbox.account import PAYMENT_KEY
from parley.sandbox.money import CARDS, Money, Refused, Thing, missing, new_id
from parley.sandbox.rest import whole_number
from parley.sandbox.weather import Sky
from parley.sandbox.web import BadRequest, Request, Response, Routes, answer, reset

VERSION = "2026-10-28.endive"
SESSION_SECONDS = 24 * 3600
LISTED, MOST_LISTED = 10, 100
# https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
LEAST_CENTS = 50


@dataclass(slots=True)
class Kept:
    """What an idempotency key stands for: what was asked, and what was answered."""

    asked: str
    status: int
    body: Thing


class PaymentsApi:
    """The handlers."""

    def __init__(self, money: Money, sky: Sky) -> None:
        self._money = money
        self._books = money.books
        self._sky = sky

    def add_to(self, routes: Routes) -> None:
        """Its addresses."""
        api = self._api
        routes.add("/v1/checkout/sessions", POST=api(self.create_session), GET=api(self.list_sessions))
        routes.add("/v1/checkout/sessions/{id}", GET=api(self.read_session))
        routes.add("/v1/checkout/sessions/{id}/expire", POST=api(self.expire_session))
        routes.add("/v1/payment_intents", POST=api(self.create_intent), GET=api(self.list_intents))
        routes.add("/v1/payment_intents/{id}", GET=api(self.read_intent))
        routes.add("/v1/customers/{id}", GET=api(self.read_customer))
        routes.add("/v1/payment_methods/{id}", GET=api(self.read_method))
        routes.add("/v1/payment_methods/{id}/detach", POST=api(self.detach))

    def _api(self, act: Callable[..., Thing]) -> Callable[..., Any]:
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
        if known := self._books.keys.get(key):
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
        self._money.put("keys", key, asdict(Kept(asked, status, body)))
        return answer(body, status, _id())

    def create_session(self, request: Request) -> Thing:
        """POST /v1/checkout/sessions"""
        asked = nested(request)
        _no_types(asked)
        if asked.get("mode") != "payment":
            raise BadRequest("mode: only payment is known here")
        item = (asked.get("line_items") or {}).get("0") or {}
        price = item.get("price_data") or {}
        cents = _cents(price.get("unit_amount")) * (whole_number(str(item.get("quantity"))) or 1)
        customer = asked.get("customer")
        if customer and customer not in self._books.customers:
            raise missing("customer", customer)
        if not asked.get("success_url"):
            raise BadRequest("success_url is missing")
        payment = asked.get("payment_intent_data") or {}
        id = new_id("cs_test")
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
        self._money.put("sessions", id, {"session": session, "wishes": wishes})
        return session

    def read_session(self, request: Request, id: str) -> Thing:
        """GET /v1/checkout/sessions/{id}?expand[]=payment_intent.payment_method"""
        session: Thing = dict(self._money.session(id)["session"])
        wanted = {value for key, value in request.query.items() if key.startswith("expand")}
        if session["payment_intent"] and any(one.startswith("payment_intent") for one in wanted):
            intent = dict(self._books.intents[session["payment_intent"]])
            if "payment_intent.payment_method" in wanted and intent["payment_method"]:
                intent["payment_method"] = self._books.methods[intent["payment_method"]]
            session["payment_intent"] = intent
        return session

    def list_sessions(self, request: Request) -> Thing:
        """GET /v1/checkout/sessions"""
        return self._list(request, [one["session"] for one in self._books.sessions.values()])

    def expire_session(self, request: Request, id: str) -> Thing:
        """POST /v1/checkout/sessions/{id}/expire"""
        if self._money.session(id)["session"]["status"] != "open":
            raise BadRequest('Only Checkout Sessions with a status in ["open"] can be expired.')
        return self._money.expire(id)

    def create_intent(self, request: Request) -> Thing:
        """POST /v1/payment_intents: charged at once, off session, or not at all."""
        asked = nested(request)
        _no_types(asked)
        cents = _cents(asked.get("amount"))
        if asked.get("confirm") != "true" or asked.get("off_session") != "true":
            raise BadRequest("only what is confirmed at once and off session is known here")
        customer, method = asked.get("customer", ""), asked.get("payment_method", "")
        if customer not in self._books.customers:
            raise missing("customer", customer)
        if method not in self._books.methods:
            raise missing("PaymentMethod", method)
        if self._books.methods[method]["customer"] != customer:
            raise BadRequest("The payment method does not belong to the Customer you supplied.")
        return self._money.charge(
            self._money.intent(cents, str(asked.get("currency", "")), customer, asked),
            method,
            CARDS[self._money.cards[method]].declined_later,
        )

    def read_intent(self, request: Request, id: str) -> Thing:
        """GET /v1/payment_intents/{id}"""
        if id not in self._books.intents:
            raise missing("payment_intent", id)
        return self._books.intents[id]

    def list_intents(self, request: Request) -> Thing:
        """GET /v1/payment_intents?customer=…&created[gte]=…"""
        customer = request.query.get("customer")
        since = request.query.get("created[gte]", "0")
        if not (since.isascii() and since.isdecimal()):
            raise BadRequest("created[gte] must be seconds since 1970")
        return self._list(
            request,
            [
                intent
                for intent in self._books.intents.values()
                if intent["created"] >= int(since) and customer in (None, intent["customer"])
            ],
        )

    def read_customer(self, request: Request, id: str) -> Thing:
        """GET /v1/customers/{id}"""
        if id not in self._books.customers:
            raise missing("customer", id)
        return self._books.customers[id]

    def read_method(self, request: Request, id: str) -> Thing:
        """GET /v1/payment_methods/{id}"""
        if id not in self._books.methods:
            raise missing("PaymentMethod", id)
        return self._books.methods[id]

    def detach(self, request: Request, id: str) -> Thing:
        """POST /v1/payment_methods/{id}/detach"""
        method = self.read_method(request, id)
        if method["customer"] is None:
            raise BadRequest("The payment method you provided is not attached to a customer.")
        return self._money.put("methods", id, {**method, "customer": None})

    def _list(self, request: Request, things: list[Thing]) -> Thing:
        limit = request.query.get("limit", str(LISTED))
        if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit) <= MOST_LISTED):
            raise BadRequest(f"limit must be from 1 to {MOST_LISTED}")
        newest = things[::-1]
        if after := request.query.get("starting_after"):
            places = [place for place, thing in enumerate(newest) if thing["id"] == after]
            if not places:
                raise missing("object", after)
            newest = newest[places[0] + 1 :]
        return {
            "object": "list",
            "data": newest[: int(limit)],
            "has_more": len(newest) > int(limit),
            "url": request.path,
        }


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


def _authorise(request: Request) -> None:
    header = request.header(b"authorization") or b""
    if not compare_digest(header, f"Bearer {PAYMENT_KEY}".encode()):
        raise Refused(401, "invalid_request_error", "Invalid API Key provided.")


def _id() -> tuple[tuple[bytes, bytes], ...]:
    return ((b"request-id", new_id("req").encode()), (b"stripe-version", VERSION.encode()))
