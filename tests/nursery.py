"""Parley's processes for tests, forked from one that has loaded Parley already: to load it takes a second of a core.

A child is what `parley web`, `parley texts`, `parley jobs` or `parley sandbox` is, with the same environment, output in
a file of its own, and a session of its own. The commands themselves are started by the tests of `house`, and by many
others.

    python -m tests.nursery    [name, log] as JSON on each line of stdin -> the pid on stdout; ends at EOF
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What `parley web` serves: loaded only where it is asked for.
SHELL = "parley.config.asgi"
KINDS = {"web", "texts", "jobs", "sandbox"}


class Child:
    """As much of a `subprocess.Popen` as tests use, for a process that is somebody else's child."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """None while it runs; how it ended is its mother's to know."""
        return 0 if self._ended(0) else None

    def wait(self, seconds: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        if not self._ended(seconds):
            raise subprocess.TimeoutExpired(f"process {self.pid}", seconds or 0)
        return 0

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _ended(self, seconds: float | None) -> bool:
        return bool(select.select([self._handle], [], [], seconds)[0])

    def __del__(self) -> None:
        os.close(self._handle)


class Nursery:
    """For one environment."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.environment = dict(environment)
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.nursery"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                start_new_session=True,
            )

    def start(self, name: str, log: Path) -> Child:
        """Another child, of one of the KINDS, that writes to the file `log`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([name, str(log)]).encode() + b"\n")
        self._process.stdin.flush()
        pid = self._process.stdout.readline()
        assert pid, f"the nursery has ended: {self._log.read_text()[-2000:]}"
        return Child(int(pid))

    def close(self) -> None:
        """No more children. Those that there are go on."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def main() -> None:
    from parley.cli import _django

    with _django():
        from parley.config import jobs, web
        from parley.messaging import loops
        from parley.sandbox import server

        runs = {"web": web.run, "texts": loops.run, "jobs": jobs.run, "sandbox": server.main}
        # So that what all share stays shared.
        gc.collect()
        gc.freeze()
        # Nobody waits for them: what has ended is gone at once.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        for line in sys.stdin:
            name, log = json.loads(line)
            if name == "web" and SHELL not in sys.modules:
                importlib.import_module(SHELL)
                gc.freeze()
            pid = os.fork()
            if pid == 0:
                _be(runs[name], log)
            print(pid, flush=True)


def _be(run: object, log: str) -> None:
    assert callable(run)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nothing, output = (
        os.open(os.devnull, os.O_RDONLY),
        os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644),
    )
    for where, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(where, number)
    code = 1
    try:
        run()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
