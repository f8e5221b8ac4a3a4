"""A push service: browsers' subscriptions, and what is pushed to them, still encrypted.

It reads a push as RFC 8030 (Web Push), RFC 8291 (aes128gcm) and RFC 8292 (VAPID) want it, and says no as strictly as
the strictest of the real ones. Nothing is kept longer than the process lives.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from parley.sandbox.control import Missing
from parley.sandbox.web import BadRequest, Request, Response, answer

# RFC 8030, 7.2: a push service may not refuse a body up to this size; the real ones refuse what is larger.
BODY_LIMIT = 4096
# RFC 8188, 2.1: salt, record size, length of the key id; and RFC 8291, 4: the key id is a P-256 point.
_HEADER, _POINT = 16 + 4 + 1, 65
# RFC 8292, 2: a token may not be good for longer.
_LONGEST = 24 * 60 * 60
_URGENCIES = (b"very-low", b"low", b"normal", b"high")
_TOPIC = re.compile(rb"[A-Za-z0-9_-]{1,32}")
KEPT = 100


class Refused(Exception):
    """What is wrong with a push."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(slots=True)
class Subscription:
    """One browser. `key`: the only one whose pushes it takes. `answers`: what the next pushes get instead of 201."""

    id: str
    key: str
    dead: bool = False
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    pushes: list[dict[str, Any]] = field(default_factory=list)


class PushService:
    """The handlers."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, Subscription] = {}

    def subscribe(self, request: Request) -> Response:
        """POST /sandbox/push {key?}: what a browser does for PushManager.subscribe(). Answers the endpoint."""
        key = request.json().get("key", "")
        if not isinstance(key, str):
            raise BadRequest("key must be the applicationServerKey, base64url")
        subscription = Subscription(secrets.token_urlsafe(16), key.rstrip("="))
        self._subscriptions[subscription.id] = subscription
        return answer({"id": subscription.id, "endpoint": f"{request.origin}/push/{subscription.id}"}, 201)

    def read(self, request: Request, id: str) -> Response:
        """GET /sandbox/push/{id}: what would be delivered to that browser, the latest last."""
        return answer({"pushes": self._found(id).pushes})

    def change(self, request: Request, id: str) -> Response:
        """PUT /sandbox/push/{id} {answers, headers?}: the next pushes are answered with these statuses, one each."""
        subscription, wishes = self._found(id), request.json()
        answers = wishes.get("answers", [])
        if not isinstance(answers, list) or not all(
            isinstance(one, int) and 200 <= one < 600 for one in answers
        ):
            raise BadRequest("answers must be a list of HTTP statuses")
        headers = wishes.get("headers", {})
        if not isinstance(headers, dict) or not all(isinstance(one, str) for one in headers.values()):
            raise BadRequest("headers must be an object of text")
        subscription.answers, subscription.headers = answers, headers
        return answer({})

    def end(self, request: Request, id: str) -> Response:
        """DELETE /sandbox/push/{id}: the browser is gone; pushes to it are answered 410."""
        self._found(id).dead = True
        return answer({})

    def push(self, request: Request, id: str) -> Response:
        """POST /push/{id}: a push from an application server."""
        subscription = self._subscriptions.get(id)
        if subscription is None:
            return answer({"error": "no such subscription"}, 404)
        if subscription.dead:
            return answer({"error": "the subscription has ended"}, 410)
        if subscription.answers:
            status = subscription.answers.pop(0)
            headers = tuple((k.lower().encode(), v.encode()) for k, v in subscription.headers.items())
            return answer({"error": "as was asked for"}, status, headers)
        try:
            push = _read(request, subscription)
        except Refused as refused:
            return answer({"error": str(refused)}, refused.status)
        if push["topic"]:
            # RFC 8030, 5.4: it takes the place of the one before it that was not delivered.
            subscription.pushes = [one for one in subscription.pushes if one["topic"] != push["topic"]]
        subscription.pushes = [*subscription.pushes, push][-KEPT:]
        location = f"{request.origin}/push/{id}/{secrets.token_urlsafe(9)}".encode()
        return answer({}, 201, ((b"location", location),))

    def _found(self, id: str) -> Subscription:
        try:
            return self._subscriptions[id]
        except KeyError:
            raise Missing("no such subscription") from None


def _read(request: Request, subscription: Subscription) -> dict[str, Any]:
    ttl = request.header(b"ttl") or b""
    if not ttl.isdigit():
        raise Refused(400, "a push needs a TTL header, in seconds")
    urgency = request.header(b"urgency") or b"normal"
    if urgency not in _URGENCIES:
        raise Refused(400, "Urgency must be very-low, low, normal or high")
    topic = request.header(b"topic") or b""
    if topic and not _TOPIC.fullmatch(topic):
        raise Refused(400, "a Topic has at most 32 characters of the base64url alphabet")
    _check_sender(request, subscription)
    if len(request.body) > BODY_LIMIT:
        raise Refused(413, f"at most {BODY_LIMIT} bytes")
    if request.header(b"content-encoding") != b"aes128gcm":
        raise Refused(400, "Content-Encoding must be aes128gcm")
    # A record has its delimiter and its tag, 17 bytes, at the least.
    if len(request.body) < _HEADER + _POINT + 17 or request.body[20] != _POINT or request.body[21] != 4:
        raise Refused(400, "the body is no aes128gcm with a P-256 key in its header")
    return {
        "body": base64.b64encode(request.body).decode(),
        "ttl": int(ttl),
        "urgency": urgency.decode(),
        "topic": topic.decode(),
        "at": time.time(),
    }


def _check_sender(request: Request, subscription: Subscription) -> None:
    """The VAPID header. 401 if there is none, 403 if it proves nothing."""
    scheme, _, given = (request.header(b"authorization") or b"").decode("latin-1").partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in given.split(","))
    if scheme.lower() != "vapid" or not parts.get("t") or not parts.get("k"):
        raise Refused(401, "a push needs Authorization: vapid t=…, k=…")
    if subscription.key and parts["k"].rstrip("=") != subscription.key:
        raise Refused(403, "the browser subscribed with another key")
    try:
        signed, _, signature = parts["t"].rpartition(".")
        header, claims = (json.loads(_base64url(part)) for part in signed.split("."))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _base64url(parts["k"]))
        both = _base64url(signature)
        halves = int.from_bytes(both[:32], "big"), int.from_bytes(both[32:], "big")
        if len(both) != 64 or header.get("alg") != "ES256":
            raise Refused(403, "the token is not signed with ES256")
        key.verify(encode_dss_signature(*halves), signed.encode(), ec.ECDSA(SHA256()))
        expires, audience, subject = claims.get("exp"), claims.get("aud"), claims.get("sub", "")
    except (ValueError, AttributeError, InvalidSignature):
        raise Refused(403, "the token cannot be read, or its signature is wrong") from None
    if audience != request.origin:
        raise Refused(403, f"the token is for another audience than {request.origin}")
    now = time.time()
    if not isinstance(expires, int | float) or not now < expires <= now + _LONGEST + 60:
        raise Refused(403, "the token has expired, or is good for more than a day")
    if not str(subject).startswith(("mailto:", "https://")):
        raise Refused(403, "the token names nobody to write to")


def _base64url(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError from error
