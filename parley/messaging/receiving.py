"""The road in: events that the webhooks kept become messages, in the order of each conversation.

One transaction makes the messages, the conversations' state, the notifications and the nudge, and marks the events
done: so an event is a message exactly once, whatever dies. Workers share the shards by advisory locks that end with
the transaction. An event that cannot be read is set aside with its reason, for a person, and holds up nobody.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import psycopg
from django.utils import timezone

from parley.businesses.models import Business, initials
from parley.businesses.opening import is_open
from parley.businesses.tenancy import new_id
from parley.carriers.base import Carrier, Received
from parley.carriers.form import pairs
from parley.clients.models import TINTS
from parley.messaging import answering, columns, outcomes, revoking
from parley.messaging.events import AWAKE, LOCK, SHARDS, TURN
from parley.messaging.later import defer
from parley.messaging.line import Db, Line
from parley.messaging.news import News, insert_news
from parley.messaging.outcomes import Changes, Fact
from parley.messaging.patience import Patience
from parley.messaging.tasks import NOBODY_READS, fetch_media, say_nobody_reads, say_who_texts, write_if_unread
from parley.numbers.texting import READS
from parley.pulse.beats import Heart
from parley.sms.numbers import pretty
from parley.sms.optout import Wish, wish

log = logging.getLogger(__name__)

BATCH = 500
# While PostgreSQL works for one reader the other reads: measured 1.5 times more texts a second of one process. The
# second joins in when one look finds as much as this.
MUCH = BATCH // 2
# As few as this at a time where a look finds a lot: the other readers find the rest.
FEWEST_SHARDS = SHARDS // 4
# From one look to the next at least so long (seconds), unless the last found as much as it may: each look costs the
# same, and would else find an event or two. Quiet, the first event is read at once.
GATHER = 0.05
# How often (seconds) a worker looks that has not the turn; and for how long (seconds) what it finds must have waited
# for it to stay.
GLANCE = 1.0
LATE = 0.25
# The server ends the session that has the turn after so long (seconds) without a word: its worker is frozen.
SILENT = 12

# "At most once per client per day".
TOLD_AGAIN = "24 hours"
# The job that counts an answer to a marketing number, by the name that `campaigns` gives it.
MARKETING_ANSWERED = "marketing_answered"

# A shard has something to read, or not: one entry of the index says so, however much waits.
TAKE_SHARDS = f"""
    SELECT s, pg_try_advisory_xact_lock({LOCK}, s) AS got FROM (
        SELECT s FROM generate_series(0, {SHARDS - 1}) s, LATERAL (
            SELECT FROM messaging_carrierevent WHERE shard = s AND done_at IS NULL AND trouble = '' ORDER BY id LIMIT 1
        ) first_one
        ORDER BY random() LIMIT %s
    ) busy
"""  # noqa: S608  our own constants

# The first of each shard, and of these the first: never all that waits.
READ = f"""
    SELECT e.* FROM unnest(%(shards)s::smallint[]) s, LATERAL (
        SELECT id, carrier, kind, key, attempt_id, form, received_at, late,
               received_at < clock_timestamp() - interval '{LATE} seconds' AS waited
        FROM messaging_carrierevent
        WHERE shard = s AND done_at IS NULL AND trouble = ''
        ORDER BY id LIMIT %(most)s
    ) e
    ORDER BY e.id LIMIT %(most)s
"""  # noqa: S608  our own constant


# That a number is not empty is what its index asks; without these words each handset's would be looked for among all
# clients of the business.
KNOWN_CLIENTS = """
    SELECT c.id, c.business_id, c.phone, c.first_name, c.last_name, c.texting, v.id AS conversation_id
    FROM clients_client c
    JOIN unnest(%s::uuid[], %s::text[]) AS w (business_id, phone)
        ON c.business_id = w.business_id AND c.phone = w.phone AND c.phone <> ''
    LEFT JOIN messaging_conversation v ON v.client_id = c.id
