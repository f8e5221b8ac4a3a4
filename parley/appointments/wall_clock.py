"""From a date and a time of day, as people say them, to a moment. On two days of the year that may be none, or two."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def moments(day: date, at: time, zone: ZoneInfo) -> list[datetime]:
    """The moments (UTC) at which the clocks of this zone show it: none, one, or two."""
    shown = datetime.combine(day, at)
    either = [shown.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return sorted({moment for moment in either if moment.astimezone(zone).replace(tzinfo=None) == shown})
