"""The kinds of automatic messages: what sets each off, and how it is until a business says otherwise.

What other platforms offer under "Auto Client Messages" is the model (field.md 1): bookings with up to two reminders
and a follow-up, leads, payments, estimates, and the answer outside business hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

About = Literal["appointment", "payment", "estimate", "lead", "text"]
Unit = Literal["minutes", "hours", "days"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `name` is its title on screen, over its messages in the thread, and in `Message.title`.

    `timing`: "now" when its event happens; "before" or "after" its moment, by `amount` `unit`s, which a business may
    change; `moment` says which. `confirms`: an answer of C or Yes confirms the appointment. `on`, `sms`, `email`: as
    it is at first. `lasts`: how late it may still be sent; never after an appointment that it announces has begun.
    """

    code: str
    name: str
    group: str
    about: About
    timing: Literal["now", "before", "after"]
    moment: str
    on: bool
    sms: bool = True
    email: bool = False
    amount: int = 0
    unit: Unit = "hours"
    confirms: bool = False
    lasts: timedelta = timedelta(hours=12)


APPOINTMENTS, PEOPLE, PAYMENTS, ESTIMATES = "Appointments", "New people", "Payments", "Estimates"
HALF_AN_HOUR = timedelta(minutes=30)

KINDS: dict[str, Kind] = {
    kind.code: kind
    for kind in (
        Kind(
            "requested",
            "Booking request",
            APPOINTMENTS,
            "appointment",
            "now",
            "when somebody asks for a time",
            on=True,
            email=True,
        ),
        Kind(
            "booked",
            "Booking confirmation",
            APPOINTMENTS,
            "appointment",
            "now",
            "right after booking",
            on=True,
            email=True,
            confirms=True,
        ),
        Kind(
            "moved",
            "Appointment changed",
            APPOINTMENTS,
            "appointment",
            "now",
            "when you move it",
            on=True,
            confirms=True,
        ),
        Kind(
            "cancelled",
            "Appointment cancelled",
            APPOINTMENTS,
            "appointment",
            "now",
            "when you cancel it",
            on=True,
        ),
        Kind(
            "reminder",
            "Appointment reminder",
            APPOINTMENTS,
            "appointment",
            "before",
            "the appointment",
            on=True,
            amount=24,
            unit="hours",
            confirms=True,
            lasts=HALF_AN_HOUR,
        ),
        Kind(
            "reminder_2",
            "Second reminder",
            APPOINTMENTS,
            "appointment",
            "before",
            "the appointment",
            on=False,
            amount=2,
            unit="hours",
            confirms=True,
            lasts=HALF_AN_HOUR,
        ),
        Kind(
            "confirmed", "Confirmed", APPOINTMENTS, "appointment", "now", "when they answer C or Yes", on=True
        ),
        Kind(
            "thanks",
            "Thank you",
            APPOINTMENTS,
            "appointment",
            "after",
            "the visit",
            on=False,
            amount=3,
            unit="hours",
        ),
        Kind("lead", "New lead reply", PEOPLE, "lead", "now", "within a minute", on=True),
        Kind(
            "closed",
            "We got your message",
            PEOPLE,
            "text",
            "now",
            "when they text while you’re closed",
            on=False,
            lasts=HALF_AN_HOUR,
        ),
        Kind("asked", "Payment request", PAYMENTS, "payment", "now", "when you ask", on=True, email=True),
        Kind(
            "due_soon",
            "Payment reminder",
            PAYMENTS,
            "payment",
            "before",
            "it is due",
            on=True,
            amount=2,
            unit="days",
        ),
        Kind(
            "overdue",
            "Payment overdue",
            PAYMENTS,
            "payment",
            "after",
            "it was due",
            on=True,
            amount=1,
            unit="days",
        ),
        Kind(
            "still_due",
            "Second payment reminder",
            PAYMENTS,
            "payment",
            "after",
            "it was due",
            on=False,
            amount=7,
            unit="days",
        ),
        Kind("paid", "Receipt", PAYMENTS, "payment", "now", "once paid", on=True, sms=False, email=True),
        Kind("offered", "Estimate", ESTIMATES, "estimate", "now", "when you send one", on=True, email=True),
        Kind(
            "expiring",
            "Estimate reminder",
            ESTIMATES,
            "estimate",
            "before",
            "it expires",
            on=False,
            amount=2,
            unit="days",
        ),
    )
}

# What sets off the kinds of `timing` "now": a happening's subject and what happened to it (`clients.happened`).
SET_OFF: dict[tuple[About, str], str] = {
    ("appointment", "requested"): "requested",
    ("appointment", "booked"): "booked",
    ("appointment", "moved"): "moved",
    ("appointment", "cancelled"): "cancelled",
    ("appointment", "confirmed"): "confirmed",
    ("lead", "new"): "lead",
    ("payment", "asked"): "asked",
    ("payment", "paid"): "paid",
    ("estimate", "offered"): "offered",
}
