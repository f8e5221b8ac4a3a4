"""/healthz and /metrics, and the beat of `parley web`: bare ASGI, so they answer while every Django thread is busy.

/healthz        200 if this process and its database are well: for whoever sends it requests
/healthz/all    503 also if a loop is away, on whichever machine: for whoever wakes a person
/metrics        for Prometheus, with the token of PARLEY_METRICS_TOKEN; without that setting there is no such page
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from parley.live.dsn import conninfo
from parley.live.events import Receive, Scope, Send
from parley.operating import exposition, figures
from parley.operating.metrics import metrics
from parley.pulse.beats import EVERY, LOOPS, Heart, farewell

log = logging.getLogger(__name__)
T = TypeVar("T")
Db = psycopg.AsyncConnection[Any]

# What the database may take (seconds) to answer before this process counts as unwell.
ANSWERS = 1.0
# An answer serves everybody who asks within so many seconds: whoever asks often asks the database no oftener.
SHARED = 0.5

LAGS = """
    SELECT loop, extract(epoch FROM clock_timestamp() - max(beat_at))::float8 FROM pulse_beat GROUP BY loop
"""


class Away(Exception):
    """The database did not answer in time."""


class Watch:
    """One line to the database, and a thread for what takes longer. `pages` says how many pages are open."""

    def __init__(self, pages: Callable[[], int], data: Path, token: str) -> None:
        self._pages = pages
        self._journal = data / "journal"
        self._token = token.encode()
        self._heart = Heart("web")
        self._db: Db | None = None
        self._line = asyncio.Lock()
        self._seen: dict[str, float] = {}
        self._seen_at = float("-inf")
        self._beating: asyncio.Task[None] | None = None
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="metrics")

    def start(self) -> None:
        self._beating = asyncio.create_task(self._beat())

    async def close(self) -> None:
        if self._beating:
            self._beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beating
            with contextlib.suppress(Away):
                await self._with(farewell, ANSWERS)
        self._reader.shutdown(wait=False, cancel_futures=True)
        await self._hang_up()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            await _answer(send, 405, b"")
        elif scope["path"] == "/metrics":
            await self._metrics(scope, send)
        else:
            await self._health(send, everywhere=scope["path"] == "/healthz/all")

    async def _health(self, send: Send, *, everywhere: bool) -> None:
        try:
            newest = await self._newest()
        except Away:
            await _answer(send, 503, json.dumps({"ok": False, "database": False}).encode())
            return
        lag = {loop: newest.get(loop) for loop in (*LOOPS, *(newest.keys() - set(LOOPS)))}
        away = [loop for loop, seconds in lag.items() if figures.away(loop, seconds)]
        told = {
            "ok": not (everywhere and away),
            "database": True,
            "lag": {loop: seconds if seconds is None else round(seconds, 1) for loop, seconds in lag.items()},
            "away": away,
        }
        await _answer(send, 200 if told["ok"] else 503, json.dumps(told).encode())

    async def _newest(self) -> dict[str, float]:
        """How long ago each loop was seen. Raises Away."""

        async def ask(db: Db) -> dict[str, float]:
            if time.monotonic() - self._seen_at > SHARED:
                self._seen = dict(await (await db.execute(LAGS)).fetchall())
                self._seen_at = time.monotonic()
            return self._seen

        return await self._with(ask, ANSWERS)

    async def _beat(self) -> None:
        """Go round as long as this process's loop does."""

        async def leave(db: Db) -> None:
            async with db.transaction():
                await self._heart.leave(db, pages=float(self._pages()), **_journaled(self._journal))

        while True:
            try:
                await self._with(leave, 5.0)
            except Away:
                log.warning("no beat: the database does not answer")
            except Exception as error:
                log.error("no beat: %s", type(error).__name__)
            await asyncio.sleep(EVERY)

    async def _with(self, work: Callable[[Db], Awaitable[T]], seconds: float) -> T:
        """Do `work` on the line. Raises Away if it, or its turn, does not come within `seconds`."""
        try:
            async with asyncio.timeout(seconds), self._line:
                try:
                    if self._db is None or self._db.closed:
                        self._db = await psycopg.AsyncConnection.connect(conninfo("watch"), autocommit=True)
                    return await work(self._db)
                except BaseException:
                    # What was cut off in the middle leaves a line that nobody can use.
                    await self._hang_up()
                    raise
        except (TimeoutError, psycopg.Error, OSError):
            raise Away from None

    async def _hang_up(self) -> None:
        if self._db is not None:
            db, self._db = self._db, None
            await db.close()

    async def _metrics(self, scope: Scope, send: Send) -> None:
        if not self._token:
            await _answer(send, 404, b"")
            return
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        if not hmac.compare_digest(given, b"Bearer " + self._token):
            await _answer(send, 401, b"", (b"www-authenticate", b"Bearer"))
            return
        try:
            body = await asyncio.get_running_loop().run_in_executor(self._reader, _read)
        except (psycopg.Error, OSError) as error:
            log.error("no metrics: %s", type(error).__name__)
            await _answer(send, 503, b"")
            return
        await _answer(send, 200, body, (b"content-type", exposition.CONTENT_TYPE))


def _journaled(folder: Path) -> dict[str, float]:
    """How many bytes of webhooks lie on this machine's disk, if it ever kept any."""
    size = 0
    try:
        for entry in os.scandir(folder):
            # Whoever has brought one into the database removes it under our eyes.
            with contextlib.suppress(FileNotFoundError):
                size += entry.stat().st_size
    except FileNotFoundError:
        return {}
    return {"journal": float(size)}


def _read() -> bytes:
    with psycopg.connect(conninfo("metrics"), autocommit=True, connect_timeout=3) as db:
        return exposition.text(metrics(figures.read(db.cursor(), db.transaction())))


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    given = dict(headers)
    given.setdefault(b"content-type", b"application/json")
    given |= {b"content-length": str(len(body)).encode(), b"cache-control": b"no-store"}
    await send({"type": "http.response.start", "status": status, "headers": list(given.items())})
    await send({"type": "http.response.body", "body": body})
