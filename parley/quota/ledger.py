"""Credits, debits and refunds: a line of the ledger and the balance, in one statement.

A text that cannot be paid for is not written, so it is not sent later either. Two senders at a balance of one: the
second waits for the first's row lock, and then its condition does not hold any more.

Every statement locks the balance before it writes its line, and names the balance's own month in it. So the lines
of a business are numbered in the order in which its balance changed, and their sums are the balance at any moment.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from typing import Any, Literal

from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app

from parley.businesses import planned
from parley.businesses.models import Business, Plan
from parley.live.nudges import nudge
from parley.quota.models import Balance, Entry, Order

Kind = Literal["direct", "automatic", "marketing"]
# 80 per cent of the month's texts are used; all of them are, and bought ones go next; none are left at all.
Level = Literal["low", "used", "gone"]

# The month of a balance that was never credited.
NEVER = date(1970, 1, 1)
# Managers are told when this much of the month's texts is used, in per cent.
LOW = 80
# The job that tells them, by the name that `tasks` gives it.
TELL = "tell_of_texts"
# Months begun in one transaction by the job: its locks are held as long as that takes.
BATCH = 1000


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


@dataclass(frozen=True, slots=True)
class After:
    """The balance after a debit that took `took` of the month's texts. In segments."""

    took: int
    monthly: int
    bought: int
    allowance: int
    reload: bool
    reload_below: int

    @property
    def left(self) -> int:
        return self.monthly + self.bought

    @property
    def crossed(self) -> Level | None:
        """What this very debit brought about, which no other one did: the balance was held."""
        if not self.left:
            return "gone"
        if self.took and not self.monthly:
            return "used"
        used = self.allowance - self.monthly
        return "low" if (used - self.took) * 100 < self.allowance * LOW <= used * 100 else None


# `used` is the column that counts this kind; `along` is what the caller writes with it; `only` may narrow it.
_DEBIT = """
    WITH was AS (
        SELECT business_id, least(monthly, %(segments)s::int) AS monthly FROM quota_balance
        WHERE business_id = %(business)s AND month = %(month)s AND monthly + bought >= %(segments)s::int {only}
        FOR UPDATE
    ), now AS (
        UPDATE quota_balance b
        SET monthly = b.monthly - was.monthly, bought = b.bought - (%(segments)s::int - was.monthly),
            {used} = b.{used} + %(segments)s::int
        FROM was WHERE b.business_id = was.business_id
        RETURNING was.monthly AS took, b.monthly, b.bought, b.allowance, b.reload, b.reload_below
    ), line AS (
        INSERT INTO quota_entry (business_id, kind, month, monthly, bought, message_id, used_for, at)
        SELECT %(business)s, 'spent', %(month)s, -now.took, now.took - %(segments)s::int, %(message)s, '{kind}',
               clock_timestamp()
        FROM now RETURNING id
    ) {along}
    SELECT line.id, now.* {tells} FROM line, now
"""
# `After` of such a debit would have crossed nothing, and would buy nothing: `_watch` has nothing to do.
_NOTHING_FOLLOWS = """
    AND monthly + bought > %(segments)s::int
    AND (monthly = 0 OR monthly > %(segments)s::int)
    AND NOT (100 * (allowance - monthly)::bigint < {low}::bigint * allowance
             AND {low}::bigint * allowance <= 100 * (allowance - monthly + least(monthly, %(segments)s::int))::bigint)
    AND NOT (reload AND monthly + bought - %(segments)s::int < reload_below)
""".replace("{low}", str(LOW))

