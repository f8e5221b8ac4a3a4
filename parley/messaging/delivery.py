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
import zoneinfo
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from psycopg.types.json import Jsonb

from parley.carriers.base import Accepted, Carrier, Doubt, NotSent, Outgoing, Paused, Refused
from parley.clients.consent import LOCK, LOCK_KEY
from parley.messaging import columns, outcomes, quarantine, revoking, sending, why
from parley.messaging.intake import opt_outs_wait
from parley.messaging.line import Db, Line
from parley.messaging.outcomes import Changes, Outcome
from parley.messaging.patience import Patience
from parley.messaging.sending import ROOM_TO_ARRIVE
from parley.pulse.beats import Heart
from parley.quota import ledger
from parley.sms import quiet_hours

log = logging.getLogger(__name__)

LANES_AT_ONCE = 64
# As few as this where the first ones fill what a worker has room for: the others are left to other workers.
FEWEST_LANES = 4
# So many of each lane and priority take their places in it at once when they come due.
RISEN_AT_ONCE = 200
# How soon (seconds) a worker that found nothing looks again; it waits twice as long each time, a second at the most.
# Woken or not, no sooner: other machines look too. Nor does one that found less than MUCH: more comes meanwhile.
SOONEST = 0.02
MUCH = 16
# Everybody is woken for each text. Who comes too late time and again, because another is at it, or too early, because
# all that is due waits for texts under way, looks seldomer: from one look to the next at most so long (seconds), until
# there is something to find.
IN_VAIN = 0.08
# How much of a paced number's work one claim takes: a worker that dies leaves at most this much in doubt.
HORIZON = 1.0
# The next share is taken this much before its turn, so that between two shares the number does not fall behind.
AHEAD = 0.5
# How long (seconds) after all of a request was handed to the network its client is let go, if no answer came sooner.
ON_ITS_WAY = 0.5
# And how long (seconds) it may take to say so to the database, so that many are let go by one statement.
LET_GO_WITHIN = 0.02
# From one writing down of outcomes to the next at least so long (seconds): those that came meanwhile share a commit.
RECORDED_WITHIN = 0.05
# The server takes R6's locks from a worker that is cut off or frozen so long (seconds) after its claims are stale:
# later than it begins anything, for what was not stale yet may still wait for a connection to the carrier (7).
HELD_ON = 15
# Marketing whose window has closed is given another so many at once, and looked for so often (seconds).
PLANNED_AT_ONCE = 200
LOOK_FOR_CLOSED = 5.0

# What has come due of those that wait. Not clock_timestamp(): an index cannot be read up to what changes meanwhile.
COME_DUE = """
    number_id = {0} AND waits AND priority = {1} AND run_at <= statement_timestamp()
"""
# Nothing leaves of a database that went back in time (R9).
LOCK_LANES = f"""
    SELECT l.number_id, n.number, n.pace, n.carrier,
           extract(epoch FROM greatest(l.next_at - clock_timestamp(), interval '0'))::float8 AS ahead,
           EXISTS (
               SELECT 1 FROM messaging_outbox WHERE {COME_DUE.format("l.number_id", "ANY('{0,1,2}')")}
           ) AS some_come_due
    FROM messaging_lane l JOIN numbers_phonenumber n ON n.id = l.number_id
    WHERE l.next_at <= clock_timestamp() + %(ahead)s * interval '1 second'
      AND n.paused = '' AND n.carrier = ANY(%(carriers)s) AND NOT {quarantine.HELD}
      AND (
          EXISTS (
              SELECT 1 FROM messaging_outbox o
              WHERE o.number_id = l.number_id AND NOT o.waits AND o.run_at <= clock_timestamp()
          )
          OR EXISTS (SELECT 1 FROM messaging_outbox WHERE {COME_DUE.format("l.number_id", "ANY('{0,1,2}')")})
      )
    ORDER BY l.next_at
    LIMIT %(lanes)s
    FOR UPDATE OF l SKIP LOCKED
"""  # noqa: S608  our own constants

