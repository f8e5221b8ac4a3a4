"""Beside a bulk of 100,000 texts, how long does a text that a member writes wait? Prints one JSON line.

    python bench/neighbours.py [--texts 100000] [--seconds 40] [--campaign]

One business has a bulk of automatic texts queued on its number, of one to three segments each, by SQL. Or, with
`--campaign`, it sends a campaign to so many clients, which a `parley jobs` prepares and writes. Beside it a member of
that business and one of another write one text a second each, `--seconds` long at a pace of 3 segments a second, what a
toll-free number has, and as long at none. A bare socket plays the carrier and notes when each request begins. A direct
text's wait runs from its commit to that moment (beside a campaign: from before it is written); the 99th percentile must
stay under 2 s, and the exit code is 1 if it does not, or if a text is missing, doubled or not taken as it is shown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, cpu_seconds, family, ground, machine  # noqa: E402

BULK = "Bulk number "
BOUND = 2.0


class Carrier(threading.Thread):
    """Takes every text at once, and notes when (time.time) its request had come in whole, by its words."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.loop = asyncio.new_event_loop()
        self.taken: dict[str, float] = {}
        self.doubled = 0
        self.url = ""
        self._up = threading.Event()

    def run(self) -> None:
        async def listen() -> None:
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            self._up.set()

        self.loop.run_until_complete(listen())
        self.loop.run_forever()

    def ready(self) -> Carrier:
        self.start()
        self._up.wait(10)
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET "):
                    # Parley reads the carrier's log now and then: there is nothing in it that no webhook brought.
                    none = b'{"messages": []}'
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(none) + none)
                    continue
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                body = parse_qs((await reader.readexactly(length)).decode())["Body"][0]
                if body in self.taken:
                    self.doubled += 1
                else:
                    self.taken[body] = time.time()
                raw = b'{"sid": "SM%s", "status": "queued"}' % uuid4().hex.encode()
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def multiply(row: Any, count: int, **columns: str) -> None:
    """Insert so many copies of a row; `columns` are SQL of `n`, from 1 on."""
    from django.db import connection

    fields = [field.column for field in row._meta.concrete_fields if not field.generated]
    values = ", ".join(columns.get(name, f't."{name}"') for name in fields)
    table, key = row._meta.db_table, row._meta.pk.column
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{table}" ({", ".join(f"{chr(34)}{name}{chr(34)}" for name in fields)}) '
            f'SELECT {values} FROM "{table}" t, generate_series(1, %s) n WHERE t."{key}" = %s',
            [count, row.pk],
        )


def queue_bulk(house: Any, texts: int) -> None:
    """One automatic text for each of so many clients."""
    from django.db import connection

    from parley.messaging.models import Message, Outbox
    from parley.messaging.sending import send

    first = send(house.owner, house.client(phone="+12012000000"), channel="sms", body=f"{BULK}0")
    Message.objects.filter(pk=first.pk).update(kind="transactional", author=None, title="Reminder")
    Outbox.objects.filter(pk=first.pk).update(priority=1)
    first = Message.objects.get(pk=first.pk)

    def id(kind: str) -> str:
        return f"md5('{kind}' || n)::uuid"

    phone = "'+1' || (2012000000 + n)"
    conversation = first.conversation
    multiply(conversation.client, texts - 1, id=id("client"), phone=phone)
    # Each names a message as its last, and each message its conversation: checked at the commit.
    multiply(conversation, texts - 1, id=id("talk"), client_id=id("client"), last_message_id="NULL::uuid")
    multiply(
        first,
        texts - 1,
        id=id("text"),
        conversation_id=id("talk"),
        their_address=phone,
        body=f"'{BULK}' || n",
        segments="1 + n %% 3",
        client_key="NULL::uuid",
    )
    multiply(Outbox.objects.get(pk=first.pk), texts - 1, message_id=id("text"), recipient=phone)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def write_beside(
    houses: dict[str, Any], clients: dict[str, Any], seconds: int, name: str, *, from_before: bool = False
) -> dict[str, float]:
    """One direct text a second from each house. When (time.time) each was committed, by its words.

    `from_before`: when its writing began.
    """
    from parley.messaging.sending import send

    committed: dict[str, float] = {}
    began = time.monotonic()
    for n in range(seconds):
        time.sleep(max(0.0, began + n - time.monotonic()))
        for who, house in houses.items():
            body = f"{name}, {who}, {n}"
            asked = time.time()
            send(house.owner, clients[who][n % len(clients[who])], channel="sms", body=body)
            committed[body] = asked if from_before else time.time()
    return committed


