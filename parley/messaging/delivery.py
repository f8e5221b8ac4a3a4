"""The road out, second half: claim, hand to the carrier, record.

    claim    one transaction: the number's lane is locked, texts leave the queue, attempts are written (R1)
    call     no transaction is open; the carrier answers, refuses, or leaves us in doubt (R4)
    record   outcomes of many calls in one transaction, each a conditional UPDATE

Lanes need no lease: whoever claims holds the lane's row for that one transaction and moves `next_at` on by what the
number's pace allows, so a worker that dies holds nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from django.conf import settings

from parley.carriers.base import Accepted, Carrier, Doubt, NotSent, Outgoing, Paused, Refused
from parley.messaging import outcomes
from parley.messaging.line import Db, Line
from parley.messaging.outcomes import Outcome
from parley.messaging.patience import Patience

log = logging.getLogger(__name__)

LANES_AT_ONCE = 64
# How much of a paced number's work one claim takes: a worker that dies leaves at most this much in doubt.
HORIZON = 1.0
# The next share is taken this much before its turn, so that between two shares the number does not fall behind.
AHEAD = 0.5

LOCK_LANES = """
    SELECT l.number_id, n.number, n.pace, n.carrier,
           extract(epoch FROM greatest(l.next_at - clock_timestamp(), interval '0'))::float8 AS ahead
    FROM messaging_lane l JOIN numbers_phonenumber n ON n.id = l.number_id
    WHERE l.next_at <= clock_timestamp() + %(ahead)s * interval '1 second'
      AND n.paused = '' AND n.carrier = ANY(%(carriers)s)
      AND EXISTS (
          SELECT 1 FROM messaging_outbox o WHERE o.number_id = l.number_id AND o.run_at <= clock_timestamp()
      )
    ORDER BY l.next_at
    LIMIT %(lanes)s
    FOR UPDATE OF l SKIP LOCKED
"""

# A second statement, so that it sees what whoever held the lane before us has committed.
TAKE = """
    WITH due AS (
        SELECT o.message_id, lane.number_id
        FROM unnest(%(numbers)s::uuid[], %(budgets)s::int[]) AS lane (number_id, budget),
        LATERAL (
            SELECT o.message_id, o.priority
            FROM messaging_outbox o
            WHERE o.number_id = lane.number_id AND o.run_at <= clock_timestamp()
              -- R3: one open attempt for a pair of numbers, and the pair's texts in order; a member may let a text
              -- go past one that is in doubt if its words differ, for then the carrier's log still tells them apart.
              AND NOT EXISTS (
                  SELECT 1 FROM messaging_attempt a
                  WHERE a.number_id = o.number_id AND a.recipient = o.recipient AND a.state IN ('sending', 'unknown')
                    AND (NOT o.past OR EXISTS (
                        SELECT 1 FROM messaging_message open, messaging_message mine
                        WHERE open.id = a.message_id AND mine.id = o.message_id AND open.body = mine.body
                    ))
              )
              -- One that did not arrive and is tried again only later (the phone was off) holds back nobody until then.
              AND (o.past OR NOT EXISTS (
                  SELECT 1 FROM messaging_outbox older
                  WHERE older.number_id = o.number_id AND older.recipient = o.recipient
                    AND older.message_id < o.message_id AND older.priority <= o.priority
                    AND NOT (older.run_at > clock_timestamp() AND EXISTS (
                        SELECT 1 FROM messaging_attempt lost
                        WHERE lost.message_id = older.message_id AND lost.state = 'lost'
                    ))
              ))
            ORDER BY o.priority, o.message_id
            LIMIT lane.budget
        ) o
    ), taken AS (
        DELETE FROM messaging_outbox USING due WHERE messaging_outbox.message_id = due.message_id
        RETURNING messaging_outbox.*
    ), told AS (
        UPDATE messaging_message m SET state = 'sending', reason = '', code = '', changed_at = clock_timestamp()
        FROM taken WHERE m.id = taken.message_id AND m.state = 'queued'
        RETURNING m.id, m.business_id, m.conversation_id, m.body, m.segments, m.media, taken.number_id,
                  taken.recipient, taken.tries, taken.priority, taken.past
    ), opened AS (
        INSERT INTO messaging_attempt
            (id, business_id, message_id, number_id, recipient, try_number, state, started_at, code, check_at, checks,
             apart)
        SELECT gen_random_uuid(), business_id, id, number_id, recipient, tries + 1, 'sending', clock_timestamp(), '',
               clock_timestamp() + %(lease)s * interval '1 second', 0, CASE WHEN past THEN md5(body) ELSE '' END
        FROM told
        RETURNING id, message_id
    )
    SELECT opened.id AS attempt_id, told.id AS message_id, told.body, told.segments, told.number_id, told.recipient,
           told.tries
    FROM told JOIN opened ON opened.message_id = told.id
    ORDER BY told.priority, told.id
