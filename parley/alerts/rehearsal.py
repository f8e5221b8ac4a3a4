"""What a message would have done in the last 30 days: whom it would have reached, with which words, at what cost.

It rests on what is stored now. What Parley keeps of an appointment is its last word: when it was asked for, when it
was last changed, how often it moved. `rests_on` says so to whoever reads the result.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from parley.alerts import wording
from parley.alerts.examples import moment_of
from parley.alerts.kinds import KINDS, Kind
from parley.alerts.models import Rule
from parley.alerts.moments import away_from, spoken
from parley.alerts.placeholders import Subject, values
from parley.alerts.rules import Rules
from parley.appointments.models import Appointment, Service
from parley.businesses import opening
from parley.businesses.models import Business
from parley.clients.languages import language_of
from parley.clients.models import Client
from parley.messaging import sending
from parley.payments.models import Estimate, PaymentRequest
from parley.quota.models import Pack, dollars
from parley.sms import segments

BACK = timedelta(days=30)
# So many rows are read at most, and so many lines shown.
MOST_READ, MOST_SHOWN = 500, 60
Status = Appointment.Status


@dataclass(frozen=True, slots=True)
class Occasion:
    """One time that the message would have been for. `missed` says why there would have been none."""

    client: Client
    subject: Subject
    at: datetime
    missed: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """What would have come of one occasion, on one channel; `why_not` where nothing would."""

    client: Client
    at: datetime
    channel: str
    words: str = ""
    segments: int = 0
    why_not: str = ""


@dataclass(slots=True)
class Rehearsal:
    """The result. `full`: there was more than is read."""

    since: datetime
    lines: list[Line] = field(default_factory=list)
    full: bool = False
    rests_on: str = ""
    apart: int = 0
    monthly: int = 0
    pack: Pack | None = None

    def _of(self, channel: str) -> list[Line]:
        return [line for line in self.lines if line.channel == channel and not line.why_not]

    @property
    def texts(self) -> list[Line]:
        return self._of("sms")

    @property
    def emails(self) -> list[Line]:
        return self._of("email")

    @property
    def not_sent(self) -> list[Line]:
        return [line for line in self.lines if line.why_not]

    @property
    def sent(self) -> list[Line]:
        return [line for line in self.lines if not line.why_not]

    @property
    def shown(self) -> list[Line]:
        return self.sent[:MOST_SHOWN]

    @property
    def not_sent_shown(self) -> list[Line]:
        return self.not_sent[:MOST_SHOWN]

    @property
    def clients(self) -> int:
        return len({line.client.pk for line in self.sent})

    @property
    def segments(self) -> int:
        return sum(line.segments for line in self.texts)

    @property
    def price(self) -> str:
        """What so many segments cost where the month's are used up; empty where none can be bought."""
        if not self.pack or not self.segments:
            return ""
        return dollars(-(-self.segments * self.pack.cents // self.pack.texts))


def rehearse(rule: Rule, service: Service | None) -> Rehearsal:
    """Try `rule` (which need not be saved) on the last 30 days. Reads 500 rows at most; writes nothing."""
    business, kind, now = rule.business, KINDS[rule.kind], timezone.now()
    result = Rehearsal(since=now - BACK, rests_on=_RESTS_ON.get(kind.code, ""))
    result.monthly = business.plan.monthly_texts
    result.pack = Pack.objects.filter(offered=True).first()
    rules = Rules(business)
    rows = list(_occasions(kind, rule, business, service, result.since, now))
    result.full = len(rows) > MOST_READ
    for occasion in rows[:MOST_READ]:
        of = occasion.subject.service_id if isinstance(occasion.subject, Appointment) else None
        if service is None and of and rules.own_of(kind.code, of):
            result.apart += 1
            continue
        result.lines += _lines(rule, business, occasion)
    result.lines.sort(key=lambda line: line.at, reverse=True)
    return result


def _lines(rule: Rule, business: Business, occasion: Occasion) -> Iterator[Line]:
    client, at = occasion.client, occasion.at
    channels = [name for name, on in (("sms", rule.sms), ("email", rule.email)) if on]
    if occasion.missed:
        yield Line(client, at, channels[0] if channels else "sms", why_not=occasion.missed)
        return
    language = language_of(business, client)
    try:
        said = wording.compose(rule, values(business, client, occasion.subject, language, at=at), language)
    except wording.Unfit as unfit:
        yield Line(client, at, "sms", why_not=unfit.words)
        return
    for channel in channels:
        if channel == "sms":
            why_not = sending.why_no_texts(client) or ""
            count = 0 if why_not else segments.count(said.text).segments
            yield Line(client, at, channel, said.text, count, why_not)
        else:
            why_not = "" if client.email else f"{client.calls} has no email address."
            yield Line(client, at, channel, said.subject, why_not=why_not)


# ---- What happened


def _occasions(
    kind: Kind, rule: Rule, business: Business, service: Service | None, since: datetime, now: datetime
) -> Iterable[Occasion]:
    if kind.about == "text":
        return _while_closed(business, since)
    if kind.timing != "now":
        return _timed(kind, rule, business, service, since, now)
    return _at_once(kind, business, service, since)


def _appointments(business: Business, service: Service | None) -> QuerySet[Appointment]:
    found = business.appointments.select_related("client", "service", "member__user")
    return found.filter(service=service) if service else found


def _at_once(kind: Kind, business: Business, service: Service | None, since: datetime) -> Iterable[Occasion]:
    if kind.about == "appointment":
        column, condition = _WHEN[kind.code]
        rows = _appointments(business, service).filter(condition, **{f"{column}__gte": since})
        # An upcoming appointment, or one of these weeks: so its place in the calendar bounds what is looked at.
        rows = rows.filter(starts_at__gte=since).order_by("starts_at", "id")
        for each in rows[: MOST_READ + 1]:
            at = getattr(each, column)
            if each.starts_at > at:
                yield Occasion(each.client, each, at)
        return
    rows_of: dict[str, tuple[Any, str, Q]] = {
        "lead": (business.leads, "created_at", Q()),
        "asked": (business.paymentrequests, "created_at", Q()),
        "paid": (business.paymentrequests, "closed_at", Q(status="paid")),
        "offered": (business.estimates, "created_at", Q()),
    }
    rows, column, condition = rows_of[kind.code]
    found = rows.select_related("client").filter(condition, **{f"{column}__gte": since})
    for each in found.order_by("-id")[: MOST_READ + 1]:
        yield Occasion(each.client, each, getattr(each, column))


# By kind: the column that says when it happened, and what holds of it now.
_WHEN: dict[str, tuple[str, Q]] = {
    "requested": ("created_at", Q(status=Status.REQUESTED)),
    "booked": ("created_at", ~Q(status=Status.REQUESTED)),
    "moved": ("changed_at", Q(moves__gt=0, status__in=[Status.REQUESTED, Status.BOOKED])),
    "cancelled": ("changed_at", Q(status=Status.CANCELLED)),
    "confirmed": ("confirmed_at", Q(confirmed_at__isnull=False)),
}
_RESTS_ON = {
    "requested": "Requests that were answered since aren’t kept apart from bookings: only open ones are counted.",
    "booked": "Counted by when each was written into the calendar, also those you booked without telling anybody.",
    "moved": "Parley keeps when an appointment was last changed, not each move: one that moved is counted once, "
    "at its last change.",
    "cancelled": "Counted by when each cancelled appointment was last changed.",
    "confirmed": "Counted also where you confirmed for them.",
    "closed": "By your opening hours as they are now, once a client until you opened.",
}


def _timed(
    kind: Kind, rule: Rule, business: Business, service: Service | None, since: datetime, now: datetime
) -> Iterator[Occasion]:
    zone, amount = business.zone, -rule.amount if kind.timing == "before" else rule.amount
    # Wide enough for a clock that changes; the exact time is asked below.
    shift, wide = timedelta(**{rule.unit: amount}), timedelta(days=2)
    begin, end = since - shift - wide, now - shift + wide
    rows: QuerySet[Any]
    if kind.about == "appointment":
        held = [Status.BOOKED, Status.MISSED] if kind.timing == "before" else [Status.BOOKED]
        rows = _appointments(business, service).filter(
            status__in=held, starts_at__gte=begin, starts_at__lte=end
        )
        rows = rows.order_by("-starts_at", "id")
    elif kind.about == "payment":
        rows = business.paymentrequests.select_related("client").filter(
            ~Q(status=PaymentRequest.Status.CANCELLED), due_on__gte=begin.date(), due_on__lte=end.date()
        )
        rows = rows.order_by("-created_at", "-id")
    else:
        rows = business.estimates.select_related("client").filter(
            ~Q(status=Estimate.Status.CANCELLED), expires_on__gte=begin.date(), expires_on__lte=end.date()
        )
        rows = rows.order_by("-created_at", "-id")
    for each in rows[: MOST_READ + 1]:
        moment = moment_of(kind, each, business)
        assert moment is not None
        at = away_from(moment, amount, rule.unit, zone)
        if not since <= at <= now:
            continue
        if each.created_at > at:
            yield Occasion(
                each.client, each, at, missed=_TOO_LATE[kind.about].format(spoken(rule.amount, rule.unit))
            )
        elif isinstance(each, Appointment) or each.closed_at is None or each.closed_at > at:
            yield Occasion(each.client, each, at)


_TOO_LATE = {
    "appointment": "Booked later than {} before.",
    "payment": "Asked for later than {} before it was due.",
    "estimate": "Sent later than {} before it expired.",
}


def _while_closed(business: Business, since: datetime) -> Iterator[Occasion]:
    """Whoever wrote while it was closed, once until it opened: the conversations written in last are looked at."""
    told: set[tuple[uuid.UUID, Any]] = set()
    latest = business.conversations.filter(last_at__gte=since).order_by("-last_at")[: MOST_READ + 1]
    received = business.messages.filter(
        conversation__in=[conversation.pk for conversation in latest],
        direction="in",
        channel="sms",
        at__gte=since,
    )
    texts = received.select_related("conversation__client").order_by(F("at").desc())
    for text in reversed(texts[: MOST_READ + 1]):
        client = text.conversation.client
        closed = (client.pk, opening.next_opening(business, text.at))
        if closed not in told and not opening.is_open(business, text.at):
            told.add(closed)
            yield Occasion(client, None, text.at)