"""
SET_ASIDE = "UPDATE messaging_carrierevent SET trouble = %s WHERE id = %s"


class Unreadable(Exception):
    """An event says nothing that can become a message; the words are for the operator."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A text, when its webhook came, and what it asks for.

    Or when the carrier says that it came, if no webhook brought it (`late`).
    """

    event_id: int
    text: Received
    at: datetime
    carrier: Carrier
    late: bool = False
    asks: Wish | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "asks", wish(self.text.body))


@dataclass(slots=True)
class Pace:
    """How one reader goes: how many shards it takes at once, and whether what it last found had waited for long.

    And how many looks in a row there was something to read, be it in others' hands; or nothing.
    """

    shards: int = SHARDS
    late: bool = False
    busy: int = 0
    empty: int = 0


class Receiving:
    """The readers of one worker.

    Of all workers one has the turn: it is woken by what comes in and reads for all, so that a look finds as much
    whether there is one machine or many. The others look once a second, and stay while it cannot keep up. The turn is
    for thrift alone: what keeps two from reading the same is each shard's lock.
    """

    def __init__(self, carriers: dict[str, Carrier], patience: Patience) -> None:
        self.carriers = carriers
        self.patience = patience
        self.wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._heart = Heart("receiving")
        self._much = asyncio.Event()
        self._looking = False
        # The session by which this worker has the turn; and by which it says that nobody need wake it.
        self._turn = self._awake = -1

    async def run(self) -> None:
        async with asyncio.TaskGroup() as readers:
            readers.create_task(self._read())
            readers.create_task(self._join_in())

    def stop(self) -> None:
        for event in (self._stopping, self.wake, self._much):
            event.set()

    async def _read(self) -> None:
        """The first reader: the one that is woken."""
        line, pace = Line("receiving", silent=SILENT), Pace()
        try:
            while not self._stopping.is_set():
                await self._heart.beat(line)
                self.wake.clear()
                looked, was_awake = time.monotonic(), self._awake == line.session
                self._looking = True
                found = await self._batch(line, pace, partial(self._take_turn, line, pace))
                self._looking = False
                if found >= MUCH:
                    self._much.set()
                if found < BATCH:
                    await asyncio.sleep(max(0.0, looked + GATHER - time.monotonic()))
                has_turn = self._turn == line.session
                # Whoever saw that this one was awake has said nothing, and may have committed since it looked.
                if was_awake or (found and (has_turn or pace.late)):
                    continue
                await _within(GLANCE, self.wake if has_turn else self._stopping)
        finally:
            await line.close()

    async def _join_in(self) -> None:
        """The second reader: when the first finds much, or is held up."""
        line, pace = Line("receiving"), Pace()
        try:
            while not self._stopping.is_set():
                if not await _within(GLANCE, self._much) and not self._looking:
                    continue
                self._much.clear()
                worth_it = True
                while worth_it and not self._stopping.is_set():
                    looked = time.monotonic()
                    found = await self._batch(line, pace)
                    if found < BATCH:
                        await asyncio.sleep(max(0.0, looked + GATHER - time.monotonic()))
                    worth_it = found >= MUCH or pace.late
        finally:
            await line.close()

    async def _take_turn(self, line: Line, pace: Pace, db: Db) -> None:
        """Take the turn if nobody has it; who has it and is busy need not be woken, and says so."""
        if self._turn != line.session and await _got(db, TURN):
            self._turn = line.session
        # One text alone is not worth the words.
        if (
            self._turn == line.session
            and pace.busy > 1
            and self._awake != line.session
            and await _got(db, AWAKE)
        ):
            self._awake = line.session

    async def _batch(
        self, line: Line, pace: Pace, first: Callable[[Db], Awaitable[None]] | None = None
    ) -> int:
        async def work(db: Db) -> int:
            if first:
                await first(db)
            found = await read_events(db, self.carriers, self.patience, BATCH, pace)
            # Not for one look that found nothing: what comes next would wake a process of every machine.
            if first and pace.empty > 1 and self._awake == line.session:
                await db.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, AWAKE])
                self._awake = -1
            return found

        try:
            return await line.run(work)
        except Exception as error:
            # One event has spoiled the batch: read one at a time, so that only it is set aside.
            log.warning("a batch of events failed (%s): reading one by one", type(error).__name__)
            read = 0
            for _ in range(BATCH):
                read_one = await line.run(self._one)
                read += read_one
                if not read_one:
                    break
            return read

    async def _one(self, db: Db) -> int:
        events = await _take(db, 1, Pace())
        if not events:
            return 0
        try:
            async with db.transaction():
                await _deal_with(db, events, self.carriers, self.patience)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            raise
        except Exception as error:
            trouble = str(error) if isinstance(error, Unreadable) else type(error).__name__
            # This one: older ones wait in shards that others are reading, and nothing is wrong with them.
            await db.execute(SET_ASIDE, [trouble[:200], events[0].id])
            log.error("an event could not be read and is set aside: %s", trouble)
        return 1


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait so long for the event; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def _got(db: Db, lock: int) -> bool:
    """Take one of our locks for this session, if nobody has it."""
    row = await (await db.execute("SELECT pg_try_advisory_lock(%s, %s) AS got", [LOCK, lock])).fetchone()
    return row is not None and bool(row.got)


async def read_events(
    db: Db, carriers: Mapping[str, Carrier], patience: Patience, most: int, pace: Pace | None = None
) -> int:
    """Read up to `most` events of shards that nobody else is reading. Returns how many were read."""
    pace = pace or Pace()
    pace.late = False
    events = await _take(db, most, pace)
    if events is None:
        pace.shards = SHARDS
        return 0
    pace.late = any(event.waited for event in events)
    pace.shards = (
        max(FEWEST_SHARDS, pace.shards // 2) if len(events) >= MUCH else min(SHARDS, 2 * pace.shards)
    )
    if events:
        await _deal_with(db, events, carriers, patience)
    return len(events)


async def _take(db: Db, most: int, pace: Pace) -> list[Any] | None:
    """Events of shards that are this transaction's alone from now on; None if no shard was to be had."""
    busy = await (await db.execute(TAKE_SHARDS, [pace.shards])).fetchall()
    shards = [row.s for row in busy if row.got]
    pace.busy, pace.empty = (pace.busy + 1, 0) if busy else (0, pace.empty + 1)
    if not shards:
        return None
    return await (await db.execute(READ, {"shards": shards, "most": most})).fetchall()


