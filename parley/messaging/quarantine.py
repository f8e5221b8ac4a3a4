"""A database that went back in time hands nothing over before it is known what left already (rule R9).

A restored backup, a snapshot, a replica that lagged behind: in each, texts that left since then are still `queued`,
and would leave again. So such a database is in quarantine: `delivery` claims nothing, no job runs, and what members
write waits. Meanwhile the carrier's own log is read for each of our numbers, for what came (`backfill`) and for what
left (`settle`), twice (R5). When all of it worked and all that came is read, so that who opted out since is opted out,
it is released by itself. A log that cannot be read proves nothing: it stays, and is asked for again.

`parley restore` puts the database into quarantine in the transaction that restores it. Any other way back is noticed
by a counter in the database that `parley texts` moves on, and of which each machine keeps the highest it has seen in
a file. A claim asks for it too, so that a database that goes back under a running worker is noticed by the next one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection

from parley.businesses.tenancy import new_id
from parley.carriers.base import Listed, ReceiptArrived
from parley.live.nudges import CHANNEL, TEXTS_CHANNEL, payload, wake_texts
from parley.messaging import outcomes, receiving
from parley.messaging.line import Db, Line
from parley.messaging.models import Standing
from parley.messaging.outcomes import Changes, Fact
from parley.messaging.patience import Patience

log = logging.getLogger(__name__)

# Why texts wait, to be said to members.
WHY = "Parley was restored from a backup and is checking with the carrier what was already sent."
MAYBE_EMAILED = "Parley was restored from a backup: it may have been sent before."

# How often (seconds) the counter is moved on: what went back by less is not noticed.
TICK_EVERY = 2.0
# More ticks than any machine will ever have seen: so that all of them find one quarantine, and not each its own.
JUMP = 2**40
# What was under way at the moment that the database went back to was asked for by then, or is in the carrier's log.
MARGIN = timedelta(minutes=10)
AT_ONCE = 500

# In quarantine, or behind what this process has seen of it. For the claim's own statement.
HELD = """EXISTS (
    SELECT 1 FROM messaging_standing
    WHERE quarantined_at IS NOT NULL OR (house = %(house)s::uuid AND tick < %(tick)s)
)"""

FIRST = """
    INSERT INTO messaging_standing (only_row, house, tick, ticked_at)
    VALUES (true, gen_random_uuid(), 0, clock_timestamp()) ON CONFLICT DO NOTHING
"""
MOVE_ON = """
    UPDATE messaging_standing SET tick = tick + 1, ticked_at = clock_timestamp()
    WHERE house IS DISTINCT FROM %(house)s::uuid OR tick >= %(tick)s
    RETURNING house, tick, quarantined_at IS NOT NULL AS quarantined
"""
# Emails have no log to be found in. Those that waited may have left: a person decides.
ENTER = (
    """
    INSERT INTO messaging_standing AS s (only_row, house, tick, quarantined_at, since)
    VALUES (true, gen_random_uuid(), 0, clock_timestamp(), coalesce({since}, clock_timestamp()))
    ON CONFLICT (only_row) DO UPDATE SET
        quarantined_at = clock_timestamp(), since = least(s.since, coalesce({since}, s.ticked_at)),
        tick = greatest(s.tick, {tick}) + {jump}, ticked_at = clock_timestamp(), trouble = ''
    """,
    "UPDATE messaging_watermark SET settled_to = NULL, next_at = clock_timestamp(), cause = 'boot'",
    """
    UPDATE messaging_message SET state = 'unconfirmed', reason = '{emailed}', changed_at = clock_timestamp()
    WHERE channel = 'email' AND state IN ('queued', 'sending')
    """,
)

# All of it was asked for, again so long after it went into quarantine that nothing is under way any more (R5).
UNSETTLED = """
    SELECT n.id FROM numbers_phonenumber n
    LEFT JOIN messaging_watermark w ON w.number_id = n.id
    WHERE n.released_at IS NULL AND (
        w.number_id IS NULL OR w.settled_to IS NULL
        OR least(w.settled_to, w.listed_to) < s.quarantined_at + %(proof)s * interval '1 second'
    )
