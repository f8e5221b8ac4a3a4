"""Settling what we do not know: attempts without an outcome (R5), and accepted texts without a receipt (R8).

An attempt whose worker died becomes `unknown` when its lease ends. An unknown one is looked for in the carrier's
log; only two listings that both worked and both lack it, long after the latest moment a carrier could still have
taken it, prove that it never arrived. Until then nothing is sent again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from parley.carriers.base import Carrier, Listed, ReceiptArrived, Unavailable
from parley.messaging import outcomes
from parley.messaging.line import Db, Line
from parley.messaging.outcomes import Changes, Fact
from parley.messaging.patience import Patience
from parley.pulse.beats import Heart

log = logging.getLogger(__name__)

BATCH = 50
# While one worker asks the carrier, others leave the attempt alone; a worker that dies gives it back after this.
HOLD = 60.0
# How often a text is tried that was each time proved absent. A reminder is soon too late, and a member sees that it
# failed. An offer is nobody's to send again by hand, and its audience is promised whole; ten, for a carrier that is
# asked for ever gains nothing, and each try costs its two listings.
TRIES = {"transactional": 3, "marketing": 10}

TAKE = """
    WITH due AS (
        SELECT id FROM messaging_attempt WHERE check_at <= clock_timestamp()
        ORDER BY check_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
    UPDATE messaging_attempt a SET check_at = clock_timestamp() + %s * interval '1 second'
    FROM due, numbers_phonenumber n, messaging_message m
    WHERE a.id = due.id AND n.id = a.number_id AND m.id = a.message_id
    RETURNING a.id, a.state, a.started_at, a.checks, a.carrier_id, a.recipient, a.try_number, a.message_id,
              a.number_id, a.business_id, n.number, n.carrier, m.body, m.kind, m.at, m.why ? 'confirms' AS confirms,
              extract(epoch FROM clock_timestamp() - a.started_at)::float8 AS age,
              extract(epoch FROM clock_timestamp() - m.at)::float8 AS message_age
"""


class Doubts:
    """The loop of one worker."""

    def __init__(self, carriers: dict[str, Carrier], patience: Patience) -> None:
        self.carriers = carriers
        self.patience = patience
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        line = Line("doubt")
        heart = Heart("doubt")
        hold = max(HOLD * self.patience.scale, 5.0)
        try:
            while not self.stopping.is_set():
                await heart.beat(line)
                due = await line.run(lambda db: _take(db, hold))
                for attempt in due:
                    await heart.beat(line)
                    try:
                        await self._look_into(line, attempt)
                    except Exception as error:
                        log.error("doubt not settled: %s", type(error).__name__)
                if not due:
                    try:
                        await asyncio.wait_for(self.stopping.wait(), max(0.05, self.patience.scale))
                    except TimeoutError:
                        pass
        finally:
            await line.close()

    def stop(self) -> None:
        self.stopping.set()

    async def _look_into(self, line: Line, attempt: Any) -> None:
        if attempt.state == "sending":
            await line.run(lambda db: self._lease_ended(db, attempt))
            return
        carrier = self.carriers.get(attempt.carrier)
        if carrier is None:
            return
        if attempt.state == "unknown":
            await self._look_for(line, carrier, attempt)
        else:
            await self._ask_for_receipt(line, carrier, attempt)

    async def _lease_ended(self, db: Db, attempt: Any) -> None:
        changes = Changes()
        await outcomes.doubt(db, [attempt.id], changes, self.patience)
        await outcomes.tell(db, changes)

    async def _look_for(self, line: Line, carrier: Carrier, attempt: Any) -> None:
        try:
            listed = await carrier.list_between(
                attempt.number, attempt.recipient, attempt.started_at - timedelta(seconds=2)
            )
        except Unavailable:
            await line.run(lambda db: _ask_again(db, attempt, self.patience.unanswered))
            return
        await line.run(lambda db: self._settle(db, attempt, listed))

    async def _settle(self, db: Db, attempt: Any, listed: Sequence[Listed]) -> None:
        changes = Changes()
        match = await _unbound(db, attempt, listed)
        if match is not None:
            fact = _fact(match, attempt)
            await outcomes.climb(db, [fact], changes, self.patience)
        elif attempt.checks == 0:
            await db.execute(
                """
                UPDATE messaging_attempt SET checks = 1, check_at = greatest(
                    started_at + %s * interval '1 second', clock_timestamp() + %s * interval '1 second')
                WHERE id = %s AND state = 'unknown'
                """,
                [
                    self.patience.lease + self.patience.proofs[1],
                    self.patience.proofs[1] - self.patience.proofs[0],
                    attempt.id,
                ],
            )
        else:
            await self._absent(db, attempt, changes)
        await outcomes.tell(db, changes)

    async def _absent(self, db: Db, attempt: Any, changes: Changes) -> None:
        """Transition 12 or 13: it is proved that the carrier never had it; what may follow depends on its kind."""
        again = (attempt.kind == "direct" and attempt.message_age <= self.patience.direct_in_time) or (
            attempt.kind != "direct" and attempt.try_number < TRIES[attempt.kind] and not attempt.confirms
        )  # opt-out confirmations are never sent again after doubt
        state, reason = (
            ("queued", "The carrier did not get it the first time.")
            if again
            else ("failed", "It never reached the carrier. You can send it again.")
        )
        rows = await (
            await db.execute(
                """
                WITH a AS (
                    UPDATE messaging_attempt SET state = 'absent', check_at = NULL, answered_at = clock_timestamp()
                    WHERE id = %s AND state = 'unknown' RETURNING message_id
                )
                UPDATE messaging_message m SET state = %s, reason = %s, changed_at = clock_timestamp()
                FROM a WHERE m.id = a.message_id AND m.state IN ('sending', 'unknown')
                RETURNING m.id, m.business_id, m.conversation_id, m.state
                """,
                [attempt.id, state, reason],
            )
        ).fetchall()
        for row in rows:
            changes.note(row)
            if again:
                await db.execute(
                    """
                    INSERT INTO messaging_outbox
                        (message_id, business_id, number_id, recipient, priority, run_at, tries, past, closes_at)
                    VALUES (%s, %s, %s, %s, %s, clock_timestamp(), %s, false,
                            -- Marketing asks for its window anew, and the claim asks again whether it is agreed.
                            CASE WHEN %s = 'marketing' THEN clock_timestamp() END)
                    """,
                    [
                        row.id,
                        row.business_id,
                        attempt.number_id,
                        attempt.recipient,
                        {"direct": 0, "transactional": 1, "marketing": 2}[attempt.kind],
                        attempt.try_number,
                        attempt.kind,
                    ],
                )
        if not again:
            await outcomes.give_back(db, rows)

    async def _ask_for_receipt(self, line: Line, carrier: Carrier, attempt: Any) -> None:
        try:
            found = await carrier.fetch(attempt.carrier_id)
        except Unavailable:
            await line.run(lambda db: _ask_again(db, attempt, self.patience.unanswered))
            return
        await line.run(lambda db: self._receipt(db, attempt, found))

    async def _receipt(self, db: Db, attempt: Any, found: Listed | None) -> None:
        changes = Changes()
        # At the last of its ages it stays what it is: "Sent", with no receipt.
        later = [age for age in self.patience.polls if age > attempt.age]
        await db.execute(
            """
            UPDATE messaging_attempt SET checks = checks + 1, check_at = started_at + %s * interval '1 second'
            WHERE id = %s AND check_at IS NOT NULL
            """,
            [later[0] if later else None, attempt.id],
        )
        if found is not None:
            await outcomes.climb(db, [_fact(found, attempt)], changes, self.patience)
        await outcomes.tell(db, changes)


def _fact(listed: Listed, attempt: Any) -> Fact:
    """What the carrier's log says of this attempt; a row that says nothing else says that they have it."""
    receipt = listed.receipt or ReceiptArrived(listed.carrier_id, "accepted")
    return Fact.of(receipt, attempt.id)


async def _take(db: Db, hold: float) -> list[Any]:
    return await (await db.execute(TAKE, [BATCH, hold])).fetchall()


async def _ask_again(db: Db, attempt: Any, wait: float) -> None:
    await db.execute(
        "UPDATE messaging_attempt SET check_at = clock_timestamp() + %s * interval '1 second' "
        "WHERE id = %s AND check_at IS NOT NULL",
        [wait, attempt.id],
    )


async def _unbound(db: Db, attempt: Any, listed: Sequence[Listed]) -> Listed | None:
    """The oldest row of the carrier's log that is this text and that no other attempt holds."""
    same: list[Listed] = sorted((row for row in listed if row.body == attempt.body), key=_age)
    if not same:
        return None
    bound = await db.execute(
        "SELECT carrier_id FROM messaging_attempt WHERE carrier_id = ANY(%s)",
        [[row.carrier_id for row in same]],
    )
    taken = {row.carrier_id for row in await bound.fetchall()}
    return next((row for row in same if row.carrier_id not in taken), None)


def _age(row: Listed) -> datetime:
    return row.created_at
