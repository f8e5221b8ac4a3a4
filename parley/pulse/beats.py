"""Leaving a beat, and asking for the newest one of a loop.

A beat says that a loop went round, so it is left in the loop's own path: one that is stuck leaves none.
"""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Jsonb

from parley.pulse import tallies

# How often (seconds) a loop that is well leaves one.
EVERY = 2.0
# A loop that has left none for so long (seconds) counts as away.
AWAY = 15.0
# These wait for a carrier (20 s at the most), for one of the worker's jobs to end, or for a batch of messages that each
# have to be refused, before they go round again.
AWAY_OF = {"delivery": 30.0, "doubt": 45.0, "backfill": 90.0, "jobs": 90.0, "alerts": 60.0, "campaigns": 60.0}
# What must be running somewhere.
LOOPS = ("web", "delivery", "receiving", "doubt", "backfill", "jobs", "alerts", "campaigns")

PROCESS = f"{socket.gethostname()[:40]}:{os.getpid()}:{time.time_ns() // 1_000_000}"

BEAT = """
    INSERT INTO pulse_beat (process, loop, told) VALUES (%(process)s, %(loop)s, %(told)s)
    ON CONFLICT (process, loop) DO UPDATE SET beat_at = clock_timestamp(), told = EXCLUDED.told
"""

# Said last by a process that ends as it should: nobody need look for it. Its beats stay, so that its loops count as
# away no sooner than if it were only slow: another is mostly about to start.
FAREWELL = """
    UPDATE pulse_beat SET told = told || '{"ended": 1}' WHERE process = %(process)s
"""

Work = Callable[[psycopg.AsyncConnection[Any]], Awaitable[None]]


class Line(Protocol):
    """What a loop does its work on: see messaging.line."""

    async def run(self, work: Work, /) -> None: ...


def away_after(loop: str) -> float:
    """For how long (seconds) this loop may leave no beat before it counts as away."""
    return AWAY_OF.get(loop, AWAY)


async def beat(db: psycopg.AsyncConnection[Any], loop: str, **told: float) -> None:
    """`loop` of this process is alive. Cheap, but not for every round: see Heart.

    `told` is what the process says of itself besides its memory and processor time.
    """
    await db.execute(BEAT, saying(loop, **told))


def saying(loop: str, **told: float) -> dict[str, Any]:
    """The parameters of BEAT."""
    return {"process": PROCESS, "loop": loop, "told": Jsonb({**_this_process(), **told})}


async def farewell(db: psycopg.AsyncConnection[Any]) -> None:
    """This process is about to end, and its loops have."""
    await db.execute(FAREWELL, {"process": PROCESS})


async def newest(db: psycopg.AsyncConnection[Any], loop: str) -> datetime | None:
    """When any process was last seen to go round this loop."""
    row = await (await db.execute("SELECT max(beat_at) FROM pulse_beat WHERE loop = %s", [loop])).fetchone()
    return row[0] if row else None


class Heart:
    """The beats of one loop: asked every round, it leaves one every EVERY seconds, with what was counted since."""

    def __init__(self, loop: str) -> None:
        self.loop = loop
        self._next = 0.0

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._next

    async def beat(self, line: Line) -> None:
        """Leave a beat if it is time for one."""
        if self.due:
            await line.run(self.leave)

    async def leave(self, db: psycopg.AsyncConnection[Any], **told: float) -> None:
        """Leave a beat now, and write down what this process has counted."""
        await beat(db, self.loop, **told)
        await tallies.write_down(db)
        self._next = time.monotonic() + EVERY


def _this_process() -> Mapping[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": round(used.ru_utime + used.ru_stime, 2), "memory": _memory()}


def _memory() -> int:
    """Bytes in memory now; where the system does not tell, the most there ever were."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
