"""The calendar as a person walks through it: book, see it everywhere, move it, cancel it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from parley.appointments import booking
from parley.appointments.models import Appointment
from tests.appointments.conftest import book, local
from tests.browser import Visit, assert_accessible, quick_actions
from tests.people import House

pytestmark = pytest.mark.browser

# The field in it has the focus until the next frame.
CLOSE_AND_TYPE_A = """() => {
    document.querySelector("#dialog").close();
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
}"""


def test_book_see_it_everywhere_move_and_cancel(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    juniper.text(maya, "Could I come in tomorrow?")
    juniper.business.services.create(name="Balayage", minutes=105, location="Upstairs")
    tomorrow = local(juniper, 1, 14, 45)
    # Another of the team has the Inbox open.
    inbox = visit(f"/inbox/{maya.conversation.pk}", juniper.staff.user)
    summary = inbox.locator("#client-summary")
    page = visit(f"/calendar?on={tomorrow:%Y-%m-%d}", juniper.owner.user)
    quick_actions(page, "New appointment")
    step = page.get_by_role("dialog")
    step.get_by_role("button", name="Continue").click()
    expect(step.get_by_role("alert")).to_have_text("Choose who it is for.")
    step.get_by_label("Find a client").fill("may")
    expect(step.get_by_role("radio")).to_have_count(1)
    step.get_by_text("Maya Okafor").click()
    assert_accessible(page)
    step.get_by_role("button", name="Continue").click()
    step.get_by_label("Service").select_option("Balayage")
    expect(step.get_by_label("What it is for")).to_have_value("Balayage")
    expect(step.get_by_label("Minutes")).to_have_value("105")
    expect(step.get_by_label("Where")).to_have_value("Upstairs")
    step.get_by_label("Date").fill(f"{tomorrow:%Y-%m-%d}")
    step.get_by_label("With").select_option("Jules Martin")
    step.get_by_label("Note").fill("Mild toner")
    # Closed by mistake: what was typed is there when one comes back, by a letter typed at once.
    page.evaluate(CLOSE_AND_TYPE_A)
    step.get_by_text("Maya Okafor").click()
    step.get_by_role("button", name="Continue").click()
    expect(step.get_by_label("Note")).to_have_value("Mild toner")
    expect(step.get_by_label("What it is for")).to_have_value("Balayage")
    step.get_by_role("button", name="Book", exact=True).click()
    expect(step.get_by_role("alert")).to_have_text("Choose a time.")
    step.get_by_label("Time").fill("14:45")
    assert_accessible(page)
    step.get_by_role("button", name="Book", exact=True).dblclick()
    expect(page.locator(".toast")).to_contain_text("Maya is bookedTomorrow, 2:45 PM")
    expect(step).to_be_hidden()
    one = Appointment.objects.get()
    assert (one.starts_at, one.member, one.note) == (tomorrow, juniper.staff, "Mild toner")
    slot = page.locator(".slot")
    expect(slot).to_contain_text("Maya Okafor")
    assert_accessible(page)
    expect(summary).to_contain_text("Tomorrow, 2:45 PM")

    slot.get_by_role("link").click()
    expect(page.get_by_role("dialog", name="Balayage").locator(".status")).to_have_text("Booked")
    assert_accessible(page)
    step.get_by_role("button", name="Confirm").click()
    expect(step.locator(".status")).to_have_text("Confirmed")
    expect(summary).to_contain_text("Confirmed")
    step.get_by_role("link", name="Move").click()
    step.get_by_label("Time").fill("16:00")
    step.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator(".toast").last).to_contain_text("Maya’s appointment is moved")
    expect(slot).to_contain_text("4:00 PM")

    page.goto(f"/clients/{maya.pk}")
    expect(page.locator("#client-card")).to_contain_text("Tomorrow, 4:00 PM")
    booking.decline(juniper.business, one.pk, "I can’t make it")
    expect(page.locator("#client-card")).to_contain_text("Can’t make it?")
    assert_accessible(page)
    page.get_by_role("link", name="Tomorrow, 4:00 PM").click()
    expect(step).to_contain_text("Maya wrote: “I can’t make it”")
    assert_accessible(page)
    step.get_by_role("link", name="Cancel it").click()
    step.get_by_role("button", name="Cancel appointment").click()
    expect(page.locator("#client-card")).not_to_contain_text("Next appointment")
    expect(summary).not_to_contain_text("Next appointment")
    page.get_by_role("link", name="All appointments").click()
    expect(step.locator(".visits")).to_contain_text("Cancelled")


def test_on_a_phone_in_the_dark(visit: Visit, juniper: House) -> None:
    maya, at = juniper.client(), local(juniper, 0, 12)
    book(juniper, maya, at, requested=True)
    book(juniper, maya, at, member=juniper.staff)
    page = visit("/calendar", juniper.owner.user, size="phone", theme="dark")
    page.get_by_role("button", name="Quick Actions").click()
    page.get_by_role("menuitem", name="Calendar").click()
    expect(page.locator(".slot")).to_have_count(2)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto("/settings/services")
    page.get_by_role("link", name="Add a service").click()
    step = page.get_by_role("dialog")
    step.get_by_label("Name").fill("Cut")
    assert_accessible(page)
    step.get_by_role("button", name="Add").click()
    expect(page.locator(".people")).to_contain_text("Cut")
    assert_accessible(page)


def test_without_scripts(visit: Visit, juniper: House) -> None:
    juniper.client()
    tomorrow = local(juniper, 1, 9)
    page = visit("/calendar", juniper.owner.user, java_script_enabled=False)
    page.get_by_role("link", name="New appointment", exact=True).click()
    page.locator("label", has_text="Maya Okafor").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("What it is for").fill("Cut")
    page.get_by_label("Date").fill(f"{tomorrow:%Y-%m-%d}")
    page.get_by_label("Time").fill("09:00")
    page.get_by_label("Minutes").fill("45")
    page.get_by_role("button", name="Book").click()
    expect(page.locator(".toast")).to_contain_text("Maya is booked: Tomorrow, 9:00 AM")
    page.get_by_role("link", name="Move").click()
    page.get_by_label("Time").fill("10:00")
    page.get_by_role("button", name="Move").click()
    expect(page.locator(".facts")).to_contain_text("Tomorrow, 10:00 to 10:45 AM")
    page.goto(page.get_by_role("link", name="Close").get_attribute("href") or "")
    expect(page.locator(".slot")).to_contain_text("10:00 AM")