"""
UNREAD = "SELECT 1 FROM messaging_carrierevent WHERE late AND done_at IS NULL AND trouble = ''"
RELEASE = f"""
    UPDATE messaging_standing s SET quarantined_at = NULL, since = NULL, trouble = ''
    WHERE quarantined_at + %(proof)s * interval '1 second' <= clock_timestamp()
      AND NOT EXISTS ({UNSETTLED}) AND NOT EXISTS ({UNREAD})
    RETURNING true
"""  # noqa: S608  our own constants
RELEASE_BY_HAND = """
    UPDATE messaging_standing SET quarantined_at = NULL, since = NULL, trouble = ''
    WHERE quarantined_at IS NOT NULL RETURNING true
"""


@dataclass(slots=True)
class Seen:
    """The highest tick that this machine has seen, and of which Parley."""

    house: str | None = None
    tick: int = 0

    @property
    def parameters(self) -> dict[str, Any]:
        """For HELD and MOVE_ON."""
        return {"house": self.house, "tick": self.tick}

    def recall(self, file: Path) -> None:
        """Take over what the file says, if it says anything."""
        try:
            said = json.loads(file.read_text())
            house, tick = str(UUID(said["house"])), int(said["tick"])
        except (OSError, ValueError, KeyError, TypeError):
            return
        if house != self.house or tick > self.tick:
            self.house, self.tick = house, tick

    def keep(self, file: Path, house: UUID, tick: int) -> None:
        """Remember this tick, and write it into the file."""
        self.house, self.tick = str(house), tick
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({"house": self.house, "tick": self.tick}))
            fresh.replace(file)
        except OSError as error:
            log.error("the counter is not kept beside the data: %s", type(error).__name__)


# Of this process.
SEEN = Seen()


async def look(db: Db, seen: Seen) -> Any:
    """Move the counter on; a database that is behind what was `seen` goes into quarantine.

    Returns house, tick, and whether it is `quarantined`.
    """
    # What a crash may take back must not have been seen.
    await db.execute("SELECT set_config('synchronous_commit', 'on', true)")
    await db.execute(FIRST)
    row = await (await db.execute(MOVE_ON, seen.parameters)).fetchone()
    if row is None:
        log.error("the database went back in time: nothing is sent until the carrier's log has been read")
        await enter(db, tick=seen.tick)
        row = await (
            await db.execute("SELECT house, tick, true AS quarantined FROM messaging_standing")
        ).fetchone()
    return row


async def enter(db: Db, *, since: datetime | None = None, tick: int = 0) -> None:
    """Put the database into quarantine; from `since` on, or from its own last tick, it may lack what happened."""
    for statement in ENTER:
        said = statement.format(
            since="%(since)s::timestamptz", tick="%(tick)s", jump=JUMP, emailed=MAYBE_EMAILED
        )
        await db.execute(said, {"since": since, "tick": tick})
    await _tell_all(db)


def entering(since: datetime) -> str:
    """The same as a script, for whoever restores the database."""
    literal = f"'{since.isoformat()}'::timestamptz"
    return "".join(
        statement.format(since=literal, tick="0", jump=JUMP, emailed=MAYBE_EMAILED) + ";\n"
        for statement in ENTER
    )


async def held(db: Db) -> bool:
    """Must everything that nobody is watching wait?"""
    row = await (await db.execute(f"SELECT {HELD} AS held", SEEN.parameters)).fetchone()
    return bool(row and row.held)


async def release(db: Db, patience: Patience) -> bool:
    """Release the database if all is settled. True if this did it."""
    row = await (await db.execute(RELEASE, {"proof": patience.proofs[1]})).fetchone()
    if row is None:
        return False
    log.warning("out of quarantine: texts leave again")
    await _tell_all(db)
    return True


async def _tell_all(db: Db) -> None:
    """Every open page looks again, and the loops too."""
    for row in await (await db.execute("SELECT id FROM businesses_business")).fetchall():
        await db.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload(row.id, [])])
    await db.execute("SELECT pg_notify(%s, '')", [TEXTS_CHANNEL])


def holds() -> bool:
    """Does what is queued wait for the carrier's log? Asked on Django's connection."""
    return Standing.objects.filter(quarantined_at__isnull=False).exists()


class Watching:
    """The loop of one worker: is this still the database that it was?"""

    def __init__(self, patience: Patience, file: Path) -> None:
        self.patience = patience
        self.file = file
        self.stopping = asyncio.Event()
        SEEN.recall(file)

    async def run(self) -> None:
        line = Line("watching")
        try:
            while not self.stopping.is_set():
                now = await line.run(lambda db: look(db, SEEN))
                SEEN.keep(self.file, now.house, now.tick)
                if now.quarantined:
                    await line.run(lambda db: release(db, self.patience))
                try:
                    await asyncio.wait_for(self.stopping.wait(), max(0.1, TICK_EVERY * self.patience.scale))
                except TimeoutError:
                    pass
        finally:
            await line.close()

    def stop(self) -> None:
        self.stopping.set()


# ---- What left, by the carrier's log

KNOWN = "SELECT carrier_id FROM messaging_attempt WHERE carrier_id = ANY(%s)"

# What this database holds for not sent, or does not know of: of one number, to these.
OPEN = """
    SELECT a.message_id, a.id AS attempt_id, a.try_number AS tries, a.business_id, a.recipient, m.body,
           a.started_at AS since
    FROM messaging_attempt a JOIN messaging_message m ON m.id = a.message_id AND m.business_id = a.business_id
    WHERE a.number_id = %(number)s AND a.state IN ('sending', 'unknown') AND a.recipient = ANY(%(recipients)s)
    UNION ALL
    SELECT o.message_id, NULL, o.tries, o.business_id, o.recipient, m.body, m.at
    FROM messaging_outbox o JOIN messaging_message m ON m.id = o.message_id AND m.business_id = o.business_id
    WHERE o.number_id = %(number)s AND o.recipient = ANY(%(recipients)s)
    ORDER BY message_id
