"""Workers that die in the middle of everything, in bad weather: is a text lost, doubled, or shown as what it is not?

    python faults/worker_kills.py [--texts 5000] [--clients 2500] [--workers 2] [--seed 1]

Real `parley web` and sandbox on a database of their own; every 0.15 to 0.6 s one of the workers gets SIGKILL and
another takes its place, while texts are written and until all of them have left the queue. 12 % of the carrier's
answers are bad, receipts are lost, doubled and late, its log lags and fails. Every wait is a twentieth of life's.
Judged by the sandbox's truth log, after everything has settled. One JSON line; exit code 1 unless all counts are 0.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, ground  # noqa: E402
from faults.judge import asked, judge, tell, unsettled, until_none  # noqa: E402
from faults.nursery import Nursery  # noqa: E402

# 12 % of the carrier's answers are bad, each in its own way; receipts are lost, doubled and shuffled too. The latest
# acceptance and the lag of the log are what life's are to life's waits, at a patience of 0.025 or more.
BAD_WEATHER = {
    "delivery_seconds": [0.05, 0.4],
    "rate_limit": 0.015,
    "hang": 0.015,
    "error_before": 0.02,
    "error_after": 0.02,
    "reset_after": 0.02,
    "slow": 0.015,
    "garbage": 0.015,
    "slow_seconds": [0.2, 0.8],
    "hang_seconds": 2.0,
    "fail_share": 0.03,
    # Not one that is tried again after half an hour.
    "fail_code": 30005,
    "callbacks_lost": 0.05,
    "callbacks_doubled": 0.10,
    "callbacks_reordered": 0.10,
    "list_fails": 0.1,
    "list_lag_seconds": 0.5,
}


class Reaper(threading.Thread):
    """Keeps `workers` alive, and kills one of them every so many seconds until it is told that it is `enough`."""

    def __init__(
        self, nursery: Nursery, workers: int, seed: int, between: tuple[float, float] = (0.15, 0.6)
    ) -> None:
        super().__init__()
        self._nursery = nursery
        self._dice = random.Random(seed)
        self._between = between
        self._alive = [nursery.start() for _ in range(workers)]
        self._enough = threading.Event()
        self.kills = 0

    def run(self) -> None:
        while not self._enough.wait(self._dice.uniform(*self._between)):
            place = self._dice.randrange(len(self._alive))
            self._nursery.kill(self._alive[place])
            self.kills += 1
            self._alive[place] = self._nursery.start()

    def enough(self) -> None:
        self._enough.set()
        self.join()


def storm(
    world: Any, house: Any, *, texts: int, clients: int, seed: int, workers: int = 2, pages: int = 100
) -> dict[str, Any]:
    """Write `texts` over so many clients while workers die; judge when all has settled. `kills` counts the deaths."""
    from parley.messaging.models import Message
    from parley.messaging.sending import send

    people = [house.client(f"C{n}", phone=f"+1503{5550100 + n}") for n in range(clients)]

    def write(numbers: range) -> None:
        for n in numbers:
            send(house.owner, people[n % clients], channel="sms", body=f"Text number {n}")

    # Some wait already, so that even the first to die has its hands full.
    write(range(min(texts // 2, 200)))
    with Nursery(world) as nursery:
        reaper = Reaper(nursery, workers, seed)
        reaper.start()
        try:
            write(range(min(texts // 2, 200), texts))
            until_none(Message.objects.filter(state__in=["queued", "sending"]).count, what="leaving")
        finally:
            reaper.enough()
        until_none(lambda: unsettled(house.business), what="a final state for every message")
    return judge(world, house, pages=pages) | {"kills": reaper.kills}


def main() -> None:
    wish = asked(__doc__, texts=5_000, clients=2_500, workers=2)
    with ground(durable=False) as folder:
        from tests.world import a_world

        with a_world(folder, "sandbox", "web") as world:
            house = a_house(10 * wish.texts)
            world.add_number(house.number.number)
            world.weather(seed=wish.seed, **BAD_WEATHER)
            began = time.monotonic()
            seen = storm(
                world, house, texts=wish.texts, clients=wish.clients, seed=wish.seed, workers=wish.workers
            )
    tell("worker_kills", seen, began, seed=wish.seed)


if __name__ == "__main__":
    main()
