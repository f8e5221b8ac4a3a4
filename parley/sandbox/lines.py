"""The live end of a call: one phone, what its owner does, and how the carrier waits for it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from parley.sandbox.records import Call
from parley.sandbox.twiml import Document


class HungUp(Exception):
    """This leg is over: somebody hung up, declined, or the account ended it."""


class Redirected(Exception):
    """The account gave this leg other TwiML: a document, or where to ask for one."""

    def __init__(self, order: Order) -> None:
        super().__init__()
        self.order = order


@dataclass(frozen=True, slots=True)
class Order:
    """Where the next TwiML is; `document` if it is already here."""

    url: str = ""
    method: str = "POST"
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words of so many seconds of the call, from `at` on the loop's clock."""

    at: float
    seconds: float
    words: str = ""


class Line:
    """One leg while it lasts. Whoever changes it calls wake(); whoever follows it waits in until().

    `picked`: who picked up, "person" or "voicemail". `leaving`: the status to end with, once somebody has hung up.
    `ready`: it was picked up, and its whisper has ended without hanging up. `asked`: keys are taken (Gather, Record).
    `listened`: what is said is heard by somebody, or recorded.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        self.picked = ""
        self.leaving = ""
        self.ready = False
        self.asked = False
        self.listened = False
        self.partner: Line | None = None
        self.redirect: Order | None = None
        self.fallback: Order | None = None
        self.keys = ""
        self.held_keys = ""
        self.held_speech: list[tuple[float, str]] = []
        self.speech: list[Spoken] = []
        self.goes_after_speaking = False
        self.over = asyncio.Event()
        self._awake = asyncio.Event()
        self._followers: list[Line] = []
        self._loop = asyncio.get_running_loop()

    @property
    def now(self) -> float:
        """The loop's clock, in real seconds."""
        return self._loop.time()

    @property
    def quiet_since(self) -> float:
        """When the last word ended, or will end; 0 if none was said."""
        return max((one.at + self.real(one.seconds) for one in self.speech), default=0.0)

    def real(self, seconds: float) -> float:
        """How long so many seconds of the call last."""
        return seconds * self.call.pace

    def since(self, start: float) -> float:
        """Seconds of the call that have passed since then on the loop's clock."""
        return (self.now - start) / self.call.pace

    def length(self) -> int:
        """Whole seconds from answer to end, begun ones counted, as the carrier bills."""
        if self.call.answered is None:
            return 0
        return max(1, math.ceil((time.time() - self.call.answered) / self.call.pace - 0.05))

    def follow(self, other: Line) -> None:
        """Wake this line too whenever something happens on the other."""
        other._followers.append(self)

    def wake(self) -> None:
        """Something happened here."""
        self._awake.set()
        for follower in self._followers:
            follower._awake.set()

    def check(self) -> None:
        """Raises HungUp or Redirected if either has happened."""
        if self.leaving:
            raise HungUp
        if self.redirect is not None:
            order, self.redirect = self.redirect, None
            raise Redirected(order)

    async def until(self, happened: Callable[[], bool], seconds: float | None = None) -> bool:
        """Wait until it has happened: True; or, after so many seconds of the call, False.

        Raises HungUp and Redirected.
        """
        return await self.until_moment(happened, None if seconds is None else self.now + self.real(seconds))

    async def until_moment(self, happened: Callable[[], bool], moment: float | None) -> bool:
        """…until this moment on the loop's clock."""
        while True:
            self.check()
            if happened():
                return True
            left = None if moment is None else moment - self.now
            if left is not None and left <= 0:
                return False
            self._awake.clear()
            try:
                await asyncio.wait_for(self._awake.wait(), left)
            except TimeoutError:
                pass

    async def pass_time(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Let so many seconds of the call pass; True if `stop` came first. Raises HungUp and Redirected."""
        return await self.until(stop, seconds)
