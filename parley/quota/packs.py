"""The packs that a new installation begins with; from then on they are the operator's to change."""

from __future__ import annotations

from typing import Any

# code, texts, US cents
FIRST_PACKS = (
    ("500", 500, 1_500),
    ("1000", 1_000, 2_800),
    ("5000", 5_000, 12_500),
)


def make_first_packs(pack: Any, database: str) -> None:
    """Make them if there are no packs at all. `pack` is the model, as the caller's migration knows it."""
    rows = pack.objects.using(database)
    if not rows.exists():
        rows.bulk_create(
            pack(code=code, texts=texts, cents=cents, position=position)
            for position, (code, texts, cents) in enumerate(FIRST_PACKS)
        )
