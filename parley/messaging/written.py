"""What somebody wrote elsewhere than in a text: it stands in their conversation, and waits for an answer like one."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.urls import reverse
from django.utils import timezone

from parley.clients.happened import Happening
from parley.leads.models import Lead
from parley.live.nudges import nudge
from parley.messaging.models import Conversation, Message
from parley.messaging.sending import conversation_with
from parley.notifications.models import Notification
from parley.notifications.telling import tell_members

SUBJECT = "Lead form"
NO_WORDS = "Asks you to get in touch."


def keep_lead(happening: Happening, **_: Any) -> None:
    """A lead is the client's own words: the conversation waits for an answer, and members are told."""
    lead = happening.subject
    if not isinstance(lead, Lead) or happening.what != "new":
        return
    client, key = happening.client, uuid.uuid5(lead.id, "lead")
    if lead.business.messages.filter(client_key=key).exists():
        return
    with transaction.atomic():
        now = timezone.now()
        conversation = conversation_with(client)
        message = Message.objects.create(
            business=lead.business,
            conversation=conversation,
            direction=Message.Direction.IN,
            channel=Message.Channel.EMAIL,
            state=Message.State.RECEIVED,
            subject=SUBJECT,
            body=lead.message or NO_WORDS,
            their_address=client.email or client.phone,
            client_key=key,
            at=now,
            changed_at=now,
        )
        Conversation.objects.filter(business=lead.business, pk=conversation.pk).update(
            last_message=message,
            last_at=Greatest("last_at", now),
            unread=F("unread") + 1,
            waiting=True,
            closed_at=None,
        )
        tell_members(
            lead.business,
            Notification.Kind.LEAD,
            f"lead {lead.id}",
            f"{client.name} wrote in your lead form",
            words=message.body,
            address=reverse("conversation", args=[conversation.pk]),
            face=client,
        )
        nudge(lead.business_id, [conversation.pk], news=True)
