"""What clients say about being texted, on its way to the ledger and to what waits in the queue.

A STOP is obeyed in the webhook's own transaction, before the carrier gets its 200: the ledger's line, what holds now,
and the queue, all behind the lock of rule R6, so that from the 200 on no request for that client begins. What a
member was told goes the same way. `delivery` asks the same row again when it claims a text.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from psycopg.rows import namedtuple_row

from parley.businesses.models import Business, Member
from parley.carriers.base import Carrier, Received
from parley.clients import consent
from parley.clients.consent import DOUBT_LASTS, Category, How, Line, Says
from parley.clients.models import Consent
from parley.live.nudges import nudge
from parley.messaging.later import defer
from parley.messaging.line import Db
from parley.messaging.outcomes import Changes
from parley.quota import ledger
from parley.sms.numbers import is_toll_free
from parley.sms.optout import Wish, wish

# A bare "cancel" is doubtful where the client has an appointment, or had one in the last days; and where one of the
# last texts spoke of something that can be cancelled, for not every business has its appointments here.
SPOKE_OF = (
    r"\m(appointment|appt|booking|booked|reservation|visit|session|class|see you|rendez-vous|cita|reserva)"
)
LATELY = timedelta(days=14)
JUST_HAD = timedelta(days=3)

OPTED_OUT = "They opted out of texts."
NO_MARKETING = "They opted out of marketing."
IN_DOUBT = "They may have opted out: it waits until somebody of your team says what they meant."

# Which businesses a handset means by what it texts to a number; several where a shared number has texted for several.
WHO_IS_MEANT = """
    SELECT w.place, b.id AS business_id, b.sole, n.id AS number_id,
           coalesce(h.service, '') AS service, coalesce(h.marketing, '') AS marketing,
           refusal.our_number AS refused_to, refusal.said_at AS refused_at,
           -- Beside what stopped all texts: what was said of marketing last.
           (SELECT l.says FROM clients_consent l
            WHERE l.business_id = b.id AND l.phone = w.phone
              AND ((l.says = 'agreed' AND l.category <> 'service') OR (l.says = 'refused' AND l.category = 'marketing'))
            ORDER BY l.id DESC LIMIT 1) AS of_marketing
    FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w (number, phone, place)
    JOIN numbers_phonenumber n ON n.number = w.number AND n.released_at IS NULL
    LEFT JOIN messaging_route r ON n.business_id IS NULL AND r.phone = w.phone AND r.number_id = n.id
    JOIN LATERAL (
        SELECT coalesce(n.business_id, r.business_id) AS id, true AS sole
        WHERE n.business_id IS NOT NULL OR r.holds <> 'shared'
        UNION ALL
        SELECT c.business_id, false FROM clients_client c
        WHERE n.business_id IS NULL AND (r.number_id IS NULL OR r.holds = 'shared')
          AND c.phone = w.phone AND c.phone <> ''
    ) b ON true
    LEFT JOIN clients_handset h ON h.business_id = b.id AND h.phone = w.phone
    -- Whoever stopped offers alone takes that back in the same way.
    LEFT JOIN clients_consent refusal ON refusal.says = 'refused'
        AND refusal.id = CASE WHEN h.marketing = 'refused' AND h.service <> 'refused' THEN h.marketing_by
                              ELSE h.service_by END
    ORDER BY b.id, w.phone
"""

SPOKEN_LATELY = """
    SELECT EXISTS (
        SELECT 1 FROM clients_client c
        JOIN appointments_appointment a ON a.business_id = c.business_id AND a.client_id = c.id
        WHERE c.business_id = %(business)s AND c.phone = %(phone)s AND a.business_id = %(business)s
          AND a.starts_at > %(had)s AND a.status IN ('requested', 'booked')
    ) OR EXISTS (
        SELECT 1 FROM (
            SELECT m.body, m.title FROM messaging_message m
            JOIN messaging_conversation v ON v.business_id = m.business_id AND v.id = m.conversation_id
            JOIN clients_client c ON c.business_id = v.business_id AND c.id = v.client_id
            WHERE c.business_id = %(business)s AND c.phone = %(phone)s AND c.phone <> ''
              AND m.business_id = %(business)s AND m.direction = 'out' AND m.channel <> 'call' AND m.at > %(since)s
            ORDER BY m.at DESC LIMIT 3
        ) said WHERE body ~* %(of)s OR title ~* %(of)s
    ) AS spoken
"""

# What may not leave any more leaves the queue, and is not paid for.
CLEAR_QUEUE = """
    WITH gone AS (
        DELETE FROM messaging_outbox o USING clients_handset h
        WHERE o.business_id = %(business)s AND o.recipient = %(phone)s AND NOT o.confirms
          AND h.business_id = o.business_id AND h.phone = o.recipient
          AND (h.service = 'refused' OR (o.priority = 2 AND h.marketing <> 'agreed' AND h.marketing <> 'doubtful'))
        RETURNING o.message_id, h.service
    )
    UPDATE messaging_message m
    SET state = 'canceled', code = '', changed_at = clock_timestamp(),
        reason = CASE WHEN gone.service = 'refused' THEN %(opted_out)s ELSE %(no_marketing)s END
    FROM gone WHERE m.id = gone.message_id AND m.state = 'queued'
    RETURNING m.id