# As _DEBIT, for many texts in the order of `place`; `paid` holds what each took, and how many were left after it. The
# month's texts go first, so of each text they pay what of it lies below their sum.
_DEBIT_MANY = """
    WITH text AS (
        SELECT *, (sum(segments) OVER (ORDER BY place))::int AS upto
        FROM unnest(%(messages)s::uuid[], %(segments)s::int[]) WITH ORDINALITY AS t (message_id, segments, place)
    ), was AS (
        SELECT business_id, least(monthly, %(sum)s::int) AS monthly FROM quota_balance
        WHERE business_id = %(business)s AND month = %(month)s AND monthly + bought >= %(sum)s::int
        FOR UPDATE
    ), now AS (
        UPDATE quota_balance b
        SET monthly = b.monthly - was.monthly, bought = b.bought - (%(sum)s::int - was.monthly),
            {used} = b.{used} + %(sum)s::int
        FROM was WHERE b.business_id = was.business_id
        RETURNING was.monthly AS took, b.monthly, b.bought, b.allowance, b.reload, b.reload_below
    ), cost AS (
        SELECT text.*, least(now.took, upto) - least(now.took, upto - segments) AS monthly,
               now.monthly + now.bought + %(sum)s::int - upto AS still
        FROM text, now
    ), line AS (
        INSERT INTO quota_entry (business_id, kind, month, monthly, bought, message_id, used_for, at)
        SELECT %(business)s, 'spent', %(month)s, -monthly, monthly - segments, message_id, '{kind}', clock_timestamp()
        FROM cost ORDER BY place RETURNING id, message_id
    ), paid AS (
        SELECT cost.message_id, cost.place, line.id AS entry, cost.monthly, cost.segments - cost.monthly AS bought,
               cost.still AS left
        FROM cost JOIN line ON line.message_id = cost.message_id
    ) {along}
    SELECT now.* {tells} FROM now
"""

# Of each of these messages that was debited and not refunded yet: back to where it came from. What a month that is
# over had given is lost with it. Written for both roads: Django's connection and the loops' own.
REFUND = """
    WITH spent AS (
        SELECT business_id, message_id, month, -monthly AS monthly, -bought AS bought, used_for
        FROM quota_entry WHERE message_id = ANY(%(messages)s) AND kind = 'spent'
    ), held AS (
        SELECT business_id, month FROM quota_balance WHERE business_id IN (SELECT business_id FROM spent)
        ORDER BY business_id FOR UPDATE
    ), line AS (
        INSERT INTO quota_entry (business_id, kind, month, monthly, bought, message_id, used_for, at)
        SELECT spent.business_id, 'refund', held.month,
               CASE WHEN spent.month = held.month THEN spent.monthly ELSE 0 END, spent.bought,
               spent.message_id, spent.used_for, clock_timestamp()
        FROM spent JOIN held ON held.business_id = spent.business_id
        ON CONFLICT (message_id, kind) WHERE message_id IS NOT NULL DO NOTHING
        RETURNING business_id, message_id, monthly, bought
    ), back AS (
        SELECT line.business_id, line.monthly, line.bought, spent.used_for,
               CASE WHEN spent.month = held.month THEN line.monthly + line.bought ELSE 0 END AS unused
        FROM line JOIN spent ON spent.message_id = line.message_id
        JOIN held ON held.business_id = line.business_id
    ), summed AS (
        SELECT business_id, sum(monthly) AS monthly, sum(bought) AS bought,
               coalesce(sum(unused) FILTER (WHERE used_for = 'direct'), 0) AS direct,
               coalesce(sum(unused) FILTER (WHERE used_for = 'automatic'), 0) AS automatic,
               coalesce(sum(unused) FILTER (WHERE used_for = 'marketing'), 0) AS marketing
        FROM back GROUP BY business_id
    )
    UPDATE quota_balance b
    SET monthly = b.monthly + summed.monthly, bought = b.bought + summed.bought,
        used_direct = b.used_direct - summed.direct, used_automatic = b.used_automatic - summed.automatic,
        used_marketing = b.used_marketing - summed.marketing
    FROM summed WHERE b.business_id = summed.business_id
"""

