"""A database that is destroyed and restored (rule R9): the short run of `faults/restore.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults.restore import destroyed_and_restored
from tests.people import House, make_house
from tests.world import a_world

pytestmark = pytest.mark.django_db(transaction=True)


def test_nothing_is_sent_again_and_nothing_is_lost(juniper: House, tmp_path: Path) -> None:
    quiet = make_house("Alder Physio", "+18555550167", mode="do_not_reply")
    juniper.number.pace = 20
    juniper.number.save()
    with a_world(tmp_path, "sandbox", "web", "texts", "jobs", patience=0.02) as world:
        for house in (juniper, quiet):
            world.add_number(house.number.number)
        world.weather(delivery_seconds=[0.05, 0.2])
        seen = destroyed_and_restored(world, juniper, quiet, tmp_path, texts=40, stops=4, seed=3)
    assert seen["waiting_in_backup"] > 0, "texts must have waited for this to mean anything"
    assert {name: seen[name] for name in ("lost", "duplicated", "let_in", "misshown")} == {
        "lost": 0,
        "duplicated": 0,
        "let_in": 0,
        "misshown": 0,
    }, seen
