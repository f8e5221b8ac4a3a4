"""Fetching a picture that a client texted, or a recording that one left.

Its address is at Twilio's API and asks for our credentials (enforced for every account); the answer is a redirect to
an address that lives four hours at another company's host, which must never see them. So every step is taken by
hand: credentials on the first request only, and only to Twilio; redirects only to https, without them.

Source: Twilio's guide to the Media resource. Reviewed 2026-11-23.
"""

from __future__ import annotations

import json
import re

import aiohttp
from yarl import URL

from parley.carriers.base import MOST_MEDIA_BYTES, Unavailable, Unfetchable
from parley.carriers.twilio.webhooks import whole

# The API's host, also by region and edge: api.dublin.ie1.twilio.com.
_HOST = re.compile(r"api(?:\.[a-z0-9-]+){0,2}\.twilio\.com")
_MOST_STEPS = 4
_REDIRECTS = (301, 302, 303, 307, 308)
_UNKNOWN = 20404
_LONGEST_ERROR = 64 * 1024

_WAITS = "It could not be had from the carrier just now."
GONE = "It is no longer at the carrier."
_ELSEWHERE = "It is not at the carrier’s own address."


class Gone(Unfetchable):
    """The carrier knows of no such thing."""


async def fetch(
    address: str,
    *,
    base: URL,
    authorization: str,
    timeout: aiohttp.ClientTimeout,
    most: int = MOST_MEDIA_BYTES,
) -> tuple[str, bytes]:
    """The claimed type and the bytes, at `most` so many. `base` is Twilio's API, or its stand-in, which then is the
    only host asked.

    Raises Unavailable or Unfetchable.
    """
    url = _own(address, base)
    headers = {"Authorization": authorization}
    # A session of its own: the account's sends the credentials with everything. What is packed stays packed, or a
    # small answer could fill the memory.
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
    ) as session:
        try:
            for _ in range(_MOST_STEPS):
                async with session.get(url, headers=headers, allow_redirects=False) as answer:
                    if answer.status not in _REDIRECTS:
                        return await _content(answer, most)
                    url, headers = _next(url, answer.headers.get("Location", ""), base), {}
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(_WAITS) from error
    raise Unavailable(_WAITS)


def _own(address: str, base: URL) -> URL:
    """The address, if our credentials may go there. Raises Unfetchable."""
    try:
        url = URL(address, encoded=True)
        known = url.origin() == base.origin() or (
            _HOST.fullmatch(base.host or "") is not None
            and url.scheme == "https"
            and url.port == 443
            and _HOST.fullmatch(url.host or "") is not None
        )
    except ValueError:
        known = False
    if not known:
        raise Unfetchable(_ELSEWHERE)
    return url


def _next(url: URL, location: str, base: URL) -> URL:
    """Where a redirect leads. Anything but https is a proxy that wants a password, not Twilio. Raises ValueError."""
    following = url.join(URL(location, encoded=True))
    if following == url or not (following.scheme == "https" or following.origin() == base.origin()):
        raise ValueError("a redirect that leads astray")
    return following


async def _content(answer: aiohttp.ClientResponse, most: int) -> tuple[str, bytes]:
    if answer.status == 410 or (answer.status == 404 and _unknown(await _read(answer, _LONGEST_ERROR))):
        raise Gone(GONE)
    # No handset sends a page: this one comes from something in between.
    if answer.status != 200 or answer.content_type == "text/html":
        raise Unavailable(_WAITS, code=str(answer.status))
    raw = await _read(answer, most)
    if raw is None:
        raise Unfetchable(f"It is larger than {most // 1024**2} MB.")
    if not raw:
        raise Unavailable(_WAITS)
    return answer.content_type, raw


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes | None:
    """The body; None as soon as it is known to be larger than `most`."""
    if (answer.content_length or 0) > most:
        return None
    raw = bytearray()
    async for chunk in answer.content.iter_any():
        raw += chunk
        if len(raw) > most:
            return None
    return bytes(raw)


def _unknown(raw: bytes | None) -> bool:
    """Whether it is Twilio who knows of no such thing; a 404 without its code proves nothing."""
    try:
        said = json.loads(raw or b"")
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and whole(said.get("code")) == _UNKNOWN
