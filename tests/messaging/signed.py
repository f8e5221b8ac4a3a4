"""Webhooks as Twilio signs them, made here and not by our own checker: the official library's validator does it."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from twilio.request_validator import RequestValidator

from parley.carriers.twilio import Twilio
from tests.world import World

# A carrier that is only asked for facts; nothing is sent by it.
TWILIO = Twilio("AC" + "0" * 32, "secret")


def sid(letters: str = "SM") -> str:
    return f"{letters}{uuid4().hex}"


def text_form(world: World, sender: str, to: str, body: str, **more: Any) -> dict[str, str]:
    message = more.pop("MessageSid", None) or sid()
    return {
        "MessageSid": message,
        "SmsSid": message,
        "SmsMessageSid": message,
        "AccountSid": world.account_sid,
        "From": sender,
        "To": to,
        "Body": body,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
        "FromCity": "",
        "FromState": "OR",
    } | more


def post(
    world: World, path: str, form: dict[str, str], *, token: str | None = None, signature: str | None = None
) -> int:
    """POST a webhook and return the answer's status. Signed with the account's token unless told otherwise."""
    if signature is None:
        signature = RequestValidator(token or world.auth_token).compute_signature(world.url + path, form)
    request = urllib.request.Request(
        f"http://127.0.0.1:{world.port}{path}",
        urlencode(form).encode(),
        {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
