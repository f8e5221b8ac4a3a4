"""The meter in a browser: it follows what is sent elsewhere, and leads to where texts went."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from parley.messaging.sending import send
from parley.quota import ledger
from tests.browser import LOOKS, Visit, assert_accessible
from tests.people import House
from tests.quota.test_ledger import spend
from tests.quota.test_pages import used

pytestmark = pytest.mark.browser


def test_the_meter_follows_and_leads_to_the_ledger(visit: Visit, juniper: House) -> None:
    used(juniper.business, 702, 431, 151)
    ledger.give(juniper.business, 500, "For the outage")
    for _ in range(60):
        spend(juniper.business)
    page = visit("/settings/sms", juniper.owner.user)
    expect(page.locator("body[data-connected]")).to_be_attached()
    meter = page.get_by_role("meter", name="Segments used")
    expect(meter).to_have_attribute("aria-valuenow", "1344")
    maya = juniper.client()
    for words, used_now in (("Hello", "1345"), ("Are you there?", "1346")):
        send(juniper.owner, maya, channel="sms", body=words)
        expect(meter).to_have_attribute("aria-valuenow", used_now)
    expect(page.get_by_text("654 left")).to_be_visible()
    assert_accessible(page)

    page.get_by_role("link", name="See where texts went").click()
    expect(page.get_by_role("heading", name="Where texts went")).to_be_visible()
    page.wait_for_load_state("load")
    page.get_by_role("link", name="Show more").click()
    expect(page.get_by_text("Given: For the outage")).to_be_visible()
    page.get_by_role("link", name="Maya Okafor").first.click()
    expect(page.locator(".message .bubble", has_text="Hello")).to_be_visible()

    for size, theme in LOOKS[1:]:
        page = visit("/settings/texts", juniper.owner.user, size=size, theme=theme)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
