"""The product text, sentence by sentence, by the labels that it names: a business that has not begun to text."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from parley.businesses.models import Business
from parley.messaging.models import Message
from tests.browser import quick_actions
from tests.waiting import until
from tests.walk.test_main_job import ANSWER, chromium, demo, open_page
from tests.world import World

__all__ = ["chromium", "demo"]

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MAYA = "+15035550118"


def settings(page: Page) -> None:
    # Until the styles are there, the phone's link is visible on a desk too.
    page.wait_for_load_state("load")
    page.get_by_role("link", name="Settings", exact=True).first.click()


def to_sms_settings(page: Page) -> None:
    # "Click Settings. Select Auto Client Messages and SMS. Open the SMS Settings tab."
    settings(page)
    page.get_by_role("link", name="Auto Client Messages and SMS").click()
    page.get_by_role("link", name="SMS Settings").click()


def enter_details(page: Page) -> None:
    page.get_by_label("Legal business name").fill("Harbour Physio Inc.")
    page.get_by_label("Business type").select_option("Corporation")
    page.get_by_label("Business Number (BN)").fill("123456782")
    page.get_by_label("Website").fill("https://harbourphysio.example")
    page.get_by_label("Street address").fill("100 Queens Quay East")
    page.get_by_label("City").fill("Toronto")
    page.get_by_label("Province", exact=True).select_option("Ontario")
    page.get_by_label("Postal code").fill("M5E 1V3")
    page.get_by_label("Work email").fill("amelia@harbourphysio.example")
    page.get_by_label("Phone").fill("(416) 555-0190")
    page.get_by_label("About how many texts a month?").select_option("Up to 1,000")
    page.get_by_label("On the online booking form").check()
    page.get_by_label("I’m allowed to register this business").check()


def send_a_text(page: Page, words: str, *, said: str | None = None) -> None:
    # "Click Quick Actions, then Send Message. Select a contact and click Continue. Enter your subject and message.
    # Select SMS under Message via. Click the send icon."
    quick_actions(page, "Send Message")
    page.locator(".contact-list label", has_text="Maya Okafor").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Subject").fill("Your visit")
    page.get_by_label("Message", exact=True).fill(words)
    page.get_by_role("group", name="Message via").get_by_text("SMS").click()
    guaranteed = page.locator("dialog[open]").get_by_text("Delivery isn’t guaranteed.")
    expect(guaranteed).to_be_visible() if said else expect(guaranteed).to_have_count(0)
    page.get_by_role("button", name="Send text").click()
    expect(page.locator(".toast", has_text="Sent to Maya")).to_be_visible()


def came_from(words: str) -> str:
    """The number on Maya's handset above these words."""
    until(lambda: Message.objects.filter(body=words, state="delivered").exists(), what=f"{words!r} delivered")
    number = Message.objects.get(body=words).number
    assert number is not None
    return number.number


