"""The page "Operation" of the back office: who sees it, what it says, and that it keeps itself up to date."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import expect

from parley.businesses import second_factor
from parley.businesses.models import User
from parley.messaging.models import Backfill, Outbox, Standing
from parley.numbers.models import PhoneNumber
from parley.operating.words import lasting
from parley.pulse.beats import LOOPS
from parley.pulse.models import Beat, Tally
from tests.browser import LOOKS, Visit, assert_accessible
from tests.businesses.authenticator import give_second_factor
from tests.operating.test_figures import attempted, event, queued
from tests.people import PASSWORD, House

HERE = "/office/operation/"


@pytest.fixture
def office(db: None) -> Browser:
    """A browser in which the operator has signed in with both factors."""
    operator = User.objects.create_superuser("op@parley.example", PASSWORD, name="Olga Operator")
    give_second_factor(operator)
    browser = Browser()
    browser.force_login(operator)
    kept = browser.session
    kept[second_factor.USED_BY] = operator.pk
    kept.save()
    return browser


def all_loops_run() -> None:
    for loop in LOOPS:
        Beat.objects.create(process="alpha:7:1", loop=loop, told={"memory": 150_000_000, "cpu": 3})


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_only_the_operator_sees_it(client: Browser, juniper: House, office: Browser) -> None:
    for browser, user in (
        (Browser(), None),
        (Browser(), juniper.owner.user),
        (Browser(), User.objects.get(is_staff=True)),
    ):
        if user:
            browser.force_login(user)
        first = browser.get(HERE)
        assert first.status_code in (302, 403), "the second factor is asked for too"
        assert b"Waiting to leave" not in browser.get(HERE, follow=True).content
        # What an open page asks for by itself never leads to a sign-in page inside it.
        again = browser.get(HERE, headers={"HX-Request": "true"})
        assert (again.status_code, again.content, again["HX-Refresh"]) == (200, b"", "true")
    assert b"Waiting to leave" in office.get(HERE).content
    assert HERE.encode() in office.get("/office/").content
    assert office.post(HERE).status_code == 405


def test_what_it_says_when_all_is_well(office: Browser) -> None:
    all_loops_run()
    # A process that ended as it should is not missed where another does its work.
    long_ago = timezone.now() - timedelta(minutes=9)
    Beat.objects.create(process="old:1:1", loop="delivery", beat_at=long_ago, told={"ended": 1})
    said = words(office.get(HERE).content.decode())
    assert "Away for" not in said
    assert "All is well" in said
    assert "150 MB" in said
    assert "Nothing waits." in said
    assert "0 calls under way." in said
    assert "None is under way, and none waits for its time." in said
    assert "went back in time" not in said


def test_what_it_says_when_something_is_not(office: Browser, juniper: House, alder: House) -> None:
    all_loops_run()
    Beat.objects.filter(loop="delivery").update(beat_at=timezone.now() - timedelta(minutes=12))
    Beat.objects.filter(loop="jobs").delete()
    queued(juniper, "Private words", minutes=5)
    queued(alder, "Private words", minutes=500)
    PhoneNumber.objects.filter(pk=alder.number.pk).update(paused="The carrier has suspended it.")
    attempted(juniper, "unknown", 14)
    event("a", 3)
    long_ago = timezone.now() - timedelta(minutes=4)
    Standing.objects.update_or_create(
        only_row=True,
        defaults={
            "house": juniper.business.pk,
            "quarantined_at": long_ago,
            "since": long_ago,
            "trouble": "No log yet.",
        },
    )
    Backfill.objects.create(hour=timezone.now() - timedelta(hours=2), cause="clock", asked=9, found=2)
    Backfill.objects.create(hour=timezone.now() - timedelta(hours=2), cause="gap", asked=9, found=70)
    Backfill.objects.create(hour=timezone.now() - timedelta(hours=30), cause="clock", asked=9, found=500)
    event("b", 30, trouble="it holds no text")
    Tally.objects.bulk_create(
        Tally(name=name, label=label, total=total)
        for name, label, total in (
            ("webhooks", "200", 1234),
            ("webhooks", "503", 2),
            ("webhook_seconds", "0.01", 985),
            ("webhook_seconds", "0.05", 10),
            ("webhook_seconds", "1", 5),
            ("webhook_seconds", "sum", 9.5),
        )
    )
    said = words(office.get(HERE).content.decode())
    for told in (
        "9 things to look at",
        "Texts wait: the database went back in time 4 min ago, and the carrier is asked",
        "what was sent since. No log yet.",
        "2 texts of the last day came without a webhook.",
        "“Sends texts” is not running: seen last 12 min ago. Texts stay in the queue and leave later.",
        "“Emails, pictures, notifications” is not running: seen not in the last day.",
        "1 webhook could not be read.",
        "Nothing leaves from (855) 555-0167: The carrier has suspended it.",
        "What came in 3 min ago is not read yet.",
        "A text that a person wrote has been due for 5 min.",
        "A text has been in doubt for 14 min.",
        "Kept 1,234",
        "Answered 503, could not be kept: the carrier was told to try again 2",
        "99 of 100 answered within 50 ms",
        "twilio text, 30 minutes ago: it holds no text",
        "(855) 555-0142 Juniper Hair Studio",
        "Away for 12 min",
    ):
        assert told in said, told
    # A number that is paused is said to be, and does not make its texts late as well.
    assert "8 h" in said
    assert "Private words" not in said
    assert "+1503" not in said


def test_times_as_people_say_them() -> None:
    for seconds, said in (
        (0.4, "0 s"),
        (119, "119 s"),
        (125, "2 min"),
        (7100, "118 min"),
        (7300, "2 h"),
        (200_000, "2 days"),
    ):
        assert lasting(seconds) == said


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_it_keeps_itself_up_to_date(visit: Visit, juniper: House, alder: House) -> None:
    """On a desk by day and on a phone at night, as whoever is woken sees it."""
    all_loops_run()
    for number in range(3):
        queued(juniper, "x", minutes=number)
    queued(alder, "x", minutes=300, priority=2)
    attempted(juniper, "unknown", 1)
    for size, theme in LOOKS:
        page = visit("/sign-in/", size=size, theme=theme)
        page.get_by_role("button", name="Open as the operator").click()
        page.get_by_role("link", name="Operation").click()
        expect(page.get_by_role("heading", name="Operation", level=1)).to_be_visible()
        expect(page.locator(".standing")).to_contain_text(
            "A text that a person wrote" if size == "desk" else "Sends texts"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert_accessible(page)
        if size == "desk":
            Outbox.objects.all().delete()
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM pulse_reading")
                cursor.execute("DELETE FROM pulse_beat WHERE loop = 'delivery'")
            expect(page.get_by_text("Nothing waits.")).to_be_visible()
            expect(page.locator(".standing")).to_contain_text("Sends texts")
