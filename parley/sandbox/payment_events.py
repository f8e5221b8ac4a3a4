"""Signed webhooks of the pretend payment provider: each is told until it is heard, sometimes twice, in any order.

https://docs.stripe.com/webhooks: no order is promised, and what is not answered with 2xx comes again.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from parley.sandbox.account import WEBHOOK_SECRET
from parley.sandbox.weather import Sky

# Elsewhere it goes on for three days.
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
TIMEOUT = aiohttp.ClientTimeout(total=20, connect=5)
KEPT = 500


def sign(secret: str, at: int, body: str) -> str:
    """The Stripe-Signature header. https://docs.stripe.com/webhooks#verify-manually"""
    seen = hmac.digest(secret.encode(), f"{at}.{body}".encode(), "sha256").hex()
    return f"t={at},v1={seen}"


@dataclass(slots=True)
class Event:
    """One event, and what each attempt to tell it was answered (0: nothing)."""

    id: str
    type: str
    about: str
    body: str
    answers: list[int] = field(default_factory=list)


class Events:
    """`url`: where they are told; None: nowhere."""

    def __init__(self, url: str | None, sky: Sky, version: str) -> None:
        self.url = url
        self._sky = sky
        self._version = version
        self._events: dict[str, Event] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        self._session = aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())

    async def close(self) -> None:
        """Drop what is under way: a provider that stops forgets it."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._session:
            await self._session.close()

    def as_list(self) -> list[dict[str, Any]]:
        """For the truth, the oldest first."""
        return [
            {"id": event.id, "type": event.type, "object": event.about, "answers": event.answers}
            for event in self._events.values()
        ]

    def tell(self, kind: str, about: dict[str, Any]) -> None:
        """Something happened to a thing; it is told as it is now."""
        id = f"evt_{secrets.token_hex(12)}"
        body = json.dumps(
            {
                "id": id,
                "object": "event",
                "api_version": self._version,
                "created": int(time.time()),
                "data": {"object": about},
                "livemode": False,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            },
            ensure_ascii=False,
        )
        event = self._events[id] = Event(id, kind, str(about["id"]), body)
        while len(self._events) > KEPT:
            del self._events[next(iter(self._events))]
        weather = self._sky.now
        if self._sky.happens(weather.callbacks_lost):
            return
        pause = (
            self._sky.seconds(weather.delivery_seconds)
            if self._sky.happens(weather.callbacks_reordered)
            else 0
        )
        self._send(event, pause)
        if self._sky.happens(weather.callbacks_doubled):
            self._send(event, pause)

    def again(self, id: str) -> bool:
        """Tell an event once more. False: there is none of this id."""
        event = self._events.get(id)
        if event is not None:
            self._send(event, 0)
        return event is not None

    def _send(self, event: Event, pause: float) -> None:
        if self.url:
            task = asyncio.get_running_loop().create_task(self._until_heard(event, self.url, pause))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _until_heard(self, event: Event, url: str, pause: float) -> None:
        await asyncio.sleep(pause)
        for wait in (*PAUSES, None):
            status = await self._try(event, url)
            event.answers.append(status)
            if 200 <= status < 300 or wait is None:
                return
            await asyncio.sleep(wait)

    async def _try(self, event: Event, url: str) -> int:
        assert self._session is not None
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(WEBHOOK_SECRET, int(time.time()), event.body),
        }
        try:
            async with self._session.post(
                url, data=event.body.encode(), headers=headers, allow_redirects=False
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return 0
