"""One LISTEN a process, fanned out to a bounded queue for each open page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterator

import psycopg

from parley.live.dsn import conninfo
from parley.live.nudges import CHANNEL

log = logging.getLogger(__name__)

# A page that is this far behind is cut: it comes back and asks for everything it shows.
QUEUE = 100


class Listener:
    """One open page. `cut` is set when it could not keep up, or when the server goes."""

    __slots__ = ("cut", "queue")

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE)
        self.cut = asyncio.Event()

    def put(self, frame: bytes) -> None:
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self.cut.set()


def frame(event: str, data: str = "{}") -> bytes:
    return f"event: {event}\ndata: {data}\n\n".encode()


class Hub:
    """Who is listening, by business. A frame is built once for all its listeners."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()
        self.lost = 0

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.cut.set()
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

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

    def publish(self, business: str, data: str) -> None:
        built = frame("change", data)
        for listener in self._listeners.get(business, ()):
            listener.put(built)

    def resync(self) -> None:
        """We were deaf for a while: every page asks for what it shows."""
        built = frame("resync")
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.put(built)

    async def _listen(self) -> None:
        wait = 0.2
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(conninfo("events"), autocommit=True) as db:
                    await db.execute(f"LISTEN {CHANNEL}")
                    self.listening.set()
                    if self.lost:
                        self.resync()
                    wait = 0.2
                    async for notice in db.notifies():
                        message = json.loads(notice.payload)
                        self.publish(message.pop("b"), json.dumps(message, separators=(",", ":")))
            except (psycopg.Error, OSError) as error:
                self.listening.clear()
                self.lost += 1
                log.warning("listening lost (%s), again in %.1f s", type(error).__name__, wait)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5)
