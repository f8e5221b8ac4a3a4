"""The consent ledger: the one place where what a client agreed to or refused is written down.

A line and what follows from it (`Handset`) are written together, behind the lock of rule R6: whoever hands a text to
a carrier holds that lock, shared, from before the claim until the request is out. So once a refusal is committed and
answered, no request for that number begins.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.businesses.planned import built, columns, row
from parley.clients.models import Consent, Handset

Category, Says, How = Consent.Category, Consent.Says, Consent.How

# How long a doubtful opt-out waits for a member's answer before it counts as one.
DOUBT_LASTS = timedelta(days=1)

# The first half of the two-part key of the advisory lock of R6; any constant that no other lock uses.
LOCK = 7_412
# The second half, of a row that has these two.
LOCK_KEY = "hashtext({business}::text || {phone})"
HOLD_BACK = (
    f"SELECT pg_advisory_xact_lock({LOCK}, {LOCK_KEY.format(business='%(business)s', phone='%(phone)s')})"
)

# One line and what follows from it. Nothing happens if its event (`source`) is in the ledger already.
APPEND = """
    WITH line AS (
        INSERT INTO clients_consent
            (business_id, phone, category, says, how, words, our_number, by_id, by_name, source, said_at, recorded_at)
        VALUES (%(business)s, %(phone)s, %(category)s, %(says)s, %(how)s, %(words)s, %(our_number)s, %(by_id)s,
                %(by_name)s, %(source)s, %(said_at)s, clock_timestamp())
        ON CONFLICT (business_id, source) WHERE source <> '' DO NOTHING
        RETURNING *
    ), was AS (
        SELECT line.id, h.service, h.marketing,
               line.category IN ('all', 'service') AS about_service,
               line.category IN ('all', 'marketing') AS about_marketing,
               (SELECT c.says FROM clients_consent c
                WHERE c.business_id = line.business_id AND c.phone = line.phone AND c.id <> line.id
                  AND c.category IN ('all', 'marketing') AND c.says IN ('agreed', 'refused')
                ORDER BY c.id DESC LIMIT 1) AS marketing_before
        FROM line LEFT JOIN clients_handset h ON h.business_id = line.business_id AND h.phone = line.phone
    ), now AS (
        SELECT line.*,
               CASE WHEN NOT was.about_service THEN coalesce(was.service, '')
                    WHEN line.says = 'refused' THEN 'refused'
                    WHEN line.says = 'agreed' THEN ''
                    WHEN line.says = 'doubtful' AND was.service IS DISTINCT FROM 'refused' THEN 'doubtful'
                    WHEN line.says = 'meant_else' AND was.service = 'doubtful' THEN ''
                    ELSE coalesce(was.service, '') END AS service,
               CASE WHEN NOT was.about_marketing THEN coalesce(was.marketing, '')
                    WHEN line.says = 'refused' THEN 'refused'
                    WHEN line.says = 'agreed' THEN 'agreed'
                    WHEN line.says = 'doubtful' AND was.marketing IS DISTINCT FROM 'refused' THEN 'doubtful'
                    WHEN line.says = 'meant_else' AND was.marketing = 'doubtful' THEN coalesce(was.marketing_before, '')
                    ELSE coalesce(was.marketing, '') END AS marketing,
               was.about_service, was.about_marketing
        FROM line JOIN was ON was.id = line.id
    )
    INSERT INTO clients_handset AS h
        (business_id, phone, service, marketing, service_by, marketing_by, doubt_ends_at, changed_at)
    SELECT business_id, phone, service, marketing, CASE WHEN about_service THEN id END,
           CASE WHEN about_marketing THEN id END,
           CASE WHEN 'doubtful' IN (service, marketing) THEN said_at + %(doubt_lasts)s END, recorded_at
    FROM now
    ON CONFLICT (business_id, phone) DO UPDATE
        SET service = excluded.service, marketing = excluded.marketing,
            service_by = coalesce(excluded.service_by, h.service_by),
            marketing_by = coalesce(excluded.marketing_by, h.marketing_by),
            doubt_ends_at = CASE WHEN 'doubtful' IN (excluded.service, excluded.marketing)
                                 THEN coalesce(h.doubt_ends_at, excluded.doubt_ends_at) END,
            changed_at = excluded.changed_at
    RETURNING service, marketing, (SELECT coalesce(was.service, '') FROM was) AS service_before
