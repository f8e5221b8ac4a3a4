"""The room's jobs, where procrastinate looks for them. Every task may run twice and does its work once."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from parley.alerts import planning
from parley.alerts.kinds import KINDS
from parley.alerts.models import Due
from parley.appointments import booking
from parley.appointments.models import Appointment
from parley.businesses.models import Business
from parley.messaging import answering, receiving

AGAIN = RetryStrategy(max_attempts=10, exponential_wait=2)


@app.task(name=answering.TELL, queue="texts", retry=AGAIN)
def appointment_answered(business_id: str, appointment_id: str, what: str) -> None:
    """Tell whoever acts on it that a client's text confirmed an appointment, or declined it."""
    business = Business.objects.get(pk=uuid.UUID(business_id))
    with transaction.atomic():
        try:
            appointment = booking.held(business, uuid.UUID(appointment_id))
        except Appointment.DoesNotExist:
            return
        if what == "declined" and appointment.declined_at is not None:
            booking.tell_answered(appointment, "declined")
        elif what == "confirmed" and (since := appointment.confirmed_at) is not None:
            told = Due.objects.filter(business=business, about_id=appointment.pk, kind="confirmed")
            if not told.filter(at__gte=since).exists():
                booking.tell_answered(appointment, "confirmed")


def follow_zone(sender: type[Business], instance: Business, **_: Any) -> None:
    """Listen to a business being saved: with another time zone, days begin and mornings are at another moment."""
    known = Business.objects.filter(pk=instance.pk).values_list("time_zone", flat=True).first()
    if known is not None and known != instance.time_zone:
        replan_all.defer(business_id=str(instance.pk))


@app.task(queue="texts", retry=AGAIN)
def replan_all(business_id: str) -> None:
    """Let all that waits follow the business as it is now."""
    planning.replan(Business.objects.get(pk=uuid.UUID(business_id)), KINDS)


@app.task(name=receiving.TELL_CLOSED, queue="texts", retry=AGAIN)
def tell_closed(business_id: str, client_id: str, at: str) -> None:
    """Plan the answer to somebody who texted while it was closed, if they have had none since it closed."""
    business = Business.objects.get(pk=uuid.UUID(business_id))
    client = business.clients.filter(pk=uuid.UUID(client_id)).first()
    if client is not None:
        planning.plan_closed(business, client, datetime.fromisoformat(at))
