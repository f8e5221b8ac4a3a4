"""A pretend payment provider, and what a person and Stripe do with it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import stripe
from django.test import Client as Browser
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.quota import ledger, payments
from parley.quota.models import Order
from parley.sandbox.account import PAYMENT_KEY, WEBHOOK_SECRET
from tests.people import House
from tests.world import World

HOOK = "/payments/stripe"


class Till:
    """The pretend provider, what it really took, and the person at its page."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stripe = stripe.StripeClient(PAYMENT_KEY, base_addresses={"api": world.sandbox_url}).v1

    def buy(self, browser: Browser, pack: str = "1000", form: uuid.UUID | None = None, **more: str) -> str:
        """Choose a pack; the id of the checkout that the browser is led to."""
        answer = browser.post(
            "/settings/texts/buy", {"pack": pack, "form": str(form or uuid.uuid4()), **more}
        )
        assert answer.status_code == 302, answer.content.decode()[:500]
        return answer["Location"].rsplit("/", 1)[1]

    def pay(self, session: str, **how: Any) -> Any:
        """Pay at the provider's page: `card`, or `bank=True`."""
        return self.world.sandbox("POST", f"/sandbox/payments/{session}/pay", how)

    def taken(self, house: House) -> list[dict[str, Any]]:
        """Every payment that went through, as the provider knows it."""
        intents = self.world.sandbox("GET", "/sandbox/payments")["payment_intents"]
        ours = [one for one in intents if one["metadata"].get("business") == str(house.business.pk)]
        return [one for one in ours if one["status"] == "succeeded"]

    def weather(self, **settings: Any) -> None:
        self.world.weather(**settings)

    def fine(self) -> None:
        self.world.sandbox("DELETE", "/sandbox/weather")

    def says(self, kind: str, about: Any, **changes: Any) -> dict[str, Any]:
        """An event as Stripe would tell it; `about` is the id of a session or a payment, or the thing itself."""
        if isinstance(about, str):
            things = self.stripe.payment_intents if about.startswith("pi_") else self.stripe.checkout.sessions
            about = things.retrieve(about).to_dict()
        return {
            "id": f"evt_{uuid.uuid4().hex}",
            "object": "event",
            "type": kind,
            "data": {"object": about | changes},
        }

    def keep_card(self, house: House, browser: Browser, card: str = "4242424242424242") -> None:
        """Buy 500 texts with a card that is kept."""
        session = self.buy(browser, "500", keep_card="on")
        self.pay(session, card=card)
        assert tell(browser, self.says("checkout.session.completed", session)) == 200
        work("keep_card")

    def reloads(self, house: House, *, below: int, pack: str = "500", most: int = 2) -> None:
        """Auto-reload is on."""
        known = ledger.balance(house.business)
        known.reload, known.reload_below, known.reload_pack_id, known.reload_most = True, below, pack, most
        known.save()


def signed(body: str, at: float | None = None, secret: str = WEBHOOK_SECRET) -> str:
    """The header, made by Stripe's own library."""
    return stripe.WebhookSignature.generate_signature_header(body, secret, int(at or time.time()))


def tell(browser: Browser, event: Any) -> int:
    """Post an event to the webhook, signed; the status of the answer."""
    body = json.dumps(event)
    return browser.post(
        HOOK, body, content_type="application/json", headers={"Stripe-Signature": signed(body)}
    ).status_code


def work(*names: str) -> int:
    """Do the jobs of these names that wait, here and now; how many there were."""
    jobs = list(ProcrastinateJob.objects.filter(status="todo", task_name__in=names).order_by("id"))
    for job in jobs:
        ProcrastinateJob.objects.filter(pk=job.pk).update(status="succeeded")
        app.tasks[job.task_name].func(**job.args)
    return len(jobs)


def left(house: House) -> int:
    return ledger.balance(house.business).left


def orders(house: House) -> list[tuple[int, str]]:
    """Texts and state of every order, the oldest first."""
    return [(o.texts, o.state) for o in Order.objects.filter(business=house.business).order_by("created_at")]


@pytest.fixture(scope="session")
def _provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("till"))
    # These tests tell what happened themselves.
    world.environment["PARLEY_PUBLIC_URL"] = ""
    world.start("sandbox")
    yield world
    world.close()


@pytest.fixture
def till(_provider: World, settings: Any) -> Till:
    """One pretend provider for all tests; each sees its own payments."""
    settings.STRIPE = {
        "key": PAYMENT_KEY,
        "webhook_secret": WEBHOOK_SECRET,
        "url": _provider.sandbox_url,
    }
    settings.PATIENCE = 0
    till = Till(_provider)
    till.fine()
    assert payments.provider()
    return till