"""

# Of many numbers, in the order in which whoever else locks several does it (`messaging.revoking.obey`).
HOLD_BACK_MANY = f"""
    SELECT pg_advisory_xact_lock({LOCK}, key)
    FROM (SELECT {LOCK_KEY.format(business="%(business)s", phone="phone")} AS key
          FROM unnest(%(phones)s::text[]) phone ORDER BY phone COLLATE "C") keys
"""  # noqa: S608  our own constants
# What stands against marketing to each number: what holds now, and what `may_be_undone` asks.
AGAINST = """
    SELECT given.phone, coalesce(h.service, ''), coalesce(h.marketing, ''), coalesce(last.says = 'refused', false)
    FROM unnest(%(phones)s::text[]) given (phone)
    -- Number by number, whatever the planner believes of a ledger that grows while it is asked.
    LEFT JOIN LATERAL (
        SELECT service, marketing FROM clients_handset
        WHERE business_id = %(business)s AND phone = given.phone LIMIT 1
    ) h ON true
    LEFT JOIN LATERAL (
        SELECT c.says FROM (
            SELECT * FROM clients_consent WHERE business_id = %(business)s AND phone = given.phone OFFSET 0
        ) c
        WHERE c.how <> ALL(%(by_team)s::text[])
          AND ((c.says = 'refused' AND c.category IN ('marketing', 'all'))
               OR (c.says = 'agreed' AND c.how = 'text'))
        ORDER BY c.id DESC LIMIT 1
    ) last ON true
    WHERE h.service <> '' OR h.marketing IN ('refused', 'doubtful') OR last.says = 'refused'
