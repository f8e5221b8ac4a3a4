"""What became of an attempt, written down: states only climb (rule R7), and who watches is told.

Answers to our calls, receipts and the carrier's own log all end here, so that there is one place where a message's
state can change after it left.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

import psycopg

from parley.carriers.base import Again, Reach, ReceiptArrived, ReceiptStatus
from parley.clients.models import TINTS
from parley.live.nudges import CHANNEL, payload
from parley.messaging import again, columns, handsets
from parley.messaging.line import Db, Line
from parley.messaging.news import News, insert_news
from parley.messaging.patience import Patience
from parley.pulse import tallies
from parley.quota.ledger import REFUND

log = logging.getLogger(__name__)

RANK = {
    "queued": 0,
    "sending": 1,
    "unknown": 2,
    "unconfirmed": 5,
    "accepted": 10,
    "sent": 20,
    "undelivered": 30,
    "failed": 30,
    "canceled": 30,
    "delivered": 40,
    "read": 50,
    "received": 50,
}
# The rank of a state, in SQL.
RANK_OF = (
    "CASE {0} " + " ".join(f"WHEN '{state}' THEN {rank}" for state, rank in RANK.items()) + " ELSE 99 END"
)
FINAL = 30
# From here on it is with the client, whatever else was said.
ARRIVED = 40

STATE_OF: dict[ReceiptStatus, str] = {
    "accepted": "accepted",
    "queued": "accepted",
    "sending": "accepted",
    "sent": "sent",
    "delivered": "delivered",
    "undelivered": "undelivered",
    "failed": "failed",
    "canceled": "canceled",
    "read": "read",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call to a carrier came to. `wait` (seconds) is for `not_sent`: when to try again."""

    attempt_id: UUID
    state: Literal["bound", "not_sent", "refused", "unknown"]
    carrier_id: str = ""
    segments: int = 0
    words: str = ""
    code: str = ""
    wait: float = 0.0
    opted_out: bool = False
    reach: Reach = ""
    verbatim: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something the carrier says of one of ours: by receipt, or in answer to a question."""

    carrier_id: str
    status: ReceiptStatus
    attempt_id: UUID | None = None
    code: str = ""
    words: str = ""
    again: Again | None = None
    opted_out: bool = False
    reach: Reach = ""
    verbatim: str = ""

    @classmethod
    def of(cls, receipt: ReceiptArrived, attempt_id: UUID | None) -> Fact:
        return cls(
            receipt.carrier_id,
            receipt.status,
            attempt_id,
            receipt.code or "",
            receipt.words,
            receipt.again,
            receipt.opted_out,
            receipt.reach,
            receipt.verbatim,
        )

    @property
    def state(self) -> str:
        return STATE_OF[self.status]


@dataclass(slots=True)
class Changes:
    """Conversations whose pages must look again, by business, and messages that have just failed."""

    conversations: dict[UUID, set[UUID]] = field(default_factory=lambda: defaultdict(set))
    failed: list[UUID] = field(default_factory=list)
    news: set[UUID] = field(default_factory=set)

    def note(self, row: Any) -> None:
        self.conversations[row.business_id].add(row.conversation_id)
        if row.state in ("failed", "undelivered"):
            self.failed.append(row.id)


async def tell(db: Db, changes: Changes) -> None:
    """Write notifications of failures, and nudge: once a business, when the transaction commits."""
    if changes.failed:
        await _notify_of_failures(db, changes)
    if changes.conversations:
        said = [
            payload(business, conversations, news=business in changes.news)
            for business, conversations in changes.conversations.items()
        ]
        await db.execute(
            "SELECT pg_notify(%s, said) FROM unnest(%s::text[]) said", [CHANNEL, columns.texts(said)]
        )


async def record(line: Line, batch: Sequence[Outcome], patience: Patience) -> None:
    """Write outcomes in one transaction. One that cannot be written so is written alone, or left to doubt."""
    try:
        await line.run(lambda db: _write(db, batch, patience))
    except psycopg.IntegrityError:
        # Two attempts with one carrier id: the carrier's answer was nonsense, and only its own message is in doubt.
        if len(batch) > 1:
            for outcome in batch:
                await record(line, [outcome], patience)
        else:
            log.error("carrier gave an id that another attempt holds")
            await line.run(lambda db: _write(db, [Outcome(batch[0].attempt_id, "unknown")], patience))
            tallies.count("attempts", "unknown")
    else:
        for outcome in batch:
            tallies.count("attempts", outcome.state)


async def _write(db: Db, batch: Sequence[Outcome], patience: Patience) -> None:
    changes = Changes()
    by_state: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in batch:
        by_state[outcome.state].append(outcome)
    if bound := by_state["bound"]:
        known = await _bound(db, bound, changes, patience)
        # A receipt was here first, or the lease had ended: the long way round.
        facts = [Fact(o.carrier_id, "accepted", o.attempt_id) for o in bound if o.attempt_id not in known]
        if facts:
            await climb(db, facts, changes, patience)
    if refused := by_state["refused"]:
        await _refused(db, refused, changes)
    if not_sent := by_state["not_sent"]:
        await _not_sent(db, not_sent, changes)
    if unknown := by_state["unknown"]:
        await doubt(db, [o.attempt_id for o in unknown], changes, patience)
    await tell(db, changes)


async def _bound(db: Db, batch: Sequence[Outcome], changes: Changes, patience: Patience) -> set[UUID]:
    """Transition 7, for attempts that nothing else has been said of. Returns these.

    While an attempt is `sending` it is its message's last, and the message is not in the queue: nothing to compare.
    """
    rows = await _fetch(
        db,
        """
        WITH o AS (SELECT * FROM unnest(%s::uuid[], %s::text[]) AS o (attempt_id, carrier_id)),
        a AS (
            UPDATE messaging_attempt a
            SET carrier_id = o.carrier_id, state = 'bound', checks = 0, answered_at = clock_timestamp(),
                check_at = a.started_at + %s * interval '1 second'
            FROM o WHERE a.id = o.attempt_id AND a.state = 'sending' AND a.carrier_id IS NULL
            RETURNING a.id AS attempt_id, a.message_id
        ), m AS (
            UPDATE messaging_message m
            SET state = 'accepted', code = '', reason = '', changed_at = clock_timestamp()
            FROM a WHERE m.id = a.message_id AND m.state = 'sending'
            RETURNING m.id, m.business_id, m.conversation_id, m.state
        )
        SELECT a.attempt_id, m.* FROM a LEFT JOIN m ON m.id = a.message_id
        """,
        [
            columns.uuids(o.attempt_id for o in batch),
            columns.texts(o.carrier_id for o in batch),
            patience.polls[0],
        ],
    )
    for row in rows:
        if row.id is not None:
            changes.note(row)
    return {row.attempt_id for row in rows}


async def _refused(db: Db, batch: Sequence[Outcome], changes: Changes) -> None:
    """Transition 9: the carrier answered with an error for this message. Final."""
    rows = await _fetch(
        db,
        """
        WITH o AS (SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS o (attempt_id, code, words)),
        a AS (
            UPDATE messaging_attempt a
            SET state = 'refused', code = o.code, words = o.words, check_at = NULL, answered_at = clock_timestamp()
            FROM o WHERE a.id = o.attempt_id AND a.state IN ('sending', 'unknown') AND a.carrier_id IS NULL
            RETURNING a.id AS attempt_id, a.message_id, o.code, o.words
        ), m AS (
            UPDATE messaging_message m
            SET state = 'failed', code = a.code, reason = a.words, changed_at = clock_timestamp()
            FROM a WHERE m.id = a.message_id AND m.state IN ('sending', 'unknown')
            RETURNING m.id, m.business_id, m.conversation_id, m.state
        )
        SELECT a.attempt_id, m.* FROM a LEFT JOIN m ON m.id = a.message_id
        """,
        [[o.attempt_id for o in batch], [o.code for o in batch], [o.words for o in batch]],
    )
    for row in rows:
        if row.id is not None:
            changes.note(row)
    await give_back(db, [row for row in rows if row.id is not None])
    await handsets.opted_out(db, [one for one in batch if one.opted_out])
    said = {row.attempt_id for row in rows}
    await handsets.learn(db, {one.attempt_id: one.reach for one in batch if one.attempt_id in said})


async def give_back(db: Db, rows: Sequence[Any]) -> None:
    """What these messages cost goes back to their businesses: carriers bill nothing for what they did not take."""
    if rows:
        await db.execute(REFUND, {"messages": [row.id for row in rows]})


async def _not_sent(db: Db, batch: Sequence[Outcome], changes: Changes) -> None:
    """Transition 8: it certainly never arrived; back into its place in the queue, for later."""
    rows = await _fetch(
        db,
        """
        WITH o AS (
            SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::float8[])
                AS o (attempt_id, code, words, wait)
        ), a AS (
            UPDATE messaging_attempt a
            SET state = 'not_sent', code = o.code, words = o.words, check_at = NULL, answered_at = clock_timestamp()
            FROM o WHERE a.id = o.attempt_id AND a.state = 'sending' AND a.carrier_id IS NULL
            RETURNING a.message_id, a.number_id, a.recipient, a.try_number, o.words, o.code, o.wait
        ), m AS (
            UPDATE messaging_message m
            SET state = 'queued', reason = a.words, code = a.code, changed_at = clock_timestamp()
            FROM a WHERE m.id = a.message_id AND m.state = 'sending'
            RETURNING m.id, m.business_id, m.conversation_id, m.state, m.kind, m.why
        ), q AS (
            INSERT INTO messaging_outbox
                (message_id, business_id, number_id, recipient, priority, run_at, tries, past, confirms, closes_at)
            SELECT m.id, m.business_id, a.number_id, a.recipient,
                   CASE m.kind WHEN 'direct' THEN 0 WHEN 'transactional' THEN 1 ELSE 2 END,
                   clock_timestamp() + a.wait * interval '1 second', a.try_number, false, m.why ? 'confirms',
                   -- Marketing asks for its window anew.
                   CASE m.kind WHEN 'marketing' THEN clock_timestamp() END
            FROM m JOIN a ON a.message_id = m.id
        )
        SELECT id, business_id, conversation_id, state FROM m
        """,
        [
            [o.attempt_id for o in batch],
            [o.code for o in batch],
            [o.words for o in batch],
            [o.wait for o in batch],
        ],
    )
    for row in rows:
        changes.note(row)


async def doubt(db: Db, attempts: Sequence[UUID], changes: Changes, patience: Patience) -> None:
    """Transition 10: the outcome is unknown. The first proof is asked for after the lease and its margin (R5)."""
    rows = await _fetch(
        db,
        """
        WITH a AS (
            UPDATE messaging_attempt SET state = 'unknown', checks = 0,
                check_at = started_at + (%s::float8 + %s::float8) * interval '1 second'
            WHERE id = ANY(%s) AND state = 'sending' AND carrier_id IS NULL RETURNING message_id
        )
        UPDATE messaging_message m
        SET state = 'unknown', changed_at = clock_timestamp()
        FROM a WHERE m.id = a.message_id AND m.state = 'sending'
        RETURNING m.id, m.business_id, m.conversation_id, m.state
        """,
        [patience.lease, patience.proofs[0], list(attempts)],
    )
    for row in rows:
        changes.note(row)


async def climb(db: Db, facts: Sequence[Fact], changes: Changes, patience: Patience) -> set[str]:
    """Apply what the carrier says; a lower rank never overwrites a higher. Returns the carrier ids nobody knows.

    A fact that names our attempt binds the carrier's id to it, even when the answer to our call was lost (R2), and
    even when we had given the attempt up: then the message is taken out of the queue again. An attempt that was
    followed by another says nothing more of the message, but that it arrived after all.
    """
    best: dict[str, Fact] = {}
    for fact in facts:
        known = best.get(fact.carrier_id)
        if known is None:
            best[fact.carrier_id] = fact
            continue
        higher = fact if RANK[fact.state] > RANK[known.state] else known
        # Only one of the two may name our attempt.
        best[fact.carrier_id] = replace(higher, attempt_id=known.attempt_id or fact.attempt_id)
    # Always in one order: two transactions that climb the same rows must not wait for each other.
    chosen = sorted(best.values(), key=lambda fact: fact.carrier_id)
    named = [fact for fact in chosen if fact.attempt_id is not None]
    if named:
        await db.execute(
            """
            UPDATE messaging_attempt a
            SET carrier_id = f.carrier_id, state = 'bound', checks = 0, answered_at = clock_timestamp(),
                check_at = a.started_at + %s * interval '1 second'
            FROM unnest(%s::uuid[], %s::text[]) AS f (attempt_id, carrier_id)
            WHERE a.id = f.attempt_id AND a.carrier_id IS NULL AND a.state <> 'refused'
            """,
            [patience.polls[0], [f.attempt_id for f in named], [f.carrier_id for f in named]],
        )
    rows = await _fetch(
        db,
        f"""
        WITH f AS (
            SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::int[])
                AS f (carrier_id, state, code, words, rank)
        ), a AS (
            UPDATE messaging_attempt a
            SET check_at = CASE WHEN f.rank >= {FINAL} THEN NULL ELSE a.check_at END,
                code = CASE WHEN f.code <> '' THEN f.code ELSE a.code END,
                words = CASE WHEN f.code <> '' THEN f.words ELSE a.words END
            FROM f WHERE a.carrier_id = f.carrier_id
            RETURNING a.id, a.message_id, a.carrier_id, a.try_number, a.state = 'lost' AS lost,
                      f.state, f.code, f.words, f.rank
        ), said AS (
            SELECT DISTINCT ON (a.message_id) a.* FROM a
            WHERE a.rank >= {ARRIVED} OR (NOT a.lost AND NOT EXISTS (
                SELECT 1 FROM messaging_attempt later
                WHERE later.message_id = a.message_id AND later.try_number > a.try_number
            ))
            ORDER BY a.message_id, a.rank DESC, a.try_number DESC
        ), q AS (
            DELETE FROM messaging_outbox USING said WHERE messaging_outbox.message_id = said.message_id
        ), m AS (
            UPDATE messaging_message m
            SET state = said.state, code = said.code, reason = said.words, changed_at = clock_timestamp()
            FROM said WHERE m.id = said.message_id AND {RANK_OF.format("m.state")} < said.rank
            RETURNING m.id, m.business_id, m.conversation_id, m.state, said.id AS attempt_id
        )
        SELECT a.carrier_id AS known, a.id AS attempt_id, m.id, m.business_id, m.conversation_id, m.state
        FROM a LEFT JOIN m ON m.id = a.message_id AND m.attempt_id = a.id
        """,  # noqa: S608  built from our own constants
        [
            [fact.carrier_id for fact in chosen],
            [fact.state for fact in chosen],
            [fact.code for fact in chosen],
            [fact.words for fact in chosen],
            [RANK[fact.state] for fact in chosen],
        ],
    )
    by_id = {fact.carrier_id: fact for fact in chosen}
    climbed = [(row, by_id[row.known]) for row in rows if row.id is not None]
    waiting = await again.queue(
        db,
        [
            again.Lost(row.id, row.attempt_id, fact.again, fact.words)
            for row, fact in climbed
            if fact.again is not None and row.state in ("undelivered", "failed")
        ],
        patience,
    )
    for row, _ in climbed:
        if row.id in waiting:
            changes.conversations[row.business_id].add(row.conversation_id)
        else:
            changes.note(row)
    await handsets.opted_out(db, [fact for fact in chosen if fact.opted_out])
    await handsets.learn(db, {row.attempt_id: fact.reach for row, fact in climbed})
    await handsets.reached(db, [row.attempt_id for row, fact in climbed if RANK[fact.state] >= ARRIVED])
    return set(by_id) - {row.known for row in rows}


async def _notify_of_failures(db: Db, changes: Changes) -> None:
    rows = await _fetch(
        db,
        """
        SELECT m.business_id, m.conversation_id, m.author_id, m.reason, c.first_name, c.id AS client_id
        FROM messaging_message m
        JOIN messaging_conversation v ON v.business_id = m.business_id AND v.id = m.conversation_id
        JOIN clients_client c ON c.business_id = v.business_id AND c.id = v.client_id
        WHERE m.id = ANY(%s) AND m.kind <> 'marketing'
        """,
        [changes.failed],
    )
    for row in rows:
        changes.news.add(row.business_id)
    await insert_news(
        db,
        [
            News(
                business_id=row.business_id,
                kind="failed",
                title=f"A text to {row.first_name or 'a client'} didn’t arrive",
                words=row.reason,
                conversation_id=row.conversation_id,
                # Who wrote it should know; an automatic message is everybody's.
                member_id=row.author_id,
                tint=TINTS[row.client_id.int % len(TINTS)],
            )
            for row in rows
        ],
    )


async def _fetch(db: Db, query: str, parameters: Sequence[Any]) -> list[Any]:
    return await (await db.execute(query, parameters)).fetchall()
