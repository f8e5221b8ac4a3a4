"""`sending.send_automatic`, for many at once: the same gates, the same rows, in a few statements.

Texts that leave from the business's own number, and that nothing speaks against, are written together: one change of
the balance, one statement for the messages and their places in the queue. Whoever is refused, or needs a look of their
own (a shared number, an email, a text that may have left before a restore), goes the one-by-one way, which has the
words for it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from django.db import IntegrityError, transaction
from django.utils import timezone

from parley.businesses import planned
from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.clients.models import Handset
from parley.live.nudges import CHANNEL, TEXTS_CHANNEL, payload
from parley.messaging import columns, routing, why
from parley.messaging.models import Message
from parley.messaging.routing import Sender
from parley.messaging.sending import (
    LEFT_LATELY,
    LONGEST_TEXT,
    PRIORITY,
    USED_FOR,
    Automatic,
    CannotSend,
    as_sent,
    send_automatic,
    why_no_texts,
    why_not_automatic,
)
from parley.quota import ledger
from parley.sms import segments


@dataclass(frozen=True, slots=True)
class Became:
    """What became of one: its message, and whether it is on its way; or why there is none, in words."""

    message: uuid.UUID | None
    sent: bool
    words: str = ""


@transaction.atomic
def send_many(
    business: Business, kind: Message.Kind, texts: Sequence[Automatic]
) -> Mapping[uuid.UUID, Became]:
    """Write and queue all of these, each as `send_automatic` would. Returns what became of each, by its key.

    In the caller's transaction if there is one, which then holds the balance until it ends: so do this late.
    """
    became = _sent_before(business, [text.key for text in texts])
    fresh = {text.key: text for text in texts if text.key not in became}
    together = _fit(business, kind, list(fresh.values()))
    # These first: they take longer, and the balance is held from the first text that is paid for.
    for key, text in fresh.items():
        if key not in together.texts:
            became[key] = _one(business, kind, text)
    if together.texts and _write_together(business, kind, together):
        written = zip(together.texts, together.ids, strict=True)
        return became | {key: Became(id, True) for key, id in written}
    return became | {key: _one(business, kind, fresh[key]) for key in together.texts}


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


class Together:
    """Texts that may be written together, by their keys, with what is known of each."""

    def __init__(self, sender: Sender | None) -> None:
        self.sender = sender
        self.texts: dict[uuid.UUID, tuple[Automatic, str]] = {}
        self.segments: list[int] = []
        self.consents: list[Handset | None] = []
        self.ids: list[uuid.UUID] = []

    def add(self, text: Automatic, body: str, known: Handset | None) -> None:
        self.texts[text.key] = text, body
        self.segments.append(segments.count(body).segments)
        self.consents.append(known)
        self.ids.append(new_id())


def _fit(business: Business, kind: Message.Kind, texts: Sequence[Automatic]) -> Together:
    """Those that nothing speaks against, as `sending.check` judges it."""
    fit = Together(routing.own_of(business, kind) if texts else None)
    if fit.sender is None:
        return fit
    numbers = [text.client.phone for text in texts if text.channel == Message.Channel.SMS]
    handsets = {one.phone: one for one in business.handsets.filter(phone__in=numbers)}
    left = _left_before(business, texts)
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
            fit.add(text, body, known)
    return fit


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


def _write_together(business: Business, kind: Message.Kind, fit: Together) -> bool:
    """One statement for all of these. False if nothing was written: too few texts are left, or one is there already."""
    assert fit.sender
    number, now = fit.sender.number, timezone.now()
    texts = [text for text, _ in fit.texts.values()]
    conversations = _conversations(business, texts)
    whole = {
        "business": business.pk,
        "number": number.pk,
        "kind": kind.value,
        "priority": PRIORITY[kind],
        "at": now,
        "keys": columns.uuids(fit.texts),
        "conversations": columns.uuids(conversations[text.client.pk] for text in texts),
        "phones": columns.texts(text.client.phone for text in texts),
        "titles": columns.texts(text.title for text in texts),
        "bodies": columns.texts(body for _, body in fit.texts.values()),
        "whys": columns.texts(_whys(fit, kind)),
        "texts_channel": TEXTS_CHANNEL,
        "channel": CHANNEL,
        "nudge": payload(business.pk, conversations.values()),
    }
    along = ledger.Along(
        _ALONG, ", pg_notify(%(texts_channel)s, ''), pg_notify(%(channel)s, %(nudge)s)", whole
    )
    costs = list(zip(fit.ids, fit.segments, strict=True))
    try:
        with transaction.atomic():
            ledger.debit_many(business, costs, USED_FOR[kind], along)
    except (ledger.NoTexts, IntegrityError):
        return False
    return True


def _whys(fit: Together, kind: Message.Kind) -> list[str]:
    """`Message.why` of each, but for what it took from which pot."""
    assert fit.sender
    decided = {"number": why.number(fit.sender.number, fit.sender.rule)}
    marketing = kind == Message.Kind.MARKETING

    @cache
    def of(service: str, agreed: str, line: int | None) -> str:
        known = Handset(service=service, marketing=agreed, service_by=line, marketing_by=line)
        said = why.consent(known, "agreed" if marketing else "no_refusal", marketing=marketing)
        return json.dumps(decided | {"consent": said})

    return [
        of("", "", None)
        if known is None
        else of(known.service, known.marketing, known.marketing_by if marketing else known.service_by)
        for known in fit.consents
    ]


# Of the messages' columns those that are not here are empty.
_ALONG = """
    , written AS (
        INSERT INTO messaging_message
            (id, business_id, conversation_id, direction, channel, kind, title, subject, body, state, reason, code,
             number_id, their_address, segments, media, carrier_id, client_key, why, at, changed_at)
        SELECT paid.message_id, %(business)s, t.conversation_id, 'out', 'sms', %(kind)s, t.title, '', t.body, 'queued',
               '', '', %(number)s, t.phone, paid.monthly + paid.bought, '[]', '', t.client_key,
               t.why || jsonb_build_object('quota', jsonb_build_object(
                   'entry', paid.entry, 'monthly', paid.monthly, 'bought', paid.bought, 'left', paid.left)),
               %(at)s, %(at)s
        FROM unnest(%(keys)s::uuid[], %(conversations)s::uuid[], %(phones)s::text[], %(titles)s::text[],
                    %(bodies)s::text[], %(whys)s::jsonb[])
            WITH ORDINALITY AS t (client_key, conversation_id, phone, title, body, why, place)
        JOIN paid ON paid.place = t.place
    ), lane AS (
        INSERT INTO messaging_lane (number_id, next_at) SELECT %(number)s, %(at)s FROM now
        WHERE NOT EXISTS (SELECT 1 FROM messaging_lane WHERE number_id = %(number)s)
        ON CONFLICT DO NOTHING
    ), queued AS (
        INSERT INTO messaging_outbox
            (message_id, business_id, number_id, recipient, priority, run_at, tries, past, confirms)
        SELECT paid.message_id, %(business)s, %(number)s, t.phone, %(priority)s, %(at)s, 0, false, false
        FROM unnest(%(phones)s::text[]) WITH ORDINALITY AS t (phone, place) JOIN paid ON paid.place = t.place
    )
