"""The one road out begins here: check, then one transaction writes the message and its place in the queue.

Whatever is the sender's to mend is refused here, in words, at the field it belongs to. Past `check` nothing about
the words or the client is asked again; `delivery` only hands over.
"""

from __future__ import annotations

import uuid
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from functools import cache
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from parley.businesses import planned
from parley.businesses.models import Business, Member
from parley.clients import consent
from parley.clients.models import Client, Handset
from parley.live.nudges import CHANNEL, TEXTS_CHANNEL, nudge, payload, wake_texts
from parley.messaging import routing, why
from parley.messaging.models import Conversation, Lane, Message, Outbox
from parley.numbers.models import PhoneNumber
from parley.quota import ledger
from parley.sms import quiet_hours, segments

# Twilio takes 1,600 characters a message (carriers.md 1; error 21617).
LONGEST_TEXT = 1600
# A text that leaves in the last minute of a window may arrive after it.
ROOM_TO_ARRIVE = timedelta(minutes=1)
LONGEST_EMAIL = 100_000
LONGEST_SUBJECT = 200

# How the meter calls the kinds.
USED_FOR: dict[str, ledger.Kind] = {
    Message.Kind.DIRECT: "direct",
    Message.Kind.TRANSACTIONAL: "automatic",
    Message.Kind.MARKETING: "marketing",
}
PRIORITY = {Message.Kind.DIRECT: 0, Message.Kind.TRANSACTIONAL: 1, Message.Kind.MARKETING: 2}


class CannotSend(Exception):
    """Nothing was sent. `field` is the form field to say it at (body, subject, channel, contact), `words` say why.

    `settings`: what is missing is mended in the settings of texting; `buy`: by buying texts.
    """

    def __init__(self, field: str, words: str, *, settings: bool = False, buy: bool = False) -> None:
        super().__init__(words)
        self.field = field
        self.words = words
        self.settings = settings
        self.buy = buy


@dataclass(frozen=True, slots=True)
class Ready:
    """What `check` found fit to send: where from, where to, and the words as they will be sent."""

    channel: str
    number: PhoneNumber | None
    address: str
    subject: str
    body: str
    segments: int
    guaranteed: bool = True
    handset: Handset | None = None
    window: quiet_hours.Window | None = None
    confirms: bool = False
    rule: str = ""


def why_no_texts(client: Client) -> str | None:
    """Why this client cannot be texted, in words; None if they can."""
    if client.takes_texts:
        return None
    if not client.phone:
        return f"{client.calls} has no mobile number yet. Add one, or send an email."
    if client.texting == Client.Texting.STOPPED:
        return f"{client.calls} asked you to stop texting. They can start again by texting START. Email still works."
    if client.texting == Client.Texting.CANNOT:
        return f"{client.pretty_phone} can’t get texts: it is a landline or out of service. Send an email instead."
    return f"{client.pretty_phone} is a toll-free number. Texts to toll-free numbers don’t arrive."


def as_sent(body: str) -> str:
    """The words as they are sent: PostgreSQL has no place for a NUL, and a text needs no carriage returns."""
    return body.replace("\r\n", "\n").replace("\x00", "").strip()


