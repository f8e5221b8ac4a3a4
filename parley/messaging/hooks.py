"""Carriers' webhooks: signature checked, one row kept under a permanent unique key, then 200. Nothing else.

Everything that can go wrong with what a webhook says goes wrong later, in `receiving`, where it can be tried again.
Requests that arrive together share one commit ("group commit"): measured 25 times more webhooks a second than a
Django view with a commit each. Who the carriers are comes from the settings, so that nothing here needs the database:
while it is away, `intake` keeps what comes in a journal.

One thing cannot be later: a text by which somebody opts out is obeyed in the transaction that keeps it, so that from
the 200 on nothing is sent to them (rule R6). These wait for what is under way, so they have a line of their own.

    200   the row is committed, or was there before, or is in the journal; an opt-out is obeyed
    403   not signed by the carrier: counted, nothing kept
    404   no such carrier here
    413   larger than any webhook
    503   neither the database nor the journal could hold it in time, or a text to somebody who opts out may still
          begin: the carrier tries again
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from parley.carriers.base import Carrier, Received
from parley.carriers.directory import configured
from parley.carriers.form import pairs
from parley.live.events import Receive, Scope, Send
from parley.messaging import revoking
from parley.messaging.events import NewEvent, shard_of
from parley.messaging.intake import Intake
from parley.pulse import tallies

log = logging.getLogger(__name__)

MOST_BODY = 1024 * 1024
TWIML = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'


class Hooks:
    """The ASGI application under /hooks/."""

    def __init__(self) -> None:
        self.carriers: dict[str, Carrier] = configured()
        self.intake = Intake(self.carriers)
        self.forged = 0

    def start(self) -> None:
        self.intake.start()

    async def close(self) -> None:
        await self.intake.close()
        for carrier in self.carriers.values():
            await carrier.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status = await self._take(scope, receive)
        tallies.count("webhooks", str(status))
        if status in (200, 503):
            tallies.took("webhook_seconds", time.perf_counter() - began)
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
            kept = body.decode()
            form = pairs(kept)
        except ValueError:
            form = []
        url = settings.PUBLIC_URL + scope["path"]
        if scope["query_string"]:
            url += "?" + scope["query_string"].decode("latin-1")
        if not form or not carrier.authentic(url, headers, form):
            self.forged += 1
            log.warning("webhook refused: not signed by %s (%d so far)", name, self.forged)
            return 403
        said = None
        if attempt is not None:
            event = _receipt(name, carrier, attempt, form, kept)
        else:
            text = carrier.read_text(form)
            event = _text(name, text, kept)
            if text is not None:
                said = revoking.said_by(carrier, text, datetime.now(UTC))
        return 200 if await self.intake.keep(event, said) else 503


def _text(name: str, text: Received | None, kept: str) -> NewEvent:
    if text is None:
        return _unknown(name, "text", None, kept)
    return NewEvent(name, "text", text.carrier_id, None, shard_of(text.sender, text.recipient), kept)


def _receipt(name: str, carrier: Carrier, attempt: UUID, form: list[tuple[str, str]], kept: str) -> NewEvent:
    receipt = carrier.read_receipt(form)
    if receipt is None:
        return _unknown(name, "receipt", attempt, kept)
    key = f"{receipt.carrier_id}:{receipt.status}:{receipt.code or ''}"
    return NewEvent(name, "receipt", key, attempt, shard_of(receipt.carrier_id), kept)


def _unknown(name: str, kind: str, attempt: UUID | None, kept: str) -> NewEvent:
    """Signed, but it says nothing we know: kept for a person to look at, under its own words as a key."""
    return NewEvent(name, kind, sha256(kept.encode()).hexdigest(), attempt, 0, kept)


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
