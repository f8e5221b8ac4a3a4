"""What happens later or on a clock, as procrastinate's jobs. Every task may run twice and does its work once."""

from __future__ import annotations

import smtplib
import uuid
from datetime import timedelta
from email.utils import formataddr

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.utils import timezone
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision, RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from parley.businesses.models import Business
from parley.live.nudges import nudge
from parley.messaging import attachments, sending
from parley.messaging.models import Message
from parley.messaging.patience import patience
from parley.numbers.models import PhoneNumber


class MailWaits(Exception):
    """The mail server could not be reached, or asked us to come back: nothing was sent."""


@app.task(
    queue="email",
    retry=RetryStrategy(max_attempts=40, exponential_wait=2, retry_exceptions=[MailWaits]),
)
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
        headers={"Message-ID": f"<{message.id}@{settings.PUBLIC_URL.split('://')[1].split(':')[0]}>"},
    )
    server = get_connection()
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        _move(key, "sending", "queued", "The mail server can’t be reached.")
        raise MailWaits(type(error).__name__) from None
    try:
        server.send_messages([email])
    except smtplib.SMTPRecipientsRefused:
        _move(key, "sending", "failed", "The mail server does not know this address.")
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        _refused(key, error)
    except (OSError, smtplib.SMTPException):
        # Cut off after the words went out: whether the server took them is not known, so no second copy.
        _move(key, "sending", "unconfirmed", "The mail server did not confirm it.")
    else:
        _move(key, "sending", "sent")
    finally:
        server.close()


def _refused(key: dict[str, uuid.UUID], error: smtplib.SMTPResponseException) -> None:
    if 400 <= error.smtp_code < 500:
        _move(key, "sending", "queued", "The mail server asked us to try later.")
        raise MailWaits(str(error.smtp_code)) from None
    _move(key, "sending", "failed", "The mail server refused it.")


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
    try:
        sending.send_automatic(
            business,
            client,
            kind=Message.Kind.TRANSACTIONAL,
            title=NOBODY_READS,
            body=business.auto_reply_words,
            key=uuid.UUID(key),
            answering=PhoneNumber.objects.get(pk=number_id, released_at=None),
        )
    except (sending.CannotSend, PhoneNumber.DoesNotExist):
        # They have stopped texts since, or texting was switched off, or the number is gone: nothing is owed.
        return


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
