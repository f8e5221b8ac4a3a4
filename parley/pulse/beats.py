"""Leaving a beat, and asking for the newest one of a loop."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime
from typing import Any

import psycopg

# How often (seconds) a loop that is well leaves one.
EVERY = 2.0
# A loop that has left none for so long (seconds) counts as away.
AWAY = 15.0

PROCESS = f"{socket.gethostname()[:40]}:{os.getpid()}:{time.time_ns() // 1_000_000}"

BEAT = """
    INSERT INTO pulse_beat (process, loop) VALUES (%s, %s)
    ON CONFLICT (process, loop) DO UPDATE SET beat_at = clock_timestamp()
"""


async def beat(db: psycopg.AsyncConnection[Any], loop: str) -> None:
    """`loop` of this process is alive. Cheap, but not for every round: see EVERY."""
    await db.execute(BEAT, [PROCESS, loop])


async def newest(db: psycopg.AsyncConnection[Any], loop: str) -> datetime | None:
    """When any process was last seen to go round this loop."""
    row = await (await db.execute("SELECT max(beat_at) FROM pulse_beat WHERE loop = %s", [loop])).fetchone()
    return row[0] if row else None
