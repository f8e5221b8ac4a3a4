"""`sending.send_automatic`, for many at once: the same gates, the same rows, in a few statements.

Texts that leave from the business's own number, or from a marketing one, and that nothing speaks against, are written
together: one change of the balance, one statement for the messages and their places in the queue. Whoever is refused,
or needs a look of their own (a system number, quiet hours, an email, a text that may have left before a restore), goes
the one-by-one way, which has the words for it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from parley.businesses import planned
from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.clients.models import Client, Handset
from parley.live.nudges import CHANNEL, TEXTS_CHANNEL, payload
from parley.messaging import columns, routing, why
from parley.messaging.models import Message
from parley.messaging.sending import (
    LEFT_LATELY,
    LONGEST_TEXT,
    PRIORITY,
    ROOM_TO_ARRIVE,
    USED_FOR,
    Automatic,
    CannotSend,
    as_sent,
    place_of,
    send_automatic,
    why_no_texts,
    why_not_automatic,
)
from parley.numbers.models import PhoneNumber
from parley.quota import ledger
from parley.sms import quiet_hours, segments


@dataclass(frozen=True, slots=True)
class Became:
    """What became of one: its message, and whether it is on its way; or why there is none, in words."""

    message: uuid.UUID | None
    sent: bool
    words: str = ""


@transaction.atomic
def send_many(
    business: Business,
    kind: Message.Kind,
    texts: Sequence[Automatic],
    *,
    all_paid: bool = False,
) -> Mapping[uuid.UUID, Became]:
    """Write and queue all of these, each as `send_automatic` would. Returns what became of each, by its key.

    In the caller's transaction if there is one, which then holds the balance until it ends: so do this late.
    `all_paid`: rather none of them than only those that the texts suffice for; raises ledger.NoTexts then, and
    routing.NoNumber where there is no number for any of them.
    """
    became = _sent_before(business, [text.key for text in texts])
    fresh = {text.key: text for text in texts if text.key not in became}
    together = _fit(business, kind, list(fresh.values()))
    # These first: they take longer, and the balance is held from the first text that is paid for.
    for key, text in fresh.items():
        if key not in together:
            became[key] = _one(business, kind, text)
    written = _write_together(business, kind, together, all_paid=all_paid) if together else set()
    for key, one in together.items():
        became[key] = Became(one.id, True) if key in written else _one(business, kind, fresh[key])
    return became


def _one(business: Business, kind: Message.Kind, text: Automatic) -> Became:
    try:
        message = send_automatic(
            business,
            text.client,
            kind=kind,
            title=text.title,
            body=text.body,
            key=text.key,
            channel=text.channel,
            subject=text.subject,
        )
    except CannotSend as refusal:
        return Became(None, False, refusal.words)
    return Became(message.pk, message.state != Message.State.CANCELED, message.reason)


SENT_BEFORE = """
    SELECT client_key, id, state <> 'canceled', reason FROM messaging_message
    WHERE business_id = %(business)s AND client_key = ANY(%(keys)s::uuid[])
"""


def _sent_before(business: Business, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Became]:
    rows = planned.rows(SENT_BEFORE, {"business": business.pk, "keys": columns.uuids(keys)})
    return {key: Became(*rest) for key, *rest in rows}


@dataclass(slots=True)
class Fit:
    """A text that may be written together with others, and what is known of it."""

    text: Automatic
    body: str
    known: Handset | None
    window: quiet_hours.Window | None
    number: PhoneNumber | None = None
    id: uuid.UUID = field(default_factory=new_id)

    @property
    def segments(self) -> int:
        return segments.count(self.body).segments


def _fit(business: Business, kind: Message.Kind, texts: Sequence[Automatic]) -> dict[uuid.UUID, Fit]:
    """Those that nothing speaks against, as `sending.check` judges it, by their keys."""
    sender = routing.own_of(business, kind) if texts else None
    marketing = kind == Message.Kind.MARKETING
    if not texts or (sender is None and not (marketing and business.texting)):
        return {}
    numbers = [text.client.phone for text in texts if text.channel == Message.Channel.SMS]
    handsets = {one.phone: one for one in business.handsets.filter(phone__in=numbers)}
    left = _left_before(business, texts)
    fit: dict[uuid.UUID, Fit] = {}
    for text in texts:
        known = handsets.get(text.client.phone)
        body = as_sent(text.body)
        if (
            text.channel == Message.Channel.SMS
            and body
            and len(body) <= LONGEST_TEXT
            and not why_no_texts(text.client)
            and not why_not_automatic(text.client, known, kind)
            and (text.client.pk, body) not in left
        ):
            window = _open_window(text.client) if marketing else None
            if window or not marketing:
                fit[text.key] = Fit(text, body, known, window, sender.number if sender else None)
    return fit


def _open_window(client: Client) -> quiet_hours.Window | None:
    """The window that is open to marketing now, with room for the text to arrive; None if there is none."""
    now = timezone.now()
    try:
        window = quiet_hours.next_window(now + ROOM_TO_ARRIVE, place_of(client))
    except quiet_hours.NoWindow:
        return None
    return window if window.opens_at <= now else None


LEFT_BEFORE = """
    SELECT v.client_id, m.body FROM messaging_conversation v
    JOIN messaging_message m ON m.business_id = v.business_id AND m.conversation_id = v.id
    WHERE v.business_id = %(business)s AND v.client_id = ANY(%(clients)s::uuid[])
      AND m.at > %(since)s AND m.client_key IS NULL AND m.why ? 'records'
