"""Keeping carriers' webhooks: in the database, or in this machine's journal for as long as the database is away.

What came in together shares one commit. What the database has not taken within IN_TIME goes into the journal, and
counts when that is on the disk; from then on it is the database's turn again when it has taken all that the journal
holds. The key of an event is unique for ever, so bringing one in twice changes nothing.

An opt-out counts only when it is obeyed, and without the database it cannot be: another machine may reach it, and
send. So an opt-out goes into the journal too, but its webhook gets no 200, and the carrier tries again. What
the journal says is obeyed before anything else in it is read, and nothing leaves from this machine before that
(`delivery` asks `opt_outs_wait`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

import psycopg
from django.conf import settings

from parley.carriers.base import Carrier
from parley.carriers.form import pairs
from parley.live.dsn import conninfo
from parley.live.nudges import CAME_IN, TEXTS_CHANNEL
from parley.messaging import journal, outcomes, revoking
from parley.messaging.events import AWAKE, LOCK, NewEvent
from parley.messaging.journal import Journal, Left
from parley.messaging.line import Db
from parley.messaging.outcomes import Changes
from parley.messaging.patience import patience
from parley.messaging.revoking import Said

log = logging.getLogger(__name__)

BATCH = 500
OBEYED_AT_ONCE = 50
# How long (seconds) the database may take for what came in together: a webhook is answered within a second.
IN_TIME = 0.8
# Twilio waits 15 s in all; an honest "try again" must come before that.
PATIENCE = 5.0
# While so many come within so long (seconds), one commit begins after GATHER seconds from when the last began, or when
# MUCH wait: each costs the same, and would else hold a webhook or two where each of many machines gets a few. Where one
# takes long, machines or their database are busy: then TIMES as long, LONGEST seconds at the most. Any other webhook is
# committed at once. Where no more came than the time before, whoever sends them waits for these to be answered: so many
# are enough then, and after so many times (TRUST) it is waited for more again.
MANY, LATELY = 5, 0.1
GATHER, LONGEST = 0.01, 0.05
TIMES = 8
MUCH = 16
TRUST = 20
MOST_WAITING = 20_000
# How often (seconds) a journal is looked for that another process has left behind, and a database that is away.
LOOK = 1.0
AGAIN = 0.25
# How long (seconds) the database may take for one batch of the journal before the connection counts as dead.
DEAD_AFTER = 15.0

EVENTS, OPT_OUTS = "events", "opt-outs"

# When it came: an event from the journal says so itself, by its machine's clock, which may be ahead.
# Nobody is woken who is awake (`receiving`): each NOTIFY wakes a process of every machine, and commits that hold one
# wait for each other. Let go at once, or who reads would hardly ever find it free; and CASE alone keeps an order.
INSERT = f"""
    WITH kept AS (
        INSERT INTO messaging_carrierevent
            (carrier, kind, key, attempt_id, shard, form, received_at, trouble)
        SELECT carrier, kind, key, attempt_id, shard, form, least(at, clock_timestamp()), ''
        FROM unnest(%s::text[], %s::text[], %s::text[], %s::uuid[], %s::smallint[], %s::text[], %s::timestamptz[])
            AS came (carrier, kind, key, attempt_id, shard, form, at)
        ON CONFLICT (carrier, key) DO NOTHING
        RETURNING 1
    )
    SELECT CASE WHEN EXISTS (SELECT 1 FROM kept) THEN
        CASE WHEN pg_try_advisory_lock_shared({LOCK}, {AWAKE}) THEN
            ROW(pg_advisory_unlock_shared({LOCK}, {AWAKE}), pg_notify('{TEXTS_CHANNEL}', '{CAME_IN}'))
        END
    END
"""  # noqa: S608  constants of ours


Waiting = tuple[NewEvent, Said | None, "asyncio.Future[bool]"]
# An event, what it says about being texted, and when it came; None: now.
Came = tuple[NewEvent, Said | None, datetime | None]
Write = Callable[[Db, Sequence[Came]], Awaitable[None]]


class StillUnderWay(Exception):
    """An opt-out is committed, but a text to that client may still begin."""


def opt_outs_wait() -> bool:
    """Whether somebody has opted out in a webhook that only this machine's journal holds."""
    return journal.waiting(settings.JOURNAL, OPT_OUTS) > 0


