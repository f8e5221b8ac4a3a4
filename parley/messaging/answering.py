"""What clients answer to an appointment's message: a C or a yes confirms it, a plain "can't make it" flags it.

On the road in, in the transaction that reads the text. A mere yes is taken note of and bothers nobody: the calendar is
changed, and the client is told that it was understood by a message of its own (a job, for whoever has the words).

Which appointment a yes means: the one whose message asked last, of those that are still to come. Where that leaves a
doubt (another one before it, or on the same day, that waits for a yes too) a person reads it. Once a member has
written to them since, "Yes" may answer the member: only what can mean nothing else ("C") confirms, and it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from parley.messaging import columns
from parley.messaging.later import defer
from parley.messaging.line import Db
from parley.sms.answers import Answer, answer

if TYPE_CHECKING:
    from parley.messaging.receiving import Arrived

# The job that tells whoever acts on it, by the name that `alerts` gives it.
TELL = "appointment_answered"
# So long after it was asked a yes still answers the question, and so long before a visit "I can't make it" means it.
LATELY = timedelta(days=14)

# What is still to come for whoever wrote, the nearest first.
TO_COME = """
    SELECT w.place, a.id, a.starts_at, a.confirmed_at, b.time_zone,
           CASE WHEN a.asked_at <= w.at AND a.asked_at > w.at - %s THEN a.asked_at END AS asked_at,
           -- Somebody has written to them since, by hand.
           EXISTS (SELECT 1 FROM messaging_message m
                   WHERE m.business_id = w.business_id AND m.conversation_id = w.conversation_id
                     AND m.at > a.asked_at AND m.at <= w.at AND m.direction = 'out' AND m.kind = 'direct') AS spoken,
           -- It was a YES that lifted their opt-out.
           EXISTS (SELECT 1 FROM clients_consent l
                   WHERE l.business_id = w.business_id AND l.source <> '' AND l.source = w.source
                     AND l.says = 'agreed') AS started
    FROM unnest(%s::int[], %s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::text[])
        AS w (place, business_id, client_id, conversation_id, at, source)
    JOIN appointments_appointment a ON a.business_id = w.business_id AND a.client_id = w.client_id
        AND a.starts_at > w.at AND a.status IN ('requested', 'booked')
    JOIN businesses_business b ON b.id = a.business_id
    ORDER BY w.place, a.starts_at, a.id
"""

# As `booking.confirm` and `booking.decline` do it. What was moved since they answered is not what they meant.
CONFIRM = """
    UPDATE appointments_appointment a
    SET confirmed_at = clock_timestamp(), declined_at = NULL, declined_words = '', changed_at = clock_timestamp()
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS w (id, at)
    WHERE a.id = w.id AND a.asked_at <= w.at AND a.confirmed_at IS NULL AND a.status IN ('requested', 'booked')
    RETURNING a.id, a.business_id
"""
DECLINE = """
    UPDATE appointments_appointment a
    SET declined_at = clock_timestamp(), declined_words = left(w.words, 300), confirmed_at = NULL,
        changed_at = clock_timestamp()
    FROM unnest(%s::uuid[], %s::timestamptz[], %s::text[]) AS w (id, starts_at, words)
    WHERE a.id = w.id AND a.starts_at = w.starts_at AND a.status IN ('requested', 'booked')
    RETURNING a.id, a.business_id
