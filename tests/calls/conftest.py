"""A business that takes calls, and a carrier's requests about them, signed as Twilio signs them."""

from __future__ import annotations

import io
import json
import math
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from django.test import Client as Browser
from twilio.request_validator import RequestValidator

from parley.calls.answering import install
from parley.calls.models import Answerer, Call, CallRules
from tests.people import House

TOKEN = "a-token-of-the-carrier"
ACCOUNT = "AC" + "a" * 32
MAYA = "+15035550118"
NORA_S, JULES_S = "+15035550190", "+15035550191"


# One for all: each new one would load every middleware anew.
CARRIER = Browser()


@dataclass
class Answer:
    """A script, as the carrier reads it."""

    status: int
    body: bytes

    @property
    def verbs(self) -> list[str]:
        return [verb.tag for verb in self.root]

    @property
    def root(self) -> ET.Element:
        return ET.fromstring(self.body)

    @property
    def said(self) -> str:
        return " ".join(said.text or "" for said in self.root.iter("Say"))

    def of(self, verb: str, name: str) -> str:
        return next(self.root.iter(verb)).attrib[name]

    @property
    def phones(self) -> list[str]:
        return [number.text or "" for number in self.root.iter("Number")]

    def asks(self, place: int = 0) -> str:
        return list(self.root.iter("Number"))[place].attrib["url"]

    def tells(self, place: int = 0) -> str:
        return list(self.root.iter("Number"))[place].attrib["statusCallback"]


@dataclass
class Line:
    """One call at the carrier, and what it asks and tells of it."""

    base: str
    to: str
    caller: str = MAYA
    sid: str = field(default_factory=lambda: f"CA{uuid4().hex}")

    def form(self, status: str, **more: str) -> dict[str, str]:
        return {
            "AccountSid": ACCOUNT,
            "ApiVersion": "2010-04-01",
            "CallSid": self.sid,
            "CallStatus": status,
            "Direction": "inbound",
            "From": self.caller,
            "To": self.to,
        } | more

    def rings(self) -> Answer:
        return self.post("/voice/twilio/call", "ringing")

    def hangs_up(self) -> Answer:
        return self.post("/voice/twilio/ended", "completed", CallDuration="40")

    def leg(self, place: int = 1) -> str:
        return f"CA{place:02}{self.sid[4:]}"

    def post(self, url: str, status: str, *, token: str = TOKEN, **more: str) -> Answer:
        path = url.removeprefix(self.base)
        form = self.form(status, **more)
        signature = RequestValidator(token).compute_signature(self.base + path, form)
        told = CARRIER.post(
            path,
            urlencode(form),
            content_type="application/x-www-form-urlencoded",
            headers={"X-Twilio-Signature": signature},
        )
        return Answer(told.status_code, told.content)


def sound(seconds: float = 3, rate: int = 8000) -> bytes:
    """A voicemail: a tone that swells, as the carrier's WAVs are."""
    count = round(seconds * rate)
    tone = (int(12000 * n / count * math.sin(n / 5)) for n in range(count))
    kept = io.BytesIO()
    with wave.open(kept, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(b"".join(struct.pack("<h", each) for each in tone))
    return kept.getvalue()


@pytest.fixture(autouse=True)
def _carrier(settings: Any) -> None:
    settings.TWILIO = {"account_sid": ACCOUNT, "auth_token": TOKEN, "api_url": "http://127.0.0.1:9"}


@pytest.fixture
def house(juniper: House) -> House:
    """Juniper takes calls: Nora's phone rings first, then Jules's."""
    return with_calls(juniper)


def with_calls(house: House, **rules: Any) -> House:
    house.business.mode = "calls"
    house.business.save(update_fields=["mode"])
    install(house.business)
    CallRules.objects.filter(business=house.business).update(**rules)
    for place, (member, phone) in enumerate([(house.owner, NORA_S), (house.staff, JULES_S)]):
        member.phone = phone
        member.save(update_fields=["phone"])
        Answerer.objects.get_or_create(business=house.business, member=member, defaults={"place": place})
    return house


@pytest.fixture
def line(house: House, settings: Any) -> Line:
    return Line(settings.PUBLIC_URL, house.number.number)


def the_call() -> Call:
    return Call.objects.select_related("message__conversation__client", "member").get()


class Shelf:
    """The carrier's own address: what it answers to which request, and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, bytes, str]] = {}
        self.asked: list[tuple[str, str]] = []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                path = self.path.split("?")[0].partition(f"/Accounts/{ACCOUNT}")[2]
                shelf.asked.append((self.command, path))
                assert self.headers["Authorization"].startswith("Basic ")
                unknown = (404, b'{"code": 20404, "message": "no"}', "application/json")
                status, body, kind = shelf.answers.get((self.command, path), unknown)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = _any

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def says(self, method: str, path: str, answer: Any, status: int = 200) -> None:
        if isinstance(answer, bytes):
            self.answers[method, path] = (status, answer, "audio/x-wav")
        else:
            body = b"" if status == 204 else json.dumps(answer).encode()
            self.answers[method, path] = (status, body, "application/json")

    def refuses(self, method: str, path: str, code: int, words: str = "no", status: int = 400) -> None:
        self.says(method, path, {"code": code, "message": words, "status": status}, status)


@pytest.fixture
def shelf(settings: Any) -> Iterator[Shelf]:
    shelf = Shelf()
    settings.TWILIO = {"account_sid": ACCOUNT, "auth_token": TOKEN} | dict.fromkeys(
        ("api_url", "messaging_url", "lookups_url"), shelf.url
    )
    yield shelf
    shelf.server.shutdown()
    shelf.server.server_close()