class Intake:
    """Two writers a process, each with a connection and a journal. Nobody is answered before their row is durable."""

    def __init__(self, carriers: Mapping[str, Carrier]) -> None:
        self.outage = Outage()
        under_way = patience().under_way
        self._kept = _Writer(self.outage, BATCH, _insert, IN_TIME, EVENTS)
        self._obeyed = _Writer(self.outage, OBEYED_AT_ONCE, _obey, under_way + 2 * IN_TIME, OPT_OUTS)
        self._patience_to_obey = PATIENCE + under_way
        self._drain = Drain(carriers, self.outage, (self._obeyed.journal, self._kept.journal))
        self._draining: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._kept.start()
        self._obeyed.start()
        self._draining = asyncio.create_task(self._drain.run())

    async def close(self) -> None:
        if self._draining:
            self._draining.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._draining
        await self._kept.close()
        await self._obeyed.close()

    async def keep(self, event: NewEvent, said: Said | None = None) -> bool:
        """True once the event is durable, and obeyed if it `said` to; False if that can't be told in time."""
        if said is None:
            return await self._kept.write(event, None, PATIENCE)
        return await self._obeyed.write(event, said, self._patience_to_obey)


class Outage:
    """Whether this process takes the database for away; and when there is something to bring into it."""

    def __init__(self) -> None:
        self.away = False
        self.look = asyncio.Event()

    def begin(self) -> None:
        if not self.away:
            self.away = True
            log.error("the database is away: webhooks go into the journal")
        self.look.set()

    def end(self) -> None:
        if self.away:
            self.away = False
            log.warning("the database is back, and holds what was in the journal")


