"""What stands around the pages that clients open without sign-in, where the address holds the key.

Nobody's index or cache keeps them; and what cannot be shown is said in plain words, in the visitor's language.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Mapping

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from parley.businesses.models import User
from parley.clients.languages import language_asked

View = Callable[..., HttpResponse]
# By language.
Words = Mapping[str, Mapping[str, str]]


class TooMany(Exception):
    """One address was asked too often within a minute."""


def public(words: Words, headers: Mapping[str, str] | None = None) -> Callable[[View], View]:
    """Guard a view of this kind. `words` says `missing`, `many` and `away`, and `…_words` of each, in each language.

    `headers` are set on every answer.
    """

    def guard(view: View) -> View:
        @never_cache
        @functools.wraps(view)
        def guarded(request: HttpRequest, **key: str) -> HttpResponse:
            try:
                response = view(request, **key)
            except Http404:
                response = instead(request, words, "missing", 404)
            except TooMany:
                response = instead(request, words, "many", 429)
            except (OperationalError, InterfaceError):
                # The database is away, or what we wait for is held for longer than we wait.
                response = instead(request, words, "away", 503)
                response.headers["Retry-After"] = "5"
            response.headers["X-Robots-Tag"] = "noindex, nofollow"
            for name, value in (headers or {}).items():
                response.headers[name] = value
            return response

        return guarded

    return guard


def instead(request: HttpRequest, words: Words, why: str, status: int) -> HttpResponse:
    """Plain words in the place of a page."""
    language = language_asked(request)
    said = words[language]
    context = {"language": language, "words": said, "title": said[why], "said": said[f"{why}_words"]}
    return render(request, "clients/instead.html", context, status=status)


def a_member_looks(request: HttpRequest, business_id: uuid.UUID) -> bool:
    """Is it somebody of the business itself, who reads what was sent?"""
    user = request.user
    return isinstance(user, User) and any(member.business_id == business_id for member in user.works_for)
