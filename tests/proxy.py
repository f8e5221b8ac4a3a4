"""A TCP way to the test database that can be cut: what a process sees when its database is away."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connections

from tests.waiting import free_ports
from tests.world import database_url

CHUNK = 65_536


class Way:
    """`url` is the database through here. All methods may be called from any thread."""

    def __init__(self) -> None:
        settings = connections["default"].settings_dict
        self._socket = Path(settings["HOST"]) / f".s.PGSQL.{settings['PORT'] or 5432}"
        (self.port,) = free_ports(1)
        parts = urlsplit(database_url())
        self.url = f"postgresql://{parts.netloc.rpartition('@')[0]}@127.0.0.1:{self.port}{parts.path}?sslmode=disable"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()

    def open(self) -> None:
        """Whoever connects reaches the database."""
        self._do(self._open())

    def cut(self) -> None:
        """All connections end, and none can be made: the server has stopped."""
        self._do(self._cut())

    def hang(self) -> None:
        """Nothing ends, nothing passes: the cable is out."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def close(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)  # type: ignore[arg-type]

    async def _open(self) -> None:
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        self._flowing.set()
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_unix_connection(str(self._socket))
            self._writers.add(back)
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


@contextlib.contextmanager
def a_way() -> Iterator[Way]:
    """Closed at first: the database has never been there."""
    way = Way()
    try:
        yield way
    finally:
        way.close()
