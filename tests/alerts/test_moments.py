"""Days by the clock on the wall, hours as they elapse; over every clock change nobody gets two or none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from parley.alerts.moments import away_from, morning_of, on_the_wall, spoken

NEW_YORK = ZoneInfo("America/New_York")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "amount", "unit", "zone", "at"),
    [
        # In 2027 New York's clocks go forward on March 14 at 2:00, and back on November 7 at 2:00.
        ("2027-03-14 18:00", -24, "hours", "America/New_York", "2027-03-13 18:00"),
        ("2027-03-14 18:00", -1, "days", "America/New_York", "2027-03-13 19:00"),
        ("2027-11-07 19:00", -1, "days", "America/New_York", "2027-11-06 18:00"),
        # 2:30 of that night does not exist: the first moment after the gap is 3:00, 7:00 UTC.
        ("2027-03-15 06:30", -1, "days", "America/New_York", "2027-03-14 07:00"),
        # 1:30 of that night exists twice: the first is 5:30 UTC.
        ("2027-11-08 06:30", -1, "days", "America/New_York", "2027-11-07 05:30"),
        # A visit in the second 1:30; a day before there is one.
        ("2027-11-07 06:30", -1, "days", "America/New_York", "2027-11-06 05:30"),
        # Half an hour (Lord Howe), and a gap at midnight (Cairo).
        ("2026-10-04 15:15", -1, "days", "Australia/Lord_Howe", "2026-10-03 15:30"),
        ("2027-04-30 21:10", -1, "days", "Africa/Cairo", "2027-04-29 22:00"),
        # Samoa had no December 30, 2011.
        ("2011-12-30 20:00", -1, "days", "Pacific/Apia", "2011-12-30 10:00"),
        ("2026-11-26 12:00", 90, "minutes", "America/New_York", "2026-11-26 13:30"),
        ("2026-11-26 12:00", 0, "days", "America/New_York", "2026-11-26 12:00"),
    ],
)
def test_so_long_before_or_after(start: str, amount: int, unit: str, zone: str, at: str) -> None:
    assert away_from(utc(start), amount, unit, ZoneInfo(zone)) == utc(at)


def test_in_the_morning_of_a_day_by_the_business_s_clock() -> None:
    assert morning_of(date(2027, 3, 13), NEW_YORK) == utc("2027-03-13 15:00")
    assert morning_of(date(2027, 3, 14), NEW_YORK) == utc("2027-03-14 14:00")
    assert [spoken(1, "days"), spoken(24, "hours")] == ["1 day", "24 hours"]


def changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The hours between the two in which the zone's clocks are set."""
    found, at = [], start
    while at < end:
        if at.astimezone(zone).utcoffset() != (at + timedelta(hours=12)).astimezone(zone).utcoffset():
            found.append(at)
        at += timedelta(hours=12)
    return found


def test_in_every_zone_over_every_clock_change_there_is_one_moment_for_each() -> None:
    seen = 0
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        for change in changes(zone, utc("2026-11-01 00:00"), utc("2027-12-01 00:00")):
            before = None
            for step in range(-6, 64):
                visit = change + timedelta(days=1, minutes=30 * step)
                reminder = away_from(visit, -1, "days", zone)
                wall = visit.astimezone(zone).replace(tzinfo=None) - timedelta(days=1)
                shown = reminder.astimezone(zone).replace(tzinfo=None)
                if shown != wall:
                    # There is no such time: the clock had shown less a second before, and shows more now.
                    a_second_before = (reminder - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
                    assert a_second_before < wall < shown, (name, visit)
                    seen += 1
                else:
                    assert reminder == on_the_wall(wall, zone)
                    earlier = (reminder - timedelta(hours=3)).astimezone(zone).replace(tzinfo=None)
                    assert earlier < wall, (name, visit, "the second time the clock shows it")
                # In the order of the visits, except where the clock shows the visits' hour twice.
                if before is not None and visit.astimezone(zone).fold == 0:
                    assert reminder >= before or (visit - timedelta(hours=3)).astimezone(zone).fold, name
                before = reminder
    assert seen > 100, "no gap was looked at"
