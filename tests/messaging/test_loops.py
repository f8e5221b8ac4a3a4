"""The loops of `parley texts` look when there is something to find, and not more often than it pays."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from parley.live.dsn import conninfo
from parley.live.nudges import CAME_IN, TEXTS_CHANNEL
from parley.messaging import delivery, receiving
from parley.messaging.delivery import Claimed, Delivery
from parley.messaging.intake import INSERT
from parley.messaging.loops import _listen
from parley.messaging.patience import Patience
from parley.messaging.receiving import Receiving

pytestmark = pytest.mark.django_db(transaction=True)


class Reader(Receiving):
    """Finds one event at each look, as one of many machines does."""

    looks = 0
    enough = asyncio.Event()

    async def _batch(self, *_: object) -> int:
        self.looks += 1
        if self.looks == 6:
            self.enough.set()
        self.wake.set()
        return 1


class Sender(Delivery):
    """Is woken at each look and finds nothing: another machine was quicker."""

    looks = 0
    enough = asyncio.Event()

    async def _claim(self, room: int, open_carriers: list[str]) -> list[Claimed]:
        self.looks += 1
        if self.looks == 6:
            self.enough.set()
        self.wake.set()
        return []


@pytest.mark.parametrize(
    ("loop", "apart"),
    [
        (Reader({}, Patience()), receiving.GATHER),
        (Sender({"twilio": object()}, Patience()), delivery.SOONEST),  # type: ignore[dict-item]
    ],
)
async def test_small_finds_are_gathered(loop: Reader | Sender, apart: float) -> None:
    began = time.monotonic()
    running = asyncio.create_task(loop.run())
    await loop.enough.wait()
    took = time.monotonic() - began
    loop.stop()
    await running
    assert took >= 5 * apart >= 0.05


async def test_what_came_in_wakes_only_who_reads_it() -> None:
    going_out, coming_in = asyncio.Event(), asyncio.Event()
    listening = asyncio.create_task(_listen(going_out, coming_in))
    async with (
        asyncio.timeout(10),
        await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as db,
    ):
        for said, woken, other in ((CAME_IN, coming_in, going_out), ("", going_out, coming_in)):
            # Each is woken once when the listening begins: something may have been said before.
            await asyncio.gather(going_out.wait(), coming_in.wait())
            going_out.clear()
            coming_in.clear()
            await db.execute("SELECT pg_notify(%s, %s)", [TEXTS_CHANNEL, said])
            await woken.wait()
            assert not other.is_set()
            other.set()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


def test_a_webhook_says_that_something_came_in() -> None:
    assert f"pg_notify('{TEXTS_CHANNEL}', '{CAME_IN}')" in INSERT
