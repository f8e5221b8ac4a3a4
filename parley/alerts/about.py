"""The automatic messages of one thing: what is planned, what was sent, and what was not sent and why."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from parley.alerts.clock import EMAIL, SMS, key_of
from parley.alerts.kinds import KINDS
from parley.alerts.models import Due
from parley.alerts.rules import Rules
from parley.appointments.models import Appointment
from parley.businesses.access import MemberRequest, for_members
from parley.businesses.models import Business
from parley.messaging.models import Message
from parley.ui.templatetags.ui import clock, weekday

State = Due.State
# The newest; whoever moves an appointment twenty times sees the last of it.
MOST = 30
CHANNELS = {SMS: "SMS", EMAIL: "Email"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line: the name of the message; when and by which way; what became of it. `off`: it was not sent."""

    name: str
    when: str
    became: str
    icon: str
    off: bool = False


@for_members
@require_GET
def alerts_about(request: MemberRequest, about: str, id: uuid.UUID) -> HttpResponse:
    """A fragment, for whoever shows the thing itself."""
    business = request.member.business
    subject = get_object_or_404(_all_of(business, about), pk=id)
    lines = list(lines_about(business, subject))
    return render(request, "alerts/_about.html", {"lines": lines})


def _all_of(business: Business, about: str) -> Any:
    found = {
        "appointment": business.appointments,
        "payment": business.paymentrequests,
        "estimate": business.estimates,
        "lead": business.leads,
    }
    if about not in found:
        raise Http404
    return found[about]


def lines_about(business: Business, subject: Any) -> Iterator[Line]:
    """A line for each message, in the order of their times. Three queries at the most."""
    newest = Due.objects.filter(business=business, about_id=subject.pk).order_by("-at", "-id")[:MOST]
    dues: Sequence[Due] = list(newest)[::-1]
    ended = [due for due in dues if due.state in (State.DONE, State.LATE)]
    keys = [key_of(due, channel) for due in ended for channel in CHANNELS]
    written: dict[uuid.UUID | None, Message] = {}
    if keys:
        found = Message.objects.filter(business=business, client_key__in=keys)
        written = {each.client_key: each for each in found.only("client_key", "state", "reason", "at")}
    rules = Rules(business) if any(due.state == State.WAITING for due in dues) else None
    service = subject.service_id if isinstance(subject, Appointment) else None
    for due in dues:
        name, at = KINDS[due.kind].name, when(due.at, business.zone)
        if due.state == State.WAITING and rules is not None:
            rule = rules.of(due.kind, service)
            ways = " and ".join(
                way
                for way, goes in (("SMS", rule.sms), ("email" if rule.sms else "Email", rule.email))
                if goes
            )
            yield Line(name, f"{at}, {ways}" if ways else at, "Planned", "clock")
        elif due.state == State.DONE:
            for channel, way in CHANNELS.items():
                if message := written.get(key_of(due, channel)):
                    yield _sent(name, way, message, business.zone)
        else:
            yield Line(name, at, f"Not sent: {due.reason}", "close", off=True)


def _sent(name: str, way: str, message: Message, zone: tzinfo) -> Line:
    state = Message.State(message.state)
    at = f"{when(message.at, zone)}, {way}"
    if state in (Message.State.CANCELED, Message.State.FAILED, Message.State.UNDELIVERED):
        label = state.label if not message.reason else f"{state.label}: {message.reason}"
        return Line(name, at, label, "close", off=True)
    return Line(name, at, str(state.label), "check")


def when(at: datetime, zone: tzinfo) -> str:
    """As one says it of what was or will be: 2:45 PM, Tomorrow 2:45 PM, Tue, Dec 1, 2:45 PM."""
    days = (at.astimezone(zone).date() - timezone.now().astimezone(zone).date()) // timedelta(days=1)
    near = {0: "", 1: "Tomorrow ", -1: "Yesterday "}.get(days)
    return f"{f'{weekday(at, zone)}, ' if near is None else near}{clock(at, zone)}"
