"""News for members, from the loops: in the transaction that caused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from procrastinate.tasks import Task

from parley.businesses.tenancy import new_id
from parley.messaging import columns
from parley.messaging.later import defer
from parley.messaging.line import Db
from parley.notifications.letters import write_news
from parley.notifications.push import push_news

# Whoever allowed no browser to tell them costs no job.
TO_PUSH = """
    SELECT n.id, n.business_id FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS n (id, business_id, member_id)
    WHERE EXISTS (
        SELECT 1 FROM businesses_member m JOIN notifications_pushsubscription s ON s.user_id = m.user_id AND NOT s.off
        WHERE m.business_id = n.business_id AND (n.member_id IS NULL OR m.id = n.member_id)
    )
"""

# Failures are mailed to the few who asked for it.
TO_MAIL = """
    SELECT n.id, n.business_id FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS n (id, business_id, member_id)
    WHERE EXISTS (
        SELECT 1 FROM businesses_member m
        WHERE m.business_id = n.business_id AND (n.member_id IS NULL OR m.id = n.member_id)
        AND 'failed:email' <> ALL(m.muted)
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
    """Write it down for the centre, and have it pushed and mailed to those who want that."""
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
            columns.uuids(ids),
            columns.uuids(businesses),
            columns.texts(one.kind for one in news),
            columns.texts(one.title for one in news),
            columns.texts(one.words for one in news),
            columns.uuids(one.conversation_id for one in news),
            columns.uuids(members),
            columns.texts(one.initials for one in news),
            columns.texts(one.tint for one in news),
        ],
    )
    await _defer(db, push_news, TO_PUSH, list(zip(ids, businesses, members, strict=True)))
    failed = [place for place, one in enumerate(news) if one.kind == "failed"]
    await _defer(
        db, write_news, TO_MAIL, [(ids[place], businesses[place], members[place]) for place in failed]
    )


async def _defer(
    db: Db, task: Task[Any, Any, Any], query: str, rows: Sequence[tuple[UUID, UUID, UUID | None]]
) -> None:
    """A job for each of these notifications that `query` finds somebody for."""
    if not rows:
        return
    found = await (
        await db.execute(query, [columns.uuids(column) for column in zip(*rows, strict=True)])
    ).fetchall()
    if found:
        await defer(
            db,
            task,
            [{"notification_id": str(row.id), "business_id": str(row.business_id)} for row in found],
        )