# `due` says which businesses and which month; who waited for the lock finds the month begun, and does nothing.
_BEGIN = """
    WITH due AS ({due}), held AS (
        SELECT q.business_id, q.month AS was, q.monthly AS lapses, due.month, p.monthly_texts AS allowance
        FROM quota_balance q
        JOIN due ON due.business_id = q.business_id
        JOIN businesses_business b ON b.id = q.business_id
        JOIN businesses_plan p ON p.code = b.plan_id
        WHERE q.month < due.month
        {lock}
    ), line AS (
        INSERT INTO quota_entry (business_id, kind, month, monthly, bought, at)
        SELECT business_id, 'lapsed', was, -lapses, 0, clock_timestamp() FROM held WHERE lapses > 0
        UNION ALL
        SELECT business_id, 'month', month, allowance, 0, clock_timestamp() FROM held
    )
    UPDATE quota_balance q
    SET month = held.month, allowance = held.allowance, monthly = held.allowance,
        used_direct = 0, used_automatic = 0, used_marketing = 0, reloads = 0, refused = 0
    FROM held WHERE q.business_id = held.business_id
    RETURNING q.business_id
"""
_BEGIN_ONE = _BEGIN.format(
    due="SELECT %(business)s::uuid AS business_id, %(month)s::date AS month", lock="FOR UPDATE OF q"
)
# A balance that somebody holds is left to the next hour: its holder begins the month itself.
_BEGIN_ALL = _BEGIN.format(
    due="""
        SELECT b.id AS business_id, z.month FROM businesses_business b
        JOIN unnest(%(zones)s::text[], %(months)s::date[]) AS z (zone, month) ON z.zone = b.time_zone
    """,
    lock="ORDER BY q.business_id LIMIT %(batch)s FOR UPDATE OF q SKIP LOCKED",
)

# A larger plan's difference at once; a smaller plan counts from the next month on.
_FOLLOW_PLAN = """
    WITH held AS (
        SELECT q.business_id, q.month, p.monthly_texts - q.allowance AS more, p.name
        FROM quota_balance q
        JOIN businesses_business b ON b.id = q.business_id
        JOIN businesses_plan p ON p.code = b.plan_id
        WHERE p.monthly_texts > q.allowance AND {which}
        ORDER BY q.business_id FOR UPDATE OF q
    ), line AS (
        INSERT INTO quota_entry (business_id, kind, month, monthly, bought, note, at)
        SELECT business_id, 'plan', month, more, 0, name, clock_timestamp() FROM held
    )
    UPDATE quota_balance q SET monthly = q.monthly + held.more, allowance = q.allowance + held.more
    FROM held WHERE q.business_id = held.business_id
    RETURNING q.business_id
"""

# Texts that never expire. An order is credited once, however often it is asked for.
_CREDIT = """
    WITH held AS (
        SELECT business_id, month FROM quota_balance WHERE business_id = %(business)s FOR UPDATE
    ), line AS (
        INSERT INTO quota_entry (business_id, kind, month, monthly, bought, order_id, note, at)
        SELECT business_id, %(kind)s, month, 0, %(texts)s, %(order)s, %(note)s, clock_timestamp() FROM held
        ON CONFLICT (order_id) WHERE order_id IS NOT NULL DO NOTHING
        RETURNING id, business_id
    )
    UPDATE quota_balance q SET bought = q.bought + %(texts)s FROM line WHERE q.business_id = line.business_id
    RETURNING line.id
"""


# ---- What there is


def month_of(business: Business, at: datetime | None = None) -> date:
    """The first of the month that it is for this business."""
    return (at or timezone.now()).astimezone(business.zone).date().replace(day=1)


def after(month: date) -> date:
    """The first of the month after `month`, which is a first itself."""
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def balance(business: Business) -> Balance:
    """The business's balance, with this month's texts credited, and what a larger plan adds to them."""
    month = month_of(business)
    known = Balance.objects.filter(business=business).first()
    if known is not None and known.month >= month:
        if known.allowance >= business.plan.monthly_texts:
            return known
        follow_plan(business)
    else:
        _begin(business, month)
    return Balance.objects.get(business=business)


