"""Handing one email to the mail server, and what may come of it."""

from __future__ import annotations

import smtplib
import uuid
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from procrastinate import RetryStrategy


class MailWaits(Exception):
    """The mail server could not be reached, or asked us to come back: nothing was sent."""


class MailRefused(Exception):
    """The mail server will not take it, now or later."""


class MailUnconfirmed(Exception):
    """Cut off after the words went out: whether the server took them is not known, so no second copy."""


# For the jobs that send: only what certainly was not sent is sent again.
WHEN_IT_WAITS = RetryStrategy(max_attempts=40, exponential_wait=2, retry_exceptions=[MailWaits])


def message_id(id: uuid.UUID) -> str:
    """A Message-ID that is ours, and the same for every try of one email."""
    return f"<{id}@{urlsplit(settings.PUBLIC_URL).hostname}>"


def hand_over(email: EmailMessage) -> None:
    """Send it. Raises MailWaits, MailRefused or MailUnconfirmed, each with words for people."""
    server = get_connection()
    try:
        server.open()
    except (OSError, smtplib.SMTPException):
        raise MailWaits("The mail server can’t be reached.") from None
    try:
        server.send_messages([email])
    except smtplib.SMTPRecipientsRefused:
        raise MailRefused("The mail server does not know this address.") from None
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        if 400 <= error.smtp_code < 500:
            raise MailWaits("The mail server asked us to try later.") from None
        raise MailRefused("The mail server refused it.") from None
    except (OSError, smtplib.SMTPException):
        raise MailUnconfirmed("The mail server did not confirm it.") from None
    finally:
        server.close()
