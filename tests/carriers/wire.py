"""A carrier's end of the wire, played byte by byte: it can do what no well-behaved HTTP server would."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass
class Request:
    """One request as it came, and which of the connections it came by."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)


Turn = Callable[["Wire", Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Wire:
    """Plays `turns` in order, one a request, and the last of them for ever after."""

    turns: list[Turn]
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        mine = self.connections
        if task := asyncio.current_task():
            self.serving[task] = writer
        try:
            while not writer.is_closing() and (request := await _request(reader, mine)) is not None:
                self.requests.append(request)
                turn = self.turns[min(len(self.requests), len(self.turns)) - 1]
                await turn(self, request, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader, connection: int) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, target, headers, body, connection)


@asynccontextmanager
async def playing(*turns: Turn) -> AsyncIterator[Wire]:
    """A wire on a free local port, until the block ends."""
    wire = Wire(list(turns))
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        wire.over.set()
        server.close()
        for writer in wire.serving.values():
            writer.close()
        if wire.serving:
            await asyncio.wait(wire.serving, timeout=10)


def says(status: int, body: Any, **headers: str) -> Turn:
    """Answer with a status and a body (JSON unless it is bytes), and keep the connection."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())

    async def turn(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + raw)
        await writer.drain()

    return turn


def writes_then(raw: bytes, end: Turn) -> Turn:
    """Write exactly these bytes, then do something else."""

    async def turn(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        await end(wire, request, writer)

    return turn


async def resets(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
    """Drop the connection with RST."""
    wired: socket.socket = writer.get_extra_info("socket")
    wired.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hangs_up(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
    """Close the connection in good order."""
    writer.close()


async def says_nothing(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
    """Hold the connection until the test is over."""
    await wire.over.wait()