def test_sentence_by_sentence(demo: World, chromium: Browser) -> None:
    page = open_page(chromium, demo.url)
    page.get_by_role("button", name="Open a new business").click()

    # ---- Activate two-way texting
    to_sms_settings(page)
    page.get_by_role("radio", name="Texting", exact=True).check()
    page.get_by_role("link", name="Open app settings").click()
    with page.expect_navigation():
        page.get_by_role("navigation", name="App").get_by_role("link", name="Texting").click()
    page.get_by_role("switch", name="Texting", exact=True).check()
    page.get_by_role("switch", name="Turn on two way texting").check()
    # "Can I link my cellphone or landline? No." "You cannot choose a specific area code."
    expect(page.get_by_role("main")).to_contain_text("You can’t choose an area code")
    expect(page.get_by_role("main")).to_contain_text("a cellphone or landline can’t be linked")
    # "Are there message limits? Your SMS usage is subject to quota limits."
    page.get_by_text("Are there message limits?").click()
    expect(page.get_by_text("comes with 500 segments a month")).to_be_visible()
    for asked in (
        "Can I link my cellphone or landline to my two-way texting number?",
        "Will my number have a local area code?",
        "What if I already have texting enabled but want to add calls?",
    ):
        expect(page.get_by_text(asked)).to_be_visible()
    enter_details(page)
    page.get_by_role("button", name="Save and continue").click()

    # ---- The verification process: "up to four weeks", "up to six weeks".
    main = page.get_by_role("main")
    expect(main).to_contain_text("Carriers are checking your business")
    expect(main).to_contain_text("Most answers come within four weeks. Some take six.")
    until(lambda: demo.sandbox("GET", "/sandbox/verifications")["verifications"], what="the request")

    # "You can still send and receive texts, but delivery isn't guaranteed."
    page.goto(demo.url + "/inbox")
    send_a_text(page, "Hello Maya, it’s Harbour Physio.", said="not guaranteed")
    shared = came_from("Hello Maya, it’s Harbour Physio.")
    assert shared.startswith("+1888")
    demo.texts_from(MAYA, shared, "Hello Harbour!")
    expect(page.locator("a.conversation", has_text="Maya Okafor")).to_contain_text("Hello Harbour!")

    # ---- Approved: "You will receive an in-app notification and an email once approved."
    desk = open_page(chromium, demo.sandbox_url)
    waiting = desk.locator("article", has_text="Harbour Physio Inc.")
    waiting.get_by_role("button", name="Approve").click()
    expect(desk.get_by_role("button", name="Take it back")).to_be_visible()
    settings(page)
    page.get_by_role("link", name="Open app settings").click()
    ready = page.get_by_role("region", name="Your number")
    expect(ready).to_contain_text("Your number is ready")
    own = ready.locator(".number").inner_text()
    assert re.fullmatch(r"\(8\d\d\) \d{3}-\d{4}", own)
    page.goto(demo.url + "/notifications")
    expect(page.get_by_role("main")).to_contain_text("Your number is ready")
    mailbox = open_page(chromium, demo.mailbox_url)
    expect(mailbox.locator("#mails", has_text="amelia@harbourphysio.example")).to_contain_text(
        "number is ready"
    )

    # ---- "Send texts to specific clients from the client card": now from the business's own number.
    page.get_by_role("link", name="Clients").first.click()
    page.get_by_role("link", name="Maya Okafor").click()
    send_a_text(page, "From our own number now.")
    number = came_from("From our own number now.")
    assert number[2:5] == own[1:4]

    # ---- "Replies to your SMS number will appear in your Inbox and on the client card. … an in-app notification …"
    page.goto(demo.url + "/clients")
    demo.texts_from(MAYA, number, ANSWER)
    expect(page.locator(".toast", has_text="Maya Okafor")).to_contain_text(ANSWER)
    page.get_by_role("link", name="Maya Okafor").first.click()
    expect(page.get_by_role("region", name="Timeline")).to_contain_text(ANSWER)
    page.get_by_role("link", name="Inbox").first.click()
    expect(page.locator("a.conversation", has_text="Maya Okafor")).to_contain_text(ANSWER)
    # The last texts to the shared number still find their way.
    demo.texts_from(MAYA, shared, "Sent to the old number")
    expect(page.locator("a.conversation", has_text="Maya Okafor")).to_contain_text("Sent to the old number")

    # ---- Deactivate: "Select Do not reply: Auto message. Click Save."
    to_sms_settings(page)
    page.get_by_role("radio", name="Do not reply: Auto message").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. Texts are one way now.")).to_be_visible()
    demo.texts_from(MAYA, number, "Is anybody there?")
    harbour = Business.objects.get(name="Harbour Physio")
    until(
        lambda: harbour.messages.filter(title="Do not reply", state="delivered").exists(),
        what="the auto text",
    )
    assert not harbour.messages.filter(body="Is anybody there?").exists()
    # "Nothing in the Inbox is lost": the words are there, and email goes on.
    page.get_by_role("link", name="Inbox").first.click()
    page.locator("a.conversation", has_text="Maya Okafor").click()
    expect(page.locator(".thread")).to_contain_text("Sent to the old number")
    expect(page.locator("#can-send")).to_contain_text("Two way texting is off.")
    # The same person is Juniper's client too, who knows nothing of all this.
    juniper = Business.objects.get(name="Juniper Hair Studio")
    assert not juniper.messages.filter(body__in=[ANSWER, "Hello Harbour!", "Sent to the old number"]).exists()
