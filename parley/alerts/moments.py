"""When something is to be sent, by the clock on a business's wall.

Hours and minutes are elapsed time. Days are the same wall-clock time so many days before or after. Where the clock is
set forward over that time, it is the first moment after the gap; where it is set back and shows that time twice, the
first. So over a clock change nobody gets two messages, or none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# When what is due on a day is sent on that day.
MORNING = time(10, 0)


def on_the_wall(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which the clocks of `zone` show `wall` (which knows no zone)."""
    earlier, later = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    # In a gap the two are the wrong way round, for the offset before it is the smaller one: PEP 495.
    if later >= earlier:
        return earlier
    before, after = later, earlier
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def morning_of(day: date, zone: ZoneInfo) -> datetime:
    """When on that day something is sent that is due on a day."""
    return on_the_wall(datetime.combine(day, MORNING), zone)


def away_from(moment: datetime, amount: int, unit: str, zone: ZoneInfo) -> datetime:
    """`amount` minutes, hours or days after `moment`; before it if negative. In UTC."""
    if unit == "days":
        there = moment.astimezone(zone).replace(tzinfo=None)
        return on_the_wall(there + timedelta(days=amount), zone)
    return moment.astimezone(UTC) + timedelta(**{unit: amount})


def spoken(amount: int, unit: str) -> str:
    """24 hours, 1 day."""
    return f"{amount} {unit[:-1] if amount == 1 else unit}"