def waits(committed: dict[str, float], carrier: Carrier, who: str) -> dict[str, float]:
    mine = sorted(
        max(0.0, carrier.taken[body] - at) for body, at in committed.items() if body.split(", ")[1] == who
    )
    return {
        "p50": round(statistics.median(mine), 3),
        "p99": round(mine[min(len(mine) - 1, int(len(mine) * 0.99))], 3),
        "max": round(mine[-1], 3),
    }


def begin_campaign(house: Any, texts: int) -> Any:
    """A campaign to so many clients, whose time has come."""
    from bench import marketing
    from parley.campaigns import control

    marketing.numbers(0.0)
    marketing.fill(house, texts, mixed=False, zone=marketing.noon())
    campaign = marketing.a_campaign(house)
    control.schedule(campaign, house.owner)
    return campaign


def run(world: Any, carrier: Carrier, texts: int, seconds: int, *, campaign: bool = False) -> dict[str, Any]:
    from parley.messaging.models import Message
    from parley.numbers.models import PhoneNumber
    from tests.people import make_house
    from tests.waiting import until

    bulk = a_house(10 * texts)
    beside = make_house("Alder Physio", "+18555550167")
    houses = {"same": bulk, "another": beside}
    clients = {
        who: [house.client(f"D{n}", phone=f"+1503{5550100 + n}") for n in range(20)]
        for who, house in houses.items()
    }
    began = time.monotonic()
    # Those whom the direct texts go to have not agreed to offers.
    sending = begin_campaign(bulk, texts) if campaign else queue_bulk(bulk, texts)
    queued = time.monotonic() - began
    clock = ["jobs"] if campaign else []
    result: dict[str, Any] = {}
    committed: dict[str, float] = {}
    for name, pace in (("paced", 3.0), ("unpaced", 0.0)):
        PhoneNumber.objects.update(pace=pace)
        before = len(carrier.taken)
        world.start("texts", *clock)
        # A campaign is prepared first.
        until(lambda: len(carrier.taken) > before, 120, what="the first text")  # noqa: B023
        pids = family(world.children["texts"].pid)
        before, cpu, at = len(carrier.taken), cpu_seconds(*pids), time.monotonic()
        clocks = [pid for name in clock for pid in family(world.children[name].pid)]
        clocks_cpu = cpu_seconds(*clocks)
        mine = write_beside(houses, clients, seconds, name, from_before=campaign)
        until(lambda: all(body in carrier.taken for body in mine), 60, what="the direct texts")  # noqa: B023
        took = len(carrier.taken) - before
        result[name] = {
            "beside": took - len(mine),
            "per_second": round(took / (time.monotonic() - at), 1),
            "texts_cpu_us": round((cpu_seconds(*pids) - cpu) / took * 1e6),
            **({"jobs_cpu_us": round((cpu_seconds(*clocks) - clocks_cpu) / took * 1e6)} if clock else {}),
            **{who: waits(mine, carrier, who) for who in houses},
        }
        committed |= mine
        # Stopped, it finishes and records what it has begun.
        for one in [*clock, "texts"]:
            world.stop(one)
    bulk_texts = texts
    if campaign:
        bulk_texts = sending.recipients.exclude(message_id=None).count()
        sending.refresh_from_db()
        assert sending.fit == texts
    shown = Counter(dict(Message.objects.values_list("body", "state")).values())
    wrong = {
        "doubled": carrier.doubled,
        "missing": sum(body not in carrier.taken for body in committed),
        "misshown": abs(shown["accepted"] - len(carrier.taken)) + shown["failed"] + shown["unknown"],
        "rows": bulk_texts + len(committed) - Message.objects.count(),
    }
    late = [
        f"{name}, {who}"
        for name in ("paced", "unpaced")
        for who in houses
        if result[name][who]["p99"] >= BOUND
    ]
    return {
        "bench": "neighbours",
        "bulk": "campaign" if campaign else "queued",
        "texts": texts,
        "queued_secs": round(queued, 1),
        **result,
        "wrong": wrong,
        "late": late,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=40, help="of each of the two paces")
    parser.add_argument("--campaign", action="store_true", help="the bulk is a campaign that is being sent")
    wish = parser.parse_args()
    with ground(durable=True) as folder:
        from tests.world import a_world

        carrier = Carrier().ready()
        with a_world(folder, patience=1.0) as world:
            world.environment["PARLEY_TWILIO_API_URL"] = carrier.url
            result = run(world, carrier, wish.texts, wish.seconds, campaign=wish.campaign)
    print(json.dumps(result | {"machine": machine()}))
    sys.exit(1 if any(result["wrong"].values()) or result["late"] else 0)


if __name__ == "__main__":
    main()
