"""What owners and admins are told of their texts, each once a month."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.urls import reverse

from parley.businesses.access import from_outside
from parley.businesses.models import Business
from parley.notifications.models import Notification
from parley.notifications.telling import News, tell_managers
from parley.quota import ledger
from parley.quota.meter import Meter


def tell(business: Business, level: ledger.Level, month: date) -> None:
    """Tell it with the figures of this moment; nothing if the month it was true in is over."""
    meter = Meter.of(business)
    if meter.month != month:
        return
    title, words = _words(meter, level)
    address = reverse("texts")
    page = settings.PUBLIC_URL + from_outside(address, business.id)
    tell_managers(
        business,
        News(
            key=f"texts:{month:%Y-%m}:{level}",
            title=title,
            words=words,
            address=address,
            email_subject=f"{title} ({business.name})",
            email_body=f"{title} at {business.name}.\n\n{words}\n\nWhere they went, and how to get more:\n{page}\n",
            trouble=level == "gone",
            kind=Notification.Kind.QUOTA,
        ),
    )


def _words(meter: Meter, level: ledger.Level) -> tuple[str, str]:
    """Title and words."""
    over = meter.starts_over
    if level == "low":
        return (
            f"{ledger.LOW}% of this month’s texts are used",
            f"{meter.from_month:,} of {meter.allowance:,} segments. {meter.pace}",
        )
    if level == "used":
        return (
            "This month’s texts are used up",
            f"Your {meter.bought:,} bought texts go next. The month’s start over on {over}.",
        )
    few = f"Only {meter.left:,} left, too few for a text that was to go." if meter.left else ""
    return (
        "You have run out of texts",
        few + f"{' ' if few else ''}Texts are refused until {over}, or until you buy more. "
        "They are not sent later.",
    )
