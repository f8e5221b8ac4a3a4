"""Settings: where texts went, and the meter of the month."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from parley.businesses.access import MemberRequest, for_managers
from parley.quota.history import History, signed


@require_GET
@for_managers
def texts(request: MemberRequest) -> HttpResponse:
    """The ledger, a `month` (2026-11) at a time; for htmx the lines `before` one of them."""
    before = request.GET.get("before", "")
    history = History(
        request.member.business,
        request.GET.get("month", ""),
        int(before) if before.isascii() and before.isdigit() and len(before) < 19 else 0,
    )
    if request.headers.get("HX-Target") == "tr#more":
        return render(request, "quota/_lines.html", {"history": history})
    sums = [(words, signed(count)) for words, count in history.sums]
    return render(request, "quota/texts.html", {"here": "sms", "history": history, "sums": sums})


@require_GET
@for_managers
def meter(request: MemberRequest) -> HttpResponse:
    """The meter alone, for a page on which something changed. `plain`: without the way to the ledger's page."""
    return render(request, "quota/_meter.html", {"plain": "plain" in request.GET})
