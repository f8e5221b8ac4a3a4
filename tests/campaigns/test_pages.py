"""The list of campaigns, one as it goes, and everybody in it: what they say, to whom, and at what cost."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from parley.businesses.models import Member
from parley.campaigns import clock, counting, figures
from parley.campaigns.models import Campaign, Change, Link, Recipient
from parley.messaging.models import Message
from parley.numbers.models import PhoneNumber
from tests.campaigns.conftest import Make, begin, people, states
from tests.inbox.conftest import FRAME, SIGNED_IN, names
from tests.people import House

# The list: its campaigns, and what is counted of them.
LIST = 2
# One as it goes: itself, its counts, its links, how it gets on, its minutes, the number that replies are told.
ONE = 6
# Everybody in it: the campaign, its counts, a page of people, why their texts did not arrive.
PEOPLE = 4


def enter(member: Member) -> Browser:
    browser = Browser()
    browser.force_login(member.user)
    return browser


@pytest.fixture
def nora(juniper: House) -> Browser:
    """The owner's browser."""
    return enter(juniper.owner)


@contextmanager
def costs(number: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as queries:
        yield
    assert len(queries) == number, [query["sql"][:120] for query in queries]


def words(browser: Browser, address: str, **more: Any) -> str:
    """What a page says, without its markup."""
    response = browser.get(address, **more)
    assert response.status_code == 200, response
    text = re.sub(r"<(script|style).*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def page_of(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.pk}"


def became(campaign: Campaign, state: str, number: int, code: str = "") -> None:
    """So many of the texts on their way come to this; and it is counted."""
    on_the_way = Message.objects.filter(kind="marketing", state="queued", title=campaign.name)
    ids = list(on_the_way.values_list("pk", flat=True)[:number])
    Message.objects.filter(pk__in=ids).update(
        state=state, code=code, changed_at=timezone.now(), reason="It is a landline." if code else ""
    )
    states(campaign)


def did(campaign: Campaign, what: str, number: int) -> list[Recipient]:
    """So many of those who got it did something; and it is counted."""
    got = list(Recipient.objects.filter(campaign=campaign, state="delivered").order_by("place")[:number])
    link = Link.objects.filter(campaign=campaign).first()
    Change.objects.bulk_create(
        Change(
            business_id=one.business_id,
            what=what,
            at=timezone.now(),
            phone="" if what == "clicked" else one.phone,
            recipient_id=one.pk if what == "clicked" else None,
            link_id=link.pk if link and what == "clicked" else None,
        )
        for one in got
    )
    states(campaign)
    return got


@pytest.mark.django_db(transaction=True)
def test_a_campaign_as_it_goes(juniper: House, campaign: Make, nora: Browser) -> None:
    assert "Nothing sent to many yet" in words(nora, "/campaigns")
    people(juniper, 20)
    people(juniper, 2, agreed=False, first=50)
    one = begin(campaign("Color week: https://juniperhair.example/h"), juniper)
    PhoneNumber.objects.filter(duty="marketing").update(pace=1.0)
    clock.write_some()
    one.refresh_from_db()
    assert one.queued == 10
    became(one, "delivered", 6)
    became(one, "undelivered", 2, "30006")
    did(one, "clicked", 3)
    talker = did(one, "replied", 2)[0]
    did(one, "opted_out", 1)
    juniper.text(talker.client, "I’d like Tuesday", minutes_ago=-1)
    counting.count_talking()

    with costs(SIGNED_IN + FRAME + LIST + ONE):
        said = words(nora, page_of(one))
    assert "Holiday color week Sending 10 of 20 sent" in said
    assert re.search(r"Started by you at \d+:\d\d [AP]M\. About a minute to go\.", said)
    assert "10 of 20 sent, 2 of them still on the way." in said
    assert "Delivered 6 75% so far Replied 2 1 now talking to you Opened a link 3 50% so far" in said
    assert "Failed 2 2 are landlines Opted out 1 Off your list already" in said
    assert "2 segments each" in said or "1 segment each" in said
    assert "We answered both with your number. One has texted it since. See them in the Inbox" in said
    assert "2 Have not agreed to offers Ask them, and note it on their card." in said
    assert "https://juniperhair.example/h 3 opened it, 50% of those who got it" in said
    drawn = nora.get(page_of(one)).content.decode()
    assert "6 of 20 texts delivered in 1 minute, on course to finish at" in drawn
    assert drawn.count('<circle class="bar"') == 2 * (2 + 2 + 1)
    assert 'hx-post="/campaigns/' in drawn

    # A script gets what may have changed, and nothing of the frame.
    live = nora.get(page_of(one), {"rows": "1"}, HTTP_HX_REQUEST="true").content.decode()
    assert live.count("<hx-partial") == 2
    assert '<nav class="rail"' not in live

    # Those who talk are a list of the Inbox, that says whose, and nobody else's.
    juniper.text(juniper.client("Somebody", "Else", "+15035559999"), "Hello")
    shown = nora.get(f"/inbox?show=campaign-{one.pk}").content.decode()
    assert names(shown) == [talker.client.name]
    assert "Texted you after Holiday color week" in shown
    live = nora.get(f"/live?list=campaign-{one.pk}&rows=1").content.decode()
    assert names(live) == [talker.client.name]

    # Everybody in it, by what became of them, with the reason.
    with costs(SIGNED_IN + FRAME + PEOPLE):
        failed = words(nora, f"{page_of(one)}/people?show=failed")
    assert failed.count("It is a landline.") == 2
    said = words(nora, f"{page_of(one)}/people?show=skipped")
    assert said.count("Has not agreed to offers. Ask them, and note it on their card.") == 2
    assert "Waiting 10 On its way 2 Delivered 6 Not delivered 2 Not sent 2 Replied 2" in said
    assert nora.get(f"{page_of(one)}/people?show=everything").status_code == 404
    one.recipients.filter(pk=talker.pk).update(clicked_at=timezone.now() - timedelta(days=1))
    said = words(nora, f"{page_of(one)}/people?show=replied")
    assert re.search(r"Opened a link yesterday, replied [\d:APM ]+, texted you", said)


@pytest.mark.django_db(transaction=True)
def test_what_is_said_of_each_state(juniper: House, campaign: Make, nora: Browser) -> None:
    people(juniper, 120)
    one = begin(campaign(), juniper)
    clock.write_some()
    assert "The first 10 go out, and the rest once those have arrived." in words(nora, page_of(one))
    clock.write_some()
    assert "The first 10 are out. Waiting to hear how they arrived." in words(nora, page_of(one))
    became(one, "undelivered", 6, "30005")
    clock.write_some()
    said = words(nora, page_of(one))
    assert "Paused" in said
    assert "Parley paused it. 6 of the first 6 texts did not arrive." in said
    assert "Let it go on, or stop it for good. Let it go on Stop" in said
    assert "An owner or admin can let it go on" in words(enter(juniper.staff), page_of(one))
    asked = words(nora, f"{page_of(one)}/resume")
    assert "114 clients get it from here on." in asked
    nora.post(f"{page_of(one)}/resume")
    one.refresh_from_db()
    assert one.status == "sending"

    # At night in all of its places: nobody is forgotten, and it is said when it goes on.
    Recipient.objects.filter(campaign=one, state="waiting").update(
        opens_at=timezone.now() + timedelta(hours=20)
    )
    said = words(nora, page_of(one))
    assert re.search(
        r"114 wait for the hours in which they may be texted, from Wednesday \d+:\d\d [AP]M on\.", said
    )

    # Done twice, it is done once, and the second one reads what it is now.
    nora.post(f"{page_of(one)}/pause")
    answer = nora.post(f"{page_of(one)}/pause", HTTP_HX_REQUEST="true")
    assert "This campaign is paused." in html.unescape(answer.content.decode())
    assert "114 clients had nothing yet." in words(nora, page_of(one))
    assert "114 clients have had nothing yet, and will get nothing." in words(nora, f"{page_of(one)}/stop")
    nora.post(f"{page_of(one)}/stop", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="dialog#dialog")
    said = words(nora, page_of(one))
    assert "114 clients got nothing any more." in said
    assert "Got nothing" in words(nora, f"{page_of(one)}/people?show=waiting")


@pytest.mark.django_db(transaction=True)
def test_two_wordings_side_by_side(juniper: House, campaign: Make, nora: Browser) -> None:
    people(juniper, 8)
    one = begin(campaign(wording_b="Come in for color", share_b=50), juniper)
    clock.write_some()
    became(one, "delivered", 8)
    said = words(nora, page_of(one))
    assert "Two wordings What A B Sent 4 4 Delivered 4 4 Replied 0 0% 0 0% Opted out 0 0% 0 0%" in said
    assert figures.TOO_FEW in said


# (opened of how many: A, B), whether it is over, what is said.
VERDICTS = [
    ((40, 60), (10, 60), True, figures.TOO_FEW),
    ((4, 4000), (1, 4000), True, figures.TOO_FEW),
    ((60, 500), (30, 500), False, figures.STILL_GOING),
    ((60, 500), (52, 500), True, figures.NO_DIFFERENCE),
    # z = 1.9599 and 2.03: on either side of p = 0.05.
    ((70, 500), (50, 500), True, figures.NO_DIFFERENCE),
    ((60, 500), (30, 500), True, "A did better: 12.0% opened, of the other 6.0%."),
    ((30, 500), (120, 1000), True, "B did better: 12.0% opened, of the other 6.0%."),
    ((500, 500), (500, 500), True, figures.TOO_FEW),
]


def test_what_may_be_said_of_two_wordings() -> None:
    for one, other, over, said in VERDICTS:
        assert figures.verdict("opened", one, other, over=over).startswith(said), (one, other)
    chance = figures.by_chance((60, 500), (30, 500))
    # Worked out by hand: pooled 0.09, z = 3.3149.
    assert chance is not None
    assert abs(chance - 0.000917) < 0.00001


@pytest.mark.django_db
def test_whose_it_is_and_who_may(juniper: House, alder: House, nora: Browser) -> None:
    draft, going = (
        Campaign.objects.create(
            business=juniper.business,
            name=name,
            wording="Color week",
            status=status,
            changed_at=timezone.now(),
        )
        for name, status in (("January offer", "draft"), ("Color week", "sending"))
    )
    stranger, staff = enter(alder.owner), enter(juniper.staff)
    addresses = [page_of(going) + end for end in ("", "/people", "/export", "/resume", "/stop")]
    for address in addresses:
        assert stranger.get(address).status_code == 404, address
        assert Browser().get(address).status_code == 302, address
    for what in ("pause", "resume", "stop"):
        assert stranger.post(f"{page_of(going)}/{what}").status_code == 404
        assert staff.post(f"{page_of(going)}/{what}").status_code == 403
    assert nora.get(f"{page_of(going)}/pause").status_code == 405
    assert staff.get(f"{page_of(going)}/export").status_code == 403
    going.refresh_from_db()
    assert going.status == "sending"
    assert "Color week" not in words(stranger, "/campaigns")
    assert "Color week" not in words(stranger, f"/inbox?show=campaign-{going.pk}")
    # Staff look at what is being written, and do not write it.
    said = words(staff, page_of(draft))
    assert "A draft: nobody gets it before an owner or admin sends it." in said
    assert "New campaign" not in said
    assert nora.get(page_of(draft)).headers["Location"] == f"/campaigns/{draft.pk}/edit"


@pytest.mark.django_db
def test_a_page_costs_the_same_however_many_there_are(juniper: House, nora: Browser) -> None:
    now = timezone.now()
    client = juniper.client()

    def made(n: int) -> Campaign:
        one = Campaign.objects.create(
            business=juniper.business,
            name=f"Campaign {n:03}",
            wording="Color week",
            status="sent",
            started_at=now - timedelta(hours=1),
            ended_at=now,
            changed_at=now - timedelta(minutes=n),
        )
        of = (juniper.business.pk, one.pk)
        tally = counting.Tally()
        tally.became(of, "a", "delivered", now)
        tally.write()
        return one

    first = made(0)
    with costs(SIGNED_IN + FRAME + LIST + ONE - 1):
        assert "Campaign 000" in words(nora, page_of(first))
    for n in range(1, 70):
        made(n)
    Recipient.objects.bulk_create(
        Recipient(
            business=juniper.business,
            campaign=first,
            client=client,
            phone=f"+1503555{n:04}",
            place=n,
            state="delivered",
            opens_at=now,
        )
        for n in range(120)
    )
    with costs(SIGNED_IN + FRAME + LIST + ONE - 1):
        listed = nora.get(page_of(first)).content.decode()
    assert re.findall(r"<b>(Campaign \d+)</b>", listed) == [f"Campaign {n:03}" for n in range(30)]
    seen: list[str] = []
    more = "/campaigns"
    for _ in range(3):
        shown = nora.get(more, HTTP_HX_TARGET="a#more").content.decode()
        seen += re.findall(r"<b>(Campaign \d+)</b>", shown)
        if found := re.search(r'href="(/campaigns\?after=[^"]+)"', shown):
            more = html.unescape(found[1])
    assert seen == [f"Campaign {n:03}" for n in range(70)]

    numbers: list[str] = []
    more = f"{page_of(first)}/people?show=delivered"
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            shown = nora.get(more, HTTP_HX_TARGET="li#more").content.decode()
        assert len(queries) == SIGNED_IN + PEOPLE - 1
        numbers += re.findall(r'class="number">(.*?)<', shown)
        if found := re.search(r'href="(\?show=[^"]+after=[^"]+)"', shown):
            more = f"{page_of(first)}/people{html.unescape(found[1])}"
    assert len(numbers) == len(set(numbers)) == 120


def test_how_long_it_takes_and_how_many_per_cent() -> None:
    told = {0.4: "About a minute", 2: "About 2 minutes", 21.4: "About 21 minutes", 43: "About 45 minutes"}
    told |= {200: "About 3 hours", 60 * 50: "About 2 days"}
    assert {minutes: figures.about(minutes) for minutes in told} == told
    per_cent = {(0, 0): None, (1, 1000): 1, (999, 1000): 99, (1000, 1000): 100, (0, 5): 0, (1, 3): 33}
    assert {pair: figures.percent(*pair) for pair in per_cent} == per_cent


def test_a_night_in_which_nothing_went_says_nothing_of_how_fast_it_goes(
    juniper: House, campaign: Make
) -> None:
    now = timezone.now()
    one = campaign("Color week")
    Campaign.objects.filter(pk=one.pk).update(
        status="sending", started_at=now - timedelta(hours=12), changed_at=now - timedelta(hours=12)
    )
    one.refresh_from_db()
    began_at = (now - timedelta(minutes=4)).replace(second=0, microsecond=0)
    one.minutes.create(business=juniper.business, at=began_at, what="delivered", number=40)
    # 40 in four minutes and some seconds, and 100 to go.
    minutes = figures.going(one, figures.Figures([("waiting", "", 100)]), 1).minutes
    assert minutes is not None
    assert 10 <= minutes <= 12.6
