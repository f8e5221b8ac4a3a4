"""Stripe: its Checkout page for whoever buys, its PaymentIntents for what is bought by itself.

https://docs.stripe.com/payments/checkout, https://docs.stripe.com/payments/save-and-reuse,
https://docs.stripe.com/webhooks and https://docs.stripe.com/api/idempotent_requests, read 2026-11-25.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import stripe
from stripe import StripeClient

from parley.quota.models import Order
from parley.quota.payments import (
    BadEvent,
    Card,
    Checkout,
    Closed,
    Declined,
    Doubt,
    Paid,
    PaymentEvent,
    Unavailable,
)

log = logging.getLogger(__name__)

STRIPE = "https://api.stripe.com"
CURRENCY = "usd"
# Seconds to connect and to wait for the next byte: somebody is looking at the page meanwhile.
TIMEOUT = (5.0, 10.0)
# A POST is tried once more by the library itself, with the same idempotency key.
RETRIES = 1
# How old a webhook's signature may be; Stripe signs each attempt anew. https://docs.stripe.com/webhooks#replay-attacks
TOLERANCE = 300
# Stripe's clock may be behind ours.
CLOCKS_APART = timedelta(minutes=5)

_NOT_REACHED = "Stripe, which takes the payments, could not be reached just now. Try again in a minute."
_NO_ANSWER = "Stripe gave no clear answer: the card may or may not have been charged."
_CONFIRM = "The bank wants the cardholder to confirm the payment, so it has to be made by hand."
_CARD_GONE = "Stripe does not have this card any more."
_CLOSED = "This payment page cannot be used any more. Choose a pack and start again."

# Stripe's own words for a refused card are English and meant for the cardholder; these say what to do as well.
# https://docs.stripe.com/declines/codes, reviewed 2026-11-25.
_WORDS = {
    "authentication_required": _CONFIRM,
    "expired_card": "The card has expired.",
    "insufficient_funds": "There was not enough money for it.",
    "card_declined": "The bank declined the card.",
}


class Stripe:
    """`payments.Provider` for one Stripe account. `url` is Stripe's own, or the sandbox's."""

    name = "Stripe"

    def __init__(self, key: str, webhook_secret: str, url: str) -> None:
        stripe.enable_telemetry = False
        outside = url == STRIPE
        self._secret = webhook_secret
        self.pages = "https://checkout.stripe.com" if outside else url
        self._stripe = StripeClient(
            key,
            base_addresses={"api": url},
            max_network_retries=RETRIES,
            http_client=stripe.RequestsClient(
                timeout=TIMEOUT,
                # What is on this machine is not reached through a proxy.
                proxy=None if outside else {"http": "", "https": ""},
            ),
        ).v1

    def checkout(
        self, order: Order, *, success_url: str, cancel_url: str, customer: str, email: str
    ) -> Checkout:
        """See Provider. Whoever keeps no card leaves no customer at Stripe."""
        try:
            if order.provider_id:
                known = self._stripe.checkout.sessions.retrieve(order.provider_id)
                if known.status != "open" or not known.url:
                    raise Closed(_CLOSED)
                return Checkout(known.id, known.url)
            asked: dict[str, Any] = {
                "mode": "payment",
                # An order has one price, in one currency: it is compared with what was paid.
                "adaptive_pricing": {"enabled": False},
                "client_reference_id": str(order.pk),
                "metadata": _marks(order),
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": CURRENCY,
                            "unit_amount": order.cents,
                            "product_data": {"name": f"{order.texts:,} texts"},
                        },
                    }
                ],
                "payment_intent_data": {"metadata": _marks(order), "description": _description(order)},
                "success_url": success_url,
                "cancel_url": cancel_url,
            }
            if order.keep_card:
                # Only a card can be charged later without its owner.
                asked["allowed_payment_method_types"] = ["card"]
                asked["payment_intent_data"]["setup_future_usage"] = "off_session"
                if customer:
                    asked["customer"] = customer
                else:
                    asked |= {"customer_creation": "always", "customer_email": email}
            else:
                asked["customer_email"] = email
            opened = self._stripe.checkout.sessions.create(asked, _once(order))  # type: ignore[arg-type]
        except stripe.IdempotencyError:
            raise Closed(_CLOSED) from None
        except stripe.StripeError as error:
            _tell_operator(error)
            raise Unavailable(_NOT_REACHED) from None
        if not opened.url:
            raise Closed(_CLOSED)
        return Checkout(opened.id, opened.url)

    def charge(self, order: Order, customer: str, card: str) -> Paid | Declined | Doubt:
        """See Provider."""
        try:
            intent = self._stripe.payment_intents.create(
                {
                    "amount": order.cents,
                    "currency": CURRENCY,
                    "customer": customer,
                    "payment_method": card,
                    "allowed_payment_method_types": ["card"],
                    "off_session": True,
                    "confirm": True,
                    "description": _description(order),
                    "metadata": _marks(order),
                },
                _once(order),
            )
        except stripe.CardError as error:
            return Declined(_intent_id(error), _why(error.code, _decline_code(error)))
        except stripe.IdempotencyError:
            # The card was another one when it was first asked for.
            return Doubt(_NO_ANSWER)
        except stripe.InvalidRequestError as error:
            _tell_operator(error)
            return Declined("", _CARD_GONE)
        except stripe.StripeError as error:
            _tell_operator(error)
            return Doubt(_NO_ANSWER)
        return _outcome(intent.to_dict()) or Doubt(_NO_ANSWER)

    def find_charge(self, order: Order, customer: str) -> Paid | Declined | None:
        """See Provider. The list, unlike Stripe's search, shows a payment as soon as it is made."""
        since = int((order.created_at - CLOCKS_APART).timestamp())
        try:
            found = self._stripe.payment_intents.list(
                {"customer": customer, "created": {"gte": since}, "limit": 100}
            )
            for intent in found.auto_paging_iter():
                plain = intent.to_dict()
                if (plain.get("metadata") or {}).get("order") == str(order.pk):
                    if outcome := _outcome(plain):
                        return outcome
                    raise Unavailable(_NO_ANSWER)
        except stripe.StripeError as error:
            _tell_operator(error)
            raise Unavailable(_NOT_REACHED) from None
        return None

    def look(self, order: Order) -> PaymentEvent | None:
        """See Provider."""
        try:
            session = self._stripe.checkout.sessions.retrieve(order.provider_id).to_dict()
        except stripe.StripeError as error:
            _tell_operator(error)
            raise Unavailable(_NOT_REACHED) from None
        if session.get("status") == "expired":
            return _session_event("expired", session)
        if session.get("status") != "complete":
            return None
        return _session_event("paid" if session.get("payment_status") == "paid" else "pending", session)

    def read(self, headers: Mapping[str, str], body: bytes) -> PaymentEvent | None:
        """See Provider."""
        try:
            stripe.WebhookSignature.verify_header(
                body, headers.get("Stripe-Signature"), self._secret, TOLERANCE
            )
            event = json.loads(body)
            kind, about = event["type"], event["data"]["object"]
            return _event(kind, about) if _is_ours(about) else None
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadEvent(type(error).__name__) from None

    def kept_card(self, order: Order) -> Card | None:
        """See Provider."""
        try:
            session = self._stripe.checkout.sessions.retrieve(
                order.provider_id, {"expand": ["payment_intent.payment_method"]}
            ).to_dict()
        except stripe.StripeError as error:
            _tell_operator(error)
            raise Unavailable(_NOT_REACHED) from None
        method = (session.get("payment_intent") or {}).get("payment_method") or {}
        card, customer = method.get("card"), method.get("customer")
        if not (card and customer):
            return None
        brand = str(card.get("display_brand") or card.get("brand") or "card").replace("_", " ")
        words = f"{brand[:1].upper()}{brand[1:]} ending in {card.get('last4', '')}"
        return Card(str(customer), str(method["id"]), words[:60])

    def forget_card(self, card: str) -> None:
        """See Provider."""
        try:
            self._stripe.payment_methods.detach(card)
        except stripe.InvalidRequestError:
            # Unknown, or detached already.
            return
        except stripe.StripeError as error:
            _tell_operator(error)
            raise Unavailable(_NOT_REACHED) from None


