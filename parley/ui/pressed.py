"""A button that was pressed twice: once in one page is once."""

from __future__ import annotations

import uuid

from django.http import QueryDict


def key_of(given: QueryDict) -> uuid.UUID:
    """What `{% press %}` put into a form: the same however often it is sent. Without it each time is another."""
    try:
        return uuid.UUID(given.get("press", ""))
    except ValueError:
        return uuid.uuid4()
