"""Emails to members: one of each matter to each, whatever runs twice."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from procrastinate.contrib.django import app

from parley.businesses.access import from_outside
from parley.businesses.models import Member
from parley.notifications import mail
from parley.notifications.models import Letter, Notification


def write(members: Iterable[Member], key: str, subject: str, body: str) -> None:
    """Queue a letter to each member who has none of this `key` yet. It goes out if the caller's transaction commits."""
    for member in members:
        letter, new = Letter.objects.get_or_create(
            business_id=member.business_id,
            member=member,
            key=key,
            # A subject is one line, whatever a client is called.
            defaults={"subject": " ".join(subject.split())[:200], "body": body},
        )
        if new:
            send_letter.defer(letter_id=str(letter.id), business_id=str(letter.business_id))


@app.task(queue="email")
def write_news(notification_id: str, business_id: str) -> None:
    """A letter of one notification to each member who wants such news by email."""
    notification = (
        Notification.objects.select_related("business")
        .filter(pk=uuid.UUID(notification_id), business_id=uuid.UUID(business_id))
        .first()
    )
    if notification is None:
        return
    address = from_outside(notification.link, notification.business_id)
    choices = from_outside(reverse("notification_settings"), notification.business_id)
    with transaction.atomic():
        write(
            notification.audience("email").select_related("user"),
            f"news {notification.id}",
            notification.title,
            f"{notification.title}\n{notification.words}\n\nSee it in Parley:\n{settings.PUBLIC_URL}{address}\n"
            f"\n-- \nChoose what you’re told: {settings.PUBLIC_URL}{choices}\n",
        )


@app.task(queue="email", retry=mail.WHEN_IT_WAITS)
def send_letter(letter_id: str, business_id: str) -> None:
    """Hand one letter to the mail server.

    Claimed before it is sent: a job that finds it `sending` follows a worker that died between the server's answer
    and ours, and lets it be rather than send a second copy.
    """
    letters = Letter.objects.filter(pk=uuid.UUID(letter_id), business_id=uuid.UUID(business_id))
    if not letters.filter(state=Letter.State.QUEUED).update(state=Letter.State.SENDING):
        letters.filter(state=Letter.State.SENDING).update(state=Letter.State.UNCONFIRMED)
        return
    letter = letters.select_related("member__user").get()
    email = EmailMessage(
        subject=letter.subject,
        body=letter.body,
        to=[letter.member.user.email],
        headers={"Message-ID": mail.message_id(letter.id), "Auto-Submitted": "auto-generated"},
    )
    try:
        mail.hand_over(email)
    except mail.MailWaits:
        letters.update(state=Letter.State.QUEUED)
        raise
    except mail.MailRefused:
        letters.update(state=Letter.State.FAILED)
    except mail.MailUnconfirmed:
        letters.update(state=Letter.State.UNCONFIRMED)
    else:
        letters.update(state=Letter.State.SENT)
