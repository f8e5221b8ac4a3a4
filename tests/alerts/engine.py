"""What tests of planning and of the clock share: a house at a known hour, and turns of the clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from parley.alerts import clock
from parley.alerts.models import Due, Rule
from parley.appointments import booking
from parley.appointments.models import Appointment
from parley.clients.models import Client
from tests.people import House

# 10:00 in Los Angeles, where Juniper is.
NOW = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def hour() -> Iterator[time_machine.Traveller]:
    """It is `NOW`, and stays so until it is moved."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def book(house: House, client: Client, start: datetime = NOW + 72 * HOUR, **more: Any) -> Appointment:
    given = {"title": "Cut", "starts_at": start, "ends_at": start + HOUR} | more
    return booking.book(house.business, client, **given)


def rule(house: House, kind: str, **more: Any) -> Rule:
    from parley.alerts.kinds import KINDS
    from parley.alerts.rules import at_first

    made = at_first(house.business, KINDS[kind])
    for name, value in ({"on": True} | more).items():
        setattr(made, name, value)
    made.save()
    return made


def turn(*, most: int = clock.BATCH) -> int:
    """Let the clock do all that is due. Returns how many turns it took."""
    passed: set[Any] = set()
    turns = 0
    while clock.take(passed, most=most) is not None:
        turns += 1
    return turns


def dues(house: House, *fields: str, **which: Any) -> list[Any]:
    """The business's dues in the order of their times: the kind and the state of each, or `fields`."""
    found = Due.objects.filter(business=house.business, **which).order_by("at", "kind", "occasion")
    return list(found.values_list(*(fields or ("kind", "state"))))
