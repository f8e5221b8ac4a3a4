"""Telling the people of a business: one place for every channel."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from parley.businesses.models import Business
from parley.live.nudges import nudge
from parley.notifications.models import Notification


@dataclass(frozen=True, slots=True)
class News:
    """What owners and admins are told of their number. `address` is a path of ours where a click leads.

    `key` (at most 100 characters) names the event within its business: whoever tells it twice tells it once.
    `trouble`: it is bad news, and shown as such.
    """

    key: str
    title: str
    words: str
    address: str
    email_subject: str
    email_body: str
    trouble: bool = False


def tell_managers(business: Business, news: News) -> None:
    """One notification for owners and admins, and one email to each, all or nothing with the caller's transaction."""
    Notification.objects.create(
        business=business,
        kind=Notification.Kind.NUMBER,
        title=news.title,
        words=news.words,
        address=news.address,
        managers_only=True,
        created_at=timezone.now(),
    )
    nudge(business.id, [], news=True)