def _once(order: Order) -> Any:
    return {"idempotency_key": str(order.pk)}


def _marks(order: Order) -> dict[str, str]:
    """What comes back with every event of the order. `how` tells a reload's payment from a checkout's own."""
    return {
        "order": str(order.pk),
        "business": str(order.business_id),
        "how": "reload" if order.automatic else "checkout",
    }


def _description(order: Order) -> str:
    return f"{order.texts:,} texts for {order.business.name}"


def _is_ours(about: Mapping[str, Any]) -> bool:
    """A Stripe account may take money for other things too."""
    return {"order", "business"} <= set(about.get("metadata") or {})


def _event(kind: str, about: Mapping[str, Any]) -> PaymentEvent | None:
    reload = about["metadata"].get("how") == "reload"
    match kind:
        case "checkout.session.completed":
            return _session_event("paid" if about["payment_status"] == "paid" else "pending", about)
        case "checkout.session.async_payment_succeeded":
            return _session_event("paid", about)
        case "checkout.session.async_payment_failed":
            return _session_event("failed", about, "The bank did not pay.")
        case "checkout.session.expired":
            return _session_event("expired", about)
        # A checkout's own payment may fail, with one card and another, until it is paid: that page says so itself.
        case "payment_intent.succeeded" if reload:
            return _intent_event("paid", about)
        case "payment_intent.payment_failed" if reload:
            error = about.get("last_payment_error") or {}
            return _intent_event("failed", about, _why(error.get("code"), error.get("decline_code")))
    return None


