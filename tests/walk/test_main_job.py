"""The main job as a new user would try it: the demo's sample business, two browsers' pages, one handset."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from parley.inbox.sample.load import load, set_up_world
from parley.messaging.models import Message
from tests.browser import chromium, patient, quick_actions
from tests.waiting import SECONDS, until
from tests.world import World

__all__ = ["chromium"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WORDS = "We set a quiet chair aside by the window for you. See you at 2:45!"
ANSWER = "You’re the best 💚"


@pytest.fixture
def demo(world: World, settings: Any) -> World:
    """The sample business, loaded as `parley up --demo` does."""
    settings.PUBLIC_URL, settings.DEMO = world.url, True
    set_up_world(world.sandbox_url, load())
    world.start("jobs")
    world.weather(delivery_seconds=[0.1, 0.2])
    return world


def open_page(chromium: Browser, address: str) -> Page:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = patient(context.new_page())
    page.set_default_timeout(1000 * SECONDS)
    page.goto(address)
    return page


def open_as_owner(chromium: Browser, world: World) -> Page:
    page = open_page(chromium, world.url)
    page.get_by_role("button", name="Open as the owner").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    page.wait_for_load_state("load")
    return page


def choose(page: Page, name: str) -> None:
    quick_actions(page, "Send Message")
    page.get_by_role("searchbox", name="Find a client").fill(name)
    page.locator(".contact-list label", has_text=name).click()
    page.get_by_role("button", name="Continue").click()


def test_a_text_goes_out_and_the_reply_comes_back_by_itself(demo: World, chromium: Browser) -> None:
    parley = open_as_owner(chromium, demo)
    other = open_as_owner(chromium, demo)
    handset = open_page(chromium, demo.sandbox_url)
    handset.get_by_role("combobox", name="Phone", exact=True).select_option(
        label="Maya Okafor, (503) 555-0118"
    )

    choose(parley, "Maya Okafor")
    parley.get_by_label("Subject").fill("Your visit this afternoon")
    parley.get_by_label("Message", exact=True).fill(WORDS)
    parley.get_by_role("button", name="Send text").click()

    expect(handset.locator(".handset-log p", has_text=WORDS)).to_be_visible()
    parley.goto(demo.url + "/inbox")
    parley.locator("a.conversation", has_text="Maya Okafor").click()
    sent = parley.locator(".message", has_text=WORDS)
    expect(sent).to_have_attribute("data-state", "delivered")
    expect(sent).to_contain_text("Delivered")
    expect(sent).to_contain_text("Your visit this afternoon")

    handset.get_by_label("Text message as Maya").fill(ANSWER)
    handset.get_by_role("button", name="Send as Maya").click()
    # In the open thread, in the list of another member's page, as a toast there: all without a reload.
    expect(parley.locator(".message[data-from=client]", has_text=ANSWER)).to_be_visible()
    expect(other.locator("a.conversation", has_text="Maya Okafor")).to_contain_text(ANSWER)
    expect(other.locator(".toast", has_text="Maya Okafor")).to_contain_text(ANSWER)
    other.goto(demo.url + "/notifications")
    expect(other.get_by_role("main")).to_contain_text(ANSWER)
    assert Message.objects.get(body=WORDS).subject == "Your visit this afternoon"
    assert Message.objects.filter(body=ANSWER).count() == 1


def test_a_photo_comes_into_the_open_thread_by_itself(demo: World, chromium: Browser) -> None:
    parley = open_as_owner(chromium, demo)
    other = open_as_owner(chromium, demo)
    parley.locator("a.conversation", has_text="Maya Okafor").click()
    expect(parley.locator("#thread-title")).to_have_text("Maya Okafor")
    handset = open_page(chromium, demo.sandbox_url)
    handset.get_by_role("combobox", name="Phone", exact=True).select_option(
        label="Maya Okafor, (503) 555-0118"
    )
    handset.get_by_role("button", name="Send a photo").click()

    photo = parley.get_by_role("img", name="Photo from Maya")
    expect(photo).to_be_in_viewport()
    until(lambda: photo.evaluate("img => img.naturalWidth") == 640, what="the photo drawn")
    expect(other.locator("a.conversation", has_text="Maya Okafor")).to_contain_text("Photo")
    with parley.context.expect_page() as opening:
        parley.get_by_role("link", name="Photo from Maya (opens in a new tab)").click()
    whole = opening.value
    until(lambda: whole.evaluate("document.images[0]?.naturalWidth") == 640, what="the whole photo")
    assert whole.url.startswith(f"{demo.url}/media/")


def test_an_email_goes_out_with_its_subject(demo: World, chromium: Browser) -> None:
    parley = open_as_owner(chromium, demo)
    choose(parley, "Grace Beaumont")
    parley.get_by_text("Email", exact=True).click()
    parley.get_by_label("Subject").fill("Your color card")
    parley.get_by_label("Message", exact=True).fill("Hi Grace, here is what we mixed today.")
    parley.get_by_role("button", name="Send email").click()
    until(
        lambda: Message.objects.filter(subject="Your color card", state="sent").exists(),
        what="the email sent",
    )
    mailbox = open_page(chromium, demo.mailbox_url)
    mailbox.get_by_text("Your color card").first.click()
    expect(mailbox.get_by_text("here is what we mixed today").first).to_be_visible()


def test_a_text_from_an_unknown_number_opens_a_conversation(demo: World, chromium: Browser) -> None:
    parley = open_as_owner(chromium, demo)
    demo.texts_from("+15035550199", "+18555550142", "Hello, are you open on Sunday?")
    row = parley.locator("a.conversation", has_text="(503) 555-0199")
    expect(row).to_contain_text("are you open on Sunday?")
    row.click()
    expect(parley.locator(".thread h2")).to_contain_text("(503) 555-0199")


def test_a_landline_says_so_and_offers_email(demo: World, chromium: Browser) -> None:
    parley = open_as_owner(chromium, demo)
    choose(parley, "Theo Lindqvist")
    parley.get_by_label("Message", exact=True).fill("Hi Theo")
    expect(parley.locator("dialog[open]")).to_contain_text("can’t get texts")
