"""How requests and estimates look to members: what became of them, in a word beside an icon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from parley.businesses.models import Business
from parley.payments.models import Asked, Estimate, PaymentRequest
from parley.ui.templatetags.ui import short_date


@dataclass(frozen=True, slots=True)
class Chip:
    """One status: `tone` as the design has it, empty for none."""

    words: str
    icon: str
    tone: str = ""


ENDS = {
    PaymentRequest.Status.PAID: Chip("Paid", "check-circle", "good"),
    PaymentRequest.Status.CANCELLED: Chip("Cancelled", "block", "quiet"),
    Estimate.Status.ACCEPTED: Chip("Accepted", "check-circle", "good"),
    Estimate.Status.DECLINED: Chip("Declined", "block", "quiet"),
}
WITHDRAWN = Chip("Withdrawn", "block", "quiet")
VIEWED = Chip("Viewed", "eye", "pending")
SENT = Chip("Not viewed yet", "clock", "quiet")


@dataclass(frozen=True, slots=True)
class Look:
    """A request or an estimate on the day `today` of its business."""

    asked: PaymentRequest | Estimate
    today: date

    @property
    def end(self) -> date | None:
        """The day it is due, or the last one on which it holds."""
        return self.asked.due_on if isinstance(self.asked, PaymentRequest) else self.asked.expires_on

    @property
    def open(self) -> bool:
        return self.asked.status == "open"

    @property
    def late(self) -> bool:
        return self.open and self.end is not None and self.end < self.today

    @property
    def chips(self) -> list[Chip]:
        """One, or two where an open one is both viewed and pressing."""
        if not self.open:
            withdrawn = isinstance(self.asked, Estimate) and self.asked.status == Estimate.Status.CANCELLED
            return [WITHDRAWN if withdrawn else ENDS[self.asked.status]]  # type: ignore[index]
        bill = isinstance(self.asked, PaymentRequest)
        found = []
        if self.late:
            found.append(Chip("Overdue", "alert", "danger") if bill else Chip("Expired", "clock", "quiet"))
        elif self.end == self.today:
            found.append(Chip("Due today" if bill else "Last day", "clock", "pending"))
        if self.asked.viewed_at:
            found.append(VIEWED)
        return found or [SENT]

    @property
    def chip(self) -> Chip:
        """The one that matters most, beside words that say when it is due."""
        return self.chips[0] if self.late or not self.open else self.chips[-1]

    @property
    def by(self) -> str:
        """When it is due, or until when it holds, in the middle of a sentence; empty if it has no such day."""
        if self.end is None:
            return ""
        day = "today" if self.end == self.today else said(self.end, self.today)
        if isinstance(self.asked, PaymentRequest):
            return f"was due {day}" if self.late else f"due {day}"
        return f"expired {day}" if self.late else f"good until {day}"

    @property
    def what(self) -> str:
        """As a line of words: Deposit, due today."""
        return f"{self.asked.title}, {self.by}" if self.open and self.by else self.asked.title


def said(on: date, today: date) -> str:
    """Nov 18, or Nov 18, 2025."""
    return short_date(on) if on.year == today.year else f"{short_date(on)}, {on.year}"


def today_of(business: Business, now: datetime | None = None) -> date:
    """The day that it is for this business."""
    zone: ZoneInfo = business.zone
    return (now or timezone.now()).astimezone(zone).date()


def look_of(asked: Asked) -> Look:
    assert isinstance(asked, PaymentRequest | Estimate)
    return Look(asked, today_of(asked.business))
