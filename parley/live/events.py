"""GET /events: a page's line to the hub, as bare ASGI (Django would take a thread for every open page)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from parley.live.hub import Hub, Listener, frame

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# Whose page is this? Called once a connection, and again every RECHECK seconds, so that a closed session is cut off.
Authorise = Callable[[Scope], Awaitable[str | None]]

RECHECK = 300.0

START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream"),
        (b"cache-control", b"no-cache"),
        (b"x-accel-buffering", b"no"),
    ],
}


class Events:
    def __init__(self, hub: Hub, authorise: Authorise) -> None:
        self.hub = hub
        self.authorise = authorise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        business = await self.authorise(scope)
        if business is None:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})
            return
        clock = asyncio.get_running_loop().time
        with self.hub.subscribed(business) as listener:
            gone = asyncio.create_task(_gone(receive, listener))
            try:
                await send(START)
                # Subscribed first, greeted second: what happens from the greeting on is not missed.
                await send(_body(b"retry: 2000\n" + frame("hello")))
                recheck = clock() + RECHECK
                while heard := await listener.hear():
                    # The hub's pings wake it often enough for this.
                    if clock() > recheck:
                        if await self.authorise(scope) != business:
                            break
                        recheck = clock() + RECHECK
                    await send(_body(heard))
                if not gone.done():
                    await send({"type": "http.response.body", "body": b""})
            finally:
                gone.cancel()


def _body(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}


async def _gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.cut()
