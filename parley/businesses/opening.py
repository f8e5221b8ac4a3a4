"""When a business is open, by its own clock (`Business.hours`)."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from parley.businesses.models import Business

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Stretch = tuple[time, time]


def stretches(business: Business, day: date) -> list[Stretch]:
    """From when to when it is open that day, the earliest first. Midnight as an end is the end of that day."""
    return [
        (time.fromisoformat(opens), time.fromisoformat(closes))
        for opens, closes in business.hours.get(DAYS[day.weekday()], [])
    ]


def is_open(business: Business, at: datetime) -> bool:
    """A business that has not said when it is open is taken to be so."""
    if not business.hours:
        return True
    local = at.astimezone(business.zone)
    now = local.time()
    return any(
        opens <= now and (now < closes or closes == time.min)
        for opens, closes in stretches(business, local.date())
    )


def next_opening(business: Business, at: datetime) -> datetime | None:
    """When it opens next, later than `at`, by its clock; None where it never does, or has not said."""
    local = at.astimezone(business.zone)
    for ahead in range(8):
        day = local.date() + timedelta(days=ahead)
        for opens, _ in stretches(business, day):
            begins = datetime.combine(day, opens, business.zone)
            if begins > local:
                return begins
    return None
