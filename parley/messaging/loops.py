"""`parley texts`: the loops of the two roads, in one process. Any number of them may run against one database."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

import psycopg
import uvloop
from django.conf import settings

from parley.carriers.directory import configured
from parley.live.dsn import conninfo
from parley.live.listening import Listening
from parley.live.nudges import CAME_IN, TEXTS_CHANNEL
from parley.messaging.backfill import Backfill
from parley.messaging.delivery import Delivery
from parley.messaging.doubt import Doubts
from parley.messaging.intake import Drain
from parley.messaging.line import Line
from parley.messaging.patience import patience
from parley.messaging.quarantine import Watching
from parley.messaging.receiving import Receiving
from parley.pulse.beats import farewell

log = logging.getLogger(__name__)

# How long (seconds) the loops may take to end what is under way: a call to the carrier takes 20 at the most.
GRACE = 22.0


async def _listen(going_out: asyncio.Event, coming_in: asyncio.Event) -> None:
    """Wake a loop when somebody says that there is work for it. Without it they look once a second anyway."""
    while True:
        try:
            async with await Listening.connect(conninfo("texts"), autocommit=True) as db:
                await db.execute(f"LISTEN {TEXTS_CHANNEL}")
                going_out.set()
                coming_in.set()
                async for said in db.notifies():
                    (coming_in if said.payload == CAME_IN else going_out).set()
        except (psycopg.Error, OSError):
            await asyncio.sleep(1)


async def serve() -> None:
    """Run until SIGTERM or SIGINT; then finish the calls under way, record them, and go."""
    carriers = configured()
    if not carriers:
        log.warning("no carrier is set up: texts will wait")
    delivery = Delivery(carriers, patience(), settings.TEXTS_AT_ONCE)
    receiving = Receiving(carriers, patience())
    doubts = Doubts(carriers, patience())
    backfill = Backfill(carriers, patience())
    watching = Watching(patience(), settings.TICK_FILE)
    parts = (Drain(carriers), delivery, receiving, doubts, backfill, watching)
    loop, serving = asyncio.get_running_loop(), asyncio.current_task()
    assert serving is not None

    def stop() -> None:
        for part in parts:
            part.stop()
        # Who waits for a database that is away would wait for ever. What is not written down then is in doubt.
        loop.call_later(GRACE, serving.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    listening = asyncio.create_task(_listen(delivery.wake, receiving.wake))
    try:
        # A loop that fails takes the process with it, and the supervisor starts a fresh one.
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part.run())
        await _farewell()
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
        for carrier in carriers.values():
            await carrier.close()


async def _farewell() -> None:
    """Not said to a database that is away: it is not waited for."""
    line = Line("texts")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await line.run(farewell)
    await line.close()


def run() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(serve())
