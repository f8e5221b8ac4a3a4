"""A nudge says that something changed; whoever is shown it asks for what changed.

One NOTIFY a commit: PostgreSQL hands it out only once the transaction is in, so nobody is told of what was not kept.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable

from django.db import connection

CHANNEL = "parley"
TEXTS_CHANNEL = "parley_texts"
# What is said there when something has come in; nothing is said when something may go out.
CAME_IN = "in"
# PostgreSQL refuses a payload of 8,000 bytes or more; 100 ids of 36 characters stay below.
MOST_IDS = 100


def payload(
    business: uuid.UUID | str, conversations: Iterable[uuid.UUID | str], *, news: bool = False
) -> str:
    """What travels: whose business, which conversations changed, and whether there is something to notify of.

    Too many conversations become an empty list, which means "anything may have changed".
    """
    ids = sorted({str(c) for c in conversations})
    return json.dumps(
        {"b": str(business), "c": ids if len(ids) <= MOST_IDS else [], "n": news}, separators=(",", ":")
    )


def whose(said: str) -> str:
    """The business in a `payload`. Every machine hears of all businesses: this is less work than reading it all."""
    return said[6:42]


def nudge(business: uuid.UUID, conversations: Iterable[uuid.UUID], *, news: bool = False) -> None:
    """Tell every open page of the business, when the current transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload(business, conversations, news=news)])


def wake_texts() -> None:
    """Tell the loops of `parley texts` that there is work, when the current transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [TEXTS_CHANNEL])
