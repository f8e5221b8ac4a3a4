"""What is to be sent, and when: written in the transaction of what it is about.

A happening plans the message that it sets off, and the reminders of its subject; what was planned before and has no
place any more is dropped, with a reason for people. Whoever calls holds the subject's row, as `booking` and `asking`
do: the clock takes nothing whose subject is held, so none of the rows read here changes meanwhile.
"""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from parley.alerts.kinds import KINDS, SET_OFF, About, Kind
from parley.alerts.models import Due, Rule
from parley.alerts.moments import away_from, morning_of, spoken
from parley.alerts.rules import Rules
from parley.appointments.models import Appointment
from parley.businesses import opening
from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.clients.happened import Happening
from parley.clients.models import Client
from parley.leads.models import Lead
from parley.messaging import columns
from parley.payments.models import Estimate, PaymentRequest

State = Due.State
Subject = Appointment | PaymentRequest | Estimate | Lead
ABOUT: dict[type, About] = {
    Appointment: "appointment",
    PaymentRequest: "payment",
    Estimate: "estimate",
    Lead: "lead",
}
AT_ONCE = 2_000

OFF = "It is switched off."
# What becomes of what waits, by what happened; what is not here leaves it waiting.
ENDS = {
    "moved": "It was moved.",
    "cancelled": "It was cancelled.",
    "booked": "It was booked meanwhile.",
    "paid": "It was paid.",
    "accepted": "It was answered.",
    "declined": "It was answered.",
}
# What a client is told at once of an appointment's time. While it still waits it follows the appointment, so that
# somebody who was not told of the booking yet is not told first of its move.
NOTICES = ("requested", "booked", "moved")
CHANGED = "What it was about has changed."


@dataclass(frozen=True, slots=True)
class Plan:
    """A `Due` to be: see there."""

    client_id: uuid.UUID
    kind: str
    about: About
    about_id: uuid.UUID
    occasion: str
    at: datetime
    late_after: datetime
    reason: str = ""

    @property
    def state(self) -> State:
        """`reason` is given where its time has passed already."""
        return State.LATE if self.reason else State.WAITING


# ---- What happened


def plan(*, happening: Happening, **signal: Any) -> None:
    """Listen to what happened, in the transaction that wrote it."""
    subject = happening.subject
    if not isinstance(subject, Subject):
        return
    business, about, now = subject.business, ABOUT[type(subject)], timezone.now()
    rules = Rules(business)
    known = list(Due.objects.filter(business=business, about_id=subject.pk))
    waiting = [due for due in known if due.state == State.WAITING]
    # "Declined" is an answer to an estimate; an appointment stays on the calendar until a member acts.
    ends = "" if about == "appointment" and happening.what == "declined" else ENDS.get(happening.what, "")

    wanted = {(each.kind, each.occasion): each for each in timed(subject, rules, now, happening.what)}
    notice = _notice(subject, about, happening, rules, now, waiting)
    there = {(due.kind, due.occasion): due for due in known}
    new: list[Plan] = []
    for key, each in wanted.items():
        due = there.get(key)
        # What is planned for that moment already stays, unless it was dropped meanwhile.
        if due is None or due.state == State.DROPPED or (due.at != each.at and due.state != State.DONE):
            new.append(each)
    if notice is not None:
        # Booked, cancelled and booked again: each is an occasion of its own.
        before = sum(
            due.kind == notice.kind and due.occasion.partition(".")[0] == notice.occasion for due in known
        )
        new.append(replace(notice, occasion=f"{notice.occasion}.{before}") if before else notice)
    gone = [
        due
        for due in waiting
        if (ends if KINDS[due.kind].timing == "now" else (due.kind, due.occasion) not in wanted)
    ]
    _drop([due.pk for due in gone], ends or _why_gone(subject), now)
    write(business, new, now)


def _why_gone(subject: Subject) -> str:
    if isinstance(subject, Appointment) and subject.status == Appointment.Status.MISSED:
        return "They didn’t come."
    return CHANGED


def _notice(
    subject: Subject, about: About, happening: Happening, rules: Rules, now: datetime, waiting: Sequence[Due]
) -> Plan | None:
    """The message that this happening sets off, if it sets off one."""
    kind, silent = SET_OFF.get((about, happening.what), ""), happening.silent
    late_after = None
    if isinstance(subject, Appointment):
        untold = next((due.kind for due in waiting if due.kind in NOTICES), "")
        if happening.what == "moved" and untold:
            kind, silent = untold, False
        if happening.what == "cancelled" and untold in ("requested", "booked"):
            return None  # They have not been told of it, and need not be.
        if happening.what != "cancelled":
            if subject.starts_at <= now:
                return None
            late_after = subject.starts_at
    if not kind or silent or not rules.of(kind, _service_of(subject)).on:
        return None
    lasts = now + KINDS[kind].lasts
    return Plan(
        client_id=subject.client_id,
        kind=kind,
        about=about,
        about_id=subject.pk,
        occasion=_occasion(subject),
        at=now,
        late_after=min(lasts, late_after) if late_after else lasts,
    )