def check(
    business: Business,
    client: Client,
    *,
    channel: str,
    body: str,
    subject: str = "",
    kind: Message.Kind = Message.Kind.DIRECT,
    answering: PhoneNumber | None = None,
    confirms: bool = False,
) -> Ready:
    """Everything that can be the sender's fault. Raises CannotSend with the field and the words.

    `answering` is the number that the client wrote to, where an answer leaves from that one whatever else holds.
    `confirms`: it is the one text that may follow an opt-out.
    """
    body = as_sent(body)
    subject = " ".join(subject.replace("\x00", "").split())
    if len(subject) > LONGEST_SUBJECT:
        raise CannotSend(
            "subject", f"The subject has {len(subject)} characters. The most is {LONGEST_SUBJECT}."
        )
    if channel == Message.Channel.EMAIL:
        if not client.email:
            raise CannotSend("channel", f"{client.calls} has no email address yet. Add one, or send a text.")
        if not subject:
            raise CannotSend("subject", "Write a subject: an email needs one.")
        if not body:
            raise CannotSend("body", "Write a message first.")
        if len(body) > LONGEST_EMAIL:
            raise CannotSend(
                "body", f"This email has {len(body):,} characters. The most is {LONGEST_EMAIL:,}."
            )
        return Ready(channel, None, client.email, subject, body, 0)
    if channel != Message.Channel.SMS:
        raise CannotSend("channel", "Choose SMS or Email.")
    if (reason := why_no_texts(client)) and not (confirms and client.texting == Client.Texting.STOPPED):
        raise CannotSend("channel", reason)
    known = None
    if kind != Message.Kind.DIRECT:
        known = consent.handset(business, client.phone)
        if (reason := why_not_automatic(client, known, kind)) and not confirms:
            raise CannotSend("channel", reason)
    if not body:
        raise CannotSend("body", "Write a message first.")
    if len(body) > LONGEST_TEXT:
        over = len(body) - LONGEST_TEXT
        raise CannotSend(
            "body",
            f"This text has {len(body):,} characters, {over:,} more than the {LONGEST_TEXT:,} a text can hold.",
        )
    try:
        if answering is not None:
            sender = routing.answer_from(business, answering)
        else:
            sender = routing.may_leave(business, kind, client.phone)
    except routing.NoNumber as none:
        raise CannotSend("channel", none.words, settings=none.settings) from None
    return Ready(
        channel,
        sender.number,
        client.phone,
        subject,
        body,
        segments.count(body).segments,
        sender.guaranteed,
        known,
        _window(client) if kind == Message.Kind.MARKETING else None,
        confirms,
        sender.rule,
    )


def why_not_automatic(client: Client, known: Handset | None, kind: Message.Kind) -> str | None:
    """What a client's card does not say, and a text that no member wrote must ask (rule R6's gate asks it again)."""
    if known is not None and Handset.Service.DOUBTFUL in (known.service, known.marketing):
        return f"{client.calls} may have opted out, and nobody has said yet what they meant."
    if kind == Message.Kind.MARKETING and (known is None or known.marketing != Handset.Marketing.AGREED):
        return f"{client.calls} has not agreed to marketing."
    return None


def place_of(client: Client) -> quiet_hours.Place:
    """Where this client may be, as far as the business knows."""
    return quiet_hours.Place(
        number=client.phone,
        zone=client.time_zone,
        region=client.region,
        postal_code=client.postal_code,
    )


def _window(client: Client) -> quiet_hours.Window:
    try:
        return quiet_hours.next_window(timezone.now() + ROOM_TO_ARRIVE, place_of(client))
    except quiet_hours.NoWindow:
        raise CannotSend("contact", NO_HOUR) from None


def send(
    member: Member,
    client: Client,
    *,
    channel: str,
    body: str,
    subject: str = "",
    client_key: uuid.UUID | None = None,
    conversation: Conversation | None = None,
) -> Message:
    """Write a direct message and queue it, in one transaction. Returns the message, `queued`.

    `client_key` is the page's own id for this send: a second call with it returns the first message, so a double
    tap or a retried POST is one text. `conversation` is the client's, where it is known. Raises CannotSend.
    """
    if client_key and (first := _sent_before(member.business, client_key)):
        return first
    ready = check(member.business, client, channel=channel, body=body, subject=subject)
    # What leaves from a business's own number is one statement, so a transaction by itself; unless there is a
    # conversation to be made, which nobody shall see if nothing is sent.
    own = ready.number is not None and ready.number.duty == PhoneNumber.Duty.BUSINESS
    alone = own and conversation is not None and not connection.in_atomic_block
    try:
        with nullcontext() if alone else transaction.atomic():
            return _write(
                member.business, client, ready, client_key, author=member, conversation=conversation
            )
    except IntegrityError:
        if client_key and (first := _sent_before(member.business, client_key)):
            return first
        raise


def sent_already(business: Business, kind: Message.Kind, text: Automatic) -> Message | None:
    """The message that this became before, if it did: written under its key, or left before a restore (rule R9)."""
    return _sent_before(business, text.key) or _left_before(business, kind, text)


