"""Stripe's own library against the pretend provider: what it is answered, and what it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from parley.sandbox.account import PAYMENT_KEY, WEBHOOK_SECRET
from tests.sandbox.conftest import Sandbox, wait_for

ORDER = {"order": "o-1", "business": "b-1"}


def library(sandbox: Sandbox, key: str = PAYMENT_KEY) -> Any:
    return stripe.StripeClient(key, base_addresses={"api": sandbox.url}).v1


def checkout(**more: Any) -> Any:
    return {
        "mode": "payment",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "usd",
                    "unit_amount": 2_800,
                    "product_data": {"name": "1,000 texts"},
                },
            }
        ],
        "metadata": ORDER,
        "payment_intent_data": {"metadata": ORDER},
        "success_url": "http://localhost:1/paid",
        "cancel_url": "http://localhost:1/left",
        **more,
    }


def pay(sandbox: Sandbox, session: Any, **how: Any) -> Any:
    return sandbox.own("POST", f"payments/{session.id}/pay", how)


@pytest.fixture
def told(sandbox: Sandbox) -> Iterator[list[Any]]:
    """The events that were told, each checked by the library; the first attempt of each is answered 500."""
    events: list[Any] = []
    refused: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            event = stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], WEBHOOK_SECRET)
            again = event.id in refused
            refused.add(event.id)
            if again:
                events.append(event)
            self.send_response(200 if again else 500)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sandbox.own("PUT", "payments", {"webhook_url": f"http://127.0.0.1:{server.server_port}/payments"})
    yield events
    sandbox.own("PUT", "payments", {"webhook_url": None})
    server.shutdown()
    server.server_close()


def test_a_checkout_is_paid_and_its_card_is_charged_later(sandbox: Sandbox, told: list[Any]) -> None:
    api = library(sandbox)
    once = {"idempotency_key": "first"}
    asked = checkout(
        customer_creation="always",
        allowed_payment_method_types=["card"],
        payment_intent_data={"metadata": ORDER, "setup_future_usage": "off_session"},
    )
    session = api.checkout.sessions.create(asked, once)
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 2_800)
    assert api.checkout.sessions.create(asked, once).id == session.id, "the same key is the same session"
    with pytest.raises(stripe.IdempotencyError):
        api.checkout.sessions.create({**asked, "client_reference_id": "other"}, once)
    assert sandbox.http.get(session.url, timeout=5).status_code == 200

    assert pay(sandbox, session, card="4000 0000 0000 0002").json() == {"error": "Your card was declined."}
    assert pay(sandbox, session, card="1234").status_code == 400
    assert pay(sandbox, session, card="4242 4242 4242 4242").json() == {"next": "http://localhost:1/paid"}
    assert pay(sandbox, session, card="4242 4242 4242 4242").status_code == 400, "it is paid once"
    paid = api.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.payment_method"]})
    method = paid.payment_intent.payment_method
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert (method.card.last4, method.customer) == ("4242", paid.customer)

    charge = {
        "amount": 1_500,
        "currency": "usd",
        "customer": paid.customer,
        "payment_method": method.id,
        "off_session": True,
        "confirm": True,
        "metadata": ORDER,
    }
    first = api.payment_intents.create(charge, {"idempotency_key": "reload"})
    assert first.status == "succeeded"
    assert api.payment_intents.create(charge, {"idempotency_key": "reload"}).id == first.id
    with pytest.raises(stripe.InvalidRequestError) as no_longer:
        api.payment_intents.create({**charge, "payment_method_types": ["card"]})
    assert no_longer.value.code == "payment_method_types_no_longer_supported"
    listed = [one.id for one in api.payment_intents.list({"customer": paid.customer}).auto_paging_iter()]
    assert listed == [first.id, paid.payment_intent.id]
    later = {"customer": paid.customer, "created": {"gte": first.created + 60}}
    assert api.payment_intents.list(later).data == []

    assert api.payment_methods.detach(method.id).customer is None
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_intents.create(charge, {"idempotency_key": "after"})

    wait_for(lambda: len(told) >= 4 or None)
    kinds = {(event.type, event.data.object.metadata["order"]) for event in told}
    assert kinds == {
        ("payment_intent.payment_failed", "o-1"),
        ("payment_intent.succeeded", "o-1"),
        ("checkout.session.completed", "o-1"),
    }


def test_cards_that_are_declined_later_expiry_and_wrong_questions(sandbox: Sandbox) -> None:
    api = library(sandbox)
    for number, code in (
        ("4000000000000341", "card_declined"),
        ("4000002760003184", "authentication_required"),
    ):
        session = api.checkout.sessions.create(
            checkout(customer_creation="always", payment_intent_data={"setup_future_usage": "off_session"})
        )
        pay(sandbox, session, card=number)
        intent = api.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]}).payment_intent
        charge = {
            "amount": 1_500,
            "currency": "usd",
            "customer": intent.customer,
            "payment_method": intent.payment_method,
            "off_session": True,
            "confirm": True,
        }
        for _ in range(2):
            with pytest.raises(stripe.CardError) as declined:
                api.payment_intents.create(charge, {"idempotency_key": number})
            assert declined.value.code == code
        assert declined.value.error.payment_intent.last_payment_error.code == code
        assert len(api.payment_intents.list({"customer": intent.customer}).data) == 2, "refused once"

    session = api.checkout.sessions.create(checkout())
    assert api.checkout.sessions.expire(session.id).status == "expired"
    assert pay(sandbox, session, card="4242424242424242").status_code == 400
    with pytest.raises(stripe.InvalidRequestError):
        api.checkout.sessions.retrieve("cs_test_none")
    with pytest.raises(stripe.AuthenticationError):
        library(sandbox, "sk_test_other").checkout.sessions.create(checkout())
    assert sandbox.own("GET", "payments/cs_test_none").status_code == 404


def test_a_restart_forgets_nothing(own_sandbox: Sandbox) -> None:
    session = library(own_sandbox).checkout.sessions.create(checkout(), {"idempotency_key": "kept"})
    pay(own_sandbox, session, card="5555555555554444")
    own_sandbox.stop()
    own_sandbox.start()
    api = library(own_sandbox)
    assert api.checkout.sessions.retrieve(session.id).payment_status == "paid"
    assert api.checkout.sessions.create(checkout(), {"idempotency_key": "kept"}).id == session.id
