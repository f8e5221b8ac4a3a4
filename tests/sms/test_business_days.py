"""The clock of a wish to stop: business days of both countries."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

import pytest

from parley.sms.business_days import due, holidays, is_business_day

# opm.gov, federal holidays, and canada.ca, public holidays; reviewed 2026-11-25.
US = {
    2026: "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25",
    2027: "01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31",
    2028: "01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-10 11-23 12-25",
}
CANADA = {
    2026: "01-01 04-03 05-18 07-01 09-07 09-30 10-12 11-11 12-25",
    2027: "01-01 03-26 05-24 07-01 09-06 09-30 10-11 11-11 12-25",
    2029: "01-01 03-30 05-21 07-02 09-03 09-30 10-08 11-11 12-25",
}


@pytest.mark.parametrize(("country", "years"), [("US", US), ("CA", CANADA)])
def test_the_federal_holidays(country: Literal["US", "CA"], years: dict[int, str]) -> None:
    for year, days in years.items():
        assert {f"{day:%m-%d}" for day in holidays(year, country)} == set(days.split()), year


@pytest.mark.parametrize(
    ("said", "days", "country", "expected"),
    [
        (date(2026, 11, 25), 10, "US", date(2026, 12, 10)),  # Thanksgiving lies between
        (date(2026, 11, 25), 10, "CA", date(2026, 12, 9)),
        (date(2026, 12, 18), 10, "US", date(2027, 1, 5)),  # Christmas and New Year's Day
        (date(2027, 12, 17), 10, "US", date(2028, 1, 4)),  # both kept on Fridays
        (date(2026, 11, 28), 1, "US", date(2026, 11, 30)),  # said on a Saturday
        (date(2026, 7, 2), 1, "US", date(2026, 7, 6)),  # the Fourth is kept on the third
        (date(2026, 11, 25), 0, "US", date(2026, 11, 25)),
    ],
)
def test_due(said: date, days: int, country: Literal["US", "CA"], expected: date) -> None:
    assert due(said, days, country) == expected


@pytest.mark.parametrize("country", ["US", "CA"])
def test_between_said_and_due_lie_that_many_business_days(country: Literal["US", "CA"]) -> None:
    said = date(2026, 1, 1)
    while said < date(2036, 1, 1):
        until = due(said, 10, country)
        days = [said + timedelta(days=n) for n in range(1, (until - said).days + 1)]
        assert sum(is_business_day(day, country) for day in days) == 10
        assert is_business_day(until, country)
        assert 12 <= (until - said).days <= 20
        said += timedelta(days=1)
