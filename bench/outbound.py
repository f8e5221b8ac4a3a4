"""How many queued texts a second leave, claim, attempt and outcome durable? Prints one JSON line.

    python bench/outbound.py [--texts 30000] [--numbers 10] [--workers 2] [--sandbox]

`parley texts` processes on a database of their own that commits to disk. The carrier is a bare answering socket
(bench/answering.py), or the sandbox, which answers, signs and posts its receipts to `parley web`. All texts are
committed at once while the workers stand by; the clock runs from the first attempt's beginning to the last outcome,
both as the database wrote them. Then every text is held against what the carrier took: one attempt, one carrier id,
its own words, and with the sandbox `delivered`. A rate is printed only if all agree.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ground import ROOT, a_house, cpu_seconds, family, ground, machine

FILL = """
    WITH n AS (
        SELECT i, gen_random_uuid() AS client, gen_random_uuid() AS conversation, gen_random_uuid() AS message,
               '+1503' || (2000000 + i) AS phone, %(numbers)s::uuid[] AS numbers
        FROM generate_series(1, %(texts)s) i
    ), client AS (
        INSERT INTO clients_client
            (id, business_id, first_name, last_name, phone, email, tags, good_to_know, texting, created_at)
        SELECT client, %(business)s, 'First', 'Last ' || i, phone, '', '{}', '', 'ok', now() FROM n
    ), conversation AS (
        INSERT INTO messaging_conversation (id, business_id, client_id, last_at, unread, waiting, created_at)
        SELECT conversation, %(business)s, client, now(), 0, false, now() FROM n
    ), message AS (
        INSERT INTO messaging_message
            (id, business_id, conversation_id, direction, channel, kind, title, subject, body, state, reason, code,
             number_id, their_address, segments, media, carrier_id, at, changed_at)
        SELECT message, %(business)s, conversation, 'out', 'sms', 'transactional', 'Reminder', '',
               'Hi First, a reminder of your visit on Thursday at 2:45 PM at Juniper Hair Studio. No. ' || i,
               'queued', '', '', numbers[1 + i %% cardinality(numbers)], phone, 1, '[]', '', now(), now() FROM n
    )
    INSERT INTO messaging_outbox
        (message_id, business_id, number_id, recipient, priority, run_at, tries, past, confirms)
    SELECT message, %(business)s, numbers[1 + i %% cardinality(numbers)], phone, 1, now(), 0, false, false FROM n
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=30_000)
    parser.add_argument("--numbers", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sandbox", action="store_true", help="the sandbox as carrier, receipts on")
    wish = parser.parse_args()
    with ground() as folder:
        print(json.dumps(measure(folder, wish)))


def measure(folder: Path, wish: argparse.Namespace) -> dict[str, Any]:
    from tests.world import World

    world = World(folder, patience=1.0)
    socket = subprocess.Popen(
        [sys.executable, str(ROOT / "bench" / "answering.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert socket.stdout
        bare = f"http://127.0.0.1:{socket.stdout.readline().strip()}"
        if wish.sandbox:
            world.start("sandbox", "web")
            world.weather(delivery_seconds=[0.2, 1.0])
        else:
            world.environment["PARLEY_TWILIO_API_URL"] = bare
        return _send(world, wish, socket.pid, bare)
    finally:
        world.close()
        socket.terminate()
        socket.wait(10)


def _send(world: Any, wish: argparse.Namespace, socket: int, bare: str) -> dict[str, Any]:
    from django.db import connection
    from django.utils import timezone

    from parley.messaging.models import Attempt, Lane
    from parley.numbers.models import PhoneNumber
    from tests.waiting import until

    house = a_house(10 * wish.texts)
    numbers = [house.number]
    for n in range(1, wish.numbers):
        number = f"+1855{2000000 + n}"
        numbers.append(
            PhoneNumber.objects.create(
                number=number, business=house.business, approved_at=timezone.now(), pace=0
            )
        )
    PhoneNumber.objects.update(pace=0)
    for number in numbers:
        Lane.objects.get_or_create(number=number, defaults={"next_at": timezone.now()})
        if wish.sandbox:
            world.add_number(number.number)
    workers = [f"texts#{n}" for n in range(wish.workers)]
    world.start(*workers)
    with connection.cursor() as cursor:
        until(lambda: _sessions(cursor) >= 2 * wish.workers, 30, what="the workers")
        processes = _processes(world, socket)
        before = {name: cpu_seconds(*pids) for name, pids in processes.items()}
        cursor.execute("SET synchronous_commit = on")
        cursor.execute(
            FILL, {"numbers": [n.pk for n in numbers], "business": house.business.pk, "texts": wish.texts}
        )
        filled = cpu_seconds(*processes["postgres"]) - before["postgres"]
        cursor.execute("NOTIFY parley_texts")

        # Looking costs what is being measured: seldom, and by what is small.
        until(
            lambda: not _one(cursor, "SELECT EXISTS (SELECT FROM messaging_outbox)"),
            600,
            what="the queue's end",
        )
        until(
            lambda: not _one(cursor, "SELECT EXISTS (SELECT FROM messaging_attempt WHERE state = 'sending')"),
            60,
            what="all outcomes",
        )
        if wish.sandbox:
            until(
                lambda: not _one(cursor, "SELECT count(*) FROM messaging_message WHERE state <> 'delivered'"),
                300,
                what="all receipts",
            )
        spent = {name: cpu_seconds(*pids) - before[name] for name, pids in _processes(world, socket).items()}
        spent["postgres"] -= filled
        cursor.execute(
            "SELECT extract(epoch FROM max(answered_at) - min(started_at))::float8, count(*) FROM messaging_attempt"
        )
        seconds, attempts = cursor.fetchone()
        whole = _one(
            cursor,
            "SELECT extract(epoch FROM max(m.changed_at) - min(a.started_at))::float8 FROM messaging_attempt a"
            " JOIN messaging_message m ON m.id = a.message_id",
        )
    _verify(world, wish, bare)
    assert attempts == wish.texts, f"{attempts} attempts for {wish.texts} texts"
    assert not Attempt.objects.exclude(state="bound").exists()
    result = {
        "bench": "outbound",
        "carrier": "sandbox, with receipts" if wish.sandbox else "bare socket",
        "texts": wish.texts,
        "numbers": wish.numbers,
        "workers": wish.workers,
        "handed_over_per_second": round(wish.texts / seconds),
        "cpu_us_per_text": {name: round(1e6 * value / wish.texts) for name, value in spent.items()},
        "verified_rows": wish.texts,
    }
    if wish.sandbox:
        result["delivered_per_second"] = round(wish.texts / whole)
    return result | {"machine": machine()}


def _processes(world: Any, socket: int) -> Mapping[str, list[int]]:
    pids = {name.partition("#")[0]: [] for name in world.children}
    for name, child in world.children.items():
        pids[name.partition("#")[0]].append(child.pid)
    server = int(next((Path(world.folder) / "postgres").glob("data-*/postmaster.pid")).read_text().split()[0])
    return {**pids, "carrier": [socket], "postgres": family(server)}


def _sessions(cursor: Any) -> int:
    return _one(cursor, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'parley %'")


def _one(cursor: Any, query: str) -> Any:
    cursor.execute(query)
    return cursor.fetchone()[0]


def _verify(world: Any, wish: argparse.Namespace, bare: str) -> None:
    """Every text against what the carrier took."""
    from parley.messaging.models import Attempt

    if wish.sandbox:
        taken = [(row["sid"], row["to"], row["body"]) for row in world.truth()]
    else:
        with urllib.request.urlopen(f"{bare}/taken", timeout=60) as answer:
            taken = [tuple(json.loads(line)) for line in answer]
    state = "delivered" if wish.sandbox else "accepted"
    ours = set(
        Attempt.objects.filter(message__state=state).values_list("carrier_id", "recipient", "message__body")
    )
    assert len(taken) == wish.texts, f"the carrier took {len(taken)} of {wish.texts}"
    assert set(taken) == ours, "what the carrier took is not what was sent"


if __name__ == "__main__":
    main()
