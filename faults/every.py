"""All fault runs at their full sizes, one after another: `make faults`. A line of a table for each.

    python faults/every.py [--quick] [--seeds 1]

Takes about an hour on two cores (`--quick`: a tenth of the sizes). Exit code 1 if any of them found anything. What a
run printed beside its line is shown when it failed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

COLUMNS = ("fault", "tried", "lost", "duplicated", "let_in", "misshown", "secs", "seed")
COUNTS = COLUMNS[2:6]
# Each run, its size, and whether it has a seed.
RUNS: dict[str, tuple[dict[str, int], bool]] = {
    "faults/worker_kills.py": ({"texts": 5_000, "clients": 2_500}, True),
    "faults/clock_kills.py": ({"reminders": 20_000, "businesses": 20}, True),
    "faults/database_kills.py": ({"texts": 5_000, "kills": 20}, True),
    "faults/web_kills.py": ({"events": 10_000}, True),
    "faults/database_away.py": ({"away": 600}, True),
    "faults/disk_full.py": ({"events": 400}, True),
    "faults/forged.py": ({"forged": 5_000, "replayed": 1_000}, True),
    "faults/restore.py": ({"texts": 500}, True),
    "faults/stops.py": ({"texts": 2_000, "stops": 300}, True),
    "faults/answers.py": ({"times": 100}, False),
    "faults/late_acceptance.py": ({"texts": 100}, True),
    "faults/receipts.py": ({"sequences": 10_000}, True),
    "bench/quota_race.py": ({"rounds": 100}, False),
    "faults/sabotage.py": ({}, False),
}
# Seconds for one run.
LONGEST = 3_600


def commands(seeds: int, quick: bool) -> Iterator[list[str]]:
    for file, (sizes, seeded) in RUNS.items():
        given = [f"--{name}={max(2, size // 10) if quick else size}" for name, size in sizes.items()]
        for seed in range(1, (seeds if seeded else 1) + 1):
            yield [file, *given, *([f"--seed={seed}"] if seeded else [])]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=1, help="how many for each run that has one")
    wish = parser.parse_args()
    failed = False
    print(("{:<16}" + "{:>11}" * (len(COLUMNS) - 1)).format(*COLUMNS), flush=True)
    for command in commands(wish.seeds, wish.quick):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=LONGEST
        )
        said = done.stdout.strip().rpartition("\n")[2]
        line = json.loads(said) if said.startswith("{") else {}
        # A bench that judges itself: right or wrong.
        line.setdefault("fault", line.get("bench", Path(command[0]).stem))
        cells = [str(line.get(name, "")) for name in COLUMNS]
        print(f"{cells[0]:<16}" + "".join(f"{cell:>11}" for cell in cells[1:]), flush=True)
        if done.returncode or any(line.get(name) for name in COUNTS):
            failed = True
            print(
                f"  failed: {' '.join(command)}\n{said}\n{done.stderr[-2000:]}", file=sys.stderr, flush=True
            )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
