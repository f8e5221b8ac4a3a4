"""A carrier that takes a text long after it was asked: from what delay on is the text sent twice?

    python faults/late_acceptance.py [--texts 100] [--patience 0.05] [--seed 1]

Each delay (in seconds of life, at the defaults) has its own texts; the carrier never answers them in time, sends no
receipt for a while, and takes each exactly so long after the request. Our waits (a lease of 60 s, two listings 60 and
180 s after it) and the delays are shortened alike by the patience, so this is the run at the defaults, faster. By R5 a
text is proved absent by a second listing 240 s after it was begun, so duplicates must begin there and not before:
`duplicated` counts those at delays up to 120 s, `curve` has them all. The delays beyond 240 s are the control: without
duplicates there the run proves nothing, and says so. One JSON line; exit code 1 unless all counts are 0.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, ground  # noqa: E402
from faults.judge import judge, tell, unsettled, until_none  # noqa: E402

# Seconds. What must be safe, what the rule promises beyond it, and what must fail.
SAFE, PROMISED, CONTROL = (0, 5, 10, 20, 30, 45, 60, 90, 120), (150, 180, 210), (260, 300)


def curve(
    world: Any,
    house: Any,
    *,
    texts: int,
    patience: float,
    delays: Sequence[int] = (*SAFE, *PROMISED, *CONTROL),
) -> tuple[dict[int, int], dict[str, int]]:
    """Let each delay's texts be begun under its own weather. Returns the duplicates by delay, and the verdict."""
    from parley.messaging.models import Attempt
    from parley.messaging.sending import send
    from tests.waiting import until

    for place, delay in enumerate(delays):
        span = [delay * patience] * 2
        world.weather(slow=1.0, slow_seconds=span, callbacks_lost=1.0, delivery_seconds=[0.05, 0.2])
        for n in range(texts):
            client = house.client(f"C{n}", phone=f"+1503{2000000 + 10_000 * place + n}")
            send(house.owner, client, channel="sms", body=f"{delay} {n}")
        # An answer, or the end of our patience with it: the carrier has every request, under this weather.
        ours = Attempt.objects.filter(message__body__startswith=f"{delay} ")
        begun = ours.exclude(state__in=["sending", "not_sent"]).values("message_id").distinct()
        until(
            lambda: begun.count() == texts,  # noqa: B023
            60,
            what=f"the texts taken after {delay} s begun",
        )
    late = time.monotonic() + max(delays) * patience
    # What is sent again is taken at once, and all receipts come.
    world.weather(slow=0.0, callbacks_lost=0.0)
    until_none(lambda: unsettled(house.business), what="a final state for every message")
    until(lambda: time.monotonic() > late, 60)
    taken = Counter(row["body"] for row in world.truth(direction="outbound-api"))
    twice = {
        delay: sum(count - 1 for body, count in taken.items() if body.split()[0] == str(delay))
        for delay in delays
    }
    return twice, judge(world, house)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=100, help="for each delay")
    parser.add_argument("--patience", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    with ground(durable=False) as folder:
        from tests.world import a_world

        with a_world(folder, "sandbox", "web", "texts", patience=wish.patience) as world:
            house = a_house(100 * wish.texts)
            world.add_number(house.number.number)
            world.weather(seed=wish.seed)
            began = time.monotonic()
            twice, seen = curve(world, house, texts=wish.texts, patience=wish.patience)
    if not any(twice[delay] for delay in CONTROL):
        raise SystemExit(f"The control shows no duplicates: the run proves nothing. {twice}")
    seen["duplicated"] = sum(twice[delay] for delay in SAFE)
    tell("late_acceptance", seen, began, curve=twice, patience=wish.patience, seed=wish.seed)


if __name__ == "__main__":
    main()
