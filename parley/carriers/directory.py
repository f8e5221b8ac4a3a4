"""The carriers this installation has an account with."""

from __future__ import annotations

from django.conf import settings

from parley.carriers.base import Carrier
from parley.carriers.twilio.carrier import Twilio


def configured() -> dict[str, Carrier]:
    """Each carrier by its name, new: its connections belong to the event loop that first uses them."""
    carriers: dict[str, Carrier] = {}
    if settings.TWILIO["account_sid"]:
        carriers["twilio"] = Twilio(**settings.TWILIO, timeout=settings.CALL_TIMEOUT)
    return carriers
