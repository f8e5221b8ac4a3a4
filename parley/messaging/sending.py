"""The one road out begins here: check, then one transaction writes the message and its place in the queue.

Whatever is the sender's to mend is refused here, in words, at the field it belongs to. Past `check` nothing about
the words or the client is asked again; `delivery` only hands over.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.utils import timezone

from parley.businesses.models import Member
from parley.clients.models import Client
from parley.live.nudges import nudge, wake_texts
from parley.messaging.models import Conversation, Lane, Message, Outbox
from parley.messaging.routing import own_number
from parley.numbers.models import PhoneNumber
from parley.sms import segments
from parley.sms.numbers import is_toll_free

# Twilio takes 1,600 characters a message (carriers.md 1; error 21617).
LONGEST_TEXT = 1600
LONGEST_EMAIL = 100_000
LONGEST_SUBJECT = 200

PRIORITY = {Message.Kind.DIRECT: 0, Message.Kind.TRANSACTIONAL: 1, Message.Kind.MARKETING: 2}


class CannotSend(Exception):
    """Nothing was sent. `field` is the form field to say it at (body, subject, channel, contact), `words` say why."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


@dataclass(frozen=True, slots=True)
class Ready:
    """What `check` found fit to send: where from, where to, and the words as they will be sent."""

    channel: str
    number: PhoneNumber | None
    address: str
    subject: str
    body: str
    segments: int


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


def check(member: Member, client: Client, *, channel: str, body: str, subject: str = "") -> Ready:
    """Everything that can be the sender's fault. Raises CannotSend with the field and the words."""
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
    number = own_number(member.business)
    if number is None:
        raise CannotSend("channel", "Your business has no texting number yet. Send an email instead.")
    return Ready(channel, number, client.phone, subject, body, segments.count(body).segments)


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
    ready = check(member, client, channel=channel, body=body, subject=subject)
    try:
        with transaction.atomic():
            return _write(member, client, ready, client_key)
    except IntegrityError:
        if client_key and (first := member.business.messages.filter(client_key=client_key).first()):
            return first
        raise


def conversation_with(client: Client) -> Conversation:
    """The client's conversation, made on first use."""
    conversation, _ = Conversation.objects.get_or_create(
        client=client, business_id=client.business_id, defaults={"last_at": timezone.now()}
    )
    return conversation


def _write(member: Member, client: Client, ready: Ready, client_key: uuid.UUID | None) -> Message:
    now = timezone.now()
    conversation = conversation_with(client)
    message = Message(
        business_id=member.business_id,
        conversation=conversation,
        direction=Message.Direction.OUT,
        channel=ready.channel,
        kind=Message.Kind.DIRECT,
        author=member,
        subject=ready.subject,
        body=ready.body,
        state=Message.State.QUEUED,
        number=ready.number,
        their_address=ready.address,
        segments=ready.segments,
        client_key=client_key,
        at=now,
        changed_at=now,
    )
    message.save(force_insert=True)
    # Answering takes the conversation over when nobody has it, reads it, and opens it again.
    Conversation.objects.filter(pk=conversation.pk).update(
        last_message=message,
        last_at=now,
        unread=0,
        waiting=False,
        closed_at=None,
        assignee=conversation.assignee_id or member.pk,
    )
    if ready.number is not None:
        queue(message, ready.number)
    else:
        from parley.messaging.tasks import send_email

        send_email.defer(message_id=str(message.id), business_id=str(message.business_id))
    nudge(member.business_id, [conversation.id])
    return message


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
