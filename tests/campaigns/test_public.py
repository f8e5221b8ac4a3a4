"""What whoever got a campaign's text opens: short links, and their own page."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection, connections
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import Page, expect

from parley.campaigns import clock, counting, tokens, wording
from parley.campaigns.models import Campaign, Change, Click, Link, Recipient
from parley.campaigns.public import POLICY
from parley.campaigns.words import WORDS
from parley.clients.models import Consent, Handset
from parley.messaging import sending
from parley.messaging.models import Message, Outbox
from parley.quota.models import Balance
from parley.sms import segments
from tests.browser import Visit, assert_accessible, chromium, visit  # noqa: F401
from tests.campaigns.conftest import Make, begin, people, states
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)

PHONE_AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Safari/604.1"
)
SHOTS = os.environ.get("PARLEY_TEST_SHOTS")


@pytest.fixture(autouse=True)
def _nobody_was_here(db: None) -> None:
    cache.clear()


@pytest.fixture
def tap() -> Browser:
    """A client's phone."""
    return Browser(headers={"User-Agent": PHONE_AGENT})


def texted(
    house: House, make: Make, number: int = 1, wording: str = "See https://juniper.example/a."
) -> list[Recipient]:
    """So many clients, each with a campaign's text that waits its turn."""
    people(house, number)
    one = begin(make(wording), house)
    clock.write_some()
    found = list(Recipient.objects.filter(campaign=one).order_by("phone"))
    assert {each.state for each in found} == {"queued"}
    return found


def page_of(recipient: Recipient) -> str:
    return f"/o/{tokens.token_of(recipient.pk)}"


def link_of(recipient: Recipient, place: int = 0) -> str:
    return f"/l/{place}{tokens.token_of(recipient.pk)}"


def clicks() -> int:
    """Counts, and tells what the links say."""
    while counting.count_some():
        pass
    return sum(Link.objects.values_list("clicks", flat=True))


# ---- Short links


def test_a_link_leads_on_and_counts_each_person_once(
    tap: Browser, juniper: House, campaign: Make, django_assert_num_queries
) -> None:
    first, second = texted(juniper, campaign, 2)
    text = Message.objects.get(pk=first.message_id).body
    assert tokens.short_link(first.pk, 0) in text
    assert tokens.own_page(first.pk) in text
    answer = tap.get(link_of(first))
    assert (answer.status_code, answer["Location"]) == (302, "https://juniper.example/a")
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert "no-store" in answer["Cache-Control"]
    assert answer.content == b""
    # No word of whoever asks changes where it leads.
    assert tap.get(link_of(first) + "?next=https://evil.example")["Location"] == "https://juniper.example/a"
    assert clicks() == 1
    with django_assert_num_queries(1):
        assert tap.get(link_of(first)).status_code == 302
    tap.get(link_of(second))
    assert clicks() == 2
    assert Click.objects.count() == 2
    first.refresh_from_db()
    assert first.clicked_at


