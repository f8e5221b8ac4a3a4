"""Bodies of webhooks as other systems send them.

Cal.com: shaped as the example of https://cal.com/docs/developing/guides/automation/webhooks (read 2026-11-26), with the
fields that its booking payload of version 2021-10-20 adds. Stripe: the fields of
https://docs.stripe.com/api/events/object and https://docs.stripe.com/api/invoices/object (read 2026-11-26).
"""

from __future__ import annotations

import copy
from typing import Any

BOOKING: dict[str, Any] = {
    "triggerEvent": "BOOKING_CREATED",
    "createdAt": "2026-11-20T09:30:00.538Z",
    "payload": {
        "type": "60min",
        "title": "Balayage between Jules Martin and Maya Okafor",
        "eventTitle": "Balayage",
        "description": "",
        "additionalNotes": "",
        "customInputs": {},
        "startTime": "2030-01-15T22:45:00Z",
        "endTime": "2030-01-16T00:30:00Z",
        "organizer": {
            "id": 5,
            "name": "Jules Martin",
            "email": "jules@juniperhair.example",
            "username": "jules",
            "timeZone": "America/Los_Angeles",
            "language": {"locale": "en"},
            "timeFormat": "h:mma",
        },
        "responses": {
            "name": {"label": "your_name", "value": "Maya Okafor"},
            "email": {"label": "email_address", "value": "maya@example.com"},
            "attendeePhoneNumber": {"label": "phone_number", "value": "+15035550118"},
            "location": {"label": "location", "value": {"optionValue": "", "value": "inPerson"}},
            "notes": {"label": "additional_notes"},
            "guests": {"label": "additional_guests"},
            "rescheduleReason": {"label": "reschedule_reason"},
        },
        "userFieldsResponses": {},
        "attendees": [
            {
                "email": "maya@example.com",
                "name": "Maya Okafor",
                "firstName": "Maya",
                "lastName": "Okafor",
                "timeZone": "America/Los_Angeles",
                "language": {"locale": "es"},
                "utcOffset": -480,
            }
        ],
        "location": "1418 SE Alder Street",
        "destinationCalendar": None,
        "hideCalendarNotes": False,
        "requiresConfirmation": None,
        "eventTypeId": 7,
        "seatsShowAttendees": True,
        "seatsPerTimeSlot": None,
        "uid": "bFJeNb2uX8ANpT3JL5EfXw",
        "eventDescription": "",
        "price": 0,
        "currency": "usd",
        "length": 105,
        "bookingId": 91,
        "metadata": {},
        "status": "ACCEPTED",
    },
}


def booking(trigger: str, at: str, **payload: Any) -> dict[str, Any]:
    """Cal.com's event `trigger`, sent at `at`, about the booking above."""
    body = copy.deepcopy(BOOKING)
    body["triggerEvent"], body["createdAt"] = trigger, at
    body["payload"] |= payload
    return body


# A booking asked for, agreed to, moved twice (each time it gets another uid) and cancelled.
MOVED = {"startTime": "2030-01-16T18:00:00Z", "endTime": "2030-01-16T19:45:00Z", "uid": "second-uid"}
MOVED_AGAIN = {"startTime": "2030-01-17T18:00:00Z", "endTime": "2030-01-17T19:45:00Z", "uid": "third-uid"}
FIRST = "bFJeNb2uX8ANpT3JL5EfXw"
CALCOM = [
    booking("BOOKING_REQUESTED", "2026-11-20T09:30:00.538Z", status="PENDING"),
    booking("BOOKING_CREATED", "2026-11-20T09:45:10.001Z"),
    booking("BOOKING_RESCHEDULED", "2026-11-21T08:00:00.000Z", rescheduleUid=FIRST, **MOVED),
    booking("BOOKING_RESCHEDULED", "2026-11-22T08:00:00.000Z", rescheduleUid="second-uid", **MOVED_AGAIN),
    booking(
        "BOOKING_CANCELLED",
        "2026-11-23T08:00:00.000Z",
        cancellationReason="",
        status="CANCELLED",
        **MOVED_AGAIN,
    ),
]
MOVED_ONCE = [
    *CALCOM[:3],
    booking(
        "BOOKING_CANCELLED", "2026-11-23T08:00:00.000Z", cancellationReason="", status="CANCELLED", **MOVED
    ),
]

INVOICE: dict[str, Any] = {
    "id": "in_1PgafmB7WZ01zgkW6dKueIc5",
    "object": "invoice",
    "status": "open",
    "collection_method": "send_invoice",
    "amount_due": 4000,
    "amount_paid": 0,
    "amount_remaining": 4000,
    "currency": "usd",
    "customer": "cus_NffrFeUfNV2Hib",
    "customer_name": "Maya Okafor",
    "customer_email": "maya@example.com",
    "customer_phone": "+15035550118",
    "description": None,
    "due_date": 1893916800,
    "hosted_invoice_url": "https://invoice.stripe.com/i/acct_1M2JTkLkdIwHu7ix/test_YWNjdF8xTTJKVGtMa2RJd0h1N2l4?s=ap",
    "number": "C9D1-0001",
    "lines": {"object": "list", "data": [{"object": "line_item", "description": "Balayage, deposit"}]},
}


def stripe_event(type: str, created: int, thing: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Stripe's event of this type about `thing`, with `more` of its fields as they are then."""
    return {
        "id": f"evt_{type.replace('.', '_')}_{created}",
        "object": "event",
        "api_version": "2025-09-30.clover",
        "created": created,
        "data": {"object": copy.deepcopy(thing) | more},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type,
    }


# All within one second of each other but the first, as Stripe's test clocks send them.
STRIPE = [
    stripe_event("invoice.finalized", 1764000000, INVOICE),
    stripe_event("invoice.sent", 1764000005, INVOICE),
    stripe_event("invoice.paid", 1764000005, INVOICE, status="paid", amount_paid=4000, amount_remaining=0),
    stripe_event("invoice.payment_succeeded", 1764000005, INVOICE, status="paid", amount_paid=4000),
]

QUOTE: dict[str, Any] = {
    "id": "qt_1Kzz4HB7WZ01zgkW",
    "object": "quote",
    "status": "open",
    "amount_total": 60000,
    "currency": "usd",
    "customer": "cus_NffrFeUfNV2Hib",
    "description": "Wedding party of six",
    "expires_at": 1894003200,
    "number": "QT-C9D1-0001-1",
}
CUSTOMER: dict[str, Any] = {
    "id": "cus_NffrFeUfNV2Hib",
    "object": "customer",
    "name": "Maya Okafor",
    "email": "maya@example.com",
    "phone": "+15035550118",
    "preferred_locales": ["fr-CA"],
}
