"""The room's jobs, where procrastinate looks for them. Every task may run twice and does its work once."""

from __future__ import annotations

import uuid
from datetime import datetime

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from parley.businesses.models import Business
from parley.campaigns import foretelling
from parley.campaigns.models import Change
from parley.messaging import receiving

AGAIN = RetryStrategy(max_attempts=10, exponential_wait=2)
SOON_OR_NEVER = RetryStrategy(max_attempts=3, exponential_wait=2)


@app.task(name=receiving.MARKETING_ANSWERED, queue="texts", retry=AGAIN)
def marketing_answered(business_id: str, phone: str, at: str) -> None:
    """Let it be counted that somebody answered an offer; a second time changes nothing (`counting`)."""
    Change.objects.create(
        business_id=uuid.UUID(business_id),
        what=Change.What.REPLIED,
        phone=phone,
        at=datetime.fromisoformat(at),
    )


@app.task(queue="campaigns", retry=SOON_OR_NEVER)
def foretell(business_id: str, id: str) -> None:
    """Count what an open page has asked of a campaign."""
    business = Business.objects.select_related("plan").get(pk=uuid.UUID(business_id))
    foretelling.tell(business, uuid.UUID(id))
