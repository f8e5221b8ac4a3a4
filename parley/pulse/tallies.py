"""What a process counts, summed up over all processes in the database.

Counting is an addition in memory; with every beat the sums go into the database, so a process that is killed takes
two seconds of counts with it, and none that were written before. A count only grows, whichever process is asked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Any

import psycopg

# The upper bounds (seconds) of a measured duration's buckets.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BUCKETS = (*(f"{bound:g}" for bound in BOUNDS), "+Inf")

# In one order, so that two processes never wait for each other.
ADD = """
    INSERT INTO pulse_tally (name, label, total)
    SELECT * FROM unnest(%(names)s::text[], %(labels)s::text[], %(totals)s::float8[]) AS t (name, label, total)
    ORDER BY name, label
    ON CONFLICT (name, label) DO UPDATE SET total = pulse_tally.total + EXCLUDED.total
"""

_counted: Counter[tuple[str, str]] = Counter()


def count(name: str, label: str = "", amount: float = 1) -> None:
    """Add to a count. `label` tells apart what is counted under one name; never anybody's number or words."""
    _counted[name, label] += amount  # type: ignore[assignment]


def took(name: str, seconds: float) -> None:
    """Add a duration to a histogram."""
    _counted[name, _BUCKETS[bisect_left(BOUNDS, seconds)]] += 1
    _counted[name, "sum"] += seconds  # type: ignore[assignment]


def adding() -> dict[str, Any] | None:
    """The parameters of ADD, taken out of this process's memory; None if nothing was counted."""
    if not _counted:
        return None
    taken = sorted(_counted.items())
    _counted.clear()
    return {
        "names": [name for (name, _), _ in taken],
        "labels": [label for (_, label), _ in taken],
        "totals": [float(total) for _, total in taken],
    }


def put_back(taken: dict[str, Any]) -> None:
    """They were not written down: with the next beat, then."""
    for name, label, total in zip(taken["names"], taken["labels"], taken["totals"], strict=True):
        _counted[name, label] += total


async def write_down(db: psycopg.AsyncConnection[Any]) -> None:
    """Add this process's counts to the database's."""
    if (taken := adding()) is not None:
        try:
            await db.execute(ADD, taken)
        except BaseException:
            put_back(taken)
            raise
