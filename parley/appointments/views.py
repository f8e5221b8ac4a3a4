"""The calendar, and what a member does with an appointment: book, move, edit, cancel, and write down what they heard.

Everything is reached through the member who asks: another business's appointment is as absent as one that never was.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from parley.appointments import booking
from parley.appointments.forms import AppointmentForm
from parley.appointments.models import Appointment
from parley.appointments.shown import Shown, shown
from parley.appointments.week import Week
from parley.businesses.access import MemberRequest, for_members
from parley.businesses.tenancy import new_id
from parley.clients.choosing import choose
from parley.clients.models import Client
from parley.ui.dialogs import in_dialog, render_sheet

PAGE = 30
NOBODY = "nobody"
# What a link to a new appointment may say already, and what it keeps while a client is chosen.
SAID = ("on", "at", "with")
MEANWHILE = "Somebody moved it meanwhile, to {when}. Check the time, then save again."


# ---- The calendar


@require_GET
@for_members
def calendar(request: MemberRequest) -> HttpResponse:
    """The week that `on` lies in, or this one; `member` shows one member's, or what is with nobody in particular."""
    business = request.member.business
    members = {str(m.pk): m for m in business.members.select_related("user").order_by("user__name", "id")}
    whose = request.GET.get("member", "")
    if whose not in ("", NOBODY, *members):
        raise Http404
    today = timezone.now().astimezone(business.zone).date()
    week = Week(business, _date(request.GET.get("on")) or today, members.get(whose), nobody=whose == NOBODY)
    context = {
        "place": "calendar",
        "week": week,
        "whose": whose,
        "whose_query": urlencode({"member": whose}) if whose else "",
        "filters": [
            ("", "Everybody"),
            *((id, m.first_name) for id, m in members.items()),
            (NOBODY, "Nobody yet"),
        ]
        if len(members) > 1
        else [],
        "asked": request.get_full_path(),
    }
    alone = request.headers.get("HX-Target") == "div#calendar"
    return render(request, f"appointments/{'_week' if alone else 'calendar'}.html", context)


def _date(typed: str | None) -> date | None:
    """A day that a calendar can show, or None."""
    try:
        day = date.fromisoformat(typed or "")
    except ValueError:
        return None
    return day if 2000 <= day.year < 2100 else None


# ---- A new one


@for_members
@never_cache
def appointment_new(request: MemberRequest) -> HttpResponse:
    """Step 1: who is it for?"""
    said = _said(request)
    return choose(
        request,
        lambda id: _with(reverse("appointment_for", args=[id]), said),
        said=said,
        close=reverse("calendar"),
        new_client=_with(reverse("client_new"), {"then": "appointment", **said}),
        first="book them in",
    )


def _said(request: HttpRequest) -> dict[str, str]:
    return {name: value for name in SAID if (value := request.GET.get(name, ""))}


def _with(address: str, query: dict[str, str]) -> str:
    return f"{address}?{urlencode(query)}" if query else address


