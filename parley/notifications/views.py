"""The notification centre: a page of its own, and the panel that the bell opens."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from parley.businesses.access import MemberRequest, for_members
from parley.notifications.models import Notification

PAGE = 50


def _page(request: MemberRequest) -> dict[str, Any]:
    """The newest notifications, or those before the row `before` names by `(created_at, id)`."""
    notifications = Notification.objects.told_to(request.member)
    at, _, id = request.GET.get("before", "").partition("|")
    try:
        before = datetime.fromisoformat(at), uuid.UUID(id)
    except ValueError:
        pass
    else:
        notifications = notifications.filter(
            Q(created_at__lt=before[0]) | Q(created_at=before[0], id__lt=before[1])
        )
    page = list(notifications[: PAGE + 1])
    last = page[PAGE - 1] if len(page) > PAGE else None
    return {
        "notifications": page[:PAGE],
        "more": f"{last.created_at.isoformat()}|{last.id}" if last else "",
        "read_at": request.member.notifications_read_at,
    }


@require_GET
@for_members
def centre(request: MemberRequest) -> HttpResponse:
    """The page; for htmx the list alone, or the next page of it."""
    context = _page(request)
    if "HX-Request" not in request.headers:
        return render(request, "notifications/page.html", context)
    return render(request, f"notifications/{'rows' if 'before' in request.GET else 'list'}.html", context)


@require_POST
@for_members
def read(request: MemberRequest) -> HttpResponse:
    """Mark all as read, for this member: others have read what they have read."""
    request.member.notifications_read_at = timezone.now()
    request.member.save(update_fields=["notifications_read_at"])
    if "HX-Request" in request.headers:
        return render(request, "notifications/read.html", _page(request))
    return redirect("notifications")