"""
# Why what stays in the queue waits, or that it waits no longer.
SAY_WHY_IT_WAITS = """
    UPDATE messaging_message m
    SET reason = CASE WHEN 'doubtful' IN (h.service, h.marketing) THEN %(in_doubt)s ELSE '' END,
        changed_at = clock_timestamp()
    FROM messaging_outbox o JOIN clients_handset h ON h.business_id = o.business_id AND h.phone = o.recipient
    WHERE o.business_id = %(business)s AND o.recipient = %(phone)s AND o.priority > 0 AND m.id = o.message_id
      AND m.state = 'queued' AND (m.reason = %(in_doubt)s) IS DISTINCT FROM ('doubtful' IN (h.service, h.marketing))
"""
WHOSE_PAGES = """
    SELECT v.id FROM messaging_conversation v
    JOIN clients_client c ON c.business_id = v.business_id AND c.id = v.client_id
    WHERE c.business_id = %(business)s AND c.phone = %(phone)s AND c.phone <> ''
"""
WORDS = {"opted_out": OPTED_OUT, "no_marketing": NO_MARKETING, "in_doubt": IN_DOUBT}


@dataclass(frozen=True, slots=True)
class Said:
    """A text that says something about being texted, and when its webhook came."""

    carrier: Carrier
    text: Received
    wish: Wish
    at: datetime

    @property
    def source(self) -> str:
        return f"{self.carrier.name}:{self.text.carrier_id}"


def said_by(carrier: Carrier, text: Received, at: datetime) -> Said | None:
    """What a text says about being texted that is to be obeyed; None for any other text."""
    return said_as(carrier, text, wish(text.body), at)


def said_as(carrier: Carrier, text: Received, wanted: Wish | None, at: datetime) -> Said | None:
    """`said_by`, where it was read already what the text asks for."""
    return Said(carrier, text, wanted, at) if wanted and wanted.kind != "help" else None


# ---- Texts: on a loop's or a webhook's connection


async def obey(db: Db, texts: Sequence[Said], changes: Changes, *, wait: float | None) -> None:
    """Do what these texts say, in the caller's transaction; what was done already is not done again.

    `wait` is how long (seconds) to wait until nothing is under way to these clients; None: not at all, because that
    was tried. Raises psycopg.errors.LockNotAvailable.
    """
    async with db.cursor(row_factory=namedtuple_row) as cursor:
        await cursor.execute(
            WHO_IS_MEANT, [[said.text.recipient for said in texts], [said.text.sender for said in texts]]
        )
        rows: list[Any] = await cursor.fetchall()
        meant = [(texts[row.place - 1], row) for row in rows]
        meant = [(said, row) for said, row in meant if not _mere_answer(said, row)]
        if wait is not None:
            await cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{int(wait * 1000)}ms"])
            # In one order, so that two who wait for several of these wait for each other instead of for ever.
            for business, phone in sorted({(row.business_id, said.text.sender) for said, row in meant}):
                await cursor.execute(consent.HOLD_BACK, {"business": business, "phone": phone})
            await cursor.execute("SELECT set_config('lock_timeout', '0', true)")
        confirmed: set[str] = set()
        gone: list[uuid.UUID] = []
        for said, row in sorted(meant, key=lambda one: (one[1].place, one[1].business_id)):
            line = await _line(cursor, said, row)
            if line is None:
                continue
            await cursor.execute(consent.APPEND, line.parameters)
            now: Any = await cursor.fetchone()
            if now is None:
                continue
            gone += await _clear(cursor, line.parameters, changes)
            job = {"business_id": str(line.business), "phone": line.phone}
            if line.says == Says.DOUBTFUL:
                await _later(db, "end_doubt", job, at=line.said_at + DOUBT_LASTS)
            elif (
                line.says == Says.REFUSED
                and now.service == "refused" != now.service_before
                and said.source not in confirmed
                and not said.carrier.answers(said.text.recipient, said.text.body)
            ):
                # Exactly one, and none beside the network's own (field.md 4.1, rule 3; 47 CFR 64.1200(a)(12)).
                confirmed.add(said.source)
                key = str(uuid.uuid5(uuid.NAMESPACE_URL, said.source))
                await _later(db, "confirm_opt_out", job | {"number_id": str(row.number_id), "key": key})
        if gone:
            # At once, and last: a pause of a campaign holds what it takes out of the queue, and waits for the balance.
            await cursor.execute(ledger.REFUND, {"messages": gone})


def _mere_answer(said: Said, row: Any) -> bool:
    """A "Yes" of somebody who has not opted out, or to a kind of number whose network takes it for no more."""
    return said.wish.word == "YES" and (is_toll_free(said.text.recipient) or row.service != "refused")


async def _line(cursor: Any, said: Said, row: Any) -> Line | None:
    """What goes into one business's ledger; None where the text is none of its business."""
    wanted, ours = said.wish, said.text.recipient
    base: dict[str, Any] = {
        "business": row.business_id,
        "phone": said.text.sender,
        "how": How.TEXT,
        "words": said.text.body,
        "our_number": ours,
        "said_at": said.at,
        "source": said.source,
    }
    if wanted.kind == "start":
        if not row.sole and row.refused_to != ours:
            return None
        if row.refused_at is not None and row.refused_at > said.at:
            return None  # found late, in the carrier's log: they have stopped since
        category = Category.ALL if row.of_marketing == Says.AGREED else Category.SERVICE
        return Line(**base, category=category, says=Says.AGREED)
    if wanted.doubtful and not said.carrier.blocks(ours, said.text.body) and row.service != "refused":
        asked = {
            "business": row.business_id,
            "phone": said.text.sender,
            "since": said.at - LATELY,
            "had": said.at - JUST_HAD,
        }
        await cursor.execute(SPOKEN_LATELY, asked | {"of": SPOKE_OF})
        if (await cursor.fetchone()).spoken:
            return Line(**base, category=Category.ALL, says=Says.DOUBTFUL)
    category = Category.MARKETING if wanted.category == "marketing" else Category.ALL
    return Line(**base, category=category, says=Says.REFUSED)


