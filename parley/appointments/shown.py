"""An appointment as screens tell it: when, how long, with whom, and how it stands."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone

from parley.appointments.models import Appointment
from parley.businesses.models import Business
from parley.clients.models import Client
from parley.ui.templatetags.ui import clock

# What began longer ago than this is looked for no more, however long it lasts: so indexes by `starts_at` serve.
LONGEST = timedelta(days=1)
MOST_UPCOMING = 20

Status = Appointment.Status


class Standing(NamedTuple):
    """How it stands, in a word or two, with the design's tone and icon."""

    words: str
    tone: str
    icon: str


def spell_minutes(minutes: int) -> str:
    """How long something takes: 45 min, 2 h, 1 h 45."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest:02}" if rest else f"{hours} h"


def spell_day(day: date, today: date) -> str:
    """A day that people plan by: Today, Tomorrow, Yesterday, Fri, Nov 27, or Fri, Nov 27, 2026."""
    if near := {-1: "Yesterday", 0: "Today", 1: "Tomorrow"}.get((day - today).days):
        return near
    year = f", {day.year}" if day.year != today.year else ""
    return f"{day:%a}, {day:%b} {day.day}{year}"


@dataclass(frozen=True, slots=True)
class Shown:
    """One appointment, on the clocks of the business. `member__user` and `client` are loaded along."""

    appointment: Appointment
    zone: ZoneInfo
    now: datetime

    @property
    def id(self) -> uuid.UUID:
        return self.appointment.pk

    @property
    def starts(self) -> datetime:
        return self.appointment.starts_at.astimezone(self.zone)

    @property
    def ends(self) -> datetime:
        return self.appointment.ends_at.astimezone(self.zone)

    @property
    def on(self) -> date:
        return self.starts.date()

    @property
    def day(self) -> str:
        return spell_day(self.on, self.now.astimezone(self.zone).date())

    @property
    def clock(self) -> str:
        """2:45 PM; where the clock shows it twice that day, with the zone’s letters."""
        twice = self.starts.replace(fold=0).utcoffset() != self.starts.replace(fold=1).utcoffset()
        return clock(self.starts, self.zone) + (f" {self.starts.tzname()}" if twice else "")

    @property
    def clocks(self) -> str:
        """2:45 to 4:30 PM."""
        start, end = self.clock, clock(self.ends, self.zone)
        if start[-2:] == end[-2:] and self.ends.date() == self.on:
            start = start.removesuffix(" AM").removesuffix(" PM")
        return f"{start} to {end}"

    @property
    def lasts(self) -> str:
        return spell_minutes(int(self.appointment.lasts.total_seconds() // 60))

    @property
    def who(self) -> str:
        """Who sees them; empty if nobody has said."""
        member = self.appointment.member
        return member.first_name if member else self.appointment.with_name

    @property
    def over(self) -> bool:
        return self.appointment.over(self.now)

    @property
    def flagged(self) -> bool:
        """The client wrote that they may not come, and nobody has acted."""
        return self.appointment.holds and self.appointment.declined_at is not None

    @property
    def requested(self) -> bool:
        return self.appointment.status == Status.REQUESTED

    @property
    def cancelled(self) -> bool:
        return self.appointment.status == Status.CANCELLED

    @property
    def missed(self) -> bool:
        return self.appointment.status == Status.MISSED

    @property
    def standing(self) -> Standing | None:
        """None: it has been, and there is nothing to say of it."""
        if self.cancelled:
            return Standing("Cancelled", "quiet", "block")
        if self.missed:
            return Standing("Didn’t come", "pending", "block")
        # The client waits for a member in both: the design's persimmon.
        if self.flagged:
            return Standing("Can’t make it?", "waiting", "hand")
        if self.requested:
            return Standing("Requested", "waiting", "clock")
        if self.appointment.confirmed_at:
            return Standing("Confirmed", "good", "check")
        return None if self.over else Standing("Waiting for an answer", "quiet", "clock")


def shown(business: Business, appointments: QuerySet[Appointment]) -> list[Shown]:
    """Appointments of one business, as they are now."""
    zone, now = business.zone, timezone.now()
    return [
        Shown(appointment, zone, now) for appointment in appointments.select_related("client", "member__user")
    ]


def upcoming(business: Business, client: Client) -> list[Shown]:
    """What is to come for this client, and what goes on just now, the next first."""
    now = timezone.now()
    own = business.appointments.filter(
        client=client,
        status__in=(Status.REQUESTED, Status.BOOKED),
        starts_at__gt=now - LONGEST,
        ends_at__gt=now,
    )
    return shown(business, own.order_by("starts_at", "id")[:MOST_UPCOMING])
