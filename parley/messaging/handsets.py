"""What carriers say of a client's number: that they opted out, that it gets no texts, that one arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from django.utils import timezone

from parley.carriers.base import Reach
from parley.clients import consent
from parley.clients.consent import Category, How, Says
from parley.messaging.line import Db

# So many texts in a row that the network could not place (Twilio 30005) say something about the number.
MISSES = 2

LEARN = f"""
    INSERT INTO clients_handset AS h (business_id, phone, reach, misses, changed_at)
    SELECT a.business_id, a.recipient,
           CASE WHEN bool_or(said.reach = 'landline') THEN 'landline'
                WHEN bool_or(said.reach = 'invalid') THEN 'invalid'
                WHEN count(*) >= {MISSES} THEN 'unreachable' ELSE '' END,
           count(*) FILTER (WHERE said.reach = 'unreachable'), clock_timestamp()
    FROM unnest(%s::uuid[], %s::text[]) AS said (attempt_id, reach)
    JOIN messaging_attempt a ON a.id = said.attempt_id
    GROUP BY a.business_id, a.recipient
    ORDER BY a.business_id, a.recipient
    ON CONFLICT (business_id, phone) DO UPDATE
        SET misses = h.misses + excluded.misses,
            reach = CASE WHEN excluded.reach IN ('landline', 'invalid') THEN excluded.reach
                         WHEN h.reach = '' AND h.misses + excluded.misses >= {MISSES} THEN 'unreachable'
                         ELSE h.reach END,
            changed_at = CASE WHEN excluded.reach IN ('landline', 'invalid')
                              OR (h.reach = '' AND h.misses + excluded.misses >= {MISSES})
                              THEN excluded.changed_at ELSE h.changed_at END
"""  # noqa: S608  our own constants

REACHED = """
    UPDATE clients_handset h
    SET misses = 0, reach = CASE WHEN h.reach = 'unreachable' THEN '' ELSE h.reach END,
        changed_at = CASE WHEN h.reach = 'unreachable' THEN clock_timestamp() ELSE h.changed_at END
    FROM messaging_attempt a
    WHERE a.id = ANY(%s) AND h.business_id = a.business_id AND h.phone = a.recipient
      AND (h.misses > 0 OR h.reach = 'unreachable')
"""

# In one order, so that two who wait for several of these wait for each other instead of for ever.
WHOSE = """
    SELECT said.place, a.id, a.business_id, a.recipient, n.number
    FROM unnest(%s::uuid[], %s::text[]) WITH ORDINALITY AS said (attempt_id, carrier_id, place)
    JOIN messaging_attempt a ON a.id = said.attempt_id OR a.carrier_id = said.carrier_id
    JOIN numbers_phonenumber n ON n.id = a.number_id
    ORDER BY a.business_id, a.recipient, a.id
"""


class Said(Protocol):
    """An answer of the carrier's, about one attempt."""

    @property
    def attempt_id(self) -> UUID | None: ...
    @property
    def carrier_id(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def verbatim(self) -> str: ...


async def opted_out(db: Db, said: Sequence[Said]) -> None:
    """The carrier knows of a STOP (Twilio 21610): it goes into the ledger, once an attempt.

    No confirmation follows: whoever blocked them has confirmed it. Waits until nothing is under way to them (R6).
    """
    if not said:
        return
    found = await db.execute(
        WHOSE, [[one.attempt_id for one in said], [one.carrier_id or None for one in said]]
    )
    for row in await found.fetchall():
        one = said[row.place - 1]
        line = consent.Line(
            business=row.business_id,
            phone=row.recipient,
            category=Category.ALL,
            says=Says.REFUSED,
            how=How.CARRIER,
            words=one.verbatim or one.words,
            our_number=row.number,
            source=f"carrier:{row.id}",
            said_at=timezone.now(),
        )
        await db.execute(consent.HOLD_BACK, line.parameters)
        await db.execute(consent.APPEND, line.parameters)


async def learn(db: Db, said: Mapping[UUID, Reach]) -> None:
    """What these attempts' outcomes say of the numbers they went to. Each outcome is to be learned from once."""
    told = {attempt: reach for attempt, reach in said.items() if reach}
    if told:
        await db.execute(LEARN, [list(told), list(told.values())])


async def reached(db: Db, attempts: Sequence[UUID]) -> None:
    """These texts arrived, so their numbers can be reached."""
    if attempts:
        await db.execute(REACHED, [list(attempts)])
