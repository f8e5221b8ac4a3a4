"""A database connection that waits to be told, for hours if need be."""

from __future__ import annotations

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

RV = TypeVar("RV")

# Seconds.
SELDOM = 60.0


class Listening(psycopg.AsyncConnection[Any]):
    """psycopg's, which else wakes up ten times a second to see whether somebody has pressed Ctrl-C.

    asyncio says so anyway. On two such lines of a machine that cost a tenth of all that it spends with nothing to do.
    """

    async def wait(self, gen: PQGen[RV], interval: float = SELDOM, timeout: float | None = None) -> RV:
        return await super().wait(gen, interval, timeout)
