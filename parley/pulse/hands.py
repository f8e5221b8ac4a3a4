"""The threads of one worker that do what is due, for as long as something is, and else look again a moment later."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections

from parley.pulse.beats import BEAT, EVERY, saying

log = logging.getLogger(__name__)

# From one look to the next (seconds), while nothing is due.
LOOK = 1.0
SOONEST = 0.05

Round = Callable[[], bool]


class Hands:
    """One thread for each of `rounds`: a round does some of what is due, and says whether it found anything.

    `beat` is the loop's name in `pulse`. A round that fails is told in the log, and comes again; one that loses the
    database ends the hands, and whoever runs them must start them again.
    """

    def __init__(self, beat: str, rounds: Sequence[Round]) -> None:
        self._name = beat
        self._rounds = rounds
        self._stopping = threading.Event()
        self._next_beat = 0.0

    async def run(self) -> None:
        """Go round until `stop`. Raises OperationalError when the database is lost."""
        with ThreadPoolExecutor(len(self._rounds), thread_name_prefix=self._name) as threads:
            loop = asyncio.get_running_loop()
            hands = [loop.run_in_executor(threads, self._go_round, each) for each in self._rounds]
            try:
                await asyncio.gather(*hands)
            finally:
                self.stop()
                await asyncio.gather(*hands, return_exceptions=True)

    def stop(self) -> None:
        """End after the rounds that are under way."""
        self._stopping.set()

    def _go_round(self, go: Round) -> None:
        try:
            while not self._stopping.is_set():
                self._beat()
                try:
                    found = go()
                except (OperationalError, InterfaceError) as error:
                    # A deadlock leaves the connection whole, and what was due as it was; anything else does not.
                    if not isinstance(error.__cause__, psycopg.errors.TransactionRollback):
                        raise
                    found = False
                except Exception as error:
                    log.error("%s did not go round: %s", self._name, type(error).__name__)
                    found = False
                if not found:
                    self._stopping.wait(max(SOONEST, LOOK * min(settings.PATIENCE, 1.0)))
        finally:
            connections.close_all()

    def _beat(self) -> None:
        if time.monotonic() >= self._next_beat:
            self._next_beat = time.monotonic() + EVERY
            with connection.cursor() as cursor:
                cursor.execute(BEAT, saying(self._name))
