"""What became of a campaign's texts, brought from where it happened (`Change`) to where it is shown.

One counter at a time, so nobody waits for it: whoever changes a message only appends. What holds now is asked when it
is counted, so neither the order nor a repetition of what was appended matters.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from parley.campaigns.models import Change
from parley.live.nudges import nudge
from parley.messaging import columns

BATCH = 5000
# The first half of the two-part key of our advisory locks; any constant that no other lock uses. The second: counting.
LOCK = 7_431
COUNTING = 0
# What a client does after a campaign's text so long ago is not put down to it.
STILL_DUE_TO_IT = "7 days"

TAKE = """
    DELETE FROM campaigns_change WHERE id IN (SELECT id FROM campaigns_change ORDER BY id LIMIT %s)
    RETURNING business_id, what, message_id, phone, recipient_id, link_id, at
"""

# A message's state as its recipient's: what is in doubt is still on its way. One that is canceled says why itself.
FOLLOW = """
    WITH now AS (
        SELECT m.id, m.changed_at,
               CASE WHEN m.state IN ('queued', 'sending', 'unknown') THEN 'queued'
                    WHEN m.state IN ('accepted', 'sent') THEN 'sent'
                    WHEN m.state IN ('delivered', 'read') THEN 'delivered'
                    WHEN m.state = 'canceled' THEN 'skipped' ELSE 'failed' END AS state,
               CASE WHEN m.state IN ('undelivered', 'failed') THEN coalesce(nullif(m.code, ''), 'failed')
                    WHEN m.state = 'unconfirmed' THEN 'unconfirmed'
                    WHEN m.state = 'canceled' THEN
                        CASE WHEN m.reason = ANY(%(opted_out)s) THEN 'opted_out' ELSE 'not_sent' END
                    ELSE '' END AS code
        FROM messaging_message m WHERE m.id = ANY(%(messages)s::uuid[])
    ), was AS (
        SELECT r.id, r.state, r.code, r.message_id FROM campaigns_recipient r
        WHERE r.message_id = ANY(%(messages)s::uuid[]) ORDER BY r.id FOR NO KEY UPDATE
    )
    UPDATE campaigns_recipient r SET state = now.state, code = now.code
    FROM was JOIN now ON now.id = was.message_id
    WHERE r.id = was.id AND (was.state, was.code) IS DISTINCT FROM (now.state, now.code)
    RETURNING r.business_id, r.campaign_id, r.variant, was.state, was.code, now.state, now.code, now.changed_at
"""

# The last campaign that they had a text of.
_LAST = """
    SELECT DISTINCT ON (w.place) r.id, w.at
    FROM unnest(%(businesses)s::uuid[], %(phones)s::text[], %(ats)s::timestamptz[])
        WITH ORDINALITY AS w (business_id, phone, at, place)
    JOIN campaigns_recipient r ON r.business_id = w.business_id AND r.phone = w.phone AND r.phone <> ''
    WHERE r.message_id IS NOT NULL AND r.queued_at <= w.at AND r.queued_at > w.at - interval '{lasts}'
    ORDER BY w.place, r.queued_at DESC
"""
BY_PHONE = """
    UPDATE campaigns_recipient r SET {column} = last.at
    FROM ({last}) last WHERE r.id = last.id AND r.{column} IS NULL
    RETURNING r.business_id, r.campaign_id, r.variant, last.at
