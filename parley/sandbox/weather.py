"""Network weather: how often, and how, the pretend carrier and its networks misbehave.

One roll decides what happens to a request that acts (a text, a purchase, a release, a verification); the shares of
the fault kinds therefore add up to 1 at most. With a `seed` the rolls are the same on every run that makes the same
requests in the same order.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from parley.sandbox.errors import FAILURES, Refusal
from parley.sandbox.web import BadRequest, Handler, Request, Response, reset

Fault = Literal["rate_limit", "hang", "error_before", "error_after", "reset_after", "slow", "garbage", "none"]
Next = Literal["unreachable", "filtered", "twice"]

# In this order, so that a seed keeps its meaning.
FAULTS: tuple[Fault, ...] = (
    "rate_limit",
    "hang",
    "error_before",
    "error_after",
    "reset_after",
    "slow",
    "garbage",
)


@dataclass(slots=True)
class Weather:
    """Shares run from 0 to 1; seconds are ranges [shortest, longest].

    rate_limit      429 with code 20429; nothing accepted
    hang            no answer for `hang_seconds`, then the connection closes; nothing accepted
    error_before    500; nothing accepted
    error_after     accepted, then 500
    reset_after     accepted, then the connection is reset
    slow            accepted, and answered, only after `slow_seconds`
    garbage         accepted, then a 200 that is no JSON

    Of calls: a second of a call lasts `call_pace` real seconds; the callbacks of calls come `call_callbacks_seconds`
    late; `recording_callbacks_lost` is a share; a recording cannot be fetched until `recording_late_seconds` after it
    was made; of those fetched, the share `recording_garbage` is no sound.
    """

    delivery_seconds: tuple[float, float] = (1.0, 3.0)
    fail_share: float = 0.0
    fail_code: int = 30003
    callbacks_lost: float = 0.0
    callbacks_doubled: float = 0.0
    callbacks_reordered: float = 0.0
    rate_limit: float = 0.0
    hang: float = 0.0
    error_before: float = 0.0
    error_after: float = 0.0
    reset_after: float = 0.0
    slow: float = 0.0
    garbage: float = 0.0
    slow_seconds: tuple[float, float] = (2.0, 5.0)
    hang_seconds: float = 60.0
    list_fails: float = 0.0
    list_lag_seconds: float = 0.0
    request_limit: float = 0.0
    call_pace: float = 1.0
    call_callbacks_seconds: tuple[float, float] = (0.0, 0.0)
    recording_callbacks_lost: float = 0.0
    recording_late_seconds: float = 0.0
    recording_garbage: float = 0.0
    down: Literal["", "refuse", "close"] = ""
    next: Literal["", "unreachable", "filtered", "twice"] = ""
    seed: int | None = None


_SHARES = (
    *FAULTS,
    "fail_share",
    "callbacks_lost",
    "callbacks_doubled",
    "callbacks_reordered",
    "recording_callbacks_lost",
    "recording_garbage",
    "list_fails",
)
_SECONDS = ("hang_seconds", "list_lag_seconds", "request_limit", "recording_late_seconds")
_RANGES = ("delivery_seconds", "slow_seconds", "call_callbacks_seconds")
_PACES = (0.001, 10.0)
_CHOICES = {"down": ("", "refuse", "close"), "next": ("", "unreachable", "filtered", "twice")}


class Sky:
    """The weather now, and its dice."""

    def __init__(self) -> None:
        self.now = Weather()
        self._dice = random.Random()  # noqa: S311 (weather, not secrets)

    def change(self, wishes: dict[str, Any]) -> None:
        """Take over the given keys; the others stay. Raises BadRequest, and then nothing has changed."""
        known = {field.name for field in fields(Weather)}
        unknown = sorted(set(wishes) - known)
        if unknown:
            raise BadRequest(f"unknown: {', '.join(unknown)} (known: {', '.join(sorted(known))})")
        merged = Weather(**{**self.as_dict(), **{key: _checked(key, value) for key, value in wishes.items()}})
        if sum(getattr(merged, fault) for fault in FAULTS) > 1:
            raise BadRequest(f"the shares of {', '.join(FAULTS)} add up to more than 1")
        self.now = merged
        if "seed" in wishes:
            self._dice.seed(merged.seed)

    def clear(self) -> None:
        """As it was at start."""
        self.now = Weather()
        self._dice.seed()

    def as_dict(self) -> dict[str, Any]:
        """The weather, as change() takes it."""
        return asdict(self.now)

    def over(self, act: Callable[..., Response]) -> Handler:
        """The handler of a request that acts, under this sky."""

        async def handler(request: Request, **names: str) -> Response:
            fault = self.fault()
            match fault:
                case "rate_limit":
                    raise Refusal(20429, headers=((b"retry-after", b"1"),))
                case "error_before":
                    raise Refusal(20500)
                case "hang":
                    await asyncio.sleep(self.now.hang_seconds)
                    reset(request.scope)
                    return Response(500)
                case "slow":
                    await asyncio.sleep(self.seconds(self.now.slow_seconds))
            done = act(request, **names)
            match fault:
                case "error_after":
                    raise Refusal(20500)
                case "reset_after":
                    reset(request.scope)
                    return Response(500)
                case "garbage":
                    return Response(200, b"<html><body><h1>It works!</h1></body></html>", b"text/html")
            return done

        return handler

    def fault(self) -> Fault:
        """What happens to this request that acts."""
        roll = self._dice.random()
        for fault in FAULTS:
            share: float = getattr(self.now, fault)
            if roll < share:
                return fault
            roll -= share
        return "none"

    def before_list(self) -> None:
        """Does a list answer at all? Raises Refusal."""
        if self.happens(self.now.list_fails):
            raise Refusal(20503)

    def lists(self, created: float) -> bool:
        """Has what was made then reached the lists?"""
        return created <= time.time() - self.now.list_lag_seconds

    def happens(self, share: float) -> bool:
        """A roll against a share."""
        return share > 0 and self._dice.random() < share

    def seconds(self, span: tuple[float, float]) -> float:
        """Somewhere within the span."""
        return self._dice.uniform(*span)

    def take_next(self) -> Next | None:
        """What was ordered for the next message; ordering it again is up to somebody."""
        ordered = self.now.next
        self.now.next = ""
        return ordered or None


def _checked(key: str, value: Any) -> Any:
    if key in _SHARES:
        if not _is_number(value) or not 0 <= value <= 1:
            raise BadRequest(f"{key} must be a share from 0 to 1")
        return float(value)
    if key in _SECONDS:
        if not _is_number(value) or not 0 <= value < 1e9:
            raise BadRequest(f"{key} must be a number, 0 or more")
        return float(value)
    if key == "call_pace":
        if not _is_number(value) or not _PACES[0] <= value <= _PACES[1]:
            raise BadRequest(f"call_pace must be a number from {_PACES[0]} to {_PACES[1]}")
        return float(value)
    if key in _RANGES:
        if (
            not isinstance(value, list | tuple)
            or len(value) != 2
            or not all(_is_number(end) for end in value)
            or not 0 <= value[0] <= value[1] < 1e9
        ):
            raise BadRequest(f"{key} must be [shortest, longest] in seconds")
        return (float(value[0]), float(value[1]))
    if key in _CHOICES:
        if value is None:
            value = ""
        if value not in _CHOICES[key]:
            raise BadRequest(f"{key} must be one of {', '.join(repr(choice) for choice in _CHOICES[key])}")
        return value
    if key == "fail_code":
        if not _is_number(value) or value not in FAILURES:
            raise BadRequest(f"fail_code must be one of {', '.join(str(code) for code in FAILURES)}")
        return value
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise BadRequest(f"{key} must be a whole number or null")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
