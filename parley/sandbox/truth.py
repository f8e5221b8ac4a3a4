"""The truth log: what the carrier took, and what became of it. Parley's claims are judged by it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from parley.sandbox.exchange import Exchange
from parley.sandbox.network import Network
from parley.sandbox.records import Message
from parley.sandbox.web import BadRequest, Request, Response, answer
from parley.sandbox.world import World

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

# Rows per chunk: a row costs about 10 us, and nothing else runs meanwhile.
_CHUNK = 500


class Truth:
    """GET and DELETE /sandbox/truth"""

    def __init__(self, world: World, network: Network, exchange: Exchange) -> None:
        self._world = world
        self._network = network
        self._exchange = exchange

    def read(self, request: Request) -> Response:
        """Oldest first. `since` (seconds since 1970 or ISO), `to`, `from`, `direction`; format=jsonl streams."""
        query = request.query
        known = {"since", "to", "from", "direction", "format"}
        if unknown := sorted(set(query) - known):
            raise BadRequest(f"unknown: {', '.join(unknown)} (known: {', '.join(sorted(known))})")
        messages = self._chosen(query)
        match query.get("format", "json"):
            case "jsonl":
                return Response(200, _lines(messages), b"application/jsonl; charset=utf-8")
            case "json":
                return answer({"messages": [row(message) for message in messages]})
        raise BadRequest("format must be json or jsonl")

    def empty(self, request: Request) -> Response:
        """Forget every message and every call."""
        forgotten = len(self._world.messages) + len(self._world.calls)
        self._exchange.forget()
        self._world.forget_messages()
        self._network.forget()
        return answer({"forgotten": forgotten})

    def _chosen(self, query: dict[str, str]) -> list[Message]:
        since = moment(query["since"]) if query.get("since") else 0.0
        to, sender, direction = query.get("to"), query.get("from"), query.get("direction")
        return [
            message
            for message in self._world.messages.values()
            if message.created >= since
            and (not to or message.recipient == to)
            and (not sender or message.sender == sender)
            and (not direction or message.direction == direction)
        ]


def row(message: Message) -> dict[str, Any]:
    """One message. `form` is the create request as it came (lists: keys may repeat), null for the others."""
    return {
        "sid": message.sid,
        "direction": message.direction,
        "from": message.sender,
        "to": message.recipient,
        "body": message.body,
        "num_segments": message.segments,
        "form": parse_qs(message.form, keep_blank_values=True) if message.form else None,
        "accepted_at": message.created,
        "sent_at": message.sent,
        "ended_at": message.ended,
        "delivered_at": message.ended if message.status == "delivered" else None,
        "status": message.status,
        "error_code": message.code,
        "shown": message.shown,
        "shown_text": message.body if message.shown else None,
        "media": message.pictures,
        "deleted": message.deleted,
        "webhooks": message.calls,
    }


async def _lines(messages: list[Message]) -> AsyncGenerator[bytes]:
    for chunk in _chunks(messages):
        yield "".join(_encode(row(message)) + "\n" for message in chunk).encode("utf-8", "replace")
        await asyncio.sleep(0)


def _chunks(messages: list[Message]) -> Iterator[list[Message]]:
    for start in range(0, len(messages), _CHUNK):
        yield messages[start : start + _CHUNK]


def moment(text: str) -> float:
    """Seconds since 1970, from them or from an ISO time. Raises BadRequest."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest(f"since must be seconds since 1970 or an ISO time, not {text!r}") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
