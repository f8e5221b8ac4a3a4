"""Windows against a clock on the wall: every zone, both changes of the clock, ten years."""

from __future__ import annotations

import random
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from parley.sms import numbers, quiet_hours, regions
from parley.sms.quiet_hours import FEDERAL, HOURS, NoWindow, Place, may_reach, next_window, rule
from parley.sms.zones import clocks, regions_of, zones_of

SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)

# Field study 4.3 and its sources, reviewed 2026-11-25: hours on weekdays, Saturdays and Sundays.
LAW = {
    **dict.fromkeys(("FL", "OK", "MD", "NJ", "MA", "WA"), ((8, 20), (8, 20), (8, 20))),
    **dict.fromkeys(("AL", "LA", "MS"), ((8, 20), (8, 20), None)),
    **dict.fromkeys(("CT", "NV"), ((9, 20), (9, 20), (9, 20))),
    **dict.fromkeys(("CA", "IL", "MI", "MN", "NM"), ((9, 21), (9, 21), (9, 21))),
    "KY": ((10, 21), (10, 21), (10, 21)),
    "TX": ((9, 21), (9, 21), (12, 21)),
    "RI": ((9, 18), (10, 17), (10, 17)),
}
US = ((8, 21), (8, 21), (8, 21))
CANADA = ((9, 21), (10, 18), (10, 18))


def law(code: str) -> tuple[tuple[int, int] | None, ...]:
    return CANADA if regions.REGIONS[code].country == "CA" else LAW.get(code, US)


def allowed(moment: datetime, place: Place) -> bool:
    """By the hands of every clock and the law of every state: slow, and plainly what the rule says."""
    laws = [law(code) for code in regions_of(place)] or [US]
    for zone in zones_of(place)[0]:
        for clock in clocks(zone):
            local = moment.astimezone(clock)
            for hours in laws:
                day = hours[max(0, local.weekday() - 4)]
                if day is None or not day[0] * 60 <= local.hour * 60 + local.minute < day[1] * 60:
                    return False
    return True


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """Noon (UTC) before the days on which a clock of the zone is set, in the ten years."""
    found = []
    for clock in clocks(zone):
        day, offset = SINCE, SINCE.astimezone(clock).utcoffset()
        while day < UNTIL:
            day += timedelta(days=1)
            if day.astimezone(clock).utcoffset() != offset:
                offset = day.astimezone(clock).utcoffset()
                found.append(day - timedelta(hours=36))
    return tuple(sorted(set(found)))


def windows(place: Place, at: datetime, until: datetime) -> Iterator[quiet_hours.Window]:
    while at < until:
        window = next_window(at, place)
        assert window.closes_at > at
        yield window
        at = window.closes_at


def check(place: Place, at: datetime, days: float, step: timedelta) -> int:
    """Every moment of these days is judged as the clocks on the wall do; how many windows there were."""
    end, edge, seen = at + timedelta(days=days), at, 0
    for window in windows(place, at, end):
        seen += 1
        assert window.opens_at.tzinfo is window.closes_at.tzinfo is UTC
        assert allowed(window.opens_at, place), window
        assert allowed(window.closes_at - SECOND, place), window
        assert not allowed(window.closes_at, place), window
        assert not allowed(window.opens_at - SECOND, place), window
        while edge < min(window.closes_at, end):
            assert allowed(edge, place) is (window.opens_at <= edge), (edge, window)
            edge += step
    return seen


def one_of_each_behaviour(names: set[str]) -> list[str]:
    moments = [SINCE + timedelta(days=n) for n in range(0, 3653, 11)]

    def offsets(zone: str) -> tuple[object, ...]:
        return tuple(m.astimezone(clock).utcoffset() for clock in clocks(zone) for m in moments)

    return sorted({offsets(zone): zone for zone in sorted(names)}.values())


HOME = {zone for region in regions.REGIONS.values() for zone in region.zones}
HOME |= {zone for area in regions.AREAS for zone in numbers.zones(f"+1{area}5550118")}


def test_every_zone_of_home_minute_by_minute_around_every_change_for_ten_years() -> None:
    for zone in one_of_each_behaviour(HOME):
        place = Place("", zone=zone)
        for day in changes(zone)[:2] or [SINCE]:
            assert check(place, day, 2.5, timedelta(minutes=1)) >= 3
        for day in changes(zone):
            check(place, day, 2.5, timedelta(hours=1))


def test_every_zone_of_the_world_around_every_change_for_ten_years() -> None:
    zones = one_of_each_behaviour(set(zoneinfo.available_timezones()))
    assert len(zones) > 60
    for zone in zones:
        for day in changes(zone) or [SINCE]:
            check(Place("", zone=zone), day, 2, timedelta(hours=3))


def test_every_states_law_by_every_clock_of_it() -> None:
    sunday = datetime(2026, 11, 1, tzinfo=UTC)  # the clocks go back
    for code in regions.REGIONS:
        place = Place("+18005550118", region=code)
        assert regions_of(place) == {code}
        assert zones_of(place) == (regions.REGIONS[code].zones, "place")
        assert check(place, sunday - timedelta(days=1), 8, timedelta(minutes=30)) >= 6
    assert set(HOURS) == set(LAW) | {c for c, r in regions.REGIONS.items() if r.country == "CA"}
    assert all(hours.source for hours in HOURS.values())


