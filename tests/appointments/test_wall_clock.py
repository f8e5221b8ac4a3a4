"""What clocks show is a moment, but not always, and not always one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.appointments.wall_clock import moments

# The IANA database as of 2026; reviewed 2026-11-26.
TABLE = [
    ("America/Los_Angeles", "2026-11-26 14:45", ["2026-11-26 22:45"]),
    ("America/Los_Angeles", "2026-03-08 02:30", []),
    ("America/Los_Angeles", "2026-03-08 03:00", ["2026-03-08 10:00"]),
    ("America/Los_Angeles", "2026-11-01 01:30", ["2026-11-01 08:30", "2026-11-01 09:30"]),
    ("America/Los_Angeles", "2026-11-01 02:00", ["2026-11-01 10:00"]),
    ("America/Phoenix", "2026-03-08 02:30", ["2026-03-08 09:30"]),
    ("America/St_Johns", "2026-11-01 01:15", ["2026-11-01 03:45", "2026-11-01 04:45"]),
    # Half an hour, in the southern spring.
    ("Australia/Lord_Howe", "2026-10-04 02:15", []),
    ("Australia/Lord_Howe", "2026-04-05 01:45", ["2026-04-04 14:45", "2026-04-04 15:15"]),
]


@pytest.mark.parametrize(("zone", "shown", "expected"), TABLE)
def test_the_moments_that_clocks_show(zone: str, shown: str, expected: list[str]) -> None:
    at = datetime.fromisoformat(shown)
    found = moments(at.date(), at.time(), ZoneInfo(zone))
    assert [f"{moment:%Y-%m-%d %H:%M}" for moment in found] == expected


@given(
    st.sampled_from(["America/New_York", "America/Havana", "Europe/Paris", "Asia/Kathmandu", "UTC"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2032, 1, 1)),
)
def test_every_moment_is_one_that_its_clocks_lead_back_to(zone: str, at: datetime) -> None:
    place = ZoneInfo(zone)
    moment = at.replace(second=0, microsecond=0, tzinfo=UTC)
    here = moment.astimezone(place)
    assert moment in moments(here.date(), here.time(), place)


def test_seconds_do_not_matter() -> None:
    assert len(moments(date(2026, 11, 1), time(1, 59, 59), ZoneInfo("America/Chicago"))) == 2
