"""When marketing may reach a person: by the law of where they are and by every clock that may be theirs.

The hours are those of the person's own clock. Where several clocks may be theirs (an area code that two zones
share, a state with two) the time must be allowed by all of them at once, so a window never holds a moment
that is forbidden anywhere.

Whether texts are "calls" under these rules is contested; the industry obeys them, and so does Parley. They
are for marketing only: replies in a conversation and texts that the person asked for may come at any hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from parley.sms.regions import REGIONS
from parley.sms.zones import Basis, Place, clocks, regions_of, zones_of

__all__ = ["HOURS", "NoWindow", "Place", "Window", "may_reach", "next_window", "zones_of"]

Day = tuple[int, int] | None
Week = tuple[Day, ...]

_FAR = timedelta(days=8)
_STEP = timedelta(hours=6)  # no clock is set twice within it


class Hours(NamedTuple):
    """Minutes after local midnight, [opens, closes), for each weekday from Monday; None: not at all."""

    days: Week
    source: str


def _hours(
    source: str,
    opens: float,
    closes: float,
    *,
    saturday: tuple[float, float] | None = (0, 24),
    sunday: tuple[float, float] | None = (0, 24),
) -> Hours:
    """In hours. Saturday and Sunday are as the other days, and within what is given for them."""
    every = (int(opens * 60), int(closes * 60))

    def day(given: tuple[float, float] | None) -> Day:
        if given is None:
            return None
        if given == (0, 24):
            return every
        return int(given[0] * 60), int(given[1] * 60)

    return Hours((every,) * 5 + (day(saturday), day(sunday)), source)


# Where a state says more than the federal rule. The lists of the trade differ: the stricter row is taken, and
# the source says who says less. All reviewed 2026-11-25.
#
#   F   47 CFR 64.1200(c)(1)
#   K1  Referrizer, TCPA quiet hours (FL, OK, MD, MS, NJ, CT, RI)
#   K2  Stello, compliance, 2026-04-08 (AL, LA, MA, CT, CA, IL, MI, MN, KY)
#   L1  Drop Cowboy, state calling restrictions, 2025-11-01 (also NV, NM; no Sundays in AL, LA, MS)
#   L2  ClickPoint, telemarketing calling hours by state, 2025-07 (no Sundays in AL, LA; CT until 9 PM)
#   C   CRTC Unsolicited Telecommunications Rules, part III: weekdays 9:00 to 21:30, weekends 10:00 to 18:00.
#       They are for calls; texts have CASL alone, which names no hours. Kept as a courtesy, within F.
FEDERAL = _hours("F", 8, 21)
CANADA = _hours("C, F", 9, 21, saturday=(10, 18), sunday=(10, 18))
HOURS: dict[str, Hours] = {
    "AL": _hours("L1, L2; K2: Sundays too", 8, 20, sunday=None),
    "CA": _hours("K2", 9, 21),
    "CT": _hours("K1, K2, L1; L2: until 9 PM", 9, 20),
    "FL": _hours("Fla. Stat. 501.616(6)(a); K1, L1, L2", 8, 20),
    "IL": _hours("K2, L2; L1: from 8 AM", 9, 21),
    "KY": _hours("K2, L1, L2", 10, 21),
    "LA": _hours("La. PSC General Order R-29617 V(A)(2); L1, L2; K2: Sundays too", 8, 20, sunday=None),
    "MA": _hours("K2, L1, L2", 8, 20),
    "MD": _hours("K1, L1", 8, 20),
    "MI": _hours("K2, L1, L2", 9, 21),
    "MN": _hours("K2, L1", 9, 21),
    "MS": _hours("L1; K1: Sundays too", 8, 20, sunday=None),
    "NJ": _hours("K1", 8, 20),
    "NM": _hours("L1", 9, 21),
    "NV": _hours("L1", 9, 20),
    "OK": _hours("K1, L1", 8, 20),
    "RI": _hours("K1, L1", 9, 18, saturday=(10, 17), sunday=(10, 17)),
    "TX": _hours("SB 140, for texts since 2025-09-01; Tex. Bus. & Com. Code 301.051", 9, 21, sunday=(12, 21)),
    "WA": _hours("RCW 80.36.390 as amended in 2022, not checked against its text", 8, 20),
    **{code: CANADA for code, region in REGIONS.items() if region.country == "CA"},
}


class NoWindow(ValueError):
    """There is no moment in the next 8 days at which every clock that may be theirs allows it."""


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch in which marketing may reach the client. Aware UTC datetimes; [opens_at, closes_at)."""

    opens_at: datetime
    closes_at: datetime
    zones: frozenset[str]  # all zones it holds in
    basis: Basis  # what the zones were told from
    rule: str  # words: "Texas: 9 AM to 9 PM, Sundays from noon"


class _Span(NamedTuple):
    opens: datetime
    closes: datetime


