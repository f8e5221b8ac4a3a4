"""Carriers' webhooks: signature checked, one row kept under a permanent unique key, then 200. Nothing else.

Everything that can go wrong with what a webhook says goes wrong later, in `receiving`, where it can be tried again.
Requests that arrive together share one commit ("group commit"): measured 25 times more webhooks a second than a
Django view with a commit each.

One thing cannot be later: a text by which somebody opts out is obeyed in the transaction that keeps it, so that from
the 200 on nothing is sent to them (rule R6). These wait for what is under way, so they have a line of their own.

    200   the row is committed, or was there before; an opt-out is obeyed
    403   not signed by the carrier: counted, nothing kept
    404   no such carrier here
    413   larger than any webhook
    503   the row could not be committed in time, or a text to somebody who opts out may still begin: the carrier
          tries again
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl
from uuid import UUID

import psycopg
from django.conf import settings

from parley.carriers.base import Carrier
from parley.carriers.directory import configured
from parley.live.dsn import conninfo
from parley.live.events import Receive, Scope, Send
from parley.live.nudges import CAME_IN, TEXTS_CHANNEL
from parley.messaging import outcomes, revoking
from parley.messaging.events import NewEvent, shard_of
from parley.messaging.line import Db
from parley.messaging.outcomes import Changes
from parley.messaging.patience import patience
from parley.messaging.revoking import Said

log = logging.getLogger(__name__)

MOST_BODY = 1024 * 1024
MOST_FIELDS = 1000
BATCH = 500
# Twilio waits 15 s in all; an honest "try again" must come before that.
PATIENCE = 5.0
MOST_WAITING = 20_000
TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'

OBEYED_AT_ONCE = 50

INSERT = f"""
    WITH kept AS (
        INSERT INTO messaging_carrierevent
            (carrier, kind, key, attempt_id, shard, form, received_at, trouble)
        SELECT *, clock_timestamp(), ''
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::uuid[], %s::smallint[], %s::text[])
        ON CONFLICT (carrier, key) DO NOTHING
        RETURNING 1
    )
    SELECT CASE WHEN EXISTS (SELECT 1 FROM kept) THEN pg_notify('{TEXTS_CHANNEL}', '{CAME_IN}') END
"""  # noqa: S608  constants of ours


Waiting = tuple[NewEvent, Said | None, "asyncio.Future[None]"]


class Intake:
    """Two writers and two connections a process. Nobody is answered before the commit that holds their row."""

    def __init__(self) -> None:
        self._kept = _Writer("hooks", BATCH, _insert)
        self._obeyed = _Writer("hooks", OBEYED_AT_ONCE, _obey)

    def start(self) -> None:
        self._kept.start()
        self._obeyed.start()

    async def close(self) -> None:
        await self._kept.close()
        await self._obeyed.close()

    async def keep(self, event: NewEvent, said: Said | None = None) -> bool:
        """True once the event is durable, and obeyed if it `said` to; False if that can't be told in time."""
        if said is None:
            return await self._kept.write(event, None, PATIENCE)
        return await self._obeyed.write(event, said, PATIENCE + patience().under_way)


class StillUnderWay(Exception):
    """An opt-out is committed, but a text to that client may still begin."""


class _Writer:
    """One connection, and what came in together is written together."""

    def __init__(
        self, purpose: str, most: int, write: Callable[[Db, Sequence[Waiting]], Awaitable[None]]
    ) -> None:
        self._purpose = purpose
        self._most = most
        self._into = write
        self._waiting: list[Waiting] = []
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def write(self, event: NewEvent, said: Said | None, patience: float) -> bool:
        if len(self._waiting) >= MOST_WAITING:
            return False
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, said, done))
        self._some.set()
        try:
            await asyncio.wait_for(done, patience)
        except (TimeoutError, psycopg.Error, OSError, StillUnderWay):
            return False
        return True

    async def _run(self) -> None:
        db: Db | None = None
        try:
            while True:
                await self._some.wait()
                self._some.clear()
                while self._waiting:
                    batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                    batch = [waiting for waiting in batch if not waiting[2].done()]
                    try:
                        if db is None or db.closed:
                            db = await psycopg.AsyncConnection.connect(
                                conninfo(self._purpose), autocommit=True, connect_timeout=3
                            )
                        await self._write(db, batch)
                    except (psycopg.Error, OSError) as error:
                        log.error("webhooks not kept: %s", type(error).__name__)
                        for *_, done in batch:
                            if not done.done():
                                done.set_exception(error)
                        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and db:
                            await db.close()
                            db = None
        finally:
            if db is not None:
                await db.close()

    async def _write(self, db: Db, batch: Sequence[Waiting]) -> None:
        try:
            await self._into(db, batch)
        except StillUnderWay as late:
            for *_, done in batch:
                if not done.done():
                    done.set_exception(late)
            return
        except psycopg.DataError:
            # One row that PostgreSQL cannot hold must not take its neighbours with it.
            if len(batch) == 1:
                raise
            for one in batch:
                try:
                    await self._write(db, [one])
                except psycopg.DataError as error:
                    one[2].set_exception(error)
            return
        for *_, done in batch:
            if not done.done():
                done.set_result(None)


