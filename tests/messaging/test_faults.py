"""Every message ends in one true state, and the carrier's truth log shows each exactly once, whatever dies and whatever
the carrier answers: short runs of `faults/`."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from faults import answers, database_kills, late_acceptance, sabotage
from faults.worker_kills import BAD_WEATHER, storm
from parley.messaging.models import Attempt
from tests.people import House
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_kills_and_bad_weather_lose_and_double_nothing(web: World, juniper: House) -> None:
    web.afresh("sandbox", patience=0.025)
    web.add_number(juniper.number.number)
    web.weather(seed=11, **BAD_WEATHER)
    seen = storm(web, juniper, texts=400, clients=200, seed=11, pages=20)
    kills = seen.pop("kills")
    assert seen == {"tried": 400, "lost": 0, "duplicated": 0, "let_in": 0, "misshown": 0}
    # Else nothing went wrong, and the test proves nothing.
    ends = Counter(Attempt.objects.values_list("state", flat=True))
    assert kills >= 5
    # A worker that dies before it wrote down a 429 leaves doubt, which ends in absence.
    assert ends["absent"] >= 5, ends
    assert ends["absent"] + ends["not_sent"] >= 10, ends
    assert Attempt.objects.filter(state="bound").exclude(checks=0).exists()


def test_sessions_that_die_under_texts_in_and_out_lose_and_double_nothing(web: World, juniper: House) -> None:
    """What a worker, a webhook or a page sees of a database's death; `faults/database_kills.py` kills the server."""
    web.afresh("sandbox", "texts", patience=0.02)
    web.add_number(juniper.number.number)
    web.weather(seed=2, **database_kills.WEATHER)
    seen = database_kills.run(
        web, juniper, database_kills.Sessions(), texts=150, kills=4, workers=["texts"], pages=5
    )
    assert {
        name: seen[name] for name in ("tried", "lost", "duplicated", "let_in", "misshown", "restarts")
    } == {
        "tried": 300,
        "lost": 0,
        "duplicated": 0,
        "let_in": 0,
        "misshown": 0,
        "restarts": 0,
    }, seen


def test_a_carrier_that_takes_a_text_late_is_not_sent_it_twice(web: World, juniper: House) -> None:
    """Seconds of life; absence is proved after 240, so what is taken later is the control."""
    web.afresh("sandbox", "texts", patience=0.02)
    web.add_number(juniper.number.number)
    twice, seen = late_acceptance.curve(web, juniper, texts=5, patience=0.02, delays=(170, 360))
    assert twice[170] == 0
    assert twice[360] == seen["duplicated"] > 0, "the control shows nothing"
    assert (seen["tried"], seen["lost"], seen["let_in"]) == (10, 0, 0)


async def test_no_way_of_answering_is_concluded_wrongly(
    juniper: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.root.manager, "disable", logging.ERROR)
    seen = await answers.matrix(juniper, 2)
    assert (seen.tried, seen.lost, seen.duplicated, seen.wrong) == (2 * len(answers.CASES), 0, 0, {})


def test_every_guard_that_sabotage_takes_out_is_where_it_was() -> None:
    assert sabotage.moved(sabotage.ROOT) == []