def plan_closed(business: Business, client: Client, at: datetime) -> None:
    """Plan the answer to a text that came at `at`, while the business was closed: once for each time it is closed."""
    kind, now = KINDS["closed"], timezone.now()
    opens = opening.next_opening(business, at)
    late_after = min(at + kind.lasts, opens) if opens else at + kind.lasts
    if late_after <= now or opening.is_open(business, at) or not Rules(business).of(kind.code).on:
        return
    since = opens.astimezone(UTC).isoformat(timespec="minutes") if opens else f"{at:%Y-%m-%d}"
    write(business, [Plan(client.pk, kind.code, "text", client.pk, since, now, late_after)], now)


# ---- Reminders, and what else has a time of its own


def timed(subject: Subject, rules: Rules, now: datetime, what: str = "") -> Iterator[Plan]:
    """All that is to be sent of this at a time of its own, as it is now; nothing where it does not hold.

    What goes before, and has no time left for that, is planned all the same, with why it is not sent. `what` has
    happened: the words say so.
    """
    zone = rules.business.zone
    for kind, moment in _moments(subject, zone):
        rule = rules.of(kind.code, _service_of(subject))
        if not rule.on:
            continue
        before = kind.timing == "before"
        at = away_from(moment, -rule.amount if before else rule.amount, rule.unit, zone)
        late_after = at + kind.lasts
        if before and isinstance(subject, Appointment):
            late_after = min(late_after, moment)
        reason = ""
        if at <= now:
            if not before or moment <= now:
                continue
            reason = _too_late(kind, rule, what)
        yield Plan(
            subject.client_id,
            kind.code,
            ABOUT[type(subject)],
            subject.pk,
            _occasion(subject),
            at,
            late_after,
            reason,
        )


TIMED: dict[About, list[Kind]] = {
    about: [kind for kind in KINDS.values() if kind.about == about and kind.timing != "now"]
    for about in ABOUT.values()
}


def _moments(subject: Subject, zone: ZoneInfo) -> Iterator[tuple[Kind, datetime]]:
    """Each kind that has a time of its own, with the moment it is counted from."""
    if isinstance(subject, Appointment):
        if subject.status == Appointment.Status.BOOKED:
            for kind in TIMED["appointment"]:
                yield kind, subject.starts_at if kind.timing == "before" else subject.ends_at
        return
    day = _day_of(subject)
    if day is not None:
        moment = morning_of(day, zone)
        for kind in TIMED[ABOUT[type(subject)]]:
            yield kind, moment


def _day_of(subject: Subject) -> date | None:
    """The day that an open payment request or estimate has, if it has one."""
    if isinstance(subject, PaymentRequest):
        return subject.due_on if subject.status == PaymentRequest.Status.OPEN else None
    if isinstance(subject, Estimate):
        return subject.expires_on if subject.status == Estimate.Status.OPEN else None
    return None


def _occasion(subject: Subject) -> str:
    """What tells one time of it from another: a new time is told, and reminded of, anew."""
    if isinstance(subject, Appointment):
        return str(subject.moves)
    day = _day_of(subject)
    return day.isoformat() if day else ""


def _service_of(subject: Subject) -> uuid.UUID | None:
    return subject.service_id if isinstance(subject, Appointment) else None


_TOO_LATE = {
    "appointment": "It was booked later than {lead} before.",
    "payment": "It was asked for later than {lead} before it is due.",
    "estimate": "It was sent later than {lead} before it expires.",
}


def _too_late(kind: Kind, rule: Rule, what: str) -> str:
    lead = spoken(rule.amount, rule.unit)
    if what == "moved":
        return f"It was moved later than {lead} before."
    if what in ("changed", "rule"):
        return f"It was changed later than {lead} before."
    return _TOO_LATE[kind.about].format(lead=lead)


# ---- Many at once


def plan_many(business: Business, appointments: Iterable[Appointment], *, now: datetime | None = None) -> int:
    """Plan what has a time of its own for many appointments that were written at once. Nobody is told of them now.

    Returns how many messages were planned. In the caller's transaction if there is one.
    """
    rules, now = Rules(business), now or timezone.now()
    return _plan_all(business, appointments, rules, now, "booked", KINDS)


