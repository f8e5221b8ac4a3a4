"""What the sample business used of its texts: this month at the pace of the design's meter, and the month before."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta

from parley.businesses.models import Business
from parley.messaging.models import Message
from parley.messaging.sending import USED_FOR
from parley.quota import ledger
from parley.quota.models import Balance, Entry

# Segments of a whole month, by kind: on the evening of the 20th it is 702, 431 and 151.
MONTH = {"automatic": 1055, "direct": 648, "marketing": 227}


def use_texts(business: Business, messages: list[Message], now: datetime, chance: random.Random) -> None:
    """Write the ledger of a business that has none yet, and the balance that it adds up to."""
    allowance = business.plan.monthly_texts
    month = ledger.month_of(business, now)
    last = (month - timedelta(days=1)).replace(day=1)
    lines = [_line(business, Entry.Kind.MONTH, last, _first(business, last), allowance)]
    spent = _spent(business, messages, last, now, chance)
    lines += spent
    lines += [
        _line(
            business,
            Entry.Kind.LAPSED,
            last,
            _first(business, month),
            sum(-x.monthly for x in spent) - allowance,
        ),
        _line(business, Entry.Kind.MONTH, month, _first(business, month), allowance),
    ]
    spent = _spent(business, messages, month, now, chance)
    Entry.objects.bulk_create(lines + spent)
    used: Counter[str] = Counter()
    for line in spent:
        used[line.used_for] -= line.monthly
    Balance.objects.create(
        business=business,
        month=month,
        allowance=allowance,
        monthly=allowance - used.total(),
        used_direct=used["direct"],
        used_automatic=used["automatic"],
        used_marketing=used["marketing"],
    )


def _spent(
    business: Business, messages: list[Message], month: date, now: datetime, chance: random.Random
) -> list[Entry]:
    """In order: the texts that the sample shows, and as many that it does not show as make up the month's pace."""
    start, end = _first(business, month), _first(business, ledger.after(month))
    until = min(now, end)
    lines = [
        _line(business, Entry.Kind.SPENT, month, m.at, -m.segments, USED_FOR[m.kind], m)
        for m in messages
        if not m.inbound and m.channel == Message.Channel.SMS and start <= m.at < until
    ]
    shown: Counter[str] = Counter()
    for line in lines:
        shown[line.used_for] -= line.monthly
    for kind, whole in MONTH.items():
        for _ in range(round(whole * ((until - start) / (end - start))) - shown[kind]):
            at = start + chance.random() * (until - start)
            lines.append(_line(business, Entry.Kind.SPENT, month, at, -1, kind))
    return sorted(lines, key=lambda line: line.at)


def _line(
    business: Business,
    kind: Entry.Kind,
    month: date,
    at: datetime,
    monthly: int,
    used_for: str = "",
    message: Message | None = None,
) -> Entry:
    return Entry(
        business=business,
        kind=kind,
        month=month,
        monthly=monthly,
        bought=0,
        used_for=used_for,
        note="",
        message_id=message.pk if message else None,
        at=at,
    )


def _first(business: Business, month: date) -> datetime:
    # In UTC: the difference of two times of one zone leaves out the hour that a clock change adds.
    return datetime.combine(month, time(), business.zone).astimezone(UTC)
