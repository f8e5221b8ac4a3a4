"""The little that the sandbox needs on top of ASGI: requests, answers, routes, files."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import re
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Headers = tuple[tuple[bytes, bytes], ...]

# The pages load nothing from elsewhere and run no script that is not a file of ours; texts are shown on them.
PAGE_HEADERS: Headers = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        b"require-trusted-types-for 'script'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class BadRequest(Exception):
    """The request makes no sense; the words say why. Answered 400 as {"error": words}."""


class Gone(Exception):
    """The caller closed the connection."""


@dataclass(slots=True)
class Response:
    """`body` may be an async generator: then it is streamed, and no length is given."""

    status: int
    body: bytes | AsyncGenerator[bytes] = b""
    content_type: bytes = b"application/json; charset=utf-8"
    headers: Headers = field(default=())


def answer(value: object, status: int = 200, headers: Headers = ()) -> Response:
    """A JSON answer."""
    return Response(status, _encode(value).encode(), headers=headers)


class Request:
    """One HTTP request. The body is read whole before a handler runs."""

    def __init__(self, scope: dict[str, Any], body: bytes) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.body = body

    def header(self, name: bytes) -> bytes | None:
        """The first header of this (lower-case) name."""
        for key, value in self.scope["headers"]:
            if key == name:
                return value
        return None

    @cached_property
    def query(self) -> dict[str, str]:
        """The query; of a repeated key the last."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """The body as a form; a repeated key is a list. Raises BadRequest beyond 1,000 fields."""
        form: dict[str, list[str]] = {}
        try:
            pairs = parse_qsl(
                self.body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000
            )
        except ValueError as error:
            raise BadRequest("the form has too many fields") from error
        for key, value in pairs:
            form.setdefault(key, []).append(value)
        return form

    def value(self, key: str) -> str | None:
        """One value of the form, the last if repeated."""
        values = self.form.get(key)
        return values[-1] if values else None

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty one. Raises BadRequest."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise BadRequest("the body must be a JSON object")
        return value

    @property
    def origin(self) -> str:
        """Where the caller reached us, such as http://127.0.0.1:8001."""
        host = self.header(b"host")
        return f"{self.scope['scheme']}://{host.decode('latin-1') if host else 'localhost'}"


Handler = Callable[..., Response | Awaitable[Response]]


class Routes:
    """Method and path to handler. `{name}` in a path matches one segment."""

    def __init__(self) -> None:
        self._routes: list[tuple[re.Pattern[str], dict[str, Handler]]] = []

    def add(self, path: str, **methods: Handler) -> None:
        """`add("/things/{sid}", GET=fetch, POST=update)`"""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
        self._routes.append((re.compile(pattern), methods))

    def find(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | set[str]:
        """The handler and what the path named; else the methods that the path would take (none: unknown)."""
        for pattern, methods in self._routes:
            match = pattern.fullmatch(path)
            if match:
                handler = methods.get(method)
                return (handler, match.groupdict()) if handler else set(methods)
        return set()


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None if it is longer than `limit` bytes. Raises Gone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return body if len(body) <= limit else None
    chunks = [message.get("body", b"")]
    size = len(chunks[0])
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            return None
    return b"".join(chunks)


async def respond(receive: Receive, send: Send, response: Response) -> None:
    """Write the answer. A stream ends early, at its next chunk, if the caller has gone."""
    headers: list[tuple[bytes, bytes]] = [*response.headers]
    if response.content_type:
        headers.append((b"content-type", response.content_type))
    body = response.body
    if isinstance(body, bytes):
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    gone = asyncio.ensure_future(receive())
    try:
        async for chunk in body:
            if gone.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await body.aclose()


def reset(scope: dict[str, Any]) -> None:
    """Break the connection without an answer: the caller sees a reset (RST), as from a crashed server."""
    transport: asyncio.Transport = scope["parley.transport"]
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def file_answer(path: Path, headers: Headers = PAGE_HEADERS) -> Response:
    """A file of ours."""
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if kind.startswith("text/") or kind.endswith("javascript"):
        kind += "; charset=utf-8"
    return Response(200, path.read_bytes(), kind.encode(), (*headers, (b"cache-control", b"no-cache")))