def _sent_before(business: Business, client_key: uuid.UUID) -> Message | None:
    """The message of this key, if there is one already."""
    if planned.row(SENT_BEFORE, {"business": business.pk, "key": client_key}):
        return business.messages.filter(client_key=client_key).first()
    return None


SENT_BEFORE = "SELECT 1 FROM messaging_message WHERE business_id = %(business)s AND client_key = %(key)s"


def send_automatic(
    business: Business,
    client: Client,
    *,
    kind: Message.Kind,
    title: str,
    body: str,
    key: uuid.UUID,
    channel: str = Message.Channel.SMS,
    subject: str = "",
    answering: PhoneNumber | None = None,
    confirms: bool = False,
) -> Message:
    """Write and queue a message that no member wrote: transactional or marketing. Returns it, `queued`.

    `key` names the event: a second call with it returns the first message. The conversation keeps its place, for
    nobody has said anything in it. What may not be sent is written too, `canceled`, with why, so that whoever looks
    for it finds the reason; it is not sent later. An answer (`answering`) that may not be sent is owed to nobody, and
    raises CannotSend; so does a message to somebody without a number, or for an email without an address.
    """
    text = Automatic(client, title, body, key, channel, subject)
    if first := sent_already(business, kind, text):
        return first
    try:
        with transaction.atomic():
            ready = check(
                business,
                client,
                channel=channel,
                body=body,
                subject=subject,
                kind=kind,
                answering=answering,
                confirms=confirms,
            )
            return _write(business, client, ready, key, kind=kind, title=title, hold=answering is None)
    except CannotSend as refusal:
        if answering is not None or not text.address or not body.strip():
            raise
        return _write_unsent(business, kind, text, refusal)
    except IntegrityError:
        if first := _sent_before(business, key):
            return first
        raise


@dataclass(frozen=True, slots=True)
class Automatic:
    """A message that no member wrote, to be written: see `send_automatic`."""

    client: Client
    title: str
    body: str
    key: uuid.UUID
    channel: str = Message.Channel.SMS
    subject: str = ""

    @property
    def address(self) -> str:
        """Where it goes; empty if there is nowhere."""
        return self.client.email if self.channel == Message.Channel.EMAIL else self.client.phone


# How long a text that is known only from the carrier's records may be one that a restored job is about to write again.
LEFT_LATELY = timedelta(days=1)


def _left_before(business: Business, kind: Message.Kind, text: Automatic) -> Message | None:
    """The same text, if it left before the database was restored: from then on it is this event's (rule R9)."""
    if text.channel != Message.Channel.SMS:
        return None
    record = (
        business.messages.filter(
            conversation__client=text.client,
            client_key=None,
            why__has_key="records",
            body=as_sent(text.body),
            at__gt=timezone.now() - LEFT_LATELY,
        )
        .order_by("at")
        .first()
    )
    if record is None:
        return None
    found = Message.objects.filter(business=business, pk=record.pk, client_key=None)
    found.update(client_key=text.key, kind=kind, title=text.title, changed_at=timezone.now())
    return business.messages.filter(client_key=text.key).first()


def not_sent(business: Business, kind: Message.Kind, text: Automatic, words: str) -> Message:
    """Write down that this message is not sent, and why in `words`, so that whoever looks for it finds the reason.

    Once for its key. It must have an address.
    """
    return _write_unsent(business, kind, text, CannotSend("channel", words))


@transaction.atomic
def _write_unsent(business: Business, kind: Message.Kind, text: Automatic, refusal: CannotSend) -> Message:
    now = timezone.now()
    longest = LONGEST_EMAIL if text.channel == Message.Channel.EMAIL else LONGEST_TEXT
    message, new = Message.objects.get_or_create(
        business=business,
        client_key=text.key,
        defaults={
            "conversation": conversation_with(text.client, kind),
            "direction": Message.Direction.OUT,
            "channel": text.channel,
            "kind": kind,
            "title": text.title,
            "subject": text.subject.replace("\x00", "")[:LONGEST_SUBJECT],
            "body": as_sent(text.body)[:longest],
            "state": Message.State.CANCELED,
            "reason": refusal.words[:300],
            "their_address": text.address,
            "why": {"refused": why.refused(refusal.field, refusal.words)},
            "at": now,
            "changed_at": now,
        },
    )
    if new:
        if refusal.buy:
            ledger.refused(business)
        nudge(business.id, [message.conversation_id])
    return message


