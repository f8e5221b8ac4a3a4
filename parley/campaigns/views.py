"""The pages of campaigns: the list, one campaign as it goes, and everybody in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from parley.businesses.access import MemberRequest, for_managers, for_members
from parley.campaigns import control, export, figures, listing, people
from parley.campaigns.models import Campaign
from parley.campaigns.shown import Shown
from parley.ui.dialogs import in_dialog, render_sheet
from parley.ui.spreadsheet import rows_as_csv

Status = Campaign.Status


@require_GET
@for_members
def campaigns(request: MemberRequest) -> HttpResponse:
    """All campaigns, and beside them, where there is room, the last one that has begun."""
    page = _page(request)
    if request.headers.get("HX-Target") == "a#more":
        return render(request, "campaigns/_rows.html", {"page": page})
    latest = next((row.campaign.pk for row in page.rows if not row.campaign.editable), None)
    shown = Shown(_campaign(request, latest), request.member) if latest else None
    return _answer(request, page, shown, front=True)


@require_GET
@for_members
def campaign(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """One campaign as it goes, beside the others. What can still be written is opened for writing by who may."""
    found = _campaign(request, id)
    if found.editable and request.member.manages and not _partial(request):
        return redirect("campaign_edit", found.pk)
    return _answer(request, _page(request), Shown(found, request.member))


def _answer(
    request: MemberRequest, page: listing.Page, shown: Shown | None, *, front: bool = False
) -> HttpResponse:
    """The page; to a script what may have changed of it."""
    context = {"place": "campaigns", "page": page, "shown": shown, "front": front}
    template = "campaigns/_live.html" if _partial(request) else "campaigns/index.html"
    return render(request, template, context)


def _page(request: MemberRequest) -> listing.Page:
    rows = request.GET.get("rows", "")
    return listing.page(
        request.member,
        request.GET.get("after", ""),
        int(rows) if rows.isascii() and rows.isdigit() and len(rows) < 6 else 0,
    )


def _campaign(request: MemberRequest, id: uuid.UUID) -> Campaign:
    return get_object_or_404(request.member.business.campaigns.select_related("started_by__user"), pk=id)


def _partial(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


# ---- Pause, go on, stop


@require_POST
@for_managers
def campaign_pause(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Hold back what has not left. Done at once: it can go on at any time."""
    return _change(request, _campaign(request, id), control.pause, "Paused")


@for_managers
@never_cache
def campaign_resume(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Let it go on; where Parley paused it, the reason is read once more first."""
    found = _campaign(request, id)
    if request.method == "POST":
        return _change(request, found, control.resume, "It goes on")
    return _ask(request, found, "campaigns/resume.html")


@for_managers
@never_cache
def campaign_stop(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """End it for good; asked once more before it is done."""
    found = _campaign(request, id)
    if request.method == "POST":
        return _change(request, found, control.stop, "Stopped")
    return _ask(request, found, "campaigns/stop.html")


def _ask(request: MemberRequest, found: Campaign, template: str) -> HttpResponse:
    counted, _ = figures.of_campaign(found)
    return render_sheet(
        request,
        template,
        {"place": "campaigns", "campaign": found, "left": counted.n["waiting"] + counted.n["queued"]},
    )


def _change(
    request: MemberRequest, found: Campaign, change: Callable[[Campaign], None], said: str
) -> HttpResponse:
    """Do it, and say so; or say what it is now."""
    sign, words = "check", found.name
    try:
        change(found)
    except control.CannotChange as cannot:
        sign, said, words = "alert", "Nothing was changed", cannot.words
    if not _partial(request):
        messages.success(request, f"{said}: {words}", extra_tags=sign)
        return redirect("campaign", found.pk)
    answer = render(request, "campaigns/_done.html", {"said": said, "words": words, "sign": sign})
    answer["HX-Trigger"] = "parley:done" if in_dialog(request) else "parley:changed"
    return answer


# ---- Who is in it


@require_GET
@for_members
def campaign_people(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Everybody in it, by what became of them."""
    found = _campaign(request, id)
    found.business = request.member.business
    counted, _ = figures.of_campaign(found)
    show = request.GET.get("show") or next(
        (name for name in ("delivered", "queued", "waiting", "skipped") if counted.n[name]), "delivered"
    )
    if show not in people.SHOWS:
        raise Http404
    context: dict[str, Any] = {
        "place": "campaigns",
        "campaign": found,
        "show": show,
        "filters": people.filters(counted),
        "page": people.page(found, show, request.GET.get("after", "")),
        "empty": people.empty(show),
    }
    if request.headers.get("HX-Target") == "li#more":
        return render(request, "campaigns/_people.html", context)
    return render(request, "campaigns/people.html", context)


@require_GET
@for_managers
def campaign_export(request: MemberRequest, id: uuid.UUID) -> HttpResponseBase:
    """The same as a table."""
    found = _campaign(request, id)
    found.business = request.member.business
    today = timezone.localdate(timezone=request.member.business.zone)
    name = f"{slugify(found.name)[:40] or 'campaign'}-{today}"
    return rows_as_csv(name, export.HEADINGS, export.rows(found))
