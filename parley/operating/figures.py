"""How Parley is doing, read from the database: one reading for /metrics and for the operator's page.

Nothing here may cost more because a business has texted for years. What is open now (the queue, doubt, events to
read, jobs to do) has indexes of its own that hold nothing else. What has to be counted row by row is counted at the
most so often that counting takes a fiftieth of the time (`_kept`), by whichever process asks first.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from parley.pulse.beats import LOOPS, away_after

PRIORITIES = ("direct", "transactional", "marketing")
HOUR, DAY = "1h", "24h"
# A reading may be so old (seconds), and must be at least this many times older than it took to count.
FRESH = {"queue": 5.0, "texts": 30.0, "calls": 30.0}
RARELY = 50.0
# Milliseconds; what takes longer is not worth its weight on a database that has other things to do.
LONGEST = 10_000

BEATS = """
    SELECT process, loop, told, extract(epoch FROM clock_timestamp() - beat_at)::float8 AS age,
           extract(epoch FROM beat_at - started_at)::float8 AS up
    FROM pulse_beat ORDER BY loop, beat_at DESC
"""

TALLIES = "SELECT name, label, total FROM pulse_tally"

QUEUE = """
    SELECT number_id::text AS number, priority, count(*) AS texts,
           count(*) FILTER (WHERE run_at <= clock_timestamp()) AS due,
           extract(epoch FROM min(run_at) FILTER (WHERE run_at <= clock_timestamp()))::float8 AS oldest
    FROM messaging_outbox GROUP BY 1, 2 ORDER BY 1, 2
"""

# By the message's id, which is made when it is written and begins with the time: its index ends with the newest.
TEXTS = """
    SELECT direction, kind, state, count(*) FILTER (WHERE id >= %(hour)s) AS hour, count(*) AS day
    FROM messaging_message WHERE id >= %(day)s AND channel = 'sms' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""

# As of texts; whoever was not rung heard how to reach the business.
CALLS = """
    SELECT direction,
           CASE WHEN state IN ('calling', 'ringing', 'talking') THEN 'under_way'
                WHEN state = 'ended' AND answered_at IS NULL THEN 'not_rung'
                WHEN state = 'ended' THEN 'answered' ELSE state END AS outcome,
           count(*) FILTER (WHERE id >= %(hour)s) AS hour, count(*) AS day
    FROM calls_call WHERE id >= %(day)s GROUP BY 1, 2 ORDER BY 1, 2
"""
CALLS_NOW = """
    SELECT state, count(*) AS calls FROM calls_call
    WHERE state IN ('calling', 'ringing', 'talking') GROUP BY state
"""
VOICEMAILS = """
    SELECT count(*) AS waiting, coalesce(extract(epoch FROM clock_timestamp() - min(at)), 0)::float8 AS oldest
    FROM calls_recording WHERE url <> '' AND state = 'waiting'
"""

# Of each campaign under way a few counts are kept, however many it goes to.
CAMPAIGNS = """
    SELECT c.status, count(*) AS campaigns, sum(w.number)::bigint AS waiting
    FROM campaigns_campaign c
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(n.number), 0) AS number FROM campaigns_count n
        WHERE n.campaign_id = c.id AND n.what = 'waiting'
    ) w
    WHERE c.status IN ('scheduled', 'preparing', 'sending') GROUP BY c.status
"""

# The index of rule R3 holds the open ones, and no others.
OPEN = """
    SELECT state, count(*) AS attempts,
           coalesce(extract(epoch FROM clock_timestamp() - min(started_at)), 0)::float8 AS oldest
    FROM messaging_attempt WHERE state IN ('sending', 'unknown') GROUP BY state
"""

EVENTS = """
    SELECT
        (SELECT count(*) FROM messaging_carrierevent WHERE done_at IS NULL AND trouble = '') AS waiting,
        (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(received_at)), 0)::float8
         FROM messaging_carrierevent WHERE done_at IS NULL AND trouble = '') AS oldest,
        (SELECT count(*) FROM messaging_carrierevent WHERE done_at IS NULL AND trouble <> '') AS set_aside
"""

SET_ASIDE = """
    SELECT id, carrier, kind, trouble, received_at FROM messaging_carrierevent
    WHERE done_at IS NULL AND trouble <> '' ORDER BY id DESC LIMIT 5
"""

JOBS = """
    SELECT queue_name AS queue,
           count(*) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now()) AS due,
           count(*) FILTER (WHERE status = 'todo' AND scheduled_at > now()) AS later,
           count(*) FILTER (WHERE status = 'doing') AS doing
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY 1 ORDER BY 1
"""

STANDING = """
    SELECT coalesce(extract(epoch FROM clock_timestamp() - quarantined_at), 0)::float8 AS held, trouble
    FROM messaging_standing WHERE quarantined_at IS NOT NULL
"""