def seen(business: Business) -> Balance:
    """The balance as `balance` would return it, by one query that writes nothing: for pages."""
    month, allowance = month_of(business), business.plan.monthly_texts
    known = Balance.objects.filter(business=business).first()
    if known is None:
        known = Balance(business=business, month=NEVER, bought=0)
    if known.month < month:
        known.month, known.allowance, known.monthly = month, allowance, allowance
        known.used_direct = known.used_automatic = known.used_marketing = 0
        known.reloads = known.refused = 0
    elif known.allowance < allowance:
        known.monthly += allowance - known.allowance
        known.allowance = allowance
    return known


def low(business: Business) -> bool:
    """Are fewer left than auto-reload is to begin at?"""
    known = balance(business)
    return known.left < known.reload_below


def none_left(business: Business) -> str:
    """What a member is told who cannot text for want of texts."""
    start = after(month_of(business))
    return f"No texts are left. They start over on {start:%B} {start.day}."


# ---- Sending


@dataclass(frozen=True, slots=True)
class Along:
    """What is written by the very statement that pays for it, or not at all.

    `ctes`: further common table expressions, each after a comma, which take what they need from `line` and `now`;
    `tells`: further columns of the answer, each after a comma; `given`: their parameters.
    """

    ctes: str = ""
    tells: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


NOTHING_ALONG = Along()


def debit(
    business: Business, message: uuid.UUID, kind: Kind, segments: int, along: Along = NOTHING_ALONG
) -> Spent:
    """Pay for one text, and write what comes `along`, all or nothing. Raises NoTexts.

    In the caller's transaction if there is one, which then holds the balance until it ends: so do this late. Without
    one it is a single statement, unless something follows from it: then other senders of the business wait no longer
    than PostgreSQL takes.
    """
    given = {
        "business": business.pk,
        "message": message,
        "segments": segments,
        "month": month_of(business),
        **along.given,
    }
    found = planned.row(_debit(kind, along.ctes, along.tells, plain=True), given)
    if found:
        return _spent(segments, found)
    with transaction.atomic():
        statement = _debit(kind, along.ctes, along.tells, plain=False)
        found = planned.row(statement, given)
        if found is None:
            # The first text of the month credits it, and one that runs out of texts credits a larger plan.
            known = balance(business)
            found = planned.row(statement, given | {"month": known.month})
            if found is None:
                raise NoTexts(_too_few(business, segments))
        _watch(business, After(*found[1:7]))
    return _spent(segments, found)


@cache
def _debit(kind: Kind, ctes: str, tells: str, *, plain: bool) -> str:
    return _DEBIT.format(
        kind=kind, used=f"used_{kind}", only=_NOTHING_FOLLOWS if plain else "", along=ctes, tells=tells
    )


def debit_many(
    business: Business, texts: Sequence[tuple[uuid.UUID, int]], kind: Kind, along: Along = NOTHING_ALONG
) -> None:
    """Pay for many texts, each (message, segments), and write what comes `along`, all or nothing. Raises NoTexts.

    A line of the ledger each, in their order, as if they had been paid for one after another; one change of the
    balance. `along` takes what each took from `paid`, by `message_id`. In the caller's transaction, which then holds
    the balance until it ends: so do this late.
    """
    assert connection.in_atomic_block
    total = sum(segments for _, segments in texts)
    given = {
        "business": business.pk,
        # PostgreSQL's own notation: see messaging.columns.
        "messages": "{" + ",".join([message.hex for message, _ in texts]) + "}",
        "segments": "{" + ",".join([str(segments) for _, segments in texts]) + "}",
        "sum": total,
        "month": month_of(business),
        **along.given,
    }
    statement = _debit_many(kind, along.ctes, along.tells)
    found = planned.row(statement, given)
    if found is None:
        known = balance(business)
        found = planned.row(statement, given | {"month": known.month})
        if found is None:
            raise NoTexts(_too_few(business, total))
    _watch(business, After(*found[:6]))


@cache
def _debit_many(kind: Kind, ctes: str, tells: str) -> str:
    return _DEBIT_MANY.format(kind=kind, used=f"used_{kind}", along=ctes, tells=tells)


