"""Sending: for everything the carrier may do, what we sent, how often, and what we concluded (rule R4)."""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from parley.carriers.base import Accepted, Doubt, NotSent, Outgoing, Paused, Refused, SendError
from parley.carriers.twilio import Twilio
from parley.carriers.twilio.words import REASONS
from tests.carriers.wire import (
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
TOKEN = "the-auth-token"
SID = "SM" + "0" * 31 + "4"
TEXT = Outgoing(
    attempt_id="0192f1c0",
    sender="+18885550100",
    recipient="+15035550118",
    body="Olá “Ana” & co — 100% é isso? 👍",
    status_callback="https://parley.example.com/hooks/twilio/t0k/r/0192f1c0?a=1&b=2",
)


def message(**changes: Any) -> dict[str, Any]:
    """A message resource as Twilio answers with one."""
    return {
        "sid": SID,
        "account_sid": ACCOUNT,
        "api_version": "2010-04-01",
        "body": TEXT.body,
        "date_created": "Mon, 23 Nov 2026 09:07:00 +0000",
        "date_sent": None,
        "date_updated": "Mon, 23 Nov 2026 09:07:00 +0000",
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": TEXT.sender,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "status": "queued",
        "subresource_uris": {"media": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}/Media.json"},
        "to": TEXT.recipient,
        "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json",
        **changes,
    }


def refusal(code: int, status: int = 400) -> dict[str, Any]:
    """An error as Twilio states one: it names the number, which must never reach our words."""
    return {
        "code": code,
        "message": f"The 'To' number {TEXT.recipient} is wrong; the body was {TEXT.body}",
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


@asynccontextmanager
async def twilio(url: str, timeout: float = 30.0, connections: int = 200) -> AsyncIterator[Twilio]:
    carrier = Twilio(ACCOUNT, TOKEN, api_url=url, timeout=timeout, connections=connections)
    try:
        yield carrier
    finally:
        await carrier.close()


async def outcome(carrier: Twilio, text: Outgoing = TEXT) -> Accepted | SendError:
    try:
        return await carrier.send(text)
    except SendError as error:
        return error


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (
            TEXT,
            [
                ("To", "+15035550118"),
                ("From", "+18885550100"),
                ("StatusCallback", TEXT.status_callback),
                ("Body", TEXT.body),
            ],
        ),
        (
            Outgoing(
                "a", "+18885550100", "+15035550118", "", "https://p.example/r", ("https://p.example/1.jpg",)
            ),
            [
                ("To", "+15035550118"),
                ("From", "+18885550100"),
                ("StatusCallback", "https://p.example/r"),
                ("MediaUrl", "https://p.example/1.jpg"),
            ],
        ),
        (
            Outgoing("a", "+1", "+2", "look", "https://p.example/r", ("https://p/1", "https://p/2"), 99_999),
            [
                ("To", "+2"),
                ("From", "+1"),
                ("StatusCallback", "https://p.example/r"),
                ("Body", "look"),
                ("MediaUrl", "https://p/1"),
                ("MediaUrl", "https://p/2"),
                ("ValidityPeriod", "36000"),
            ],
        ),
        (
            Outgoing("a", "+1", "+2", "half \ud83d", "https://p.example/r", validity_seconds=0),
            [
                ("To", "+2"),
                ("From", "+1"),
                ("StatusCallback", "https://p.example/r"),
                ("Body", "half ?"),
                ("ValidityPeriod", "1"),
            ],
        ),
    ],
)
async def test_what_is_sent(text: Outgoing, form: list[tuple[str, str]]) -> None:
    async with playing(says(201, message())) as wire, twilio(wire.url) as carrier:
        assert await carrier.send(text) == Accepted(SID, "queued", 1)
    (sent,) = wire.requests
    assert (sent.method, sent.target) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
    assert sent.form == form
    assert sent.headers["content-type"] == "application/x-www-form-urlencoded"
    basic = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    assert sent.headers["authorization"] == f"Basic {basic}"


