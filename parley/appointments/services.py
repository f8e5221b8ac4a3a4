"""Settings > Services: what a business offers, kept by its managers."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db.models.functions import Lower
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from parley.appointments.forms import ServiceForm
from parley.appointments.models import Service
from parley.appointments.shown import spell_minutes
from parley.businesses.access import MemberRequest, for_managers
from parley.ui.dialogs import leave_for, render_sheet


@require_GET
@for_managers
def services(request: MemberRequest) -> HttpResponse:
    """What is offered by name, then what is not any more."""
    rows = request.member.business.services.order_by("-offered", Lower("name"))
    context = {
        "here": "services",
        "services": [(service, spell_minutes(service.minutes)) for service in rows],
    }
    return render(request, "appointments/services.html", context)


@for_managers
def service_new(request: MemberRequest) -> HttpResponse:
    form = ServiceForm(request.member.business, request.POST or None)
    return _kept(request, form, None)


@for_managers
def service_edit(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    service = get_object_or_404(request.member.business.services, pk=id)
    form = ServiceForm(request.member.business, request.POST or None, service=service)
    return _kept(request, form, service)


def _kept(request: MemberRequest, form: ServiceForm, service: Service | None) -> HttpResponse:
    if request.method == "POST" and form.is_valid() and (saved := form.save()):
        messages.success(request, f"{saved} is saved")
        return leave_for(request, reverse("services"))
    context = {"here": "services", "form": form, "service": service}
    return render_sheet(request, "appointments/service.html", context, status=422 if form.errors else 200)


@require_POST
@for_managers
def service_offered(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Stop offering it, or offer it again. Its appointments stay."""
    service = get_object_or_404(request.member.business.services, pk=id)
    service.offered = "offer" in request.POST
    service.save(update_fields=["offered"])
    messages.success(
        request, f"{service} is offered again" if service.offered else f"{service} is no longer offered"
    )
    return leave_for(request, reverse("services"))
