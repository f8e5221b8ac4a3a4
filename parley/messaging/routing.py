"""Which number a message leaves from (the table in docs/architecture.md), and whom an answer belongs to.

A shared number texts for many businesses. `Route` remembers by which business a handset knows it, so that a direct
text leaves only from a number where this client's answer can mean nobody else.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection
from django.utils import timezone

from parley.businesses.models import Business
from parley.messaging import columns
from parley.messaging.models import Message, Route
from parley.numbers.models import PhoneNumber
from parley.numbers.texting import Column, lacks, standing

POOL_OF = {
    Message.Kind.DIRECT: PhoneNumber.Duty.SYSTEM,
    Message.Kind.TRANSACTIONAL: PhoneNumber.Duty.SYSTEM,
    Message.Kind.MARKETING: PhoneNumber.Duty.MARKETING,
}

# own, own_automatic: the business's own, for what a member wrote and for automatic texts. system_waiting: shared, until
# the own one is approved. system_automatic: shared, for automatic texts. marketing_pool: shared, for offers. answering:
# the one that the client wrote to.
Rule = Literal["own", "own_automatic", "system_waiting", "system_automatic", "marketing_pool", "answering"]

NOT_GUARANTEED = "Texts leave from a shared number until yours is approved. Delivery isn’t guaranteed."


class NoNumber(Exception):
    """There is no number that this may leave from; `words` say why to a member. `settings`: they can mend it there."""

    def __init__(self, words: str, *, settings: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.settings = settings


@dataclass(frozen=True, slots=True)
class Sender:
    """The number a message leaves from, and which cell of the table "Which number" chose it.

    `guaranteed` is False while it stands in for one that waits for approval.
    """

    number: PhoneNumber
    rule: Rule
    guaranteed: bool = True


def may_leave(business: Business, kind: Message.Kind, phone: str) -> Sender:
    """Which number it would leave from, without holding it. Raises NoNumber."""
    return _choose(business, kind, phone, hold=False)


def choose(business: Business, kind: Message.Kind, phone: str) -> Sender:
    """Which number it leaves from, held for this client in the caller's transaction. Raises NoNumber."""
    return _choose(business, kind, phone, hold=True)


def own_of(business: Business, kind: Message.Kind) -> Sender | None:
    """The business's own number, if it is what such texts leave from whoever they go to; None: `may_leave` says."""
    if kind == Message.Kind.MARKETING or not business.texting:
        return None
    where = standing(business)
    if where.number is None or (kind == Message.Kind.DIRECT and where.column is Column.OFF):
        return None
    return Sender(where.number, "own" if kind == Message.Kind.DIRECT else "own_automatic")


def answer_from(business: Business, number: PhoneNumber) -> Sender:
    """The number a client wrote to, for the answer that nobody reads it. Raises NoNumber."""
    if not business.texting:
        raise NoNumber(TEXTING_OFF, settings=True)
    return Sender(number, "answering")


def _choose(business: Business, kind: Message.Kind, phone: str, *, hold: bool) -> Sender:
    if kind == Message.Kind.MARKETING:
        if not business.texting:
            raise NoNumber(TEXTING_OFF, settings=True)
        return Sender(_shared(business, kind, phone, hold=hold), "marketing_pool")
    where = standing(business)
    if kind == Message.Kind.DIRECT:
        if where.column is Column.OFF:
            raise NoNumber(_why_not_direct(business, where.registration is not None), settings=True)
        if where.number:
            return Sender(where.number, "own")
        return Sender(_shared(business, kind, phone, hold=hold), "system_waiting", guaranteed=False)
    if not business.texting:
        raise NoNumber(TEXTING_OFF, settings=True)
    if where.number:
        return Sender(where.number, "own_automatic")
    return Sender(_shared(business, kind, phone, hold=hold), "system_automatic")


TEXTING_OFF = "Texting is switched off in the texting app."
NO_MARKETING_NUMBER = "There is no marketing number to send from. Whoever runs Parley must add one."


