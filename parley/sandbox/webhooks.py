"""Signed webhooks from the pretend carrier, with Twilio's manners.

Signature: https://www.twilio.com/docs/usage/security (the URL's fragment is not signed). Connect 5 s, read
15 s, one retry and only if the connection failed; the URL's fragment may ask for more, such as
`#rc=3&rp=all&ct=2000&rt=5000&tt=15000` (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
from yarl import URL

Form = Sequence[tuple[str, str]]
# Told the HTTP status (0: no answer) and the body of the answer.
Done = Callable[[int, bytes], None]

# A carrier waits for nobody's answer to call somebody else; but it opens no end of connections.
IN_FLIGHT = 256
ANSWER_LIMIT = 64 * 1024


def signature(token: str, url: str, form: Form) -> str:
    """X-Twilio-Signature: base64 of HMAC-SHA1 over the URL and each distinct name and value, sorted."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


@dataclass(frozen=True, slots=True)
class Manners:
    """How one webhook is called: seconds, and on what it is tried again."""

    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})
    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0


def manners(fragment: str) -> Manners:
    """What the URL's fragment asks for; what cannot be understood is ignored, as the carrier does."""
    wishes = dict(parse_qsl(fragment))

    def number(key: str, low: int, high: int, default: float) -> float:
        text = wishes.get(key, "")
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            return default
        return min(max(int(text), low), high)

    policy = frozenset(wishes.get("rp", "ct").split(","))
    return Manners(
        retries=int(number("rc", 0, 5, 1)),
        retry_on=policy | {"ct", "rt", "4xx", "5xx"} if "all" in policy else policy,
        connect=number("ct", 100, 10_000, 5_000) / 1000,
        read=number("rt", 100, 15_000, 15_000) / 1000,
        total=number("tt", 100, 15_000, 15_000) / 1000,
    )


class Webhooks:
    """Calls of one key go out one after the other; of different keys, side by side, IN_FLIGHT at a time."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._lines: dict[str, deque[tuple[str, str, Form, Done]]] = {}
        self._runners: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self._session: aiohttp.ClientSession | None = None
        self.counts: Counter[str] = Counter()

    async def start(self) -> None:
        """Open the connection pool."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=IN_FLIGHT, keepalive_timeout=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "TwilioProxy/1.1", "Accept": "*/*"},
        )

    async def close(self) -> None:
        """Drop what is under way: a carrier that stops forgets its webhooks too."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        if self._session:
            await self._session.close()

    @property
    def waiting(self) -> int:
        """Calls not ended yet."""
        return sum(len(line) for line in self._lines.values())

    def call(self, key: str, method: str, url: str, form: Iterable[tuple[str, str]], done: Done) -> None:
        """Have the URL called after all earlier calls of this key. `done` is told how it ended."""
        line = self._lines.get(key)
        if line is not None:
            line.append((method, url, tuple(form), done))
            return
        self._lines[key] = deque([(method, url, tuple(form), done)])
        runner = asyncio.get_running_loop().create_task(self._run(key))
        self._runners.add(runner)
        runner.add_done_callback(self._runners.discard)

    async def _run(self, key: str) -> None:
        line = self._lines[key]
        try:
            while line:
                method, url, form, done = line[0]
                async with self._places:
                    status, body = await self._deliver(method, url, form)
                self.counts["called"] += 1
                self.counts["answered 2xx" if 200 <= status < 300 else "failed"] += 1
                done(status, body)
                line.popleft()
        finally:
            del self._lines[key]

    async def _deliver(self, method: str, url: str, form: Form) -> tuple[int, bytes]:
        target, _, fragment = url.partition("#")
        how = manners(fragment)
        body: str | None = urlencode(form)
        if method == "GET":
            target += ("&" if urlsplit(target).query else "?") + urlencode(form)
            body, form = None, ()
        headers = {
            "X-Twilio-Signature": signature(self._token, target, form),
            "I-Twilio-Idempotency-Token": os.urandom(16).hex(),
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        timeout = aiohttp.ClientTimeout(total=how.total, sock_connect=how.connect, sock_read=how.read)
        for attempt in range(how.retries + 1):
            if attempt:
                self.counts["retried"] += 1
            failure, status, answer = await self._try(method, target, body, headers, timeout)
            if not failure or failure not in how.retry_on:
                break
        return status, answer

    async def _try(
        self, method: str, url: str, body: str | None, headers: dict[str, str], timeout: aiohttp.ClientTimeout
    ) -> tuple[str, int, bytes]:
        """What went wrong in the words of the retry policy ("" if nothing), the status, the answer."""
        assert self._session is not None
        try:
            async with self._session.request(
                method,
                URL(url, encoded=True),
                data=body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                answer = await response.content.read(ANSWER_LIMIT)
                status = response.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL, ValueError):
            return "ct", 0, b""
        except (aiohttp.ClientError, TimeoutError, OSError):
            return "rt", 0, b""
        if status >= 500:
            return "5xx", status, answer
        if status >= 400:
            return "4xx", status, answer
        return "", status, answer