"""

TOOK = """
    INSERT INTO messaging_attempt
        (id, business_id, message_id, number_id, recipient, try_number, state, started_at, carrier_id, code,
         answered_at, check_at, checks, apart)
    SELECT gen_random_uuid(), t.business_id, t.message_id, %(number)s, t.recipient, t.try_number, 'bound', t.at,
           t.carrier_id, '', clock_timestamp(), clock_timestamp(), 0, ''
    FROM unnest(%(businesses)s::uuid[], %(messages)s::uuid[], %(recipients)s::text[], %(tries)s::int[],
                %(at)s::timestamptz[], %(carrier_ids)s::text[])
        AS t (business_id, message_id, recipient, try_number, at, carrier_id)
"""

RECORD = """
    INSERT INTO messaging_message
        (id, business_id, conversation_id, their_address, body, carrier_id, segments, state, reason, code, at,
         number_id, why, media, direction, channel, kind, title, subject, changed_at)
    SELECT r.*, %(number)s, '{"records": true}', '[]', 'out', 'sms', 'direct', '', '', clock_timestamp()
    FROM unnest(%(ids)s::uuid[], %(businesses)s::uuid[], %(conversations)s::uuid[], %(recipients)s::text[],
                %(bodies)s::text[], %(carrier_ids)s::text[], %(segments)s::smallint[], %(states)s::text[],
                %(reasons)s::text[], %(codes)s::text[], %(at)s::timestamptz[]) AS r
    ON CONFLICT (business_id, carrier_id) WHERE carrier_id <> '' DO NOTHING
    RETURNING id, business_id, conversation_id, carrier_id, their_address, at
"""

ROUTES = """
    SELECT phone, business_id FROM messaging_route
    WHERE number_id = %s AND phone = ANY(%s) AND holds <> 'shared'
