"""Stripe: the invoices and quotes of a business's own account become payment requests and estimates.

https://docs.stripe.com/webhooks, https://docs.stripe.com/api/invoices/object and
https://docs.stripe.com/api/quotes/object, read 2026-11-26. Stripe promises no order: what an event's object says holds
as of the event's `created`, which is in whole seconds, so within one second what ends a thing comes last.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from parley.clients.elsewhere import Elsewhere
from parley.clients.models import Client
from parley.connectors.models import Endpoint
from parley.connectors.told import Unreadable, part, remember, remembered, text, who
from parley.payments import asking
from parley.payments.models import Estimate, PaymentRequest

# How old a signature may be (seconds); Stripe signs each attempt anew.
TOLERANCE = 300
INVOICE = {"open": "open", "paid": "paid", "void": "cancelled", "uncollectible": "cancelled"}
QUOTE = {"open": "open", "accepted": "accepted", "canceled": "cancelled"}
RANK = {"open": 0, "cancelled": 1, "declined": 1, "accepted": 1, "paid": 2}
# Whose smallest unit is the whole: https://docs.stripe.com/currencies#zero-decimal, reviewed 2026-11-26.
WHOLE = frozenset(
    (
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "ugx",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    )
)
MOST = 2**31 - 1


def authentic(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Was this body signed with the secret, lately?"""
    try:
        stripe.WebhookSignature.verify_header(
            body.decode(), headers.get("Stripe-Signature", ""), secret, TOLERANCE
        )
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def name(headers: Mapping[str, str], body: bytes, told: Mapping[str, Any]) -> tuple[str, str]:
    """The key of an event and what Stripe calls its kind."""
    return text(told.get("id"), 120), text(told.get("type"), 80)


def read(endpoint: Endpoint, kind: str, told: Mapping[str, Any]) -> str:
    """Follow one event; what came of it, in words. Raises Unreadable."""
    thing = part(told, "data", "object")
    what, _, _ = kind.partition(".")
    if what == "customer" and thing.get("object") == "customer":
        return _customer(endpoint, thing)
    if what not in ("invoice", "quote"):
        return "Nothing to do"
    is_invoice = what == "invoice"
    status = (INVOICE if is_invoice else QUOTE).get(text(thing.get("status")))
    # A draft is nobody's yet; what Stripe charges by itself is not asked for, and has a receipt once it is paid.
    charged = is_invoice and thing.get("collection_method") == "charge_automatically"
    if status is None or (charged and status != "paid"):
        return "Nothing to do"
    id = text(thing.get("id"), 120)
    created = told.get("created")
    if not id or not isinstance(created, int) or isinstance(created, bool):
        raise Unreadable("It does not say what it is about, or when it happened.")
    client = _whose(endpoint, thing)
    cents = _cents(thing, "amount_due" if is_invoice else "amount_total")
    if is_invoice and not cents:
        return "Nothing to pay"
    at = datetime.fromtimestamp(created, UTC) + timedelta(milliseconds=RANK[status])
    elsewhere = Elsewhere("stripe", id, at)
    currency = text(thing.get("currency"), 3).upper()
    if is_invoice:
        fields = {
            "title": _title(thing, "Invoice"),
            "cents": cents,
            "currency": currency,
            "due_on": _day(endpoint, thing.get("due_date")),
            "link": _link(thing.get("hosted_invoice_url")),
            "paid_how": "Stripe" if status == "paid" else "",
        }
        asked = asking.told_elsewhere(
            PaymentRequest, endpoint.business, client, elsewhere, status=status, **fields
        )
        return f"{asked.title}: {asked.get_status_display().lower()}"[:120]
    fields = {
        "title": _title(thing, "Estimate"),
        "cents": cents,
        "currency": currency,
        "expires_on": _day(endpoint, thing.get("expires_at")),
    }
    offered = asking.told_elsewhere(Estimate, endpoint.business, client, elsewhere, status=status, **fields)
    return f"{offered.title}: {offered.get_status_display().lower()}"[:120]


def _customer(endpoint: Endpoint, thing: Mapping[str, Any]) -> str:
    client = who(
        endpoint.business,
        name=thing.get("name"),
        number=thing.get("phone"),
        address=thing.get("email"),
        language=_first(thing.get("preferred_locales")),
    )
    remember(endpoint, text(thing.get("id"), 120), client)
    return f"{client.name} is known"[:120]


def _whose(endpoint: Endpoint, thing: Mapping[str, Any]) -> Client:
    """The client: as the event names them, else as Stripe called them before. Raises Unreadable."""
    customer = thing.get("customer")
    id = text(customer.get("id") if isinstance(customer, dict) else customer, 120)
    if thing.get("customer_email") or thing.get("customer_phone"):
        client = who(
            endpoint.business,
            name=thing.get("customer_name"),
            number=thing.get("customer_phone"),
            address=thing.get("customer_email"),
        )
        if id:
            remember(endpoint, id, client)
        return client
    if id and (known := remembered(endpoint, id)):
        return known
    raise Unreadable(
        "Stripe did not say who the customer is. Let it send customer.created and customer.updated to this address "
        "too, and give the customer an email or a phone number there."
    )


def _cents(thing: Mapping[str, Any], field: str) -> int:
    amount = thing.get(field)
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise Unreadable("It says no amount.")
    cents = amount * 100 if text(thing.get("currency")).lower() in WHOLE else amount
    if cents > MOST:
        raise Unreadable("The amount is too large.")
    return cents


def _title(thing: Mapping[str, Any], usual: str) -> str:
    lines = part(thing, "lines").get("data")
    first = _first(lines)
    said = text(thing.get("description")) or text(first.get("description") if isinstance(first, dict) else "")
    number = text(thing.get("number"), 40)
    return said or (f"{usual} {number}" if number else usual)


def _first(told: Any) -> Any:
    return told[0] if isinstance(told, list) and told else ""


def _day(endpoint: Endpoint, told: Any) -> Any:
    if not isinstance(told, int) or isinstance(told, bool) or not 0 < told < 2**33:
        return None
    return datetime.fromtimestamp(told, UTC).astimezone(endpoint.business.zone).date()


def _link(told: Any) -> str:
    """Stripe's own page of the invoice, and nobody else's address: clients are sent there."""
    link = text(told, 500)
    return link if link.startswith("https://invoice.stripe.com/") else ""
