"""What the simulator's page shows besides the world itself: the people to pick from, the message log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from parley.sandbox.account import ACCOUNT_SID, AUTH_TOKEN, python_example
from parley.sandbox.changes import Changes
from parley.sandbox.numbering import national
from parley.sandbox.records import Call, Message
from parley.sandbox.web import PAGE_HEADERS, Request, Response, Routes, answer, file_answer
from parley.sandbox.world import World

_PACKAGE = Path(__file__).parent
_OWN_FILES = _PACKAGE / "static"
# The design's files are read from their place in the package; nothing of that room is imported.
_DESIGN_FILES = _PACKAGE.parent / "ui" / "static" / "ui"
_DESIGN = ("tokens.css", "parley.css", "icons.svg", "mark.svg")

LOG_ROWS = 50
# A load run makes phones by the thousand; those that have a name, and the latest, are worth picking.
_PHONES = 100

_TONES = {
    "delivered": "good",
    "received": "good",
    "undelivered": "danger",
    "failed": "danger",
    "canceled": "quiet",
}
# What the log says of a failure, in a word or two.
_SHORT = {
    11200: "no picture",
    11751: "too big",
    12300: "wrong type",
    30003: "unreachable",
    30004: "blocked",
    30005: "unknown phone",
    30006: "landline",
    30007: "filtered",
    30008: "unknown error",
    30032: "not verified",
    30036: "expired",
}


def add_files(routes: Routes, page: str) -> None:
    """The page at /, the sandbox's own files and the four of the design."""
    files = {path.name: path for path in _OWN_FILES.iterdir()}
    design = {name: _DESIGN_FILES / name for name in _DESIGN}

    def serve(found: dict[str, Path]) -> Callable[..., Response]:
        def handler(request: Request, name: str) -> Response:
            path = found.get(name)
            return file_answer(path) if path else answer({"error": "no such file"}, 404)

        return handler

    routes.add("/", GET=lambda request: file_answer(_OWN_FILES / page))
    routes.add("/static/{name}", GET=serve(files))
    routes.add("/static/ui/{name}", GET=serve(design))


def file_of_ours(name: str) -> Response:
    """One of the sandbox's own pages."""
    return file_answer(_OWN_FILES / name)


def events(changes: Changes) -> Callable[[Request], Response]:
    """A handler that streams nudges."""
    headers = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
    return lambda request: Response(200, changes.stream(), b"text/event-stream", headers)


class Page:
    """What the page's script asks for."""

    def __init__(self, world: World) -> None:
        self._world = world

    def people(self, request: Request) -> Response:
        """GET /sandbox/page: phones and numbers to pick from, the account."""
        handsets = list(self._world.handsets.values())
        shown = [handset for handset in handsets if handset.name]
        shown += [handset for handset in handsets[-_PHONES:] if not handset.name]
        numbers = list(self._world.numbers.values())
        sender = numbers[0].phone_number if numbers else "+18555550142"
        recipient = shown[0].phone_number if shown else "+15035550118"
        rung = [
            one
            for one in self._world.calls.values()
            if one.status == "ringing" and one.direction != "inbound"
        ]
        names = {one.phone_number: one.name for one in handsets}
        return answer(
            {
                "ringing": [
                    {"phone_number": one.handset, "words": names.get(one.handset) or national(one.handset)}
                    for one in rung
                ],
                "handsets": [{**one.as_dict(), "national": national(one.phone_number)} for one in shown],
                "numbers": [
                    {
                        "phone_number": one.phone_number,
                        "owner": one.owner,
                        "national": national(one.phone_number),
                    }
                    for one in numbers[:_PHONES]
                ],
                "account_sid": ACCOUNT_SID,
                "auth_token": AUTH_TOKEN,
                "url": request.origin,
                "example": python_example(request.origin, sender, recipient),
            }
        )

    def log(self, request: Request) -> Response:
        """GET /sandbox/log: the newest messages and calls."""
        messages = islice(self._world.newest_first(), LOG_ROWS)
        calls = islice(reversed(self._world.calls.values()), LOG_ROWS)
        rows = [(one.order, _log_row(one)) for one in messages] + [
            (one.order, _call_row(one)) for one in calls
        ]
        rows.sort(key=lambda entry: -entry[0])
        return answer({"rows": [row for _, row in rows[:LOG_ROWS]]})

    async def picture(self, request: Request, sid: str) -> Response:
        """GET /sandbox/pictures/{sid}: as the handset shows it."""
        picture = self._world.pictures.get(sid)
        if picture is None or not picture.content_type.startswith("image/"):
            return answer({"error": "no such picture"}, 404)
        content = await asyncio.to_thread(self._world.picture_path(picture).read_bytes)
        # A picture comes from anywhere; opened by itself it must not become a page of ours.
        guarded = (*PAGE_HEADERS[1:], (b"content-security-policy", b"sandbox; default-src 'none'"))
        return Response(200, content, picture.content_type.encode("latin-1", "replace"), guarded)


def _log_row(message: Message) -> dict[str, Any]:
    pictures = len(message.pictures) or len(message.media_urls)
    failed = _SHORT.get(message.code or 0)
    return {
        "at": message.created,
        "from": message.sender,
        "to": message.recipient,
        "parts": "mms" if pictures else str(message.segments),
        "state": failed or ("network" if message.direction == "network" else message.status),
        "tone": "quiet" if message.direction == "network" else _TONES.get(message.status, "pending"),
        "words": message.body or ("Photo" if pictures == 1 else f"{pictures} photos"),
    }


def _call_row(call: Call) -> dict[str, Any]:
    heard = [words for _, what, words in call.log if what == "heard"]
    tones = {"completed": "good", "failed": "danger"}
    return {
        "at": call.created,
        "from": call.sender,
        "to": call.recipient,
        "parts": "call",
        "state": call.status,
        "tone": tones.get(call.status, "quiet") if call.is_final else "pending",
        "words": heard[-1] if heard else "",
    }
