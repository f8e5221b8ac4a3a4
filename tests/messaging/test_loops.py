"""The loops of `parley texts` look when there is something to find, and not more often than it pays."""

from __future__ import annotations

import asyncio
import itertools
import time
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest

from parley.live.dsn import conninfo
from parley.live.nudges import CAME_IN, TEXTS_CHANNEL
from parley.messaging import delivery, intake, receiving
from parley.messaging.delivery import Claimed, Delivery
from parley.messaging.events import AWAKE, LOCK, TURN, NewEvent
from parley.messaging.intake import INSERT, Intake
from parley.messaging.line import Line
from parley.messaging.loops import _listen
from parley.messaging.models import CarrierEvent
from parley.messaging.patience import Patience
from parley.messaging.receiving import Receiving

pytestmark = pytest.mark.django_db(transaction=True)
MAYA, OURS = "+15035550118", "+18555550142"


class Reader(Receiving):
    """Finds one event at each look, as one of many machines does."""

    looks = 0
    enough = asyncio.Event()

    async def _batch(self, line: Line, *_: object) -> int:
        self._turn = line.session
        self.looks += 1
        if self.looks == 6:
            self.enough.set()
        self.wake.set()
        return 1


class Sender(Delivery):
    """Is woken at each look and finds nothing: another machine was quicker, or all waits for texts under way."""

    looks = 0
    enough = asyncio.Event()

    async def _claim(self, room: int, open_carriers: list[str]) -> list[Claimed]:
        self.looks += 1
        if self.looks == 6:
            self.enough.set()
        self.wake.set()
        return []


