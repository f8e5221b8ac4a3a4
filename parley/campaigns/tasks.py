"""The room's jobs, where procrastinate looks for them. Every task may run twice and does its work once."""

from __future__ import annotations

import uuid

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from parley.businesses.models import Business
from parley.campaigns import foretelling

AGAIN = RetryStrategy(max_attempts=3, exponential_wait=2)


@app.task(queue="campaigns", retry=AGAIN)
def foretell(business_id: str, id: str) -> None:
    """Count what an open page has asked of a campaign."""
    business = Business.objects.select_related("plan").get(pk=uuid.UUID(business_id))
    foretelling.tell(business, uuid.UUID(id))