"""


def _left_before(business: Business, texts: Sequence[Automatic]) -> set[tuple[uuid.UUID, str]]:
    """What is known from the carrier's records alone: whoever has the same words goes the way that knows rule R9."""
    given = {
        "business": business.pk,
        "clients": columns.uuids(text.client.pk for text in texts),
        "since": timezone.now() - LEFT_LATELY,
    }
    return {(client, body) for client, body in planned.rows(LEFT_BEFORE, given)}


def _write_together(
    business: Business,
    kind: Message.Kind,
    fit: dict[uuid.UUID, Fit],
    *,
    all_paid: bool,
) -> set[uuid.UUID]:
    """One statement for all of these. Returns the keys of those that were written.

    None, if too few texts are left (with `all_paid` it raises ledger.NoTexts, and routing.NoNumber if there is none) or
    one is there already; and not those for which no number was to be held.
    """
    try:
        with transaction.atomic():
            if kind == Message.Kind.MARKETING:
                held = routing.hold_offers(business, [one.text.client.phone for one in fit.values()])
                if all_paid and not held:
                    raise routing.NoNumber(routing.NO_MARKETING_NUMBER)
                for one in fit.values():
                    one.number = held.get(one.text.client.phone)
                fit = {key: one for key, one in fit.items() if one.number}
            if fit:
                _write_fit(business, kind, fit)
    except ledger.NoTexts:
        if all_paid:
            raise
        return set()
    except IntegrityError:
        return set()
    return set(fit)


def _write_fit(business: Business, kind: Message.Kind, fit: dict[uuid.UUID, Fit]) -> None:
    all_of_them, now = list(fit.values()), timezone.now()
    numbers = [one.number.pk for one in all_of_them if one.number]
    conversations = _conversations(business, kind, [one.text for one in all_of_them])
    whole = {
        "business": business.pk,
        "lanes": columns.uuids(set(numbers)),
        "kind": kind.value,
        "priority": PRIORITY[kind],
        "at": now,
        "keys": columns.uuids(fit),
        "conversations": columns.uuids(conversations[one.text.client.pk] for one in all_of_them),
        "numbers": columns.uuids(numbers),
        "phones": columns.texts(one.text.client.phone for one in all_of_them),
        "titles": columns.texts(one.text.title for one in all_of_them),
        "bodies": columns.texts(one.body for one in all_of_them),
        "whys": columns.texts(_whys(all_of_them, kind)),
        "closes": columns.moments(one.window.closes_at if one.window else None for one in all_of_them),
        "texts_channel": TEXTS_CHANNEL,
        "channel": CHANNEL,
        "nudge": payload(business.pk, conversations.values()),
    }
    along = ledger.Along(
        _ALONG, ", pg_notify(%(texts_channel)s, ''), pg_notify(%(channel)s, %(nudge)s)", whole
    )
    ledger.debit_many(business, [(one.id, one.segments) for one in all_of_them], USED_FOR[kind], along)


