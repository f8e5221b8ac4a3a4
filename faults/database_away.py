"""PostgreSQL stops for a while under webhooks: is everything in the database afterwards that got a 200?

    python faults/database_away.py [--away 60] [--rate 50] [--seed 1]        (--away 600: ten minutes)

Texts and receipts come before, during and after. Of the clients for whom a text is queued half opt out while the
database is away, and their webhook gets 503. `lost` counts what got a 200 and is not in the database or no message,
opt-outs that are not obeyed in the end, and queued texts that never left; `let_in` texts that the carrier took for
somebody who had opted out before, 200 or not; `p99_ms` is how long the answers took while the database was away,
`drained` after how many seconds of its return all was in it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.ground import a_house, ground
from faults.judge import tell, until_none
from faults.webhooks import (
    Caller,
    a_text,
    answers,
    in_background,
    kept,
    percentile,
    texts,
    unread,
)

STOPPING = 40


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--away", type=float, default=60, help="seconds")
    parser.add_argument("--rate", type=float, default=50, help="webhooks a second")
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    dice = random.Random(wish.seed)
    before, after = 3.0, 5.0
    with ground() as folder:
        from django.db import connection, connections

        from parley.clients.models import Client
        from parley.config.embedded_postgres import EmbeddedPostgres
        from parley.messaging import journal
        from parley.messaging.models import Message
        from parley.messaging.sending import send
        from tests.waiting import until
        from tests.world import a_world

        postgres = EmbeddedPostgres(folder / "postgres")
        with a_world(folder, "sandbox", "web") as world:
            house = a_house(1000)
            world.add_number(house.number.number)
            # Texts that are due as soon as the database is back: half of these clients will have opted out by then.
            clients = [house.client("S", str(n), phone=f"+1503777{n:04d}") for n in range(2 * STOPPING)]
            for n, client in enumerate(clients):
                send(house.owner, client, channel="sms", body=f"Queued {n}")
            queued = Message.objects.filter(direction="out").count()
            count = int((before + wish.away + after) * wish.rate)
            knocks = texts(world, count, seed=wish.seed)
            stops = [a_text(world, client.phone, "STOP") for client in clients[:STOPPING]]
            due = f"clock_timestamp() + interval '{before + wish.away / 2:g} seconds'"
            with connection.cursor() as cursor:
                cursor.execute(f"UPDATE messaging_outbox SET run_at = {due}")
            connections.close_all()

            world.start("texts")
            began = time.monotonic()
            caller = Caller(world.port)
            knocking = in_background(lambda: caller.at_pace(knocks, wish.rate))
            time.sleep(before)
            stop(folder)
            gone = time.monotonic(), time.time()

            def opt_out() -> None:
                for one in stops:
                    time.sleep(dice.uniform(0, min(wish.away, 20.0) / (2 * STOPPING)))
                    caller.post(one)

            stopping = in_background(opt_out)
            time.sleep(max(0.0, gone[0] + wish.away - time.monotonic()))
            stopping.join()
            refused = [one for one in stops if one.status != 200]
            returns = time.monotonic(), time.time()
            postgres.start()
            try:
                until_none(lambda: journal.waiting(folder / "journal"), what="an empty journal")
                drained = time.monotonic() - returns[0]
                for one in refused:
                    until(lambda one=one: caller.post(one) == 200, 15, what="an opt-out")  # type: ignore[misc]
                knocking.join()
                until_none(unread, what="reading")
                out = Message.objects.filter(direction="out")
                until_none(out.filter(state__in=["queued", "sending", "unknown"]).count, what="sending")
                taken = [row for row in world.truth() if row["direction"].startswith("outbound")]
                stopped = {client.phone for client in clients[:STOPPING]}
                during = [k for k in knocks if gone[1] < k.at < returns[1]]
                verdict = kept([*knocks, *stops])
                verdict["lost"] += Client.objects.filter(phone__in=stopped).exclude(texting="stopped").count()
                verdict["lost"] += queued - STOPPING - sum(row["to"] not in stopped for row in taken)
                verdict["let_in"] += sum(
                    row["to"] in stopped and row["body"].startswith("Queued") for row in taken
                )
                seen = {
                    "tried": len(knocks) + len(stops),
                    **verdict,
                    "answers": answers(knocks),
                    "refused_opt_outs": len(refused),
                    "while_away": len(during),
                    "p99_ms": percentile([k.took for k in during], 0.99),
                    "longest_ms": percentile([k.took for k in during], 1.0),
                    "drained": round(drained, 2),
                }
                connections.close_all()
            finally:
                world.close()
                connections.close_all()
                postgres.stop()
    tell("database_away", seen, began, away=wish.away, rate=wish.rate, seed=wish.seed)


def stop(folder: Path) -> None:
    """A fast shutdown of the database, as an operator or a package's upgrade does it."""
    (lock,) = (folder / "postgres").resolve().glob("data-*/postmaster.pid")
    pid = int(lock.read_text().split("\n", 1)[0])
    os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + 30
    while lock.exists():
        assert time.monotonic() < deadline, "PostgreSQL does not stop"
        time.sleep(0.02)


if __name__ == "__main__":
    main()
