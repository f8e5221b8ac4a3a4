"""The carriers this installation has an account with."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from parley.carriers.base import Carrier
from parley.carriers.twilio.carrier import Twilio


def configured() -> dict[str, Carrier]:
    """Each carrier by its name, new: its connections belong to the event loop that first uses them."""
    carriers: dict[str, Carrier] = {}
    if settings.TWILIO["account_sid"]:
        account: dict[str, Any] = settings.TWILIO
        carriers["twilio"] = Twilio(**account, timeout=settings.CALL_TIMEOUT)
    return carriers