def _whys(fit: Sequence[Fit], kind: Message.Kind) -> list[str]:
    """`Message.why` of each, but for what it took from which pot."""
    marketing = kind == Message.Kind.MARKETING
    rule: routing.Rule = "marketing_pool" if marketing else "own_automatic"

    @cache
    def of(
        number: PhoneNumber, service: str, agreed: str, line: int | None, window: quiet_hours.Window | None
    ) -> str:
        known = Handset(service=service, marketing=agreed, service_by=line, marketing_by=line)
        said = why.consent(known, "agreed" if marketing else "no_refusal", marketing=marketing)
        told: dict[str, Any] = {"number": why.number(number, rule), "consent": said}
        return json.dumps(told | ({"quiet": why.quiet(window)} if window else {}))

    return [
        of(one.number, "", "", None, one.window)
        if one.known is None
        else of(
            one.number,
            one.known.service,
            one.known.marketing,
            one.known.marketing_by if marketing else one.known.service_by,
            one.window,
        )
        for one in fit
        if one.number
    ]


# Of the messages' columns those that are not here are empty.
_ALONG = """
    , written AS (
        INSERT INTO messaging_message
            (id, business_id, conversation_id, direction, channel, kind, title, subject, body, state, reason, code,
             number_id, their_address, segments, media, carrier_id, client_key, why, at, changed_at)
        SELECT paid.message_id, %(business)s, t.conversation_id, 'out', 'sms', %(kind)s, t.title, '', t.body, 'queued',
               '', '', t.number_id, t.phone, paid.monthly + paid.bought, '[]', '', t.client_key,
               t.why || jsonb_build_object('quota', jsonb_build_object(
                   'entry', paid.entry, 'monthly', paid.monthly, 'bought', paid.bought, 'left', paid.left)),
               %(at)s, %(at)s
        FROM unnest(%(keys)s::uuid[], %(conversations)s::uuid[], %(numbers)s::uuid[], %(phones)s::text[],
                    %(titles)s::text[], %(bodies)s::text[], %(whys)s::jsonb[])
            WITH ORDINALITY AS t (client_key, conversation_id, number_id, phone, title, body, why, place)
        JOIN paid ON paid.place = t.place
    ), lane AS (
        INSERT INTO messaging_lane (number_id, next_at)
        SELECT l.number_id, %(at)s FROM now, unnest(%(lanes)s::uuid[]) AS l (number_id)
        WHERE NOT EXISTS (SELECT 1 FROM messaging_lane known WHERE known.number_id = l.number_id)
        ON CONFLICT DO NOTHING
    ), queued AS (
        INSERT INTO messaging_outbox
            (message_id, business_id, number_id, recipient, priority, run_at, closes_at, tries, past, confirms)
        SELECT paid.message_id, %(business)s, t.number_id, t.phone, %(priority)s, %(at)s, t.closes_at, 0, false, false
        FROM unnest(%(numbers)s::uuid[], %(phones)s::text[], %(closes)s::timestamptz[])
            WITH ORDINALITY AS t (number_id, phone, closes_at, place)
        JOIN paid ON paid.place = t.place
    )
"""

CONVERSATIONS = """
    SELECT client_id, id FROM messaging_conversation
    WHERE business_id = %(business)s AND client_id = ANY(%(clients)s::uuid[])
"""
# In one order, so that two who make the same ones wait for each other instead of for ever.
MAKE_CONVERSATIONS = """
    INSERT INTO messaging_conversation (id, business_id, client_id, last_at, unread, waiting, created_at, closed_at)
    SELECT id, %(business)s, client_id, %(at)s, 0, false, %(at)s, CASE WHEN %(closed)s THEN %(at)s END
    FROM unnest(%(ids)s::uuid[], %(clients)s::uuid[]) AS new (id, client_id) ORDER BY client_id
    ON CONFLICT (client_id) DO NOTHING RETURNING 1
"""


def _conversations(
    business: Business, kind: Message.Kind, texts: Sequence[Automatic]
) -> dict[uuid.UUID, uuid.UUID]:
    """The conversation of each client, made as `sending.conversation_with` makes it where there is none."""
    clients = {text.client.pk for text in texts}

    def known() -> dict[uuid.UUID, uuid.UUID]:
        rows = planned.rows(CONVERSATIONS, {"business": business.pk, "clients": columns.uuids(clients)})
        return dict(rows)

    found = known()
    if missing := sorted(clients - found.keys()):
        given = {
            "business": business.pk,
            "at": timezone.now(),
            "closed": kind == Message.Kind.MARKETING,
            "ids": columns.uuids(new_id() for _ in missing),
            "clients": columns.uuids(missing),
        }
        planned.rows(MAKE_CONVERSATIONS, given)
        found = known()
    return found
