"""How long until all reminders that are due in one hour are in the queue, durable? Prints one JSON line.

    python bench/reminders.py [--reminders 100000] [--businesses 20] [--workers 1] [--kill]

`parley jobs` processes on a database of their own that commits to disk. All reminders are due when the workers start;
the clock runs from the first batch's beginning to the last's end, both as the database wrote them. With `--kill` a
worker gets SIGKILL in the middle, and another takes its place. Then every reminder is held against its message: one,
its own words and number, its place in the queue, its line of the ledger. A figure is printed only if all agree.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.due import businesses, fill, wrong  # noqa: E402
from bench.ground import cpu_seconds, family, ground, machine  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reminders", type=int, default=100_000)
    parser.add_argument("--businesses", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--kill", action="store_true", help="SIGKILL to a worker when a third is done")
    wish = parser.parse_args()
    with ground() as folder:
        print(json.dumps(measure(folder, wish)))


def measure(folder: Path, wish: argparse.Namespace) -> dict[str, Any]:
    from django.db import connection

    from parley.alerts.models import Due
    from tests.waiting import until
    from tests.world import World

    each = wish.reminders // wish.businesses
    houses = businesses(wish.businesses, 10 * each)
    fill(houses, each)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    world = World(folder, patience=1.0)
    server = int(next((folder / "postgres").glob("data-*/postmaster.pid")).read_text().split()[0])
    waiting = Due.objects.filter(state="waiting")
    try:
        began, before = time.monotonic(), cpu_seconds(*family(server))
        world.start(*(f"jobs#{n}" for n in range(wish.workers)))
        killed = 0.0
        if wish.kill:
            until(lambda: waiting.count() < each * wish.businesses * 2 / 3, 120, what="a third")
            killed = _cpu_of(world)
            world.kill("jobs#0")
            world.start("jobs#0")
        # Looking costs what is being measured: seldom, and by what is small.
        while waiting.exists():
            assert time.monotonic() < began + 600, "not all were written in ten minutes"
            time.sleep(0.2)
        whole = time.monotonic() - began
        workers = killed + _cpu_of(world)
        database = cpu_seconds(*family(server)) - before
    finally:
        world.close()
    assert not (found := list(wrong(houses, each))), found[:5]
    count = each * wish.businesses
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM max(done_at) - min(done_at))::float8 FROM alerts_due")
        (seconds,) = cursor.fetchone()
    return {
        "bench": "reminders",
        "reminders": count,
        "businesses": wish.businesses,
        "workers": wish.workers,
        "killed": bool(wish.kill),
        "seconds": round(seconds, 1),
        "seconds_with_start": round(whole, 1),
        "per_second": round(count / seconds),
        "cpu_us_per_reminder": {
            "jobs": round(1e6 * workers / count),
            "postgres": round(1e6 * database / count),
        },
        "verified_rows": count,
        "machine": machine(),
    }


def _cpu_of(world: Any) -> float:
    return cpu_seconds(*(child.pid for child in world.children.values()))


if __name__ == "__main__":
    main()