"""
COLUMN_OF = {Change.What.OPTED_OUT: "opted_out_at", Change.What.REPLIED: "replied_at"}

CLICK = """
    WITH clicked AS (
        INSERT INTO campaigns_click (business_id, link_id, recipient_id, at)
        SELECT l.business_id, l.id, r.id, min(w.at)
        FROM unnest(%(links)s::uuid[], %(recipients)s::bigint[], %(ats)s::timestamptz[])
            AS w (link_id, recipient_id, at)
        JOIN campaigns_link l ON l.id = w.link_id
        JOIN campaigns_recipient r ON r.id = w.recipient_id AND r.campaign_id = l.campaign_id
        GROUP BY l.business_id, l.id, r.id
        ON CONFLICT (link_id, recipient_id) DO NOTHING
        RETURNING link_id, recipient_id, at
    ), summed AS (
        UPDATE campaigns_link l SET clicks = l.clicks + n.number
        FROM (SELECT link_id, count(*) AS number FROM clicked GROUP BY link_id) n WHERE l.id = n.link_id
    )
    UPDATE campaigns_recipient r SET clicked_at = first.at
    FROM (SELECT recipient_id, min(at) AS at FROM clicked GROUP BY recipient_id) first
    WHERE r.id = first.recipient_id AND r.clicked_at IS NULL
    RETURNING r.business_id, r.campaign_id, r.variant, first.at
"""

# Who was answered with the business's own number, and has texted that since.
TALKED = f"""
    UPDATE campaigns_recipient r SET talked_at = said.at
    FROM campaigns_campaign k, LATERAL (
        SELECT r2.id, min(m.at) AS at FROM campaigns_recipient r2
        JOIN messaging_conversation v ON v.business_id = r2.business_id AND v.client_id = r2.client_id
        JOIN messaging_message m ON m.business_id = v.business_id AND m.conversation_id = v.id
            AND m.direction = 'in' AND m.channel = 'sms' AND m.at > r2.replied_at
        WHERE r2.campaign_id = k.id AND r2.replied_at IS NOT NULL AND r2.talked_at IS NULL
        GROUP BY r2.id
    ) said
    WHERE k.started_at > now() - interval '{STILL_DUE_TO_IT}' AND r.id = said.id AND r.talked_at IS NULL
    RETURNING r.business_id, r.campaign_id, r.variant, said.at
"""  # noqa: S608  our own constant

ADD = """
    INSERT INTO campaigns_count (business_id, campaign_id, variant, what, code, number)
    SELECT * FROM unnest(%(businesses)s::uuid[], %(campaigns)s::uuid[], %(variants)s::text[], %(whats)s::text[],
                         %(codes)s::text[], %(numbers)s::int[])
        AS t (business_id, campaign_id, variant, what, code, number)
    ORDER BY campaign_id, variant, what, code
    ON CONFLICT (campaign_id, variant, what, code) DO UPDATE SET number = campaigns_count.number + excluded.number
"""
ADD_MINUTES = """
    INSERT INTO campaigns_minute (business_id, campaign_id, at, what, number)
    SELECT * FROM unnest(%(businesses)s::uuid[], %(campaigns)s::uuid[], %(ats)s::timestamptz[], %(whats)s::text[],
                         %(numbers)s::int[]) AS t (business_id, campaign_id, at, what, number)
    ORDER BY campaign_id, at, what
    ON CONFLICT (campaign_id, at, what) DO UPDATE SET number = campaigns_minute.number + excluded.number
"""
# What the chart shows.
CHARTED = ("sent", "delivered", "failed", "replied", "opted_out", "clicked")

Of = tuple[uuid.UUID, uuid.UUID]  # a business and its campaign


class Tally:
    """What is to be added to the counts."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Of, str, str, str]] = Counter()
        self.minutes: Counter[tuple[Of, datetime, str]] = Counter()

    def add(self, of: Of, variant: str, what: str, code: str = "", number: int = 1) -> None:
        """So many more are so; fewer, where it is negative."""
        self.counts[of, variant, what, code] += number

    def became(self, of: Of, variant: str, what: str, at: datetime, code: str = "") -> None:
        """One became so at that moment."""
        self.add(of, variant, what, code)
        if what in CHARTED:
            self.minutes[of, at.replace(second=0, microsecond=0), what] += 1

    def write(self) -> None:
        """In the caller's transaction, as late in it as may be: other counters wait for these rows."""
        counts = [(key, number) for key, number in self.counts.items() if number]
        with connection.cursor() as cursor:
            if counts:
                keys = [key for key, _ in counts]
                cursor.execute(
                    ADD,
                    {
                        "businesses": columns.uuids(of[0] for of, *_ in keys),
                        "campaigns": columns.uuids(of[1] for of, *_ in keys),
                        "variants": columns.texts(variant for _, variant, _, _ in keys),
                        "whats": columns.texts(what for _, _, what, _ in keys),
                        "codes": columns.texts(code for *_, code in keys),
                        "numbers": columns.integers(number for _, number in counts),
                    },
                )
            if self.minutes:
                moments = list(self.minutes)
                cursor.execute(
                    ADD_MINUTES,
                    {
                        "businesses": columns.uuids(of[0] for of, *_ in moments),
                        "campaigns": columns.uuids(of[1] for of, *_ in moments),
                        "ats": columns.moments(at for _, at, _ in moments),
                        "whats": columns.texts(what for *_, what in moments),
                        "numbers": columns.integers(self.minutes.values()),
                    },
                )

    @property
    def businesses(self) -> set[uuid.UUID]:
        return {of[0] for of, *_ in self.counts}