def test_a_shared_area_code_holds_in_all_its_zones() -> None:
    for area in ["907", "541", "219", "208", "807", "709", "250", "867", "850", "928", "306", "605", "600"]:
        place = Place(f"+1{area}5550118")
        assert len(zones_of(place)[0]) > 1, area
        for day in {day for zone in zones_of(place)[0] for day in changes(zone)[:2]}:
            check(place, day, 3, timedelta(hours=1))
        for day in (SINCE, UNTIL):
            check(place, day, 8, timedelta(hours=2))


def test_no_clock_of_a_place_is_left_out() -> None:
    # Malheur County in Oregon keeps Mountain time: 8 PM on the coast is 9 PM there.
    place = Place("+15415550118")
    assert may_reach(datetime(2026, 11, 26, 3, 59, tzinfo=UTC), place)
    assert not may_reach(datetime(2026, 11, 26, 4, 0, tzinfo=UTC), place)
    window = next_window(datetime(2026, 11, 26, 4, 0, tzinfo=UTC), place)
    assert window.opens_at == datetime(2026, 11, 26, 16, tzinfo=UTC)
    assert window.closes_at == datetime(2026, 11, 27, 4, tzinfo=UTC)
    assert (window.basis, window.rule) == ("number", "United States: 8 AM to 9 PM")
    assert {"America/Los_Angeles", "America/Denver"} <= window.zones


# Local time of the client, moment, allowed. Reviewed 2026-11-25.
@pytest.mark.parametrize(
    ("place", "local", "expected"),
    [
        (Place("+12125550118"), "2027-03-14 07:59 America/New_York", False),
        (Place("+12125550118"), "2027-03-14 08:00 America/New_York", True),
        (Place("+12125550118"), "2027-11-07 20:59 America/New_York", True),
        (Place("+12125550118"), "2027-11-07 21:00 America/New_York", False),
        (Place("+12145550118", zone="America/Chicago"), "2026-11-28 09:00 America/Chicago", True),
        (Place("+12145550118", zone="America/Chicago"), "2026-11-29 11:59 America/Chicago", False),
        (Place("+12145550118", zone="America/Chicago"), "2026-11-29 12:00 America/Chicago", True),
        (Place("+12125550118", region="tx"), "2026-11-29 11:30 America/Chicago", False),
        (Place("+12125550118", postal_code="33101"), "2026-11-27 20:30 America/New_York", False),
        (Place("+12125550118", postal_code="10001-1234"), "2026-11-27 20:30 America/New_York", True),
        (Place("+12125550118", zone="America/Los_Angeles"), "2026-11-27 20:30 America/Los_Angeles", True),
        (Place("+14165550118"), "2026-11-27 20:59 America/Toronto", True),
        (Place("+14165550118"), "2026-11-27 21:00 America/Toronto", False),
        (Place("+14165550118"), "2026-11-28 18:00 America/Toronto", False),
        (Place("+12055550118"), "2026-11-29 12:00 America/Chicago", False),
        (Place("+17095550118", zone="America/St_Johns"), "2026-11-27 09:00 America/St_Johns", True),
        (Place("+16715550118"), "2026-11-27 08:00 Pacific/Guam", True),
        (Place("+16715550118"), "2026-11-27 21:00 Pacific/Guam", False),
    ],
)
def test_may_reach(place: Place, local: str, expected: bool) -> None:
    when, _, zone = local.rpartition(" ")
    moment = datetime.strptime(when, "%Y-%m-%d %H:%M").replace(tzinfo=ZoneInfo(zone))
    assert may_reach(moment, place) is expected
    assert allowed(moment.astimezone(UTC), place) is expected


def test_the_rule_is_told_in_words() -> None:
    for codes, words in (
        ("", "United States: 8 AM to 9 PM"),
        ("OR", "United States: 8 AM to 9 PM"),
        ("TX", "Texas: 9 AM to 9 PM, Sundays from noon"),
        ("AL", "Alabama: 8 AM to 8 PM, not on Sundays"),
        ("RI", "Rhode Island: 9 AM to 6 PM, weekends 10 AM to 5 PM"),
        ("NS PE", "Canada: 9 AM to 9 PM, weekends 10 AM to 6 PM"),
        ("OR TX", "Texas: 9 AM to 9 PM, Sundays from noon"),
        ("RI TX", "Rhode Island and Texas: 9 AM to 6 PM, Saturdays 10 AM to 5 PM, Sundays noon to 5 PM"),
    ):
        assert rule(frozenset(codes.split())) == words


def test_no_hour_at_all_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    never = quiet_hours.Hours((None,) * 7, "a law that forbids it")
    monkeypatch.setitem(HOURS, "OR", never)
    place = Place("+15035550118")
    quiet_hours._days.cache_clear()
    try:
        with pytest.raises(NoWindow, match="America/Los_Angeles"):
            next_window(SINCE, place)
        assert not may_reach(SINCE, place)
    finally:
        quiet_hours._days.cache_clear()


def test_a_moment_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        may_reach(datetime(2026, 11, 25, 12), Place("+15035550118"))


def test_moments_in_any_zone_are_the_same_moment() -> None:
    chance = random.Random(3)
    for _ in range(200):
        area = chance.choice(sorted(regions.AREAS))
        place = Place(f"+1{area}5550118")
        moment = SINCE + timedelta(minutes=chance.randrange(5_000_000))
        elsewhere = moment.astimezone(ZoneInfo(chance.choice(["Asia/Kathmandu", "Pacific/Chatham"])))
        assert next_window(moment, place) == next_window(elsewhere, place)
        assert may_reach(moment, place) is allowed(moment, place)


def test_the_federal_row_is_what_the_law_says() -> None:
    assert FEDERAL.days == ((480, 1260),) * 7
