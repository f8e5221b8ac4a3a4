"""The database is away and the journal's disk fails too: is anything lost that got a 200, and is 503 the answer else?

    python faults/disk_full.py [--events 400] [--seed 1]          (needs root, strace, and fiu-run of fiu-utils)

Four rounds, each with a `parley web` of its own whose way to the database is cut: the journal's disk (a small tmpfs)
is full; it is read-only; every third fsync fails with EIO; and, under strace, all is well, but no 200 may leave before
the fsync of its record. After each the process is killed (SIGKILL) and another brings the journal in. `lost` counts
what got a 200 and is not in the database afterwards, `misshown` answers that are neither 200 nor 503, rounds whose
disk failed without one 503, and 200s before the fsync.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.ground import family, ground
from faults.webhooks import Caller, Knock, answers, tell, texts

KIB_OF_DISK = 64
FSYNC_FAILS = "enable_random name=posix/io/sync/fdatasync,probability=0.33,failinfo=5"


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    at.mkdir(mode=0o700, parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={KIB_OF_DISK}k,mode=0700", "tmpfs", at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)


def read_only(disk: Path, *, on: bool) -> None:
    subprocess.run(["mount", "-o", f"remount,{'ro' if on else 'rw'}", disk], check=True)


class Round:
    """A `parley web` that cannot reach its database, and what came of what was posted to it."""

    def __init__(self, world: Any, way: Any, knocks: Sequence[Knock]) -> None:
        self.world, self.way, self.knocks = world, way, knocks
        self.caller = Caller(world.port)

    def start(self, *before: str) -> None:
        from tests.waiting import until

        self.way.cut()
        self.world.launch("web", *before, DATABASE_URL=self.way.url)
        until(self._listens, 40, what="web")

    def _listens(self) -> bool:
        return self.caller.post(Knock("/hooks/nobody/text", {"a": "b"}, {})) == 404

    def post(self, knocks: Sequence[Knock] | None = None, threads: int = 8) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self.caller.post, self.knocks if knocks is None else knocks))

    def end(self, failing: bool) -> dict[str, int]:
        """Kill it, let another bring the journal in, and count."""
        from parley.messaging import journal
        from parley.messaging.models import CarrierEvent
        from tests.waiting import until

        for pid in family(self.world.children["web"].pid):  # strace does not take what it traces with it
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.world.kill("web")
        self.world.start("web")
        until(lambda: not journal.waiting(self.world.folder / "journal"), 30, what="an empty journal")
        self.world.stop("web")
        events = Counter(CarrierEvent.objects.values_list("key", flat=True))
        acked = {knock.key for knock in self.knocks if knock.status == 200}
        said = Counter(knock.status for knock in self.knocks)
        return {
            "tried": len(self.knocks),
            "lost": sum(key not in events for key in acked),
            "duplicated": sum(count - 1 for count in events.values()),
            "misshown": sum(count for status, count in said.items() if status not in (200, 503))
            + (failing and not said[503]),
        }


def only_read(one: Round, disk: Path) -> None:
    half = len(one.knocks) // 2
    read_only(disk, on=True)
    one.post(one.knocks[:half])
    read_only(disk, on=False)
    one.post(one.knocks[half:])


def hasty(trace: Path) -> tuple[int, int]:
    """How many 200s left, and how many of them while something written was not yet on the disk."""
    acked = early = 0
    dirty: set[str] = set()
    began: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if "<unfinished ...>" in call:
            began[pid] = call
        elif call.startswith("<..."):
            call = began.pop(pid, "") + call
        name, _, rest = call.partition("(")
        if name == "write" and (found := re.match(r"(\d+<[^>]*/journal/[^>]*>)", rest)):
            dirty.add(found[1])
        elif name in ("fdatasync", "fsync") and call.endswith("= 0"):
            dirty.discard(rest.partition(")")[0].partition(" ")[0])
        elif "HTTP/1.1 200" in call and not call.startswith("recv"):
            acked += 1
            early += bool(dirty)
    return acked, early


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=400, help="in each round")
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    for program in ("mount", "strace", "fiu-run"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: install strace and fiu-utils, and run as root")

    with ground(durable=False) as folder:
        from tests.proxy import a_way
        from tests.world import a_world

        began = time.monotonic()
        total: Counter[str] = Counter()
        said: dict[str, Any] = {}
        with a_world(folder) as world, a_way() as way:

            def a_round(name: str, work: Callable[[Round], None], *before: str, failing: bool = True) -> None:
                one = Round(world, way, texts(world, wish.events, seed=wish.seed + len(said)))
                one.start(*before)
                work(one)
                total.update(one.end(failing))
                said[name] = answers(one.knocks)

            with small_disk(folder / "journal"):
                a_round("full", Round.post)
            with small_disk(folder / "journal") as disk:
                a_round("read_only", lambda one: only_read(one, disk))
            a_round("fsync_fails", Round.post, "fiu-run", "-x", "-c", FSYNC_FAILS)
            trace = folder / "trace"
            strace = ("strace", "-f", "-y", "-s", "64", "-o", str(trace))
            calls = "trace=write,writev,sendto,sendmsg,fsync,fdatasync"
            # One after another: each 200 is then about the record that was written last.
            a_round("order", lambda one: one.post(threads=1), *strace, "-e", calls, failing=False)
            acked, early = hasty(trace)
            total["misshown"] += early + (acked < wish.events)
    tell("disk_full", dict(total), began, answers=said, traced=acked, seed=wish.seed)


if __name__ == "__main__":
    main()
