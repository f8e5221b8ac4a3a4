"""The plans that a new installation begins with; from then on they are the operator's to change."""

from __future__ import annotations

from typing import Any

# code, name, paid, segments a month
FIRST_PLANS = (
    ("free", "Free", False, 50),
    ("essentials", "Essentials", True, 500),
    ("business", "Business", True, 2_000),
    ("scale", "Scale", True, 10_000),
)


def make_first_plans(plan: Any, database: str) -> None:
    """Make them if there are no plans at all. `plan` is the model, as the caller's migration knows it."""
    rows = plan.objects.using(database)
    if not rows.exists():
        rows.bulk_create(
            plan(code=code, name=name, paid=paid, monthly_texts=texts, position=position)
            for position, (code, name, paid, texts) in enumerate(FIRST_PLANS)
        )