async def _deal_with(
    db: Db, events: Sequence[Any], carriers: Mapping[str, Carrier], patience: Patience
) -> None:
    texts: list[Arrived] = []
    facts: list[Fact] = []
    fact_events: dict[str, list[int]] = {}
    for event in events:
        carrier = carriers.get(event.carrier)
        if carrier is None:
            raise Unreadable(f"no carrier {event.carrier} is set up here")
        form = pairs(event.form)
        if event.kind == "text":
            text = carrier.read_text(form)
            if text is None:
                raise Unreadable("it holds no text")
            texts.append(Arrived(event.id, text, event.received_at, carrier, event.late))
        else:
            receipt = carrier.read_receipt(form)
            if receipt is None:
                raise Unreadable("it holds no receipt")
            facts.append(Fact.of(receipt, event.attempt_id))
            fact_events.setdefault(receipt.carrier_id, []).append(event.id)
    changes = Changes()
    orphans: list[int] = []
    if texts:
        orphans += await receive(db, texts, changes, patience)
    if facts:
        for carrier_id in await outcomes.climb(db, facts, changes, patience):
            orphans += fact_events[carrier_id]
    await db.execute(
        """
        UPDATE messaging_carrierevent
        SET done_at = clock_timestamp(),
            trouble = CASE WHEN id = ANY(%s::bigint[]) THEN 'it names nobody we know' ELSE '' END
        WHERE id = ANY(%s::bigint[])
        """,
        [columns.integers(orphans), columns.integers(event.id for event in events)],
    )
    await outcomes.tell(db, changes)


