"""`{% told business client "booked" service_id as words %}`: for pages of rooms that may not ask this one in Python."""

from __future__ import annotations

import uuid

from django import template

from parley.alerts.kinds import KINDS
from parley.alerts.rules import Rules
from parley.businesses.models import Business
from parley.clients.models import Client
from parley.messaging.sending import why_no_texts

register = template.Library()


@register.simple_tag
def told(business: Business, client: Client, kind: str, service_id: uuid.UUID | None = None) -> str:
    """What this client gets when it happens, in a sentence. One query."""
    rule, name = Rules(business).of(kind, service_id), KINDS[kind].name
    if not rule.on:
        return f"“{name}” is off in Auto messages, so {client.calls} gets nothing."
    by_text = rule.sms and business.texting and why_no_texts(client) is None
    ways = [way for way, open in (("text", by_text), ("email", rule.email and client.email)) if open]
    if not ways:
        return f"“{name}” has no way to reach {client.calls}, so they get nothing."
    return f"{client.calls} gets “{name}” by {' and '.join(ways)}."