async def _insert(db: Db, batch: Sequence[Waiting]) -> None:
    events = [event for event, *_ in batch]
    await db.execute(
        INSERT,
        [
            [e.carrier for e in events],
            [e.kind for e in events],
            [e.key for e in events],
            [e.attempt_id for e in events],
            [e.shard for e in events],
            [e.form for e in events],
        ],
    )


async def _obey(db: Db, batch: Sequence[Waiting]) -> None:
    """Keep the events and obey them, in one transaction. Raises StillUnderWay where the lock is not to be had."""
    texts = [said for _, said, _ in batch if said is not None]
    for wait in (patience().under_way, None):
        changes = Changes()
        try:
            async with db.transaction():
                await _insert(db, batch)
                await revoking.obey(db, texts, changes, wait=wait)
                await outcomes.tell(db, changes)
        except psycopg.errors.LockNotAvailable:
            log.error("an opt-out waited for a text under way in vain")
            continue
        if wait is None:
            raise StillUnderWay
        return


class Hooks:
    """The ASGI application under /hooks/."""

    def __init__(self) -> None:
        self.intake = Intake()
        self.carriers: dict[str, Carrier] = configured()
        self.forged = 0

    def start(self) -> None:
        self.intake.start()

    async def close(self) -> None:
        await self.intake.close()
        for carrier in self.carriers.values():
            await carrier.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = await self._take(scope, receive)
        body = TWIML if status == 200 else b""
        headers = [(b"content-type", b"text/xml"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _take(self, scope: Scope, receive: Receive) -> int:
        match scope["path"].split("/")[2:]:
            case [name, "text"] if name in self.carriers:
                attempt = None
            case [name, "receipt", hexes] if name in self.carriers and _is_uuid(hexes):
                attempt = UUID(hexes)
            case _:
                return 404
        if scope["method"] != "POST":
            return 405
        body = await _read(receive)
        if body is None:
            return 413
        carrier = self.carriers[name]
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        try:
            form = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError:
            form = []
        url = settings.PUBLIC_URL + scope["path"]
        if scope["query_string"]:
            url += "?" + scope["query_string"].decode("latin-1")
        if not form or not carrier.authentic(url, headers, form):
            self.forged += 1
            log.warning("webhook refused: not signed by %s (%d so far)", name, self.forged)
            return 403
        event = _event(name, carrier, attempt, form, body)
        said = None
        if attempt is None and (text := carrier.read_text(form)) is not None:
            said = revoking.said_by(carrier, text, datetime.now(UTC))
        return 200 if await self.intake.keep(event, said) else 503


def _event(
    name: str, carrier: Carrier, attempt: UUID | None, form: list[tuple[str, str]], body: bytes
) -> NewEvent:
    kept = body.decode()
    if attempt is None:
        text = carrier.read_text(form)
        if text is not None:
            return NewEvent(name, "text", text.carrier_id, None, shard_of(text.sender, text.recipient), kept)
        kind = "text"
    else:
        receipt = carrier.read_receipt(form)
        if receipt is not None:
            key = f"{receipt.carrier_id}:{receipt.status}:{receipt.code or ''}"
            return NewEvent(name, "receipt", key, attempt, shard_of(receipt.carrier_id), kept)
        kind = "receipt"
    # Signed, but it says nothing we know: kept for a person to look at, under its own words as a key.
    return NewEvent(name, kind, sha256(body).hexdigest(), attempt, 0, kept)


async def _read(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
