"""Send Message and the client card as a person walks through them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from parley.clients.models import Client
from parley.live.nudges import nudge
from parley.messaging.models import Message
from tests.browser import LOOKS, Visit, assert_accessible, quick_actions
from tests.people import House
from tests.waiting import until

pytestmark = pytest.mark.browser


def dialog(page: Page) -> object:
    return page.get_by_role("dialog")


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_the_walk_of_the_product_text(visit: Visit, juniper: House, size: str) -> None:
    juniper.client()
    juniper.client("Priya", "Raman", "+15035550164")
    page = visit("/clients", juniper.owner.user, size=size)
    quick_actions(page, "Send Message")
    expect(page.get_by_role("dialog", name="Who is it for?")).to_be_visible()
    expect(page.get_by_text("Step 1 of 2")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_have_text("Choose who it is for.")
    step = page.get_by_role("dialog")
    step.get_by_label("Find a client").fill("may")
    expect(step.get_by_role("radio")).to_have_count(1)
    step.get_by_text("Maya Okafor").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("dialog", name="Send Message")).to_be_visible()
    step.get_by_label("Subject").fill("Your visit this afternoon")
    step.get_by_label("Message", exact=True).fill("See you at 2:45.")
    expect(step.locator("output")).to_contain_text("1 segment")
    step.get_by_text("SMS", exact=True).click()
    page.get_by_role("button", name="Send text").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("Sent to Maya")
    expect(toast).to_contain_text("As a text from (855) 555-0142")
    expect(step).to_be_hidden()
    expect(page.locator("[data-opens='#quick-actions']:visible")).to_be_focused()
    message = Message.objects.get()
    assert (message.subject, message.body, message.state) == (
        "Your visit this afternoon",
        "See you at 2:45.",
        "queued",
    )
    toast.get_by_role("link", name="See it").click()
    expect(page).to_have_url(f"{page.url.split('/inbox')[0]}/inbox/{message.conversation_id}")
    expect(page.locator(".bubble").get_by_text("See you at 2:45.")).to_be_visible()


def test_whom_one_picked_stays_picked_when_the_search_answers_late(visit: Visit, juniper: House) -> None:
    juniper.client()
    juniper.client("Priya", "Raman", "+15035550164")
    page = visit("/clients", juniper.owner.user)
    held: list[Route] = []
    page.route("**/send-message?q=*", lambda route: held.append(route))
    quick_actions(page, "Send Message")
    step = page.get_by_role("dialog", name="Who is it for?")
    step.get_by_label("Find a client").fill("may")
    until(lambda: page.wait_for_timeout(20) or held, what="the search asked")
    step.get_by_text("Maya Okafor").click()
    held[0].continue_()
    page.unroute("**/send-message?q=*")
    expect(step.get_by_role("radio")).to_have_count(1)
    expect(step.get_by_role("radio")).to_be_checked()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("dialog", name="Send Message")).to_be_visible()


def test_the_same_walk_without_scripts(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    page = visit("/clients", juniper.owner.user, java_script_enabled=False)
    page.goto("/send-message")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_have_text("Choose who it is for.")
    page.locator("label", has_text="Maya Okafor").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Send text").click()
    expect(page.get_by_role("alert").first).to_have_text("Write a message first.")
    page.get_by_label("Message", exact=True).fill("Hello")
    page.get_by_role("button", name="Send text").click()
    expect(page.locator(".toast")).to_contain_text("Sent to Maya")
    assert page.url.endswith(f"/inbox/{Message.objects.get(conversation__client=maya).conversation_id}")


def test_by_keyboard_alone_and_what_was_typed_outlives_escape(visit: Visit, juniper: House) -> None:
    juniper.client()
    page = visit("/clients", juniper.owner.user)
    page.get_by_label("Find a client").press("m")
    expect(page.get_by_label("Find a client")).to_have_value("m")
    page.locator("h1").click()
    page.keyboard.press("m")
    step = page.get_by_role("dialog")
    expect(step.get_by_label("Find a client")).to_be_focused()
    page.keyboard.type("may")
    expect(step.get_by_role("radio")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(step.get_by_role("alert")).to_have_text("Choose who it is for.")
    expect(step.get_by_role("radio")).to_have_count(1)
    step.get_by_label("Find a client").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    body = step.get_by_label("Message", exact=True)
    expect(body).to_be_focused()
    page.keyboard.type("Hi Maya, we kept")
    page.keyboard.press("Escape")
    expect(step).to_be_hidden()
    page.keyboard.press("m")
    step.get_by_text("Maya Okafor").click()
    page.get_by_role("button", name="Continue").click()
    expect(body).to_have_value("Hi Maya, we kept")
    body.press("End")
    page.keyboard.type(" a chair.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".toast")).to_contain_text("Sent to Maya")
    assert Message.objects.get().body == "Hi Maya, we kept a chair."
    page.goto(f"/send-message/{juniper.business.clients.get().pk}")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")


def test_two_presses_are_one_message(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    page = visit(f"/clients/{maya.pk}", juniper.owner.user)
    page.get_by_role("link", name="Send message").click()
    page.get_by_label("Message", exact=True).fill("Once")
    page.get_by_role("button", name="Send text").dblclick()
    expect(page.locator(".toast")).to_contain_text("Sent to Maya")
    expect(page.locator(".timeline")).to_contain_text("Once")
    assert Message.objects.count() == 1


def test_a_landline_goes_by_email_with_one_tap(visit: Visit, juniper: House) -> None:
    maya = juniper.client(texting="cannot", email="maya@okafor.example")
    page = visit(f"/clients/{maya.pk}", juniper.owner.user)
    page.get_by_role("link", name="Send message").click()
    expect(page.get_by_text("Goes out from hello@juniper.example.")).to_be_visible()
    page.locator("label", has_text="SMS").click()
    expect(page.get_by_text("(503) 555-0118 can’t get texts")).to_be_visible()
    page.get_by_label("Message", exact=True).fill("By email then")
    page.get_by_role("button", name="Use email").click()
    expect(page.get_by_label("Subject")).to_be_focused()
    page.get_by_label("Subject").fill("Hello")
    page.get_by_role("button", name="Send email").click()
    expect(page.locator(".toast")).to_contain_text("As an email from hello@juniper.example")
    assert Message.objects.get().channel == "email"


def test_what_a_text_costs_is_said_before_it_is_sent(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    page = visit(f"/send-message/{maya.pk}", juniper.owner.user)
    body, output = page.get_by_label("Message", exact=True), page.locator("output")
    body.fill("a" * 161)
    expect(output).to_have_text("2 segments145 left")
    body.fill("It’s ready")
    expect(page.get_by_text("’ makes a segment hold 70 characters, not 160.")).to_be_visible()
    page.get_by_role("button", name="Make it plain").click()
    expect(body).to_have_value("It's ready")
    body.fill("a" * 1601)
    expect(page.get_by_role("alert")).to_have_text(
        "This text has 1,601 characters, 1 more than the 1,600 a text can hold."
    )
    body.fill("Short")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_new_client_on_the_way(visit: Visit, juniper: House) -> None:
    page = visit("/clients", juniper.owner.user)
    quick_actions(page, "Send Message")
    page.get_by_role("link", name="New client").click()
    step = page.get_by_role("dialog", name="Add client")
    step.get_by_label("First name").fill("Ana")
    step.get_by_label("Mobile").fill("(503) 555-0190")
    step.get_by_role("button", name="Add and continue").click()
    expect(page.get_by_role("dialog", name="Send Message")).to_contain_text("Ana")
    page.get_by_role("link", name="Back to clients").click()
    expect(page.get_by_role("radio", checked=True)).to_have_count(1)


def test_a_session_that_ended_leads_to_sign_in_and_the_words_are_kept(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    page = visit(f"/clients/{maya.pk}", juniper.owner.user)
    page.get_by_role("link", name="Send message").click()
    page.get_by_label("Message", exact=True).fill("Do not lose me")
    cookies = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Send text").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(f"/send-message/{maya.pk}")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Do not lose me")


def test_the_card_shows_what_arrives_without_reloading(visit: Visit, juniper: House) -> None:
    maya = juniper.client()
    page = visit(f"/clients/{maya.pk}", juniper.owner.user)
    expect(page.get_by_text("Nothing yet")).to_be_visible()
    page.get_by_label("Add a tag").click()
    page.get_by_label("New tag").fill("Half a t")

    def arrives(words: str) -> None:
        message = juniper.text(maya, words)
        nudge(juniper.business.id, [message.conversation_id])

    # The line to the server opens after the page: until then nobody hears.
    def heard() -> bool:
        arrives("Is there parking?")
        return page.get_by_text("Is there parking?").count() > 0

    until(heard, what="the card's first text")
    arrives("I’ll have the stroller.")
    expect(page.get_by_text("I’ll have the stroller.")).to_be_visible()
    expect(page.get_by_label("New tag")).to_have_value("Half a t")
    expect(page.get_by_label("New tag")).to_be_focused()


def test_tags_are_added_and_removed_on_the_card(visit: Visit, juniper: House) -> None:
    maya = juniper.client(tags=["Balayage"])
    page = visit(f"/clients/{maya.pk}", juniper.owner.user)
    page.get_by_label("Add a tag").click()
    page.get_by_label("New tag").fill("New mom")
    page.get_by_label("New tag").press("Enter")
    expect(page.locator(".tag", has_text="New mom")).to_be_visible()
    page.get_by_role("button", name="Remove the tag Balayage").click()
    expect(page.locator(".tag", has_text="Balayage")).to_have_count(0)
    maya.refresh_from_db()
    assert maya.tags == ["New mom"]


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_anybody_can_use_it(visit: Visit, juniper: House, size: str, theme: str) -> None:
    maya = juniper.client(
        texting="cannot", tags=["Balayage"], good_to_know="Mild toner", email="maya@okafor.example"
    )
    for n, state in enumerate(("delivered", "undelivered", "queued")):
        juniper.text(maya, f"Text {n}", inbound=False, state=state, minutes_ago=n)
    juniper.text(maya, "Mail", channel="email", subject="Hi", minutes_ago=9)
    page = visit(f"/clients/{maya.pk}", juniper.owner.user, size=size, theme=theme)
    assert_accessible(page)
    page.get_by_label("Add a tag").click()
    assert_accessible(page)
    page.goto("/send-message")
    assert_accessible(page)
    page.goto("/clients")
    quick_actions(page, "Send Message")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("dialog").get_by_text("Maya Okafor").click()
    page.get_by_role("button", name="Continue").click()
    page.locator("label", has_text="SMS").click()
    page.get_by_label("Message", exact=True).fill("It’s " + "a" * 1700)
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    # A name without a place to break is whole, on a phone too.
    Client.objects.filter(pk=maya.pk).update(first_name="Wolfeschlegelsteinhausenbergerdorff")
    page.goto(f"/clients/{maya.pk}")
    assert page.evaluate("(([h1]) => h1.scrollWidth <= h1.clientWidth)(document.getElementsByTagName('h1'))")