# Of lanes that are held, so that no two of these, or of these and TAKE, can wait for each other. Of each priority by
# itself: a member's text must not stand behind a bulk that came due before it.
RISE = f"""
    UPDATE messaging_outbox SET waits = false WHERE message_id IN (
        SELECT o.message_id FROM unnest(%(numbers)s::uuid[]) AS lane (number_id),
             generate_series(0, 2) AS of (priority),
        LATERAL (
            SELECT message_id FROM messaging_outbox WHERE {COME_DUE.format("lane.number_id", "of.priority")}
            ORDER BY run_at LIMIT {RISEN_AT_ONCE} FOR UPDATE SKIP LOCKED
        ) o
    )
"""  # noqa: S608  our own constants

# What is due, and R6's lock on each: held from before the claim until the request is out, by this session. Whoever is
# just being opted out is passed over. A second statement, so that it sees what whoever held the lane before us has
# committed; and the next a third, so that it sees the opt-outs that were committed before we got the lock.
PICK = f"""
    WITH due AS MATERIALIZED (
        SELECT o.*, {LOCK_KEY.format(business="o.business_id", phone="o.recipient")} AS key
        FROM unnest(%(numbers)s::uuid[], %(budgets)s::int[], %(segments)s::int[]) AS lane (number_id, budget, segments),
        LATERAL (
            SELECT o.message_id, o.business_id, o.number_id, o.recipient, o.priority, lane.segments AS most,
                   CASE WHEN lane.segments IS NULL THEN 0
                        ELSE (SELECT m.segments FROM messaging_message m WHERE m.id = o.message_id) END AS segments
            FROM messaging_outbox o
            LEFT JOIN clients_handset h ON h.business_id = o.business_id AND h.phone = o.recipient
            WHERE o.number_id = lane.number_id AND NOT o.waits AND o.run_at <= clock_timestamp()
              -- Quiet hours: what could arrive after its window closes waits for the next one.
              AND (o.closes_at IS NULL OR o.closes_at > clock_timestamp() + %(arriving)s)
              -- While nobody knows whether they opted out, only what a member writes leaves.
              AND (o.priority = 0 OR o.confirms OR coalesce(h.doubt_ends_at, '-infinity') <= clock_timestamp())
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
    ), one AS MATERIALIZED (
        -- Of a pair a member's text may be due beside an older one that nobody wrote: one at a time.
        SELECT DISTINCT ON (number_id, recipient) * FROM due
        ORDER BY number_id, recipient, priority, message_id
    ), share AS MATERIALIZED (
        -- Of a paced number the share is counted in segments: a text that is written now must not wait for long ones.
        SELECT message_id, key, most, sum(segments) OVER turn AS segments, row_number() OVER turn AS turn FROM one
        WINDOW turn AS (PARTITION BY number_id ORDER BY priority, message_id)
    )
    SELECT message_id, key, pg_try_advisory_lock_shared({LOCK}, key) AS held FROM share
    WHERE turn = 1 OR most IS NULL OR segments <= most
"""  # noqa: S608  our own constants

TAKE = """
    WITH due AS (
        SELECT o.message_id,
               -- R6's gate: asked of the row that an opt-out writes, when no opt-out can be under way.
               NOT o.confirms AND (
                   coalesce(h.service = 'refused', false) OR coalesce(h.doubt_ends_at <= clock_timestamp(), false)
                   OR (o.priority = 2 AND coalesce(h.marketing, '') <> 'agreed')
               ) AS refused,
               coalesce(h.service = 'refused', false) OR coalesce(h.doubt_ends_at <= clock_timestamp(), false)
                   AS from_all
        FROM messaging_outbox o
        LEFT JOIN clients_handset h ON h.business_id = o.business_id AND h.phone = o.recipient
        WHERE o.message_id = ANY(%(picked)s::uuid[])
    ), taken AS (
        DELETE FROM messaging_outbox USING due WHERE messaging_outbox.message_id = due.message_id
        RETURNING messaging_outbox.*, due.refused, due.from_all
    ), told AS (
        UPDATE messaging_message m SET state = 'sending', reason = '', code = '', changed_at = clock_timestamp()
        FROM taken WHERE m.id = taken.message_id AND m.state = 'queued' AND NOT taken.refused
        RETURNING m.id, m.business_id, m.conversation_id, m.body, m.segments, m.media, taken.number_id,
                  taken.recipient, taken.tries, taken.priority, taken.past, taken.closes_at
    ), canceled AS (
        UPDATE messaging_message m
        SET state = 'canceled', code = '', changed_at = clock_timestamp(),
            reason = CASE WHEN taken.from_all THEN %(opted_out)s ELSE %(no_marketing)s END
        FROM taken WHERE m.id = taken.message_id AND m.state = 'queued' AND taken.refused
        RETURNING m.id, m.business_id, m.conversation_id
    ), opened AS (
        INSERT INTO messaging_attempt
            (id, business_id, message_id, number_id, recipient, try_number, state, started_at, code, check_at, checks,
             apart)
        SELECT gen_random_uuid(), business_id, id, number_id, recipient, tries + 1, 'sending', clock_timestamp(), '',
               clock_timestamp() + %(lease)s * interval '1 second', 0, CASE WHEN past THEN md5(body) ELSE '' END
        FROM told
        RETURNING id, message_id
    )
    SELECT opened.id AS attempt_id, told.id AS message_id, told.business_id, told.conversation_id, told.body,
           told.segments, told.number_id, told.recipient, told.tries, told.priority,
           extract(epoch FROM told.closes_at - clock_timestamp())::float8 AS closes_in
    FROM told JOIN opened ON opened.message_id = told.id
    UNION ALL
    SELECT NULL, id, business_id, conversation_id, '', 0, NULL, '', 0, 0, NULL FROM canceled
    ORDER BY priority, message_id
"""

