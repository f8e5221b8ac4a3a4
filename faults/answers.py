"""Every way in which a carrier can answer: is each concluded rightly, and is nothing handed over twice?

    python faults/answers.py [--times 100]

A socket plays Twilio, byte by byte; for each way of answering so many texts go the whole road out (`sending.send`,
`messaging.delivery`) on a database of their own. Rule R4: what cannot have reached the carrier waits to be tried again,
what the carrier itself refused has failed, and all else is in doubt. `misshown` counts the wrong cells: texts whose
attempt or message is in another state than the table says, `duplicated` requests beyond one for each text, `lost` texts
without an attempt. One JSON line; exit code 1 unless all counts are 0.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, ground  # noqa: E402
from faults.judge import asked, tell  # noqa: E402
from tests.carriers.wire import (  # noqa: E402
    Request,
    Turn,
    Wire,
    hangs_up,
    playing,
    resets,
    says,
    says_nothing,
    writes_then,
)

ACCOUNT = "AC" + "0" * 31 + "3"
# Seconds: a call may take so long where nobody answers, and where somebody does; a slow answer comes well before.
SILENCE, CALL, SLOW = 2.0, 10.0, 0.5


def sid() -> str:
    return f"SM{uuid4().hex}"


def error(code: int, status: int = 400) -> dict[str, Any]:
    return {"code": code, "message": "No.", "more_info": "", "status": status}


async def takes(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
    """Accept it, as Twilio does."""
    await says(201, {"sid": sid(), "status": "queued", "num_segments": "1"})(wire, request, writer)


async def takes_slowly(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
    """Accept it; the answer's second half comes late."""
    raw = json.dumps({"sid": sid(), "status": "queued"}).encode()
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw[:20])
    await writer.drain()
    await asyncio.sleep(SLOW)
    writer.write(raw[20:])
    await writer.drain()


HALF = b'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"sid": "SM'
ENDLESS = b"HTTP/1.1 201 Created\r\nContent-Length: 99999999\r\n\r\n"
ONE_SID = sid()


@dataclass(frozen=True)
class Case:
    """A way of answering, and the states in which every text ends. `first` is the first text's, if it is another's.

    `at` says where the carrier is if not at the playing socket: at an address where nobody is, or nothing can be.
    `call` is how long (seconds) a call may take.
    """

    name: str
    turn: Turn
    attempt: str
    message: str
    at: str = ""
    first: tuple[str, str] | None = None
    call: float = CALL

    @property
    def reached(self) -> bool:
        return not self.at


NOT_SENT, REFUSED, DOUBT, TAKEN = (
    ("not_sent", "queued"),
    ("refused", "failed"),
    ("unknown", "unknown"),
    ("bound", "accepted"),
)
CASES: Sequence[Case] = [
    Case("accepted", takes, *TAKEN),
    Case("accepted, the answer comes slowly", takes_slowly, *TAKEN),
    Case("429", says(429, error(20429, 429)), *NOT_SENT),
    Case("429 with Retry-After", says(429, error(20429, 429), Retry_After="7"), *NOT_SENT),
    Case("429 from a proxy", says(429, b"slow down"), *NOT_SENT),
    Case("the carrier's queue is full", says(400, error(21611)), *NOT_SENT),
    Case("401", says(401, error(20003, 401)), *NOT_SENT),
    Case("403", says(403, error(20006, 403)), *NOT_SENT),
    Case("403 from a proxy", says(403, b"<html>no</html>"), *NOT_SENT),
    Case("a number that is none", says(400, error(21211)), *REFUSED),
    Case("opted out", says(400, error(21610)), *REFUSED),
    Case("a code of next year", says(400, error(21999)), *REFUSED),
    Case("500", says(500, error(20500, 500)), *DOUBT),
    Case("502 from a proxy", says(502, b"<html>Bad Gateway</html>"), *DOUBT),
    Case("503 with Retry-After", says(503, error(20503, 503), Retry_After="1"), *DOUBT),
    Case("404 from a proxy", says(404, b"<html>Not Found</html>"), *DOUBT),
    Case("400 that is not the carrier's", says(400, {"error": "bad request"}), *DOUBT),
    Case("a redirect", says(307, b"", Location="/elsewhere"), *DOUBT),
    Case("HTML at 200", says(200, b"<html>It works!</html>", Content_Type="text/html"), *DOUBT),
    Case("empty 201", says(201, b""), *DOUBT),
    Case("garbage", writes_then(b"220 mail.example.com ESMTP\r\n", hangs_up), *DOUBT),
    Case("a wrong sid", says(201, {"sid": "XX" + "0" * 32}), *DOUBT),
    Case("the sid of another text", says(201, {"sid": ONE_SID, "status": "queued"}), *DOUBT, first=TAKEN),
    Case("no answer in time", says_nothing, *DOUBT, call=SILENCE),
    Case("silence within the answer", writes_then(HALF, says_nothing), *DOUBT, call=SILENCE),
    Case("reset before the answer", resets, *DOUBT),
    Case("reset within the answer", writes_then(HALF, resets), *DOUBT),
    Case("hung up before the answer", hangs_up, *DOUBT),
    Case("an answer without an end", writes_then(ENDLESS + b" " * 17_000_000, hangs_up), *DOUBT),
    Case("nobody listens", takes, *NOT_SENT, at="refused"),
    Case("no such host", takes, *NOT_SENT, at="unknown"),
    Case("a certificate nobody vouches for", takes, *NOT_SENT, at="unvouched"),
    Case("plain text where TLS should be", takes, *NOT_SENT, at="plain", call=SILENCE),
]


