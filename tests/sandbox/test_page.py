"""The page and the mailbox in a real browser: live, safe, accessible, at desk and phone size, by day and night."""

from __future__ import annotations

import json
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.sandbox.conftest import LANDLINE, LOCAL, MAYA, OURS, Receiver, Sandbox, wait_for
from tests.waiting import SECONDS
from tests.world import CHROMIUM

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><b>bold</b> " + "w" * 300


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM)
        yield browser
        browser.close()


@contextmanager
def a_page(browser: Browser, url: str, *, width: int = 1440, dark: bool = False) -> Iterator[Page]:
    """The page, connected. Fails on any script error or breach of the content security policy."""
    context = browser.new_context(
        viewport={"width": width, "height": 900 if width > 500 else 844},
        color_scheme="dark" if dark else "light",
        has_touch=width < 500,
        locale="en-US",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(1000 * SECONDS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(url)
    page.wait_for_selector("#live[data-tone=good]")
    yield page
    context.close()
    # A mail's frame says so when it keeps a script from running, and a refused wish is shown to the person.
    expected = ("frame is sandboxed", "status of 400")
    assert [words for words in wrong if not any(part in words for part in expected)] == []


def texts(page: Page) -> Locator:
    return page.locator("#texts p")


def verification(sandbox: Sandbox, name: str = "Alder Physio Clinic Inc.") -> str:
    """A number of the account whose verification waits; the verification's sid."""
    number = sandbox.rest("POST", "IncomingPhoneNumbers.json", {"AreaCode": "866"}).json()
    answer = sandbox.rest(
        "POST",
        "/v1/Tollfree/Verifications",
        {
            "BusinessName": name,
            "BusinessWebsite": "https://alder.example",
            "NotificationEmail": "a@alder.example",
            "UseCaseCategories": ["CUSTOMER_CARE", "ACCOUNT_NOTIFICATIONS"],
            "UseCaseSummary": "Appointments",
            "ProductionMessageSample": "Your visit is at 2:45 PM.",
            "OptInImageUrls": "https://alder.example/i.png",
            "OptInType": "WEB_FORM",
            "MessageVolume": "1,000",
            "BusinessRegistrationNumber": "80000 0000 RC0001",
            "BusinessCountry": "CA",
            "TollfreePhoneNumberSid": number["sid"],
        },
    )
    sid: str = answer.json()["sid"]
    return sid


@pytest.fixture
def tidy(sandbox: Sandbox) -> Iterator[Sandbox]:
    """Verifications and their numbers do not stay for the next test."""
    yield sandbox
    for number in sandbox.own("GET", "world").json()["numbers"]:
        if number["phone_number"] not in (OURS, LOCAL):
            sandbox.rest("DELETE", f"IncomingPhoneNumbers/{number['sid']}.json")
    for one in sandbox.own("GET", "verifications").json()["verifications"]:
        sandbox.rest("DELETE", f"/v1/Tollfree/Verifications/{one['sid']}")


def test_a_conversation_without_reload(browser: Browser, sandbox: Sandbox) -> None:
    with a_page(browser, sandbox.url) as page:
        page.get_by_label("Phone", exact=True).select_option(MAYA)
        expect(page.locator("#partner-name")).to_have_text("Juniper Hair Studio")
        expect(page.locator("#texts")).to_contain_text("Nothing here yet")
        sandbox.send(body="Of course, moved you along a bit.")
        expect(texts(page)).to_have_text(["Of course, moved you along a bit."])
        page.get_by_label("Text message as Maya").fill("You’re the best 💚")
        page.get_by_label("Send as Maya").click()
        expect(page.locator("#texts .mine")).to_have_text(["You’re the best 💚"])
        expect(page.get_by_label("Text message as Maya")).to_have_value("")
        page.get_by_role("button", name="Reply C").click()
        expect(texts(page)).to_have_count(3)
        page.get_by_role("button", name="Send a photo").click()
        expect(page.locator("#texts img")).to_have_js_property("naturalWidth", 640)
        page.get_by_role("button", name="Reply STOP").click()
        expect(texts(page).last).to_contain_text("NETWORK MSG")
        expect(page.locator("#log tr")).to_have_count(6)
        page.reload()
        expect(texts(page)).to_have_count(6)


def test_a_call_from_the_phone_and_one_to_it(browser: Browser, sandbox: Sandbox, receiver: Receiver) -> None:
    number = {"phone_number": OURS, "voice_url": f"{receiver.url}/voice"}
    sandbox.own("PUT", "world", {"numbers": [number]})
    sandbox.weather(call_pace=0.02)
    receiver.says["/voice"] = (
        "<Response><Gather action='/menu' numDigits='1' timeout='90000'>"
        f"<Say>{HOSTILE.replace('<', '&lt;')}</Say></Gather></Response>"
    )
    receiver.says["/menu"] = (
        "<Response><Say>Speak.</Say><Record action='/recorded' timeout='150'/></Response>"
    )
    receiver.says["/recorded"] = "<Response><Pause length='90000'/></Response>"
    with a_page(browser, f"{sandbox.url}/?phone=%2B15035550118&with=%2B18555550142", width=390) as page:
        panel = page.get_by_role("region", name="Call")
        page.get_by_role("button", name="Call", exact=True).click()
        expect(panel.locator("#call-state")).to_have_text("Connected")
        expect(panel.get_by_text(HOSTILE)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        judge(page)
        panel.get_by_role("button", name="5", exact=True).click()
        expect(panel.get_by_text("Beep.")).to_be_visible()
        panel.get_by_role("button", name="Speak 5 s").click()
        wait_for(lambda: receiver.at("/recorded"))
        assert (
            receiver.at("/menu")[0].form["Digits"],
            receiver.at("/recorded")[0].form["RecordingDuration"],
        ) == (
            "5",
            "5",
        )
        panel.get_by_role("button", name="Hang up").click()
        expect(panel).to_be_hidden()
        expect(page.locator("#last-call")).to_have_text("The last call, to Juniper Hair Studio, ended.")
        page.get_by_role("button", name="Call and leave voicemail").click()
        receiver.says["/voice"] = receiver.says["/menu"]
        panel.get_by_role("button", name="Hang up").click()
        expect(panel).to_be_hidden()
        page.get_by_role("button", name="Call and leave voicemail").click()
        wait_for(lambda: len(receiver.at("/recorded")) == 2)
        assert receiver.at("/recorded")[1].form["Digits"] == "hangup"
        expect(panel).to_be_hidden()

        form = {"To": MAYA, "From": OURS, "Timeout": "600", "Twiml": "<Response><Say>Hi</Say></Response>"}
        sandbox.rest("POST", "Calls.json", form)
        expect(panel.locator("#call-state")).to_have_text("Incoming call")
        expect(panel.locator("#call-who")).to_have_text("Juniper Hair Studio")
        panel.get_by_role("button", name="Decline").click()
        expect(page.locator("#last-call")).to_have_text(
            "The last call, from Juniper Hair Studio, was declined."
        )
        sandbox.rest("POST", "Calls.json", form)
        panel.get_by_role("button", name="Answer").click()
        expect(page.locator("#log tr").first).to_contain_text("completed")
        sandbox.rest("POST", "Calls.json", {**form, "To": LANDLINE})
        page.get_by_role("button", name="The old phone rings").click()
        panel.get_by_role("button", name="Answer").click()
        expect(page.locator("#last-call")).to_have_text("The last call, from Juniper Hair Studio, ended.")
        page.get_by_label("Phone", exact=True).select_option(MAYA)
        page.get_by_label("When called").select_option("It is busy")
        wait_for(lambda: sandbox.own("GET", f"handsets/{MAYA}").json()["when_called"] == "busy")
        page.get_by_label("Hides its number").check()
        wait_for(lambda: sandbox.own("GET", f"handsets/{MAYA}").json()["withheld"])
    sandbox.own(
        "PUT", "world", {"handsets": [{"phone_number": MAYA, "when_called": "rings", "withheld": False}]}
    )


def test_words_from_outside_stay_words(browser: Browser, tidy: Sandbox) -> None:
    verification(tidy, HOSTILE)
    with a_page(browser, f"{tidy.url}/?phone=%2B15035550118", width=390) as page:
        tidy.send(body=HOSTILE)
        tidy.text(HOSTILE)
        expect(texts(page)).to_have_text([HOSTILE, HOSTILE])
        expect(page.locator("#log td.words").first).to_have_text(HOSTILE)
        expect(page.locator(".application b")).to_have_text(HOSTILE)
        assert page.title() == "Carrier simulator · Parley"
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_new_number_and_another_partner(browser: Browser, sandbox: Sandbox) -> None:
    sandbox.ended(sandbox.send(sender=LOCAL, body="From the river").json()["sid"])
    with a_page(browser, sandbox.url) as page:
        page.get_by_label("Phone", exact=True).select_option(MAYA)
        expect(texts(page)).to_have_text(["From the river"])
        page.get_by_label("Texting with").select_option(OURS)
        expect(texts(page)).to_have_count(0)
        before = page.get_by_label("Phone", exact=True).input_value()
        page.get_by_label("Phone", exact=True).select_option("new")
        page.wait_for_function(
            "before => ![before, 'new'].includes(document.querySelector('#phone').value)", arg=before
        )
        page.locator("#words").fill("Do you take new clients?")
        page.keyboard.press("Enter")
        expect(texts(page)).to_have_text(["Do you take new clients?"])
        fresh = page.get_by_label("Phone", exact=True).input_value()
    assert [(row["from"], row["to"]) for row in sandbox.truth(direction="inbound")] == [(fresh, OURS)]


def test_the_verification_desk(browser: Browser, tidy: Sandbox) -> None:
    with a_page(browser, tidy.url) as page:
        expect(page.locator("#desk")).to_have_text("Nobody is waiting to be verified.")
        sid = verification(tidy)
        application = page.locator(".application")
        expect(application).to_contain_text("Alder Physio Clinic Inc.")
        expect(application).to_contain_text("Canada")
        expect(application).to_contain_text("Day 1 of 42.")
        expect(application).to_contain_text("80000 0000 RC0001")
        expect(application).to_contain_text("Customer care, Account notifications")
        expect(page.locator("#waiting")).to_have_text("1")
        page.get_by_role("button", name="Approve").click()
        expect(page.locator("#desk .notice")).to_contain_text("Approved.")
        page.get_by_role("button", name="Take it back").click()
        page.get_by_label("Reason to reject").select_option(label="Website has no opt-in")
        page.get_by_role("button", name="Reject").click()
        expect(page.locator("#desk .notice")).to_contain_text("The website does not show how people agree")
        expect(page.locator("#waiting")).to_be_hidden()
        assert tidy.rest("GET", f"/v1/Tollfree/Verifications/{sid}").json()["status"] == "TWILIO_REJECTED"


def test_the_weather_form(browser: Browser, sandbox: Sandbox) -> None:
    def weather() -> Any:
        return sandbox.own("GET", "weather").json()

    with a_page(browser, sandbox.url) as page:
        page.get_by_label("Delivery takes").select_option("30 seconds")
        wait_for(lambda: weather()["delivery_seconds"] == [25, 35])
        page.get_by_label("Of 100 messages, fail").fill("3")
        page.get_by_label("Of 100 messages, fail").blur()
        wait_for(lambda: weather()["fail_share"] == 0.03)
        page.get_by_label("The next message").select_option("Arrives twice")
        wait_for(lambda: weather()["next"] == "twice")
        sandbox.send()
        expect(page.get_by_label("The next message")).to_have_value("")
        page.get_by_text("Storms").click()
        page.get_by_label("Turned away: too many").fill("70")
        page.get_by_label("No answer at all").fill("70")
        page.get_by_label("No answer at all").blur()
        expect(page.locator("#weather-problem")).to_contain_text("add up to more than 1")
        page.get_by_label("The carrier").select_option("Is down: refuses everything")
        wait_for(lambda: weather()["down"] == "refuse")
        page.get_by_role("button", name="Fine weather").click()
        wait_for(lambda: weather()["down"] == "")
        expect(page.get_by_label("Turned away: too many")).to_have_value("0")
        sandbox.weather(delivery_seconds=[4, 5])
        expect(page.locator("#delay option:checked")).to_have_text("4 to 5 seconds")


def test_the_page_finds_back_after_a_restart(browser: Browser, own_sandbox: Sandbox) -> None:
    ports = {
        "PARLEY_SANDBOX_PORT": str(own_sandbox.ports["port"]),
        "PARLEY_MAILBOX_PORT": str(own_sandbox.ports["mailbox_port"]),
        "PARLEY_SMTP_PORT": str(own_sandbox.ports["smtp_port"]),
    }
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto(f"{own_sandbox.url}/?phone=%2B15035550118")
    page.wait_for_selector("#live[data-tone=good]")
    own_sandbox.stop()
    expect(page.locator("#live")).to_contain_text("Connection lost")
    own_sandbox.start(**ports)
    own_sandbox.ended(own_sandbox.send(body="While you were away").json()["sid"])
    expect(page.locator("#live")).to_have_text("Live")
    expect(texts(page)).to_have_text(["While you were away"])
    context.close()


def test_the_example_works_as_it_stands(browser: Browser, sandbox: Sandbox) -> None:
    with a_page(browser, sandbox.url) as page:
        program = page.locator("#example").inner_text()
    done = subprocess.run(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "queued"
    assert sandbox.truth()[0]["body"] == "Hello from the official library"


def test_mails_appear_and_open(browser: Browser, sandbox: Sandbox) -> None:
    url = sandbox.ports["mailbox"]
    sandbox.http.delete(f"{url}/api/mails", timeout=10)
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "hi@juniper.example", "maya@example.com", HOSTILE
    mail.set_content(HOSTILE)
    mail.add_alternative("<p>caged</p><script>parent.document.title = 'owned'</script>", subtype="html")
    with a_page(browser, url, width=390) as page:
        expect(page.get_by_text("No mails yet.")).to_be_visible()
        with smtplib.SMTP("127.0.0.1", sandbox.ports["smtp_port"], timeout=10) as server:
            server.send_message(mail)
        page.locator(".mails button").click()
        expect(page.locator("#open h2")).to_have_text(HOSTILE)
        expect(page.locator("#open pre")).to_have_text(HOSTILE)
        expect(page.frame_locator("#open iframe").get_by_text("caged")).to_be_visible()
        assert page.title() == "Mailbox · Parley"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("button", name="Empty the mailbox").click()
        expect(page.get_by_text("No mails yet.")).to_be_visible()
        expect(page.locator("#open")).to_have_text("Pick a mail to read it.")


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (390, True)], ids=["desk-light", "phone-dark"])
def test_axe_finds_nothing(browser: Browser, tidy: Sandbox, width: int, dark: bool) -> None:
    first, _ = verification(tidy), verification(tidy, "Birch Dental")
    rejected = verification(tidy, "Cedar Yoga")
    tidy.own("POST", f"verifications/{first}/approve")
    tidy.own("POST", f"verifications/{rejected}/reject", {"reason": "opt_in"})
    tidy.ended(tidy.send().json()["sid"])
    tidy.text("", media=["sample"])
    tidy.text("STOP")
    tidy.weather(next="unreachable", delivery_seconds=[0, 0])
    tidy.ended(tidy.send(sender=LOCAL).json()["sid"])
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "hi@juniper.example", "maya@example.com", "Your visit"
    mail.set_content("Hello")
    mail.add_alternative("<html lang=en><title>Hello</title><p>Hello</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", tidy.ports["smtp_port"], timeout=10) as server:
        server.send_message(mail)
    with a_page(
        browser, f"{tidy.url}/?phone=%2B15035550118&with=%2B18555550142", width=width, dark=dark
    ) as page:
        expect(page.locator("#log tr")).to_have_count(5)
        page.get_by_text("Storms").click()
        judge(page)
    with a_page(browser, tidy.url, width=width, dark=dark) as page:
        page.get_by_label("Phone", exact=True).select_option("new")
        expect(page.locator("#texts")).to_contain_text("Nothing here yet")
        judge(page)
    with a_page(browser, tidy.ports["mailbox"], width=width, dark=dark) as page:
        page.locator(".mails button").first.click()
        expect(page.locator("#open h2")).to_have_text("Your visit")
        judge(page)


def judge(page: Page) -> None:
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, options=rules).response["violations"]
    assert found == [], json.dumps(
        [(one["id"], [node["html"] for node in one["nodes"]]) for one in found], indent=1
    )