def next_window(moment: datetime, place: Place) -> Window:
    """The window `moment` is in, else the next. Raises NoWindow if there is none within 8 days.

    `moment` is aware. The state's hours hold by the clocks of `zones_of`; the state is told from the address,
    else from the area code.
    """
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone is not a moment")
    moment = moment.astimezone(UTC)
    zones, basis = zones_of(place)
    codes = regions_of(place)
    days = _days(codes)
    for span in _open(zones, days, moment.date()):
        if span.closes > moment:
            if span.opens > moment + _FAR:
                break
            return Window(span.opens, span.closes, zones, basis, rule(codes))
    raise NoWindow(f"no hour within {_FAR.days} days is allowed in all of {', '.join(sorted(zones))}")


def may_reach(moment: datetime, place: Place) -> bool:
    """May marketing reach the client at `moment`, which is aware?"""
    try:
        return next_window(moment, place).opens_at <= moment
    except NoWindow:
        return False


@lru_cache(maxsize=4096)
def rule(codes: frozenset[str]) -> str:
    """The hours that hold where all of these states' laws do, in words."""
    stricter = (REGIONS[code] for code in codes if code in HOURS)
    names = sorted({"Canada" if region.country == "CA" else region.name for region in stricter})
    return f"{' and '.join(names) or 'United States'}: {_words(_days(codes))}"


@lru_cache(maxsize=4096)
def _days(codes: frozenset[str]) -> Week:
    """The hours of each weekday that all of these states' laws and the federal one allow."""
    told: list[Day] = []
    for every in zip(FEDERAL.days, *(HOURS[code].days for code in codes if code in HOURS), strict=True):
        opens = max((day[0] for day in every if day), default=0)
        closes = min((day[1] if day else 0 for day in every), default=0)
        told.append((opens, closes) if opens < closes else None)
    return tuple(told)


@lru_cache(maxsize=4096)
def _open(zones: frozenset[str], days: Week, today: date) -> tuple[_Span, ...]:
    """The stretches that all clocks allow, from two days before `today` (in UTC) to ten days after it."""
    start = datetime(today.year, today.month, today.day, tzinfo=UTC) - timedelta(days=2)
    end = start + timedelta(days=12)
    spans: list[_Span] = [_Span(start, end)]
    for zone in sorted(zones):
        for clock in clocks(zone):
            spans = _both(spans, _open_by(clock, days, start, end))
    return tuple(spans)


def _open_by(clock: ZoneInfo, days: Week, start: datetime, end: datetime) -> list[_Span]:
    """The stretches of [start, end) at which `clock` shows an allowed hour, in order."""
    spans: list[_Span] = []
    for since, until, offset in _stretches(clock, start, end):
        midnight = (since + offset).replace(hour=0, minute=0, second=0, microsecond=0)
        while midnight - offset < until:
            if day := days[midnight.weekday()]:
                opens = max(since, midnight - offset + timedelta(minutes=day[0]))
                closes = min(until, midnight - offset + timedelta(minutes=day[1]))
                if opens < closes:
                    spans.append(_Span(opens, closes))
            midnight += timedelta(days=1)
    return spans


def _stretches(
    clock: ZoneInfo, start: datetime, end: datetime
) -> Iterable[tuple[datetime, datetime, timedelta]]:
    """[start, end) cut where the clock is set forward or back: since, until, offset from UTC."""
    since, offset = start, _offset(clock, start)
    at = start
    while at < end:
        at += _STEP
        if (now := _offset(clock, at)) != offset:
            until = _set_at(clock, at - _STEP, at)
            yield since, until, offset
            since, offset = until, now
    yield since, end, offset


def _set_at(clock: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second between the two at which `clock` shows the later one's offset."""
    later = _offset(clock, after)
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if _offset(clock, middle) == later:
            after = middle
        else:
            before = middle
    return after


def _offset(clock: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(clock).utcoffset()
    assert offset is not None
    return offset


def _both(some: list[_Span], others: list[_Span]) -> list[_Span]:
    """What is in both lists."""
    shared: list[_Span] = []
    at = 0
    for span in some:
        while at < len(others) and others[at].closes <= span.opens:
            at += 1
        for other in others[at:]:
            if other.opens >= span.closes:
                break
            shared.append(_Span(max(span.opens, other.opens), min(span.closes, other.closes)))
    return shared


def _words(days: Week) -> str:
    week, saturday, sunday = days[0], days[5], days[6]
    told = _hours_words(week)
    if saturday == sunday != week:
        return f"{told}, {_other('weekends', week, saturday)}"
    for name, day in (("Saturdays", saturday), ("Sundays", sunday)):
        if day != week:
            told += f", {_other(name, week, day)}"
    return told


def _other(name: str, week: Day, day: Day) -> str:
    if day is None or week is None:
        return f"not on {name}" if day is None else f"{name} {_hours_words(day)}"
    if day[1] == week[1]:
        return f"{name} from {_clock(day[0])}"
    if day[0] == week[0]:
        return f"{name} until {_clock(day[1])}"
    return f"{name} {_hours_words(day)}"


def _hours_words(day: Day) -> str:
    return f"{_clock(day[0])} to {_clock(day[1])}" if day else "not on weekdays"


def _clock(minutes: int) -> str:
    hour, minute = divmod(minutes, 60)
    if (hour, minute) == (12, 0):
        return "noon"
    return f"{hour % 12 or 12}{f':{minute:02}' if minute else ''} {'AM' if hour < 12 else 'PM'}"
