"""Calls in the browser, while the phones of the pretend world do what people do with them."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from parley.calls.models import Answerer, CallRules, Recording
from parley.messaging.models import Conversation, Message
from tests.browser import Visit, assert_accessible, chromium, visit  # noqa: F401
from tests.calls.conftest import MAYA, NORA_S
from tests.calls.test_with_the_sandbox import Phones
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_calls_from_installing_to_calling_back(
    visit: Visit,  # noqa: F811
    world: World,
    juniper: House,
    settings: Any,
) -> None:
    settings.PUBLIC_URL = world.url
    settings.TWILIO = {"account_sid": world.account_sid, "auth_token": world.auth_token} | dict.fromkeys(
        ("api_url", "messaging_url", "lookups_url"), world.sandbox_url
    )
    world.add_number(juniper.number.number)
    world.start("jobs")
    world.weather(call_pace=0.2)
    phones, ours, nora = Phones(world), juniper.number.number, juniper.owner
    client = juniper.client()
    juniper.business.mode = "calls"
    juniper.business.save(update_fields=["mode"])

    # SMS Settings leads to the app, and the app installs calls.
    app = visit("/settings/sms", nora.user)
    expect(app.get_by_text("Calls aren’t installed yet.")).to_be_visible()
    app.get_by_role("link", name="Install calls").click()
    app.get_by_role("button", name="Install calls").click()
    menu = app.get_by_role("navigation", name="App")
    for item in ("Calls", "Texting", "Voicemail", "Who can answer", "Usage"):
        expect(menu.get_by_role("link", name=item, exact=True)).to_be_visible()
    app.get_by_label("Nora’s phone", exact=True).fill("12")
    app.get_by_role("button", name="Save Nora’s phone").click()
    expect(app.get_by_role("alert")).to_be_visible()
    app.get_by_label("Nora’s phone", exact=True).fill("(503) 555-0190")
    app.get_by_role("button", name="Save Nora’s phone").click()
    expect(app.get_by_role("alert")).to_have_count(0)
    assert_accessible(app)
    assert CallRules.objects.get().installed
    assert Answerer.objects.get().member == nora

    # Maya calls; Nora presses 1; they talk, and a text goes on the same number meanwhile.
    inbox = visit("/inbox", nora.user)
    sid = phones.call(MAYA, ours)
    row = inbox.locator(".conversation").first
    expect(row).to_contain_text("Calling now…")
    row.click()
    call = inbox.locator("[data-kind=call]")
    expect(call.last).to_contain_text("Ringing…")
    ringing = phones.rings(NORA_S)
    phones.act(NORA_S, ringing["sid"], "answer")
    phones.heard(NORA_S, ringing["sid"], "Press 1")
    phones.act(NORA_S, ringing["sid"], "digits", digits="1")
    expect(call.last).to_contain_text("You are on the phone with them")
    world.texts_from(MAYA, ours, "Texting while we talk")
    expect(inbox.locator("#messages")).to_contain_text("Texting while we talk")
    phones.act(MAYA, sid, "hangup")
    expect(call.last).to_contain_text(re.compile(r"Incoming call.*\d:\d\d, you took it", re.S))

    # Nobody answers the second one: a voicemail comes into the open thread and the open list, and is played there.
    app.goto("/apps/calls/voicemail")
    expect(app.get_by_text("No voicemails")).to_be_visible()
    sid = phones.call(MAYA, ours)
    phones.act(NORA_S, phones.rings(NORA_S)["sid"], "decline")
    phones.heard(MAYA, sid, "after the beep")
    phones.act(MAYA, sid, "speak", seconds=3)
    phones.act(MAYA, sid, "hangup", after_speaking=True)
    expect(call).to_have_count(2)
    expect(call.last).to_contain_text("Missed call")
    play = call.last.get_by_role("button", name=re.compile("Play voicemail"))
    expect(play).to_be_visible()
    expect(app.get_by_role("button", name=re.compile("Play voicemail"))).to_be_visible()
    expect(app.get_by_text("No voicemails")).to_have_count(0)
    assert Conversation.objects.get().waiting
    expect(row).to_contain_text("Missed call, voicemail 0:0")
    assert_accessible(inbox)
    play.click()
    expect(call.last.get_by_role("button", name="Pause voicemail")).to_be_visible()
    until(lambda: Recording.objects.filter(heard_at__isnull=False).exists(), what="that it was heard")
    expect(play).to_be_visible()
    expect(call.last.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile(r"of 0:0\d"))

    # She is called back: Nora's own phone rings first, then Maya's, which sees the business's number.
    call.last.get_by_role("link", name="Call back").click()
    dialog = inbox.get_by_role("dialog")
    expect(dialog).to_contain_text("We ring your phone (…90) first")
    assert_accessible(inbox)
    dialog.get_by_role("button", name="Call").click()
    expect(call).to_have_count(3)
    ringing = phones.rings(NORA_S)
    assert ringing["with"] == ours
    phones.act(NORA_S, ringing["sid"], "answer")
    phones.heard(NORA_S, ringing["sid"], "Press 1")
    phones.act(NORA_S, ringing["sid"], "digits", digits="1")
    maya = phones.rings(MAYA)
    assert maya["with"] == ours
    phones.act(MAYA, maya["sid"], "answer")
    expect(call.last).to_contain_text("You are on the phone with them")
    phones.act(MAYA, maya["sid"], "hangup")
    expect(call.last).to_contain_text(re.compile(r"Outgoing call.*you called them", re.S))
    assert not Conversation.objects.get().waiting

    # The app's pages have it all; the voicemail is deleted there.
    for address in ("/apps/calls", "/apps/calls/usage", "/apps/calls/voicemail", f"/clients/{client.pk}"):
        app.goto(address)
        expect(app.get_by_role("heading", level=1)).to_be_visible()
        assert_accessible(app)
        _shoot(app, address)
    _shoot(inbox, "/thread")
    phone = visit(f"/inbox/{Conversation.objects.get().pk}", nora.user, size="phone", theme="dark")
    expect(phone.locator("[data-kind=call]")).to_have_count(3)
    assert_accessible(phone)
    _shoot(phone, "/thread-phone")
    for address in ("/apps/calls", "/apps/calls/answerers", "/apps/calls/voicemail"):
        phone.goto(address)
        assert_accessible(phone)
        _shoot(phone, f"{address}-phone")
    app.goto("/apps/calls/voicemail")
    app.get_by_role("link", name="Delete the voicemail from Maya Okafor").click()
    app.get_by_role("button", name="Delete voicemail").click()
    expect(inbox.locator("#messages")).to_contain_text("The voicemail was deleted.")
    assert Recording.objects.get().content is None
    assert Message.objects.filter(channel="sms", body="Texting while we talk").exists()


def _shoot(page: Any, name: str) -> None:
    """A picture for whoever wants to look (PARLEY_SHOTS: a folder)."""
    if folder := os.environ.get("PARLEY_SHOTS"):
        page.screenshot(path=f"{folder}/{name.strip('/').replace('/', '-')}.png")
