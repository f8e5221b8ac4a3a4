"""The card of a client: what it tells of each message, and in which pages."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client as Browser

from parley.clients import consent
from parley.clients.models import Consent
from tests.people import House

ALL, REFUSED, TEXT = Consent.Category.ALL, Consent.Says.REFUSED, Consent.How.TEXT

CARD = {"HX-Request": "true", "HX-Target": "div#client-card"}
EARLIER = {"HX-Request": "true", "HX-Target": "li#earlier"}


@pytest.fixture
def nora(client: Browser, juniper: House) -> Browser:
    client.force_login(juniper.owner.user)
    return client


def told(html: bytes) -> list[str]:
    return re.findall(r"<div><b>(.*?)</b>", html.decode())


def test_each_message_is_told_as_what_it_was(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    out = {"inbound": False}
    juniper.text(maya, "Could we start at 2:45?", minutes_ago=9)
    juniper.text(maya, "Of course", minutes_ago=8, **out)
    juniper.text(maya, "Sure thing", minutes_ago=7, author=juniper.staff, **out)
    juniper.text(maya, "Left us", minutes_ago=6, **(out | {"author": None}))
    juniper.text(maya, "See you", minutes_ago=5, kind="transactional", title="Appointment reminder", **out)
    juniper.text(maya, "The guide", minutes_ago=4, channel="email", subject="Balayage & care", **out)
    juniper.text(maya, "Map", minutes_ago=3, state="undelivered", reason="Her phone is off.", **out)
    html = nora.get(f"/clients/{maya.pk}", headers=CARD).content
    assert told(html) == [
        "You texted", "You emailed", "Appointment reminder", "Your team texted", "Jules texted", "You texted",
        "Maya texted",
    ]  # fmt: skip
    words = html.decode()
    assert "Not delivered. Her phone is off." in words
    assert "Automatic text, delivered" in words
    assert "“Balayage &amp; care”" in words
    assert 'data-tone="danger"' in words


@pytest.mark.parametrize(("show", "told_as"), [("texts", ["You texted"]), ("emails", ["You emailed"])])
def test_the_filters_work(nora: Browser, juniper: House, show: str, told_as: list[str]) -> None:
    maya = juniper.client()
    juniper.text(maya, "Text", inbound=False)
    juniper.text(maya, "Email", inbound=False, channel="email", subject="S")
    assert told(nora.get(f"/clients/{maya.pk}", {"show": show}, headers=CARD).content) == told_as
    assert nora.get(f"/clients/{maya.pk}", {"show": "money"}).status_code == 404


def test_words_of_clients_stay_words(nora: Browser, juniper: House) -> None:
    maya = juniper.client("<script>alert(1)</script>", good_to_know="<img src=x>", tags=["<i>"])
    juniper.text(maya, "<script>alert(2)</script>")
    html = nora.get(f"/clients/{maya.pk}").content.decode()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "<i>" not in html


def test_the_timeline_comes_in_pages_and_a_refresh_keeps_what_is_shown(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    for n in range(60):
        juniper.text(maya, f"Text {n:02}.", minutes_ago=100 - n)
    address = f"/clients/{maya.pk}"
    seen: list[str] = []
    html = nora.get(address).content.decode()
    for headers in (EARLIER, EARLIER, None):
        seen += re.findall(r"Text (\d\d)\.", html)
        until = re.findall(r'name="until" value="(.*?)"', html)[-1]
        if headers:
            more = re.search(r'hx-get="(\?.*?)"', html.split('id="earlier"')[1])
            assert more
            html = nora.get(address + more[1].replace("&amp;", "&"), headers=headers).content.decode()
    assert seen == [f"{n:02}" for n in range(59, -1, -1)]
    assert "Show earlier" not in html
    juniper.text(maya, "Text 60.", minutes_ago=0)
    refreshed = nora.get(address, {"until": until}, headers=CARD).content.decode()
    assert re.findall(r"Text (\d\d)\.", refreshed) == ["60", *seen]
    assert "<html" not in refreshed


def test_a_client_nobody_wrote_to(nora: Browser, juniper: House) -> None:
    maya = juniper.client(phone="+15035550112")
    consent.record(
        juniper.business,
        maya.phone,
        category=ALL,
        says=REFUSED,
        how=TEXT,
        words="STOP",
        our_number="+18555550142",
    )
    html = nora.get(f"/clients/{maya.pk}").content.decode()
    assert "What you and Maya write comes here." in html
    assert "Open conversation" not in html
    assert "Asked to stop texts" in html
    assert "Opted out of all texts" in html
    assert "only they can undo it: by texting START to" in html
    assert "(855) 555-0142" in html


def test_what_is_not_ours_is_absent(nora: Browser, juniper: House, alder: House) -> None:
    theirs, ours = alder.client(), juniper.client()
    foreign = alder.text(theirs, "Secret")
    juniper.text(ours, "Hello")
    for id in (theirs.pk, uuid.uuid4()):
        assert nora.get(f"/clients/{id}").status_code == 404
    for id in (str(foreign.pk), "nonsense"):
        assert nora.get(f"/clients/{ours.pk}", {"before": id}).status_code == 404
        assert nora.get(f"/clients/{ours.pk}", {"until": id}).status_code == 404


@pytest.mark.parametrize("count", [3, 300])
def test_the_card_costs_the_same_for_few_and_many(
    nora: Browser, juniper: House, count: int, django_assert_num_queries: object
) -> None:
    maya = juniper.client()
    for n in range(count):
        juniper.text(maya, f"Text {n}", inbound=bool(n % 2), minutes_ago=n)
    # Two are the consent of a number that never said anything, one what is to come, one what they are asked to pay.
    with django_assert_num_queries(8):  # type: ignore[operator]
        nora.get(f"/clients/{maya.pk}", headers=CARD)
