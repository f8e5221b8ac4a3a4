"""The room's jobs, where procrastinate looks for them. Every task may run twice and does its work once."""

from __future__ import annotations

import uuid
from datetime import date
from typing import cast

from procrastinate.contrib.django import app

from parley.businesses.models import Business
from parley.quota import buying, ledger, news
from parley.quota.reloading import forget_card, keep_card, reload_texts

__all__ = [
    "begin_months",
    "forget_card",
    "keep_card",
    "reload_texts",
    "settle_open_orders",
    "tell_of_texts",
]


@app.periodic(cron="3 * * * *")
@app.task(name="begin_months", queueing_lock="begin_months")
def begin_months(timestamp: int) -> None:
    """Credit the month's texts also where nobody sends. Who sends before the hour is over begins the month itself."""
    ledger.begin_months()


@app.task(name=ledger.TELL)
def tell_of_texts(business_id: str, level: str, month: str) -> None:
    """Tell owners and admins that few texts are left, or none."""
    business = Business.objects.select_related("plan").filter(pk=uuid.UUID(business_id)).first()
    if business is not None:
        news.tell(business, cast(ledger.Level, level), date.fromisoformat(month))


@app.periodic(cron="11 * * * *")
@app.task(name="settle_open_orders", queueing_lock="settle_open_orders")
def settle_open_orders(timestamp: int) -> None:
    """Ask about orders whose webhook never came, and take up reloads that were left open."""
    buying.settle_open_orders()
