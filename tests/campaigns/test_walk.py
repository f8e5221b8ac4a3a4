"""A campaign from the first word to the last figure: written, foretold, tried out, sent, read on phones, answered."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from parley.campaigns.models import Campaign
from parley.messaging.models import Message
from tests.browser import Visit, assert_accessible, quick_actions
from tests.campaigns.conftest import NUMBER
from tests.messaging.test_routing import likes_marketing, shared
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MAYA, LEO, NORA = "+15035550118", "+15035550119", "+15035550171"


def got(world: World, phone: str) -> list[str]:
    """What the carrier brought to this phone."""
    return [row["body"] for row in world.truth(to=phone.replace("+", "%2B"), direction="outbound-api")]


def where_it_is_noon() -> str:
    """A zone whose clock shows an hour at which offers may be texted, whenever this runs."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+}"


def test_a_campaign_from_its_words_to_its_figures(visit: Visit, world: World, juniper: House) -> None:
    world.start("jobs")
    shared(NUMBER, "marketing")
    for number, owner in ((juniper.number.number, "Juniper Hair Studio"), (NUMBER, "Parley")):
        world.add_number(number, owner=owner)
    phones = {MAYA: "Maya", LEO: "Leo", NORA: "Nora"}
    handsets = [{"phone_number": phone, "name": name} for phone, name in phones.items()]
    world.sandbox("PUT", "/sandbox/world", {"handsets": handsets})
    world.weather(delivery_seconds=[0.0, 0.05])
    there = {"tags": ["Balayage"], "time_zone": where_it_is_noon()}
    for first, last, phone in (("Maya", "Okafor", MAYA), ("Leo", "Park", LEO)):
        juniper.client(first, last, phone, **there)
        likes_marketing(juniper, phone)
    juniper.client("Ana", "Lopez", "+15035550120", **there)
    juniper.client("Ben", "Diaz", "+15035550121")

    # Written by whoever may.
    page = visit("/clients", juniper.owner.user)
    quick_actions(page, "Start a campaign")
    page.get_by_label("Name", exact=True).fill("Color week")
    words = page.get_by_role("textbox", name="Wording", exact=True)
    words.click()
    page.keyboard.type("Hi ")
    page.get_by_role("button", name="First name").click()
    page.keyboard.type(", color week is on: https://juniper.example/color")
    expect(page.locator("#campaign-preview")).to_contain_text("Reply STOP to opt out, or http")
    page.get_by_label("People by tag").check()
    page.get_by_role("button", name="Balayage").click()

    # Foretold: two get it, one has not agreed.
    told = page.locator("#foretelling")
    expect(told.locator("dd").nth(0)).to_contain_text("2clients")
    expect(told.locator("dd").nth(1)).to_contain_text("1have not agreed to offers")
    expect(told.get_by_role("link", name="Ana Lopez")).to_be_visible()
    assert not Campaign.objects.exists()

    # Tried out on one's own phone.
    page.get_by_label("Your own mobile, for a test").fill("503 555 0171")
    page.get_by_role("button", name="Send me a test").click()
    expect(page.get_by_text("Text sent to (503) 555-0171.")).to_be_visible()
    (test,) = until(lambda: got(world, NORA), what="the test on Nora's phone")
    assert "Hi Nora, color week is on: https://juniper.example/color\nReply STOP" in test

    # A last look, and off it goes, once.
    maya = visit(f"{world.sandbox_url}/?phone=%2B15035550118&with=%2B{NUMBER[1:]}")
    page.get_by_role("button", name="Send…").click()
    look = page.get_by_role("dialog")
    expect(look).to_contain_text("Send it now?")
    expect(look.locator("dd").first).to_contain_text("2clients")
    assert_accessible(page)
    look.get_by_role("button", name="Send now").dblclick()
    expect(maya.locator("#texts p")).to_have_text(
        [
            re.compile(
                r"^Juniper Hair Studio: Hi Maya, color week is on: \S+/l/0\w+\s*"
                r"Reply STOP to opt out, or \S+/o/\w+$"
            )
        ]
    )
    expect(page).to_have_url(re.compile(r"/campaigns/[0-9a-f-]{36}$"))
    link = re.search(r"\S+/l/0\w+", maya.locator("#texts p").inner_text())
    assert link
    assert page.request.get(link[0], max_redirects=0).headers["location"] == "https://juniper.example/color"

    # Nobody reads what they answer: Maya is told where to write, and Leo's STOP holds.
    world.texts_from(MAYA, NUMBER, "When?")
    expect(maya.locator("#texts p").last).to_contain_text("nobody reads answers to this number")
    expect(maya.locator("#texts p").last).to_contain_text("(855) 555-0142")
    until(lambda: got(world, LEO), what="Leo's text")
    world.texts_from(LEO, NUMBER, "STOP")
    figures = page.locator("dl.figures")
    for name, number in (("Delivered", 2), ("Replied", 1), ("Failed", 0), ("Opted out", 1)):
        expect(figures.locator("div", has=page.get_by_text(name, exact=True)).locator("dd")).to_have_text(
            re.compile(f"^{number}\\D")
        )
    assert not Message.objects.filter(direction="in").exists()
    inbox = visit("/inbox", juniper.staff.user)
    expect(inbox.locator(".inbox-list")).to_be_visible()
    expect(inbox.get_by_text("When?")).to_have_count(0)
    # Each once, and the other two nothing.
    sent = [row["to"] for row in world.truth(direction="outbound-api") if "/l/0" in row["body"]]
    assert sorted(sent) == [MAYA, LEO]
