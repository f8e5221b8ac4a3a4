"""A campaign in a real browser: it changes while somebody looks, and does what its buttons say."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from parley.campaigns import clock
from parley.campaigns.models import Campaign
from tests.browser import Visit, assert_accessible, chromium, visit  # noqa: F401
from tests.campaigns.conftest import Make, begin, people
from tests.campaigns.test_pages import became
from tests.people import House
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def status(campaign: Campaign) -> str:
    campaign.refresh_from_db()
    return campaign.status


def test_it_goes_on_while_somebody_looks(visit: Visit, juniper: House, campaign: Make) -> None:  # noqa: F811
    people(juniper, 30)
    people(juniper, 2, agreed=False, first=50)
    one = begin(campaign("Color week: https://juniperhair.example/h"), juniper)
    clock.write_some()
    desk = visit("/campaigns", juniper.owner.user)
    expect(desk.locator(".campaign[aria-current]")).to_contain_text("30 of 30 sent")
    expect(desk.locator(".figures")).to_contain_text("Nothing heard yet")
    desk.wait_for_selector("body[data-connected]")
    desk.evaluate("window.kept = true")
    stop = desk.get_by_role("link", name="Stop", exact=True)
    stop.focus()
    became(one, "delivered", 20)
    expect(desk.locator(".figures > :first-child")).to_contain_text("Delivered20100% so far")
    expect(desk.locator("#campaign-sent")).to_have_text("30 of 30 sent, 10 of them still on the way.")
    expect(desk.get_by_role("img", name="20 of 30 texts delivered")).to_be_visible()
    expect(stop).to_be_focused()
    assert_accessible(desk)

    # On a phone the list comes first, and one of them is a screen of its own.
    phone = visit("/campaigns", juniper.staff.user, size="phone", theme="dark")
    expect(phone.get_by_role("heading", name="Holiday color week")).to_be_hidden()
    assert_accessible(phone)
    phone.locator(".campaign").click()
    expect(phone.get_by_role("heading", name="Holiday color week")).to_be_visible()
    expect(phone.locator(".campaign")).to_be_hidden()
    expect(phone.get_by_role("button", name="Pause")).to_have_count(0)
    assert_accessible(phone)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.get_by_role("link", name="Everybody in it").click()
    expect(phone.locator(".recipient-row")).to_have_count(20)
    phone.get_by_role("link", name="Not sent").click()
    expect(phone.locator(".recipient-row").first).to_contain_text("Has not agreed to offers.")
    assert_accessible(phone)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.goto(f"/campaigns/{one.pk}")

    # What has not left is taken back, goes out again, and is stopped after a second thought.
    desk.get_by_role("button", name="Pause").click()
    expect(desk.locator(".toast")).to_contain_text("Paused")
    expect(desk.locator("#campaign-how-far")).to_contain_text("10 clients had nothing yet.")
    expect(phone.locator("#campaign-how-far")).to_contain_text("10 clients had nothing yet.")
    desk.get_by_role("button", name="Go on").click()
    expect(desk.get_by_role("button", name="Pause")).to_be_visible()
    assert status(one) == "sending"
    clock.write_some()
    desk.get_by_role("link", name="Stop", exact=True).click()
    asked = desk.get_by_role("dialog", name="Stop this campaign?")
    expect(asked).to_contain_text("10 clients have had nothing yet, and will get nothing.")
    assert_accessible(desk)
    became(one, "undelivered", 3, "30006")
    expect(desk.locator(".figures")).to_contain_text("3 are landlines")
    expect(asked).to_be_visible()
    asked.get_by_role("link", name="Keep it").click()
    expect(asked).to_be_hidden()
    assert status(one) == "sending"
    desk.get_by_role("link", name="Stop", exact=True).click()
    asked.get_by_role("button", name="Stop for good").click()
    expect(asked).to_be_hidden()
    expect(desk.locator(".campaign[aria-current]")).to_contain_text("Stopped")
    expect(desk.locator("#campaign-how-far")).to_contain_text("7 clients got nothing any more.")
    expect(desk.get_by_role("link", name="Stop", exact=True)).to_have_count(0)
    until(lambda: status(one) == "stopped", what="stopped")
    assert desk.evaluate("window.kept"), "nothing of it took a reload"