def conversation_with(client: Client, kind: Message.Kind = Message.Kind.DIRECT) -> Conversation:
    """The client's conversation, made on first use: closed, where an offer is all that is in it.

    Else a campaign would fill the Inbox with as many conversations in which nobody has said a word.
    """
    now = timezone.now()
    closed = now if kind == Message.Kind.MARKETING else None
    conversation, _ = Conversation.objects.get_or_create(
        client=client, business_id=client.business_id, defaults={"last_at": now, "closed_at": closed}
    )
    return conversation


def _write(
    business: Business,
    client: Client,
    ready: Ready,
    client_key: uuid.UUID | None,
    *,
    kind: Message.Kind = Message.Kind.DIRECT,
    title: str = "",
    author: Member | None = None,
    hold: bool = True,
    conversation: Conversation | None = None,
) -> Message:
    """The message and its place in the queue, all or nothing. Raises CannotSend.

    In the caller's transaction, which is needed only where more than a paid text is written.
    """
    now = timezone.now()
    conversation = conversation or conversation_with(client, kind)
    number = ready.number
    if hold and number is not None and number.duty != PhoneNumber.Duty.BUSINESS:
        try:
            # Held only now, with the message: another business may have taken the shared number since `check`.
            number = routing.choose(business, kind, client.phone).number
        except routing.NoNumber as none:
            raise CannotSend("channel", none.words, settings=none.settings) from None
    message = Message(
        business=business,
        conversation=conversation,
        direction=Message.Direction.OUT,
        channel=ready.channel,
        kind=kind,
        title=title,
        author=author,
        subject=ready.subject,
        body=ready.body,
        state=Message.State.QUEUED,
        number=number,
        their_address=ready.address,
        segments=ready.segments,
        client_key=client_key,
        at=now,
        changed_at=now,
    )
    if number is not None:
        message.why["number"] = why.number(number, ready.rule)
        message.why["consent"] = _consent(business, ready, kind, answers=not hold)
    if ready.window is not None:
        message.why["quiet"] = why.quiet(ready.window)
        if ready.window.opens_at > now:
            message.reason = quiet_words(ready.window, business.zone)
    if number is not None and not ready.confirms:
        _pay_and_write(business, message, _place(message, number, window=ready.window))
        return message
    if ready.confirms:
        message.why["confirms"] = True
    message.save(force_insert=True)
    if number is not None:
        queue(message, number, window=ready.window, confirms=ready.confirms)
    else:
        from parley.messaging.tasks import send_email

        send_email.defer(message_id=str(message.id), business_id=str(message.business_id))
        if author:
            planned.rows(f"{ANSWERED} RETURNING 1", _answer(message))
    nudge(business.id, [conversation.id])
    return message


# Answering takes the conversation over when nobody has it, reads it, and opens it again.
ANSWERED = """
    UPDATE messaging_conversation
    SET last_message_id = %(message)s, last_at = %(at)s, unread = 0, waiting = false, closed_at = NULL,
        assignee_id = coalesce(assignee_id, %(author)s)
    WHERE id = %(conversation)s AND business_id = %(business)s
"""

ANSWERED_IF_PAID = ANSWERED + "AND EXISTS (SELECT 1 FROM line)"  # noqa: S608


def _answer(message: Message) -> dict[str, Any]:
    """For `ANSWERED`."""
    return {
        "message": message.id,
        "at": message.at,
        "author": message.author_id,
        "conversation": message.conversation_id,
        "business": message.business_id,
    }


