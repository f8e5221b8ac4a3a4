"""The app's lists, a page at a time, and what a business's calls come to this month."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, Sum
from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.calls.models import Call, Recording
from parley.calls.shown import Shown, shown_in_order
from parley.messaging.models import Message

PAGE = 30


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first, and the last of them if there are more."""

    rows: list[Shown]
    more: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class Month:
    """A month's calls so far."""

    since: datetime
    taken: int
    missed: int
    called: int
    seconds: int

    @property
    def minutes(self) -> int:
        """Begun minutes, all in all."""
        return -(-self.seconds // 60)


def calls(member: Member, after: uuid.UUID | None = None) -> Page:
    """Every call. Raises Call.DoesNotExist if `after` is none of the business's own."""
    own = (
        Call.objects.filter(business=member.business)
        .select_related("message__conversation__client", "member__user")
        .order_by("-started_at", "-id")
    )
    if after:
        last = Call.objects.get(business=member.business, pk=after)
        # Written so that the index is entered at its place and read from there.
        own = own.filter(
            Q(started_at__lte=last.started_at) & (Q(started_at__lt=last.started_at) | Q(id__lt=last.id))
        )
    found = list(own[: PAGE + 1])
    return Page(shown_in_order(member, found[:PAGE]), found[PAGE - 1].pk if found[PAGE:] else None)


def voicemails(member: Member, after: uuid.UUID | None = None) -> Page:
    """What callers left and nobody deleted. Raises Recording.DoesNotExist if `after` is none of the business's own."""
    own = (
        Recording.objects.filter(business=member.business)
        .exclude(state=Recording.State.DELETED)
        .select_related("call__message__conversation__client", "call__member__user")
        .defer("content")
        .order_by("-at", "-id")
    )
    if after:
        last = Recording.objects.defer("content").get(business=member.business, pk=after)
        own = own.filter(Q(at__lte=last.at) & (Q(at__lt=last.at) | Q(id__lt=last.id)))
    found = list(own[: PAGE + 1])
    rows = [Shown(one.call, one, member) for one in found[:PAGE]]
    return Page(rows, found[PAGE - 1].pk if found[PAGE:] else None)


def month(business: Business) -> Month:
    """This month's calls, by the business's calendar. One query over the list's own index."""
    now = timezone.now().astimezone(business.zone)
    since = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    inbound, outbound = Q(direction=Message.Direction.IN), Q(direction=Message.Direction.OUT)
    told = Call.objects.filter(business=business, started_at__gte=since).aggregate(
        taken=Count("pk", filter=inbound & Q(answered_at__isnull=False)),
        missed=Count("pk", filter=inbound & Q(state=Call.State.MISSED)),
        called=Count("pk", filter=outbound),
        seconds=Sum("seconds"),
    )
    return Month(since, told["taken"], told["missed"], told["called"], told["seconds"] or 0)
