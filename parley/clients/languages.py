"""In which language a client is spoken to. The languages themselves: `businesses.languages`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest

from parley.businesses.languages import LOCALES, Language, known

if TYPE_CHECKING:
    from parley.businesses.models import Business
    from parley.clients.models import Client

__all__ = ["LOCALES", "Language", "known", "language_asked", "language_of"]


def language_of(business: Business, client: Client | None = None) -> str:
    """The client's, else the business's, else English."""
    return (client and known(client.language)) or known(business.language) or Language.EN.value


def language_asked(request: HttpRequest) -> str:
    """The first language that the browser prefers and we have words in, else English."""
    for told in request.headers.get("Accept-Language", "")[:200].split(","):
        if found := known(told.split(";")[0].strip()):
            return found
    return Language.EN.value
