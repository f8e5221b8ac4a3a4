"""Every message ends in one true state, and the carrier's truth log shows each exactly once, whatever dies: the short
run of `faults/worker_kills.py`."""

from __future__ import annotations

from collections import Counter

import pytest

from faults import sabotage
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


def test_every_guard_that_sabotage_takes_out_is_where_it_was() -> None:
    assert sabotage.moved(sabotage.ROOT) == []