async def test_it_is_asked_whether_to_begin_when_the_connection_is_there() -> None:
    ends: list[socket.socket] = []

    def why_not() -> str:
        ends.append(server.accept()[0])
        return "Somebody else has it."

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        async with twilio(f"http://127.0.0.1:{server.getsockname()[1]}") as carrier:
            with pytest.raises(NotSent, match="Somebody else has it"):
                await carrier.send(TEXT, why_not=why_not)
    with ends[0] as end:
        end.settimeout(10)
        assert end.recv(1) == b"", "not one byte"


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        (message(), Accepted(SID, "queued", 1)),
        (message(status="accepted", num_segments="0"), Accepted(SID, "accepted", 0)),
        (message(status="scheduled", num_segments=None), Accepted(SID, "accepted", None)),
        (message(status="something new", num_segments="many"), Accepted(SID, "accepted", None)),
        (message(sid="MM" + "a" * 32), Accepted("MM" + "a" * 32, "queued", 1)),
        (message(status="failed", error_code=30007), Accepted(SID, "failed", 1)),
        ({"sid": SID}, Accepted(SID, "accepted", None)),
    ],
)
async def test_accepted(answer: dict[str, Any], accepted: Accepted) -> None:
    async with playing(says(201, answer)) as wire, twilio(wire.url) as carrier:
        assert await carrier.send(TEXT) == accepted


HALF = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n" + b'{"sid": "SM'
)
CHUNK = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnonsense"
GZIP = {"Content_Encoding": "gzip"}

TABLE: list[tuple[str, Turn, type[SendError], str | None]] = [
    ("429", says(429, refusal(20429, 429)), NotSent, "20429"),
    ("429 from a proxy", says(429, b"slow down"), NotSent, "20429"),
    ("queue full", says(400, refusal(21611)), NotSent, "21611"),
    ("401", says(401, refusal(20003, 401)), Paused, "20003"),
    ("401 from a proxy", says(401, b""), Paused, "401"),
    ("403", says(403, refusal(20006, 403)), Paused, "20006"),
    ("403 from a proxy", says(403, b"<html>no</html>"), Paused, "403"),
    ("credentials, at 400", says(400, refusal(20003)), Paused, "20003"),
    ("account closed", says(400, refusal(20005)), Paused, "20005"),
    ("account suspended", says(400, refusal(30002)), Paused, "30002"),
    ("account not known", says(404, refusal(20404, 404)), Paused, "20404"),
    ("bad number", says(400, refusal(21211)), Refused, "21211"),
    ("bad number, too", says(400, refusal(21217)), Refused, "21217"),
    ("not a mobile", says(400, refusal(21614)), Refused, "21614"),
    ("a landline", says(400, refusal(21635)), Refused, "21635"),
    ("opted out", says(400, refusal(21610)), Refused, "21610"),
    ("country not allowed", says(400, refusal(21408)), Refused, "21408"),
    ("country not allowed, at 403", says(403, refusal(21408, 403)), Refused, "21408"),
    ("not routable", says(400, refusal(21612)), Refused, "21612"),
    ("sender", says(400, refusal(21606)), Refused, "21606"),
    ("too long", says(400, refusal(21617)), Refused, "21617"),
    ("a code of next year", says(400, refusal(21999)), Refused, "21999"),
    ("code as text", says(400, {"code": "21211"}), Refused, "21211"),
    ("500", says(500, refusal(20500, 500)), Doubt, "500"),
    ("502 from a proxy", says(502, b"<html>Bad Gateway</html>"), Doubt, "502"),
    ("503", says(503, refusal(20503, 503), Retry_After="5"), Doubt, "503"),
    ("404 from a proxy", says(404, b"<html>Not Found</html>"), Doubt, "404"),
    ("400 in JSON, but not Twilio's", says(400, {"error": "bad request"}), Doubt, "400"),
    ("408", says(408, b""), Doubt, "408"),
    ("a redirect", says(307, b"", Location="/elsewhere"), Doubt, "307"),
    ("HTML 200", says(200, b"<html>Welcome to the hotel</html>", Content_Type="text/html"), Doubt, "200"),
    ("empty 200", says(200, b""), Doubt, "200"),
    ("204", says(204, b""), Doubt, "204"),
    ("a list", says(201, [message()]), Doubt, "201"),
    ("JSON too deep", says(201, b"[" * 100_000), Doubt, "201"),
    ("no sid", says(201, message(sid=None)), Doubt, None),
    ("wrong sid", says(201, message(sid="XX" + "0" * 32)), Doubt, None),
    ("a sid and more", says(201, message(sid=SID + "/../x")), Doubt, None),
    ("not gzip", says(201, b"not gzip at all", **GZIP), Doubt, None),
    ("reset before an answer", resets, Doubt, None),
    ("hung up before an answer", hangs_up, Doubt, None),
    ("reset within the answer", writes_then(HALF, resets), Doubt, None),
    ("hung up within the answer", writes_then(HALF, hangs_up), Doubt, None),
    ("bad chunk", writes_then(CHUNK, hangs_up), Doubt, None),
    ("not HTTP", writes_then(b"220 mail.example.com ESMTP\r\n", hangs_up), Doubt, None),
]


