"""Credits, debits and refunds: a line of the ledger and the balance, in one statement.

A text that cannot be paid for is not written, so it is not sent later either. Two senders at a balance of one: the
second waits for the first's row lock, and then its condition does not hold any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from parley.businesses.models import Business
from parley.quota.models import Balance, Entry, Order

Kind = Literal["direct", "automatic", "marketing"]


class NoTexts(Exception):
    """Nothing was debited; `words` say to a member how many are left, and what helps."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True)
class Spent:
    """What one text took: from the month's texts and from the bought ones, and how many are left. In segments."""

    entry: int
    monthly: int
    bought: int
    left: int


# `used` is the column that counts this kind.
_DEBIT = """
    WITH was AS (
        SELECT business_id, least(monthly, %(segments)s) AS monthly FROM quota_balance
        WHERE business_id = %(business)s AND month = %(month)s AND monthly + bought >= %(segments)s
        FOR UPDATE
    ), now AS (
        UPDATE quota_balance b
        SET monthly = b.monthly - was.monthly, bought = b.bought - (%(segments)s - was.monthly),
            {used} = b.{used} + %(segments)s
        FROM was WHERE b.business_id = was.business_id
        RETURNING was.monthly, b.monthly + b.bought AS left_over
    ), line AS (
        INSERT INTO quota_entry (business_id, kind, month, monthly, bought, message_id, used_for, at)
        SELECT %(business)s, 'spent', %(month)s, -now.monthly, now.monthly - %(segments)s, %(message)s, %(kind)s,
               clock_timestamp()
        FROM now RETURNING id
    )
    SELECT line.id, now.monthly, %(segments)s - now.monthly, now.left_over FROM line, now
"""

# Of each of these messages that was debited and not refunded yet: back to where it came from. The month's part is
# lost with its month. Written for both roads: Django's connection and the loops' own.
REFUND = """
    WITH spent AS (
        SELECT e.business_id, e.message_id, e.month, -e.monthly AS monthly, -e.bought AS bought, e.used_for
        FROM quota_entry e WHERE e.message_id = ANY(%(messages)s) AND e.kind = 'spent'
    ), line AS (
        INSERT INTO quota_entry (business_id, kind, month, monthly, bought, message_id, used_for, at)
        SELECT business_id, 'refund', month, monthly, bought, message_id, used_for, clock_timestamp() FROM spent
        ON CONFLICT (message_id, kind) WHERE message_id IS NOT NULL DO NOTHING
        RETURNING business_id, month, monthly, bought, used_for
    ), summed AS (
        SELECT line.business_id,
               sum(CASE WHEN line.month = b.month THEN line.monthly ELSE 0 END) AS monthly,
               sum(line.bought) AS bought,
               sum(CASE WHEN line.month = b.month AND used_for = 'direct' THEN line.monthly + line.bought ELSE 0 END)
                   AS direct,
               sum(CASE WHEN line.month = b.month AND used_for = 'automatic'
                        THEN line.monthly + line.bought ELSE 0 END) AS automatic,
               sum(CASE WHEN line.month = b.month AND used_for = 'marketing'
                        THEN line.monthly + line.bought ELSE 0 END) AS marketing
        FROM line JOIN quota_balance b ON b.business_id = line.business_id
        GROUP BY line.business_id
    )
    UPDATE quota_balance b
    SET monthly = b.monthly + summed.monthly, bought = b.bought + summed.bought,
        used_direct = b.used_direct - summed.direct, used_automatic = b.used_automatic - summed.automatic,
        used_marketing = b.used_marketing - summed.marketing
    FROM summed WHERE b.business_id = summed.business_id
"""


def month_of(business: Business, at: datetime | None = None) -> date:
    """The first of the month that it is for this business."""
    return (at or timezone.now()).astimezone(business.zone).date().replace(day=1)


def balance(business: Business) -> Balance:
    """The business's balance, with this month's texts credited."""
    month = month_of(business)
    known = Balance.objects.filter(business=business).first()
    return known if known is not None and known.month >= month else _begin(business, month)


def debit(business: Business, message: uuid.UUID, kind: Kind, segments: int) -> Spent:
    """Pay for one text in the caller's transaction, and hold the balance until it ends: so do this late.

    Raises NoTexts.
    """
    given = {
        "business": business.id,
        "message": message,
        "kind": kind,
        "segments": segments,
        "month": month_of(business),
    }
    statement = _DEBIT.format(used=f"used_{kind}")
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(statement, given)
            if row := cursor.fetchone():
                return Spent(*row)
            # The first text of the month credits it.
            known = balance(business)
            if known.left < segments:
                break
            given["month"] = known.month
    left = known.left
    raise NoTexts(
        f"This text needs {segments} of your texts, and {left} {'is' if left == 1 else 'are'} left."
        if left
        else "All of this month’s texts are used."
    )


def refund(messages: Iterable[uuid.UUID]) -> None:
    """Give back what these messages cost, if they were paid for and not given back yet."""
    with connection.cursor() as cursor:
        cursor.execute(REFUND, {"messages": list(messages)})


@transaction.atomic
def _begin(business: Business, month: date) -> Balance:
    """Credit the month's texts, once; what was left of the last month's is lost."""
    allowance = business.plan.monthly_texts
    Balance.objects.get_or_create(
        business=business, defaults={"month": date(1970, 1, 1), "allowance": 0, "monthly": 0}
    )
    known = Balance.objects.select_for_update().get(business=business)
    if known.month >= month:
        return known
    now = timezone.now()
    if known.monthly:
        Entry.objects.create(
            business=business,
            kind=Entry.Kind.LAPSED,
            month=known.month,
            monthly=-known.monthly,
            bought=0,
            at=now,
        )
    Entry.objects.create(
        business=business, kind=Entry.Kind.MONTH, month=month, monthly=allowance, bought=0, at=now
    )
    known.month, known.allowance, known.monthly = month, allowance, allowance
    known.used_direct = known.used_automatic = known.used_marketing = known.reloads = 0
    known.save()
    return known


@transaction.atomic
def credit_order(order: Order) -> bool:
    """Credit the texts of a paid order. True if that happened now, False if it had happened before."""
    known = balance(order.business)
    Balance.objects.select_for_update().get(pk=known.pk)
    if Entry.objects.filter(order=order).exists():
        return False
    Entry.objects.create(
        business=order.business,
        kind=Entry.Kind.BOUGHT,
        month=known.month,
        monthly=0,
        bought=order.texts,
        order=order,
        at=timezone.now(),
    )
    Balance.objects.filter(pk=known.pk).update(bought=F("bought") + order.texts)
    return True
