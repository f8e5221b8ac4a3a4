"""What the frame around every page shows: how many clients wait, the bell, and the number."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from parley.businesses.models import Member
from parley.inbox.reach import conversations_of
from parley.notifications import vapid
from parley.notifications.models import Notification
from parley.numbers.glance import Glance, glance

# A badge needs no number above this ("99+"), and counting on would read every row.
COUNTED = 100


class Shell:
    """Asked by the template, so that a page without the frame pays nothing. Three queries at most."""

    def __init__(self, member: Member) -> None:
        self.member = member
        self.now = timezone.now()

    @cached_property
    def waiting(self) -> int:
        return conversations_of(self.member).waiting()[:COUNTED].count()

    @cached_property
    def news(self) -> int:
        """Notifications that came since this member last read them."""
        since = self.member.notifications_read_at
        return Notification.objects.told_to(self.member).filter(created_at__gt=since)[:COUNTED].count()

    @property
    def push_key(self) -> str:
        """What a browser subscribes to our pushes with; an open page that holds another one subscribes anew."""
        return vapid.public_key()

    @cached_property
    def others(self) -> list[Member]:
        """This person's memberships elsewhere; asked for only if there are any."""
        if not self.member.elsewhere:
            return []
        own = self.member.user.memberships.exclude(pk=self.member.pk)
        return list(own.select_related("business").order_by("business__name"))

    @cached_property
    def number(self) -> Glance | None:
        return glance(self.member.business)


def shell(request: HttpRequest) -> dict[str, Any]:
    """`shell` for the frame and `zone` for the time filters, on pages that a member asked for."""
    member: Member | None = getattr(request, "member", None)
    return {"shell": Shell(member), "zone": member.business.zone} if member else {}