def _pay_and_write(business: Business, message: Message, place: Outbox) -> None:
    """One statement for the debit, the message, its place in the queue and in the Inbox, and the nudges.

    It holds the balance while PostgreSQL runs it, and no longer. Raises CannotSend.
    """
    along = ledger.Along(
        _along(answered=message.author_id is not None),
        ", pg_notify(%(texts_channel)s, ''), pg_notify(%(channel)s, %(nudge)s)",
        {
            **planned.values(message),
            **planned.values(place),
            **_answer(message),
            "texts_channel": TEXTS_CHANNEL,
            "channel": CHANNEL,
            "nudge": payload(business.id, [message.conversation_id]),
        },
    )
    try:
        spent = ledger.debit(business, message.id, USED_FOR[message.kind], message.segments, along)
    except ledger.NoTexts as none:
        raise CannotSend("channel", none.words, buy=True) from None
    message.why["quota"] = why.quota(spent)
    message._state.adding, message._state.db = False, connection.alias


@cache
def _along(*, answered: bool) -> str:
    """What `_pay_and_write` writes along with the debit, from which alone the message's `why` knows what it took."""
    names, given = planned.inserted(Message)
    quota = (
        "jsonb_build_object('entry', line.id, 'monthly', now.took, 'bought', %(segments)s::int - now.took,"
        " 'left', now.monthly + now.bought)"
    )
    message = ", ".join(
        f"{each} || jsonb_build_object('quota', {quota})" if each.startswith("%(message_why)") else each
        for each in given
    )
    places, place = planned.inserted(Outbox)
    written = f"""
        , message AS (INSERT INTO messaging_message ({names}) SELECT {message} FROM line, now)
        , lane AS (
            INSERT INTO messaging_lane (number_id, next_at) SELECT %(outbox_number_id)s, %(at)s FROM line
            WHERE NOT EXISTS (SELECT 1 FROM messaging_lane WHERE number_id = %(outbox_number_id)s)
            ON CONFLICT DO NOTHING
        ), place AS (INSERT INTO messaging_outbox ({places}) SELECT {", ".join(place)} FROM line)
    """  # noqa: S608  our own columns
    return f"{written}, answered AS ({ANSWERED_IF_PAID})" if answered else written


def _consent(business: Business, ready: Ready, kind: Message.Kind, *, answers: bool) -> why.ConsentWhy:
    """What the ledger said, and what was enough."""
    known = ready.handset if kind != Message.Kind.DIRECT else consent.handset(business, ready.address)
    if ready.confirms:
        return why.consent(known, "confirms")
    if kind == Message.Kind.MARKETING:
        return why.consent(known, "agreed", marketing=True)
    return why.consent(known, "wrote_first" if answers else "no_refusal")


NO_HOUR = (
    "There is no hour at which marketing may reach them: their number says too little of where they are. "
    "Add their state or ZIP code."
)


def quiet_words(window: quiet_hours.Window, zone: tzinfo) -> str:
    """Why a text waits for its window; times as the business's clock shows them."""
    opens = window.opens_at.astimezone(zone)
    when = f"{opens:%a} {opens.hour % 12 or 12}:{opens:%M} {opens:%p}"
    return f"It is too early or too late where they are ({window.rule}). It goes out {when} your time."


def queue(
    message: Message,
    number: PhoneNumber,
    *,
    window: quiet_hours.Window | None = None,
    confirms: bool = False,
) -> None:
    """Put a queued text into its number's lane, within the caller's transaction."""
    Lane.objects.get_or_create(number=number, defaults={"next_at": message.at})
    _place(message, number, window=window, confirms=confirms).save(force_insert=True)
    wake_texts()


def _place(
    message: Message,
    number: PhoneNumber,
    *,
    window: quiet_hours.Window | None = None,
    confirms: bool = False,
) -> Outbox:
    return Outbox(
        message=message,
        business_id=message.business_id,
        number=number,
        recipient=message.their_address,
        priority=PRIORITY[Message.Kind(message.kind)],
        run_at=max(message.at, window.opens_at) if window else message.at,
        closes_at=window.closes_at if window else None,
        confirms=confirms,
    )


def send_past(message: Message) -> bool:
    """Let a waiting text go ahead of one that is in doubt (rule R3). False if it does not wait any more.

    It still waits for a text with the very same words: in the carrier's log nobody could tell the two apart.
    """
    with transaction.atomic():
        waited = Outbox.objects.filter(message=message, past=False).update(past=True, run_at=timezone.now())
        if waited:
            nudge(message.business_id, [message.conversation_id])
            wake_texts()
    return bool(waited)
