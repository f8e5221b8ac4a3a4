"""Nudges to open pages: what changed, never the change itself; gathered, so that load floods no browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

GATHER_SECONDS = 0.15
QUIET_SECONDS = 20.0  # a comment line now and then tells dead connections from quiet ones


class Changes:
    """Say `tell("log")`; every open page hears ["log", …] soon after, once."""

    def __init__(self) -> None:
        self._listeners: set[_Listener] = set()
        self._closing = False

    def tell(self, *what: str) -> None:
        """Something of this name changed."""
        for listener in self._listeners:
            listener.pending.update(what)
            listener.awake.set()

    def close(self) -> None:
        """End every stream."""
        self._closing = True
        for listener in self._listeners:
            listener.awake.set()

    async def stream(self) -> AsyncGenerator[bytes]:
        """Server-sent events, until the page goes away or the server stops."""
        listener = _Listener()
        self._listeners.add(listener)
        try:
            yield b"retry: 1000\n\n"
            while not self._closing:
                try:
                    await asyncio.wait_for(listener.awake.wait(), QUIET_SECONDS)
                except TimeoutError:
                    yield b": quiet\n\n"
                    continue
                if self._closing:
                    return
                what = sorted(listener.pending)
                listener.pending.clear()
                listener.awake.clear()
                yield f"event: changed\ndata: {json.dumps(what)}\n\n".encode()
                await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._listeners.discard(listener)


class _Listener:
    def __init__(self) -> None:
        self.pending: set[str] = set()
        self.awake = asyncio.Event()
