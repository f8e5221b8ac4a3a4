"""Waiting for the thing itself, with an end; and ports that are free, and stay so."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import TypeVar

T = TypeVar("T")

# Far off, because others may be using the cores: who waits for what comes loses nothing by it.
SECONDS = 60.0

# Does a session of this database wait for a lock? Other test processes' databases are on the same server, and their
# sessions wait too. (pg_stat_activity knows which database a session is in, but stands still in a transaction.)
SOMEBODY_WAITS = """
    SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pid IN (
        SELECT pid FROM pg_locks
        WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())))
"""

# In blocks of so many, below those that a Linux that nobody has set otherwise gives by itself: to connections, and to
# whoever listens on port 0.
FIRST_PORT, LAST_PORT, BLOCK = 20_000, 32_767, 100


def until(look: Callable[[], T], seconds: float = SECONDS, *, what: str = "") -> T:
    """Look again and again until what `look` returns is true, and return it. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"{what or 'it'} did not happen within {seconds:g} s"
        time.sleep(0.02)
    return seen


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now, and that neither the system nor another test run gives away."""
    return list(itertools.islice(_free(), count))


def _free() -> Iterator[int]:
    mine = _mine()
    for _ in range(BLOCK):
        port = next(mine)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        yield port
    raise OSError("all ports of this test process are in use")


@cache
def _mine() -> Iterator[int]:
    """The ports of a block that is this process's for as long as it lives, one after the other and round again."""
    for first in range(FIRST_PORT, LAST_PORT - BLOCK, BLOCK):
        claim = socket.socket(socket.AF_UNIX)
        try:
            # A name without a file, which ends with the process.
            claim.bind(f"\0parley ports {first}")
        except OSError:
            continue
        _claims.append(claim)
        return itertools.cycle(range(first, first + BLOCK))
    raise OSError("more than a hundred test processes run on this machine")


_claims: list[socket.socket] = []
