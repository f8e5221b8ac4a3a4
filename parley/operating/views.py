"""The back office's page "Operation": the figures of /metrics, in words, and what to do."""

from __future__ import annotations

from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from parley.businesses.office import office
from parley.operating import figures, words


@never_cache
@require_safe
def operation(request: HttpRequest) -> HttpResponse:
    """For the operator alone. The open page asks for itself again, and gets only what changes."""
    asked_by_itself = "HX-Request" in request.headers
    if not office.has_permission(request):
        # Whoever was signed out meanwhile is led to sign in by a page of its own, not inside this one.
        return HttpResponse(headers={"HX-Refresh": "true"}) if asked_by_itself else office.login(request)
    with connection.cursor() as cursor:
        now = figures.read(cursor, transaction.atomic())
        aside = figures.set_aside(cursor) if now.set_aside else []
    shown = {
        "title": "Operation",
        "troubles": words.troubles(now),
        "loops": words.loops(now),
        "queue": words.queue(now),
        "paused": [number for number in now.numbers.values() if number.paused],
        "doubt": words.doubt(now),
        "webhooks": words.webhooks(now),
        "aside": aside,
        "texts": words.texts(now),
        "texts_age": words.lasting(now.written_age),
        "calls": words.calls(now),
        "calls_now": words.calls_now(now),
        "campaigns": words.campaigns(now),
        "jobs": words.jobs(now),
    }
    if asked_by_itself:
        return render(request, "operating/_now.html", shown)
    return render(request, "operating/operation.html", {**office.each_context(request), **shown})
