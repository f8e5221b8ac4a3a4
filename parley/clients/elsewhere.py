"""What other systems tell comes in any order: who said it, of what, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """How another system calls something of its own, and when it said what it says of it."""

    source: str
    id: str
    at: datetime