class _Writer:
    """One connection and one journal, and what came in together is written together."""

    def __init__(
        self,
        outage: Outage,
        most: int,
        write: Write,
        in_time: float,
        kind: str,
    ) -> None:
        self._outage = outage
        self._most = most
        self._into = write
        self._in_time = in_time
        self.journal = Journal(settings.JOURNAL, kind, settings.SECRET_KEY)
        # Whether an event is dealt with by being in the journal.
        self._journal_counts = kind != OPT_OUTS
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._db: Db | None = None
        self._waiting: list[Waiting] = []
        self._some = asyncio.Event()
        # That the next commit need not wait any longer; and when the last MANY webhooks came (monotonic seconds).
        self._enough = asyncio.Event()
        self._lately: deque[float] = deque(maxlen=MANY)
        # How many are enough, for so many times more; and how many the last commit held.
        self._much, self._trusted, self._last = MUCH, 0, 0
        self._task: asyncio.Task[None] | None = None
        self._given_up: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self.journal.close()
        self._disk.shutdown(wait=False)

    async def write(self, event: NewEvent, said: Said | None, patience: float) -> bool:
        if len(self._waiting) >= MOST_WAITING:
            return False
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        one = event, said, done
        self._waiting.append(one)
        self._lately.append(monotonic())
        self._some.set()
        if len(self._waiting) >= self._much:
            self._enough.set()
        too_late = loop.call_later(patience, _answer, [one], False)
        try:
            return await done
        finally:
            too_late.cancel()

    async def _run(self) -> None:
        began = took = 0.0
        try:
            while True:
                await self._some.wait()
                self._some.clear()
                while self._waiting:
                    await self._gather(began + max(GATHER, min(TIMES * took, LONGEST)))
                    began = monotonic()
                    batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                    self._last = len(batch)
                    if await self._in_database(batch):
                        took = monotonic() - began
                    else:
                        await self._in_journal(batch)
        finally:
            if self._db is not None:
                await self._db.close()

    async def _gather(self, until: float) -> None:
        """While many come: wait till then (monotonic seconds) for what shares the next commit, or till enough wait."""
        now = monotonic()
        many = len(self._lately) == MANY and now - self._lately[0] < LATELY
        self._trusted -= 1
        if self._trusted <= 0:
            self._much = MUCH
        if now >= until or not many or len(self._waiting) >= self._much:
            return
        self._enough.clear()
        in_time = asyncio.get_running_loop().call_later(until - now, self._enough.set)
        try:
            await self._enough.wait()
        finally:
            in_time.cancel()
        came = len(self._waiting)
        if came < self._much and came <= self._last:
            # In vain: whoever sends them waits for these to be answered before the next.
            self._much, self._trusted = came, TRUST

    async def _in_database(self, batch: Sequence[Waiting]) -> bool:
        """Whether the database has dealt with the batch in time."""
        if self._outage.away:
            return False
        work = asyncio.create_task(self._write(batch))
        try:
            await asyncio.wait({work}, timeout=self._in_time)
            if not work.done():
                self._give_up(work)
                raise TimeoutError
            work.result()
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.error("webhooks not kept: %s", type(error).__name__)
            # Neither a deadlock nor a wait for texts under way says anything about the database.
            if not isinstance(error, psycopg.errors.TransactionRollback) and (
                self._journal_counts or not isinstance(error, TimeoutError)
            ):
                self._outage.begin()
                if self._db is not None:
                    db, self._db = self._db, None
                    await db.close()
            return False
        except asyncio.CancelledError:
            work.cancel()
            raise
        return True

    def _give_up(self, work: asyncio.Task[None]) -> None:
        """Let go of a connection that does not answer; to say so to the server may take as long again."""
        db, self._db = self._db, None

        async def end() -> None:
            work.cancel()
            await asyncio.wait({work})
            if not work.cancelled():
                work.exception()
            if db is not None:
                await db.close()

        ending = asyncio.create_task(end())
        self._given_up.add(ending)
        ending.add_done_callback(self._given_up.discard)

    async def _in_journal(self, batch: Sequence[Waiting]) -> None:
        now = datetime.now(UTC)
        records = [_packed(event, said.at if said else now) for event, said, _ in batch]
        try:
            await asyncio.get_running_loop().run_in_executor(self._disk, self.journal.append, records)
            durable = True
        except OSError as error:
            log.error("webhooks not in the journal either: %s", error.strerror)
            durable = False
        self._outage.look.set()
        _answer(batch, durable and self._journal_counts)

    async def _write(self, batch: Sequence[Waiting]) -> None:
        if self._db is None or self._db.closed:
            self._db = await psycopg.AsyncConnection.connect(
                conninfo("hooks"), autocommit=True, connect_timeout=3
            )
        await self._write_on(self._db, batch)

    async def _write_on(self, db: Db, batch: Sequence[Waiting]) -> None:
        dealt_with = await _bring(db, [(event, said, None) for event, said, _ in batch], self._into)
        for one, whole in zip(batch, dealt_with, strict=True):
            _answer([one], bool(whole))


def _answer(batch: Sequence[Waiting], kept: bool) -> None:
    for *_, done in batch:
        if not done.done():
            done.set_result(kept)


async def _insert(db: Db, batch: Sequence[Came]) -> None:
    events = [event for event, *_ in batch]
    await db.execute(
        INSERT,
        [
            [e.carrier for e in events],
            [e.kind for e in events],
            [e.key for e in events],
            [e.attempt_id for e in events],
            [e.shard for e in events],
            [e.form for e in events],
            [at for *_, at in batch],
        ],
    )


async def _obey(db: Db, batch: Sequence[Came]) -> None:
    """Keep the events and obey them, in one transaction. Raises StillUnderWay where the lock is not to be had."""
    texts = [said for _, said, _ in batch if said is not None]
    for wait in (patience().under_way, None):
        changes = Changes()
        try:
            async with db.transaction():
                await _insert(db, batch)
                await revoking.obey(db, texts, changes, wait=wait)
                await outcomes.tell(db, changes)
        except psycopg.errors.LockNotAvailable:
            log.error("an opt-out waited for a text under way in vain")
            continue
        if wait is None:
            raise StillUnderWay
        return


