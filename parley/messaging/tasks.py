"""What happens later or on a clock, as procrastinate's jobs. Every task may run twice and does its work once."""

from __future__ import annotations

import uuid
from datetime import timedelta
from email.utils import formataddr

from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from parley.businesses.models import Business
from parley.clients.languages import language_of
from parley.clients.models import Client
from parley.live.nudges import nudge
from parley.messaging import attachments, revoking, sending, unread, words
from parley.messaging.models import Message
from parley.messaging.patience import patience
from parley.notifications import mail
from parley.numbers import texting
from parley.numbers.models import PhoneNumber
from parley.sms.numbers import pretty


@app.task(queue="email", retry=mail.WHEN_IT_WAITS)
def send_email(message_id: str, business_id: str) -> None:
    """Hand one email to the mail server.

    Claimed before it is sent: a job that finds its message `sending` follows a worker that died between the server's
    answer and ours, and says "may not have arrived" instead of sending a second copy.
    """
    key = {"pk": uuid.UUID(message_id), "business_id": uuid.UUID(business_id)}
    if not _move(key, "queued", "sending"):
        _move(key, "sending", "unconfirmed", "The mail server did not confirm it.")
        return
    message = Message.objects.select_related("business", "author__user").get(**key)
    email = EmailMessage(
        subject=message.subject,
        body=message.body,
        from_email=formataddr((message.business.name, message.business.email)),
        to=[message.their_address],
        headers={"Message-ID": mail.message_id(message.id)},
    )
    try:
        mail.hand_over(email)
    except mail.MailWaits as problem:
        _move(key, "sending", "queued", str(problem))
        raise
    except mail.MailRefused as problem:
        _move(key, "sending", "failed", str(problem))
    except mail.MailUnconfirmed as problem:
        _move(key, "sending", "unconfirmed", str(problem))
    else:
        _move(key, "sending", "sent")


def _move(key: dict[str, uuid.UUID], before: str, after: str, reason: str = "") -> bool:
    """One conditional UPDATE, and the nudge that goes with it. False if the state was another."""
    with transaction.atomic():
        moved = Message.objects.filter(**key, state=before).update(
            state=after, reason=reason, changed_at=timezone.now()
        )
        if moved:
            message = Message.objects.only("conversation_id", "business_id").get(**key)
            nudge(message.business_id, [message.conversation_id])
    return bool(moved)


NOBODY_READS = "Do not reply"


@app.task(queue="texts", retry=RetryStrategy(max_attempts=10, exponential_wait=2))
def say_nobody_reads(business_id: str, client_id: str, number_id: str, key: str) -> None:
    """Tell a client who answered that nobody reads answers, from the number they wrote to."""
    business = Business.objects.select_related("plan").get(pk=business_id)
    client = business.clients.get(pk=client_id)
    offers = PhoneNumber.objects.filter(pk=number_id, duty=PhoneNumber.Duty.MARKETING).exists()
    said = _nobody_reads_offers(business, client) if offers else business.auto_reply_words
    _say(business, client, number_id, key, NOBODY_READS, said)


def _nobody_reads_offers(business: Business, client: Client) -> str:
    """With the business's own number where answers to it are read; else in its own words, if it wrote any."""
    where = texting.standing(business)
    read = where.column is texting.Column.ON and where.number is not None
    if not read and business.auto_reply:
        named = business.name.casefold() in business.auto_reply.casefold()
        return business.auto_reply if named else f"{business.name}: {business.auto_reply}"
    return words.nobody_reads_offers(
        business.name,
        language_of(business, client),
        number=pretty(where.number.number) if read and where.number else "",
        email=business.email,
        address=business.address,
    )


def _say(
    business: Business,
    client: Client,
    number_id: str,
    key: str,
    title: str,
    body: str,
    *,
    confirms: bool = False,
) -> None:
    try:
        sending.send_automatic(
            business,
            client,
            kind=Message.Kind.TRANSACTIONAL,
            title=title,
            body=body,
            key=uuid.UUID(key),
            answering=PhoneNumber.objects.get(pk=number_id, released_at=None),
            confirms=confirms,
        )
    except (sending.CannotSend, PhoneNumber.DoesNotExist):
        # They have stopped texts since, or texting was switched off, or the number is gone: nothing is owed.
        return


OPTED_OUT = "Opt-out confirmation"
HELP = "Help"


@app.task(queue="texts", retry=RetryStrategy(max_attempts=10, exponential_wait=2))
def confirm_opt_out(business_id: str, phone: str, number_id: str, key: str) -> None:
    """Tell who opted out that they have, from the number they wrote to: once, and it is the last they get."""
    business = Business.objects.select_related("plan").get(pk=business_id)
    # This may come before the text itself is read, which makes the card of somebody unknown.
    client, _ = business.clients.get_or_create(business=business, phone=phone)
    if client.texting != Client.Texting.STOPPED:
        return  # they have started again since
    _say(business, client, number_id, key, OPTED_OUT, words.opted_out(business.name), confirms=True)


@app.task(queue="texts", retry=RetryStrategy(max_attempts=10, exponential_wait=2))
def say_who_texts(business_id: str, client_id: str, number_id: str, key: str) -> None:
    """Answer HELP where no network does."""
    business = Business.objects.select_related("plan").get(pk=business_id)
    client = business.clients.get(pk=client_id)
    _say(business, client, number_id, key, HELP, words.help_words(business.name, business.email))


@app.task(queue="texts", retry=RetryStrategy(max_attempts=10, exponential_wait=2))
def end_doubt(business_id: str, phone: str) -> None:
    """Nobody said what a client meant: it was an opt-out."""
    revoking.end_doubt(Business.objects.get(pk=business_id), phone)


class MediaWaits(Exception):
    """The carrier could not give what came with a text: it is asked again."""


class Patiently(BaseRetryStrategy):
    """As texts are tried again, `tries` times in all."""

    def __init__(self, tries: int) -> None:
        self.tries = tries

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if self.is_last(job):
            return None
        return RetryDecision(retry_at=timezone.now() + timedelta(seconds=patience().backoff(job.attempts)))

    def is_last(self, job: Job) -> bool:
        return job.attempts + 1 >= self.tries


# An hour of asking: a carrier that was away is back by then. It is counted in tries, because after an hour in which
# this machine itself was off nobody has asked yet.
AN_HOUR = Patiently(20)


@app.task(queue="media", retry=AN_HOUR, pass_context=True)
def fetch_media(context: JobContext, message_id: str, business_id: str) -> None:
    """Fetch the pictures, and all else, that came with one text."""
    last = AN_HOUR.is_last(context.job)
    if not attachments.fetch(uuid.UUID(message_id), uuid.UUID(business_id), last=last):
        raise MediaWaits


@app.task(queue="email")
def write_if_unread(conversation_id: str, business_id: str) -> None:
    """Email those who should know of a text, if nobody has read it by now. Its first text came a while ago."""
    due = unread.write_if_unread(uuid.UUID(conversation_id), uuid.UUID(business_id))
    if due:
        write_if_unread.configure(schedule_at=due).defer(
            conversation_id=conversation_id, business_id=business_id
        )
