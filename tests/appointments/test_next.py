"""The next appointment, beside the conversation and on the client card."""

from __future__ import annotations

import re

from django.test import Client as Browser

from parley.appointments import booking
from parley.appointments.shown import upcoming
from tests.appointments.conftest import book, local
from tests.people import House


def card(html: bytes) -> str:
    found = re.search(r'<section class="card"><h2[^>]*>Next appointment.*?</section>', html.decode(), re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found[0])) if found else ""


def test_both_places_show_the_next_and_how_many_more(nora: Browser, juniper: House, alder: House) -> None:
    maya = juniper.client()
    places = [f"/inbox/{juniper.text(maya, 'Hello').conversation_id}", f"/clients/{maya.pk}"]
    assert [card(nora.get(place).content) for place in places] == ["", ""]
    book(juniper, maya, local(juniper, -1, 9), title="Past")
    cancelled = book(juniper, maya, local(juniper, 1, 9), title="Cancelled")
    booking.cancel(juniper.business, cancelled.pk)
    book(juniper, maya, local(juniper, 1, 14, 45), 105, title="Balayage", member=juniper.staff)
    book(juniper, maya, local(juniper, 9, 9))
    book(juniper, maya, local(juniper, 10, 9), requested=True)
    book(juniper, juniper.client("Daniel", "Reyes", "+15035550131"), local(juniper, 1, 9), title="Daniel’s")
    book(alder, alder.client("Maya", "Okafor"), local(alder, 1, 9), title="Theirs")
    for place in places:
        said = card(nora.get(place).content)
        for words in (
            "Tomorrow, 2:45 PM",
            "Balayage, 1 h 45",
            "with Jules",
            "Waiting for an answer",
            "Move",
            "2 more",
        ):
            assert words in said
        assert not re.search("Past|Cancelled|Daniel|Theirs", said)


def test_what_goes_on_just_now_is_still_the_next(juniper: House) -> None:
    from datetime import timedelta

    from django.utils import timezone

    maya, now = juniper.client(), timezone.now()
    over = book(juniper, maya, now - timedelta(hours=2), 60)
    on = book(juniper, maya, now - timedelta(minutes=20), 60)
    assert [one.id for one in upcoming(juniper.business, maya)] == [on.pk]
    assert over.pk != on.pk


def test_the_live_answer_brings_it_along(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    conversation = juniper.text(maya, "Hello").conversation_id
    book(juniper, maya, local(juniper, 1, 14, 45))
    answer = nora.get(f"/live?c={conversation}&thread={conversation}", headers={"HX-Request": "true"})
    assert "Tomorrow, 2:45 PM" in card(answer.content)
