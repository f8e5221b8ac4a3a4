"""The systems that can tell Parley of their events, and how each is set up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from parley.connectors import calcom, own, stripe_events
from parley.connectors.models import Endpoint, new_secret

Headers = Mapping[str, str]
Told = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class System:
    """How one system's webhooks are believed, named and read.

    `new_secret` makes the secret; where it is None, the system makes it and the business brings it here. `check` says
    at once what is wrong with a body, for whoever programs against it.
    """

    source: str
    name: str
    brings: str
    steps: tuple[str, ...]
    authentic: Callable[[str, Headers, bytes], bool]
    key: Callable[[Headers, bytes, Told], tuple[str, str]]
    read: Callable[[Endpoint, str, Told], str]
    new_secret: Callable[[], str] | None = None
    check: Callable[[Told], None] | None = None


SYSTEMS: dict[str, System] = {
    system.source: system
    for system in (
        System(
            Endpoint.Source.CALCOM,
            "Cal.com",
            "Bookings made, moved and cancelled there stand in your calendar, and their clients get your messages.",
            (
                "In Cal.com open Settings, Developer, Webhooks and choose New.",
                "Paste the address and the secret from here.",
                "Tick Booking requested, created, rescheduled, cancelled, rejected and No-show updated. Ask for the "
                "attendee’s phone number in your event types: without one they get emails only.",
            ),
            calcom.authentic,
            calcom.name,
            calcom.read,
            new_secret=new_secret,
        ),
        System(
            Endpoint.Source.STRIPE,
            "Stripe",
            "Invoices and quotes that you send there stand under Payments; paid ones are marked as paid.",
            (
                "In Stripe open Developers, Webhooks and add a destination with the address from here.",
                "Choose the events of Invoice and Quote, and customer.created and customer.updated.",
                "Stripe shows a signing secret that begins with whsec_. Paste it here.",
            ),
            stripe_events.authentic,
            stripe_events.name,
            stripe_events.read,
        ),
        System(
            Endpoint.Source.OWN,
            "Your own program",
            "Any program can tell of appointments, leads, payments and estimates.",
            (
                "Send each event as JSON to the address from here.",
                "Sign it with the secret, as the page for programmers says.",
                "The answer says in words what is wrong with an event.",
            ),
            own.authentic,
            own.name,
            own.read,
            new_secret=own.new_secret,
            check=own.check,
        ),
    )
}
