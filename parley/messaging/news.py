"""News for members, from the loops: in the transaction that caused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from parley.businesses.tenancy import new_id
from parley.messaging.later import defer
from parley.messaging.line import Db
from parley.notifications.push import push_news

# Whoever allowed no browser to tell them costs no job.
TO_PUSH = """
    SELECT n.id, n.business_id FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS n (id, business_id, member_id)
    WHERE EXISTS (
        SELECT 1 FROM businesses_member m JOIN notifications_pushsubscription s ON s.user_id = m.user_id AND NOT s.off
        WHERE m.business_id = n.business_id AND (n.member_id IS NULL OR m.id = n.member_id)
    )
"""


@dataclass(frozen=True, slots=True)
class News:
    """A notification to be. `member_id`: whom it concerns, or None for everybody."""

    business_id: UUID
    kind: str
    title: str
    words: str
    conversation_id: UUID
    member_id: UUID | None
    tint: str
    initials: str = ""


async def insert_news(db: Db, news: Sequence[News]) -> None:
    """Write it down for the centre, and have it pushed."""
    if not news:
        return
    ids = [new_id() for _ in news]
    businesses, members = [one.business_id for one in news], [one.member_id for one in news]
    await db.execute(
        """
        INSERT INTO notifications_notification
            (id, business_id, kind, title, words, conversation_id, member_id, initials, tint, created_at)
        SELECT *, clock_timestamp() FROM unnest(
            %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::uuid[], %s::text[], %s::text[])
        """,
        [
            ids,
            businesses,
            [one.kind for one in news],
            [one.title for one in news],
            [one.words for one in news],
            [one.conversation_id for one in news],
            members,
            [one.initials for one in news],
            [one.tint for one in news],
        ],
    )
    found = await (await db.execute(TO_PUSH, [ids, businesses, members])).fetchall()
    if found:
        await defer(
            db,
            push_news,
            [{"notification_id": str(row.id), "business_id": str(row.business_id)} for row in found],
        )
