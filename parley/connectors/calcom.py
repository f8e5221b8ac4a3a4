"""Cal.com: its bookings become appointments.

https://cal.com/docs/developing/guides/automation/webhooks, read 2026-11-26: the body is `{triggerEvent, createdAt,
payload}`, signed with HMAC-SHA256 over the raw body in X-Cal-Signature-256 (hex). It has no id, so its digest is its
key. A booking that is moved gets another uid and names the former one in `rescheduleUid`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from parley.appointments import booking
from parley.appointments.models import Appointment, Service
from parley.businesses.models import Business
from parley.clients.elsewhere import Elsewhere
from parley.connectors.models import Endpoint
from parley.connectors.told import Unreadable, moment, part, text, who

Status = Appointment.Status
STATUS = {
    "BOOKING_REQUESTED": Status.REQUESTED,
    "BOOKING_CREATED": Status.BOOKED,
    "BOOKING_RESCHEDULED": Status.BOOKED,
    "BOOKING_CANCELLED": Status.CANCELLED,
    "BOOKING_REJECTED": Status.CANCELLED,
}


def authentic(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Was this body signed with the secret?"""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(signature.encode(), headers.get("X-Cal-Signature-256", "").lower().encode())


def name(headers: Mapping[str, str], body: bytes, told: Mapping[str, Any]) -> tuple[str, str]:
    """The key of an event and what Cal.com calls its kind."""
    return hashlib.sha256(body).hexdigest(), text(told.get("triggerEvent"), 80)


def read(endpoint: Endpoint, kind: str, told: Mapping[str, Any]) -> str:
    """Follow one event; what came of it, in words. Raises Unreadable."""
    business, payload = endpoint.business, part(told, "payload")
    if kind == "BOOKING_NO_SHOW_UPDATED":
        return _missed(business, payload)
    if kind not in STATUS:
        return "Nothing to do"
    uid = text(payload.get("uid"), 120)
    if not uid:
        raise Unreadable("It does not say which booking it is about.")
    attendees = payload.get("attendees")
    booker = (
        attendees[0] if isinstance(attendees, list) and attendees and isinstance(attendees[0], dict) else {}
    )
    answers = part(payload, "responses")
    client = who(
        business,
        name=booker.get("name"),
        first_name=booker.get("firstName"),
        last_name=booker.get("lastName"),
        number=booker.get("phoneNumber")
        or payload.get("smsReminderNumber")
        or part(answers, "attendeePhoneNumber").get("value")
        or part(answers, "smsReminderNumber").get("value"),
        address=booker.get("email"),
        language=part(booker, "language").get("locale"),
    )
    status = STATUS[kind]
    if status == Status.BOOKED and payload.get("status") == "PENDING":
        status = Status.REQUESTED
    starts_at, ends_at = (
        moment(payload.get("startTime"), "its start"),
        moment(payload.get("endTime"), "its end"),
    )
    if ends_at <= starts_at:
        raise Unreadable("It ends before it begins.")
    title = text(payload.get("eventTitle")) or text(payload.get("title")) or text(payload.get("type"))
    appointment = booking.told_elsewhere(
        business,
        client,
        Elsewhere("calcom", uid, moment(told.get("createdAt"), "when it happened")),
        status=status,
        title=title or "Appointment",
        starts_at=starts_at,
        ends_at=ends_at,
        with_name=text(part(payload, "organizer").get("name"), 120),
        location=_place(payload),
        service=Service.objects.filter(business=business, name__iexact=title).first() if title else None,
        instead_of=text(payload.get("rescheduleUid"), 120) if kind == "BOOKING_RESCHEDULED" else "",
    )
    return f"{appointment.title}: {appointment.get_status_display().lower()}"[:120]


def _place(payload: Mapping[str, Any]) -> str:
    """Where it is. Cal.com names its integrations ("integrations:daily"), and puts the call's address elsewhere."""
    place = text(payload.get("location"), 300)
    if place.startswith("integrations:") or not place:
        return text(part(payload, "metadata").get("videoCallUrl"), 300) or text(
            part(payload, "videoCallData").get("url"), 300
        )
    return place


def _missed(business: Business, payload: Mapping[str, Any]) -> str:
    uid = text(payload.get("bookingUid"), 120)
    found = business.appointments.filter(source="calcom", source_id=uid).first() if uid else None
    if found is None:
        raise Unreadable("Parley does not know the booking that it is about.")
    attendees = payload.get("attendees")
    came = not any(isinstance(one, dict) and one.get("noShow") for one in attendees or [])
    return f"{booking.missed(business, found.pk, came).title}: {'came' if came else 'didn’t come'}"[:120]