async def _clear(cursor: Any, given: Mapping[str, Any], changes: Changes) -> list[uuid.UUID]:
    """Returns the texts that are not paid for any more."""
    await cursor.execute(CLEAR_QUEUE, {**given, **WORDS})
    gone = [row.id for row in await cursor.fetchall()]
    await cursor.execute(SAY_WHY_IT_WAITS, {**given, **WORDS})
    await cursor.execute(WHOSE_PAGES, given)
    changes.conversations[given["business"]].update([row.id for row in await cursor.fetchall()])
    return gone


async def _later(db: Db, task: str, job: dict[str, str], *, at: datetime | None = None) -> None:
    from parley.messaging import tasks

    await defer(db, getattr(tasks, task), [job], at=at)


# ---- Members: on Django's connection


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
    said_at: datetime | None = None,
) -> None:
    """Write down what a client told a member, or a page, and take what may not leave any more out of the queue.

    Once this has returned and is committed, no text for that client begins (R6). Raises consent.OnlyTheClient.
    """
    consent.record(
        business,
        phone,
        category=category,
        says=says,
        how=how,
        words=words,
        our_number=our_number,
        member=member,
        said_at=said_at,
    )
    given: dict[str, Any] = {"business": business.id, "phone": phone, **WORDS}
    with connection.cursor() as cursor:
        cursor.execute(CLEAR_QUEUE, given)
        gone = [id for (id,) in cursor.fetchall()]
        cursor.execute(SAY_WHY_IT_WAITS, given)
        cursor.execute(WHOSE_PAGES, given)
        conversations = [id for (id,) in cursor.fetchall()]
    if gone:
        ledger.refund(gone)
    nudge(business.id, conversations)


@transaction.atomic
def settle_doubt(business: Business, phone: str, *, member: Member, opted_out: bool) -> bool:
    """A member's answer to what a client may have meant. False if nothing is doubtful any more."""
    with connection.cursor() as cursor:
        cursor.execute(consent.HOLD_BACK, {"business": business.id, "phone": phone})
    if not _in_doubt(business, phone):
        return False
    asked = business.consents.filter(phone=phone, says=Says.DOUBTFUL).latest("id")
    record(
        business,
        phone,
        category=Category.ALL,
        says=Says.REFUSED if opted_out else Says.MEANT_ELSE,
        # An opt-out stays what the client texted: a member only said how to read it.
        how=How.TEXT if opted_out else How.MEMBER,
        words=asked.words,
        member=member,
    )
    return True


@transaction.atomic
def end_doubt(business: Business, phone: str) -> bool:
    """A day has passed and nobody has said otherwise: it was an opt-out. False if there is nothing to end."""
    with connection.cursor() as cursor:
        cursor.execute(consent.HOLD_BACK, {"business": business.id, "phone": phone})
    if not _in_doubt(business, phone, ended=timezone.now()):
        return False
    asked = business.consents.filter(phone=phone, says=Says.DOUBTFUL).latest("id")
    record(business, phone, category=Category.ALL, says=Says.REFUSED, how=How.UNANSWERED, words=asked.words)
    return True


def _in_doubt(business: Business, phone: str, *, ended: datetime | None = None) -> bool:
    known = consent.handset(business, phone)
    if known is None or "doubtful" not in (known.service, known.marketing):
        return False
    return ended is None or known.doubt_ends_at is None or known.doubt_ends_at <= ended
