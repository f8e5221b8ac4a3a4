"""All fault runs at their full sizes, one after another: `make faults`. A line of a table for each.

    python faults/every.py [--quick] [--seeds 1] [--first-seed 1]

Takes an hour and a half on two busy cores (`--quick`: a tenth of the sizes). Exit code 1 if any of them found anything.
What a run printed beside its line is shown when it failed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

COLUMNS = ("fault", "tried", "lost", "duplicated", "let_in", "misshown", "secs", "seed")
COUNTS = COLUMNS[2:6]


@dataclass(frozen=True)
class Run:
    """A command at its full `sizes`; `words` are what else it is told."""

    file: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    seeded: bool = True
    words: Sequence[str] = ()


RUNS = (
    Run("faults/worker_kills.py", {"texts": 5_000, "clients": 2_500}),
    Run("faults/clock_kills.py", {"reminders": 20_000, "businesses": 20}),
    Run("faults/database_kills.py", {"texts": 5_000, "kills": 20}),
    Run("faults/web_kills.py", {"events": 10_000}),
    Run("faults/database_away.py", {"away": 600}),
    Run("faults/disk_full.py", {"events": 400}),
    Run("faults/forged.py", {"forged": 5_000, "replayed": 1_000}),
    Run("faults/restore.py", {"texts": 500}),
    Run("faults/upgrade.py"),
    Run("faults/stops.py", {"texts": 2_000, "stops": 300, "unheard": 100}),
    Run("faults/campaign.py", {"texts": 20_000, "stops": 300, "by-page": 100}),
    Run("faults/answers.py", {"times": 100}, seeded=False),
    Run("faults/late_acceptance.py", {"texts": 100}),
    Run("faults/receipts.py", {"sequences": 10_000}),
    Run("bench/quota_race.py", {"rounds": 100}, seeded=False),
    Run("bench/neighbours.py", {"texts": 100_000}, seeded=False),
    Run("bench/neighbours.py", {"texts": 100_000}, seeded=False, words=("--campaign",)),
    Run("bench/nodes.py", {"texts": 400}, words=("--only=faults", "--nodes=2,4", "--faults=5")),
    Run("faults/sabotage.py", seeded=False),
)
# Seconds for one run.
LONGEST = 3_600


def commands(seeds: Iterable[int], quick: bool) -> Iterator[list[str]]:
    for run in RUNS:
        given = [f"--{name}={max(2, size // 10) if quick else size}" for name, size in run.sizes.items()]
        for told in [[f"--seed={seed}"] for seed in seeds] if run.seeded else [[]]:
            yield [run.file, *run.words, *given, *told]


def ran(command: Sequence[str]) -> tuple[int, str, str]:
    """Its exit code and what it printed. One that takes too long has failed, and the others still run."""
    try:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        return 1, "", f"not done after {LONGEST} s"
    return done.returncode, done.stdout, done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=1, help="how many for each run that has one")
    parser.add_argument("--first-seed", type=int, default=1)
    wish = parser.parse_args()
    seeds = range(wish.first_seed, wish.first_seed + wish.seeds)
    failed = False
    print(("{:<16}" + "{:>11}" * (len(COLUMNS) - 1)).format(*COLUMNS), flush=True)
    for command in commands(seeds, wish.quick):
        code, printed, complaint = ran(command)
        said = printed.strip().rpartition("\n")[2]
        line = json.loads(said) if said.startswith("{") else {}
        # A bench that judges itself: right or wrong.
        line.setdefault("fault", line.get("bench", Path(command[0]).stem))
        cells = [str(line.get(name, "")) for name in COLUMNS]
        print(f"{cells[0]:<16}" + "".join(f"{cell:>11}" for cell in cells[1:]), flush=True)
        if code or any(line.get(name) for name in COUNTS):
            failed = True
            print(f"  failed: {' '.join(command)}\n{said}\n{complaint[-2000:]}", file=sys.stderr, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
