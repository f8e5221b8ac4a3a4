"""A larger plan counts at once, for whoever looks at the meter next: the back office saves, and the ledger follows."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save

from parley.businesses.models import Business, Plan
from parley.quota import ledger


def listen() -> None:
    post_save.connect(_follow, sender=Business, dispatch_uid="quota: another plan")
    post_save.connect(_follow, sender=Plan, dispatch_uid="quota: a plan changed")


def _follow(instance: Business | Plan, created: bool, update_fields: Any = None, **more: Any) -> None:
    what_counts = "plan" if isinstance(instance, Business) else "monthly_texts"
    if not created and (update_fields is None or what_counts in update_fields):
        ledger.follow_plan(instance)
