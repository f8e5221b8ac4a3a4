"""What a member can reach, by the names of its querysets. There is no other way to a row of a business."""

from __future__ import annotations

from typing import cast

from parley.businesses.models import Member
from parley.clients.models import ClientQuerySet
from parley.messaging.models import Conversation, ConversationQuerySet, MessageQuerySet


def conversations_of(member: Member) -> ConversationQuerySet:
    return cast(ConversationQuerySet, member.business.conversations.all())


def clients_of(member: Member) -> ClientQuerySet:
    return cast(ClientQuerySet, member.business.clients.all())


def messages_in(member: Member, conversation: Conversation) -> MessageQuerySet:
    own = member.business.messages.filter(conversation=conversation)
    return cast(MessageQuerySet, own).for_thread()
