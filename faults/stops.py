"""Opt-outs that race a running send: once a STOP has its 200, does a request for that client still begin?

    python faults/stops.py [--texts 2000] [--stops 300] [--unheard 100] [--pace 20] [--seed 1]

Real processes (`parley web`, `parley texts`) and the sandbox on a database of its own. The send is queued before
it starts; STOPs come as signed webhooks at random moments of it. `unheard` clients more opt out and no webhook says
so: theirs are found in the carrier's log, which is read every second or so here, and count from when they are.
Judged by the sandbox's truth log. Prints one JSON line: `let_in` is the count of requests that the carrier took after
the 200, or after the opt-out was found, without those that had begun before (`under_way`: a carrier that has no core
just then takes them late; each of either is said on stderr), `lost` those that were neither taken nor canceled and
opt-outs that were never found, `misshown` those shown otherwise than they are.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, ground  # noqa: E402
from faults.judge import attempts_began, began_before, tell, tell_late, until_none  # noqa: E402

# The network does not hold back from a toll-free number after this word, so that only Parley does.
UNHEARD = "QUIT"


def race(world: Any, house: Any, *, texts: int, stops: int, unheard: int, seed: int) -> dict[str, Any]:
    """Queue `texts` over twice as many clients as stop, start the loops, and let `stops` and `unheard` opt out.

    The sandbox must know no address for this house's number, or it would tell of all.
    """
    from django.db import connections
    from django.utils import timezone

    from parley.clients.models import Handset
    from parley.messaging.models import Message, Watermark
    from parley.messaging.sending import send
    from tests.messaging.signed import post, text_form
    from tests.waiting import until

    dice = random.Random(seed)
    clients = [house.client("C", str(n), phone=f"+1503{2000000 + n}") for n in range(2 * (stops + unheard))]
    for n in range(texts):
        send(house.owner, clients[n % len(clients)], channel="sms", body=f"Text {n}")
    world.start("texts")
    # From when on nothing may begin, by client.
    obeyed: dict[str, float] = {}
    refused: Counter[int] = Counter()
    going, over = threading.Event(), threading.Event()
    opting = dice.sample([client.phone for client in clients], stops + unheard)
    silent = set(opting[stops:])

    def stop(phone: str) -> None:
        going.wait()
        try:
            # At a random moment of the send: when so many of its texts have left.
            due = dice.randrange(texts)
            until(lambda: left() >= due or not queued(), 3_600, what="the send")
            if phone in silent:
                world.texts_from(phone, house.number.number, UNHEARD)
                return
            status = post(world, "/hooks/twilio/text", text_form(world, phone, house.number.number, "STOP"))
            if status == 200:
                obeyed[phone] = time.time()
            refused[status] += 1
        finally:
            connections.close_all()

    def left() -> int:
        return Message.objects.exclude(state__in=["queued", "canceled"]).count()

    def queued() -> bool:
        return Message.objects.filter(state="queued").exists()

    def found() -> set[str]:
        said = Handset.objects.filter(phone__in=silent, service="refused")
        return set(said.values_list("phone", flat=True))

    def watch() -> None:
        """Note when each opt-out that no webhook brought is seen to count, and have the log read again and again."""
        pause = random.Random(seed)
        again = time.monotonic()
        try:
            while not over.wait(0.01) and len(silent & obeyed.keys()) < len(silent):
                known = found()
                now = time.time()
                obeyed.update(dict.fromkeys(known - obeyed.keys(), now))
                if time.monotonic() > again:
                    Watermark.objects.update(next_at=timezone.now())
                    again = time.monotonic() + pause.uniform(0.3, 2.0)
        finally:
            connections.close_all()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(stop, phone) for phone in opting]
            going.set()
            for one in asked:
                one.result()
        with contextlib.suppress(AssertionError):
            # What is not found in all this time is lost.
            until(lambda: len(found()) == len(silent), 60)
    finally:
        over.set()
        watching.join()
    open_states = ["queued", "sending", "unknown", "accepted", "sent"]
    until_none(Message.objects.filter(state__in=open_states).count, what="a final state for every message")
    truth = [row for row in world.truth() if row["direction"].startswith("outbound")]
    taken = Counter(row["body"] for row in truth)
    shown = dict(Message.objects.filter(direction="out").values_list("body", "state"))
    began = attempts_began()
    late = [row for row in truth if row["to"] in obeyed and row["accepted_at"] > obeyed[row["to"]]]
    for row in late:
        tell_late(row, began.get(row["sid"]), obeyed[row["to"]])
    under_way = sum(began_before(row, began.get(row["sid"]), obeyed[row["to"]]) for row in late)
    return {
        "tried": texts,
        "stops": stops,
        "unheard": unheard,
        "answers": dict(refused),
        "canceled": sum(state == "canceled" for state in shown.values()),
        "let_in": len(late) - under_way,
        "under_way": under_way,
        "lost": sum(body not in taken and state != "canceled" for body, state in shown.items())
        + len(silent - found()),
        "duplicated": sum(count - 1 for count in taken.values()),
        "misshown": sum((body in taken) == (state == "canceled") for body, state in shown.items()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=2_000)
    parser.add_argument("--stops", type=int, default=300)
    parser.add_argument("--unheard", type=int, default=100, help="opt-outs that no webhook brings")
    parser.add_argument("--pace", type=float, default=20, help="segments a second; 0: as fast as it goes")
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()

    with ground(durable=False) as folder:
        from tests.world import a_world

        with a_world(folder, "sandbox", "web") as world:
            house = a_house(10 * wish.texts)
            house.number.pace = wish.pace
            house.number.save()
            world.add_number(house.number.number, sms_url="")
            world.weather(delivery_seconds=[0.05, 0.4])
            began = time.monotonic()
            result = race(
                world, house, texts=wish.texts, stops=wish.stops, unheard=wish.unheard, seed=wish.seed
            )
    tell("stops", result, began, pace=wish.pace, seed=wish.seed)


if __name__ == "__main__":
    main()
