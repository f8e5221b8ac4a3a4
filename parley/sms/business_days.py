"""Business days, as the law counts the time to honour a wish to stop: 10 of them in both countries.

US: 47 CFR 64.1200(a)(10); holidays are the federal ones of 5 U.S.C. 6103, kept on the Friday before when they
fall on a Saturday and on the Monday after when on a Sunday. Canada: CASL 11(3); holidays are those of the
Interpretation Act 35(1) and the Holidays Act that everybody keeps: not Easter Monday, nor the provinces' own. A
day too few never breaks the law. Reviewed 2026-11-25.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Literal

Country = Literal["US", "CA"]

_MONDAY, _THURSDAY, _SATURDAY, _SUNDAY = 0, 3, 5, 6


def due(said: date, days: int, country: Country) -> date:
    """The `days`-th business day after `said`; weekends and federal holidays do not count."""
    day = said
    while days > 0:
        day += timedelta(days=1)
        if is_business_day(day, country):
            days -= 1
    return day


def is_business_day(day: date, country: Country) -> bool:
    """Is `day` neither a weekend nor a federal holiday?"""
    return day.weekday() < _SATURDAY and day not in holidays(day.year, country)


@cache
def holidays(year: int, country: Country) -> frozenset[date]:
    """The federal holidays of `year`, on the days on which they are kept."""
    if country == "CA":
        return _canada(year)
    # New Year's Day of the next year is kept in this one when it is a Saturday.
    kept = {_kept(day) for of in (year, year + 1) for day in _us(of)}
    return frozenset(day for day in kept if day.year == year)


def _us(year: int) -> list[date]:
    return [
        date(year, 1, 1),
        _nth(year, 1, 3, _MONDAY),  # Martin Luther King
        _nth(year, 2, 3, _MONDAY),  # Washington's birthday
        _last_monday(year, 5, 31),  # Memorial Day
        date(year, 6, 19),
        date(year, 7, 4),
        _nth(year, 9, 1, _MONDAY),  # Labor Day
        _nth(year, 10, 2, _MONDAY),  # Columbus Day
        date(year, 11, 11),
        _nth(year, 11, 4, _THURSDAY),  # Thanksgiving
        date(year, 12, 25),
    ]


def _canada(year: int) -> frozenset[date]:
    canada_day = date(year, 7, 1)
    return frozenset(
        {
            date(year, 1, 1),
            _easter(year) - timedelta(days=2),  # Good Friday
            _last_monday(year, 5, 24),  # Victoria Day
            canada_day + timedelta(days=canada_day.weekday() == _SUNDAY),
            _nth(year, 9, 1, _MONDAY),  # Labour Day
            date(year, 9, 30),  # Truth and Reconciliation
            _nth(year, 10, 2, _MONDAY),  # Thanksgiving
            date(year, 11, 11),
            date(year, 12, 25),
        }
    )


def _kept(day: date) -> date:
    return day + timedelta(days={_SATURDAY: -1, _SUNDAY: 1}.get(day.weekday(), 0))


def _nth(year: int, month: int, nth: int, weekday: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday(year: int, month: int, until: int) -> date:
    last = date(year, month, until)
    return last - timedelta(days=last.weekday())


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (Meeus, Jones and Butcher)."""
    golden, century, of_century = year % 19, year // 100, year % 100
    correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (of_century // 4) - epact - of_century % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
