"""Consent as people walk through it: an opt-out told at the desk, and a text that may have been one."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from parley.clients import consent
from parley.clients.consent import Category, How, Says
from parley.live.nudges import nudge
from tests.browser import LOOKS, Visit, assert_accessible
from tests.people import House

pytestmark = pytest.mark.browser

MAYA, ANA = "+15035550118", "+15035550190"


def doubts(house: House, phone: str, words: str) -> None:
    """A text that may be an opt-out, as the webhook records it, with its nudge."""
    consent.record(
        house.business, phone, category=Category.ALL, says=Says.DOUBTFUL, how=How.TEXT, words=words,
        our_number=house.number.number,
    )  # fmt: skip
    nudge(
        house.business.id,
        house.business.conversations.filter(client__phone=phone).values_list("pk", flat=True),
    )


def test_an_opt_out_is_recorded_listed_and_undone_and_a_doubtful_text_is_answered(
    visit: Visit, juniper: House
) -> None:
    maya, ana = juniper.client(), juniper.client("Ana", "Lima", ANA)
    page = visit(f"/clients/{maya.pk}", juniper.owner.user)
    opener = page.get_by_role("link", name="Record an opt-out")
    opener.click()
    form = page.get_by_role("dialog", name="Record an opt-out")
    form.get_by_label("How they told you").select_option("By phone")
    form.get_by_label("Their words").fill("No more texts, please")
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    # What was typed is still there, and so is what was chosen.
    opener.click()
    expect(form.get_by_label("Their words")).to_have_value("No more texts, please")
    expect(form.get_by_label("How they told you")).to_have_value("by_phone")
    form.get_by_label("When").fill("2099-01-01T10:00")
    page.keyboard.press("Escape")
    opener.click()
    expect(form.get_by_label("When")).to_have_value("2099-01-01T10:00")
    form.get_by_role("button", name="Record opt-out").click()
    expect(form.get_by_role("alert")).to_contain_text("That is still to come.")
    expect(form.get_by_label("When")).to_be_focused()
    form.get_by_label("When").fill("2026-01-15T09:30")
    form.get_by_role("button", name="Record opt-out").click()
    expect(page.get_by_text("No service texts")).to_be_visible()
    page.get_by_role("link", name="All opt-outs").click()
    row = page.get_by_role("listitem").filter(has_text="Maya Okafor")
    expect(row).to_contain_text("All texts, by phone. Recorded by Nora Kim.")
    expect(row).to_contain_text("“No more texts, please”")
    expect(row).to_contain_text("Jan 30, 2026")
    expect(row).to_contain_text("Honored")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    assert "No more texts, please" in download.value.path().read_text("utf-8-sig")
    row.get_by_role("link", name="Maya Okafor").click()
    expect(page.get_by_role("heading", name="Maya Okafor", level=1)).to_be_visible()
    page.get_by_role("link", name="Undo").click()
    page.get_by_role("dialog").get_by_label("Why").fill("Another Maya")
    page.get_by_role("button", name="Undo opt-out").click()
    expect(page.get_by_text("Service texts", exact=True)).to_be_visible()
    expect(page.get_by_text("“Another Maya”")).to_be_visible()

    # The list follows what others are told.
    page.goto("/clients/opt-outs")
    expect(page.locator("body[data-connected]")).to_be_attached()
    doubts(juniper, "+15035550191", "end")
    expect(page.get_by_role("listitem").filter(has_text="(503) 555-0191")).to_contain_text("Being asked")

    # Two members have the conversation open; what one answers is gone from the other's page.
    thread = f"/inbox/{juniper.text(ana, 'cancel').conversation_id}"
    page.goto(thread)
    other = visit(thread, juniper.staff.user)
    for one in (page, other):
        expect(one.locator("body[data-connected]")).to_be_attached()
    page.get_by_label("Message to Ana").fill("Half a sentence")
    doubts(juniper, ANA, "cancel")
    questions = [one.get_by_role("region", name="What did Ana mean?") for one in (page, other)]
    for question in questions:
        expect(question).to_contain_text("Ana texted “cancel”.")
    expect(page.locator(".conversation").filter(has_text="Ana Lima")).to_contain_text("May be an opt-out")
    questions[0].get_by_role("button", name="It was about an appointment").click()
    expect(page.get_by_role("status").filter(has_text="go on as before")).to_be_visible()
    for question in questions:
        expect(question).to_be_hidden()
    expect(page.get_by_label("Message to Ana")).to_have_value("Half a sentence")


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_anybody_can_use_it(visit: Visit, juniper: House, size: str, theme: str) -> None:
    maya, ana = juniper.client(), juniper.client("Ana", "Lima", ANA)
    told = {"how": How.IN_PERSON, "says": Says.REFUSED, "member": juniper.staff}
    consent.record(juniper.business, MAYA, category=Category.MARKETING, words="w" * 90, **told)
    consent.record(juniper.business, MAYA, category=Category.ALL, **told)
    consent.record(juniper.business, "+15035550199", category=Category.ALL, **told)
    thread = juniper.text(ana, "cancel").conversation_id
    doubts(juniper, ANA, "cancel")
    line = juniper.business.consents.order_by("id")[1]
    page = visit("/clients/opt-outs", juniper.owner.user, size=size, theme=theme)
    for address in (
        "/clients/opt-outs",
        f"/clients/{maya.pk}",
        f"/clients/{ana.pk}",
        f"/inbox/{thread}",
        f"/clients/opt-outs/{line.pk}/undo",
        f"/clients/{maya.pk}/consent",
        f"/clients/{maya.pk}/edit",
    ):
        page.goto(address)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    page.goto("/clients/opt-outs")
    page.get_by_role("link", name="Record an opt-out").click()
    page.get_by_role("dialog").get_by_role("button", name="Record opt-out").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    assert_accessible(page)