@dataclass
class Seen:
    tried: int = 0
    lost: int = 0
    duplicated: int = 0
    misshown: int = 0
    wrong: dict[str, dict[str, int]] = field(default_factory=dict)


async def play(place: int, case: Case, house: Any, times: int, seen: Seen) -> None:
    """Let so many texts meet this carrier, once each, and compare what came of them with the table."""
    from asgiref.sync import sync_to_async

    from parley.carriers.twilio import Twilio
    from parley.messaging.delivery import Delivery
    from parley.messaging.models import Attempt, Message, Outbox
    from parley.messaging.patience import Patience
    from parley.messaging.sending import send

    def write() -> list[Any]:
        # The last case's texts wait to be tried again: that is another story.
        Outbox.objects.all().delete()
        written = []
        for n in range(times):
            client = house.client(f"C{n}", phone=f"+1503{2000000 + 10_000 * place + n}")
            written.append(send(house.owner, client, channel="sms", body=f"{case.name} {n}").pk)
        return written

    written = await sync_to_async(write)()
    async with playing(case.turn) as wire, _address(case.at, wire.url) as url:
        carrier = Twilio(ACCOUNT, "token", api_url=url, timeout=case.call)
        delivery = Delivery({"twilio": carrier}, Patience(1.0), capacity=2 * times + 4)
        running = asyncio.create_task(delivery.run())
        while await Attempt.objects.filter(message_id__in=written).acount() < len(written):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        delivery.stop()
        await running
        await carrier.close()
        requests = len(wire.requests)
    states = {
        row[0]: row[1:]
        async for row in Attempt.objects.filter(message_id__in=written).values_list(
            "message_id", "state", "message__state"
        )
    }
    ends = Counter(states.values())
    expected = Counter({(case.attempt, case.message): len(written)})
    if case.first:
        expected = Counter({case.first: 1, (case.attempt, case.message): len(written) - 1})
    shown = await Message.objects.filter(pk__in=written).acount()
    seen.tried += len(written)
    seen.lost += len(written) - min(len(states), shown)
    seen.duplicated += max(0, requests - (len(written) if case.reached else 0))
    wrong = ends - expected
    seen.misshown += wrong.total()
    if wrong or (case.reached and requests < len(written)):
        seen.wrong[case.name] = {"/".join(end): count for end, count in ends.items()} | {"requests": requests}


@asynccontextmanager
async def _address(at: str, playing_at: str) -> AsyncIterator[str]:
    """Where the carrier is to be looked for."""
    if at == "refused":
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    elif at == "unknown":
        yield "http://carrier.invalid"
    elif at == "plain":
        yield playing_at.replace("http://", "https://")
    elif at == "unvouched":
        with tempfile.TemporaryDirectory() as folder:
            server = await asyncio.start_server(_hangs_up, "127.0.0.1", 0, ssl=_own_certificate(Path(folder)))
            async with server:
                yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    else:
        yield playing_at


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


def _own_certificate(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    make += ["-keyout", str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=localhost"]
    subprocess.run(make, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def matrix(house: Any, times: int) -> Seen:
    seen = Seen()
    for place, case in enumerate(CASES):
        try:
            async with asyncio.timeout(60):
                await play(place, case, house, times, seen)
        except TimeoutError:
            raise AssertionError(f"{case.name}: texts without an attempt after a minute") from None
    return seen


def main() -> None:
    wish = asked(__doc__, times=100)
    # 33 kinds of failure, 100 times each, would be 3,300 lines.
    logging.disable(logging.ERROR)
    with ground(durable=False):
        house = a_house(10 * wish.times * len(CASES))
        began = time.monotonic()
        seen = asyncio.run(matrix(house, wish.times))
    counts = {name: getattr(seen, name) for name in ("tried", "lost", "duplicated", "misshown")}
    tell("answers", counts, began, cases=len(CASES), wrong=seen.wrong, seed=0)


if __name__ == "__main__":
    main()
