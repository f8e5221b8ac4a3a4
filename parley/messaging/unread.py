"""A text, or a missed call, that nobody has read after a while goes to those who should know by email.

Once, until it has been read.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from parley.businesses.access import from_outside
from parley.messaging.models import MISSED, Conversation, Message
from parley.messaging.patience import patience
from parley.notifications import letters

# What came in and asks to be read: of calls, those that nobody took.
UNREAD = ~Q(channel=Message.Channel.CALL) | Q(code=MISSED)
# What one email quotes; whoever has more to read reads it in Parley.
MOST_QUOTED = 5


@transaction.atomic
def write_if_unread(conversation_id: uuid.UUID, business_id: uuid.UUID) -> datetime | None:
    """Queue the letters if the texts have waited long enough. Returns when to look again, if they have not.

    The first unread text names the spell of silence: each member gets one letter of it, however often this runs and
    however many texts follow.
    """
    conversation = (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("client", "business")
        .filter(pk=conversation_id, business_id=business_id)
        .first()
    )
    if conversation is None or not conversation.unread:
        return None
    received = Message.objects.filter(
        UNREAD, business_id=business_id, conversation_id=conversation_id, direction=Message.Direction.IN
    )
    texts = list(received.newest_first()[: conversation.unread])[::-1]
    if not texts:
        return None
    first = texts[0]
    due = first.at + timedelta(seconds=patience().unread)
    if due > timezone.now():
        # The ones before it were read in time, and this one began a new wait.
        return due
    kinds = sorted({"call" if text.channel == Message.Channel.CALL else "text" for text in texts})
    members = (
        conversation.business.members.filter(user__is_active=True)
        # Whoever wants to know of one of them is told of all.
        .exclude(muted__contains=[f"{kind}:email" for kind in kinds])
        .select_related("user")
    )
    if conversation.assignee_id:
        members = members.filter(pk=conversation.assignee_id)
    letters.write(
        members,
        f"unread {first.id}",
        f"{conversation.client} {'called' if kinds == ['call'] else 'texted'}",
        _words(conversation, texts),
    )
    return None


def _unsaid(text: Message) -> str:
    return f"({text.title.lower()})" if text.channel == Message.Channel.CALL else "(a picture)"


def _words(conversation: Conversation, texts: list[Message]) -> str:
    quoted = [text.body or _unsaid(text) for text in texts[:MOST_QUOTED]]
    if len(texts) > MOST_QUOTED:
        quoted.append(f"(and {len(texts) - MOST_QUOTED} more)")
    address = from_outside(reverse("conversation", args=[conversation.id]), conversation.business_id)
    choices = from_outside(reverse("notification_settings"), conversation.business_id)
    return (
        "\n\n".join(quoted)
        + f"\n\nRead it and answer in Parley:\n{settings.PUBLIC_URL}{address}\n"
        + f"\n-- \nNobody at {conversation.business} had read this yet. "
        f"Choose what you’re told: {settings.PUBLIC_URL}{choices}\n"
    )