LET_GO = f"SELECT pg_advisory_unlock_shared({LOCK}, key) FROM unnest(%s::int[]) key"  # noqa: S608  our own constant

MOVE_ON = """
    UPDATE messaging_lane l
    SET next_at = greatest(l.next_at, clock_timestamp()) + moved.seconds * interval '1 second'
    FROM unnest(%s::uuid[], %s::float8[]) AS moved (number_id, seconds)
    WHERE l.number_id = moved.number_id
"""


CLOSED = """
    SELECT o.message_id, o.business_id, o.recipient, m.conversation_id, clock_timestamp() AS now,
           c.time_zone, c.region, c.postal_code, b.time_zone AS business_zone
    FROM messaging_outbox o
    JOIN messaging_message m ON m.id = o.message_id
    JOIN messaging_conversation v ON v.business_id = m.business_id AND v.id = m.conversation_id
    JOIN clients_client c ON c.business_id = v.business_id AND c.id = v.client_id
    JOIN businesses_business b ON b.id = o.business_id
    WHERE o.closes_at <= clock_timestamp() + %s ORDER BY o.closes_at LIMIT %s FOR UPDATE OF o SKIP LOCKED
"""
NEXT_WINDOW = """
    WITH moved AS (
        UPDATE messaging_outbox SET run_at = greatest(run_at, %(opens_at)s), closes_at = %(closes_at)s
        WHERE message_id = %(message)s
    )
    UPDATE messaging_message SET reason = %(reason)s, why = jsonb_set(why, '{quiet}', %(quiet)s),
        changed_at = clock_timestamp()
    WHERE id = %(message)s AND state = 'queued'
"""
NO_WINDOW = """
    WITH gone AS (DELETE FROM messaging_outbox WHERE message_id = %(message)s)
    UPDATE messaging_message SET state = 'canceled', reason = %(reason)s, changed_at = clock_timestamp()
    WHERE id = %(message)s AND state = 'queued'
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
    # The second half of R6's lock, held by the session that claimed; and how long (seconds) the text may be on its way.
    key: int
    validity: float | None = None


async def claim(
    db: Db,
    *,
    room: int,
    carriers: Sequence[str],
    lease: float,
    held: list[int] | None = None,
    lanes_at_once: int = LANES_AT_ONCE,
) -> list[Claimed]:
    """Take at most `room` texts that are due, each lane at its pace. Commits with the caller's transaction.

    What may not be sent any more is canceled, and not paid for. `held` gets the keys of R6's locks that this session
    holds from now on, also when this fails: whoever calls lets go of them (`let_go`), of those whose text was
    claimed when it is out.
    """
    lanes = await lock_lanes(db, carriers, min(lanes_at_once, room))
    return (
        await take(db, lanes, room, lease, held, stepping_back=len(lanes) == lanes_at_once) if lanes else []
    )


async def lock_lanes(db: Db, carriers: Sequence[str], most: int) -> list[Any]:
    """The lanes whose turn it is and in which something is due, held until the transaction ends."""
    given = {"carriers": list(carriers), "lanes": most, "ahead": AHEAD} | quarantine.SEEN.parameters
    return await (await db.execute(LOCK_LANES, given)).fetchall()


async def take(
    db: Db, lanes: Sequence[Any], room: int, lease: float, held: list[int] | None, *, stepping_back: bool
) -> list[Claimed]:
    """The rest of `claim`, of lanes that are held. `stepping_back`: others wait for their turn behind these."""
    if rising := [lane.number_id for lane in lanes if lane.some_come_due]:
        await db.execute(RISE, {"numbers": columns.uuids(rising)})
    by_number = {lane.number_id: lane for lane in lanes}
    share = max(1, room // len(lanes))
    segments = [max(1, int(lane.pace * HORIZON)) if lane.pace else None for lane in lanes]
    budgets = [min(share, most or share) for most in segments]
    due = {
        "numbers": list(by_number),
        "budgets": budgets,
        "segments": segments,
        "arriving": ROOM_TO_ARRIVE,
    }
    picked = {row.message_id: row.key for row in await (await db.execute(PICK, due)).fetchall() if row.held}
    if held is not None:
        held.extend(picked.values())
    take = {"picked": columns.uuids(picked), "lease": lease, **revoking.WORDS}
    rows = await (await db.execute(TAKE, take)).fetchall() if picked else []
    now = time.monotonic()
    used: dict[UUID, float] = defaultdict(float)
    claimed = []
    changes = Changes()
    canceled = []
    for row in rows:
        if row.attempt_id is None:
            canceled.append(row.message_id)
            changes.conversations[row.business_id].add(row.conversation_id)
            continue
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
                picked[row.message_id],
                row.closes_in,
            )
        )
        if lane.pace:
            used[row.number_id] += max(row.segments, 1) / lane.pace
    if stepping_back:
        # Those whose texts all wait for something step back, or they would be looked at again before all others.
        used |= {number: 0.0 for number in by_number if number not in used}
    if used:
        await db.execute(MOVE_ON, [list(used), list(used.values())])
    if canceled:
        await db.execute(ledger.REFUND, {"messages": canceled})
        await outcomes.tell(db, changes)
    return claimed


async def let_go(db: Db, keys: Sequence[int]) -> None:
    """Give back R6's locks of this session. A session that has ended holds none."""
    await db.execute(LET_GO, [columns.integers(keys)])