BACKFILL = """
    SELECT cause, sum(asked)::bigint AS asked, sum(failed)::bigint AS failed, sum(found)::bigint AS found
    FROM messaging_backfill WHERE hour > now() - interval '1 day' GROUP BY cause ORDER BY cause
"""

NUMBERS = """
    SELECT n.id::text AS number, n.number AS phone, n.pace, n.paused, n.duty, b.name AS business
    FROM numbers_phonenumber n LEFT JOIN businesses_business b ON b.id = n.business_id
    WHERE n.released_at IS NULL AND (n.id = ANY(%s) OR n.paused <> '') ORDER BY n.number
"""

READING = """
    SELECT rows, took, extract(epoch FROM clock_timestamp() - read_at)::float8 AS age
    FROM pulse_reading WHERE name = %s
"""
# The first half of the two-part key of our advisory locks; any constant that no other lock uses.
LOCK = 7_419
COUNTS = f"SELECT pg_try_advisory_xact_lock({LOCK}, hashtext(%s)) AS mine"
KEEP = """
    INSERT INTO pulse_reading (name, rows, read_at, took) VALUES (%s, %s, clock_timestamp(), %s)
    ON CONFLICT (name) DO UPDATE SET rows = EXCLUDED.rows, read_at = EXCLUDED.read_at, took = EXCLUDED.took
"""


class Cursor(Protocol):
    """Django's or psycopg's."""

    @property
    def description(self) -> Any: ...
    def execute(self, query: Any, params: Any = None, /) -> Any: ...
    def fetchall(self) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """A loop of one process, as its newest beat left it. Times are in seconds."""

    process: str
    loop: str
    age: float
    up: float
    told: Mapping[str, float]

    @property
    def machine(self) -> str:
        return self.process.split(":")[0]

    @property
    def pid(self) -> str:
        return self.process.split(":")[1]

    @property
    def ended(self) -> bool:
        """Did its process end as it should?"""
        return "ended" in self.told

    @property
    def away(self) -> bool:
        return self.ended or self.age > away_after(self.loop)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to leave from one number at one priority; `oldest`: for how long (seconds) the oldest has been due."""

    number: str
    kind: str
    texts: int
    due: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Number:
    number: str
    phone: str
    pace: float
    paused: str
    duty: str
    business: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """Texts that were written in the last hour and day, by what they are and where they stand now."""

    direction: str
    kind: str
    state: str
    hour: int
    day: int


@dataclass(frozen=True, slots=True)
class Called:
    """Calls that began in the last hour and day, by what became of them."""

    direction: str
    outcome: str
    hour: int
    day: int


@dataclass(frozen=True, slots=True)
class Queue:
    """Jobs of one queue: due now, planned for later, being done."""

    queue: str
    due: int
    later: int
    doing: int


@dataclass(frozen=True, slots=True)
class Log:
    """What a day of reading the carriers' logs came to, for one cause: boot, gap, clock."""

    cause: str
    asked: int
    failed: int
    found: int


@dataclass(frozen=True, slots=True)
class Figures:
    beats: Sequence[Seen]
    tallies: Mapping[str, Mapping[str, float]]
    waiting: Sequence[Waiting]
    numbers: Mapping[str, Number]
    # None where counting takes too long.
    written: Sequence[Written] | None
    written_age: float
    handing_over: tuple[int, float]
    unknown: tuple[int, float]
    events: int
    events_oldest: float
    set_aside: int
    jobs: Sequence[Queue]
    # For how long (seconds) the database has been in quarantine, and why it is not released; None if it is not.
    quarantine: tuple[float, str] | None
    logs: Sequence[Log]
    # None where counting takes too long.
    called: Sequence[Called] | None
    # Calls under way, by their state.
    calls_now: Mapping[str, int]
    # Voicemails that are still at the carrier, and for how long (seconds) the oldest has been.
    voicemails: tuple[int, float]
    # Campaigns that wait for their time or are under way, by status, and to how many they have still to go.
    campaigns: Mapping[str, tuple[int, int]]

    @property
    def lags(self) -> dict[str, float | None]:
        return lags(self.beats)


