"""The two kinds of thing a carrier tells us, as they wait in `carrier_events`."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

# One worker at a time reads a shard, so the texts of one pair of numbers become messages in the order they came.
SHARDS = 16
# The first half of the two-part key of advisory locks for them; any constant that no other lock uses. The second half
# is a shard, or one of these.
LOCK = 7_411
# Held by the worker that reads for all, for as long as its session lasts.
TURN = SHARDS
# Held by that worker while it looks again and again by itself: what comes in then need not be said.
AWAKE = SHARDS + 1


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An authentic webhook, ready to be kept."""

    carrier: str
    kind: str
    key: str
    attempt_id: UUID | None
    shard: int
    form: str


def shard_of(*names: str) -> int:
    return crc32("|".join(names).encode()) % SHARDS