def _session_event(became: Any, session: Mapping[str, Any], words: str = "") -> PaymentEvent:
    return _payment_event(became, session, session["amount_total"], words)


def _intent_event(became: Any, intent: Mapping[str, Any], words: str = "") -> PaymentEvent:
    cents = intent["amount_received"] if became == "paid" else intent["amount"]
    return _payment_event(became, intent, cents, words)


def _payment_event(became: Any, about: Mapping[str, Any], cents: int, words: str) -> PaymentEvent:
    marks = about["metadata"]
    return PaymentEvent(
        became=became,
        business=uuid.UUID(marks["business"]),
        order=uuid.UUID(marks["order"]),
        payment=about["id"],
        cents=cents,
        currency=about["currency"],
        words=words,
    )


def _outcome(intent: Mapping[str, Any]) -> Paid | Declined | None:
    """https://docs.stripe.com/payments/paymentintents/lifecycle; None while it may still become either."""
    status = intent.get("status")
    if status == "succeeded":
        return Paid(intent["id"], intent["amount_received"], intent["currency"])
    if status in ("requires_action", "requires_confirmation"):
        return Declined(intent["id"], _CONFIRM)
    if status in ("requires_payment_method", "canceled"):
        error = intent.get("last_payment_error") or {}
        return Declined(intent["id"], _why(error.get("code"), error.get("decline_code")))
    return None


def _why(code: Any, decline_code: Any) -> str:
    return _WORDS.get(str(decline_code)) or _WORDS.get(str(code)) or _WORDS["card_declined"]


def _decline_code(error: stripe.CardError) -> Any:
    return error.error.decline_code if error.error else None


def _intent_id(error: stripe.CardError) -> str:
    intent = error.error.payment_intent if error.error else None
    return intent.id if intent else ""


def _tell_operator(error: stripe.StripeError) -> None:
    # Never its words: they may quote what was asked, and a part of the key.
    log.error("Stripe: %s %s %s", type(error).__name__, error.http_status or "", error.code or "")