"""


@dataclass(frozen=True, slots=True)
class Meant:
    """The appointment that a text answers, and with what."""

    row: Any
    answer: Answer
    text: Arrived

    @property
    def quiet(self) -> bool:
        """Nobody has to read it."""
        return self.answer.says == "yes" and not self.answer.more and not self.row.spoken


async def settle(db: Db, said: Sequence[tuple[Any, Arrived]]) -> set[int]:
    """Do what these texts answer, each with its client. Returns the events of those that nobody has to read.

    In the caller's transaction; without an answer among them it asks the database nothing.
    """
    answers = [
        (client, arrived, found) for client, arrived in said if (found := _answer(arrived)) is not None
    ]
    if not answers:
        return set()
    rows: dict[int, list[Any]] = {}
    for row in await _to_come(db, answers):
        rows.setdefault(row.place, []).append(row)
    meant = [
        Meant(row, found, arrived)
        for place, (_, arrived, found) in enumerate(answers)
        if (row := _which(rows.get(place, ()), found)) is not None
    ]
    # Of two answers to the same appointment the last holds.
    last = {one.row.id: one for one in meant}
    confirmed = await _confirm(
        db, [one for one in last.values() if one.answer.says == "yes" and not one.row.confirmed_at]
    )
    await _decline(db, [one for one in last.values() if one.answer.says == "no"])
    return {
        one.text.event_id
        for one in meant
        if one.quiet and (one.row.confirmed_at or one.row.id in confirmed or last[one.row.id] is not one)
    }


def _answer(arrived: Arrived) -> Answer | None:
    """What a text answers; never where it stops texts or asks for help."""
    asks = arrived.asks
    if arrived.text.media or (asks is not None and asks.word != "YES" and not asks.doubtful):
        return None
    found = answer(arrived.text.body)
    # "I have to cancel" may be meant for texts: `revoking` asks a member. It is no yes.
    return None if found and asks is not None and asks.doubtful and found.says == "yes" else found


async def _to_come(db: Db, answers: Sequence[tuple[Any, Arrived, Answer]]) -> list[Any]:
    found = await db.execute(
        TO_COME,
        [
            LATELY,
            columns.integers(range(len(answers))),
            columns.uuids(client.business_id for client, *_ in answers),
            columns.uuids(client.id for client, *_ in answers),
            columns.uuids(client.conversation_id for client, *_ in answers),
            columns.moments(arrived.at for _, arrived, _ in answers),
            columns.texts(f"{arrived.carrier.name}:{arrived.text.carrier_id}" for _, arrived, _ in answers),
        ],
    )
    return await found.fetchall()


def _which(rows: Sequence[Any], said: Answer) -> Any | None:
    """The appointment that is meant, if that is beyond doubt."""
    return _confirmed_by(rows, said) if said.says == "yes" else _declined_by(rows)


def _confirmed_by(rows: Sequence[Any], said: Answer) -> Any | None:
    asked = [row for row in rows if row.asked_at]
    if not asked:
        return None
    # Of those that were asked about at the same moment, the nearest.
    last = max(asked, key=lambda row: (row.asked_at, -row.starts_at.timestamp()))
    for rival in asked:
        waits = rival is not last and rival.confirmed_at is None
        if waits and (rival.starts_at < last.starts_at or _day(rival) == _day(last)):
            return None
    if last.started or (last.spoken and not said.plain):
        return None
    return last


def _declined_by(rows: Sequence[Any]) -> Any | None:
    if not rows:
        return None
    nearest, *others = rows
    if any(_day(other) == _day(nearest) for other in others):
        return None
    return nearest


def _day(row: Any) -> Any:
    return row.starts_at.astimezone(ZoneInfo(row.time_zone)).date()


async def _confirm(db: Db, answers: Sequence[Meant]) -> set[UUID]:
    if not answers:
        return set()
    found = await db.execute(
        CONFIRM,
        [
            columns.uuids(one.row.id for one in answers),
            columns.moments(one.text.at for one in answers),
        ],
    )
    done = await found.fetchall()
    await _tell(db, done, "confirmed")
    return {row.id for row in done}


async def _decline(db: Db, answers: Sequence[Meant]) -> None:
    near = [one for one in answers if one.row.asked_at or one.row.starts_at - one.text.at <= LATELY]
    if not near:
        return
    found = await db.execute(
        DECLINE,
        [
            columns.uuids(one.row.id for one in near),
            columns.moments(one.row.starts_at for one in near),
            columns.texts(one.text.text.body.replace("\x00", "") for one in near),
        ],
    )
    await _tell(db, await found.fetchall(), "declined")


async def _tell(db: Db, rows: Iterable[Any], what: str) -> None:
    jobs = [
        {"business_id": str(row.business_id), "appointment_id": str(row.id), "what": what} for row in rows
    ]
    if jobs:
        await defer(db, TELL, jobs)
