"""The sandbox's process: the carrier and its page on one port, the mailbox on another, SMTP on a third."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from parley.sandbox import rest_tollfree
from parley.sandbox import settings as environment
from parley.sandbox.account import AUTH_TOKEN, authorised
from parley.sandbox.call_control import CallControl
from parley.sandbox.changes import Changes
from parley.sandbox.control import Control, Missing
from parley.sandbox.desk import Desk
from parley.sandbox.errors import Refusal
from parley.sandbox.exchange import Exchange
from parley.sandbox.handsets import Handsets
from parley.sandbox.journal import Busy, Journal, Unreadable
from parley.sandbox.mail import Mailbox, smtp_protocol
from parley.sandbox.media import MediaFetcher
from parley.sandbox.money import Money
from parley.sandbox.network import Network
from parley.sandbox.page import Page, add_files, events
from parley.sandbox.payment_events import Events
from parley.sandbox.payment_page import PaymentPage
from parley.sandbox.push import PushService
from parley.sandbox.rest import V2010
from parley.sandbox.rest_calls import Calls
from parley.sandbox.rest_lookups import Lookups
from parley.sandbox.rest_messages import Messages
from parley.sandbox.rest_numbers import Numbers
from parley.sandbox.rest_payments import VERSION, PaymentsApi
from parley.sandbox.rest_recordings import Recordings
from parley.sandbox.rest_tollfree import Verifications
from parley.sandbox.settings import Settings
from parley.sandbox.truth import Truth
from parley.sandbox.weather import Sky
from parley.sandbox.web import (
    BadRequest,
    Gone,
    Receive,
    Request,
    Response,
    Routes,
    Send,
    answer,
    read_body,
    reset,
    respond,
)
from parley.sandbox.webhooks import Webhooks
from parley.sandbox.world import World

log = logging.getLogger("parley.sandbox")

BODY_LIMIT = 8 * 1024 * 1024
_CARRIER_PATH = re.compile(r"/(2010-04-01|v1|v2)/")
# The payment provider has an account, and errors, of its own.
_PAYMENT_PATH = re.compile(r"/v1/(checkout|payment_intents|payment_methods|customers)(/|$)")
STOP_SECONDS = 0.5


class Sandbox:
    """Everything put together; an ASGI application."""

    def __init__(self, settings: Settings) -> None:
        """Raises journal.Busy and journal.Unreadable."""
        self.changes = Changes()
        self.journal = Journal(settings.data)
        self.world = World(self.journal, settings.data / "media", self.changes)
        self.sky = Sky()
        self.webhooks = Webhooks(AUTH_TOKEN)
        self.media = MediaFetcher()
        self.network = Network(self.world, self.sky, self.webhooks, self.media, self.changes)
        self.exchange = Exchange(self.world, self.sky, self.webhooks)
        self.payment_events = Events(settings.payment_events, self.sky, VERSION)
        self.money = Money(settings.data / "payments", self.sky, self.payment_events, self.changes)
        self._requests: list[float] = []
        self._carrier = Routes()
        self._own = Routes()
        self._add_routes()

    def _add_routes(self) -> None:
        messages = Messages(self.world, self.sky, self.network)
        carrier, act = self._carrier, self.sky.over
        carrier.add(f"{V2010}/Messages.json", POST=act(messages.create), GET=messages.list_messages)
        carrier.add(
            f"{V2010}/Messages/{{sid}}.json", GET=messages.fetch, POST=messages.update, DELETE=messages.delete
        )
        carrier.add(f"{V2010}/Messages/{{sid}}/Feedback.json", POST=messages.feedback)
        carrier.add(f"{V2010}/Messages/{{sid}}/Media.json", GET=messages.list_media)
        carrier.add(
            f"{V2010}/Messages/{{sid}}/Media/{{media_sid}}.json",
            GET=messages.fetch_media,
            DELETE=messages.delete_media,
        )
        carrier.add(f"{V2010}/Messages/{{sid}}/Media/{{media_sid}}", GET=messages.redirect_to_bytes)

        calls = Calls(self.world, self.sky, self.exchange)
        carrier.add(f"{V2010}/Calls.json", POST=act(calls.create), GET=calls.list_calls)
        carrier.add(f"{V2010}/Calls/{{sid}}.json", GET=calls.fetch, POST=calls.update, DELETE=calls.delete)
        recordings = Recordings(self.world, self.sky, self.exchange.reports)
        carrier.add(f"{V2010}/Calls/{{call_sid}}/Recordings.json", GET=recordings.list_recordings)
        carrier.add(f"{V2010}/Recordings.json", GET=recordings.list_recordings)
        carrier.add(f"{V2010}/Recordings/{{sid}}.json", GET=recordings.fetch, DELETE=recordings.delete)
        carrier.add(f"{V2010}/Recordings/{{name}}", GET=recordings.sound)

        numbers = Numbers(self.world, self.sky)
        carrier.add(
            f"{V2010}/AvailablePhoneNumbers/{{country}}/TollFree.json", GET=numbers.available_toll_free
        )
        carrier.add(f"{V2010}/AvailablePhoneNumbers/{{country}}/Local.json", GET=numbers.available_local)
        carrier.add(f"{V2010}/IncomingPhoneNumbers.json", POST=act(numbers.buy), GET=numbers.list_numbers)
        carrier.add(
            f"{V2010}/IncomingPhoneNumbers/{{sid}}.json",
            GET=numbers.fetch,
            POST=numbers.update,
            DELETE=act(numbers.release),
        )

        verifications = Verifications(self.world, self.sky)
        carrier.add(rest_tollfree.PATH, POST=act(verifications.create), GET=verifications.list_verifications)
        carrier.add(
            f"{rest_tollfree.PATH}/{{sid}}",
            GET=verifications.fetch,
            POST=act(verifications.edit),
            DELETE=verifications.delete,
        )
        carrier.add("/v2/PhoneNumbers/{number}", GET=Lookups(self.world).fetch)

        truth = Truth(self.world, self.network, self.exchange)
        desk = Desk(self.world)
        control = Control(
            self.world, self.sky, self.network, self.webhooks, desk, Handsets(self.world), self.changes
        )
        own = self._own
        own.add("/media/{link}", GET=messages.picture_bytes)
        own.add("/sandbox/health", GET=control.health)
        own.add(
            "/sandbox/weather",
            GET=control.read_weather,
            PUT=control.change_weather,
            DELETE=control.clear_weather,
        )
        own.add("/sandbox/world", GET=control.read_world, PUT=control.change_world)
        own.add("/sandbox/truth", GET=truth.read, DELETE=truth.empty)
        page = Page(self.world)
        add_files(own, "index.html")
        own.add("/sandbox/events", GET=events(self.changes))
        own.add("/sandbox/page", GET=page.people)
        own.add("/sandbox/log", GET=page.log)
        own.add("/sandbox/pictures/{sid}", GET=page.picture)
        own.add("/sandbox/handsets", POST=control.new_handset)
        own.add("/sandbox/handsets/{number}", GET=control.read_handset)
        own.add("/sandbox/handsets/{number}/texts", POST=control.text)
        phone = CallControl(self.world, self.exchange)
        own.add("/sandbox/truth/calls", GET=phone.truth)
        own.add("/sandbox/handsets/{number}/calls", GET=phone.list_calls, POST=phone.call)
        own.add("/sandbox/handsets/{number}/calls/{sid}/{act}", POST=phone.act)
        push = PushService()
        own.add("/push/{id}", POST=push.push)
        own.add("/sandbox/push", POST=push.subscribe)
        own.add("/sandbox/push/{id}", GET=push.read, PUT=push.change, DELETE=push.end)
        PaymentsApi(self.money, self.sky).add_to(own)
        PaymentPage(self.money, self.payment_events).add_to(own)
        own.add("/sandbox/verifications", GET=control.read_desk)
        own.add("/sandbox/verifications/{sid}/{verdict}", POST=control.judge)

    async def start(self, base_url: str) -> None:
        """Take up what a restart interrupted."""
        self.network.base_url = self.exchange.reports.base_url = base_url
        await self.webhooks.start()
        await self.media.start()
        await self.payment_events.start()
        self.network.resume()
        self.exchange.resume()

    async def stop(self) -> None:
        """After the last request."""
        self.network.close()
        self.exchange.close()
        await self.webhooks.close()
        await self.media.close()
        await self.payment_events.close()
        self.money.close()
        self.journal.close()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive, BODY_LIMIT)
        except Gone:
            return
        if body is None:
            await respond(receive, send, answer({"error": f"at most {BODY_LIMIT} bytes"}, 413))
            return
        request = Request(scope, body)
        if _CARRIER_PATH.match(request.path) and not _PAYMENT_PATH.match(request.path):
            response = await self._as_carrier(request)
        else:
            response = await as_itself(self._own, request)
        await respond(receive, send, response)

    async def _as_carrier(self, request: Request) -> Response:
        try:
            down = self.sky.now.down
            if down == "close":
                reset(request.scope)
            if down:
                raise Refusal(20503)
            if not authorised(request.header(b"authorization")):
                raise Refusal(20003, headers=((b"www-authenticate", b'Basic realm="Twilio API"'),))
            if self._too_many():
                raise Refusal(20429, headers=((b"retry-after", b"1"),))
            found = self._carrier.find(request.method, request.path)
            if isinstance(found, set):
                raise Refusal(20004) if found else Refusal(20404, request.path)
            handler, names = found
            response = handler(request, **names)
            return await response if inspect.isawaitable(response) else response
        except Refusal as refusal:
            return answer(refusal.body(), refusal.status, refusal.headers)
        except BadRequest as error:
            unreadable = Refusal(20001, str(error))
            return answer(unreadable.body(), unreadable.status)

    def _too_many(self) -> bool:
        """Is this request beyond `request_limit` in the second that ends now? Counts it if not."""
        limit = self.sky.now.request_limit
        if not limit:
            return False
        now = time.monotonic()
        self._requests = [at for at in self._requests if at > now - 1]
        if len(self._requests) >= limit:
            return True
        self._requests.append(now)
        return False


async def as_itself(routes: Routes, request: Request) -> Response:
    """Answer one of the sandbox's own addresses."""
    if request.method not in ("GET", "HEAD") and request.header(b"sec-fetch-site") in (
        b"cross-site",
        b"same-site",
    ):
        # A page from elsewhere, open in the same browser, must not play with the world.
        return answer({"error": "not from another site"}, 403)
    found = routes.find("GET" if request.method == "HEAD" else request.method, request.path)
    if isinstance(found, set):
        return answer(
            {"error": "no such address" if not found else f"only {', '.join(sorted(found))}"},
            405 if found else 404,
        )
    handler, names = found
    try:
        response = handler(request, **names)
        return await response if inspect.isawaitable(response) else response
    except BadRequest as error:
        return answer({"error": str(error)}, 400)
    except Missing as error:
        return answer({"error": str(error)}, 404)
    except Refusal as refusal:
        return answer(refusal.body(), refusal.status)


