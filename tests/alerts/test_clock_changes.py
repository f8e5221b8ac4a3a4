"""Booked before the clocks are set, moved to after it: each message once, at its hour, with the hour on the wall.

The clock goes round every half hour. In 2027 the clocks of Los Angeles are set on March 14 and November 7.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import time_machine

from parley.alerts.moments import on_the_wall
from parley.appointments import booking
from tests.alerts.engine import HOUR, book, dues, rule, turn
from tests.people import House

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("visit", "amount", "unit", "reminded", "words"),
    [
        ("2027-03-14 14:30", 24, "hours", "2027-03-13 13:30 PST", "tomorrow at 2:30 PM"),
        ("2027-03-14 14:30", 1, "days", "2027-03-13 14:30 PST", "tomorrow at 2:30 PM"),
        # There is no 2:30 that night; the first moment after it is 3:00.
        ("2027-03-15 02:30", 1, "days", "2027-03-14 03:00 PDT", "tomorrow at 2:30 AM"),
        ("2027-11-07 14:30", 24, "hours", "2027-11-06 15:30 PDT", "tomorrow at 2:30 PM"),
        ("2027-11-07 14:30", 1, "days", "2027-11-06 14:30 PDT", "tomorrow at 2:30 PM"),
        # That night shows 1:30 twice: the first.
        ("2027-11-08 01:30", 1, "days", "2027-11-07 01:30 PDT", "tomorrow at 1:30 AM"),
        ("2027-11-08 01:30", 24, "hours", "2027-11-07 01:30 PST", "tomorrow at 1:30 AM"),
    ],
)
def test_moved_over_a_clock_change(
    juniper: House, visit: str, amount: int, unit: str, reminded: str, words: str
) -> None:
    zone = juniper.business.zone
    starts = on_the_wall(datetime.fromisoformat(visit), zone)
    first = starts - timedelta(days=2, hours=5)
    got: list[tuple[str, str]] = []
    with time_machine.travel(first - 30 * HOUR, tick=False) as traveller:
        rule(juniper, "reminder", amount=amount, unit=unit)
        appointment = book(juniper, juniper.client(), first)

        def go_round() -> None:
            turn()
            sent = juniper.business.messages.order_by("id")[len(got) :]
            now = datetime.now(zone)
            got.extend((text.title, f"{now:%Y-%m-%d %H:%M %Z}") for text in sent)

        go_round()
        traveller.shift(HOUR)
        booking.edit(juniper.business, appointment.pk, starts_at=starts, ends_at=starts + HOUR)
        while datetime.now(zone) < starts + HOUR:
            go_round()
            traveller.shift(HOUR / 2)
        booking.cancel(juniper.business, appointment.pk)
        go_round()
    assert [title for title, _ in got] == [
        "Booking confirmation",
        "Appointment changed",
        "Appointment reminder",
    ]
    assert got[-1][1] == reminded
    assert f"see you {words} at" in juniper.business.messages.latest("id").body
    # Planned for the first time, and dropped when it was moved; sent for the second.
    assert dues(juniper, "state", kind="reminder") == [("dropped",), ("done",)]