@transaction.atomic
def replan(business: Business, kinds: Iterable[str]) -> None:
    """Let what waits follow the rules of `kinds`, which have changed: on or off, their time, or the business's zone.

    What is over is left alone. What would have had to be sent before now is not sent, and says so. What is due now is
    the clock's, which asks the rules itself.
    """
    codes = set(kinds)
    rules, now = Rules(business), timezone.now()
    waiting = Due.objects.filter(business=business, kind__in=codes, at__gt=now, state=State.WAITING)
    # Without a reason it is only set aside until its place is known.
    waiting.update(state=State.DROPPED, reason="", done_at=now)
    for about, kinds_of in TIMED.items():
        wanted = {kind.code for kind in kinds_of} & codes
        if wanted:
            upcoming = _upcoming(business, about, wanted, rules, now).iterator(AT_ONCE)
            _plan_all(business, upcoming, rules, now, "rule", wanted)
    dropped = Due.objects.filter(business=business, kind__in=codes, state=State.DROPPED, reason="")
    dropped.update(reason=OFF)


def _upcoming(
    business: Business, about: About, codes: Iterable[str], rules: Rules, now: datetime
) -> QuerySet[Any]:
    """All that these kinds may still be planned for."""
    if about == "payment":
        return PaymentRequest.objects.filter(
            business=business, status=PaymentRequest.Status.OPEN, due_on__isnull=False
        )
    if about == "estimate":
        return Estimate.objects.filter(
            business=business, status=Estimate.Status.OPEN, expires_on__isnull=False
        )
    booked = Appointment.objects.filter(business=business, status=Appointment.Status.BOOKED)
    after = [rule for code in codes if KINDS[code].timing == "after" for rule in rules.all_of(code)]
    longest = max((timedelta(**{rule.unit: rule.amount}) for rule in after), default=timedelta())
    # A visit lasts less than a day, and so does what the clocks are set by.
    return booked.filter(starts_at__gt=now - longest - timedelta(days=2) if after else now)


def _plan_all(
    business: Business,
    subjects: Iterable[Subject],
    rules: Rules,
    now: datetime,
    what: str,
    codes: Container[str],
) -> int:
    planned = (
        each for subject in subjects for each in timed(subject, rules, now, what) if each.kind in codes
    )
    count = 0
    while some := list(islice(planned, AT_ONCE)):
        write(business, some, now)
        count += len(some)
    return count


# ---- Writing


# What was sent stays so. What is late is not made to wait again for a moment that has passed.
_WRITE = """
    INSERT INTO alerts_due AS was
        (id, business_id, client_id, kind, about, about_id, occasion, at, late_after, state, reason, done_at)
    SELECT id, %s, client_id, kind, about, about_id, occasion, at, late_after, state, reason,
           CASE WHEN state = 'waiting' THEN NULL ELSE %s::timestamptz END
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::timestamptz[],
                %s::timestamptz[], %s::text[], %s::text[])
        AS new (id, client_id, kind, about, about_id, occasion, at, late_after, state, reason)
    ON CONFLICT (business_id, about_id, kind, occasion) DO UPDATE
        SET at = excluded.at, late_after = excluded.late_after, state = excluded.state, reason = excluded.reason,
            done_at = excluded.done_at, client_id = excluded.client_id
        WHERE was.at <> excluded.at AND was.state <> 'done' AND 'waiting' IN (was.state, excluded.state)
          AND was.kind <> 'closed'
           OR was.state = 'dropped' AND (excluded.state = 'waiting' OR was.reason = '')
"""


def write(business: Business, plans: Sequence[Plan], now: datetime) -> None:
    """Write these down; one that is there already follows."""
    if not plans:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITE,
            [
                business.pk,
                now,
                columns.uuids(new_id() for _ in plans),
                columns.uuids(each.client_id for each in plans),
                columns.texts(each.kind for each in plans),
                columns.texts(each.about for each in plans),
                columns.uuids(each.about_id for each in plans),
                columns.texts(each.occasion for each in plans),
                columns.moments(each.at for each in plans),
                columns.moments(each.late_after for each in plans),
                columns.texts(each.state.value for each in plans),
                columns.texts(each.reason for each in plans),
            ],
        )


def _drop(dues: Sequence[uuid.UUID], reason: str, now: datetime) -> None:
    if dues:
        Due.objects.filter(pk__in=dues, state=State.WAITING).update(
            state=State.DROPPED, reason=reason, done_at=now
        )