async def _bring(db: Db, batch: Sequence[Came], write: Write) -> list[bool | None]:
    """Write a batch; what spoils it is found one by one, and takes no other with it.

    Of each: True if it is dealt with; False if it is kept but may not be obeyed; None if the database cannot hold it.
    Raises what says that the database is away, or cannot be used as it is.
    """
    try:
        await write(db, batch)
    except StillUnderWay:
        return [False] * len(batch)
    except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
        raise
    except Exception as error:
        spoilt = not isinstance(error, psycopg.Error) or isinstance(
            error, psycopg.DataError | psycopg.IntegrityError
        )
        if write is _insert and not spoilt:
            raise
        if len(batch) > 1:
            return [each for one in batch for each in await _bring(db, [one], write)]
        log.error("a webhook could not be dealt with: %s", type(error).__name__)
        if write is _insert:
            return [None]
        # Kept at least: `receiving` tries to obey it again, and else sets it aside for a person.
        return [False if kept else None for kept in await _bring(db, batch, _insert)]
    return [True] * len(batch)


class Drain:
    """The loop that brings journals into the database: of this process, and of those that left one behind."""

    def __init__(
        self, carriers: Mapping[str, Carrier], outage: Outage | None = None, mine: Sequence[Journal] = ()
    ) -> None:
        self._carriers = carriers
        self._outage = outage or Outage()
        self._mine = mine
        self.stopping = False

    async def run(self) -> None:
        while not self.stopping:
            self._outage.look.clear()
            if self._outage.away or journal.waiting(settings.JOURNAL):
                try:
                    await self._once()
                except (psycopg.Error, OSError, TimeoutError) as error:
                    log.warning("the journal waits: %s", type(error).__name__)
                    await asyncio.sleep(AGAIN)
                    continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._outage.look.wait(), LOOK)

    def stop(self) -> None:
        self.stopping = True
        self._outage.look.set()

    async def _once(self) -> None:
        """All that waits, opt-outs first. Raises what the database or the disk does."""
        async with asyncio.timeout(DEAD_AFTER):
            db = await psycopg.AsyncConnection.connect(
                conninfo("journal"), autocommit=True, connect_timeout=3
            )
        try:
            # What comes meanwhile goes into new files; after the last but few it is the database's turn again.
            while await self._files(db) > BATCH:
                pass
            self._outage.end()
            await self._files(db)
        finally:
            await db.close()

    async def _files(self, db: Db) -> int:
        """How many records of files that are closed were brought in."""
        for mine in self._mine:
            await asyncio.to_thread(mine.close)
        brought = 0
        for kind in (OPT_OUTS, EVENTS):
            for path in journal.left_in(settings.JOURNAL, kind):
                try:
                    left = await asyncio.to_thread(journal.take, path, settings.SECRET_KEY)
                    if left is not None:
                        brought += await self._file(db, left, kind)
                except OSError as error:
                    # It holds up no other file. Nothing leaves from here while it is one of opt-outs.
                    log.error("a journal cannot be read or removed: %s: %s", error.strerror, path)
        return brought

    async def _file(self, db: Db, left: Left, kind: str) -> int:
        try:
            came = [self._came(record, kind) for record in left.records]
            most, write = (OBEYED_AT_ONCE, _obey) if kind == OPT_OUTS else (BATCH, _insert)
            for first in range(0, len(came), most):
                async with asyncio.timeout(DEAD_AFTER):
                    brought = await _bring(db, came[first : first + most], write)
                left.damaged |= None in brought
            await asyncio.to_thread(left.done)
            if left.damaged:
                log.error(
                    "a journal is damaged: what could be read is in the database, all of it in %s", left.path
                )
            return len(came)
        finally:
            left.let_go()

    def _came(self, record: bytes, kind: str) -> Came:
        event, at = _unpacked(record)
        said = None
        if kind == OPT_OUTS and (carrier := self._carriers.get(event.carrier)):
            text = carrier.read_text(pairs(event.form))
            said = revoking.said_by(carrier, text, at) if text else None
        return event, said, at


def _packed(event: NewEvent, at: datetime) -> bytes:
    attempt = event.attempt_id and event.attempt_id.hex
    fields = [event.carrier, event.kind, event.key, attempt, event.shard, event.form, at.timestamp()]
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _unpacked(record: bytes) -> tuple[NewEvent, datetime]:
    carrier, kind, key, attempt, shard, form, at = json.loads(record)
    event = NewEvent(carrier, kind, key, UUID(hex=attempt) if attempt else None, shard, form)
    return event, datetime.fromtimestamp(at, UTC)