class OneByOne(Sender):
    """Finds one text at each look."""

    enough = asyncio.Event()

    async def _claim(self, *given: Any) -> list[Claimed]:
        await super()._claim(*given)
        return [Claimed(uuid4(), OURS, MAYA, "Hello", "twilio", 0, 0.0, 0.0, 0)]

    async def _call(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("loop", "apart"),
    [
        (Reader({}, Patience()), receiving.GATHER),
        # 20, 40 and three times 80 ms.
        (Sender({"twilio": object()}, Patience()), 3 * delivery.SOONEST),  # type: ignore[dict-item]
        (OneByOne({"twilio": object()}, Patience()), delivery.SOONEST),  # type: ignore[dict-item]
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


@pytest.mark.parametrize("pause", ["GATHER", "LONGEST"])
async def test_webhooks_share_a_commit_while_many_come(pause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a while; and for longer where a commit takes long."""
    now = 1000.0
    ticks = itertools.count()
    monkeypatch.setattr(intake, "monotonic", lambda: now + next(ticks) / 1e9)
    if pause == "LONGEST":
        monkeypatch.setattr(intake, "GATHER", 0.0)
        monkeypatch.setattr(intake, "TIMES", 1e12)
    # Longer than anybody waits here: what is put off hangs.
    monkeypatch.setattr(intake, pause, 600.0)
    few, much, more = (
        [f"{name}{n}" for n in range(count)]
        for name, count in (("few", intake.MANY - 1), ("much", intake.MUCH), ("more", intake.MANY - 1))
    )
    door = Intake({})
    door.start()
    try:
        async with asyncio.timeout(30):
            # Each is committed at once.
            for key in few:
                assert await keep(door, key)
            # With the next one it is many.
            following = [asyncio.create_task(keep(door, key)) for key in much[:-1]]
            # Without a pause they would be on their way to the database by now.
            for _ in range(10):
                await asyncio.sleep(0)
            assert await keep(door, much[-1]), "so many wait for no clock"
            assert all(await asyncio.gather(*following))
            monkeypatch.setattr(intake, pause, 0.01)
            assert all(await asyncio.gather(*(keep(door, key) for key in "abc"))), "put off, not given up"
            monkeypatch.setattr(intake, pause, 600.0)
            # Nobody else came meanwhile, so these three are all that can come at a time.
            assert all(await asyncio.gather(*(keep(door, key) for key in "def")))
            monkeypatch.setattr(intake, pause, 0.01)
            assert await keep(door, "alone")
            monkeypatch.setattr(intake, pause, 600.0)
            # That was in vain, so the next are not put off.
            for key in more:
                assert await keep(door, key)
            now += intake.LATELY
            assert await keep(door, "later"), "the others were long ago"
    finally:
        await door.close()
    async with await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as db:
        found = await db.execute("SELECT key, xmin::text FROM messaging_carrierevent")
        commits: dict[str, str] = dict(await found.fetchall())
    assert commits.keys() == {*few, *much, *"abcdef", *more, "alone", "later"}
    assert len({commits[key] for key in few + more}) == len(few + more)
    assert [len({commits[key] for key in together}) for together in (much, "abc", "def")] == [1, 1, 1]


async def keep(door: Intake, key: str) -> bool:
    return await door.keep(NewEvent("nobody", "text", key, None, 1, "Body=x"))


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


class Counted(Receiving):
    looks = 0

    async def _batch(self, *given: Any) -> int:
        self.looks += 1
        return await super()._batch(*given)


async def came_in(db: psycopg.AsyncConnection[Any], key: str) -> None:
    """An event that nobody can read, which is enough to see that somebody has: it is set aside."""
    now = datetime.now(UTC)
    await db.execute(INSERT, [["nobody"], ["text"], [key], [None], [1], ["Body=x"], [now]])


async def set_aside(key: str) -> None:
    async with asyncio.timeout(10):
        while not await CarrierEvent.objects.filter(key=key).exclude(trouble="").aexists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_one_worker_reads_for_all_and_the_next_takes_over_from_it(line: Line) -> None:
    first, second = Counted({}, Patience()), Counted({}, Patience())
    reading = [asyncio.create_task(first.run())]
    async with await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as db:
        await came_in(db, "a")
        first.wake.set()
        await set_aside("a")
        reading.append(asyncio.create_task(second.run()))
        for turn in range(5):
            await came_in(db, f"b{turn}")
            first.wake.set()
            second.wake.set()
            await set_aside(f"b{turn}")
        # Each text was read by the first, and each look of the second costs the same as one that finds something.
        assert first.looks >= 5 > second.looks
        first.stop()
        await reading[0]
        # Nobody is woken now.
        await came_in(db, "c")
        await set_aside("c")
        second.stop()
        await reading[1]


async def test_what_the_worker_that_has_the_turn_leaves_is_read_by_another(line: Line) -> None:
    """It hangs, say: its session has the turn, and says that nobody need be woken."""
    reader = Counted({}, Patience())
    async with await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as db:
        for lock in (TURN, AWAKE):
            await db.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, lock])
        reading = asyncio.create_task(reader.run())
        await came_in(db, "a")
        await set_aside("a")
        reader.stop()
        await reading


async def test_nobody_is_woken_who_is_awake() -> None:
    async with (
        asyncio.timeout(10),
        await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as listening,
        await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as db,
    ):
        await listening.execute(f"LISTEN {TEXTS_CHANNEL}")
        await listening.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, AWAKE])
        await came_in(db, "a")
        await db.execute("SELECT pg_notify(%s, 'said after it')", [TEXTS_CHANNEL])
        await listening.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, AWAKE])
        await came_in(db, "b")
        heard = [said.payload async for said in listening.notifies(stop_after=2)]
        assert heard == ["said after it", CAME_IN]
        # And who asked whether somebody is awake keeps nobody from saying so.
        [[free]] = await (
            await listening.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK, AWAKE])
        ).fetchall()
        assert free


async def test_who_finds_all_in_others_hands_stays_awake(line: Line) -> None:
    """Else every webhook would wake a process of each machine for as long as the second reader is the busy one."""
    reader = Counted({}, Patience())
    async with (
        asyncio.timeout(30),
        await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as db,
        await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as other,
    ):

        async def awake() -> bool:
            [[free]] = await _all(db, f"SELECT pg_try_advisory_lock({LOCK}, {AWAKE})")
            if free:
                await db.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, AWAKE])
            return not free

        reading = asyncio.create_task(reader.run())
        for turn in itertools.count():
            if await awake():
                break
            await came_in(db, f"a{turn}")
            reader.wake.set()
            await asyncio.sleep(0.01)
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock(%s, 1)", [LOCK])
            await came_in(db, "held")
            looks = reader.looks
            while reader.looks < looks + 5:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert await awake()
        await set_aside("held")
        while await awake():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        reader.stop()
        await reading


async def test_a_worker_that_is_frozen_loses_the_turn() -> None:
    line = Line("test", silent=receiving.SILENT)
    [[ends_after]] = await line.run(lambda db: _all(db, "SHOW idle_session_timeout"))
    assert ends_after == f"{receiving.SILENT}s"
    await line.close()


async def _all(db: psycopg.AsyncConnection[Any], question: LiteralString) -> list[Any]:
    return await (await db.execute(question)).fetchall()
