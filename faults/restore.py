"""A restore: is anything sent twice, lost, or shown otherwise than it is (rule R9)?

    python faults/restore.py [--texts 500] [--stops 20] [--pace 40] [--seed 1] [--patience 0.1]

Real processes (`parley web`, `texts`, `jobs`) and the sandbox on a database of its own. `parley texts` is killed in the
middle of sending the first half of the texts, and `parley backup` runs: what was left then leaves after it. The other
half is written after it. Clients write and opt out meanwhile. Then all processes are killed, the database is
destroyed, and `parley restore` brings the backup back; two clients opt out and members write while nobody, or only
the quarantine, is there. Judged by the sandbox's truth log. Prints one JSON line: `duplicated` are requests beyond
the one that each text deserves, `let_in` those that the carrier took for somebody who had opted out, `lost` rows of
before the backup that are gone and texts, of either direction, without a message, `misshown` those shown otherwise
than they are, `rto_secs` from the restore's start until texts leave again, `settled_secs` the part after
`parley restore` was done (three minutes at patience 1).
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, ground  # noqa: E402
from faults.judge import tell  # noqa: E402

# The first is answered by the network; the other by Parley, by a job: a second confirmation would be a duplicate.
OPT_OUTS = ("STOP", "QUIT")


def command(world: Any, *words: str) -> str:
    """Run one command of `parley` and return what it printed. Raises AssertionError with what it said instead."""
    done = subprocess.run(
        [sys.executable, "-m", "parley", *words],
        cwd=ROOT,
        env=world.environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"parley {words[0]}: {done.stderr[-2000:]}"
    return done.stdout


def destroyed_and_restored(
    world: Any, house: Any, quiet: Any, folder: Path, *, texts: int, stops: int, seed: int
) -> dict[str, Any]:
    """One run. `house` converses, `quiet` answers everybody that nobody reads answers."""
    from django.db import connections

    from parley.messaging.models import Attempt, CarrierEvent, Message, Standing
    from parley.messaging.sending import send
    from parley.numbers.models import PhoneNumber
    from tests.waiting import until

    dice = random.Random(seed)
    clients = [
        house.client("C", str(n), phone=f"+1503{2000000 + n}") for n in range(max(texts // 4, 4 * stops))
    ]
    opting = dice.sample(clients, stops + 2)
    stopping, late = opting[:stops], opting[stops:]
    told = [c for c in clients if c not in opting]

    def write(count: int, what: str, to: list[Any]) -> None:
        for n in range(count):
            send(house.owner, to[n % len(to)], channel="sms", body=f"{what} {n}")

    def under_way() -> bool:
        return Message.objects.filter(state__in=["queued", "sending", "unknown", "accepted", "sent"]).exists()

    def all_read() -> bool:
        sids = {row["sid"] for row in world.truth(direction="inbound")}
        return not sids - set(CarrierEvent.objects.exclude(done_at=None).values_list("key", flat=True))

    # However slowly they are written: enough must be left when the backup is made.
    ours = PhoneNumber.objects.filter(pk=house.number.pk)
    ours.update(paused="until all are written")
    write(texts // 2, "Before", clients)
    ours.update(paused="")
    due = dice.randrange(texts // 8, texts // 4)
    until(lambda: len(world.truth(direction="outbound-api")) >= due, 120, what="the send")
    world.kill("texts")
    before = set(Message.objects.values_list("id", flat=True))
    file = folder / f"backup-{seed}"
    command(world, "backup", str(file))
    world.start("texts")
    write(texts - texts // 2, "After", told)
    for n, client in enumerate(dice.sample(told, min(len(told), 2 * stops))):
        number = (house if n % 2 else quiet).number.number
        world.texts_from(client.phone, number, f"Words of client {n}")
    for n, client in enumerate(stopping):
        world.texts_from(client.phone, house.number.number, OPT_OUTS[n % 2])
    until(lambda: all_read() and not under_way(), 900, what="the end of the send")
    jobs_are_done()

    for name in ("jobs", "texts", "web"):
        world.kill(name)
    taken = world.truth(direction="outbound-api")
    # While nobody is there to take their webhooks.
    for client in late:
        world.texts_from(client.phone, house.number.number, "STOP")
    connections.close_all()
    away = time.time()
    clock = time.monotonic()
    until(lambda: _nobody_is_connected(connections), 30, what="the end of all connections")
    command(world, "restore", str(file), "--replace")
    restored = time.monotonic()
    waiting = Message.objects.filter(state__in=["queued", "sending", "unknown"]).count()
    world.start("web", "texts", "jobs")
    write(5, "Meanwhile", told)
    # Ten minutes cover every wait there is; a run that needs them has failed.
    until(lambda: Standing.objects.filter(quarantined_at=None).exists(), 600, what="the release")
    released = time.monotonic()
    until(lambda: all_read() and not under_way(), 900, what="the end of what waited")
    jobs_are_done()

    truth = world.truth()
    outbound = [row for row in truth if row["direction"] == "outbound-api"]
    inbound = [row for row in truth if row["direction"] == "inbound"]
    # Where nobody reads answers, what came stays in the carrier's event.
    kept = {*CarrierEvent.objects.filter(kind="text").exclude(done_at=None).values_list("key", flat=True)}
    unread = {row["sid"] for row in inbound if row["to"] == quiet.number.number and row["sid"] in kept}
    opted = {client.phone for client in opting}
    shown = dict(Message.objects.filter(direction="in").values_list("carrier_id", "state"))
    shown |= dict(Attempt.objects.exclude(carrier_id=None).values_list("carrier_id", "message__state"))
    again = Counter((row["to"], row["body"]) for row in outbound)
    states = Counter(Message.objects.values_list("state", flat=True))
    return {
        "tried": texts,
        "waiting_in_backup": waiting,
        "taken_before": len(taken),
        "sent_after": len(outbound) - len(taken),
        "inbound": len(inbound),
        "lost": len(before - set(Message.objects.values_list("id", flat=True)))
        + sum(row["sid"] not in shown and row["sid"] not in unread for row in [*outbound, *inbound])
        + 5
        - sum(row["body"].startswith("Meanwhile") for row in outbound),
        "duplicated": sum(count - 1 for count in again.values()),
        "let_in": sum(row["to"] in opted and row["accepted_at"] > away for row in outbound),
        "misshown": sum(shown.get(row["sid"]) != row["status"] for row in outbound)
        + states["queued"]
        + states["unknown"]
        + states["unconfirmed"],
        "rto_secs": round(released - clock, 1),
        "settled_secs": round(released - restored, 1),
        "backup_mb": round(file.stat().st_size / 1e6, 2),
    }


def jobs_are_done() -> None:
    """What clients wrote has been answered, where it is answered by a job."""
    from procrastinate.contrib.django.models import ProcrastinateJob

    from tests.waiting import until

    # Mails and pushes have nobody to go to here; those that look later are not due.
    due = ProcrastinateJob.objects.filter(status__in=["todo", "doing"], queue_name="texts")
    until(lambda: not due.exists(), 60, what="the jobs")


def _nobody_is_connected(connections: Any) -> bool:
    """A killed process's session ends when PostgreSQL notices; those of this runner's other threads are ended."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND application_name = '' AND state = 'idle'"
        )
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        (others,) = cursor.fetchone()
    connections.close_all()
    return not others


def houses(texts: int, pace: float) -> tuple[Any, Any]:
    """One that converses, and one that says that nobody reads answers."""
    from tests.people import make_house

    house = a_house(10 * texts)
    quiet = make_house("Alder Physio", "+18555550167", mode="do_not_reply")
    house.number.pace = pace
    house.number.save()
    return house, quiet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=500)
    parser.add_argument("--stops", type=int, default=20)
    parser.add_argument("--pace", type=float, default=40, help="segments a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=0.1, help="1: as long as a business waits")
    wish = parser.parse_args()

    with ground(durable=True) as folder:
        from tests.world import a_world

        house, quiet = houses(wish.texts, wish.pace)
        with a_world(folder, "sandbox", "web", "texts", "jobs", patience=wish.patience) as world:
            for one in (house, quiet):
                world.add_number(one.number.number)
            world.weather(delivery_seconds=[0.05, 0.4])
            began = time.monotonic()
            result = destroyed_and_restored(
                world, house, quiet, folder, texts=wish.texts, stops=wish.stops, seed=wish.seed
            )
    tell("restore", result, began, patience=wish.patience, seed=wish.seed)


if __name__ == "__main__":
    main()