"""

CONVERSATIONS = """
    SELECT client_id, id FROM messaging_conversation
    WHERE business_id = %(business)s AND client_id = ANY(%(clients)s::uuid[])
"""
# In one order, so that two who make the same ones wait for each other instead of for ever.
MAKE_CONVERSATIONS = """
    INSERT INTO messaging_conversation (id, business_id, client_id, last_at, unread, waiting, created_at)
    SELECT id, %(business)s, client_id, %(at)s, 0, false, %(at)s
    FROM unnest(%(ids)s::uuid[], %(clients)s::uuid[]) AS new (id, client_id) ORDER BY client_id
    ON CONFLICT (client_id) DO NOTHING RETURNING 1
"""


def _conversations(business: Business, texts: Sequence[Automatic]) -> dict[uuid.UUID, uuid.UUID]:
    """The conversation of each client, made where there is none."""
    clients = {text.client.pk for text in texts}

    def known() -> dict[uuid.UUID, uuid.UUID]:
        rows = planned.rows(CONVERSATIONS, {"business": business.pk, "clients": columns.uuids(clients)})
        return dict(rows)

    found = known()
    if missing := sorted(clients - found.keys()):
        given = {
            "business": business.pk,
            "at": timezone.now(),
            "ids": columns.uuids(new_id() for _ in missing),
            "clients": columns.uuids(missing),
        }
        planned.rows(MAKE_CONVERSATIONS, given)
        found = known()
    return found
