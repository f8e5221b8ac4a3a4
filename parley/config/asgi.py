"""The shell of `parley web`: carriers' webhooks and open pages are served here, everything else by Django.

Django runs as WSGI on a fixed set of threads, each with one lasting database connection: five to seven times less
CPU a page than Django over ASGI, which makes an executor and many thread hops for each request.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "parley.config.settings")

from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections
from django.http import HttpRequest
from django.utils.module_loading import import_string

from parley.businesses.access import BUSINESS, find_member
from parley.config.environment import env
from parley.config.wsgi import application as django
from parley.live.events import Events, Receive, Scope, Send
from parley.live.hub import Hub
from parley.messaging.hooks import Hooks
from parley.operating.watch import Watch

MOST_BODY = 30 * 1024 * 1024
# What these addresses take is bounded by themselves, in words; this is what they are given to say them.
MORE_BODY = {"/clients/import": 64 * 1024 * 1024}
SPOOL = 256 * 1024
WATCHED = ("/healthz", "/healthz/all", "/metrics")

threads = ThreadPoolExecutor(env.web_threads, thread_name_prefix="django")


class TooLarge(Exception):
    """The body is larger than its address takes."""


def _find_business(scope: Scope) -> str | None:
    """Whose pages this session may watch; the same rule as `for_members`."""
    # No request of Django's begins here, so nobody else drops a connection that a restarted database has cut.
    close_old_connections()
    cookies: SimpleCookie = SimpleCookie()
    for name, value in scope["headers"]:
        if name == b"cookie":
            cookies.load(value.decode("latin-1"))
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    if key is None:
        return None
    request = HttpRequest()
    request.session = import_string(f"{settings.SESSION_ENGINE}.SessionStore")(key.value)
    user = get_user(request)
    if not user.is_authenticated:
        return None
    member = find_member(user, request.session.get(BUSINESS))
    return str(member.business_id) if member else None


async def authorise(scope: Scope) -> str | None:
    return await asyncio.get_running_loop().run_in_executor(threads, _find_business, scope)


async def _body(receive: Receive, most: int) -> BytesIO | tempfile.SpooledTemporaryFile[bytes] | None:
    """The request's body, on disk if it is large; None if the browser left. Raises TooLarge."""
    spool: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile(SPOOL)  # noqa: SIM115  closed after Django
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise TooLarge
        spool.write(part)
        if not message.get("more_body"):
            spool.seek(0)
            return spool


def _environ(scope: Scope, body: Any, length: int | None) -> dict[str, Any]:
    client = scope.get("client") or ("", 0)
    server = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("ascii"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        # A header with an underscore could pose as one with a hyphen (CVE-2015-0219).
        if "_" in name:
            continue
        key = {"content-length": "CONTENT_LENGTH", "content-type": "CONTENT_TYPE"}.get(
            name, "HTTP_" + name.upper().replace("-", "_")
        )
        if key in environ and key.startswith("HTTP_"):
            environ[key] += ("; " if key == "HTTP_COOKIE" else ",") + value
        else:
            environ[key] = value
    if "CONTENT_LENGTH" not in environ and length is not None:
        environ["CONTENT_LENGTH"] = str(length)
    return environ


def _call(environ: dict[str, Any], push: Callable[..., None]) -> None:
    """Run Django on this thread and push what it answers: at once, or part by part if it streams."""
    head: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        head["status"] = int(status.split(" ", 1)[0])
        head["headers"] = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers]

    parts: Iterable[bytes] = django(environ, start_response)  # type: ignore[arg-type]
    try:
        if not getattr(parts, "streaming", True):
            # Each push wakes the loop and may wait for its turn.
            whole = {"type": "http.response.body", "body": b"".join(parts)}
            return push({"type": "http.response.start", **head}, whole)
        push({"type": "http.response.start", **head})
        for part in parts:
            push({"type": "http.response.body", "body": part, "more_body": True})
        push({"type": "http.response.body", "body": b""})
    finally:
        if close := getattr(parts, "close", None):
            close()


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    """Hand a request to Django on one of the threads."""
    try:
        body = await _body(receive, MORE_BODY.get(scope["path"], MOST_BODY))
    except TooLarge:
        await send({"type": "http.response.start", "status": 413, "headers": []})
        await send({"type": "http.response.body", "body": b"That is too large to upload."})
        return
    if body is None:
        return
    loop = asyncio.get_running_loop()
    answer: asyncio.Queue[tuple[dict[str, Any], ...]] = asyncio.Queue()

    def push(*messages: dict[str, Any]) -> None:
        loop.call_soon_threadsafe(answer.put_nowait, messages)

    def run() -> None:
        try:
            _call(_environ(scope, body, None), push)
        finally:
            push()
            body.close()

    done = loop.run_in_executor(threads, run)
    while messages := await answer.get():
        for message in messages:
            await send(message)
    await done


class Shell:
    """The ASGI application. Hub and intake live as long as the server does."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.hooks = Hooks()
        self.events = Events(self.hub, authorise)
        self.watch = Watch(lambda: len(self.hub), env.data, env.metrics_token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            path = scope["path"]
            if path.startswith("/hooks/"):
                await self.hooks(scope, receive, send)
            elif path == "/events":
                await self.events(scope, receive, send)
            elif path in WATCHED:
                await self.watch(scope, receive, send)
            else:
                await pages(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.hub.start()
                self.hooks.start()
                self.watch.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.hub.close()
                await self.hooks.close()
                await self.watch.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


application = Shell()
