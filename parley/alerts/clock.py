"""The clock of `parley jobs`: what is due is asked once more whether it still holds, put into words, and written.

One transaction takes a batch of one business, writes its messages (`messaging.sending_many`) and marks it done, so that
each is written once, whatever dies. A message's key is made of its `Due` and the channel. Workers share: one business
is one worker's at a time, because its balance is. What somebody is changing just now, an appointment that is being
moved or cancelled, is left for the next look; once a cancellation is committed, no reminder of it is written.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from parley.alerts import placeholders, wording
from parley.alerts.kinds import KINDS, About
from parley.alerts.models import Due, Rule
from parley.alerts.planning import OFF, Subject
from parley.alerts.rules import Rules
from parley.appointments import booking
from parley.appointments.models import Appointment
from parley.businesses.models import Business
from parley.clients.languages import language_of
from parley.clients.models import Client
from parley.leads.models import Lead
from parley.messaging import columns
from parley.messaging.models import Message
from parley.messaging.sending import Automatic, not_sent, sent_already
from parley.messaging.sending_many import send_many
from parley.payments.models import Estimate, PaymentRequest
from parley.pulse.hands import Hands, Round

log = logging.getLogger(__name__)

State = Due.State
TRANSACTIONAL = Message.Kind.TRANSACTIONAL
SMS, EMAIL = Message.Channel.SMS, Message.Channel.EMAIL

BATCH = 500
# While PostgreSQL works for one hand the other puts into words.
HANDS = 2
# The first half of the two-part key of our advisory locks; any constant that no other lock uses.
LOCK = 7_423

MOVED = "It was moved."
TOO_LATE = "It could not be sent in time."
OPEN_AGAIN = "You were open again by then."
NO_WORDS = "Its words could not be put together. Look at them in Auto messages."
FAILED = "Something went wrong in Parley, so it was not sent. Whoever runs Parley finds more in its log."


def clock() -> Hands:
    """The hands of one worker."""
    return Hands("alerts", [_round() for _ in range(HANDS)])


def _round() -> Round:
    passed: set[uuid.UUID] = set()

    def go() -> bool:
        business = take(passed)
        if business is None:
            passed.clear()
        return business is not None

    return go


# ---- One batch


NEXT = """
    SELECT business_id FROM alerts_due
    WHERE state = 'waiting' AND at <= %s AND business_id <> ALL(%s::uuid[]) ORDER BY at, id LIMIT 1
