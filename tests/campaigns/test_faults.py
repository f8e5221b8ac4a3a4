"""Whoever agreed is texted once, and nobody after their STOP, whatever dies: the short run of `faults/campaign.py`."""

from __future__ import annotations

import pytest

from faults.campaign import WEATHER, storm
from parley.quota import ledger
from parley.quota.models import Balance
from tests.people import House
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_kills_stops_and_pauses_lose_and_double_nothing(web: World, juniper: House) -> None:
    web.afresh("sandbox", patience=0.025)
    web.weather(seed=7, **WEATHER)
    ledger.balance(juniper.business)
    Balance.objects.update(bought=2_000)
    seen = storm(web, juniper, texts=200, stops=12, by_page=6, pauses=3, seed=7, canary=False)
    assert {name: seen[name] for name in ("tried", "fit", "lost", "duplicated", "let_in", "misshown")} == {
        "tried": 200,
        "fit": 178,
        "lost": 0,
        "duplicated": 0,
        "let_in": 0,
        "misshown": 0,
    }, seen
    # Else nothing went wrong, and the test proves nothing.
    assert seen["kills"] >= 4
    assert seen["answers"] == {200: 18}
    assert seen["taken"] >= 20
    assert seen["paused"] >= 1
