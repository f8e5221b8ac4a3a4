"""Telling the people of a business: one place for every channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django.db import transaction
from django.utils import timezone

from parley.businesses.models import Business
from parley.live.nudges import nudge
from parley.notifications import letters
from parley.notifications.models import Notification
from parley.notifications.push import push_news


@dataclass(frozen=True, slots=True)
class News:
    """What owners and admins are told of their number, or of their texts.

    `address` is a path of ours where a click leads.
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
    kind: str = Notification.Kind.NUMBER


class Face(Protocol):
    """Whose corner stands beside it: a client, whom this room does not know."""

    @property
    def initials(self) -> str: ...

    @property
    def tint(self) -> str: ...


@transaction.atomic
def tell_managers(business: Business, news: News) -> None:
    """Tell owners and admins by each channel that they chose, all or nothing with the caller's transaction."""
    notification, new = Notification.objects.get_or_create(
        business=business,
        key=news.key,
        defaults={
            "kind": news.kind,
            "title": news.title,
            "words": news.words,
            "address": news.address,
            "trouble": news.trouble,
            "managers_only": True,
            "created_at": timezone.now(),
        },
    )
    if not new:
        return
    push_news.defer(notification_id=str(notification.id), business_id=str(business.id))
    letters.write(notification.audience("email"), news.key, news.email_subject, news.email_body)
    nudge(business.id, [], news=True)


@transaction.atomic
def tell_members(
    business: Business,
    kind: str,
    key: str,
    title: str,
    *,
    words: str = "",
    address: str,
    face: Face | None = None,
) -> None:
    """Tell every member by each channel that they chose, all or nothing with the caller's transaction.

    `key` and `address` are as in `News`. `face` is that of the client it is about.
    """
    notification, new = Notification.objects.get_or_create(
        business=business,
        key=key,
        defaults={
            "kind": kind,
            "title": title[:160],
            "words": words[:200],
            "address": address,
            "initials": face.initials if face else "",
            "tint": face.tint if face else "",
            "created_at": timezone.now(),
        },
    )
    if not new:
        return
    ids = {"notification_id": str(notification.id), "business_id": str(business.id)}
    push_news.defer(**ids)
    letters.write_news.defer(**ids)
    nudge(business.id, [], news=True)
