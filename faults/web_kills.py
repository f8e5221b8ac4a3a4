"""`parley web` is killed (SIGKILL) again and again under webhooks: is everything in the database that got a 200?

    python faults/web_kills.py [--events 10000] [--rate 50] [--seed 1]

Each time one of its processes is killed, the first one or another, at a random moment after it first answers; it is
started again as the supervisor would. What got no 200 is posted once more, as a carrier does.
`lost` counts what got a 200 and is not in the database, or is no message of its conversation.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.ground import a_house, family, ground
from faults.judge import tell, until_none
from faults.webhooks import Caller, answers, in_background, kept, percentile, texts, unread


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state not in "ZX"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=50, help="webhooks a second")
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    dice = random.Random(wish.seed)
    with ground() as folder:
        from tests.waiting import until
        from tests.world import a_world

        with a_world(folder, "web", "texts") as world:
            a_house(0)
            knocks = texts(world, wish.events, seed=wish.seed)
            caller = Caller(world.port)
            began = time.monotonic()
            over = threading.Event()

            def knock() -> None:
                caller.at_pace(knocks, wish.rate, again=3.0)
                over.set()

            knocking = in_background(knock)
            kills = 0
            pid = world.children["web"].pid
            # It lives for a while after it first answers, or nothing would ever be kept.
            while not over.wait(dice.uniform(0.5, 3.0)):
                victim = dice.choice(family(pid))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    kills += 1
                if victim == pid:
                    children = family(pid)
                    world.kill("web")
                    until(lambda: not any(map(alive, children)), 10, what="the end of its children")  # noqa: B023
                    pid = world.launch("web")
                    until(lambda: over.is_set() or world.answers(f"{world.url}/healthz"), 30, what="web")
            knocking.join()
            until_none(unread, what="reading")
            seen = {"tried": len(knocks), **kept(knocks), "answers": answers(knocks), "kills": kills}
            seen["p99_ms"] = percentile([k.took for k in knocks if k.status == 200], 0.99)
    tell("web_kills", seen, began, seed=wish.seed)


if __name__ == "__main__":
    main()
