"""A column as PostgreSQL reads it is the column that was written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from django.db import connection

from parley.messaging import columns

pytestmark = pytest.mark.django_db

NASTY = [
    "",
    "NULL",
    "null",
    'a "b" c',
    "\\",
    '\\"',
    "{a,b}",
    "a,b",
    " a ",
    "line\nbreak\t",
    "👩🏽‍🚀 é",
    "%s",
    "'; --",
]


def test_what_is_written_is_read() -> None:
    ids = [uuid4(), None, uuid4()]
    moments = [
        datetime(2026, 11, 26, 1, 2, 3, 456, UTC),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-8))),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT %s::text[], %s::uuid[], %s::int[], %s::timestamptz[], %s::text[], %s::timestamptz[]",
            [
                columns.texts(NASTY),
                columns.uuids(ids),
                columns.integers([0, -1, 32767]),
                columns.moments(moments),
                columns.texts([]),
                columns.moments([]),
            ],
        )
        assert cursor.fetchone() == (NASTY, ids, [0, -1, 32767], moments, [], [])
