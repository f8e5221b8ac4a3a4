"""Settings > Connections: which systems tell of their events, how each is set up, and what came of what they told."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from parley.businesses.access import MemberRequest, for_managers
from parley.businesses.models import Business
from parley.connectors import tasks
from parley.connectors.forms import SecretForm
from parley.connectors.models import Endpoint, Event
from parley.connectors.systems import SYSTEMS, System

SHOWN = 50


@for_managers
def connections(request: MemberRequest) -> HttpResponse:
    """Every system there is, and which are connected."""
    own = {endpoint.source: endpoint for endpoint in request.member.business.endpoints.all()}
    rows = [(system, own.get(system.source)) for system in SYSTEMS.values()]
    return render(request, "connectors/connections.html", {"here": "connections", "rows": rows})


@for_managers
@never_cache
def connection(request: MemberRequest, source: str) -> HttpResponse:
    """One system. POST `do`: connect, switch off or on, make another secret, or bring the system's own."""
    system, business = _system(source), request.member.business
    endpoint = business.endpoints.filter(source=source).first()
    form = SecretForm()
    if request.method == "POST":
        do = request.POST.get("do")
        if do == "secret" and endpoint and system.new_secret is None:
            form = SecretForm(request.POST)
            if form.is_valid():
                endpoint.secret = form.cleaned_data["secret"]
                endpoint.save(update_fields=["secret"])
                messages.success(request, "The secret is saved", extra_tags="check")
                return redirect("connection", source)
        else:
            _do(business, system, endpoint, do)
            return redirect("connection", source)
    events: list[Event] = []
    if endpoint:
        events = list(
            endpoint.events.filter(business=business).defer("body").order_by("-received_at")[:SHOWN]
        )
    context: dict[str, Any] = {
        "here": "connections",
        "system": system,
        "endpoint": endpoint,
        "address": settings.PUBLIC_URL + reverse("told", args=[endpoint.pk]) if endpoint else "",
        "events": events,
        "form": form,
    }
    return render(request, "connectors/connection.html", context, status=422 if form.errors else 200)


def _do(business: Business, system: System, endpoint: Endpoint | None, do: str | None) -> None:
    made = system.new_secret() if system.new_secret else ""
    if do == "connect":
        Endpoint.objects.get_or_create(business=business, source=system.source, defaults={"secret": made})
    elif endpoint is None:
        raise Http404
    elif do in ("on", "off"):
        endpoint.on = do == "on"
        endpoint.save(update_fields=["on"])
    elif do == "another" and made:
        endpoint.secret = made
        endpoint.save(update_fields=["secret"])
    else:
        raise Http404


@for_managers
@require_POST
def again(request: MemberRequest, source: str, id: uuid.UUID) -> HttpResponse:
    """Read an event once more that nothing came of: what was missing may be there now."""
    business = request.member.business
    endpoint = get_object_or_404(business.endpoints, source=source)
    event = get_object_or_404(Event.objects.filter(business=business, endpoint=endpoint), pk=id)
    tasks.read(business.pk, event.pk, again=True)
    event.refresh_from_db()
    if event.trouble:
        messages.error(request, event.trouble, extra_tags="alert")
    else:
        messages.success(request, event.became, extra_tags="check")
    return redirect("connection", source)


def _system(source: str) -> System:
    if source not in SYSTEMS:
        raise Http404
    return SYSTEMS[source]