@for_members
@never_cache
def appointment_for(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Step 2: what, when and with whom. `like`: an appointment of theirs to book again.

    What was typed comes back with every refusal. The form names the appointment, so that a second press of its button
    is the same one.
    """
    business = request.member.business
    client = get_object_or_404(business.clients.select_related("conversation"), pk=id)
    key = _uuid(request.POST.get("key")) or new_id()
    form = AppointmentForm(business, client, request.POST or None, like=_like(request, client), key=key)
    if request.method == "POST" and form.is_valid() and form.is_passed():
        silent = "tell" not in request.POST
        made = booking.book(business, client, silent=silent, id=key, **form.facts)
        return _done(request, made, f"{client.calls} is booked")
    said = _said(request)
    context = {
        "form": form,
        "client": client,
        "key": key,
        "action": _with(reverse("appointment_for", args=[client.pk]), said),
        "draft": " ".join(["appointment", str(client.pk), *said.values()]),
        "kind": "booked",
        "tells": request.method != "POST" or "tell" in request.POST,
    }
    return render_sheet(request, "appointments/new.html", context, status=_status(request))


def _like(request: MemberRequest, client: Client) -> dict[str, Any]:
    """What the form of a new appointment begins with."""
    member, zone = request.member, request.member.business.zone
    now = timezone.now().astimezone(zone)
    begins: dict[str, Any] = {
        "date": _date(request.GET.get("on")) or now.date(),
        "time": _time(request.GET.get("at")),
        "member": request.GET.get("with") or str(member.pk),
        "location": member.business.address,
    }
    if not (like := _uuid(request.GET.get("like"))):
        return begins
    before = get_object_or_404(member.business.appointments.filter(client=client), pk=like)
    return begins | {
        "service": str(before.service_id or ""),
        "title": before.title,
        "minutes": int(before.lasts.total_seconds() // 60),
        "time": before.starts_at.astimezone(zone).time(),
        "member": str(before.member_id or ""),
        "location": before.location,
        "date": max(now.date() + timedelta(days=7), before.starts_at.astimezone(zone).date()),
    }


def _time(typed: str | None) -> time | None:
    try:
        return time.fromisoformat(typed or "")
    except ValueError:
        return None


def _uuid(typed: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(typed or "")
    except ValueError:
        return None


def _status(request: HttpRequest) -> int:
    """A form that is shown again was refused."""
    return 422 if request.method == "POST" else 200


@require_GET
@for_members
def appointment_told(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """What this client would be told of an appointment for the service that was just chosen."""
    client = get_object_or_404(request.member.business.clients, pk=id)
    # A service of another business has no rule here: what holds for all is said.
    context = {"client": client, "service_id": _uuid(request.GET.get("service")), "kind": "booked"}
    return render(request, "appointments/_told.html", context)


# ---- One that is there


def _find(request: MemberRequest, id: uuid.UUID) -> Appointment:
    own = request.member.business.appointments
    return get_object_or_404(own.select_related("client__conversation", "member__user", "service"), pk=id)


def _shown(request: MemberRequest, appointment: Appointment) -> Shown:
    return Shown(appointment, request.member.business.zone, timezone.now())


@require_GET
@for_members
@never_cache
def appointment(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """All that is known of it, and what can be done."""
    found = _find(request, id)
    context = {
        "shown": _shown(request, found),
        "appointment": found,
        "client": found.client,
        "conversation": getattr(found.client, "conversation", None),
    }
    return render_sheet(request, "appointments/appointment.html", context)


def _change(names: tuple[str, ...], template: str, said: str, kind: str) -> Any:
    """A form that changes some of an appointment's fields."""

    def answer(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
        business, found = request.member.business, _find(request, id)
        if request.method == "POST":
            # Nobody moves it between what is checked here and what is written.
            found.moves = booking.held(business, id).moves
        form = AppointmentForm(business, found.client, request.POST or None, names=names, appointment=found)
        meanwhile = ""
        if request.method == "POST" and "time" in names and request.POST.get("moves") != str(found.moves):
            there = _shown(request, business.appointments.get(pk=id))
            meanwhile = MEANWHILE.format(when=f"{there.day}, {there.clock}")
        elif request.method == "POST" and form.is_valid() and form.is_passed():
            silent = "tell" not in request.POST
            changed = booking.edit(business, id, silent=silent, **form.facts)
            return _done(request, changed, said.format(client=found.client.calls))
        context = {
            "form": form,
            "appointment": found,
            "shown": _shown(request, found),
            "client": found.client,
            "meanwhile": meanwhile,
            "kind": kind,
            "tells": request.method != "POST" or "tell" in request.POST,
        }
        return render_sheet(request, template, context, status=_status(request))

    @for_members
    @never_cache
    def change(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
        if request.method != "POST":
            return answer(request, id)
        with transaction.atomic():
            return answer(request, id)

    return change


appointment_move = _change(
    AppointmentForm.TIME, "appointments/move.html", "{client}’s appointment is moved", "moved"
)
appointment_edit = _change(AppointmentForm.FACTS, "appointments/edit.html", "Saved", "")


@for_members
@never_cache
def appointment_cancel(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Ask once, with whether the client is told."""
    found = _find(request, id)
    if request.method == "POST":
        cancelled = booking.cancel(request.member.business, id, silent="tell" not in request.POST)
        return _done(request, cancelled, f"{found.client.calls}’s appointment is cancelled")
    context = {
        "appointment": found,
        "shown": _shown(request, found),
        "client": found.client,
        "kind": "cancelled",
        "tells": True,
    }
    return render_sheet(request, "appointments/cancel.html", context)


def _act(act: Callable[[MemberRequest, uuid.UUID], object]) -> Any:
    """A button of the sheet: what it does, then the sheet as it is now."""

    @require_POST
    @for_members
    def acted(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
        _find(request, id)
        act(request, id)
        return redirect("appointment", id)

    return acted


appointment_confirm = _act(lambda r, id: booking.confirm(r.member.business, id, by_client=False))
appointment_accept = _act(lambda r, id: booking.accept(r.member.business, id, silent="tell" not in r.POST))
appointment_missed = _act(lambda r, id: booking.missed(r.member.business, id, came="came" in r.POST))
appointment_keep = _act(lambda r, id: booking.keep(r.member.business, id))


def _done(request: MemberRequest, changed: Appointment, said: str) -> HttpResponse:
    """Close the dialog with a toast; a page goes on to the appointment."""
    there = _shown(request, changed)
    words = f"{there.day}, {there.clock}"
    if not in_dialog(request):
        messages.success(request, f"{said}: {words}", extra_tags="check")
        return redirect("appointment", changed.pk)
    answer = render(request, "appointments/_done.html", {"said": said, "words": words, "id": changed.pk})
    answer["HX-Trigger"] = "parley:done"
    return answer


# ---- All of one client


@require_GET
@for_members
def client_appointments(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """What was and what is to come, the latest first; `before` is the one that the page before ended at."""
    business = request.member.business
    client = get_object_or_404(business.clients, pk=id)
    own = business.appointments.filter(client=client)
    if before := _uuid(request.GET.get("before")):
        last = get_object_or_404(own, pk=before)
        own = own.filter(starts_at__lte=last.starts_at).exclude(starts_at=last.starts_at, id__gte=last.pk)
    rows = shown(business, own.order_by("-starts_at", "-id")[: PAGE + 1])
    context = {"client": client, "rows": rows[:PAGE], "more": rows[PAGE - 1] if rows[PAGE:] else None}
    return render_sheet(request, "appointments/of_client.html", context)
