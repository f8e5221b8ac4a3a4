"""The meter: what was used of the month's texts, for what, and how far the rest will go. In segments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

from parley.businesses.models import Business
from parley.quota import ledger
from parley.quota.models import Balance

# A pace of fewer days says nothing of a month.
TOO_EARLY = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Share:
    """One colour of the meter. `percent` of its whole width."""

    name: str
    used: int
    percent: float
    paint: str


@dataclass(frozen=True, slots=True)
class Meter:
    """A balance as people are shown it, at the moment `at`.

    `began`: when the pace is counted from, the month's first moment or the business's own.
    """

    balance: Balance
    began: datetime
    ends: datetime
    at: datetime

    @classmethod
    def of(cls, business: Business) -> Meter:
        """The business's meter now, by one query."""
        known = ledger.seen(business)
        starts = [
            datetime.combine(day, time(), business.zone) for day in (known.month, ledger.after(known.month))
        ]
        return cls(known, max(starts[0], business.created_at), starts[1], timezone.now())

    # ---- Figures

    @property
    def month(self) -> date:
        return self.balance.month

    @property
    def allowance(self) -> int:
        return self.balance.allowance

    @property
    def used(self) -> int:
        """Of the month's texts and of bought ones."""
        return self.balance.used

    @property
    def from_month(self) -> int:
        return self.allowance - self.balance.monthly

    @property
    def from_bought(self) -> int:
        return self.used - self.from_month

    @property
    def left_of_month(self) -> int:
        return self.balance.monthly

    @property
    def bought(self) -> int:
        """Left of those that were bought."""
        return self.balance.bought

    @property
    def left(self) -> int:
        return self.balance.left

    @property
    def refused(self) -> int:
        return self.balance.refused

    @property
    def whole(self) -> int:
        """What the meter's full width stands for; never 0."""
        return max(self.allowance, self.used, 1)

    @property
    def shares(self) -> list[Share]:
        return [
            Share(name, used, round(used * 100 / self.whole, 1), f"var(--series-{series})")
            for name, used, series in (
                ("Automatic", self.balance.used_automatic, "automatic"),
                ("Direct", self.balance.used_direct, "direct"),
                ("Campaigns", self.balance.used_marketing, "campaign"),
            )
        ]

    # ---- Words

    @property
    def starts_over(self) -> str:
        """December 1."""
        return _day(self.ends)

    @property
    def pace(self) -> str:
        """A sentence or two: how many will be used by the month's end, or when they run out."""
        over = f"before it starts over on {self.starts_over}"
        if not self.left:
            return (
                f"None are left: texts are refused, and not sent later. It starts over on {self.starts_over}."
            )
        if not self.used:
            return f"None used yet this month. It starts over on {self.starts_over}."
        so_far, to_come = self.at - self.began, self.ends - self.at
        if so_far < TOO_EARLY:
            return f"It’s too early to say how many you’ll use {over}."
        expected = self.used + self.used * (to_come / so_far)
        if expected - self.used > self.left:
            return f"At this pace they run out {self._gone(self.left, so_far)}, {over}."
        if self.left_of_month and expected - self.used > self.left_of_month:
            return (
                f"At this pace the month’s texts are used {self._gone(self.left_of_month, so_far)}, "
                f"and bought ones go next. It starts over on {self.starts_over}."
            )
        return f"At this pace you’ll use about {_about(expected):,} {over}."

    def _gone(self, left: int, so_far: timedelta) -> str:
        """When `left` more are used at the pace of `so_far`: today, or about November 24."""
        zone = self.ends.tzinfo
        gone = (self.at + so_far * (left / self.used)).astimezone(zone)
        return "today" if gone.date() == self.at.astimezone(zone).date() else f"about {_day(gone)}"


def _day(at: datetime) -> str:
    return f"{at:%B} {at.day}"


def _about(expected: float) -> int:
    """No more exact than a forecast is."""
    return round(expected) if expected < 100 else round(expected / 10) * 10
