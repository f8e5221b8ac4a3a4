"""How long the carriers take, and where a registration is in that time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from parley.numbers.models import Registration

# What people are promised: usually within four weeks, at most six (the product text; field.md 1.2).
USUALLY_DAYS = 28
MOST_DAYS = 42


@dataclass(frozen=True, slots=True)
class Review:
    """Days are counted in the business's zone; the day it was sent is day 0."""

    day: int
    sent_on: date
    usually_by: date
    most_by: date

    @property
    def most_days(self) -> int:
        return MOST_DAYS

    @property
    def overdue(self) -> bool:
        return self.day > MOST_DAYS

    @property
    def late(self) -> bool:
        """Past the usual time, but within what was promised."""
        return USUALLY_DAYS < self.day <= MOST_DAYS

    @property
    def share(self) -> str:
        """How far the meter is filled, in percent."""
        return f"{min(self.day / MOST_DAYS, 1) * 100:.1f}"


def review_of(registration: Registration) -> Review | None:
    """None for a registration that was never sent."""
    if registration.submitted_at is None:
        return None
    zone = registration.business.zone
    sent_on = registration.submitted_at.astimezone(zone).date()
    return Review(
        day=(timezone.now().astimezone(zone).date() - sent_on).days,
        sent_on=sent_on,
        usually_by=sent_on + timedelta(days=USUALLY_DAYS),
        most_by=sent_on + timedelta(days=MOST_DAYS),
    )


def days_taken(registration: Registration) -> int | None:
    """From sending to the decision; None if that is not known."""
    if registration.submitted_at is None or registration.decided_at is None:
        return None
    zone = registration.business.zone
    return (
        registration.decided_at.astimezone(zone).date() - registration.submitted_at.astimezone(zone).date()
    ).days