def _why_not_direct(business: Business, registered: bool) -> str:
    if missing := lacks(business):
        return missing[0].words
    if not business.texting:
        return TEXTING_OFF
    if not (business.two_way and business.mode != Business.Mode.DO_NOT_REPLY):
        return "Two way texting is off. Turn it on to text clients, or send an email."
    if registered:
        return "Your registration for texting is not finished. Finish it to text clients, or send an email."
    return "Your business has no texting number yet. Register for one to text clients, or send an email."


# The number this business and handset already share, else one that no other business uses for it.
FREE = """
    SELECT n.id
    FROM numbers_phonenumber n
    LEFT JOIN messaging_route r ON r.number_id = n.id AND r.phone = %(phone)s
    WHERE n.duty = %(duty)s AND n.paused = '' AND n.releasing_at IS NULL AND n.released_at IS NULL
      AND n.approved_at IS NOT NULL
      AND (r.number_id IS NULL OR (r.business_id = %(business)s AND r.holds <> 'shared'))
    ORDER BY r.number_id IS NULL, n.created_at, n.id LIMIT 1
"""
# Automatic texts may share: their answers are read by nobody. The one that was quiet longest makes room.
CROWDED = """
    SELECT n.id FROM numbers_phonenumber n
    JOIN messaging_route r ON r.number_id = n.id AND r.phone = %(phone)s
    WHERE n.duty = %(duty)s AND n.paused = '' AND n.releasing_at IS NULL AND n.released_at IS NULL
      AND n.approved_at IS NOT NULL AND r.holds <> 'conversation'
    ORDER BY r.business_id = %(business)s DESC, r.used_at LIMIT 1
"""
# Another business may have taken the number for this handset since we looked: then nothing is held.
HOLD = """
    INSERT INTO messaging_route AS r (number_id, phone, business_id, holds, used_at)
    VALUES (%(number)s, %(phone)s, %(business)s, %(holds)s, %(now)s)
    ON CONFLICT (phone, number_id) DO UPDATE
        SET used_at = excluded.used_at,
            holds = CASE WHEN r.holds = 'conversation' THEN r.holds ELSE excluded.holds END
        WHERE r.business_id = excluded.business_id AND r.holds <> 'shared'
    RETURNING 1
"""
SHARE = """
    UPDATE messaging_route SET business_id = %(business)s, used_at = %(now)s,
        holds = CASE WHEN business_id = %(business)s THEN holds ELSE 'shared' END
    WHERE number_id = %(number)s AND phone = %(phone)s AND holds <> 'conversation'
    RETURNING 1
"""
TRIES = 5