def read(cursor: Cursor, transaction: AbstractContextManager[Any]) -> Figures:
    """All figures. `transaction` is one of the cursor's connection, not begun yet."""
    with transaction:
        cursor.execute(f"SET LOCAL statement_timeout = {LONGEST}")
        beats = seen(cursor)
        tallies: dict[str, dict[str, float]] = {}
        for row in _rows(cursor, TALLIES):
            tallies.setdefault(row["name"], {})[row["label"]] = row["total"]
        now = _rows(cursor, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now")[0]["now"]
        queue, _ = _kept(cursor, "queue", QUEUE, {})
        written, written_age = _kept(cursor, "texts", TEXTS, _since(now))
        waiting = [
            Waiting(
                row["number"],
                PRIORITIES[row["priority"]],
                row["texts"],
                row["due"],
                max(0.0, now - row["oldest"]) if row["oldest"] else 0.0,
            )
            for row in queue or ()
        ]
        numbers = _rows(cursor, NUMBERS, [[UUID(one.number) for one in waiting]])
        attempts = {row["state"]: (row["attempts"], row["oldest"]) for row in _rows(cursor, OPEN)}
        events = _rows(cursor, EVENTS)[0]
        called, _ = _kept(cursor, "calls", CALLS, _since(now))
        voicemails = _rows(cursor, VOICEMAILS)[0]
        return Figures(
            beats=beats,
            tallies=tallies,
            waiting=waiting,
            numbers={row["number"]: Number(**row) for row in numbers},
            written=None if written is None else [Written(**row) for row in written],
            written_age=written_age,
            handing_over=attempts.get("sending", (0, 0.0)),
            unknown=attempts.get("unknown", (0, 0.0)),
            events=events["waiting"],
            events_oldest=events["oldest"],
            set_aside=events["set_aside"],
            jobs=[Queue(**row) for row in _rows(cursor, JOBS)],
            quarantine=next(((row["held"], row["trouble"]) for row in _rows(cursor, STANDING)), None),
            logs=[Log(**row) for row in _rows(cursor, BACKFILL)],
            called=None if called is None else [Called(**row) for row in called],
            calls_now={row["state"]: row["calls"] for row in _rows(cursor, CALLS_NOW)},
            voicemails=(voicemails["waiting"], voicemails["oldest"]),
            campaigns={row["status"]: (row["campaigns"], row["waiting"]) for row in _rows(cursor, CAMPAIGNS)},
        )


def seen(cursor: Cursor) -> list[Seen]:
    """Every loop that left a beat in the last day, those of one kind together, newest first."""
    return [beat_of(row) for row in _rows(cursor, BEATS)]


def beat_of(row: Mapping[str, Any]) -> Seen:
    told = row["told"]
    # Django's connection hands out JSON as text where the ORM does not ask.
    return Seen(
        row["process"],
        row["loop"],
        row["age"],
        row["up"],
        json.loads(told) if isinstance(told, str) else told,
    )


def lags(beats: Sequence[Seen]) -> dict[str, float | None]:
    """Of each loop that must run somewhere, or has: how long ago (seconds) it was last seen. None: not in a day."""
    newest: dict[str, float | None] = dict.fromkeys(LOOPS)
    for one in beats:
        known = newest.get(one.loop)
        newest[one.loop] = one.age if known is None else min(known, one.age)
    return newest


def away(loop: str, lag: float | None) -> bool:
    return lag is None or lag > away_after(loop)


def set_aside(cursor: Cursor) -> list[dict[str, Any]]:
    """The newest events that could not be read: what kind they were and why, without their words."""
    return _rows(cursor, SET_ASIDE)


def _since(now: float) -> dict[str, UUID]:
    return {"hour": _first_id(now - 3600), "day": _first_id(now - 24 * 3600)}


def _first_id(at: float) -> UUID:
    """The lowest UUIDv7 of that moment (RFC 9562: 48 bits of milliseconds come first)."""
    return UUID(int=int(at * 1000) << 80)


def _kept(
    cursor: Cursor, name: str, query: str, parameters: Mapping[str, Any]
) -> tuple[list[dict[str, Any]] | None, float]:
    """Rows counted lately, and how old (seconds) they are; counted now if that is long ago and nobody else does."""
    found = _rows(cursor, READING, [name])
    kept = found[0] if found else None
    if kept and kept["age"] < max(FRESH[name], RARELY * kept["took"]):
        return _json(kept["rows"]), kept["age"]
    if not _rows(cursor, COUNTS, [name])[0]["mine"]:
        return (_json(kept["rows"]), kept["age"]) if kept else (None, 0.0)
    cursor.execute("SAVEPOINT counting")
    began = time.perf_counter()
    try:
        rows = _rows(cursor, query, parameters)
    except Exception as error:
        if getattr(error.__cause__ or error, "sqlstate", None) != "57014":  # canceled: it took too long
            raise
        cursor.execute("ROLLBACK TO SAVEPOINT counting")
        rows = None
    cursor.execute(KEEP, [name, json.dumps(rows), time.perf_counter() - began])
    return rows, 0.0


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _rows(cursor: Cursor, query: str, parameters: Any = None) -> list[dict[str, Any]]:
    cursor.execute(query, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
