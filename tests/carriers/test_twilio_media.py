"""Pictures: credentials go to the carrier alone, a redirect is followed without them, and nothing large is held."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from yarl import URL

from parley.carriers.base import MOST_MEDIA_BYTES, Unavailable, Unfetchable
from parley.carriers.twilio import Twilio
from parley.carriers.twilio.media import _own
from tests.carriers.test_twilio_send import ACCOUNT, TOKEN, refusal, twilio
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

PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
BASIC = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
PICTURE = b"\xff\xd8\xff\xe0" + bytes(1000)


def shows(raw: bytes = PICTURE, type_: str = "image/jpeg") -> Turn:
    return says(200, raw, **{"Content-Type": type_})


def leads(to: str, status: int = 307) -> Turn:
    return says(status, b"", Location=to)


@asynccontextmanager
async def twilio_at(*turns: Turn, timeout: float = 30.0) -> AsyncIterator[tuple[Wire, Twilio]]:
    """A wire, and a carrier that takes it for Twilio."""
    async with playing(*turns) as wire, twilio(wire.url, timeout=timeout) as carrier:
        yield wire, carrier


async def test_the_redirect_is_followed_without_our_credentials() -> None:
    async with playing(leads("/media/short"), shows()) as wire, twilio(wire.url) as carrier:
        assert await carrier.fetch_media(wire.url + PATH) == ("image/jpeg", PICTURE)
    first, second = wire.requests
    assert (first.target, first.headers["authorization"]) == (PATH, BASIC)
    assert second.target == "/media/short"
    assert "authorization" not in second.headers
    assert "cookie" not in second.headers


async def test_bytes_at_once_will_do() -> None:
    async with playing(shows(type_="image/png; charset=x")) as wire, twilio(wire.url) as carrier:
        assert await carrier.fetch_media(wire.url + PATH) == ("image/png", PICTURE)


async def test_a_foreign_host_is_never_asked() -> None:
    async with playing(shows()) as other, playing(shows()) as wire, twilio(wire.url) as carrier:
        for address in (
            other.url + PATH,
            "https://api.twilio.com" + PATH,  # the stand-in stands in for all of Twilio
            "//x",
            "",
            "http://[",
            "file:///etc/passwd",
        ):
            with pytest.raises(Unfetchable) as caught:
                await carrier.fetch_media(address)
            assert caught.value.words == "It is not at the carrier’s own address."
    assert other.connections == wire.connections == 0


@pytest.mark.parametrize(
    ("address", "ours"),
    [
        ("https://api.twilio.com/x", True),
        ("https://api.dublin.ie1.twilio.com/x", True),
        ("https://api.twilio.com:8443/x", False),
        ("http://api.twilio.com/x", False),
        ("https://api.twilio.com.evil.example/x", False),
        ("https://evil-api.twilio.com/x", False),
        ("https://api.twilio.com@evil.example/x", False),
        ("https://evil.example/api.twilio.com", False),
        ("https://demo.twilio.com/x", False),
    ],
)
def test_whose_host_it_is(address: str, ours: bool) -> None:
    base = URL("https://api.twilio.com")
    if ours:
        assert str(_own(address, base)) == address
    else:
        with pytest.raises(Unfetchable):
            _own(address, base)


async def test_a_redirect_leads_to_https_or_to_the_stand_in() -> None:
    async with playing(shows()) as other, twilio_at(leads(other.url)) as (wire, carrier):
        with pytest.raises(Unavailable):
            await carrier.fetch_media(wire.url + PATH)
        assert other.connections == 0
    # Over https to anywhere: here to a server that speaks none, which shows that it was tried, and that is all.
    async with playing(says_nothing) as other:
        secure = other.url.replace("http:", "https:")
        async with twilio_at(leads(secure), timeout=0.5) as (wire, carrier):
            with pytest.raises(Unavailable):
                await carrier.fetch_media(wire.url + PATH)
        assert other.connections == 1
        assert other.requests == []


async def test_redirects_without_end() -> None:
    async with twilio_at(leads("/a"), leads("/b"), leads("/a"), leads("/b")) as (wire, carrier):
        with pytest.raises(Unavailable):
            await carrier.fetch_media(wire.url + PATH)
    assert len(wire.requests) == 4


async def test_what_is_too_large_is_not_read() -> None:
    declared = f"HTTP/1.1 200 OK\r\nContent-Length: {MOST_MEDIA_BYTES + 1}\r\n\r\n".encode()
    async with twilio_at(writes_then(declared, says_nothing), timeout=5) as (wire, carrier):
        with pytest.raises(Unfetchable, match="larger than 5 MB"):
            await carrier.fetch_media(wire.url + PATH)
    sent = 0

    async def pours(wire: Wire, request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n")
        while sent < 20 * MOST_MEDIA_BYTES:
            writer.write(bytes(64 * 1024))
            await writer.drain()
            sent += 64 * 1024

    async with twilio_at(pours) as (wire, carrier):
        with pytest.raises(Unfetchable, match="larger than 5 MB"):
            await carrier.fetch_media(wire.url + PATH)
    assert sent < 4 * MOST_MEDIA_BYTES, "the rest was not taken"


async def test_exactly_the_most_is_taken() -> None:
    async with twilio_at(shows(bytes(MOST_MEDIA_BYTES))) as (wire, carrier):
        assert len((await carrier.fetch_media(wire.url + PATH))[1]) == MOST_MEDIA_BYTES


async def test_what_is_packed_stays_packed() -> None:
    async with twilio_at(says(200, b"\x1f\x8b", Content_Encoding="gzip")) as (wire, carrier):
        assert (await carrier.fetch_media(wire.url + PATH))[1] == b"\x1f\x8b"
    assert wire.requests[0].headers["accept-encoding"] == "identity"


LATER: dict[str, Turn] = {
    "a page of HTML": shows(b"<html>Welcome to the hotel</html>", "text/html; charset=utf-8"),
    "nothing in it": shows(b""),
    "401": says(401, refusal(20003, 401)),
    "403": says(403, b"<Error/>"),
    "404 from a proxy": says(404, b"<html>Not Found</html>"),
    "429": says(429, refusal(20429, 429)),
    "500": says(500, b""),
    "a redirect to nowhere": says(302, b""),
    "a redirect to nonsense": leads("http://["),
    "reset": resets,
    "hung up": hangs_up,
    "cut short": writes_then(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf", hangs_up),
    "silence": says_nothing,
}


@pytest.mark.parametrize("turn", LATER.values(), ids=LATER)
async def test_what_may_go_better_later(turn: Turn) -> None:
    async with twilio_at(turn, timeout=0.5) as (wire, carrier):
        with pytest.raises(Unavailable) as caught:
            await carrier.fetch_media(wire.url + PATH)
    assert caught.value.words == "It could not be had from the carrier just now."
    assert "ME1" not in str(caught.value)


@pytest.mark.parametrize("turn", [says(404, refusal(20404, 404)), says(410, b"")])
async def test_what_is_gone_is_gone(turn: Turn) -> None:
    async with twilio_at(turn) as (wire, carrier):
        with pytest.raises(Unfetchable, match="no longer at the carrier"):
            await carrier.fetch_media(wire.url + PATH)
