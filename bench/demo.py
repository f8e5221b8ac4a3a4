"""The demo, started for a bench: a folder of its own, free ports, and everything stopped at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.waiting import free_ports  # noqa: E402


@dataclass(frozen=True)
class Demo:
    """Where its three pages are."""

    url: str
    sandbox: str
    mailbox: str


@contextlib.contextmanager
def demo() -> Iterator[Demo]:
    """`parley up --demo`, once it says that it is ready."""
    port, sandbox, mailbox, smtp = free_ports(4)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        with open(Path(folder) / "up.log", "wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "parley", "up", "--demo"],
                cwd=ROOT,
                env=os.environ
                | {
                    "PARLEY_DATA": folder,
                    "PARLEY_PORT": str(port),
                    "PARLEY_SANDBOX_PORT": str(sandbox),
                    "PARLEY_MAILBOX_PORT": str(mailbox),
                    "PARLEY_SMTP_PORT": str(smtp),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            _wait(process, Path(folder) / "up.log")
            yield Demo(
                f"http://localhost:{port}", f"http://127.0.0.1:{sandbox}", f"http://127.0.0.1:{mailbox}"
            )
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        # Its pages answer before the sample data is there.
        if "Parley is ready" in log.read_text():
            return
        time.sleep(0.1)
    raise SystemExit(f"the demo did not start:\n{log.read_text()[-2000:]}")
