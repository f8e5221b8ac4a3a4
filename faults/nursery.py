"""Workers that can be killed several times a second: forked from one process that has loaded Parley already.

A `parley texts` needs a second to load, so a worker that lives half a second would do no work. A child of the nursery
is the same worker, with the same environment, 20 ms after it was asked for. A `parley jobs` likewise.

    python -m faults.nursery texts|jobs    "start" on stdin -> the pid on stdout; ends, with all children, at EOF
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.world import ROOT


class Nursery:
    """The workers of one `World`, on its database, with its patience: `parley texts`, or what `kind` says."""

    def __init__(self, world: Any, kind: str = "texts") -> None:
        self._log = open(world.folder / "workers.log", "ab")  # noqa: SIM115  the children's own
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.nursery", kind],
            cwd=ROOT,
            env=world.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
        )

    def start(self) -> int:
        """Another worker. Returns its pid."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"start\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def kill(self, pid: int) -> None:
        """SIGKILL. Raises AssertionError if it had ended by itself already: no fault may make it do that."""
        status = Path(f"/proc/{pid}/stat").read_text()
        assert status.rpartition(")")[2].split()[0] != "Z", f"a worker ended by itself: see {self._log.name}"
        os.kill(pid, signal.SIGKILL)

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)
        self._log.close()


def main() -> None:
    import django

    django.setup()
    from parley.config import jobs
    from parley.messaging import loops

    run = jobs.run if sys.argv[1:] == ["jobs"] else loops.run
    children: set[int] = set()
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.close(0)
            os.dup2(2, 1)
            try:
                run()
            finally:
                os._exit(0)
        children.add(pid)
        print(pid, flush=True)
        while dead := os.waitpid(-1, os.WNOHANG)[0]:
            children.discard(dead)
    for pid in children:
        os.kill(pid, signal.SIGTERM)
    for pid in children:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
