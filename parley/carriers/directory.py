"""The carriers this installation has an account with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from django.conf import settings

from parley.carriers.base import Carrier, Paused
from parley.carriers.twilio.carrier import Twilio
from parley.carriers.voice import Voice

T = TypeVar("T")


def configured() -> dict[str, Carrier]:
    """Each carrier by its name, new: its connections belong to the event loop that first uses them."""
    carriers: dict[str, Carrier] = {}
    if settings.TWILIO["account_sid"]:
        account: dict[str, Any] = settings.TWILIO
        carriers["twilio"] = Twilio(**account, timeout=settings.CALL_TIMEOUT)
    return carriers


def voices() -> dict[str, Voice]:
    """Those of them that can call, by name."""
    return {name: carrier for name, carrier in configured().items() if isinstance(carrier, Twilio)}


def seller() -> str:
    """The name of the carrier that numbers are bought from. Raises Paused if this installation has none."""
    for name in configured():
        return name
    raise Paused("Parley has no account with a carrier yet. Whoever runs it must set one up.")


def ask(name: str, question: Callable[[Carrier], Awaitable[T]]) -> T:
    """Ask one carrier something from synchronous code, outside of any transaction.

    Raises what the question raises, and Paused if this installation has no account with that carrier.
    """
    return _ask(configured, name, question)


def ask_voice(name: str, question: Callable[[Voice], Awaitable[T]]) -> T:
    """As `ask`, about calls."""
    return _ask(voices, name, question)


def _ask(known: Callable[[], dict[str, Any]], name: str, question: Callable[[Any], Awaitable[T]]) -> T:
    async def asked() -> T:
        carriers = known()
        try:
            if name not in carriers:
                raise Paused(
                    "Parley has no account with this number's carrier. Whoever runs it must set one up."
                )
            return await question(carriers[name])
        finally:
            for carrier in carriers.values():
                await carrier.close()

    return asyncio.run(asked())