POOL = """
    SELECT n.id, n.pace, coalesce(waits.segments, 0), coalesce(waits.texts, 0)
    FROM numbers_phonenumber n LEFT JOIN LATERAL (
        SELECT sum(m.segments) AS segments, count(*) AS texts
        FROM messaging_outbox o JOIN messaging_message m ON m.id = o.message_id
        WHERE o.number_id = n.id AND o.priority = 2 AND NOT o.waits
    ) waits ON true
    WHERE n.duty = %(duty)s AND n.paused = '' AND n.releasing_at IS NULL AND n.released_at IS NULL
      AND n.approved_at IS NOT NULL
    ORDER BY n.created_at, n.id
"""
# What many handsets know of the numbers of one pool.
KNOWN_BY = """
    SELECT phone, number_id, business_id = %(business)s AND holds <> 'shared' AS ours,
           holds = 'conversation' AS taken
    FROM messaging_route WHERE phone = ANY(%(phones)s::text[]) AND number_id = ANY(%(numbers)s::uuid[])
    ORDER BY phone, used_at
"""
# In one order, so that two who hold the same ones wait for each other instead of for ever.
HOLD_MANY = """
    INSERT INTO messaging_route AS r (number_id, phone, business_id, holds, used_at)
    SELECT number_id, phone, %(business)s, 'alone', %(now)s
    FROM unnest(%(numbers)s::uuid[], %(phones)s::text[]) AS t (number_id, phone) ORDER BY phone, number_id
    ON CONFLICT (phone, number_id) DO UPDATE
        SET used_at = excluded.used_at, business_id = excluded.business_id,
            holds = CASE WHEN r.business_id = excluded.business_id THEN r.holds ELSE 'shared' END
        WHERE r.business_id = excluded.business_id OR r.holds <> 'conversation'
    RETURNING phone
"""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A shared number that texts may leave from, and what waits at it for its pace (segments a second) to allow it."""

    id: uuid.UUID
    pace: float
    segments: int
    texts: int


def marketing_pool() -> list[Pooled]:
    """The numbers that offers may leave from now."""
    with connection.cursor() as cursor:
        cursor.execute(POOL, {"duty": POOL_OF[Message.Kind.MARKETING]})
        return [Pooled(*row) for row in cursor.fetchall()]


def hold_offers(business: Business, phones: Sequence[str]) -> dict[str, PhoneNumber]:
    """`choose` for marketing to many: the number for each, held in the caller's transaction. Some may get none.

    Each keeps the number it knows this business by. Whoever knows none gets the one that has least to do for its pace,
    so that a campaign goes as fast as all of them together.
    """
    pool = marketing_pool()
    if not pool:
        return {}
    with connection.cursor() as cursor:
        given: dict[str, Any] = {
            "business": business.pk,
            "phones": columns.texts(phones),
            "numbers": columns.uuids(one.id for one in pool),
        }
        cursor.execute(KNOWN_BY, given)
        known: dict[str, list[tuple[uuid.UUID, bool, bool]]] = {}
        for phone, number, ours, taken in cursor.fetchall():
            known.setdefault(phone, []).append((number, ours, taken))
        # How long (seconds) each takes for what it has to do.
        waits = {one.id: one.segments / one.pace if one.pace else 0.0 for one in pool}
        a_text = {one.id: 1 / one.pace if one.pace else 1e-6 for one in pool}
        chosen: dict[str, uuid.UUID] = {}
        for phone in phones:
            rows = known.get(phone, ())
            own = next((number for number, ours, _ in rows if ours), None)
            strange = waits.keys() - {number for number, *_ in rows}
            crowded = next((number for number, _, taken in rows if not taken), None)
            number = own or (min(strange, key=waits.__getitem__) if strange else crowded)
            if number:
                chosen[phone] = number
                waits[number] += a_text[number]
        hold: dict[str, Any] = {
            "business": business.pk,
            "now": timezone.now(),
            "numbers": columns.uuids(chosen.values()),
            "phones": columns.texts(chosen),
        }
        cursor.execute(HOLD_MANY, hold)
        held = {phone for (phone,) in cursor.fetchall()}
    numbers = PhoneNumber.objects.in_bulk(set(chosen.values()))
    return {phone: numbers[number] for phone, number in chosen.items() if phone in held}


def _shared(business: Business, kind: Message.Kind, phone: str, *, hold: bool) -> PhoneNumber:
    direct = kind == Message.Kind.DIRECT
    given: dict[str, Any] = {
        "business": business.id,
        "phone": phone,
        "duty": POOL_OF[kind],
        "holds": Route.Holds.CONVERSATION if direct else Route.Holds.ALONE,
        "now": timezone.now(),
    }
    with connection.cursor() as cursor:
        for _ in range(TRIES):
            cursor.execute(FREE, given)
            row, how = cursor.fetchone(), HOLD
            if row is None and not direct:
                cursor.execute(CROWDED, given)
                row, how = cursor.fetchone(), SHARE
            if row is None:
                break
            if hold:
                cursor.execute(how, given | {"number": row[0]})
                if cursor.fetchone() is None:
                    continue
            return PhoneNumber.objects.get(pk=row[0])
    if direct:
        raise NoNumber(
            "No shared number is free for this client while your own waits for approval. Send an email instead."
        )
    if kind == Message.Kind.MARKETING:
        raise NoNumber(NO_MARKETING_NUMBER)
    raise NoNumber("There is no system number to send from. Whoever runs Parley must add one.")
