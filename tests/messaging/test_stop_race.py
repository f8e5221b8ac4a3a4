"""Opt-outs that race a running send (rule R6): the short run of `faults/stops.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.stops import race
from tests.people import House
from tests.world import a_world

pytestmark = pytest.mark.django_db(transaction=True)


def test_after_the_200_no_request_for_that_client_begins(juniper: House, tmp_path: Path) -> None:
    juniper.number.pace = 50
    juniper.number.save()
    with a_world(tmp_path, "sandbox", "web", patience=1.0) as world:
        world.add_number(juniper.number.number, sms_url="")
        world.weather(delivery_seconds=[0.05, 0.2])
        seen = race(world, juniper, texts=200, stops=40, unheard=10, seed=4)
    assert seen["answers"] == {200: 40}
    assert {name: seen[name] for name in ("let_in", "lost", "duplicated", "misshown")} == {
        "let_in": 0,
        "lost": 0,
        "duplicated": 0,
        "misshown": 0,
    }
    assert seen["canceled"] > 0
