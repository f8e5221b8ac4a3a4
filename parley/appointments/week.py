"""A week of the calendar: its days, and what stands beside what."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import groupby

from django.db.models import QuerySet
from django.utils import timezone

from parley.appointments.models import Appointment
from parley.appointments.shown import Shown, shown
from parley.businesses.models import Business, Member

# Where a week begins on Sunday (CLDR 46, supplemental data, firstDay; reviewed 2026-11-26). Elsewhere: on Monday.
SUNDAY_FIRST = frozenset({"US", "CA", "MX"})
# Hours that are shown even if nothing stands there.
DAY_BEGINS, DAY_ENDS = 8, 18
# Beyond this a week is no longer something to look at.
MOST = 1000
# What is shorter stands as tall as this many hours, so that its name can be read.
SHORTEST = 0.5


@dataclass(slots=True)
class Slot:
    """An appointment in its day's column: `start` and `long` in hours, and which of how many lanes it has."""

    shown: Shown
    start: float
    long: float
    lane: int = 0
    lanes: int = 1

    @property
    def end(self) -> float:
        return self.start + self.long


@dataclass(slots=True)
class Day:
    on: date
    today: bool
    past: bool
    slots: list[Slot] = field(default_factory=list)


class Week:
    """The week that `on` lies in: of everybody, of the `member`, or what is with `nobody` in particular."""

    def __init__(
        self, business: Business, on: date, member: Member | None = None, *, nobody: bool = False
    ) -> None:
        self.business, self.zone, self.member, self.nobody = business, business.zone, member, nobody
        self.now = timezone.now()
        self.today = self.now.astimezone(self.zone).date()
        self.on = on
        since_first = (on.weekday() + 1) % 7 if business.country in SUNDAY_FIRST else on.weekday()
        self.first = on - timedelta(days=since_first)
        self.last = self.first + timedelta(days=6)

    @property
    def before(self) -> date:
        return self.first - timedelta(days=7)

    @property
    def after(self) -> date:
        return self.first + timedelta(days=7)

    @property
    def is_now(self) -> bool:
        return self.first <= self.today <= self.last

    @property
    def name(self) -> str:
        """November 22 to 28, 2026; November 29 to December 5, 2026."""
        first, last = self.first, self.last
        year = f", {first.year}" if first.year != last.year else ""
        month = "" if first.month == last.month else f"{last:%B} "
        return f"{first:%B} {first.day}{year} to {month}{last.day}, {last.year}"

    def appointments(self) -> QuerySet[Appointment]:
        """The index `calendar` is entered at the week's first moment and left at its last."""
        own = self.business.appointments.filter(
            starts_at__gte=datetime.combine(self.first, time(), self.zone),
            starts_at__lt=datetime.combine(self.after, time(), self.zone),
        )
        if self.member or self.nobody:
            own = own.filter(member=self.member)
        return own.order_by("starts_at", "id")[: MOST + 1]

    @cached_property
    def _found(self) -> list[Shown]:
        return shown(self.business, self.appointments())

    @property
    def too_many(self) -> bool:
        return len(self._found) > MOST

    @cached_property
    def days(self) -> list[Day]:
        """All seven, whether anything stands there or not."""
        by_day = {on: list(of_day) for on, of_day in groupby(self._found[:MOST], lambda one: one.on)}
        days = []
        for n in range(7):
            on = self.first + timedelta(days=n)
            slots = [_slot(one) for one in by_day.get(on, ())]
            beside(slots)
            days.append(Day(on, on == self.today, on < self.today, slots))
        return days

    @cached_property
    def begins(self) -> int:
        """The first hour that is shown."""
        return min([DAY_BEGINS, *(int(slot.start) for day in self.days for slot in day.slots)])

    @cached_property
    def ends(self) -> int:
        """The hour at which what is shown ends."""
        return min(24, max([DAY_ENDS, *(int(slot.end) + 1 for day in self.days for slot in day.slots)]))

    @property
    def hours(self) -> list[time]:
        return [time(hour) for hour in range(self.begins, self.ends)]

    @property
    def hand(self) -> float | None:
        """Where the hand stands now, in hours, if that is among the hours that are shown."""
        local = self.now.astimezone(self.zone)
        hand = local.hour + local.minute / 60
        return hand if self.begins <= hand < self.ends else None


def _slot(one: Shown) -> Slot:
    start = one.starts.hour + one.starts.minute / 60
    hours = max(one.appointment.lasts.total_seconds() / 3600, SHORTEST)
    return Slot(one, start, min(hours, 24 - start))


def beside(slots: list[Slot]) -> None:
    """Give what overlaps lanes of its own. The slots of one day, in the order of their beginnings."""
    together: list[Slot] = []
    ends: list[float] = []
    for slot in slots:
        if together and slot.start >= max(ends):
            together, ends = [], []
        free = next((lane for lane, end in enumerate(ends) if end <= slot.start), len(ends))
        ends[free : free + 1] = [slot.end]
        slot.lane = free
        together.append(slot)
        for one in together:
            one.lanes = len(ends)