"""

MOVE_ON = """
    UPDATE messaging_lane l
    SET next_at = greatest(l.next_at, clock_timestamp()) + moved.seconds * interval '1 second'
    FROM unnest(%s::uuid[], %s::float8[]) AS moved (number_id, seconds)
    WHERE l.number_id = moved.number_id
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """One text whose attempt is committed: it is ours to hand over, once."""

    attempt_id: UUID
    sender: str
    recipient: str
    body: str
    carrier: str
    tries: int
    wait: float
    claimed_at: float


async def claim(db: Db, *, room: int, carriers: Sequence[str], lease: float) -> list[Claimed]:
    """Take at most `room` texts that are due, each lane at its pace. Commits with the caller's transaction."""
    lanes = await (
        await db.execute(
            LOCK_LANES, {"carriers": list(carriers), "lanes": min(LANES_AT_ONCE, room), "ahead": AHEAD}
        )
    ).fetchall()
    if not lanes:
        return []
    by_number = {lane.number_id: lane for lane in lanes}
    share = max(1, room // len(lanes))
    budgets = [min(share, max(1, int(lane.pace * HORIZON))) if lane.pace else share for lane in lanes]
    rows = await (
        await db.execute(TAKE, {"numbers": list(by_number), "budgets": budgets, "lease": lease})
    ).fetchall()
    now = time.monotonic()
    used: dict[UUID, float] = defaultdict(float)
    claimed = []
    for row in rows:
        lane = by_number[row.number_id]
        claimed.append(
            Claimed(
                row.attempt_id,
                lane.number,
                row.recipient,
                row.body,
                lane.carrier,
                row.tries,
                lane.ahead + used[row.number_id],
                now,
            )
        )
        if lane.pace:
            used[row.number_id] += max(row.segments, 1) / lane.pace
    if used:
        await db.execute(MOVE_ON, [list(used), list(used.values())])
    return claimed


class Delivery:
    """The loop of one worker. `capacity` calls are under way at the most."""

    def __init__(self, carriers: dict[str, Carrier], patience: Patience, capacity: int = 200) -> None:
        self.carriers = carriers
        self.patience = patience
        self.capacity = capacity
        self.wake = asyncio.Event()
        self.stopping = False
        self._calls: set[asyncio.Task[None]] = set()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._paused_until: dict[str, float] = {}

    async def run(self) -> None:
        """Claim and call until `stop`; then wait for what is under way."""
        line = Line("delivery")
        recording = asyncio.create_task(self._record())
        try:
            while not self.stopping:
                self.wake.clear()
                # A quarter at a time: claiming one by one as calls end would cost a commit for each.
                while self.capacity - len(self._calls) < self.capacity // 4:
                    await asyncio.wait(self._calls, return_when=asyncio.FIRST_COMPLETED)
                claimed: list[Claimed] = []
                if open_carriers := self._open_carriers():
                    claimed = await self._claim(line, self.capacity - len(self._calls), open_carriers)
                for text in claimed:
                    call = asyncio.create_task(self._call(text))
                    self._calls.add(call)
                    call.add_done_callback(self._calls.discard)
                if not claimed:
                    await self._sleep(0.25 if self._calls else 1.0)
            if self._calls:
                await asyncio.wait(self._calls)
            await self._outcomes.join()
        finally:
            recording.cancel()
            await line.close()

    def stop(self) -> None:
        self.stopping = True
        self.wake.set()

    async def _sleep(self, longest: float) -> None:
        try:
            await asyncio.wait_for(self.wake.wait(), longest)
        except TimeoutError:
            pass

    def _open_carriers(self) -> list[str]:
        now = time.monotonic()
        return [name for name in self.carriers if self._paused_until.get(name, 0.0) <= now]

    async def _claim(self, line: Line, room: int, open_carriers: list[str]) -> list[Claimed]:
        try:
            return await line.run(
                lambda db: claim(db, room=room, carriers=open_carriers, lease=self.patience.lease)
            )
        except psycopg.errors.UniqueViolation:
            # R3's index refused a second open attempt for a pair: nothing was claimed; look again.
            log.error("claim refused by the index of rule R3")
            await asyncio.sleep(0.1)
            return []

    async def _call(self, text: Claimed) -> None:
        if text.wait:
            await asyncio.sleep(max(0.0, text.claimed_at + text.wait - time.monotonic()))
        self._outcomes.put_nowait(await self._outcome(text))

    async def _outcome(self, text: Claimed) -> Outcome:
        if time.monotonic() - text.claimed_at > self.patience.stale:
            # This worker was stopped or starved; the sweeper may already hold the attempt. It must not begin now.
            return self._later(text, "It waited too long for its turn.", None)
        carrier = self.carriers[text.carrier]
        try:
            answer: Accepted = await carrier.send(
                Outgoing(
                    attempt_id=str(text.attempt_id),
                    sender=text.sender,
                    recipient=text.recipient,
                    body=text.body,
                    status_callback=f"{settings.PUBLIC_URL}/hooks/{carrier.name}/receipt/{text.attempt_id}",
                )
            )
        except NotSent as error:
            return self._later(text, error.words, error.retry_after, error.code)
        except Paused as error:
            self._paused_until[text.carrier] = time.monotonic() + self.patience.paused
            log.error("carrier %s refused our account: %s", text.carrier, error.code)
            return self._later(text, error.words, self.patience.paused, error.code)
        except Refused as error:
            return Outcome(
                text.attempt_id,
                "refused",
                words=error.told,
                code=error.code or "",
                opted_out=error.opted_out,
                reach=error.reach,
                verbatim=error.verbatim,
            )
        except Doubt as error:
            return Outcome(text.attempt_id, "unknown", words=error.words, code=error.code or "")
        except Exception as error:
            # Not one of the carrier's own errors: whether bytes went out is exactly what nobody knows.
            log.error("carrier %s raised %s", text.carrier, type(error).__name__)
            return Outcome(text.attempt_id, "unknown", words="")
        return Outcome(text.attempt_id, "bound", carrier_id=answer.carrier_id, segments=answer.segments or 0)

    def _later(
        self, text: Claimed, words: str, retry_after: float | None, code: str | None = None
    ) -> Outcome:
        wait = self.patience.backoff(text.tries) * random.uniform(0.8, 1.2)  # noqa: S311  jitter, not a secret
        return Outcome(
            text.attempt_id, "not_sent", words=words, code=code or "", wait=max(wait, retry_after or 0.0)
        )

    async def _record(self) -> None:
        """Write outcomes down, as many as have come in at once."""
        line = Line("outcomes")
        while True:
            batch = [await self._outcomes.get()]
            while not self._outcomes.empty() and len(batch) < 500:
                batch.append(self._outcomes.get_nowait())
            try:
                await outcomes.record(line, batch, self.patience)
            except Exception as error:
                # The attempts stay open; their leases end and they are settled as doubt.
                log.error("outcomes not recorded: %s", type(error).__name__)
            for _ in batch:
                self._outcomes.task_done()
            self.wake.set()
