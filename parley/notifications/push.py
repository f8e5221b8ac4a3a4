"""Web push: news reaches every browser that a member allowed, also while Parley is closed.

A job for each notification finds the browsers; a job for each browser encrypts (RFC 8291), signs (RFC 8292) and hands
over (RFC 8030). A job that runs twice pushes twice, and the browser shows it once: the tag of a conversation's
notifications is always the same. Neither words nor endpoints go into jobs or logs.
"""

from __future__ import annotations

import json
import logging
import uuid
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

import requests
from django.conf import settings
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job
from pywebpush import WebPusher

from parley.businesses.access import from_outside
from parley.notifications import push_services, vapid
from parley.notifications.choices import WORDS
from parley.notifications.models import Notification, PushSubscription

log = logging.getLogger(__name__)

# How long a push service keeps it for a phone that is off. Older news is in the centre.
TTL = 24 * 60 * 60
TIMEOUT = 15.0
TRIES = 8
LONGEST_WAIT = 60 * 60
# A subscription that a push service refuses so often in a row (other than 404 and 410, which end it) is given up.
MOST_REFUSALS = 5


class PushWaits(Exception):
    """The push service is away or overrun. `wait`: the seconds it asked for, or 0."""

    def __init__(self, words: str, wait: float = 0) -> None:
        super().__init__(words)
        self.wait = wait


class WhenAsked(BaseRetryStrategy):
    """After what Retry-After says, else 5 s doubled each time."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if not isinstance(exception, PushWaits) or job.attempts + 1 >= TRIES:
            return None
        wait = exception.wait or 5 * 2.0**job.attempts * settings.PATIENCE
        return RetryDecision(retry_at=timezone.now() + timedelta(seconds=min(wait, LONGEST_WAIT)))


@app.task(queue="push")
def push_news(notification_id: str, business_id: str) -> None:
    """One job for each browser that is to be told."""
    notification = _notification(notification_id, business_id)
    if notification is None:
        return
    browsers = PushSubscription.objects.filter(user__memberships__in=notification.audience("push"), off=False)
    for id in browsers.values_list("pk", flat=True):
        push_to_browser.defer(
            subscription_id=str(id), notification_id=notification_id, business_id=business_id
        )


@app.task(queue="push", retry=WhenAsked())
def push_to_browser(subscription_id: str, notification_id: str, business_id: str) -> None:
    """Push one notification to one browser; nothing if its user may not, or does not want to, be told any more."""
    notification = _notification(notification_id, business_id)
    subscription = PushSubscription.objects.filter(pk=uuid.UUID(subscription_id), off=False).first()
    if notification is None or subscription is None:
        return
    member = notification.audience("push").filter(user_id=subscription.user_id).first()
    if member is None:
        return
    words = notification.words
    if notification.kind == Notification.Kind.TEXT and WORDS in member.muted:
        words = "Open Parley to read the text."
    about = notification.conversation_id or notification.id
    _push(
        subscription,
        {
            "title": notification.title,
            "body": words,
            "url": from_outside(notification.link, notification.business_id),
            "tag": f"{notification.kind} {about}",
        },
        urgent=notification.kind in (Notification.Kind.TEXT, Notification.Kind.CALL),
    )


@app.task(queue="push", retry=WhenAsked())
def push_test(subscription_id: str) -> None:
    """What "Send a test notification" sends."""
    if subscription := PushSubscription.objects.filter(pk=uuid.UUID(subscription_id), off=False).first():
        _push(
            subscription,
            {
                "title": "Notifications work here",
                "body": "When a client texts, you’ll see it like this.",
                "url": reverse("notification_settings"),
                "tag": "test",
            },
            urgent=True,
        )


def _notification(id: str, business_id: str) -> Notification | None:
    found = Notification.objects.select_related("business").filter(
        pk=uuid.UUID(id), business_id=uuid.UUID(business_id)
    )
    return found.first()


def _push(subscription: PushSubscription, shown: dict[str, Any], *, urgent: bool) -> None:
    """Hand it to the push service, and act on what that says. Raises PushWaits."""
    endpoint = subscription.endpoint
    if not push_services.known(endpoint):
        subscription.delete()
        return
    keys = {"p256dh": subscription.p256dh, "auth": subscription.auth}
    body = WebPusher({"endpoint": endpoint, "keys": keys}).encode(json.dumps(shown).encode())["body"]
    headers = {
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "Authorization": vapid.authorization(push_services.origin(endpoint)),
        "TTL": str(TTL),
        "Urgency": "high" if urgent else "normal",
        # What was not delivered yet is replaced by what is newer of the same conversation. 32 characters at most.
        "Topic": urlsafe_b64encode(sha256(shown["tag"].encode()).digest())[:32].decode(),
    }
    try:
        # A redirect would lead past the list of known services.
        answer = requests.post(endpoint, body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
    except requests.RequestException as error:
        # Its words hold the endpoint, which is a secret.
        raise PushWaits(type(error).__name__) from None
    status = answer.status_code
    same = PushSubscription.objects.filter(pk=subscription.pk, endpoint=endpoint)
    if status in (200, 201, 202, 204):
        if subscription.refusals:
            same.update(refusals=0)
    elif status in (404, 410):
        # The browser, or its user, has ended it.
        same.delete()
    elif status == 429 or status >= 500:
        raise PushWaits(str(status), _retry_after(answer.headers.get("Retry-After", "")))
    else:
        log.warning("a push service refused a push: %s", status)
        same.update(refusals=F("refusals") + 1)
        same.filter(refusals__gte=MOST_REFUSALS).delete()


def _retry_after(text: str) -> float:
    """Seconds; 0 if the header says nothing that can be read (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdigit() and len(text) < 8:
        return float(text)
    try:
        at: datetime = parsedate_to_datetime(text)
    except ValueError:
        return 0
    return max(0.0, (at - timezone.now()).total_seconds()) if at.tzinfo else 0
