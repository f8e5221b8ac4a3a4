"""The room's jobs, where procrastinate looks for them, and the clock of its housekeeping."""

from __future__ import annotations

from procrastinate.contrib.django import app

from parley.quota import buying
from parley.quota.reloading import forget_card, keep_card, reload_texts

__all__ = ["forget_card", "keep_card", "reload_texts", "settle_open_orders"]


@app.periodic(cron="11 * * * *")
@app.task(name="settle_open_orders", queue="quota", queueing_lock="settle_open_orders")
def settle_open_orders(timestamp: int) -> None:
    """Ask about orders whose webhook never came, and take up reloads that were left open."""
    buying.settle_open_orders()