"""
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s::text))"


def take(passed: set[uuid.UUID], *, most: int = BATCH) -> uuid.UUID | None:
    """Do up to `most` of what is due, of one business that nobody else works for. Returns whose; None if nobody's.

    Those in `passed` are passed over. A business of which nothing could be done just now is put there.
    """
    batch: Batch | None = None
    try:
        with transaction.atomic():
            batch = _next(passed, most)
            if batch is None:
                return None
            batch.do()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        if batch is None:
            raise
        # One has spoiled the batch: each by itself, so that only it is dropped.
        log.warning("a batch of automatic messages failed (%s): one by one", type(error).__name__)
        for due in batch.dues:
            _alone(batch.business, due)
        return batch.business.pk
    if not batch.ended:
        passed.add(batch.business.pk)
    return batch.business.pk


def _next(passed: set[uuid.UUID], most: int) -> Batch | None:
    busy, now = set(passed), timezone.now()
    with connection.cursor() as cursor:
        while True:
            cursor.execute(NEXT, [now, columns.uuids(busy)])
            found = cursor.fetchone()
            if found is None:
                return None
            cursor.execute(TRY_LOCK, [LOCK, found[0]])
            if cursor.fetchone()[0]:
                break
            busy.add(found[0])
    return Batch(_business(found[0]), _due(found[0], now)[:most])


def _business(id: uuid.UUID) -> Business:
    return Business.objects.select_related("plan").prefetch_related("numbers").get(pk=id)


def _due(business: uuid.UUID, now: datetime) -> Any:
    waiting = Due.objects.select_for_update(skip_locked=True).order_by("at", "id")
    return waiting.filter(business_id=business, state=State.WAITING, at__lte=now)


def _alone(business: Business, due: Due) -> None:
    try:
        with transaction.atomic():
            Batch(business, _due(business.pk, timezone.now()).filter(pk=due.pk)).do()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.error("an automatic message failed, and is dropped: %s", type(error).__name__)
        Due.objects.filter(business=business, pk=due.pk, state=State.WAITING).update(
            state=State.DROPPED, reason=FAILED, done_at=timezone.now()
        )


@dataclass(slots=True)
class Wanted:
    """What is to be written for one `Due`: up to one message a channel."""

    due: Due
    rule: Rule
    texts: list[Automatic]


@dataclass
class Batch:
    """What is due of one business, held in the caller's transaction."""

    business: Business
    taken: Iterable[Due]
    dues: Sequence[Due] = field(init=False)
    # How each ended: its state, and the reason for people.
    ended: dict[uuid.UUID, tuple[State, str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.dues = list(self.taken)

    def do(self) -> None:
        """Write the messages, and how each ended. What is not there yet is left waiting."""
        now = timezone.now()
        rules, clients = Rules(self.business), self._clients()
        subjects, gone = self._subjects()
        wanted: list[Wanted] = []
        for due in self.dues:
            subject = subjects.get(due.about_id)
            if due.about != "text" and subject is None:
                if due.about_id in gone:
                    self.ended[due.pk] = State.DROPPED, "It was deleted."
                continue
            rule = rules.of(due.kind, subject.service_id if isinstance(subject, Appointment) else None)
            rule.business = self.business
            client = clients[due.client_id]
            if reason := why_not(due, subject, now) or ("" if rule.on else OFF):
                self.ended[due.pk] = State.DROPPED, reason
            elif (one := self._in_words(due, rule, client, subject, now)) is not None:
                wanted.append(one)
        self._write(wanted, now)
        self._end(now)

    def _clients(self) -> dict[uuid.UUID, Client]:
        # What is searched for is megabytes in a batch, and of no use here.
        asked = Client.objects.filter(business=self.business, pk__in={due.client_id for due in self.dues})
        return {client.pk: client for client in asked.defer("search")}

    def _subjects(self) -> tuple[dict[uuid.UUID, Subject], set[uuid.UUID]]:
        """What each is about, held until the transaction ends; and what is gone. What somebody holds is in neither."""
        found: dict[uuid.UUID, Subject] = {}
        gone: set[uuid.UUID] = set()
        for about, all_of_them in _FACTS.items():
            ids = {due.about_id for due in self.dues if due.about == about}
            if not ids:
                continue
            own = all_of_them.filter(business=self.business)
            free = own.filter(pk__in=ids).select_for_update(of=("self",), skip_locked=True, no_key=True)
            found |= {subject.pk: subject for subject in free}
            if missing := ids - found.keys():
                there = own.filter(pk__in=missing).values_list("pk", flat=True)
                gone |= missing - set(there)
        return found, gone

    def _in_words(
        self, due: Due, rule: Rule, client: Client, subject: Subject | None, now: datetime
    ) -> Wanted | None:
        """What is to be written; None if nothing is, and why is said."""
        channels = [
            channel
            for channel, wanted, address in ((SMS, rule.sms, client.phone), (EMAIL, rule.email, client.email))
            if wanted and address
        ]
        # Whoever gave their number in a form without the box ticked has not agreed to be texted (47 CFR 64.1200(f)(9)).
        if isinstance(subject, Lead) and not subject.agreed_words and SMS in channels:
            channels.remove(SMS)
            if not channels:
                self.ended[due.pk] = State.DROPPED, f"{client.calls} did not agree to texts in the form."
                return None
        if not channels:
            self.ended[due.pk] = State.DROPPED, _no_way(rule, client)
            return None
        try:
            language = language_of(self.business, client)
            values = placeholders.values(self.business, client, subject, language, at=now)
            composed = wording.compose(rule, values, language)
        except wording.Unfit as unfit:
            self.ended[due.pk] = State.DROPPED, unfit.words[:300]
            return None
        except DatabaseError:
            raise
        except Exception as error:
            log.error("an automatic message could not be put into words: %s", type(error).__name__)
            self.ended[due.pk] = State.DROPPED, NO_WORDS
            return None
        texts = [
            Automatic(
                client,
                KINDS[due.kind].name,
                composed.email if channel == EMAIL else composed.text,
                key_of(due, channel),
                channel,
                composed.subject if channel == EMAIL else "",
            )
            for channel in channels
        ]
        if now < due.late_after or any(sent_already(self.business, TRANSACTIONAL, text) for text in texts):
            return Wanted(due, rule, texts)
        if due.kind == "closed":
            self.ended[due.pk] = State.DROPPED, OPEN_AGAIN
            return None
        told = replace(texts[0], key=key_of(due, channels[0], late=True))
        not_sent(self.business, TRANSACTIONAL, told, TOO_LATE)
        self.ended[due.pk] = State.LATE, TOO_LATE
        return None

    def _write(self, wanted: Sequence[Wanted], now: datetime) -> None:
        texts = [text for one in wanted for text in one.texts]
        if not texts:
            return
        became = send_many(self.business, TRANSACTIONAL, texts)
        asks: list[uuid.UUID] = []
        for one in wanted:
            of_it = [(text, became[text.key]) for text in one.texts]
            if all(each.message is None for _, each in of_it):
                self.ended[one.due.pk] = State.DROPPED, of_it[0][1].words[:300]
                continue
            self.ended[one.due.pk] = State.DONE, ""
            asked = KINDS[one.due.kind].confirms and one.rule.confirms
            if asked and any(each.sent and text.channel == SMS for text, each in of_it):
                asks.append(one.due.about_id)
        if asks:
            booking.asked(self.business, asks, now)

    def _end(self, now: datetime) -> None:
        if not self.ended:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                END,
                [
                    now,
                    columns.uuids(self.ended),
                    columns.texts(state.value for state, _ in self.ended.values()),
                    columns.texts(reason for _, reason in self.ended.values()),
                ],
            )


END = """
    UPDATE alerts_due d SET state = e.state, reason = e.reason, done_at = %s
    FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS e (id, state, reason) WHERE d.id = e.id
"""

_FACTS: dict[About, Any] = {
    "appointment": Appointment.objects.select_related("service", "member__user"),
    "payment": PaymentRequest.objects.all(),
    "estimate": Estimate.objects.all(),
    "lead": Lead.objects.all(),
}


def key_of(due: Due, channel: str, *, late: bool = False) -> uuid.UUID:
    """The key of the message on this channel. What was told to be late may still be planned anew, for another time."""
    return uuid.uuid5(due.pk, f"{channel}:late" if late else str(channel))


def _no_way(rule: Rule, client: Client) -> str:
    if rule.sms and rule.email:
        return f"{client.calls} has no mobile number and no email address."
    if rule.sms:
        return f"{client.calls} has no mobile number."
    return f"{client.calls} has no email address." if rule.email else "It goes neither by SMS nor by email."


# ---- Does it still hold?


def why_not(due: Due, subject: Subject | None, now: datetime) -> str:
    """Why this is not to be sent any more, for people; empty if what it is about still holds."""
    if isinstance(subject, Appointment):
        return _why_no_appointment(due, subject)
    if isinstance(subject, PaymentRequest):
        if due.kind == "paid":
            return "" if subject.status == PaymentRequest.Status.PAID else "It is not paid."
        if subject.status != PaymentRequest.Status.OPEN:
            return f"It was {subject.get_status_display().lower()}."
        return _why_no_day(due, subject.due_on)
    if isinstance(subject, Estimate):
        if subject.status != Estimate.Status.OPEN:
            return "It was withdrawn." if subject.status == Estimate.Status.CANCELLED else "It was answered."
        return _why_no_day(due, subject.expires_on)
    return ""


def _why_no_day(due: Due, day: Any) -> str:
    if KINDS[due.kind].timing == "now" or (day and due.occasion == day.isoformat()):
        return ""
    return "Its date was changed."


def _why_no_appointment(due: Due, appointment: Appointment) -> str:
    status = appointment.status
    if due.kind == "cancelled":
        return "" if status == Appointment.Status.CANCELLED else "It was booked again."
    if status == Appointment.Status.CANCELLED:
        return "It was cancelled."
    if status == Appointment.Status.MISSED:
        return "They didn’t come."
    if due.occasion.partition(".")[0] != str(appointment.moves):
        return MOVED
    if (due.kind == "requested") != (status == Appointment.Status.REQUESTED):
        return "It was booked meanwhile." if due.kind == "requested" else "You have not agreed to it yet."
    if KINDS[due.kind].timing == "before" and appointment.declined_at:
        return "They wrote that they may not come."
    return ""