@pytest.mark.parametrize(("turn", "error", "code"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
async def test_refused_or_doubtful(
    turn: Turn, error: type[SendError], code: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with playing(turn) as wire, twilio(wire.url) as carrier:
        told = await outcome(carrier)
    assert type(told) is error
    assert told.code == code
    assert len(wire.requests) == 1
    assert told.words.endswith(".")
    for secret in (TEXT.recipient, TEXT.sender, "Ana", TOKEN):
        assert secret not in str(told) + told.words + caplog.text


async def test_only_stop_is_opted_out_and_only_bad_numbers_are_bad() -> None:
    flags = {}
    for code in (21610, 21211, 21217, 21614, 21635, 21606, 21408, 21617):
        async with playing(says(400, refusal(code))) as wire, twilio(wire.url) as carrier:
            told = await outcome(carrier)
            assert isinstance(told, Refused)
            flags[code] = (told.opted_out, told.reach)
    invalid = dict.fromkeys((21211, 21217, 21614), (False, "invalid"))
    fine = dict.fromkeys((21606, 21408, 21617), (False, ""))
    assert flags == {21610: (True, ""), 21635: (False, "landline"), **invalid, **fine}


async def test_a_code_that_is_new_to_us_is_told_in_the_carriers_words_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with playing(says(400, refusal(30999))) as wire, twilio(wire.url) as carrier:
        told = await outcome(carrier)
    assert isinstance(told, Refused)
    assert told.told == (
        f"The carrier refused this text: “The 'To' number {TEXT.recipient} is wrong; the body was {TEXT.body}” (30999)."
    )
    assert TEXT.recipient not in str(told) + told.words + caplog.text


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ({}, None, None),
        ({"Retry_After": "7"}, 7, 7),
        ({"Retry_After": "9" * 400}, 86_400, 86_400),
        ({"Retry_After": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0, 0),
        ({"Retry_After": "soon"}, None, None),
        ({"Retry_After": "Mon, 01 Jan 9999 00:00:00 GMT"}, 86_400, 86_400),
        ({"Retry_After": ","}, None, None),
        ({"Retry_After": "-1"}, None, None),
    ],
)
async def test_retry_after(header: dict[str, str], least: float | None, most: float | None) -> None:
    async with playing(says(429, b"", **header)) as wire, twilio(wire.url) as carrier:
        told = await outcome(carrier)
    assert isinstance(told, NotSent)
    if least is None or most is None:
        assert told.retry_after is None
    else:
        assert told.retry_after is not None
        assert least <= told.retry_after <= most


async def test_retry_after_as_a_date() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)
    async with playing(says(429, b"", Retry_After=in_a_minute)) as wire, twilio(wire.url) as carrier:
        told = await outcome(carrier)
    assert isinstance(told, NotSent)
    assert told.retry_after is not None
    assert 1 <= told.retry_after <= 61


async def test_silence_after_the_request_is_doubt() -> None:
    async with playing(says_nothing) as wire, twilio(wire.url, timeout=0.5) as carrier:
        assert type(await outcome(carrier)) is Doubt
    assert len(wire.requests) == 1


async def test_silence_within_the_answer_is_doubt() -> None:
    async with playing(writes_then(HALF, says_nothing)) as wire, twilio(wire.url, timeout=0.5) as carrier:
        assert type(await outcome(carrier)) is Doubt
    assert len(wire.requests) == 1


async def test_an_endless_answer_is_doubt() -> None:
    head = b"HTTP/1.1 201 Created\r\nContent-Length: 99999999\r\n\r\n"
    endless = writes_then(head + b" " * 20_000_000, says_nothing)
    async with playing(endless) as wire, twilio(wire.url, timeout=20) as carrier:
        assert type(await outcome(carrier)) is Doubt


async def test_a_refused_connection_is_not_sent() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        async with twilio(f"http://127.0.0.1:{bound.getsockname()[1]}") as carrier:
            assert type(await outcome(carrier)) is NotSent


async def test_an_unknown_host_is_not_sent() -> None:
    async with twilio("http://carrier.invalid") as carrier:
        assert type(await outcome(carrier)) is NotSent


async def test_a_connection_that_nobody_takes_is_not_sent() -> None:
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for waiting in (first, second):  # fills the queue of connections not yet accepted
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        async with twilio(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=1.5) as carrier:
            assert type(await outcome(carrier)) is NotSent


async def test_plain_text_where_tls_should_be_is_not_sent() -> None:
    async def answers_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answers_plainly, "127.0.0.1", 0)
    async with server, twilio(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as carrier:
        assert type(await outcome(carrier)) is NotSent


async def test_a_certificate_nobody_vouches_for_is_not_sent(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    make += ["-keyout", str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=localhost"]
    await asyncio.to_thread(subprocess.run, make, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    heard = []

    async def hears(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    server = await asyncio.start_server(hears, "127.0.0.1", 0, ssl=context)
    async with server, twilio(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as carrier:
        assert type(await outcome(carrier)) is NotSent
    assert heard in ([], [b""])


async def test_waiting_for_a_free_connection_is_not_sent() -> None:
    async with playing(says_nothing) as wire, twilio(wire.url, timeout=3, connections=1) as carrier:
        told = await asyncio.gather(outcome(carrier), outcome(carrier))
    assert [type(each) for each in told] == [Doubt, NotSent]
    assert len(wire.requests) == 1


async def test_connections_are_kept() -> None:
    async with playing(says(201, message())) as wire, twilio(wire.url) as carrier:
        for _ in range(5):
            await carrier.send(TEXT)
    assert (len(wire.requests), wire.connections) == (5, 1)


async def test_a_kept_connection_that_drops_the_second_text_is_doubt() -> None:
    async with (
        playing(says(201, message()), hangs_up, says(201, message())) as wire,
        twilio(wire.url) as carrier,
    ):
        assert await carrier.send(TEXT) == Accepted(SID, "queued", 1)
        assert type(await outcome(carrier)) is Doubt
    assert [r.connection for r in wire.requests] == [1, 1]


@contextmanager
def closing_after_one(answer: bytes) -> Iterator[tuple[str, threading.Event, list[int]]]:
    """A server, in a thread of its own, that answers once on a connection and at once closes it.

    Gives its URL, an event set when the first connection is closed, and the bytes each connection brought.
    """
    closed, brought = threading.Event(), list[int]()
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                brought.append(len(connection.recv(65_536)))
                connection.sendall(answer)
            closed.set()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", closed, brought
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


ONE_ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 45\r\n\r\n" + f'{{"sid": "{SID}"}}'.encode()


async def test_a_kept_connection_closed_before_we_wrote_is_doubt_and_not_sent_again() -> None:
    """The library's remedy, a fresh connection, would send twice if the carrier had read the first."""
    with closing_after_one(ONE_ANSWER) as (url, closed, brought):
        async with twilio(url, timeout=10) as carrier:
            assert await carrier.send(TEXT) == Accepted(SID, "accepted", None)
            # Waited for without giving the loop a turn, so that it has not heard of the close when it writes.
            assert closed.wait(10)
            assert type(await outcome(carrier)) is Doubt
        assert len(brought) == 1


async def test_cancelling_is_not_swallowed() -> None:
    heard = asyncio.Event()

    async def hears(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
        heard.set()
        await wire.over.wait()

    async with playing(hears) as wire, twilio(wire.url) as carrier:
        sending = asyncio.create_task(carrier.send(TEXT))
        await asyncio.wait_for(heard.wait(), 10)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def test_closing_is_not_the_end() -> None:
    async with playing(says(201, message())) as wire, twilio(wire.url) as carrier:
        await carrier.close()
        await carrier.send(TEXT)
        await carrier.close()
        await carrier.send(TEXT)
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    ("account", "url"),
    [
        ("AC123", "https://api.twilio.com"),
        (ACCOUNT, "api.twilio.com"),
        (ACCOUNT, "ftp://x"),
        (ACCOUNT, "http:///x"),
    ],
)
def test_a_setting_that_cannot_be_right_fails_at_once(account: str, url: str) -> None:
    with pytest.raises(ValueError):
        Twilio(account, TOKEN, api_url=url)


def test_words_are_for_people() -> None:
    for code, reason in REASONS.items():
        assert reason.words[0].isupper(), code
        assert reason.words.endswith("."), code
        assert str(code) not in reason.words
        assert len(reason.words) < 120
        assert not (reason.permanent and reason.transient)
        assert not (reason.permanent and reason.account)