async def receive(db: Db, texts: Sequence[Arrived], changes: Changes, patience: Patience) -> list[int]:
    """Make messages of texts, all in the caller's transaction. Returns the events that are meant for nobody.

    A text from an unknown number makes a client that has only the number. A text that is here already (the same
    carrier id) changes nothing. Where nobody reads answers (the table "Which number"), no message is made. What
    answers an appointment's message is obeyed, and a mere yes bothers nobody (`answering`).
    """
    await _obey(db, texts, changes, patience)
    meant = await _meant(db, {(arrived.text.recipient, arrived.text.sender) for arrived in texts})
    orphans, ours, unread = [], [], []
    for arrived in texts:
        number = meant.get((arrived.text.recipient, arrived.text.sender))
        if number is None:
            orphans.append(arrived.event_id)
        elif number.reads:
            ours.append((arrived, number))
        else:
            unread.append((arrived, number))
    if unread:
        await _answer_for(db, unread)
    if not ours:
        return orphans
    clients = await clients_of(db, {(number.business_id, arrived.text.sender) for arrived, number in ours})
    rows = []
    for arrived, number in ours:
        client = clients[number.business_id, arrived.text.sender]
        rows.append((new_id(), number, client, client.conversation_id, arrived))
    fresh = {
        row.id
        for row in await (
            await db.execute(
                """
                INSERT INTO messaging_message
                    (id, business_id, conversation_id, number_id, their_address, body, media, carrier_id, segments, at,
                     why, direction, channel, kind, title, subject, state, reason, code, changed_at)
                SELECT *, 'in', 'sms', 'direct', '', '', 'received', '', '', clock_timestamp()
                FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::jsonb[],
                            %s::text[], %s::smallint[], %s::timestamptz[], %s::jsonb[])
                ON CONFLICT (business_id, carrier_id) WHERE carrier_id <> '' DO NOTHING
                RETURNING id
                """,
                [
                    columns.uuids(id for id, *_ in rows),
                    columns.uuids(number.business_id for _, number, *_ in rows),
                    columns.uuids(conversation for *_, conversation, _ in rows),
                    columns.uuids(number.id for _, number, *_ in rows),
                    columns.texts(arrived.text.sender for *_, arrived in rows),
                    columns.texts(arrived.text.body for *_, arrived in rows),
                    columns.texts(_media(arrived.text) for *_, arrived in rows),
                    columns.texts(arrived.text.carrier_id for *_, arrived in rows),
                    columns.integers(arrived.text.segments or 1 for *_, arrived in rows),
                    columns.moments(arrived.at for *_, arrived in rows),
                    columns.texts('{"late": true}' if arrived.late else "{}" for *_, arrived in rows),
                ],
            )
        ).fetchall()
    }
    rows = [row for row in rows if row[0] in fresh]
    if not rows:
        return orphans
    await _expect_media(db, rows)
    said = [(client, number, arrived) for _, number, client, _, arrived in rows]
    await _evidently_text(db, said)
    await _help(db, said)
    quiet = await answering.settle(db, [(client, arrived) for client, _, arrived in said])
    for _, number, _, conversation, _ in rows:
        changes.conversations[number.business_id].add(conversation)
    rows = [row for row in rows if row[-1].event_id not in quiet]
    if not rows:
        return orphans
    await _tell_closed(db, rows)
    assignees = await _touch_conversations(db, rows, patience)
    news = []
    for _, number, client, conversation, arrived in rows:
        changes.news.add(number.business_id)
        name = f"{client.first_name} {client.last_name}".strip()
        words = arrived.text.body or "Sent a picture"
        news.append(
            News(
                business_id=number.business_id,
                kind="text",
                title=name or pretty(arrived.text.sender),
                words=words if len(words) <= 200 else words[:199] + "…",
                conversation_id=conversation,
                # A conversation that is somebody's is theirs to know of; any other is everybody's.
                member_id=assignees[conversation],
                initials=initials(name),
                tint=TINTS[client.id.int % len(TINTS)],
            )
        )
    await insert_news(db, news)
    return orphans


def _media(text: Received) -> str:
    return (
        json.dumps([{"url": m.url, "content_type": m.content_type} for m in text.media])
        if text.media
        else "[]"
    )


