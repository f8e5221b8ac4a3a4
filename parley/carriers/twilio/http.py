"""Talking to Twilio's API: one kept-alive session, and what each way of failing lets us conclude.

Rule R4 of docs/life-of-a-message.md: only what cannot have reached Twilio is NotSent, only what Twilio itself
refused is Refused, and all the rest is Doubt, because it may have been acted on.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from parley.carriers.base import Doubt, NotSent, Paused, Refused, SendError, TooLate, Unavailable
from parley.carriers.twilio import words
from parley.carriers.twilio.webhooks import clean, moment, whole

Form = Sequence[tuple[str, str]]

_UNCONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_MOST_BYTES = 16 * 1024 * 1024  # a page of 1,000 messages of 1,600 characters is 4 MB

_LONGEST_WAIT = 86_400.0

_NOT_REACHED = "The carrier could not be reached just now."
_NO_ANSWER = "The carrier gave no clear answer: this may or may not have gone through."
_NO_LOG = "The carrier's records could not be read."


class Http:
    """One account's connections, for one event loop: the session is made in the loop that first asks."""

    def __init__(self, user: str, password: str, *, timeout: float, connections: int) -> None:
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.authorization = f"Basic {basic}"
        self.timeout = aiohttp.ClientTimeout(total=timeout, connect=min(10.0, timeout / 3))
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: URL,
        form: Form,
        written: Callable[[], None] | None = None,
        why_not: Callable[[], str] | None = None,
    ) -> dict[str, Any]:
        """Have something done. Raises NotSent, Paused, Refused or Doubt.

        `why_not` and `written` are `Carrier.send`'s.
        """
        # As urllib's urlencode does it, but our own names need no quoting: half its time, for every text.
        raw = "&".join([f"{name}={quote_plus(value, errors='replace')}" for name, value in form]).encode()
        body = _Form(raw, written, why_not)
        status, retry_after, raw = await self._act("POST", url, body)
        said = _parsed(raw)
        if 200 <= status < 300 and said is not None:
            return said
        raise _failure(status, retry_after, said)

    async def delete(self, url: URL) -> None:
        """Have something removed; what is not there any more counts as removed. Raises as `post` does."""
        status, retry_after, raw = await self._act("DELETE", url, None)
        said = _parsed(raw)
        if 200 <= status < 300 or _unknown(status, said):
            return
        raise _failure(status, retry_after, said)

    async def get(self, url: URL) -> dict[str, Any] | None:
        """The answer to a question; None if Twilio says that there is no such thing. Raises Unavailable."""
        try:
            async with self._open().get(url, allow_redirects=False) as answer:
                status, said = answer.status, _parsed(await _read(answer))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(_NO_LOG) from error
        if status == 200 and said is not None:
            return said
        if _unknown(status, said):
            return None
        raise Unavailable(_NO_LOG, code=str((said or {}).get("code") or status))

    async def close(self) -> None:
        """Give back the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _act(self, method: str, url: URL, body: _Form | None) -> tuple[int, str | None, bytes]:
        # A redirect is not followed: the library would hand the text and our credentials to another address.
        try:
            async with self._open().request(method, url, data=body, allow_redirects=False) as answer:
                return answer.status, answer.headers.get("Retry-After"), await _read(answer)
        except _UNCONNECTED as error:
            raise NotSent(_NOT_REACHED) from error
        except Exception as error:
            if body is not None and body.kept_back:
                raise NotSent(body.kept_back) from error
            raise Doubt(_NO_ANSWER) from error

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Authorization": self.authorization, "Accept": "application/json"},
                timeout=self.timeout,
            )
        return self._session


class _KeptBack(Exception):
    """Nothing of the request was written."""


class _Form(aiohttp.BytesPayload):
    """A form that asks before its first byte, and says when all of it has been handed to the network.

    (aiohttp's tracing would cost a tenth more.) `kept_back` is why it was not written.
    """

    def __init__(
        self, body: bytes, written: Callable[[], None] | None, why_not: Callable[[], str] | None
    ) -> None:
        super().__init__(body, content_type="application/x-www-form-urlencoded")
        self._written = written
        self._why_not = why_not
        self.kept_back = ""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        # The connection is there, which may have taken a while, and aiohttp writes the headers with the first of this.
        if self._why_not is not None and (why_not := self._why_not()):
            self.kept_back = why_not
            raise _KeptBack
        await super().write_with_length(writer, content_length)
        if self._written is not None:
            self._written()


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in answer.content.iter_any():
        raw += chunk
        if len(raw) > _MOST_BYTES:
            raise ValueError("the answer is too long")
    return bytes(raw)


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _unknown(status: int, said: dict[str, Any] | None) -> bool:
    # A 404 without Twilio's code comes from something in between, and proves nothing.
    return status == 404 and said is not None and whole(said.get("code")) == 20404


def _failure(status: int, retry_after: str | None, said: dict[str, Any] | None) -> SendError:
    if status == 429:
        busy = words.refusal(words.TOO_MANY)
        return NotSent(busy.words, code=str(words.TOO_MANY), retry_after=_seconds(retry_after))
    code = whole((said or {}).get("code")) if 400 <= status < 500 else None
    if status == 401 or (status == 403 and code not in words.REASONS):
        return Paused(words.CREDENTIALS, code=str(code or status))
    if code is None:
        return Doubt(_NO_ANSWER, code=str(status))
    reason = words.refusal(code)
    if reason.account:
        return Paused(reason.words, code=str(code))
    if reason.transient:
        return NotSent(reason.words, code=str(code), retry_after=_seconds(retry_after))
    refused = TooLate if code in words.TOO_LATE else Refused
    return refused(
        reason.words,
        code=str(code),
        opted_out=reason.opted_out,
        reach=reason.reach,
        taken=code in words.TAKEN,
        verbatim=clean(str((said or {}).get("message") or "")),
        unlisted=reason.family == "unlisted",
    )


def _seconds(retry_after: str | None) -> float | None:
    """`Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3); None for anything else."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return min(float(retry_after), _LONGEST_WAIT)
    when = moment(retry_after)
    return None if when is None else min(max(0.0, (when - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT)
