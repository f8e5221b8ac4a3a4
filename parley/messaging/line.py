"""A database connection for a loop: it comes back by itself, and work that was cut off is done again."""

from __future__ import annotations

import asyncio
import logging
import select
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import psycopg
from psycopg.rows import namedtuple_row

from parley.live.dsn import LET_GO, conninfo

log = logging.getLogger(__name__)
T = TypeVar("T")

# Linux tells that the other side has closed, whatever is still to be read; elsewhere only errors are told (poll(2)).
_END: int = getattr(select, "POLLRDHUP", 0)
Db = psycopg.AsyncConnection[Any]


class Line:
    """Not shared: each loop has its own. `let_go`, `silent`: `conninfo`'s, for a loop whose session holds locks."""

    def __init__(self, purpose: str, let_go: int = LET_GO, silent: int = 0) -> None:
        self._address = partial(conninfo, purpose, let_go, silent)
        self._purpose = purpose
        self._db: Db | None = None
        # Counts the sessions: what one held (locks) is gone with it.
        self.session = 0

    async def run(self, work: Callable[[Db], Awaitable[T]]) -> T:
        """Do `work` in one transaction, for as often as the connection is lost under it.

        So `work` must be safe to do again after a commit whose answer was lost: it is made of conditional UPDATEs.
        """
        wait = 0.1
        while True:
            try:
                if self._db is None or self._db.closed:
                    self._db = await psycopg.AsyncConnection.connect(
                        self._address(),
                        autocommit=True,
                        row_factory=namedtuple_row,
                    )
                    self.session += 1
                async with self._db.transaction():
                    return await work(self._db)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                # A deadlock or a serialisation failure leaves the connection whole; anything else does not.
                if not isinstance(error, psycopg.errors.TransactionRollback):
                    log.warning(
                        "%s: database lost (%s), again in %.1f s", self._purpose, type(error).__name__, wait
                    )
                    await self.close()
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5)

    def ended(self, *, idle: bool) -> bool:
        """Whether the server has ended the session. Nothing is asked of it: one system call, about a microsecond.

        `idle`: nothing is under way on this line, so that whatever the server says is a farewell; it comes before the
        locks are gone. Otherwise it is noticed by the socket's end, a moment after.
        """
        if self._db is None or self._db.closed:
            return True
        socket = select.poll()
        socket.register(self._db.fileno(), _END | (select.POLLIN if idle else 0))
        return bool(socket.poll(0))

    async def close(self) -> None:
        if self._db is not None:
            db, self._db = self._db, None
            # Now, not when there is a new one: while the database is away nothing of this session's may begin.
            self.session += 1
            await db.close()
