"""One LISTEN a process, fanned out to a bounded queue for each open page."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg

from parley.live.dsn import conninfo
from parley.live.listening import Listening
from parley.live.nudges import CHANNEL, whose

log = logging.getLogger(__name__)

# A page that is this far behind is cut: it comes back and asks for everything it shows.
QUEUE = 100
# Seconds between two signs of life on a line; a part of all lines gets one every second.
PING = 15
# So many lines are written to before whoever else waits has a turn.
BREATH = 100
# Where more pages of a business than this hear of a change, all but those that show it ask over so long a time:
# 10 ms of processor time is what an answer takes at most.
CROWD = 50
EACH_MS = 10


class Listener:
    """One open page: what it has not been told yet, and whether it is over."""

    __slots__ = ("_frames", "_over", "_wake")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._over = False
        self._wake: asyncio.Future[None] | None = None

    def put(self, frame: bytes) -> None:
        if len(self._frames) >= QUEUE:
            self.cut()
        else:
            self._frames.append(frame)
            self._stir()

    def cut(self) -> None:
        """End the line: the page could not keep up, or left, or the server goes."""
        self._over = True
        self._stir()

    async def hear(self) -> bytes:
        """All that has come since it was last asked, as soon as there is any; nothing once it is over."""
        while not (self._frames or self._over):
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        heard = b"" if self._over else b"".join(self._frames)
        self._frames.clear()
        return heard

    def _stir(self) -> None:
        if self._wake and not self._wake.done():
            self._wake.set_result(None)


def frame(event: str, data: str = "{}") -> bytes:
    return f"event: {event}\ndata: {data}\n\n".encode()


class Hub:
    """Who is listening, by business. A frame is built once for all its listeners."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._tasks: list[asyncio.Task[None]] = []
        self.listening = asyncio.Event()
        self.lost = 0

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._ping())]

    async def close(self) -> None:
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.cut()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def __len__(self) -> int:
        return sum(map(len, self._listeners.values()))

    @contextlib.contextmanager
    def subscribed(self, business: str) -> Iterator[Listener]:
        """A listener for as long as the block lasts."""
        listener = Listener()
        self._listeners[business].add(listener)
        try:
            yield listener
        finally:
            self._listeners[business].discard(listener)
            if not self._listeners[business]:
                del self._listeners[business]

    async def publish(self, business: str, change: dict[str, Any]) -> None:
        """Tell every page of the business; where they are many, also over how many milliseconds (`s`) to ask."""
        listeners = list(self._listeners.get(business, ()))
        if len(listeners) > CROWD:
            change = change | {"s": (len(listeners) - CROWD) * EACH_MS}
        built = frame("change", json.dumps(change, separators=(",", ":")))
        for told, listener in enumerate(listeners, 1):
            listener.put(built)
            if told % BREATH == 0:
                await asyncio.sleep(0)

    def resync(self) -> None:
        """We were deaf for a while: every page asks for what it shows."""
        built = frame("resync")
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.put(built)

    async def _ping(self) -> None:
        """A line on which nothing is said is cut by what lies between; and only by writing is a dead one found."""
        for second in itertools.count():
            await asyncio.sleep(1)
            every = [listener for listeners in self._listeners.values() for listener in listeners]
            for listener in every[second % PING :: PING]:
                listener.put(b": ping\n\n")

    async def _listen(self) -> None:
        wait = 0.2
        while True:
            try:
                async with await Listening.connect(conninfo("events"), autocommit=True) as db:
                    await db.execute(f"LISTEN {CHANNEL}")
                    self.listening.set()
                    if self.lost:
                        self.resync()
                    wait = 0.2
                    async for notice in db.notifies():
                        # On many machines most of what is said concerns nobody here.
                        if (business := whose(notice.payload)) in self._listeners:
                            message = json.loads(notice.payload)
                            del message["b"]
                            await self.publish(business, message)
            except (psycopg.Error, OSError) as error:
                self.listening.clear()
                self.lost += 1
                log.warning("listening lost (%s), again in %.1f s", type(error).__name__, wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5)