"""

# A conversation shows what was said last, and waits only if that was the client.
AS_IT_ENDED = """
    UPDATE messaging_conversation v
    SET last_message_id = newest.id, last_at = newest.at, waiting = v.waiting AND newest.direction = 'in'
    FROM (
        SELECT DISTINCT m.business_id, m.conversation_id FROM messaging_attempt a
        JOIN messaging_message m ON m.id = a.message_id AND m.business_id = a.business_id
        WHERE a.carrier_id = ANY(%s) AND m.why ? 'records'
    ) r, LATERAL (
        SELECT m.id, m.at, m.direction FROM messaging_message m
        WHERE m.business_id = r.business_id AND m.conversation_id = r.conversation_id
        ORDER BY m.at DESC, m.id DESC LIMIT 1
    ) newest
    WHERE v.business_id = r.business_id AND v.id = r.conversation_id
    RETURNING v.id, v.business_id
"""


@dataclass(slots=True)
class _Open:
    """A text that this database holds for not sent, or does not know of."""

    message_id: UUID
    attempt_id: UUID | None
    tries: int
    business_id: UUID
    since: datetime


async def settle(line: Line, number: Any, listed: Sequence[Listed], patience: Patience) -> int:
    """Give what the carrier's log of one number says to the texts it is about. Returns for how many there is nobody.

    `number` has number_id and business_id; `listed` is oldest first. Each row of the log belongs to one attempt at
    the most. What no text of this database can be was written after the moment that it went back to: it is written
    again, so that the conversation tells the truth. To do it twice changes nothing.
    """
    nobodys = 0
    for start in range(0, len(listed), AT_ONCE):
        some = listed[start : start + AT_ONCE]
        nobodys += await line.run(lambda db, some=some: _settle(db, number, some, patience))  # type: ignore[misc]
    return nobodys


async def _settle(db: Db, number: Any, listed: Sequence[Listed], patience: Patience) -> int:
    changes = Changes()
    ids = [row.carrier_id for row in listed]
    known = {row.carrier_id for row in await (await db.execute(KNOWN, [ids])).fetchall()}
    # First what is known by name: one that did not arrive may be waiting for the try that is in the log too.
    await outcomes.climb(db, [_fact(row) for row in listed if row.carrier_id in known], changes, patience)
    strangers = await _match(
        db, number, [row for row in listed if row.carrier_id not in known], changes, patience
    )
    nobodys = await _write(db, number, strangers, changes, patience) if strangers else 0
    for row in await (await db.execute(AS_IT_ENDED, [ids])).fetchall():
        changes.conversations[row.business_id].add(row.id)
    await outcomes.tell(db, changes)
    return nobodys


async def _match(
    db: Db, number: Any, unknown: Sequence[Listed], changes: Changes, patience: Patience
) -> list[Listed]:
    """Bind each row to the oldest text that it can be. Returns those that can be none."""
    given = {"number": number.number_id, "recipients": list({row.recipient for row in unknown})}
    waiting: dict[tuple[str, str], list[_Open]] = defaultdict(list)
    for row in await (await db.execute(OPEN, given)).fetchall():
        text = _Open(row.message_id, row.attempt_id, row.tries, row.business_id, row.since)
        waiting[row.recipient, row.body].append(text)
    strangers: list[Listed] = []
    facts: list[Fact] = []
    took: list[tuple[_Open, int, Listed]] = []
    for row in unknown:
        # Our clock wrote when it was written, and the carrier's, in whole seconds, when it came.
        latest = row.created_at + timedelta(minutes=1)
        queue = waiting[row.recipient, row.body]
        one = next((open for open in queue if open.since <= latest), None)
        if one is None:
            strangers.append(row)
            continue
        if one.attempt_id is None:
            one.tries += 1
            took.append((one, one.tries, row))
        facts.append(_fact(row, one.attempt_id))
        if row.receipt is not None and row.receipt.again is not None:
            # It did not arrive and may have been tried again: the next such row is that try.
            one.attempt_id = None
        else:
            queue.remove(one)
    if took:
        await db.execute(
            TOOK,
            {
                "number": number.number_id,
                "businesses": [one.business_id for one, *_ in took],
                "messages": [one.message_id for one, *_ in took],
                "recipients": [row.recipient for *_, row in took],
                "tries": [tries for _, tries, _ in took],
                "at": [row.created_at for *_, row in took],
                "carrier_ids": [row.carrier_id for *_, row in took],
            },
        )
    await outcomes.climb(db, facts, changes, patience)
    return strangers


async def _write(
    db: Db, number: Any, strangers: Sequence[Listed], changes: Changes, patience: Patience
) -> int:
    """Write texts of which only the carrier knows. Returns how many are nobody's."""
    whose: dict[str, UUID] = {}
    if number.business_id is None:
        phones = list({row.recipient for row in strangers})
        routes = await (await db.execute(ROUTES, [number.number_id, phones])).fetchall()
        whose = {route.phone: route.business_id for route in routes}
    else:
        whose = {row.recipient: number.business_id for row in strangers}
    ours = [row for row in strangers if row.recipient in whose]
    if not ours:
        return len(strangers)
    clients = await receiving.clients_of(db, {(whose[row.recipient], row.recipient) for row in ours})
    facts = [_fact(row) for row in ours]
    written = await db.execute(
        RECORD,
        {
            "number": number.number_id,
            "ids": [new_id() for _ in ours],
            "businesses": [whose[row.recipient] for row in ours],
            "conversations": [clients[whose[row.recipient], row.recipient].conversation_id for row in ours],
            "recipients": [row.recipient for row in ours],
            "bodies": [row.body for row in ours],
            "carrier_ids": [row.carrier_id for row in ours],
            "segments": [row.segments or 1 for row in ours],
            "states": [fact.state for fact in facts],
            "reasons": [fact.words for fact in facts],
            "codes": [fact.code for fact in facts],
            "at": [row.created_at for row in ours],
        },
    )
    rows = await written.fetchall()
    await db.execute(
        TOOK,
        {
            "number": number.number_id,
            "businesses": [row.business_id for row in rows],
            "messages": [row.id for row in rows],
            "recipients": [row.their_address for row in rows],
            "tries": [1 for _ in rows],
            "at": [row.at for row in rows],
            "carrier_ids": [row.carrier_id for row in rows],
        },
    )
    await outcomes.climb(db, facts, changes, patience)
    for row in rows:
        changes.conversations[row.business_id].add(row.conversation_id)
    return len(strangers) - len(ours)


