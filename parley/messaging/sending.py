"""The one road out begins here: check, then one transaction writes the message and its place in the queue.

Whatever is the sender's to mend is refused here, in words, at the field it belongs to. Past `check` nothing about
the words or the client is asked again; `delivery` only hands over.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.clients.models import Client
from parley.live.nudges import nudge, wake_texts
from parley.messaging import routing
from parley.messaging.models import Conversation, Lane, Message, Outbox
from parley.numbers.models import PhoneNumber
from parley.quota import ledger
from parley.sms import segments
from parley.sms.numbers import is_toll_free

# Twilio takes 1,600 characters a message (carriers.md 1; error 21617).
LONGEST_TEXT = 1600
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


def why_no_texts(client: Client) -> str | None:
    """Why this client cannot be texted, in words; None if they can."""
    if not client.phone:
        return f"{client.calls} has no mobile number yet. Add one, or send an email."
    if client.texting == Client.Texting.STOPPED:
        return f"{client.calls} asked you to stop texting. They can start again by texting START. Email still works."
    if client.texting == Client.Texting.CANNOT:
        return f"{client.pretty_phone} can’t get texts: it is a landline or out of service. Send an email instead."
    if is_toll_free(client.phone):
        return f"{client.pretty_phone} is a toll-free number. Texts to toll-free numbers don’t arrive."
    return None


def check(
    business: Business,
    client: Client,
    *,
    channel: str,
    body: str,
    subject: str = "",
    kind: Message.Kind = Message.Kind.DIRECT,
    answering: PhoneNumber | None = None,
) -> Ready:
    """Everything that can be the sender's fault. Raises CannotSend with the field and the words.

    `answering` is the number that the client wrote to, where an answer leaves from that one whatever else holds.
    """
    body = body.replace("\r\n", "\n").replace("\x00", "").strip()
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
    if reason := why_no_texts(client):
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
    count = segments.count(body).segments
    return Ready(channel, sender.number, client.phone, subject, body, count, sender.guaranteed)


def send(
    member: Member,
    client: Client,
    *,
    channel: str,
    body: str,
    subject: str = "",
    client_key: uuid.UUID | None = None,
) -> Message:
    """Write a direct message and queue it, in one transaction. Returns the message, `queued`.

    `client_key` is the page's own id for this send: a second call with it returns the first message, so a double
    tap or a retried POST is one text. Raises CannotSend.
    """
    if client_key and (first := member.business.messages.filter(client_key=client_key).first()):
        return first
    ready = check(member.business, client, channel=channel, body=body, subject=subject)
    try:
        with transaction.atomic():
            message = _write(member.business, client, ready, client_key, author=member)
            # Answering takes the conversation over when nobody has it, reads it, and opens it again.
            conversation = message.conversation
            Conversation.objects.filter(pk=conversation.pk).update(
                last_message=message,
                last_at=message.at,
                unread=0,
                waiting=False,
                closed_at=None,
                assignee=conversation.assignee_id or member.pk,
            )
            return message
    except IntegrityError:
        if client_key and (first := member.business.messages.filter(client_key=client_key).first()):
            return first
        raise


def send_automatic(
    business: Business,
    client: Client,
    *,
    kind: Message.Kind,
    title: str,
    body: str,
    key: uuid.UUID,
    answering: PhoneNumber | None = None,
) -> Message:
    """Write and queue a text that no member wrote: transactional or marketing. Returns the message, `queued`.

    `key` names the event: a second call with it returns the first message. The conversation keeps its place, for
    nobody has said anything in it. Raises CannotSend.
    """
    if first := business.messages.filter(client_key=key).first():
        return first
    ready = check(business, client, channel=Message.Channel.SMS, body=body, kind=kind, answering=answering)
    try:
        with transaction.atomic():
            return _write(business, client, ready, key, kind=kind, title=title, hold=answering is None)
    except CannotSend as refusal:
        if refusal.buy:
            ledger.refused(business)
        raise
    except IntegrityError:
        if first := business.messages.filter(client_key=key).first():
            return first
        raise


def conversation_with(client: Client) -> Conversation:
    """The client's conversation, made on first use."""
    conversation, _ = Conversation.objects.get_or_create(
        client=client, business_id=client.business_id, defaults={"last_at": timezone.now()}
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
) -> Message:
    """The message and its place in the queue, within the caller's transaction. Raises CannotSend."""
    now = timezone.now()
    conversation = conversation_with(client)
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
        _pay(business, message)
    message.save(force_insert=True)
    if number is not None:
        queue(message, number)
    else:
        from parley.messaging.tasks import send_email

        send_email.defer(message_id=str(message.id), business_id=str(message.business_id))
    nudge(business.id, [conversation.id])
    return message


def _pay(business: Business, message: Message) -> None:
    """The balance is held from here to the commit, so this comes late. Raises CannotSend."""
    try:
        spent = ledger.debit(business, message.id, USED_FOR[message.kind], message.segments)
    except ledger.NoTexts as none:
        raise CannotSend("channel", none.words, buy=True) from None
    message.why["quota"] = {
        "entry": spent.entry,
        "monthly": spent.monthly,
        "bought": spent.bought,
        "left": spent.left,
    }


def queue(message: Message, number: PhoneNumber) -> None:
    """Put a queued text into its number's lane, within the caller's transaction."""
    Lane.objects.get_or_create(number=number, defaults={"next_at": message.at})
    Outbox.objects.create(
        message=message,
        business_id=message.business_id,
        number=number,
        recipient=message.their_address,
        priority=PRIORITY[Message.Kind(message.kind)],
        run_at=message.at,
    )
    wake_texts()


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