FETCHED = [
    {"User-Agent": f"{PHONE_AGENT} facebookexternalhit/1.1 Facebot Twitterbot/1.0"},
    {"User-Agent": "GoogleMessages/1.0"},
    {"User-Agent": "WhatsApp/2.23.18.78 i"},
    {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
    {"User-Agent": "curl/8.5.0"},
    {"User-Agent": "python-requests/2.32"},
    {"User-Agent": ""},
    {"User-Agent": PHONE_AGENT, "Sec-Purpose": "prefetch;prerender"},
    {"User-Agent": PHONE_AGENT, "Purpose": "prefetch"},
    {"User-Agent": PHONE_AGENT, "X-Purpose": "preview"},
    {"User-Agent": PHONE_AGENT, "Sec-Fetch-Mode": "cors"},
]
TAPPED = [
    {"User-Agent": PHONE_AGENT},
    {"User-Agent": PHONE_AGENT, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-User": "?1"},
    {
        "User-Agent": "Mozilla/5.0 (Linux; Android 14; CUBOT P80) AppleWebKit/537.36 Chrome/131.0 Mobile Safari"
    },
    {
        "User-Agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/131.0 Mobile [FB_IAB/FB4A]"
    },
]


def test_what_nobody_tapped_is_led_on_and_not_counted(juniper: House, campaign: Make) -> None:
    recipients = texted(juniper, campaign, len(TAPPED))
    address = link_of(recipients[0])
    for headers in FETCHED:
        assert Browser().get(address, headers=headers).status_code == 302
    assert Browser().head(address, headers={"User-Agent": PHONE_AGENT}).status_code == 302
    # The business's own people read what was sent.
    member = Browser(headers={"User-Agent": PHONE_AGENT})
    member.force_login(juniper.staff.user)
    assert member.get(address).status_code == 302
    assert not Change.objects.filter(what="clicked").exists()
    for recipient, headers in zip(recipients, TAPPED, strict=True):
        Browser().get(link_of(recipient), headers=headers)
    assert clicks() == len(TAPPED)


def test_an_address_with_a_detail_in_it_stays_whole(tap: Browser, juniper: House, campaign: Make) -> None:
    """A short link with a name behind it would be nobody's."""
    wording = (
        "https://juniper.example/a and https://juniper.example/a?for={{ client.first_name }} "
        "{% if client.first_name %}https://juniper.example/{% endif %}{{ client.first_name }}!"
    )
    (recipient,) = texted(juniper, campaign, wording=wording)
    assert list(Link.objects.values_list("url", flat=True)) == ["https://juniper.example/a"]
    text = Message.objects.get(pk=recipient.message_id).body
    short = tokens.short_link(recipient.pk, 0)
    assert f"{short} and https://juniper.example/a?for=Client0 https://juniper.example/Client0!" in text
    assert tap.get(link_of(recipient))["Location"] == "https://juniper.example/a"


def test_a_link_leads_nowhere_else(tap: Browser, juniper: House, alder: House, campaign: Make) -> None:
    (recipient,) = texted(juniper, campaign)
    token = tokens.token_of(recipient.pk)
    for end in (f"1{token}", f"x{token}", f"²{token}", token, f"0{token}x", "0", f"00{token}"):
        answer = tap.get(f"/l/{end}")
        assert answer.status_code == 404, end
        assert "Juniper" not in answer.content.decode()
    for place, url in enumerate(
        (
            "javascript:alert(1)",
            "//evil.example/x",
            "ftp://juniper.example",
            "http://",
            "https://[::1",
            "/inbox",
        ),
        1,
    ):
        Link.objects.create(
            business=juniper.business, campaign_id=recipient.campaign_id, place=place, url=url
        )
        assert tap.get(link_of(recipient, place)).status_code == 404, url
    Link.objects.create(
        business=juniper.business,
        campaign_id=recipient.campaign_id,
        place=8,
        url="https://exämple.example/ü?q=é\r\nX: y",
    )
    assert (
        tap.get(link_of(recipient, 8))["Location"]
        == "https://ex%C3%A4mple.example/%C3%BC?q=%C3%A9%0D%0AX:%20y"
    )
    # The same place of another campaign is another's.
    other = Campaign.objects.create(business=alder.business, name="x", changed_at=timezone.now())
    Link.objects.create(business=alder.business, campaign=other, place=9, url="https://alder.example")
    assert tap.get(link_of(recipient, 9)).status_code == 404


def test_whoever_opens_it_without_end_is_led_on_and_counted_once(
    tap: Browser, juniper: House, campaign: Make, django_assert_num_queries
) -> None:
    first, second = texted(juniper, campaign, 2)
    # The link, and one statement in a transaction.
    with django_assert_num_queries(4):
        tap.get(link_of(first))
    for _ in range(5):
        assert tap.get(link_of(first)).status_code == 302
    tap.get(link_of(second))
    assert Change.objects.filter(what="clicked").count() == 2
    assert clicks() == 2
    tap.get(link_of(first))
    assert not Change.objects.filter(what="clicked").exists()


# ---- A recipient's own page


def test_the_page_tells_what_they_agreed_to_and_nobodys_name(
    juniper: House, campaign: Make, django_assert_num_queries
) -> None:
    (recipient,) = texted(juniper, campaign)
    before = Consent.objects.count()
    with django_assert_num_queries(3):
        answer = Browser().get(page_of(recipient), headers={"User-Agent": "GoogleMessages"})
    html = answer.content.decode()
    day = f"{timezone.now().astimezone(juniper.business.zone):%B %-d, %Y}"
    for words in (
        "Juniper Hair Studio",
        "You agreed to offers",
        f"{day}, on a web form",
        "Stop offers",
        "Stop all texts",
    ):
        assert words in html
    for words in ("Client0", "555", "Yes, offers", "Inbox", "csrf", "Sign in"):
        assert words not in html
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Content-Security-Policy"] == POLICY
    Browser().head(page_of(recipient))
    Browser().get(page_of(recipient) + "?stop=all")
    assert Consent.objects.count() == before
    assert states(recipient.campaign) == {"queued": 1}


def test_what_is_stopped_is_stopped_at_its_answer(juniper: House, campaign: Make) -> None:
    first, second, third = texted(juniper, campaign, 3)
    for recipient in (first, second):
        client = recipient.client
        sending.send_automatic(
            juniper.business,
            client,
            kind=Message.Kind.TRANSACTIONAL,
            title="Reminder",
            body="At 2",
            key=uuid4(),
        )
    left = Balance.objects.get().left
    # Without a cookie, for some phones refuse them.
    strict = Browser(enforce_csrf_checks=True)
    assert strict.post(page_of(first), {"stop": "offers"})["Location"] == page_of(first)
    assert strict.post(page_of(second), {"stop": "all"}).status_code == 302
    queued = {(row.recipient, row.priority) for row in Outbox.objects.all()}
    assert queued == {(first.phone, 1), (third.phone, 2)}
    assert Balance.objects.get().left == left + first.segments + second.segments + 1
    lines = [
        (line.phone, line.category, line.says, line.how, line.words, line.our_number, line.by_name)
        for line in Consent.objects.filter(says="refused").order_by("id")
    ]
    assert lines == [
        (first.phone, "marketing", "refused", "web_form", "Stop offers", "", ""),
        (second.phone, "all", "refused", "web_form", "Stop all texts", "", ""),
    ]
    assert states(first.campaign) == {"queued": 1, "skipped:opted_out": 2}
    for recipient in (first, second):
        recipient.refresh_from_db()
        assert recipient.opted_out_at
    # Opened again, it says what holds; pressed again (an old page), nothing is added.
    html = strict.get(page_of(first)).content.decode()
    for words in (
        "sends you no more offers",
        "You stopped them",
        "Text START to (855) 555-0142, then ask",
        "Stop all texts",
    ):
        assert words in html
    assert "Stop offers" not in html
    html = strict.get(page_of(second)).content.decode()
    assert "sends you no more texts" in html
    assert "Text START to (855) 555-0142." in html
    assert "<button" not in html
    for recipient, stop in ((first, "offers"), (second, "offers"), (second, "all")):
        strict.post(page_of(recipient), {"stop": stop})
    assert Consent.objects.filter(says="refused").count() == 2
    # Less is stopped, then all.
    strict.post(page_of(first), {"stop": "all"})
    assert Handset.objects.get(phone=first.phone).service == "refused"
    assert {row.recipient for row in Outbox.objects.all()} == {third.phone}
    assert strict.post(page_of(third), {"stop": "everything"}).status_code == 404
    assert strict.post(page_of(third)).status_code == 404


def test_two_at_once_say_it_once(juniper: House, campaign: Make) -> None:
    (recipient,) = texted(juniper, campaign)

    def press(_: int) -> int:
        try:
            return Browser().post(page_of(recipient), {"stop": "all"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(press, range(4))) == {302}
    assert Consent.objects.filter(says="refused").count() == 1
    assert not Outbox.objects.exists()


def test_it_is_about_the_number_that_got_the_text(juniper: House, alder: House, campaign: Make) -> None:
    """Not about the card, which may have another number by now; nor about another business's client with this one."""
    first, second = texted(juniper, campaign, 2)
    moved = first.client
    moved.phone = "+15035559999"
    moved.save()
    somebody = alder.client(phone=first.phone)
    Browser().post(page_of(first), {"stop": "all"})
    assert Handset.objects.get(business=juniper.business, phone=first.phone).service == "refused"
    assert not Handset.objects.filter(phone="+15035559999").exists()
    moved.refresh_from_db()
    somebody.refresh_from_db()
    assert (moved.texting, somebody.texting) == ("ok", "ok")
    # Whoever has the number next at this business is not texted either.
    assert (
        juniper.client("Next", phone=first.phone).__class__.objects.get(first_name="Next").texting
        == "stopped"
    )
    # Without a number of its own the business is reached by the one that the text came from.
    juniper.number.delete()
    Browser().post(page_of(second), {"stop": "all"})
    assert "Text START to (844) 555-0110." in Browser().get(page_of(second)).content.decode()
    assert Consent.objects.filter(phone=second.phone, says="refused").get().our_number == "+18445550110"
    second.client.delete()
    assert Browser().get(page_of(second)).status_code == 404


def test_nobody_elses_token_opens_it(juniper: House, campaign: Make) -> None:
    (recipient,) = texted(juniper, campaign)
    token = tokens.token_of(recipient.pk)
    wrong = token[:-1] + ("a" if token[-1] != "a" else "b")
    for end in (
        wrong,
        f"0{token}",
        tokens.token_of(recipient.pk + 1),
        tokens.token_of(wording.SOMEBODY),
        "x",
    ):
        for answer in (Browser().get(f"/o/{end}"), Browser().post(f"/o/{end}", {"stop": "all"})):
            assert answer.status_code == 404
            assert "reply STOP to any of them" in answer.content.decode()
    # Even once there are so many recipients that one has the number of tries.
    Recipient.objects.filter(pk=recipient.pk).update(id=wording.SOMEBODY)
    assert Browser().post(f"/o/{tokens.token_of(wording.SOMEBODY)}", {"stop": "all"}).status_code == 404
    french = Browser().get("/o/x", headers={"Accept-Language": "fr-CA"}).content.decode()
    assert WORDS["fr"]["missing"] in french


def test_it_speaks_their_language(juniper: House, campaign: Make) -> None:
    assert all(set(words) == set(WORDS["en"]) for words in WORDS.values())
    (recipient,) = texted(juniper, campaign)
    for own, of_business, language in (("", "", "en"), ("", "es", "es"), ("fr", "es", "fr")):
        client = recipient.client
        client.language = own
        client.save()
        juniper.business.language = of_business
        juniper.business.save()
        html = Browser().get(page_of(recipient)).content.decode()
        assert f'<html lang="{language}">' in html
        assert WORDS[language]["offers"] in html
    Browser().post(page_of(recipient), {"stop": "all"})
    assert Consent.objects.filter(says="refused").get().words == "Arrêter tous les textos"


def test_it_is_limited_and_says_so_while_the_database_is_away(juniper: House, campaign: Make) -> None:
    first, second = texted(juniper, campaign, 2)
    codes = [Browser().post(page_of(first), {"stop": "all"}).status_code for _ in range(31)]
    assert codes == [302] * 30 + [429]
    assert Browser().get(page_of(first)).status_code == 200
    assert Browser().post(page_of(second), {"stop": "offers"}).status_code == 302

    def away(*_: object) -> None:
        raise OperationalError

    with connection.execute_wrapper(away):
        for answer in (Browser().get(page_of(first)), Browser().get(link_of(first))):
            assert (answer.status_code, answer["Retry-After"]) == (503, "5")
            assert "Try again in a moment" in answer.content.decode()
            assert "Parley" not in answer.content.decode()


# ---- The words that lead there


def test_a_usual_offer_is_one_segment_with_the_ways_out(juniper: House, campaign: Make, settings) -> None:
    settings.PUBLIC_URL = "https://texts.juniper-hair.com"
    assert len(settings.PUBLIC_URL) == 30
    juniper.business.name = "Juniper Hair Studios"
    juniper.business.save()
    maya = juniper.client()
    words = "Color week is Dec 1 to 6: 20 percent off for all who book it"
    assert (len(juniper.business.name), len(words)) == (20, 60)
    draft = wording.of(campaign(words))
    for language in wording.WAYS_OUT:
        maya.language = language
        body = draft.compose(maya)
        assert "STOP" in body.rpartition("\n")[2]
        counted = segments.count(body)
        assert (counted.encoding, counted.segments) == ("GSM-7", 1), (language, len(body))


# ---- As a person sees it


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.mark.browser
def test_stopping_offers_on_a_phone(visit: Visit, juniper: House, campaign: Make) -> None:  # noqa: F811
    (recipient,) = texted(juniper, campaign)
    type(recipient.client).objects.filter(pk=recipient.client_id).update(language="fr")
    page = visit(page_of(recipient), size="phone", theme="dark")
    expect(page.get_by_role("button", name="Arrêter tous les textos")).to_be_visible()
    assert_accessible(page)
    shoot(page, "own-page-phone-dark")
    page.get_by_role("button", name="Arrêter les offres").click()
    expect(page.get_by_role("status")).to_contain_text("ne vous envoie plus d’offres")
    assert_accessible(page)
    shoot(page, "own-page-phone-dark-stopped")
    type(recipient.client).objects.filter(pk=recipient.client_id).update(language="en")
    desk = visit(page_of(recipient))
    assert_accessible(desk)
    shoot(desk, "own-page-desk-stopped")
    desk.get_by_role("button", name="Stop all texts").click()
    expect(desk.get_by_role("status")).to_contain_text("sends you no more texts")
    shoot(desk, "own-page-desk-all")
    desk.goto("/o/nothing")
    expect(desk.get_by_role("heading", name="This page isn’t here")).to_be_visible()
    shoot(desk, "own-page-missing")
