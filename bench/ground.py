"""What benches and fault runs stand on: a database of their own, settings, and on what machine they ran."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


@contextlib.contextmanager
def ground(
    *,
    durable: bool = True,
    folder: Path | None = None,
    server: Mapping[str, str] | None = None,
    **variables: str,
) -> Iterator[Path]:
    """Django on a fresh, migrated database, dropped afterwards. Yields the folder that holds it.

    `folder`: there instead, and kept, for what takes long to fill.

    `durable`: with fsync and synchronous commits, as a business runs it; without, for what counts but does not time.
    `server` are settings of PostgreSQL's; `variables` are set in the environment, of child processes too.
    """
    from parley.config.embedded_postgres import EmbeddedPostgres

    with (
        contextlib.nullcontext(str(folder)) if folder else _temporary() as there,
        EmbeddedPostgres(Path(there) / "postgres", fast=not durable, settings=server) as postgres,
    ):
        os.environ |= {
            "DATABASE_URL": postgres.url,
            "PARLEY_DATA": there,
            "PARLEY_SECRET_KEY": "only-for-this-run-and-known-to-everybody",
            "PARLEY_DEMO": "1",
            "DJANGO_SETTINGS_MODULE": "parley.config.settings",
            **variables,
        }
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        call_command("migrate", verbosity=0)
        try:
            yield Path(there)
        finally:
            connections.close_all()


@contextlib.contextmanager
def _temporary() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as there:
        # For root, PostgreSQL runs as another user: what that one cannot reach is put elsewhere, and would stay there.
        Path(there).chmod(0o711)
        yield there


def a_house(texts: int) -> Any:
    """The tests' first business, with `texts` to send: its owner, its number, and clients on demand."""
    from parley.quota.ledger import balance
    from parley.quota.models import Balance
    from tests.people import make_house

    house = make_house()
    balance(house.business)
    Balance.objects.filter(business=house.business).update(bought=texts)
    return house


def machine() -> Mapping[str, Any]:
    """On what this ran: figures of two machines are two figures."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    return {"cores": cores, "model": model, "python": platform.python_version(), "arch": platform.machine()}


def cpu_seconds(*pids: int) -> float:
    """Processor time (user and system) of these processes so far."""
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def family(pid: int) -> list[int]:
    """This process and all that it started, as they are now."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found