async def plan_again(db: Db, most: int) -> int:
    """Give marketing whose window has closed its next one. Returns how many texts were looked at."""
    rows: list[Any] = await (await db.execute(CLOSED, [ROOM_TO_ARRIVE, most])).fetchall()
    changes = Changes()
    for row in rows:
        place = quiet_hours.Place(row.recipient, row.time_zone, row.region, row.postal_code)
        zone = zoneinfo.ZoneInfo(row.business_zone)
        try:
            window = quiet_hours.next_window(row.now + ROOM_TO_ARRIVE, place)
        except quiet_hours.NoWindow:
            window = None
        given = {
            "message": row.message_id,
            "opens_at": window and window.opens_at,
            "closes_at": window and window.closes_at,
            "reason": sending.quiet_words(window, zone) if window else sending.NO_HOUR,
            "quiet": Jsonb(why.quiet(window) if window else None),
        }
        await db.execute(NEXT_WINDOW if window else NO_WINDOW, given)
        if not window:
            await db.execute(ledger.REFUND, {"messages": [row.message_id]})
        changes.conversations[row.business_id].add(row.conversation_id)
    await outcomes.tell(db, changes)
    return len(rows)


class Delivery:
    """The loop of one worker. `capacity` calls are under way at the most."""

    def __init__(self, carriers: dict[str, Carrier], patience: Patience, capacity: int = 200) -> None:
        self.carriers = carriers
        self.patience = patience
        self.capacity = capacity
        self.wake = asyncio.Event()
        self.stopping = False
        self._calls: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._paused_until: dict[str, float] = {}
        self._line = Line("delivery", int(patience.stale) + HELD_ON)
        # The session that claims holds R6's locks, so one thing at a time is done on it.
        self._using_line = asyncio.Lock()
        # With the session that holds each: a session that ended has let go of all, and its successor may hold the same.
        self._to_let_go: list[tuple[int, int]] = []
        self._some_to_let_go = asyncio.Event()
        # The locks of texts that are being handed over; and those of them that are wholly written, with until when.
        self._held: dict[UUID, tuple[int, int]] = {}
        self._just_written: list[UUID] = []
        self._on_their_way: deque[tuple[float, UUID]] = deque()
        self._next_plan = 0.0
        # Whether the last look found lanes with something due, of which an outcome may let go.
        self._some_due = True
        self._lanes = LANES_AT_ONCE
        self._hooks = f"{settings.PUBLIC_URL}/hooks"
        self._heart = Heart("delivery")

    async def run(self) -> None:
        """Claim and call until `stop`; then wait for what is under way."""
        recording = asyncio.create_task(self._record())
        letting_go = asyncio.create_task(self._let_go())
        idle = apart = SOONEST
        woken = False
        try:
            while not self.stopping:
                self.wake.clear()
                looked = time.monotonic()
                # A quarter at a time: claiming one by one as calls end would cost a commit for each.
                await self._room.wait()
                if self._heart.due:
                    async with self._using_line:
                        await self._heart.beat(self._line)
                claimed: list[Claimed] = []
                room = self.capacity - len(self._calls)
                if open_carriers := self._open_carriers():
                    claimed = await self._claim(room, open_carriers)
                for text in claimed:
                    # With the session that claimed it: by the time the task begins there may be another.
                    call = asyncio.create_task(self._call(text, self._line.session))
                    self._calls.add(call)
                    call.add_done_callback(self._ended)
                self._look_for_room()
                if claimed:
                    idle, apart, woken = SOONEST, SOONEST, False
                else:
                    # Nothing is due, or another worker holds the lanes just now.
                    if woken:
                        apart = min(2 * apart, IN_VAIN)
                    woken = await self._sleep(min(idle, 0.25 if self._calls else 1.0))
                    idle = min(2 * idle, 1.0)
                if len(claimed) < min(MUCH, room):
                    await asyncio.sleep(max(0.0, looked + apart - time.monotonic()))
            if self._calls:
                await asyncio.wait(self._calls)
            await self._outcomes.join()
        finally:
            recording.cancel()
            letting_go.cancel()
            await self._line.close()

    def stop(self) -> None:
        self.stopping = True
        self.wake.set()
        self._room.set()

    def _ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._look_for_room()

    def _look_for_room(self) -> None:
        if self.capacity - len(self._calls) >= self.capacity // 4 or self.stopping:
            self._room.set()
        else:
            self._room.clear()

    async def _sleep(self, longest: float) -> bool:
        """Until woken, which it says, or for so long (seconds)."""
        try:
            return await asyncio.wait_for(self.wake.wait(), longest)
        except TimeoutError:
            return False

    def _open_carriers(self) -> list[str]:
        now = time.monotonic()
        return [name for name in self.carriers if self._paused_until.get(name, 0.0) <= now]

    async def _claim(self, room: int, open_carriers: list[str]) -> list[Claimed]:
        held: list[int] = []

        async def work(db: Db) -> list[Claimed]:
            # Work that was cut off is done again, and its session may still hold what it took.
            held.extend(self._taken_back())
            if held:
                await let_go(db, held)
                held.clear()
            # Asked whenever the database is there again: a STOP that came while it was away is obeyed first.
            if opt_outs_wait():
                return []
            if time.monotonic() >= self._next_plan:
                # At once again while there is more of it.
                full = await plan_again(db, PLANNED_AT_ONCE) == PLANNED_AT_ONCE
                self._next_plan = time.monotonic() + (0 if full else LOOK_FOR_CLOSED)
            lanes = await lock_lanes(db, open_carriers, min(self._lanes, room))
            self._some_due = bool(lanes)
            if not lanes:
                return []
            stepping_back = len(lanes) == self._lanes
            return await take(db, lanes, room, self.patience.lease, held, stepping_back=stepping_back)

        async with self._using_line:
            try:
                claimed = await self._line.run(work)
                filled = 2 * len(claimed) >= room
                self._lanes = (
                    max(FEWEST_LANES, self._lanes // 2) if filled else min(LANES_AT_ONCE, 2 * self._lanes)
                )
                for text in claimed:
                    held.remove(text.key)
                return claimed
            except psycopg.errors.UniqueViolation:
                # R3's index refused a second open attempt for a pair: nothing was claimed; look again.
                log.error("claim refused by the index of rule R3")
                await asyncio.sleep(0.1)
                return []
            finally:
                self._give_back(*held)

    def _give_back(self, *keys: int) -> None:
        if keys:
            self._to_let_go.extend((self._line.session, key) for key in keys)
            self._some_to_let_go.set()

    async def _let_go(self) -> None:
        """Give back R6's locks of texts that are out, if no claim does so first: an opt-out may be waiting for one."""
        while True:
            await self._some_to_let_go.wait()
            await asyncio.sleep(LET_GO_WITHIN)
            self._some_to_let_go.clear()
            # Its time begins when the loop has turned since: until then the bytes may not have left this process, and
            # one that is stopped just then writes them when it goes on.
            until = time.monotonic() + ON_ITS_WAY
            self._on_their_way.extend((until, attempt_id) for attempt_id in self._just_written)
            self._just_written.clear()
            while self._on_their_way and self._on_their_way[0][0] <= time.monotonic():
                self._release(self._on_their_way.popleft()[1])
            if self._on_their_way:
                self._some_to_let_go.set()
            if not self._to_let_go:
                continue
            async with self._using_line:
                if self._to_let_go:
                    try:
                        await self._line.run(lambda db: let_go(db, self._taken_back()))
                    except psycopg.Error as error:
                        log.error("locks not given back: %s", type(error).__name__)

    def _written(self, attempt_id: UUID) -> None:
        self._just_written.append(attempt_id)
        self._some_to_let_go.set()

    def _release(self, attempt_id: UUID) -> None:
        if (held := self._held.pop(attempt_id, None)) is not None:
            self._to_let_go.append(held)
            self._some_to_let_go.set()

    def _taken_back(self) -> list[int]:
        """What is to be let go of by the session that there is now."""
        given, self._to_let_go = self._to_let_go, []
        return [key for session, key in given if session == self._line.session]

    async def _call(self, text: Claimed, session: int) -> None:
        """Hand one text over, and let go of its client when nothing is on its way to the carrier any more."""
        self._held[text.attempt_id] = session, text.key
        try:
            if text.wait:
                await asyncio.sleep(max(0.0, text.claimed_at + text.wait - time.monotonic()))
            outcome = await self._outcome(text, partial(self._why_not, text, session))
        finally:
            self._release(text.attempt_id)
        self._outcomes.put_nowait(outcome)

    def _why_not(self, text: Claimed, session: int) -> str:
        """Why a text that `session` claimed must not begin any more; "" if it may. For the moment of its first byte."""
        if session != self._line.session or self._line.ended(idle=not self._using_line.locked()):
            # The lock went with its session: somebody may have opted out since.
            return "The database was away for a moment."
        if time.monotonic() - text.claimed_at > self.patience.stale:
            # This worker was stopped or starved; the sweeper may already hold the attempt. It must not begin now.
            return "It waited too long for its turn."
        return ""

    async def _outcome(self, text: Claimed, why_not: Callable[[], str]) -> Outcome:
        carrier = self.carriers[text.carrier]
        try:
            answer: Accepted = await carrier.send(
                Outgoing(
                    attempt_id=str(text.attempt_id),
                    sender=text.sender,
                    recipient=text.recipient,
                    body=text.body,
                    status_callback=f"{self._hooks}/{carrier.name}/receipt/{text.attempt_id}",
                    validity_seconds=self._validity(text),
                ),
                partial(self._written, text.attempt_id),
                why_not,
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

    @staticmethod
    def _validity(text: Claimed) -> int | None:
        """How long the carrier may keep trying: its queue must not run into the client's quiet hours either."""
        if text.validity is None:
            return None
        return max(1, int(text.validity - (time.monotonic() - text.claimed_at)))

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
            batch, began = [await self._outcomes.get()], time.monotonic()
            while not self._outcomes.empty() and len(batch) < 500:
                batch.append(self._outcomes.get_nowait())
            try:
                await outcomes.record(line, batch, self.patience)
            except Exception as error:
                # The attempts stay open; their leases end and they are settled as doubt.
                log.error("outcomes not recorded: %s", type(error).__name__)
            for _ in batch:
                self._outcomes.task_done()
            if self._some_due:
                self.wake.set()
            if not self.stopping:
                await asyncio.sleep(max(0.0, began + RECORDED_WITHIN - time.monotonic()))