class _Protocol(HttpToolsProtocol):
    """Lets a handler reach its connection, to break it on purpose (web.reset)."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope: Any = self.scope
        scope["parley.transport"] = self.transport


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """One stop for all servers is in serve()."""
        yield


def _listen(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((bind, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {bind}:{port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener


class _Site:
    """An ASGI application of plain routes: the mailbox."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive, BODY_LIMIT)
        except Gone:
            return
        response = answer({"error": "too long"}, 413)
        if body is not None:
            response = await as_itself(self._routes, Request(scope, body))
        await respond(receive, send, response)


def _http_server(application: Any) -> _Server:
    return _Server(
        uvicorn.Config(
            application,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=75,
        )
    )


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raises OSError (a port is taken) and journal's errors, in words."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    listener = _listen(settings.bind, settings.port)
    mail_page_listener = _listen(settings.bind, settings.mailbox_port)
    smtp_listener = _listen(settings.bind, settings.smtp_port)
    url = settings.url or _url(settings.bind, listener)
    sandbox = Sandbox(settings)
    mail_changes = Changes()
    mailbox = Mailbox(settings.data / "mail", mail_changes)
    await sandbox.start(url)
    smtp = await loop.create_server(lambda: smtp_protocol(mailbox), sock=smtp_listener)
    servers = {
        _http_server(sandbox): listener,
        _http_server(_Site(mailbox.routes())): mail_page_listener,
    }
    running = [loop.create_task(server.serve(sockets=[one])) for server, one in servers.items()]
    ports = {
        "sandbox": url,
        "port": listener.getsockname()[1],
        "mailbox": _url(settings.bind, mail_page_listener),
        "mailbox_port": mail_page_listener.getsockname()[1],
        "smtp_port": smtp_listener.getsockname()[1],
    }
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    await stopping.wait()
    sandbox.changes.close()
    mail_changes.close()
    smtp.close()
    for server in servers:
        server.should_exit = True
    await asyncio.wait(running, timeout=STOP_SECONDS)
    for server in servers:
        server.force_exit = True
    await asyncio.wait(running, timeout=STOP_SECONDS)
    await sandbox.stop()
    mailbox.close()


def _url(bind: str, listener: socket.socket) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def main() -> None:
    """Entry point; what can be set is in settings.py. Exit code 2: it could not start, and said why."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        uvloop.run(serve(environment.from_environment()))
    except (ValueError, OSError, Busy, Unreadable) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        sys.exit(2)
