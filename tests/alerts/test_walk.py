"""Auto messages as a person edits them: chips, the handset, an error that keeps everything, a service’s own words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from parley.alerts.models import Rule
from parley.appointments.models import Appointment
from tests.alerts.test_pages import booked, service_of
from tests.browser import LOOKS, Visit, assert_accessible
from tests.people import House
from tests.waiting import until

pytestmark = pytest.mark.browser


def test_a_reminder_is_written_tried_and_saved(visit: Visit, juniper: House) -> None:
    of = service_of(juniper)
    booked(juniper, juniper.client(), 30, member=juniper.staff)
    past = booked(juniper, juniper.client("Tom", "Reed", "+15035550119"), -40)
    Appointment.objects.filter(pk=past.pk).update(created_at=timezone.now() - timedelta(days=9))
    page = visit("/settings", juniper.owner.user)
    page.get_by_role("link", name="Auto Client Messages and SMS").click()
    # On at once, in the list and beside it.
    page.get_by_role("switch", name="Thank you", exact=True).check()
    expect(page.get_by_text("Thank you is on")).to_be_visible()
    until(lambda: Rule.objects.filter(kind="thanks", on=True).exists())

    page.get_by_role("link", name="Appointment reminder", exact=True).click()
    wording = page.get_by_role("textbox", name="Wording, English")
    bubble, save = page.locator("#preview-bubble"), page.get_by_role("button", name="Save", exact=True)
    expect(bubble).to_contain_text("Hi Maya, see you tomorrow at")
    expect(save).to_be_hidden()
    expect(wording.locator(".variable")).to_have_count(4)
    wording.press("Control+End")
    wording.press_sequentially(" With ")
    page.get_by_role("button", name="Team member").click()
    page.keyboard.type("!")
    expect(bubble).to_contain_text("With Jules Martin!")
    # The chip goes at one stroke, and comes back.
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    expect(bubble).not_to_contain_text("Jules")
    page.get_by_role("button", name="Team member").click()
    page.keyboard.type("!")
    page.get_by_role("radio", name="Spanish").check(force=True)
    expect(bubble).to_contain_text("Hola Maya, nos vemos")
    page.get_by_role("radio", name="English").check(force=True)
    expect(bubble).to_contain_text("With Jules Martin!")

    # Pasted words are plain; a detail that there is not is refused, and all that was typed stays.
    page.get_by_role("textbox", name="Wording, English").press("Control+End")
    page.keyboard.type(" {{ client.nick_name }}")
    expect(page.locator("#wording-notes")).to_contain_text("There is no “client.nick_name”.")
    save.click()
    expect(page.get_by_role("alert").first).to_contain_text("There is no “client.nick_name”.")
    expect(wording).to_contain_text("With Team member")
    expect(wording).to_contain_text("{{ client.nick_name }}")
    for _ in " {{ client.nick_name }}":
        wording.press("Control+End")
        page.keyboard.press("Backspace")
    expect(page.locator("#wording-notes")).not_to_contain_text("There is no")

    page.get_by_role("button", name="Try it on the last 30 days").click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("would have reached 1 client: 1 text")
    expect(sheet).to_contain_text("Hi Tom, see you tomorrow")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Try it on the last 30 days")).to_be_focused()
    page.get_by_label("Your own mobile, for a test").fill("(503) 555-0190")
    page.get_by_role("button", name="Send me a test").click()
    expect(page.locator("#own-test")).to_contain_text("Text sent to (503) 555-0190.")
    save.click()
    expect(page.locator(".toast", has_text="Saved")).to_be_visible()
    # The page is another one, and does something once its scripts are there.
    page.locator("body[data-connected]").wait_for(state="attached")
    saved = Rule.objects.get(kind="reminder")
    assert saved.texts["en"].endswith("or text us here to change it. With {{ staff.full_name }}!")
    assert saved.texts.keys() == {"en"}
    expect(save).to_be_hidden()

    # What somebody typed and left comes back; Undo takes it away.
    page.get_by_label("For", exact=True).select_option("Balayage")
    expect(page.get_by_text("Balayage has the usual words.")).to_be_visible()
    expect(wording.locator(".variable")).to_have_count(5)
    wording.press_sequentially("Wet hair. ")
    page.goto("/inbox")
    page.goto(f"/settings/auto-messages/reminder?service={of.pk}")
    expect(wording).to_contain_text("Wet hair.")
    page.get_by_role("button", name="Undo").click()
    expect(wording).not_to_contain_text("Wet hair.")
    expect(wording.locator(".variable")).to_have_count(5)
    wording.press_sequentially("Dry hair. ")
    save.click()
    expect(page.get_by_text("own words for Balayage")).to_be_visible()
    page.get_by_role("button", name="Back to the usual").click()
    expect(page.get_by_text("Balayage is back to the usual words")).to_be_visible()
    assert not Rule.objects.filter(service=of).exists()

    for size, theme in LOOKS:
        shown = visit("/settings/auto-messages/booked", juniper.owner.user, size=size, theme=theme)
        expect(shown.get_by_role("textbox", name="Wording, English")).to_be_visible()
        assert_accessible(shown)
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shown.goto("/settings/business")
        assert_accessible(shown)
        shown.goto("/settings/auto-messages")
        expect(shown.get_by_role("form")).to_have_count(0)
        if size == "phone":
            expect(shown.get_by_role("textbox")).to_have_count(0)