def count_some(most: int = BATCH) -> int:
    """Count up to so many changes. Returns how many there were; 0 while another counts."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, COUNTING])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(TAKE, [most])
        changes = cursor.fetchall()
        if not changes:
            return 0
        tally = Tally()
        of_what: dict[str, list[tuple[Any, ...]]] = {}
        for business, what, *rest in changes:
            of_what.setdefault(what, []).append((business, *rest))
        _follow(cursor, tally, of_what.get(Change.What.MESSAGE, ()))
        for what, column in COLUMN_OF.items():
            _by_phone(cursor, tally, what, column, of_what.get(what, ()))
        _clicks(cursor, tally, of_what.get(Change.What.CLICKED, ()))
        _finish(tally)
        return len(changes)


def count_talking() -> None:
    """Count who has texted the business's own number after a reply: for this nothing is appended."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK, COUNTING])
        if not cursor.fetchone()[0]:
            return
        tally = Tally()
        cursor.execute(TALKED)
        _became(tally, "talked", cursor.fetchall())
        _finish(tally)


def _finish(tally: Tally) -> None:
    tally.write()
    for business in tally.businesses:
        nudge(business, [])


def _follow(cursor: Any, tally: Tally, rows: Iterable[tuple[Any, ...]]) -> None:
    from parley.messaging import revoking

    messages = {message for _, message, *_ in rows}
    if not messages:
        return
    reasons = [revoking.OPTED_OUT, revoking.NO_MARKETING]
    cursor.execute(FOLLOW, {"messages": columns.uuids(messages), "opted_out": reasons})
    for business, campaign, variant, state_was, code_was, state, code, at in cursor.fetchall():
        of = business, campaign
        tally.add(of, variant, state_was, code_was, -1)
        tally.became(of, variant, state, at, code)


def _by_phone(cursor: Any, tally: Tally, what: str, column: str, rows: Iterable[tuple[Any, ...]]) -> None:
    said = [(business, phone, at) for business, _, phone, _, _, at in rows]
    if not said:
        return
    statement = BY_PHONE.format(column=column, last=_LAST.format(lasts=STILL_DUE_TO_IT))
    cursor.execute(
        statement,
        {
            "businesses": columns.uuids(business for business, _, _ in said),
            "phones": columns.texts(phone for _, phone, _ in said),
            "ats": columns.moments(at for *_, at in said),
        },
    )
    _became(tally, what, cursor.fetchall())


def _clicks(cursor: Any, tally: Tally, rows: Iterable[tuple[Any, ...]]) -> None:
    clicks = [(link, recipient, at) for _, _, _, recipient, link, at in rows]
    if not clicks:
        return
    cursor.execute(
        CLICK,
        {
            "links": columns.uuids(link for link, _, _ in clicks),
            "recipients": columns.integers(recipient for _, recipient, _ in clicks),
            "ats": columns.moments(at for *_, at in clicks),
        },
    )
    _became(tally, "clicked", cursor.fetchall())


def _became(tally: Tally, what: str, rows: Iterable[tuple[Any, ...]]) -> None:
    for business, campaign, variant, at in rows:
        tally.became((business, campaign), variant, what, at)
