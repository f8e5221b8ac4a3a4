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


NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def spoken(business: Business) -> str:
    """The week in words: "Monday to Friday 9:00 AM to 5:00 PM, Saturday 10:00 AM to 2:00 PM"; empty if not said."""
    runs: list[tuple[int, int, str]] = []
    for place, day in enumerate(DAYS):
        said = " and ".join(
            f"{_clock(opens)} to {_clock(closes)}" for opens, closes in business.hours.get(day, [])
        )
        if runs and runs[-1][2] == said:
            runs[-1] = (runs[-1][0], place, said)
        else:
            runs.append((place, place, said))
    return ", ".join(f"{_days(first, last)} {said}" for first, last, said in runs if said)


def _days(first: int, last: int) -> str:
    if first == last:
        return NAMES[first]
    return f"{NAMES[first]} {'and' if last == first + 1 else 'to'} {NAMES[last]}"


def _clock(at: str) -> str:
    if at == "00:00":
        return "midnight"
    hour, minute = at.split(":")[:2]
    return f"{int(hour) % 12 or 12}:{minute} {'AM' if int(hour) < 12 else 'PM'}"
