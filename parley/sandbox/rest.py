"""What all of the carrier's REST resources share: dates, paging, checks of parameters.

https://www.twilio.com/docs/usage/twilios-response and /docs/usage/api (2010-04-01 and the later style).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.errors import Refusal
from parley.sandbox.web import Request, Response, answer

V2010 = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
PAGE_SIZE = 50
PAGE_SIZE_LIMIT = 1000
# The account's geographic permissions.
COUNTRIES = ("US", "CA")

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Thing = TypeVar("Thing")


def rfc2822(at: float) -> str:
    """Thu, 24 Aug 2023 05:01:45 +0000"""
    return _rfc2822(int(at))


@lru_cache(maxsize=256)
def _rfc2822(at: int) -> str:
    # Not strftime: its names of days and months follow the locale.
    t = time.gmtime(at)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} +0000"
    )


def iso(at: float) -> str:
    """2021-01-27T14:18:35Z"""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def url_parameter(request: Request, name: str, code: int = 21502) -> str | None:
    """A parameter that must be an http(s) URL or empty. Raises Refusal."""
    value = request.value(name)
    if value and not is_web_url(value):
        raise Refusal(code, value)
    return value


def whole_number(text: str) -> int | None:
    """A number of up to nine digits; None if it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def is_web_url(text: str) -> bool:
    """Could a webhook or a fetch go there?"""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def choice_parameter(request: Request, name: str, choices: Sequence[str]) -> str | None:
    """A parameter that must be one of `choices`. Raises Refusal."""
    value = request.value(name)
    if value is not None and value not in choices:
        raise Refusal(20001, f"Invalid parameter {name}: {value}")
    return value


def dates(query: dict[str, str], name: str) -> tuple[float, float]:
    """The span that e.g. DateSent, `DateSent>` and `DateSent<` ask for, all of them inclusive. Raises Refusal."""
    earliest, latest = 0.0, float("inf")
    for key in (name, f"{name}>", f"{name}<"):
        text = query.get(key)
        if not text:
            continue
        try:
            at = datetime.fromisoformat(text)
        except ValueError as error:
            raise Refusal(20001, f"Invalid parameter {key}: {text}") from error
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        whole_day = len(text) == 10
        # Dates are said in whole seconds, so the second named is all within.
        end = at + (timedelta(days=1) if whole_day else timedelta(seconds=1)) - timedelta(microseconds=1)
        if key != f"{name}<":
            earliest = max(earliest, at.timestamp())
        if key != f"{name}>":
            latest = min(latest, end.timestamp())
    return earliest, latest


class Page(tuple[int, int, str]):
    """Which page is asked for: number, size, token."""

    @classmethod
    def asked(cls, request: Request) -> Page:
        """Raises Refusal."""
        query = request.query
        size, number = query.get("PageSize", str(PAGE_SIZE)), query.get("Page", "0")
        wanted, place = whole_number(size), whole_number(number)
        if not wanted:
            raise Refusal(20001, f"Invalid parameter PageSize: {size}")
        if place is None:
            raise Refusal(20001, f"Invalid parameter Page: {number}")
        return cls((place, min(wanted, PAGE_SIZE_LIMIT), query.get("PageToken", "")))

    def cut(self, things: Sequence[Thing], places: dict[str, int]) -> tuple[Sequence[Thing], bool]:
        """The things on this page, and is there another page? `places` finds a thing by its sid.

        A token names the last thing of the page before, so things that came meanwhile shift nothing.
        """
        number, size, token = self
        start = number * size
        if token:
            place = places.get(token.removeprefix("PA"))
            if place is not None:
                start = place + 1
        return things[start : start + size], len(things) > start + size


def listed_2010(
    request: Request, key: str, rows: Sequence[dict[str, Any]], page: Page, more: bool
) -> Response:
    """A list answer of the 2010-04-01 style."""
    number, size, _ = page
    last = str(rows[-1].get("sid") or "") if rows else ""
    return answer(
        {
            key: rows,
            "end": number * size + max(len(rows) - 1, 0),
            "first_page_uri": _address(request, 0, size),
            "next_page_uri": _address(request, number + 1, size, last) if more else None,
            "page": number,
            "page_size": size,
            "previous_page_uri": _address(request, number - 1, size) if number else None,
            "start": number * size,
            "uri": _address(request, number, size),
        }
    )


def listed_v1(request: Request, key: str, rows: Sequence[dict[str, Any]], page: Page, more: bool) -> Response:
    """A list answer of the later style, which says absolute URLs."""
    number, size, _ = page
    last = str(rows[-1].get("sid") or "") if rows else ""
    base = request.origin
    return answer(
        {
            "meta": {
                "first_page_url": base + _address(request, 0, size),
                "key": key,
                "next_page_url": base + _address(request, number + 1, size, last) if more else None,
                "page": number,
                "page_size": size,
                "previous_page_url": base + _address(request, number - 1, size) if number else None,
                "url": base + _address(request, number, size),
            },
            key: rows,
        }
    )


def _address(request: Request, page: int, size: int, last: str = "") -> str:
    query = [(k, v) for k, v in request.query.items() if k not in ("Page", "PageSize", "PageToken")]
    query += [("PageSize", str(size)), ("Page", str(page))]
    if last:
        query.append(("PageToken", "PA" + last))
    return f"{request.path}?{urlencode(query)}"
