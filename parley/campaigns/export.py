"""A campaign's recipients as a table, for whoever counts further than Parley does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from parley.campaigns.models import Campaign, Recipient
from parley.campaigns.people import said
from parley.sms.numbers import pretty

HEADINGS = (
    *("Name", "Mobile number", "Wording", "State", "Reason", "Sent", "Delivered"),
    *("Opened a link", "Replied", "Texted you since", "Opted out"),
)
BATCH = 1_000

# In the order of the index `recipient_turn`: a batch at a time, so that neither this process nor the server ever
# holds all of them, and nobody's transaction stays open while somebody's connection is slow.
_BATCH = """
    SELECT r.state, r.opens_at, r.place, r.id, c.first_name, c.last_name, c.email, r.phone, r.variant, r.code,
           r.queued_at, CASE WHEN r.state = 'delivered' THEN m.changed_at END,
           r.clicked_at, r.replied_at, r.talked_at, r.opted_out_at, r.message_id, m.reason
    FROM campaigns_recipient r
    JOIN clients_client c ON c.business_id = r.business_id AND c.id = r.client_id
    LEFT JOIN messaging_message m ON m.id = r.message_id AND m.business_id = r.business_id
    WHERE r.campaign_id = %(campaign)s AND r.business_id = %(business)s AND r.state = %(state)s
      AND (r.opens_at, r.place, r.id) > (%(at)s, %(place)s, %(id)s)
    ORDER BY r.opens_at, r.place, r.id LIMIT %(batch)s
"""
_FIRST: dict[str, Any] = {"at": "-infinity", "place": 0, "id": 0}


def rows(campaign: Campaign) -> Iterator[list[str]]:
    """A row for each client in it: those who wait, then those who had it, then those who did not. Times are local.

    What changes its state meanwhile may come twice or not at all: a campaign that is being sent is told as it goes.
    """
    zone, both = campaign.business.zone, bool(campaign.share_b)
    for state in Recipient.State.values:
        last = _FIRST
        while last:
            batch = _fetch(campaign, state, last)
            for row in batch:
                yield _row(row, zone, both)
            last = (
                {"at": batch[-1][1], "place": batch[-1][2], "id": batch[-1][3]} if len(batch) == BATCH else {}
            )


def _fetch(campaign: Campaign, state: str, last: dict[str, Any]) -> list[tuple[Any, ...]]:
    given: dict[str, Any] = {
        "campaign": campaign.pk,
        "business": campaign.business_id,
        "state": state,
        "batch": BATCH,
    } | last
    with connection.cursor() as cursor:
        cursor.execute(_BATCH, given)
        return list(cursor.fetchall())


def _row(row: tuple[Any, ...], zone: ZoneInfo, both: bool) -> list[str]:
    state, _, _, id, first, last, email, phone, variant, code, *times, message, reason = row
    recipient = Recipient(id=id, state=state, code=code, message_id=message)
    return [
        f"{first} {last}".strip() or email,
        pretty(phone) if phone else "",
        variant.upper() if both else "",
        str(Recipient.State(state).label),
        said(recipient, {message: reason} if reason else {}),
        *(_time(at, zone) for at in times),
    ]


def _time(at: datetime | None, zone: ZoneInfo) -> str:
    """As a spreadsheet sorts it: 2026-11-24 10:02:33."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else ""
