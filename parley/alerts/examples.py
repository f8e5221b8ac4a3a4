"""Somebody to show the words by: a client of the business with something real, else one made up."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from parley.alerts.kinds import KINDS, Kind
from parley.alerts.models import Rule
from parley.alerts.moments import away_from, morning_of, on_the_wall
from parley.alerts.placeholders import Subject
from parley.appointments.models import Appointment, Service
from parley.businesses.models import Business
from parley.clients.models import Client
from parley.leads.models import Lead
from parley.payments.asking import currency_of
from parley.payments.models import Estimate, PaymentRequest

# Of so many the first that fits is taken: a page costs the same however many there are.
LOOKED_AT = 30


@dataclass(frozen=True, slots=True)
class Example:
    client: Client
    subject: Subject
    at: datetime
    """When it would be sent."""


def example(rule: Rule, service: Service | None) -> Example:
    """Whom and what the preview of this rule shows. Two queries at most."""
    business, kind = rule.business, KINDS[rule.kind]
    subject = _real(business, kind, service.pk if service else None)
    client = subject.client if subject else somebody(business)
    if subject is None:
        subject = _made_up(business, kind, service, client)
    return Example(client, subject, _sent_at(rule, kind, subject))


def _real(business: Business, kind: Kind, service: uuid.UUID | None) -> Subject:
    now = timezone.now()
    if kind.about == "appointment":
        booked = business.appointments.select_related("client", "service", "member__user")
        coming = booked.filter(starts_at__gt=now, status=Appointment.Status.BOOKED).order_by(
            "starts_at", "id"
        )
        return next(
            (a for a in coming[:LOOKED_AT] if a.client.named and (not service or a.service_id == service)),
            None,
        )
    if kind.about == "payment":
        asked = business.paymentrequests.select_related("client").filter(status="open")
        latest = asked.order_by("-created_at", "-id")[:LOOKED_AT]
        return next((p for p in latest if p.client.named and p.due_on), None)
    if kind.about == "estimate":
        offered = business.estimates.select_related("client").filter(status="open")
        newest = offered.order_by("-created_at", "-id")[:LOOKED_AT]
        return next((e for e in newest if e.client.named and e.expires_on), None)
    if kind.about == "lead":
        leads = business.leads.select_related("client").order_by("-id")[:LOOKED_AT]
        return next((lead for lead in leads if lead.client.named), None)
    return None


def somebody(business: Business) -> Client:
    """A client who has a first name and a number, the newest; else one made up. One query."""
    newest = business.clients.order_by("-id")[:LOOKED_AT]
    known = next((client for client in newest if client.first_name and client.phone), None)
    return known or Client(
        business=business, first_name="Maya", last_name="Brooks", phone="+15035550118", language=""
    )


def _made_up(business: Business, kind: Kind, service: Service | None, client: Client) -> Subject:
    today = timezone.now().astimezone(business.zone).date()
    if kind.about == "appointment":
        wall = datetime.combine(today + timedelta(days=1), datetime.min.time()) + timedelta(
            hours=14, minutes=45
        )
        starts = on_the_wall(wall, business.zone)
        return Appointment(
            business=business,
            client=client,
            service=service,
            title=service.name if service else "Consultation",
            with_name="",
            location="",
            starts_at=starts,
            ends_at=starts + timedelta(minutes=service.minutes if service else 60),
        )
    currency = currency_of(business)
    if kind.about == "payment":
        return PaymentRequest(
            client=client,
            title="Consultation",
            cents=8_500,
            currency=currency,
            due_on=today + timedelta(days=7),
        )
    if kind.about == "estimate":
        return Estimate(
            client=client,
            title="Consultation",
            cents=8_500,
            currency=currency,
            expires_on=today + timedelta(days=14),
        )
    return Lead(client=client, message="Do you have time next week?") if kind.about == "lead" else None


def moment_of(kind: Kind, subject: Subject, business: Business) -> datetime | None:
    """What a reminder or a follow-up of this kind is counted from; None where it has none."""
    if isinstance(subject, Appointment):
        return subject.starts_at if kind.timing == "before" else subject.ends_at
    day = (
        subject.due_on
        if isinstance(subject, PaymentRequest)
        else subject.expires_on
        if isinstance(subject, Estimate)
        else None
    )
    return morning_of(day, business.zone) if day else None


def _sent_at(rule: Rule, kind: Kind, subject: Subject) -> datetime:
    moment = moment_of(kind, subject, rule.business) if kind.timing != "now" else None
    if moment is None:
        return timezone.now()
    amount = -rule.amount if kind.timing == "before" else rule.amount
    return away_from(moment, amount, rule.unit, rule.business.zone)
