"""A real sandbox process, a real receiver of webhooks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import pytest
import requests
from twilio.request_validator import RequestValidator

from parley.sandbox.account import ACCOUNT_SID, AUTH_TOKEN
from tests.waiting import SECONDS

ROOT = Path(__file__).resolve().parents[2]
DEADLINE = SECONDS

OURS = "+18555550142"
LOCAL = "+15035550190"
MAYA = "+15035550118"
LANDLINE = "+15035550119"

Value = TypeVar("Value")


def wait_for(what: Callable[[], Value | None], seconds: float = DEADLINE) -> Value:
    """Ask until the answer is true; the value, or a failure after the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = what()
        if value:
            return value
        threading.Event().wait(0.02)
    raise AssertionError("it did not happen in time")


class Sandbox:
    """The process, and how to speak to it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.start()

    def start(self, **environment: str) -> None:
        """Start it; returns when it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "parley.sandbox"],
            cwd=ROOT,
            env={
                **os.environ,
                "PARLEY_SANDBOX_PORT": "0",
                "PARLEY_MAILBOX_PORT": "0",
                "PARLEY_SMTP_PORT": "0",
                "PARLEY_BIND": "127.0.0.1",
                "PARLEY_DATA": str(self.data),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout
        self.ports = json.loads(self.process.stdout.readline())
        self.url = self.ports["sandbox"]
        self.account = f"{self.url}/2010-04-01/Accounts/{ACCOUNT_SID}"
        self.http = requests.Session()
        self.http.trust_env = False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it; its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(timeout=20)
        assert self.process.stdout
        self.process.stdout.close()
        self.http.close()
        return code

    def rest(self, method: str, path: str, data: Any = None, **more: Any) -> requests.Response:
        """A request of the account. `path` is under the account unless it starts with /."""
        url = self.url + path if path.startswith("/") else f"{self.account}/{path}"
        return self.http.request(
            method, url, data=data, auth=(ACCOUNT_SID, AUTH_TOKEN), timeout=DEADLINE, **more
        )

    def send(self, to: str = MAYA, body: str = "Hello", sender: str = OURS, **more: Any) -> requests.Response:
        """Create a message."""
        return self.rest("POST", "Messages.json", {"To": to, "From": sender, "Body": body, **more})

    def own(self, method: str, path: str, value: Any = None) -> requests.Response:
        """A request to the sandbox's own doors."""
        return self.http.request(method, f"{self.url}/sandbox/{path}", json=value, timeout=DEADLINE)

    def weather(self, **wishes: Any) -> None:
        answer = self.own("PUT", "weather", wishes)
        assert answer.status_code == 200, answer.text

    def truth(self, **query: str) -> list[dict[str, Any]]:
        answer = self.http.get(f"{self.url}/sandbox/truth", params=query, timeout=DEADLINE)
        rows: list[dict[str, Any]] = answer.json()["messages"]
        return rows

    def row(self, sid: str) -> dict[str, Any]:
        """The truth about one message."""
        return next(row for row in self.truth() if row["sid"] == sid)

    def ended(self, sid: str) -> dict[str, Any]:
        """…once nothing more can happen to it."""
        return wait_for(lambda: row if (row := self.row(sid))["ended_at"] else None)

    def text(self, body: str, to: str = OURS, handset: str = MAYA, **more: Any) -> str:
        """A client texts us; the sid."""
        answer = self.own("POST", f"handsets/{handset}/texts", {"to": to, "body": body, **more})
        assert answer.status_code == 201, answer.text
        sid: str = answer.json()["sid"]
        return sid

    def screen(self, handset: str = MAYA, ours: str = OURS) -> list[str]:
        """What the handset shows, oldest first."""
        answer = self.http.get(
            f"{self.url}/sandbox/handsets/{handset}", params={"with": ours}, timeout=DEADLINE
        )
        return [text["body"] for text in answer.json()["texts"]]

    def reset(self, sms_url: str = "") -> None:
        """Fine weather, no messages, the usual people."""
        self.own("DELETE", "weather")
        self.own("DELETE", "truth")
        for block in self.own("GET", "world").json()["blocked"]:
            if block["from"] in (OURS, LOCAL):
                self.text("START", to=block["from"], handset=block["to"])
        self.own("DELETE", "truth")
        number = {"verified": True, "pace": 0, "sms_url": sms_url, "sms_fallback_url": ""}
        answer = self.own(
            "PUT",
            "world",
            {
                "numbers": [
                    {"phone_number": OURS, "owner": "Juniper Hair Studio", **number},
                    {"phone_number": LOCAL, "owner": "Juniper by the river", **number},
                ],
                "handsets": [
                    {"phone_number": MAYA, "name": "Maya Okafor", "line_type": "mobile"},
                    {"phone_number": LANDLINE, "name": "The old phone", "line_type": "landline"},
                ],
            },
        )
        assert answer.status_code == 200, answer.text
        self.weather(delivery_seconds=[0, 0])


@pytest.fixture(scope="session")
def _sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    sandbox.stop()


@pytest.fixture
def sandbox(_sandbox: Sandbox) -> Sandbox:
    """One process for all tests; each finds it fresh."""
    _sandbox.reset()
    return _sandbox


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A process that a test may kill."""
    sandbox = Sandbox(tmp_path)
    sandbox.reset()
    yield sandbox
    if sandbox.process.poll() is None:
        sandbox.stop()


@dataclass
class Call:
    """One webhook as it came."""

    path: str
    form: dict[str, str]
    headers: dict[str, str]
    signed: bool


class Receiver:
    """Takes webhooks. `answers` are statuses for the first calls (0: close without an answer), then 204.

    `says` are the bodies of paths: those are answered 200.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[int] = []
        self.says: dict[str, str] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet for head and body: two of them wait 40 ms for each other.
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = dict(parse_qsl(body, keep_blank_values=True))
                url = receiver.url + self.path
                signed = RequestValidator(AUTH_TOKEN).validate(url, form, self.headers["X-Twilio-Signature"])
                receiver.calls.append(Call(self.path, form, dict(self.headers), signed))
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status == 0:
                    self.close_connection = True
                    return
                said = receiver.says.get(self.path, "").encode()
                self.send_response(200 if said and status == 204 else status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def of(self, sid: str) -> list[Call]:
        """The calls about one message."""
        return [call for call in self.calls if call.form.get("MessageSid") == sid]

    def at(self, path: str) -> list[Call]:
        """The calls of one path."""
        return [call for call in self.calls if call.path == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()