def _spent(segments: int, found: tuple[Any, ...]) -> Spent:
    now = After(*found[1:7])
    return Spent(found[0], now.took, segments - now.took, now.left)


def refund(messages: Iterable[uuid.UUID]) -> None:
    """Give back what these messages cost, if they were paid for and not given back yet."""
    with connection.cursor() as cursor:
        cursor.execute(REFUND, {"messages": list(messages)})


def _too_few(business: Business, segments: int) -> str:
    number = seen(business).left
    if not number:
        return none_left(business)
    return (
        f"This text needs {segments} of your texts, and {number} {'is' if number == 1 else 'are'} left. "
        "Owners and admins can buy more in Settings."
    )


def _watch(business: Business, now: After) -> None:
    """What follows from a debit, in its own transaction: one that is rolled back has told nobody."""
    if now.crossed:
        _tell(business, now.crossed)
    if now.reload and now.left < now.reload_below:
        from parley.quota import reloading

        reloading.notice(business.id)


@transaction.atomic
def refused(business: Business) -> None:
    """An automatic text was not sent for want of texts: it is counted for the month, and managers are told once.

    Called with what remains of it, not in the transaction that would have sent it: that one was rolled back.
    """
    balance(business)
    counted = (
        "UPDATE quota_balance SET refused = refused + 1 WHERE business_id = %(business)s RETURNING refused"
    )
    if _row(counted, {"business": business.id})[0] == 1:
        _tell(business, "gone")


def _tell(business: Business, level: Level) -> None:
    month = month_of(business).isoformat()
    app.configure_task(TELL, allow_unknown=False).defer(
        business_id=str(business.id), level=level, month=month
    )


# ---- Credits


def credit_order(order: Order) -> bool:
    """Credit the texts of a paid order. True if that happened now, False if it had happened before."""
    return _credit(order.business, Entry.Kind.BOUGHT, order.texts, order=order.id) is not None


def give(business: Business, texts: int, note: str) -> int:
    """Texts from whoever runs Parley, which never expire, with the reason for them. Returns the line's number."""
    line = _credit(business, Entry.Kind.GIVEN, texts, note=note)
    assert line is not None, "only an order can be credited already"
    return line


@transaction.atomic
def _credit(
    business: Business, kind: Entry.Kind, texts: int, *, order: uuid.UUID | None = None, note: str = ""
) -> int | None:
    """The number of the ledger's line; None if the order has one already."""
    balance(business)
    given = {"business": business.id, "kind": kind.value, "texts": texts, "order": order, "note": note}
    row = _row(_CREDIT, given)
    if row is None:
        return None
    # Open pages show how many are left.
    nudge(business.id, [])
    return row[0]


def follow_plan(of: Business | Plan) -> None:
    """Credit the difference wherever a plan holds more than was credited this month: of a business, or of a plan."""
    which = "b.id = %(which)s" if isinstance(of, Business) else "p.code = %(which)s"
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW_PLAN.format(which=which), {"which": of.pk})
        for (business_id,) in cursor.fetchall():
            nudge(business_id, [])


# ---- The month's beginning


@transaction.atomic
def _begin(business: Business, month: date) -> None:
    """Credit the month's texts, once; what was left of the last month's is lost."""
    Balance.objects.get_or_create(business=business, defaults={"month": NEVER, "allowance": 0, "monthly": 0})
    _row(_BEGIN_ONE, {"business": business.id, "month": month})


def begin_months(at: datetime | None = None) -> int:
    """Begin the month of every business where it is a new one, at `at` or now. Returns how many.

    A business that never had a balance gets one when it first sends, or looks: a sign-up that nobody finished has
    no ledger, and can be forgotten.
    """
    zones = list(Business.objects.values_list("time_zone", flat=True).distinct())
    months = [month_of(Business(time_zone=zone), at) for zone in zones]
    begun = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_BEGIN_ALL, {"zones": zones, "months": months, "batch": BATCH})
            count = len(cursor.fetchall())
        begun += count
        if count < BATCH:
            return begun


def _row(statement: str, given: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchone()
