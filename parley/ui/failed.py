"""The page for when something of ours has failed."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.defaults import server_error


def failed(request: HttpRequest) -> HttpResponse:
    """500; while the database is away 503, so that a proxy knows it for a matter of moments."""
    answer: HttpResponse = server_error(request)
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        answer.status_code = 503
        answer["Retry-After"] = "5"
    return answer
