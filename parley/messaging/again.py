"""A text that did not arrive is tried again by itself, where the carrier's code says that this may help.

The same message gets another attempt. It is paid for once, and nobody is told of a failure while a try is to come.
Never marketing, nor a text of which nobody knows what it was (after a restore, from the carrier's records); never the
text that confirms an opt-out, nor any other once the client opted out; never where a member
has sent it again themselves; and never later than a day after it was written, for by then nobody expects it any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parley.carriers.base import Again
from parley.messaging.line import Db
from parley.messaging.patience import Patience

# Transition 17: undelivered, failed -> queued. The attempt is `lost`: from now on it says no more of the message, but
# that it arrived after all (`outcomes.climb`).
QUEUE = """
    WITH asked AS (
        SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::float8[], %s::text[], %s::int[], %s::text[])
            AS asked (message_id, attempt_id, again_key, wait, midnight, most, words)
    ), timed AS (
        SELECT asked.*, a.business_id, a.number_id, a.recipient, a.try_number, greatest(
                   clock_timestamp() + asked.wait * interval '1 second',
                   CASE WHEN asked.midnight <> '' THEN
                       (date_trunc('day', clock_timestamp() AT TIME ZONE asked.midnight) + interval '1 day')
                       AT TIME ZONE asked.midnight END
               ) AS run_at
        FROM asked JOIN messaging_attempt a ON a.id = asked.attempt_id AND a.state = 'bound'
    ), due AS (
        SELECT timed.*, timed.run_at AT TIME ZONE b.time_zone AS local,
               timed.run_at AT TIME ZONE b.time_zone < date_trunc('day', clock_timestamp() AT TIME ZONE b.time_zone)
                   + interval '1 day' AS today
        FROM timed
        JOIN businesses_business b ON b.id = timed.business_id
        JOIN messaging_message m ON m.id = timed.message_id AND m.business_id = timed.business_id
        WHERE m.kind <> 'marketing' AND NOT m.why ?| '{confirms,records}' AND timed.run_at < m.at + interval '1 day'
          AND (SELECT count(*) FROM messaging_attempt t WHERE t.message_id = m.id AND t.carrier_id IS NOT NULL)
              < timed.most
          AND NOT EXISTS (
              SELECT 1 FROM clients_handset h
              WHERE h.business_id = m.business_id AND h.phone = timed.recipient AND h.service = 'refused'
          )
          AND NOT EXISTS (
              SELECT 1 FROM messaging_message repeated
              WHERE repeated.business_id = m.business_id AND repeated.client_key = timed.again_key
          )
    ), m AS (
        UPDATE messaging_message m
        SET state = 'queued', changed_at = clock_timestamp(),
            reason = due.words || ' Trying again '
                || to_char(due.local, CASE WHEN due.today THEN '"at" FMHH12:MI AM' ELSE 'FMDy "at" FMHH12:MI AM' END)
                || '.'
        FROM due WHERE m.id = due.message_id AND m.state IN ('undelivered', 'failed')
        RETURNING m.id, m.kind
    ), lost AS (
        UPDATE messaging_attempt a SET state = 'lost'
        FROM due JOIN m ON m.id = due.message_id WHERE a.id = due.attempt_id
    ), q AS (
        INSERT INTO messaging_outbox (message_id, business_id, number_id, recipient, priority, run_at, tries, past)
        SELECT m.id, due.business_id, due.number_id, due.recipient, CASE m.kind WHEN 'direct' THEN 0 ELSE 1 END,
               due.run_at, due.try_number, false
        FROM m JOIN due ON due.message_id = m.id
    )
    SELECT id FROM m
"""


@dataclass(frozen=True, slots=True)
class Lost:
    """A text of which the carrier has just said that it did not arrive."""

    message_id: UUID
    attempt_id: UUID
    again: Again
    words: str


def again_key(message_id: UUID) -> UUID:
    """The key of a message's one repetition by hand: pressed twice, or by two people, it is still one message."""
    return uuid.uuid5(message_id, "again")


async def queue(db: Db, lost: Sequence[Lost], patience: Patience) -> set[UUID]:
    """Put those that may be tried again back into the queue, in the caller's transaction. Returns their messages."""
    if not lost:
        return set()
    columns: list[list[Any]] = [
        [one.message_id for one in lost],
        [one.attempt_id for one in lost],
        [again_key(one.message_id) for one in lost],
        [one.again.wait * patience.scale for one in lost],
        [one.again.midnight for one in lost],
        [one.again.most for one in lost],
        [one.words for one in lost],
    ]
    return {row.id for row in await (await db.execute(QUEUE, columns)).fetchall()}
