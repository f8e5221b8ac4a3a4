"""The two kinds of thing a carrier tells us, as they wait in `carrier_events`."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID
from zlib import crc32

# One worker at a time reads a shard, so the texts of one pair of numbers become messages in the order they came.
SHARDS = 16


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
