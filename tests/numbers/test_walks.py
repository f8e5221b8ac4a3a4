"""Turning texting on and off as a person does, by the labels that people are told to look for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from parley.businesses.models import Business
from parley.live.nudges import nudge
from parley.numbers.models import Registration
from tests.browser import LOOKS, Visit, assert_accessible
from tests.numbers.test_sms_settings import without_number
from tests.numbers.test_texting_app import registered
from tests.people import House
from tests.waiting import until

pytestmark = pytest.mark.browser


def fill_in(page: Page) -> None:
    page.get_by_label("Legal business name").fill("Juniper Hair Studio LLC")
    page.get_by_label("Business type").select_option("Limited liability company")
    page.get_by_label("EIN (tax ID)").fill("84-3190000")
    page.get_by_label("Website").fill("https://juniperhair.example")
    page.get_by_label("Street address").fill("1418 SE Alder Street")
    page.get_by_label("City").fill("Portland")
    page.get_by_label("State", exact=True).select_option("Oregon")
    page.get_by_label("ZIP code").fill("97214")
    page.get_by_label("Work email").fill("nora@juniperhair.example")
    page.get_by_label("Phone").fill("(503) 555-0190")
    page.get_by_label("About how many texts a month?").select_option("Up to 1,000")
    page.get_by_label("On the online booking form").check()
    page.get_by_label("I’m allowed to register this business").check()


def test_on_and_off_by_the_labels_people_are_told(visit: Visit, juniper: House) -> None:
    without_number(juniper, texting=False, two_way=False, mode="do_not_reply")
    page = visit("/inbox", juniper.owner.user)
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Auto Client Messages and SMS").click()
    page.get_by_role("link", name="SMS Settings").click()
    page.get_by_role("radio", name="Calls and Texting").check()
    page.get_by_role("link", name="Open app settings").click()
    # The menu's only link leads to this very page: the switch must not be turned on the one that is being left.
    with page.expect_navigation():
        page.get_by_role("navigation", name="App").get_by_role("link", name="Texting").click()
    page.get_by_role("switch", name="Texting", exact=True).check()
    expect(page.get_by_text("Texting is off.")).to_be_hidden()
    page.get_by_role("switch", name="Turn on two way texting").check()
    save = page.get_by_role("button", name="Save and continue")
    # Sent too early: the first field that is missing has the cursor, and the others say so too.
    save.click()
    expect(page.get_by_label("Legal business name")).to_be_focused()
    expect(page.get_by_text("Enter the city.")).to_be_visible()
    fill_in(page)
    expect(page.get_by_text("Enter the city.")).to_be_hidden()
    save.click()
    expect(page.get_by_text("There is nothing for you to do.")).to_be_visible()
    sent = Registration.objects.get()
    assert (sent.status, sent.legal_name, sent.region) == ("submitted", "Juniper Hair Studio LLC", "OR")
    juniper.business.refresh_from_db()
    assert (juniper.business.mode, juniper.business.texting, juniper.business.two_way) == (
        "calls",
        True,
        True,
    )

    # The carriers answer while the page is open.
    Registration.objects.update(
        status="rejected", reasons=[{"code": "30484", "words": "Name does not match."}]
    )
    nudge(juniper.business.pk, [], news=True)
    expect(page.get_by_text("“Name does not match.”")).to_be_visible()
    page.get_by_role("link", name="Fix and send again").click()
    expect(page.get_by_label("Legal business name")).to_have_value("Juniper Hair Studio LLC")

    page.get_by_role("link", name="Back to Settings").click()
    save = page.get_by_role("button", name="Save")
    expect(save).to_be_hidden()
    page.get_by_role("radio", name="Do not reply: Auto message").check()
    page.get_by_role("button", name="Undo").click()
    expect(save).to_be_hidden()
    page.get_by_role("radio", name="Do not reply: Auto message").check()
    save.click()
    expect(page.get_by_text("Saved. Texts are one way now.")).to_be_visible()
    juniper.business.refresh_from_db()
    assert (juniper.business.mode, juniper.business.two_way) == ("do_not_reply", True)


def test_a_switch_turned_before_the_scripts_came_is_saved(visit: Visit, juniper: House) -> None:
    without_number(juniper, texting=False)
    page = visit("/settings", juniper.owner.user, early=True)
    waiting: list[Route] = []
    page.route("**/htmx.min*.js", lambda route: waiting.append(route))
    page.goto("/apps/texting", wait_until="commit")
    page.get_by_role("switch", name="Texting", exact=True).check()
    until(lambda: page.evaluate("1") and waiting, what="the script asked for")
    waiting[0].continue_()
    expect(page.get_by_text("Texting is off.")).to_be_hidden()
    until(lambda: Business.objects.get(pk=juniper.business.pk).texting)


def test_what_was_typed_before_the_scripts_came_is_kept(visit: Visit, juniper: House) -> None:
    without_number(juniper)
    page = visit("/settings", juniper.owner.user, early=True)
    waiting: list[Route] = []
    page.route("**/texting_app*.js", lambda route: waiting.append(route))
    page.goto("/apps/texting", wait_until="commit")
    page.get_by_label("Legal business name").fill("Juniper Hair Studio LLC")
    page.get_by_label("Business type").select_option("Limited liability company")
    until(lambda: page.evaluate("1") and waiting, what="the script asked for")
    waiting[0].continue_()
    until(
        lambda: Registration.objects.filter(
            legal_name="Juniper Hair Studio LLC", business_type="llc"
        ).exists()
    )


def test_a_choice_made_before_the_scripts_came_can_be_saved(visit: Visit, juniper: House) -> None:
    page = visit("/settings", juniper.owner.user, early=True)
    waiting: list[Route] = []
    page.route("**/sms_settings*.js", lambda route: waiting.append(route))
    page.goto("/settings/sms", wait_until="commit")
    page.get_by_role("radio", name="Do not reply: Auto message").check()
    until(lambda: page.evaluate("1") and waiting, what="the script asked for")
    waiting[0].continue_()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. Texts are one way now.")).to_be_visible()


def test_a_draft_saves_itself_and_survives_being_offline(visit: Visit, juniper: House) -> None:
    without_number(juniper)
    page = visit("/apps/texting", juniper.owner.user)
    website, city = page.get_by_label("Website"), page.get_by_label("City")
    website.press_sequentially("juniper")
    # Said on leaving the field, not in the middle of a word.
    until(lambda: Registration.objects.filter(website="juniper").exists())
    expect(page.locator("#draft-state")).to_contain_text("Draft saved")
    expect(page.get_by_text("Carriers need the full address")).to_be_hidden()
    city.focus()
    expect(page.get_by_text("Carriers need the full address")).to_be_visible()
    expect(website).to_have_attribute("aria-invalid", "true")
    website.fill("https://juniperhair.example")
    expect(page.get_by_text("Carriers need the full address")).to_be_hidden()

    page.context.set_offline(True)
    city.fill("Portland")
    page.get_by_label("Offers and news").check()
    expect(page.locator("#draft-state")).to_contain_text("You’re offline. What you typed is kept")
    page.get_by_role("button", name="Save and continue").click()
    expect(city).to_have_value("Portland")
    # Somebody else writes another field meanwhile.
    Registration.objects.update(street="1418 SE Alder Street")
    page.context.set_offline(False)
    until(lambda: Registration.objects.filter(city="Portland").exists())
    expect(page.locator("#draft-state")).to_contain_text("Draft saved")
    kept = Registration.objects.get()
    assert (kept.street, kept.website) == ("1418 SE Alder Street", "https://juniperhair.example")
    assert kept.uses == ["appointments", "conversations", "offers"]

    # Another country asks for other things; what was typed stays.
    page.get_by_label("Canada").check()
    expect(page.get_by_label("Postal code")).to_be_visible()
    expect(city).to_have_value("Portland")
    page.get_by_label("Province").select_option("Ontario")
    until(lambda: Registration.objects.filter(region="ON").exists())


def test_what_could_not_be_saved_comes_back_and_a_picture_is_added(visit: Visit, juniper: House) -> None:
    without_number(juniper)
    page = visit("/apps/texting", juniper.owner.user)
    page.context.set_offline(True)
    page.get_by_label("City").fill("Portland")
    expect(page.locator("#draft-state")).to_contain_text("kept in this browser")
    assert not Registration.objects.exists()
    # A page that is left tries once more, and the browser may be online by then: either way it is there again.
    page.close()
    page.context.set_offline(False)
    page = page.context.new_page()
    page.goto("/apps/texting")
    expect(page.get_by_label("City")).to_have_value("Portland")
    until(lambda: Registration.objects.filter(city="Portland").exists())

    picture = page.get_by_label("Add a picture of the form")
    picture.set_input_files({"name": "form.png", "mimeType": "image/png", "buffer": b"GIF89a"})
    expect(page.get_by_role("alert")).to_contain_text("That isn’t a JPEG or PNG picture.")
    picture.set_input_files("parley/sandbox/static/photo.png")
    expect(page.get_by_role("img", name="The picture of your form")).to_be_visible()
    assert Registration.objects.get().opt_in_picture_type == "image/png"
    page.get_by_role("button", name="Remove picture").click()
    expect(picture).to_be_attached()
    assert Registration.objects.get().opt_in_picture is None


def test_without_scripts(visit: Visit, juniper: House) -> None:
    without_number(juniper)
    page = visit("/settings/sms", juniper.owner.user, java_script_enabled=False)
    page.get_by_role("radio", name="Do not reply: Auto message").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. Texts are one way now.")).to_be_visible()
    page.goto("/apps/texting")
    page.get_by_role("switch", name="Turn on two way texting").check()
    page.locator("#switch-two_way").get_by_role("button", name="Save").click()
    fill_in(page)
    page.get_by_label("Website").fill("juniper")
    page.get_by_label("Add a picture of the form").set_input_files("parley/sandbox/static/photo.png")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_label("Website")).to_be_focused()
    expect(page.get_by_role("img", name="The picture of your form")).to_be_visible()
    page.get_by_label("Website").fill("https://juniperhair.example")
    # Enter sends the form; it takes nothing away.
    page.keyboard.press("Enter")
    expect(page.get_by_text("There is nothing for you to do.")).to_be_visible()
    assert Registration.objects.get().opt_in_picture_type == "image/png"


def test_anybody_can_use_it(visit: Visit, juniper: House) -> None:
    with_number = visit("/settings", juniper.owner.user, size="phone")
    assert_accessible(with_number)
    with_number.get_by_role("link", name="Auto Client Messages and SMS").click()
    for size, theme in LOOKS:
        page = visit("/settings/sms", juniper.owner.user, size=size, theme=theme)
        page.get_by_role("radio", name="Do not reply: Auto message").check()
        assert_accessible(page)
    without_number(juniper)
    for size, theme in LOOKS:
        page = visit("/apps/texting", juniper.owner.user, size=size, theme=theme)
        page.get_by_role("button", name="Save and continue").click()
        expect(page.get_by_text("Enter the city.")).to_be_visible()
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    Registration.objects.all().delete()
    registered(juniper, submitted_at=timezone.now() - timedelta(days=50), trouble="The desk is closed.")
    for size, theme in LOOKS:
        page = visit("/apps/texting", juniper.owner.user, size=size, theme=theme)
        assert_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