async def _meant(db: Db, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    """Our number of each (number, handset), with the business that the handset means by it.

    `reads`: answers to it are put into that business's Inbox. `answers`: who is not read is told so. `offers`: it is a
    marketing number; where several businesses share it for the handset, the last that texted is meant. `hours`: when
    it is open, if whoever texts while it is closed is told so.
    """
    found = await db.execute(
        f"""
        SELECT w.number AS ours, w.phone, n.id, b.id AS business_id,
               n.releasing_at IS NULL AS answers, n.duty = 'marketing' AS offers,
               CASE WHEN b.tells_closed THEN b.hours END AS hours, b.time_zone,
               n.duty <> 'marketing' AND coalesce(r.holds, '') <> 'shared' AND {READS} AS reads
        FROM unnest(%s::text[], %s::text[]) AS w (number, phone)
        JOIN numbers_phonenumber n ON n.number = w.number AND n.released_at IS NULL
        LEFT JOIN messaging_route r ON n.business_id IS NULL AND r.phone = w.phone AND r.number_id = n.id
        JOIN businesses_business b ON b.id = coalesce(n.business_id, r.business_id)
        JOIN businesses_plan p ON p.code = b.plan_id
        """,  # noqa: S608  our own constants
        [columns.texts(number for number, _ in wanted), columns.texts(phone for _, phone in wanted)],
    )
    return {(row.ours, row.phone): row for row in await found.fetchall()}


async def _obey(db: Db, texts: Sequence[Arrived], changes: Changes, patience: Patience) -> None:
    """What the webhook has obeyed already is left alone; this is for texts that came another way."""
    said = [revoking.said_as(one.carrier, one.text, one.asks, one.at) for one in texts]
    if wanted := [one for one in said if one]:
        await revoking.obey(db, wanted, changes, wait=patience.under_way)


# Of these conversations those in which it is to be said now that nobody reads answers to the number. After an offer
# once: unless the last that this number said to them was the offer, not that nobody reads.
NOT_TOLD_YET = f"""
    UPDATE messaging_conversation v SET auto_replied_at = clock_timestamp()
    FROM unnest(%s::uuid[], %s::uuid[], %s::bool[]) AS w (id, number_id, offers)
    WHERE v.id = w.id
      AND (v.auto_replied_at IS NULL OR v.auto_replied_at <= clock_timestamp() - interval '{TOLD_AGAIN}')
      AND NOT (w.offers AND coalesce((
          SELECT m.kind <> 'marketing' FROM messaging_message m
          WHERE m.business_id = v.business_id AND m.conversation_id = v.id AND m.number_id = w.number_id
            AND m.direction = 'out' AND m.state <> 'canceled' AND (m.kind = 'marketing' OR m.title = '{NOBODY_READS}')
          ORDER BY m.at DESC LIMIT 1), false))
    RETURNING v.id
"""  # noqa: S608  our own constants


async def _answer_for(db: Db, texts: Sequence[tuple[Arrived, Any]]) -> None:
    """Where nobody reads: whoever wrote anything but an opt-out is told so, once a day each.

    At a marketing number once after each offer at the most, and not within a day of the last time; and each answer is
    counted (`campaigns`). The words stay in the carrier's event. The conversation is not moved, opened or counted:
    nothing came into it.
    """
    wanted = {(number.business_id, arrived.text.sender) for arrived, number in texts}
    clients = await clients_of(db, wanted, closed=True)
    said = [(clients[number.business_id, arrived.text.sender], number, arrived) for arrived, number in texts]
    await _evidently_text(db, said)
    await _help(db, said)
    # A "yes" to an offer answers the offer: no appointment's message leaves from there.
    asked = [(client, arrived) for client, number, arrived in said if not number.offers]
    quiet = await answering.settle(db, asked)
    # Opt-out and help words have answers of their own, or the network's (field.md 4.1).
    ordinary = [one for one in said if _is_ordinary(one[2]) and one[2].event_id not in quiet]
    await _count_answers(db, ordinary)
    tell = {client.conversation_id: (client, number) for client, number, _ in ordinary if number.answers}
    if not tell:
        return
    places = sorted(tell)
    told = await db.execute(
        NOT_TOLD_YET,
        [
            columns.uuids(places),
            columns.uuids(tell[place][1].id for place in places),
            [tell[place][1].offers for place in places],
        ],
    )
    jobs = [
        {"business_id": str(client.business_id), "client_id": str(client.id), "number_id": str(number.id)}
        for client, number in (tell[row.id] for row in await told.fetchall())
    ]
    if jobs:
        await defer(db, say_nobody_reads, [job | {"key": str(new_id())} for job in jobs])


async def clients_of(
    db: Db, wanted: set[tuple[UUID, str]], *, closed: bool = False
) -> dict[tuple[UUID, str], Any]:
    """The client of each (business, number) with their conversation, both made where there is none.

    `closed` keeps a new conversation out of the open list.
    """
    # In one order, so that two workers that make the same clients wait for each other instead of for ever.
    pairs = sorted(wanted)
    asked = [columns.uuids(business for business, _ in pairs), columns.texts(phone for _, phone in pairs)]

    async def found() -> dict[tuple[UUID, str], Any]:
        rows = await db.execute(
            KNOWN_CLIENTS,
            asked,
        )
        return {(row.business_id, row.phone): row for row in await rows.fetchall()}

    known = await found()
    if missing := [pair for pair in pairs if pair not in known]:
        await db.execute(
            """
            INSERT INTO clients_client
                (id, business_id, phone, first_name, last_name, email, tags, good_to_know, texting, created_at)
            SELECT *, '', '', '', '{}', '', 'ok', clock_timestamp()
            FROM unnest(%s::uuid[], %s::uuid[], %s::text[])
            ON CONFLICT (business_id, phone) WHERE NOT phone = '' DO NOTHING
            """,
            [
                columns.uuids(new_id() for _ in missing),
                columns.uuids(business for business, _ in missing),
                columns.texts(phone for _, phone in missing),
            ],
        )
        known = await found()
    if silent := sorted(
        (client.id, client.business_id) for client in known.values() if not client.conversation_id
    ):
        await db.execute(
            """
            INSERT INTO messaging_conversation
                (id, business_id, client_id, last_at, unread, waiting, created_at, closed_at)
            SELECT *, clock_timestamp(), 0, false, clock_timestamp(), CASE WHEN %s THEN clock_timestamp() END
            FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[])
            ON CONFLICT (client_id) DO NOTHING
            """,
            [
                closed,
                columns.uuids(new_id() for _ in silent),
                columns.uuids(business for _, business in silent),
                columns.uuids(client for client, _ in silent),
            ],
        )
        known = await found()
    return known


async def _expect_media(db: Db, rows: Sequence[tuple[UUID, Any, Any, UUID, Arrived]]) -> None:
    """A row for each thing that came along, and for each text that has any a job to fetch them."""
    items = [
        (new_id(), number.business_id, id, place)
        for id, number, _, _, arrived in rows
        for place in range(len(arrived.text.media))
    ]
    if not items:
        return
    await db.execute(
        """
        INSERT INTO messaging_attachment (id, business_id, message_id, place, state, content_type, reason)
        SELECT *, 'waiting', '', ''
        FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::smallint[])
        """,
        [list(column) for column in zip(*items, strict=True)],
    )
    texts = dict.fromkeys((message, business) for _, business, message, _ in items)
    await defer(
        db,
        fetch_media,
        [{"message_id": str(message), "business_id": str(business)} for message, business in texts],
    )


async def _touch_conversations(
    db: Db, rows: Sequence[tuple[UUID, Any, Any, UUID, Arrived]], patience: Patience
) -> dict[UUID, UUID | None]:
    """Newest words on top, unread counted, waiting for an answer, and open again if it was closed.

    Returns whose each conversation is. Where nothing was unread before, a look is due after a while: whether anybody
    has read it by then.
    """
    newest: dict[UUID, tuple[UUID, Arrived, int]] = {}
    for id, _, _, conversation, arrived in rows:
        last, of, count = newest.get(conversation, (id, arrived, 0))
        # One that was found late stands where it belongs.
        if not (arrived.late and arrived.at < of.at):
            last, of = id, arrived
        newest[conversation] = (last, of, count + 1)
    ordered = [(conversation, *newest[conversation]) for conversation in sorted(newest)]
    touched = await db.execute(
        """
        UPDATE messaging_conversation v
        SET last_message_id = CASE WHEN n.late AND n.at < v.last_at AND v.last_message_id IS NOT NULL
                                   THEN v.last_message_id ELSE n.message_id END,
            last_at = CASE WHEN v.last_message_id IS NULL THEN n.at ELSE greatest(v.last_at, n.at) END,
            unread = v.unread + n.count, waiting = true, closed_at = NULL
        FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::bool[], %s::int[])
            AS n (id, message_id, at, late, count)
        WHERE v.id = n.id
        RETURNING v.id, v.business_id, v.assignee_id, v.unread = n.count AS begins
        """,
        [
            columns.uuids(conversation for conversation, *_ in ordered),
            columns.uuids(message for _, message, _, _ in ordered),
            columns.moments(of.at for _, _, of, _ in ordered),
            [of.late for _, _, of, _ in ordered],
            columns.integers(count for *_, count in ordered),
        ],
    )
    conversations = await touched.fetchall()
    begun = [
        {"conversation_id": str(row.id), "business_id": str(row.business_id)}
        for row in conversations
        if row.begins
    ]
    if begun:
        await defer(db, write_if_unread, begun, at=timezone.now() + timedelta(seconds=patience.unread))
    return {row.id: row.assignee_id for row in conversations}


async def _evidently_text(db: Db, texts: Sequence[tuple[Any, Any, Arrived]]) -> None:
    """A number that texts us can evidently text, whatever a carrier said of it."""
    await db.execute(
        """
        UPDATE clients_handset h SET reach = '', misses = 0, changed_at = clock_timestamp()
        FROM unnest(%s::uuid[], %s::text[]) AS w (business_id, phone)
        WHERE h.business_id = w.business_id AND h.phone = w.phone AND (h.reach <> '' OR h.misses > 0)
        """,
        [
            columns.uuids(client.business_id for client, *_ in texts),
            columns.texts(client.phone for client, *_ in texts),
        ],
    )


# Who texted longer ago is not told any more that it was outside of the hours.
STILL_TOLD = timedelta(minutes=30)
# The job that tells them, by the name that `alerts` gives it.
TELL_CLOSED = "tell_closed"


async def _tell_closed(db: Db, rows: Sequence[tuple[UUID, Any, Any, UUID, Arrived]]) -> None:
    """Whoever texts while a business is closed that wants it told is told so: once each time it is closed."""
    jobs = [
        {"business_id": str(client.business_id), "client_id": str(client.id), "at": arrived.at.isoformat()}
        for _, number, client, _, arrived in rows
        if number.hours
        and _is_ordinary(arrived)
        and client.texting != "stopped"
        and timezone.now() - arrived.at < STILL_TOLD
        and not is_open(Business(hours=number.hours, time_zone=number.time_zone), arrived.at)
    ]
    if jobs:
        await defer(db, TELL_CLOSED, jobs)


def _is_ordinary(arrived: Arrived) -> bool:
    """It neither stops texts nor asks for help."""
    return arrived.asks is None or arrived.asks.word == "YES"


async def _count_answers(db: Db, texts: Sequence[tuple[Any, Any, Arrived]]) -> None:
    """What was answered to an offer, whether it is answered in turn or not."""
    jobs = [
        {
            "business_id": str(client.business_id),
            "phone": arrived.text.sender,
            "at": arrived.at.isoformat(),
        }
        for client, number, arrived in texts
        if number.offers
    ]
    if jobs:
        await defer(db, MARKETING_ANSWERED, jobs)


async def _help(db: Db, texts: Sequence[tuple[Any, Any, Arrived]]) -> None:
    """Who asks for help in a word that no network answers is told who texts them, and how to stop it.

    Not who has opted out (field.md 4.1).
    """
    jobs = [
        {
            "business_id": str(client.business_id),
            "client_id": str(client.id),
            "number_id": str(number.id),
            "key": str(uuid5(NAMESPACE_URL, f"{arrived.carrier.name}:{arrived.text.carrier_id}")),
        }
        for client, number, arrived in texts
        if arrived.asks
        and arrived.asks.kind == "help"
        and client.texting != "stopped"
        and not arrived.carrier.answers(arrived.text.recipient, arrived.text.body)
    ]
    if jobs:
        await defer(db, say_who_texts, jobs)