def _fact(listed: Listed, attempt_id: UUID | None = None) -> Fact:
    return Fact.of(listed.receipt or ReceiptArrived(listed.carrier_id, "accepted"), attempt_id)


# ---- For the operator, on Django's connection


@dataclass(frozen=True, slots=True)
class Report:
    """How far it is. `texts` wait; `numbers` are those of our numbers whose log is not settled yet."""

    quarantined_at: datetime
    since: datetime
    texts: int
    unknown: int
    numbers: int
    unread: int
    trouble: str


def report(patience: Patience) -> Report | None:
    """What is not settled yet; None if the database is not in quarantine."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT s.quarantined_at, s.since, (SELECT count(*) FROM messaging_outbox),
                   (SELECT count(*) FROM messaging_attempt WHERE state IN ('sending', 'unknown')),
                   (SELECT count(*) FROM ({UNSETTLED}) u), (SELECT count(*) FROM ({UNREAD}) e), s.trouble
            FROM messaging_standing s WHERE s.quarantined_at IS NOT NULL
            """,  # noqa: S608  our own constants
            {"proof": patience.proofs[1]},
        )
        row = cursor.fetchone()
    return Report(*row) if row else None


def release_by_hand() -> bool:
    """Release it whatever is not settled. False if there was nothing to release."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE_BY_HAND)
        released = cursor.fetchone() is not None
    if released:
        log.warning("out of quarantine by hand: texts leave again")
        wake_texts()
    return released
