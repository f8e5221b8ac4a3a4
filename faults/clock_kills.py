"""Clocks that die in the middle of everything: is a reminder lost, or sent twice?

    python faults/clock_kills.py [--reminders 20000] [--businesses 20] [--workers 2] [--seed 1]

Reminders of several businesses are due at once. Whenever a clock is seen at work, all `parley jobs` get SIGKILL within
0.3 s (each third time after a batch), and others take their place, until all is done. Every row is looked at then: one
message each, in its own words, paid for once. Then `parley texts` sends them, and the sandbox's truth log says how many
texts each handset got. One JSON line; exit code 1 unless all counts are 0.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.due import businesses, fill, wrong  # noqa: E402
from bench.ground import ground  # noqa: E402
from faults.judge import asked, tell, until_none  # noqa: E402
from faults.nursery import Nursery  # noqa: E402

AT_WORK = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %s
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def storm(
    world: Any, houses: Sequence[Any], *, each: int, seed: int, workers: int = 2, most: int = 1_000
) -> dict[str, Any]:
    """Let clocks die, `most` times, until all reminders are done; judge the rows, and what the handsets got.

    `kills` counts the times, `at_work` those at which a batch was not finished.
    """
    from django.db import connection

    from parley.alerts import clock
    from parley.alerts.models import Due
    from parley.messaging.models import Message
    from tests.waiting import until

    for house in houses:
        world.add_number(house.number.number)
    fill(list(houses), each)
    dice, kills, at_work, whole = random.Random(seed), 0, 0, len(houses) * each
    waiting = Due.objects.filter(state="waiting")
    with Nursery(world, "jobs") as nursery, connection.cursor() as cursor:

        def working() -> bool:
            cursor.execute(AT_WORK, [clock.LOCK])
            return bool(cursor.fetchone()[0])

        alive = [nursery.start() for _ in range(workers)]
        while waiting.exists() and kills < most:
            left = waiting.count()
            until(lambda: working() or not waiting.exists(), 60, what="work")
            if kills % 3:
                time.sleep(dice.uniform(0, 0.3))
            else:
                # Else nothing would ever be finished on a slow machine.
                until(lambda left=left: waiting.count() < left, 60, what="a batch")  # type: ignore[misc]
            at_work += working()
            for pid in alive:
                nursery.kill(pid)
            kills += 1
            alive = [nursery.start() for _ in range(workers)]
        until_none(waiting.count, what="the end of all reminders")
    rows = list(wrong(list(houses), each))
    world.start("texts")
    until_none(Message.objects.exclude(state="delivered").count, what="the delivery of all")
    got = Counter(row["to"] + row["from"] for row in world.truth(direction="outbound-api"))
    return {
        "tried": whole,
        "lost": whole - len(got),
        "duplicated": sum(count - 1 for count in got.values()),
        "let_in": 0,
        "misshown": len(rows),
        "kills": kills,
        "at_work": at_work,
    }


def main() -> None:
    wish = asked(__doc__, reminders=20_000, businesses=20, workers=2)
    with ground(durable=False) as folder:
        from tests.world import a_world

        with a_world(folder, "sandbox", "web") as world:
            houses = businesses(wish.businesses, 2 * wish.reminders)
            began = time.monotonic()
            seen = storm(
                world,
                houses,
                each=wish.reminders // wish.businesses,
                seed=wish.seed,
                workers=wish.workers,
            )
    tell("clock_kills", seen, began, seed=wish.seed)


if __name__ == "__main__":
    main()
