"""How many messages a second does the sandbox accept on one core? Prints one JSON line.

    python bench/sandbox_accept.py [--messages 20000] [--connections 32] [--callbacks]

Starts a sandbox of its own (port 0, a scratch folder) on one core, sends create-message requests from
another, and afterwards holds every accepted sid and body against the truth log, streamed. `--callbacks` also
gives each message a StatusCallback to a receiver here, counts what comes and checks order and signature. A
rate is printed only if all agree.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from ground import ROOT, cpu_seconds, machine

from parley.sandbox.account import ACCOUNT_SID, AUTH_TOKEN
from parley.sandbox.webhooks import signature

SENDER = "+18555550142"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--callbacks", action="store_true")
    measure(parser.parse_args())


def measure(wish: argparse.Namespace) -> None:
    cores = sorted(os.sched_getaffinity(0))
    # Before this process is bound to one of them.
    where = machine()
    with tempfile.TemporaryDirectory(prefix="sandbox-accept-") as folder:
        environment = {
            **os.environ,
            "PARLEY_SANDBOX_PORT": "0",
            "PARLEY_MAILBOX_PORT": "0",
            "PARLEY_SMTP_PORT": "0",
            "PARLEY_DATA": folder,
            "PARLEY_BIND": "127.0.0.1",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "parley.sandbox"], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        try:
            assert process.stdout
            port = json.loads(process.stdout.readline())["port"]
            os.sched_setaffinity(process.pid, {cores[0]})
            os.sched_setaffinity(0, {cores[-1]})
            print(json.dumps(asyncio.run(load(wish, port, process.pid, where))))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=10)


async def load(wish: argparse.Namespace, port: int, pid: int, where: Mapping[str, Any]) -> dict[str, object]:
    base = f"http://127.0.0.1:{port}"
    put(f"{base}/sandbox/world", {"numbers": [{"phone_number": SENDER, "verified": True, "pace": 0}]})
    put(f"{base}/sandbox/weather", {"delivery_seconds": [0.2, 1.0]})
    receiver = Receiver()
    server = await asyncio.get_running_loop().create_server(
        lambda: ReceiverConnection(receiver), "127.0.0.1", 0
    )
    callback = (
        f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/status?secret=1" if wish.callbacks else ""
    )
    receiver.url = callback
    requests = iter([request(index, callback) for index in range(wish.messages)])
    answers: list[bytes] = []
    before, started = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(Sender.run(port, requests, answers) for _ in range(wish.connections)))
    seconds = time.perf_counter() - started
    busy = cpu_seconds(pid) - before

    accepted = {}
    for raw in answers:
        head, _, body = raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 201 "), raw[:300]
        message = json.loads(body)
        assert message["status"] == "queued", message
        accepted[message["sid"]] = (message["to"], message["body"])
    assert len(accepted) == wish.messages, "two answers named the same sid, or one is missing"

    expected = 2 * wish.messages if wish.callbacks else 0
    async with asyncio.timeout(120):
        while await asyncio.to_thread(health, base) < wish.messages or receiver.total < expected:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    finished = time.perf_counter() - started
    truth = await asyncio.to_thread(read_truth, base)
    assert truth == accepted, "the truth log and the answers differ"
    result: dict[str, object] = {
        "bench": "sandbox_accept",
        "accepted_per_second": round(wish.messages / seconds),
        "messages": wish.messages,
        "connections": wish.connections,
        "seconds": round(seconds, 2),
        "sandbox_core_busy": round(busy / seconds, 2),
        "accepted_per_core_second": round(wish.messages / busy),
        "verified_rows": len(truth),
    }
    if wish.callbacks:
        assert (receiver.total, receiver.forged) == (expected, 0)
        assert all(states == ["sent", "delivered"] for states in receiver.states.values()), "out of order"
        result["callbacks"] = expected
        result["callbacks_per_second"] = round(expected / finished)
    server.close()
    return {**result, "machine": where}


def request(index: int, callback: str) -> bytes:
    """One create-message request. Each has a recipient and a body of its own."""
    recipient = f"+1{(212, 415, 503, 604)[index % 4]}{2000000 + index // 4}"
    body = f"Your visit is at 2:45 PM. No. {index}"
    form = f"To={quote_plus(recipient)}&From={quote_plus(SENDER)}&Body={quote_plus(body)}"
    if callback:
        form += f"&StatusCallback={quote_plus(callback)}"
    login = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    return (
        f"POST /2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json HTTP/1.1\r\nHost: sandbox\r\n"
        f"Authorization: Basic {login}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\n\r\n{form}"
    ).encode()


class Sender(asyncio.Protocol):
    """One connection: a request, its answer, the next. A client library would cost more than the server."""

    def __init__(self, requests, answers: list[bytes]) -> None:
        self.requests, self.answers = requests, answers
        self.received = b""
        self.over = asyncio.get_running_loop().create_future()

    @classmethod
    async def run(cls, port: int, requests, answers: list[bytes]) -> None:
        _, sender = await asyncio.get_running_loop().create_connection(
            lambda: cls(requests, answers), "127.0.0.1", port
        )
        await sender.over

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.next()

    def next(self) -> None:
        following = next(self.requests, None)
        if following is None:
            self.over.set_result(None)
            self.transport.close()
        else:
            self.transport.write(following)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if found and len(body) >= length_of(head):
            self.answers.append(self.received)
            self.received = b""
            self.next()

    def connection_lost(self, error) -> None:
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("the sandbox closed the connection"))


def length_of(head: bytes) -> int:
    lowered = head.lower()
    start = lowered.index(b"content-length:") + 15
    end = lowered.find(b"\r\n", start)
    return int(lowered[start : None if end < 0 else end])


class Receiver:
    def __init__(self) -> None:
        self.url = ""
        self.total = 0
        self.forged = 0
        self.states: dict[str, list[str]] = {}


class ReceiverConnection(asyncio.Protocol):
    """Answers status callbacks, and checks each signature."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.received = b""

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            head, found, rest = self.received.partition(b"\r\n\r\n")
            if not found or len(rest) < (length := length_of(head)):
                return
            self.received = rest[length:]
            form = parse_qsl(rest[:length].decode(), keep_blank_values=True)
            named = dict(form)
            signed = signature(AUTH_TOKEN, self.receiver.url, form).encode()
            if b"\r\nx-twilio-signature: " + signed.lower() not in head.lower():
                self.receiver.forged += 1
            self.receiver.total += 1
            self.receiver.states.setdefault(named["MessageSid"], []).append(named["MessageStatus"])
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def put(url: str, value: object) -> None:
    request = urllib.request.Request(url, json.dumps(value).encode(), method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


def health(base: str) -> int:
    with urllib.request.urlopen(f"{base}/sandbox/health", timeout=10) as answer:
        return json.load(answer)["delivered"]


def read_truth(base: str) -> dict[str, tuple[str, str]]:
    rows: dict[str, tuple[str, str]] = {}
    seen: Counter[str] = Counter()
    with urllib.request.urlopen(f"{base}/sandbox/truth?format=jsonl", timeout=60) as lines:
        for line in lines:
            row = json.loads(line)
            assert (row["status"], row["shown"]) == ("delivered", 1), row
            rows[row["sid"]] = (row["to"], row["body"])
            seen[row["sid"]] += 1
    assert not seen or max(seen.values()) == 1
    return rows


if __name__ == "__main__":
    main()