"""
# Many lines of numbers that agree to marketing, none twice and none that anything stands against. What holds is asked
# again: a STOP that could not wait for the lock any longer is committed without it.
APPEND_AGREED = """
    WITH line AS (
        INSERT INTO clients_consent
            (business_id, phone, category, says, how, words, our_number, by_id, by_name, source, said_at, recorded_at)
        SELECT %(business)s, given.phone, 'marketing', 'agreed', given.how, given.words, '', given.by_id,
               given.by_name, given.source, given.said_at, clock_timestamp()
        FROM unnest(%(phones)s::text[], %(hows)s::text[], %(words)s::text[], %(by_ids)s::uuid[], %(by_names)s::text[],
                    %(sources)s::text[], %(said_ats)s::timestamptz[])
             AS given (phone, how, words, by_id, by_name, source, said_at)
        ORDER BY given.phone
        ON CONFLICT (business_id, source) WHERE source <> '' DO NOTHING
        RETURNING *
    )
    INSERT INTO clients_handset AS h (business_id, phone, marketing, marketing_by, changed_at)
    SELECT business_id, phone, says, id, recorded_at FROM line ORDER BY phone
    ON CONFLICT (business_id, phone) DO UPDATE
        SET marketing = excluded.marketing, marketing_by = excluded.marketing_by, changed_at = excluded.changed_at
        WHERE h.service = '' AND h.marketing IN ('', 'agreed')
    RETURNING h.phone
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line to be written: see `Consent` for what its fields mean."""

    business: uuid.UUID
    phone: str
    category: str
    says: str
    how: str
    said_at: datetime
    words: str = ""
    our_number: str = ""
    by_id: uuid.UUID | None = None
    by_name: str = ""
    source: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """For `HOLD_BACK` and `APPEND`."""
        return {name: getattr(self, name) for name in self.__slots__} | {"doubt_lasts": DOUBT_LASTS}


class OnlyTheClient(Exception):
    """They opted out themselves, so nobody else can take it back."""

    words = "They opted out by text, so only they can undo it: by texting START to your number."


@transaction.atomic
def record(
    business: Business,
    phone: str,
    *,
    category: Consent.Category,
    says: Consent.Says,
    how: Consent.How,
    words: str = "",
    our_number: str = "",
    member: Member | None = None,
    source: str = "",
    said_at: datetime | None = None,
) -> bool:
    """Write one line, and what follows from it. False if its event is in the ledger already.

    Waits until no text for this number is being handed over (R6). Raises OnlyTheClient where a member would undo
    what the client texted or what a carrier told (field.md 4.1, rule 4). Whoever calls it from above `messaging`
    wants `messaging.revoking`, which also takes what is queued out of the queue.
    """
    line = Line(
        business=business.id,
        phone=phone,
        category=category,
        says=says,
        how=how,
        words=words,
        our_number=our_number,
        by_id=member.id if member else None,
        by_name=str(member) if member else "",
        source=source,
        said_at=said_at or timezone.now(),
    )
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute(HOLD_BACK, line.parameters)
        if says == Says.AGREED and how != How.TEXT and not may_be_undone(business, phone, category):
            raise OnlyTheClient
        cursor.execute(APPEND, line.parameters)
        return cursor.fetchone() is not None


OPTED_OUT = "They opted out, so that they agreed was not recorded."
MAY_HAVE_OPTED_OUT = "They may have opted out, so that they agreed was not recorded."


@dataclass(frozen=True, slots=True)
class Agreed:
    """What became of many lines: the numbers that agreed now, and why others did not."""

    phones: frozenset[str]
    against: dict[str, str]


def agree_many(business: Business, lines: Sequence[Line]) -> Agreed:
    """Write that numbers agreed to marketing, one line each, in the caller's transaction: `record` for many.

    Who opted out, or may have, stays so, whoever recorded it: a list is no word of theirs. A line whose `source` is in
    the ledger changes nothing. The caller must hold no row of these clients yet: a STOP holds its number's lock
    while it waits for its client's row.
    """
    assert connection.in_atomic_block
    assert all((line.category, line.says) == (Category.MARKETING, Says.AGREED) for line in lines)
    if not lines:
        return Agreed(frozenset(), {})
    given: dict[str, Any] = {"business": business.pk, "phones": [line.phone for line in lines]}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute(HOLD_BACK_MANY, given)
        cursor.execute(AGAINST, given | {"by_team": list(Consent.BY_TEAM)})
        against = {
            phone: OnlyTheClient.words if by_client else OPTED_OUT if "refused" in now else MAY_HAVE_OPTED_OUT
            for phone, *now, by_client in cursor.fetchall()
        }
        free = [line for line in lines if line.phone not in against]
        cells: dict[str, Any] = {
            "phones": [line.phone for line in free],
            "hows": [str(line.how) for line in free],
            "words": [line.words for line in free],
            "by_ids": [line.by_id for line in free],
            "by_names": [line.by_name for line in free],
            "sources": [line.source for line in free],
            "said_ats": [line.said_at for line in free],
        }
        cursor.execute(APPEND_AGREED, {"business": business.pk, **cells})
        return Agreed(frozenset(phone for (phone,) in cursor.fetchall()), against)


def handset(business: Business, phone: str) -> Handset | None:
    """What holds for the number now; None if it never agreed, refused or failed."""
    found = row(_handset(), {"business": business.pk, "phone": phone})
    return built(Handset, found) if found else None


@cache
def _handset() -> str:
    return f"""
        SELECT {columns(Handset, "h")} FROM clients_handset h
        WHERE h.business_id = %(business)s AND h.phone = %(phone)s
    """  # noqa: S608  our own columns


def may_be_undone(business: Business, phone: str, category: Consent.Category) -> bool:
    """May a member record that this number agreed again? Not over what the client texted, or a carrier told.

    The ledger is asked, not the line that holds: an opt-out that a member recorded after the client's own does not
    make the client's own a member's to undo. A START lifts it for marketing too: not as consent, but so that consent
    can be recorded again.
    """
    each = [Category.SERVICE, Category.MARKETING] if category == Category.ALL else [category]
    said = business.consents.filter(phone=phone).exclude(how__in=Consent.BY_TEAM)
    for one in each:
        refused = Q(says=Says.REFUSED, category__in=[one, Category.ALL])
        started = Q(says=Says.AGREED, how=How.TEXT, category__in=[one, Category.SERVICE, Category.ALL])
        last = said.filter(refused | started).order_by("-id").first()
        if last and last.says == Says.REFUSED:
            return False
    return True
