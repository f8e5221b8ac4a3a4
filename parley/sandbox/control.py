"""The sandbox's own doors, /sandbox/…: weather, world, truth, handsets, the verification desk, health."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from parley.sandbox import setup
from parley.sandbox.changes import Changes
from parley.sandbox.desk import Desk
from parley.sandbox.handsets import Handsets
from parley.sandbox.media import KINDS, SIZE_LIMIT
from parley.sandbox.network import Network
from parley.sandbox.rest_messages import BODY_LIMIT
from parley.sandbox.weather import Sky
from parley.sandbox.web import BadRequest, Request, Response, answer
from parley.sandbox.webhooks import Webhooks
from parley.sandbox.world import World


class Missing(Exception):
    """No such thing here; answered 404."""


class Control:
    """The handlers. What they cannot read is a 400 that says so."""

    def __init__(
        self,
        world: World,
        sky: Sky,
        network: Network,
        webhooks: Webhooks,
        desk: Desk,
        handsets: Handsets,
        changes: Changes,
    ) -> None:
        self._world = world
        self._changes = changes
        self._sky = sky
        self._network = network
        self._webhooks = webhooks
        self._desk = desk
        self._handsets = handsets

    def health(self, request: Request) -> Response:
        """GET /sandbox/health"""
        counts = self._world.counts
        return answer(
            {
                "status": "ok",
                "messages": len(self._world.messages),
                "accepted": counts["outbound-api"],
                "received": counts["inbound"],
                "delivered": counts["delivered"],
                "undelivered": counts["undelivered"],
                "failed": counts["failed"],
                "canceled": counts["canceled"],
                "under_way": sum(counts[direction] for direction in ("outbound-api", "network", "inbound"))
                - sum(
                    counts[status]
                    for status in ("delivered", "undelivered", "failed", "canceled", "received")
                ),
                "webhooks": {**self._webhooks.counts, "waiting": self._webhooks.waiting},
            }
        )

    def read_weather(self, request: Request) -> Response:
        """GET /sandbox/weather"""
        return answer(self._sky.as_dict())

    def change_weather(self, request: Request) -> Response:
        """PUT /sandbox/weather: the keys given; the others stay."""
        self._sky.change(request.json())
        self._changes.tell("weather")
        return answer(self._sky.as_dict())

    def clear_weather(self, request: Request) -> Response:
        """DELETE /sandbox/weather: as it was at start."""
        self._sky.clear()
        self._changes.tell("weather")
        return answer(self._sky.as_dict())

    def read_world(self, request: Request) -> Response:
        """GET /sandbox/world"""
        return answer(setup.as_dict(self._world))

    def change_world(self, request: Request) -> Response:
        """PUT /sandbox/world"""
        setup.set_up(self._world, self._network, request.json())
        return answer(setup.as_dict(self._world))

    def new_handset(self, request: Request) -> Response:
        """POST /sandbox/handsets: a phone whose number nobody has yet."""
        return answer(self._handsets.new().as_dict(), 201)

    def read_handset(self, request: Request, number: str) -> Response:
        """GET /sandbox/handsets/{number}?with={our number}: what is on its screen."""
        ours = request.query.get("with")
        return answer(
            self._handsets.screen(
                setup.phone_number(number), setup.phone_number(ours, "with") if ours else None
            )
        )

    def text(self, request: Request, number: str) -> Response:
        """POST /sandbox/handsets/{number}/texts {to, body, media?}: the client texts us. Answers the sid."""
        wishes = request.json()
        if unknown := sorted(set(wishes) - {"to", "body", "media"}):
            raise BadRequest(f"unknown: {', '.join(unknown)} (known: body, media, to)")
        ours = self._world.numbers.get(setup.phone_number(wishes.get("to"), "to"))
        if ours is None:
            raise Missing("nobody has that number; PUT /sandbox/world makes one")
        body = wishes.get("body", "")
        if not isinstance(body, str) or len(body) > BODY_LIMIT:
            raise BadRequest(f"body must be text of at most {BODY_LIMIT} characters")
        pictures = _pictures(wishes.get("media", []))
        if not body and not pictures:
            raise BadRequest("there is nothing to send: give body or media")
        message = self._network.text(setup.phone_number(number), ours, body, pictures)
        return answer({"sid": message.sid}, 201)

    def read_desk(self, request: Request) -> Response:
        """GET /sandbox/verifications"""
        return answer(self._desk.as_dict())

    def judge(self, request: Request, sid: str, verdict: str) -> Response:
        """POST /sandbox/verifications/{sid}/approve|reject|take-back {reason?, edit_seconds?}"""
        wishes = request.json()
        if unknown := sorted(set(wishes) - {"reason", "edit_seconds"}):
            raise BadRequest(f"unknown: {', '.join(unknown)} (known: reason, edit_seconds)")
        verification = self._world.verifications.get(sid)
        if verification is None:
            raise Missing("no such verification")
        if verdict == "approve":
            self._desk.approve(verification)
        elif verdict == "reject":
            self._desk.reject(verification, wishes.get("reason"), wishes.get("edit_seconds"))
        elif verdict == "take-back":
            self._desk.take_back(verification)
        else:
            raise Missing("approve, reject or take-back")
        return answer(verification.as_dict())


def _pictures(entries: Any) -> list[tuple[str, bytes]]:
    """Media of a text: "sample" for the photo that comes with the sandbox, or {content_type, base64}."""
    if not isinstance(entries, list):
        raise BadRequest("media must be a list")
    pictures: list[tuple[str, bytes]] = []
    for entry in entries:
        if entry == "sample":
            pictures.append(Handsets.sample_photo())
            continue
        try:
            content_type, content = entry["content_type"], base64.b64decode(entry["base64"], validate=True)
        except (TypeError, KeyError, binascii.Error) as error:
            raise BadRequest('each of media must be "sample" or {"content_type": …, "base64": …}') from error
        if not isinstance(content_type, str) or not content_type.startswith(KINDS):
            raise BadRequest(f"content_type must start with one of {', '.join(KINDS)}")
        pictures.append((content_type, content))
    if sum(len(content) for _, content in pictures) > SIZE_LIMIT:
        raise BadRequest(f"media may have {SIZE_LIMIT} bytes together")
    return pictures
