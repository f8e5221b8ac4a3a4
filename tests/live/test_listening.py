"""A line that waits to be told costs nothing until then."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg.abc import PQGen
from psycopg.pq.abc import PGconn
from psycopg.waiting import WAIT_R

from parley.live.dsn import conninfo
from parley.live.listening import Listening

pytestmark = pytest.mark.django_db(transaction=True)


def woken(line: PGconn) -> PQGen[int]:
    """How often it was woken until something had come."""
    times = 0
    while True:
        something = yield WAIT_R
        times += 1
        if something:
            line.consume_input()
            return times


async def test_who_listens_is_woken_only_by_what_is_said() -> None:
    async with (
        asyncio.timeout(30),
        await Listening.connect(conninfo("test"), autocommit=True) as listening,
        await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as db,
    ):
        await listening.execute("LISTEN anything")
        waiting = asyncio.create_task(listening.wait(woken(listening.pgconn)))
        await db.execute("SELECT pg_sleep(0.5), pg_notify('anything', 'said')")
        assert await waiting == 1
