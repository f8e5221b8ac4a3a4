"""A client whom nobody talked to gets a text, if the business wants it: once in so many hours, by the road out."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from parley.alerts import wording
from parley.alerts.placeholders import OF_NOTHING, values
from parley.calls import words
from parley.calls.answering import rules_of, takes_calls
from parley.calls.models import Call
from parley.clients.languages import language_of
from parley.messaging import sending
from parley.messaging.models import Conversation, Message
from parley.sms.segments import plain

TITLE = "Missed-call text"
# The job, by the name that `tasks` gives it.
TEXT_BACK = "text_back"
# They may be leaving a voicemail, or try again at once.
AFTER = timedelta(seconds=60)


def problems(source: str) -> list[str]:
    """What keeps a business's own words from being saved, in words; empty if nothing does."""
    return wording.wrong(source, OF_NOTHING, wording.LONGEST) if source.strip() else []


def plan(call: Call) -> None:
    """A client was missed: have it looked at in a minute, with the caller's transaction."""
    from procrastinate.contrib.django import app

    if call.their_number and rules_of(call.business).texts_back:
        app.configure_task(
            TEXT_BACK, allow_unknown=False, schedule_at=timezone.now() + AFTER * settings.PATIENCE
        ).defer(call_id=str(call.pk), business_id=str(call.business_id))


@transaction.atomic
def text_back(call_id: uuid.UUID, business_id: uuid.UUID) -> None:
    """Text a client who was missed, unless somebody has talked or written to them since, or they had one lately.

    What may not be sent (they opted out, the number is a landline, no texts are left) stands in the thread with why.
    """
    call = (
        Call.objects.filter(business_id=business_id, pk=call_id, state=Call.State.MISSED, texted_back_at=None)
        .select_related("business__plan", "message__conversation__client")
        .first()
    )
    if call is None:
        return
    rules = rules_of(call.business)
    if not (takes_calls(call.business, rules) and rules.texts_back):
        return
    # One look at a conversation at a time.
    conversation = Conversation.objects.select_for_update(of=("self",)).get(
        pk=call.message.conversation_id, business_id=business_id
    )
    lately = timezone.now() - timedelta(hours=rules.text_back_hours)
    others = Call.objects.filter(business_id=business_id, message__conversation=conversation).exclude(
        pk=call.pk
    )
    written = Message.objects.filter(
        business_id=business_id,
        conversation=conversation,
        direction=Message.Direction.OUT,
        kind=Message.Kind.DIRECT,
        at__gt=call.started_at,
    ).exclude(channel=Message.Channel.CALL)
    if (
        others.filter(texted_back_at__gt=lately).exists()
        or others.filter(started_at__gte=call.started_at, answered_at__isnull=False).exists()
        or written.exists()
    ):
        return
    client = call.message.conversation.client
    if not client.phone:
        return
    language = language_of(call.business, client)
    key = uuid.uuid5(call.pk, "text back")
    try:
        body = plain(
            wording.fill(
                rules.text_back or words.TEXT_BACK[language], values(call.business, client, None, language)
            )
        )
        sending.send_automatic(
            call.business, client, kind=Message.Kind.TRANSACTIONAL, title=TITLE, body=body, key=key
        )
    except wording.Unfit as unfit:
        text = sending.Automatic(client, TITLE, rules.text_back, key)
        sending.not_sent(call.business, Message.Kind.TRANSACTIONAL, text, unfit.words)
    Call.objects.filter(business_id=business_id, pk=call.pk).update(texted_back_at=timezone.now())
