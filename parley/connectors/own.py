"""A business's own program: signed events in the way of Standard Webhooks, described in docs/webhooks-in.md.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11-26: the
signature is base64 of HMAC-SHA256 over `id.timestamp.body`, and several may stand beside each other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from parley.appointments import booking
from parley.appointments.models import Appointment, Service
from parley.clients.elsewhere import Elsewhere
from parley.clients.models import Client
from parley.connectors.models import Endpoint
from parley.connectors.told import Unreadable, email, moment, part, phone, text, who
from parley.leads.writing_in import Written, write_in
from parley.payments import asking
from parley.payments.models import Estimate, PaymentRequest

TOLERANCE = 300
PREFIX = "whsec_"
Status = Appointment.Status
APPOINTMENT = {
    "requested": Status.REQUESTED,
    "booked": Status.BOOKED,
    "moved": Status.BOOKED,
    "cancelled": Status.CANCELLED,
}
PAYMENT = {"asked": "open", "paid": "paid", "cancelled": "cancelled"}
ESTIMATE = {"offered": "open", "accepted": "accepted", "declined": "declined", "cancelled": "cancelled"}
TYPES = (
    *(f"appointment.{what}" for what in APPOINTMENT),
    "lead.created",
    *(f"payment.{what}" for what in PAYMENT),
    *(f"estimate.{what}" for what in ESTIMATE),
)


def authentic(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Was this body signed with the secret, lately?"""
    id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id or not at.isascii() or not at.isdigit() or abs(time.time() - int(at)) > TOLERANCE:
        return False
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    expected = b"v1," + base64.b64encode(signed)
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(expected, one.encode()) for one in given[:8])


def new_secret() -> str:
    """256 random bits, as Standard Webhooks writes them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def name(headers: Mapping[str, str], body: bytes, told: Mapping[str, Any]) -> tuple[str, str]:
    """The key of an event and its type."""
    return text(headers.get("webhook-id"), 120), text(told.get("type"), 80)


def check(told: Mapping[str, Any]) -> None:
    """What its programmer should hear at once. Raises Unreadable."""
    kind = told.get("type")
    if kind not in TYPES:
        raise Unreadable(f"“type” is none of {', '.join(TYPES)}.")
    what = str(kind).partition(".")[0]
    if not isinstance(told.get("client"), dict):
        raise Unreadable("“client” is missing: an object with first_name, last_name, phone, email, language.")
    if not isinstance(told.get(what), dict):
        raise Unreadable(f"“{what}” is missing: the object that it is about.")
    if not text(part(told, what).get("id"), 120):
        raise Unreadable(f"“{what}.id” is missing: your own name for it, the same in all its events.")
    moment(told.get("at"), "“at”, when it happened")
    if what == "appointment":
        starts = moment(part(told, what).get("starts_at"), "“appointment.starts_at”")
        if moment(part(told, what).get("ends_at"), "“appointment.ends_at”") <= starts:
            raise Unreadable("“appointment.ends_at” is not after “appointment.starts_at”.")
    elif what in ("payment", "estimate"):
        _cents(part(told, what), what)
        _day(part(told, what).get("due_on" if what == "payment" else "expires_on"), what)


def read(endpoint: Endpoint, kind: str, told: Mapping[str, Any]) -> str:
    """Follow one event; what came of it, in words. Raises Unreadable."""
    check(told)
    business, (what, _, how) = endpoint.business, kind.partition(".")
    thing, person = part(told, what), part(told, "client")
    id, at = text(thing.get("id"), 120), moment(told.get("at"), "“at”")
    if what == "lead":
        return _lead(endpoint, id, thing, person)
    client = who(
        business,
        first_name=person.get("first_name"),
        last_name=person.get("last_name"),
        number=person.get("phone"),
        address=person.get("email"),
        language=person.get("language"),
    )
    elsewhere = Elsewhere("own", id, at)
    if what == "appointment":
        return _appointment(endpoint, client, elsewhere, thing, APPOINTMENT[how])
    title = text(thing.get("title"))
    fields: dict[str, Any] = {
        "title": title or ("Payment" if what == "payment" else "Estimate"),
        "details": text(thing.get("details"), 4000),
        "cents": _cents(thing, what),
        "currency": text(thing.get("currency"), 3).upper() or asking.currency_of(business),
        "link": _link(thing.get("link")),
    }
    if what == "payment":
        fields["due_on"] = _day(thing.get("due_on"), what)
        asked = asking.told_elsewhere(
            PaymentRequest, business, client, elsewhere, status=PAYMENT[how], **fields
        )
        return f"{asked.title}: {asked.get_status_display().lower()}"[:120]
    fields["expires_on"] = _day(thing.get("expires_on"), what)
    offered = asking.told_elsewhere(Estimate, business, client, elsewhere, status=ESTIMATE[how], **fields)
    return f"{offered.title}: {offered.get_status_display().lower()}"[:120]


def _lead(endpoint: Endpoint, id: str, thing: Mapping[str, Any], person: Mapping[str, Any]) -> str:
    written = Written(
        first_name=text(person.get("first_name"), 60),
        last_name=text(person.get("last_name"), 60),
        phone=phone(person.get("phone"), endpoint.business),
        email=email(person.get("email")),
        message=text(thing.get("message"), 2000),
        language=text(person.get("language"), 2).lower(),
        agreed_words=text(thing.get("agreed_words"), 1000),
        marketing_words=text(thing.get("marketing_words"), 1000),
    )
    if not written.phone and not written.email:
        raise Unreadable(
            "It names nobody who can be texted or emailed: it has neither a number nor an address."
        )
    lead = write_in(endpoint.business, written, source="own", source_id=id)
    return f"Lead: {lead.client.name}"[:120]


def _appointment(
    endpoint: Endpoint, client: Client, elsewhere: Elsewhere, thing: Mapping[str, Any], status: str
) -> str:
    service_name = text(thing.get("service"), 80)
    services = Service.objects.filter(business=endpoint.business, name__iexact=service_name)
    appointment = booking.told_elsewhere(
        endpoint.business,
        client,
        elsewhere,
        status=status,
        title=text(thing.get("title")) or service_name or "Appointment",
        starts_at=moment(thing.get("starts_at"), "“appointment.starts_at”"),
        ends_at=moment(thing.get("ends_at"), "“appointment.ends_at”"),
        with_name=text(thing.get("with"), 120),
        location=text(thing.get("location"), 300),
        service=services.first() if service_name else None,
    )
    return f"{appointment.title}: {appointment.get_status_display().lower()}"[:120]


def _cents(thing: Mapping[str, Any], what: str) -> int:
    try:
        amount = Decimal(str(thing.get("amount"))) * 100
        if amount.is_finite() and amount == amount.to_integral_value() and 0 < amount <= 2**31 - 1:
            return int(amount)
    except InvalidOperation:
        pass
    raise Unreadable(f'“{what}.amount” is no sum of money, like "40.00".')


def _day(told: Any, what: str) -> date | None:
    if told in (None, ""):
        return None
    try:
        return date.fromisoformat(told)
    except (TypeError, ValueError):
        raise Unreadable(f"The date of the {what} is no date, like 2026-11-30.") from None


def _link(told: Any) -> str:
    link = text(told, 500)
    try:
        URLValidator(schemes=["https"])(link)
    except ValidationError:
        return ""
    return link
