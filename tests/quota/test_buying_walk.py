"""As a person buys: from Settings through the provider's page to texts that are there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from parley.quota import ledger
from parley.quota.models import Balance
from parley.quota.payments import PaymentEvent
from parley.quota.settling import settle
from tests.browser import LOOKS, Visit, assert_accessible
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.browser

BUY = "/settings/texts/buy"
SHOTS = os.environ.get("PARLEY_TEST_SHOTS")


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_texts_are_bought_and_the_card_is_kept(juniper: House, web: World, visit: Visit) -> None:
    web.start("sandbox", "jobs")
    before = ledger.balance(juniper.business).left
    page = visit(BUY, juniper.owner.user)
    assert_accessible(page)
    page.get_by_role("radio", name="1,000 texts").check()
    page.get_by_role("checkbox", name="Keep this card").check()
    page.get_by_role("button", name="Go on to pay").click()

    expect(page.get_by_role("heading", name="1,000 texts $28.00")).to_be_visible()
    assert page.url.startswith(web.sandbox_url)
    assert_accessible(page)
    shoot(page, "pay-desk-light")
    page.get_by_label("Card number").fill("4000 0000 0000 0002")
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Your card was declined.")
    page.get_by_role("link", name="Back without paying").click()

    expect(page.get_by_role("heading", name="Not paid yet")).to_be_visible()
    page.get_by_role("button", name="Go on to pay").click()
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_role("button", name="Pay", exact=True).click()
    expect(page.get_by_role("heading", name="Paid: 1,000 texts added")).to_be_visible()
    assert page.url.startswith(web.url)
    assert_accessible(page)
    assert ledger.balance(juniper.business).left == before + 1000

    told = web.sandbox("GET", "/sandbox/payments")["events"]
    assert {event["type"] for event in told} == {
        "checkout.session.completed",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
    }
    until(
        lambda: all(event["answers"] == [200] for event in web.sandbox("GET", "/sandbox/payments")["events"])
    )

    # The card comes a moment later, by a job; the page shows what is known when it is asked for.
    until(lambda: Balance.objects.get(business=juniper.business).card_words)
    page.get_by_role("link", name="Back to Buy texts").click()
    expect(page.get_by_text(f"You have {before + 1000:,} left, 1,000 of them bought.")).to_be_visible()
    expect(page.get_by_role("row", name="1,000 $28.00 Nora Kim Paid")).to_be_visible()
    expect(page.get_by_text("Visa ending in 4242 is kept at Stripe.")).to_be_visible()


def test_it_looks_right(juniper: House, web: World, visit: Visit) -> None:
    known = ledger.balance(juniper.business)
    known.customer, known.card, known.card_words = "cus_1", "pm_1", "Visa ending in 4242"
    known.reload, known.reload_trouble = False, "The bank declined the card."
    known.save()
    facts: list[dict[str, Any]] = [
        {"state": "paid", "provider_id": "cs_1", "by_name": "Nora Kim"},
        {
            "state": "failed",
            "provider_id": "pi_2",
            "automatic": True,
            "trouble": "The bank declined the card.",
        },
        {"state": "open", "by_name": "Nora Kim"},
        {"state": "expired", "by_name": "Nora Kim"},
    ]
    orders = [juniper.business.orders.create(texts=1000, cents=2800, **one) for one in facts]
    for size, theme in LOOKS:
        page = visit(BUY, juniper.owner.user, size=size, theme=theme)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shoot(page, f"buy-{size}-{theme}")
        for order in orders[:3] if (size, theme) == ("phone", "dark") else []:
            page.goto(f"/settings/texts/orders/{order.pk}")
            assert_accessible(page)
            shoot(page, f"order-{order.state}-{size}-{theme}")
    # The page that waits is told, and does not wait for its next question.
    page.goto(f"/settings/texts/orders/{orders[2].pk}?paid")
    expect(page.get_by_role("heading", name="Waiting for the payment to be confirmed")).to_be_visible()
    settle(PaymentEvent("paid", juniper.business.pk, orders[2].pk, "cs_9", 2800, "usd"))
    expect(page.get_by_role("heading", name="Paid: 1,000 texts added")).to_be_visible()
