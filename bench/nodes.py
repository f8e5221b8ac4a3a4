"""Texting on 1, 2 and 4 machines on one PostgreSQL server: what a text costs, and what a cut network loses.

    python bench/nodes.py [--nodes 1,2,4] [--texts 2000] [--seed 1] [--rounds 2] [--faults 5] [--pace 25] [--seconds 12]
                          [--only calm|paced|faults|hold]

Needs root: each machine is a network namespace with `parley web` and `parley texts` of its own, the carrier is
another, and PostgreSQL is reached by TCP (bench/network.py). Texts go out, with receipts, and as many come in, spread
over the machines' web servers.

    calm     CPU of a text, out and in, of all machines' processes and PostgreSQL, when many wait: rounds of 1, 2 and 4
             machines in turn, and of one machine with as many processes as four have ("1x4"): what many processes cost
             on few cores, and what many machines add to that
    paced    the same where each machine gets as much as one alone, so many texts a second out and in, and no core is
             busy all the time (`held`: how much of that pace was kept). In `calm` four machines share one machine's
             load, and each finds a quarter as much at each look; that is a cost of being idle, not of being many
    faults   while texts flow, machines are cut off (for less and for more than the lease), lose only the database or
             only the carrier, or are killed, and come back; another one is well when it begins
    hold     how long a machine that is cut off takes to notice, and how long its locks hold back the others

Judged by the sandbox's truth log against the database, after all is settled: `lost`, `doubled` and `misshown` texts,
`acked_lost` webhooks (answered 2xx and not in the database), `unsettled` ones. Prints one JSON line; the exit code is
1 if anything was lost, doubled or misshown. Times are a tenth of life's (PARLEY_PATIENCE), all but the network's.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import cpu_seconds, family, ground, machine  # noqa: E402
from bench.network import (  # noqa: E402
    CARRIER,
    DATABASE,
    FIRST_NODE,
    FRONT,
    SANDBOX_PORT,
    WEB_PORT,
    Front,
    Machine,
    Network,
    on_the_network,
    parley,
)

NUMBERS = 8
CLIENTS = 500  # of each number
# How many texts of one round are on their way to each machine at once, so that a webhook's answer never waits behind
# them all.
IN_AT_ONCE = 32
# So many texts for each machine before a round counts.
WARM = 400
IDLE = 5.0  # seconds for which machines are watched that have nothing to do
PATIENCE = 0.1
LEASE = 6.0  # seconds, at this patience

# What may happen to a machine, and for how many seconds. A cut that is longer than the lease is longer than what our
# side needs to notice (9 s), too.
FAULTS = {
    "cut": (1.0, 4.0),
    "cut past the lease": (LEASE + 5.0, LEASE + 7.0),
    "no database": (2.0, 12.0),
    "no carrier": (2.0, 8.0),
    "killed": (0.5, 3.0),
}

FILL = """
    INSERT INTO clients_client
        (id, business_id, first_name, last_name, phone, email, tags, good_to_know, texting, created_at)
    SELECT gen_random_uuid(), %(business)s, 'C', n::text, '+1503' || (2000000 + %(place)s * 100000 + n), '', '{}', '',
           'ok', now()
    FROM generate_series(1, %(clients)s) n;
    INSERT INTO messaging_conversation (id, business_id, client_id, last_at, unread, waiting, created_at)
    SELECT gen_random_uuid(), business_id, id, now(), 0, false, now()
    FROM clients_client WHERE business_id = %(business)s
"""
QUEUE = """
    WITH texts AS (
        INSERT INTO messaging_message
            (id, business_id, conversation_id, direction, channel, kind, title, subject, body, state, reason, code,
             number_id, their_address, segments, media, carrier_id, at, changed_at)
        SELECT gen_random_uuid(), v.business_id, v.id, 'out', 'sms', 'direct', '', '',
               %(round)s || ' out ' || %(place)s || ' ' || n, 'queued', '', '', %(number)s, c.phone, 1, '[]', '',
               now(), now()
        FROM generate_series(%(begin)s, %(end)s - 1) n
        JOIN clients_client c ON c.business_id = %(business)s AND c.phone <> ''
             AND c.phone = '+1503' || (2000001 + %(place)s * 100000 + n %% %(clients)s)
        JOIN messaging_conversation v ON v.client_id = c.id
        RETURNING id, business_id, their_address
    )
    INSERT INTO messaging_outbox (message_id, business_id, number_id, recipient, priority, run_at, tries, past)
    SELECT id, business_id, %(number)s, their_address, 0, clock_timestamp(), 0, false FROM texts
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", default="1,2,4")
    parser.add_argument("--texts", type=int, default=2000, help="out in a round, and as many in")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--rounds", type=int, default=2, help="of the calm and the paced part, each with all numbers of nodes"
    )
    parser.add_argument("--pace", type=float, default=25, help="texts a second, out and in, of each machine")
    parser.add_argument("--seconds", type=float, default=12, help="of a paced round")
    parser.add_argument("--faults", type=int, default=5, help="for each number of nodes above 1")
    parser.add_argument("--only", choices=["calm", "paced", "faults", "hold"])
    wish = parser.parse_args()
    counts = [int(count) for count in wish.nodes.split(",")]
    with Network() as network, _server(network) as (folder, postmaster):
        said: dict[str, Any] = {"bench": "nodes", "seed": wish.seed, "texts": wish.texts}
        with on_the_network(network, folder) as world:
            field = Field(network, world, folder, postmaster, max(counts))
            if wish.only in (None, "calm"):
                said["calm"] = calm(field, counts, wish.texts, wish.rounds)
            if wish.only in (None, "paced"):
                said["paced"] = paced(field, counts, wish.pace, wish.seconds, wish.rounds)
            if wish.only in (None, "faults"):
                said["faults"] = [
                    faults(field, count, wish.texts, wish.faults, wish.seed) for count in counts if count > 1
                ]
            if wish.only in (None, "hold"):
                said["hold"] = hold(field)
        print(json.dumps(said | {"machine": machine()}))
    return 0 if field.right else 1


@contextlib.contextmanager
def _server(network: Network) -> Iterator[tuple[Path, int]]:
    """PostgreSQL on the network, and Django on it. Yields the run's folder and the server's process."""
    rules = Path(f"/run/parley-networks/{network.number}.hba")
    rules.write_text(f"local all all trust\nhost all all {network.address(0)}/24 trust\n")
    rules.chmod(0o644)
    settings = {"listen_addresses": network.address(DATABASE), "hba_file": str(rules)}
    with ground(server=settings) as folder:
        [pid_file] = (folder / "postgres").resolve().glob("data-*/postmaster.pid")
        yield folder, int(pid_file.read_text().split("\n")[0])


class Field:
    """The machines, the businesses that text, and the last word on each round."""

    def __init__(self, network: Network, world: Any, folder: Path, postmaster: int, most: int) -> None:
        self.network, self.world, self.folder, self.postmaster = network, world, folder, postmaster
        self.nodes = [network.machine(f"n{place}", FIRST_NODE + place) for place in range(most)]
        self.right = True
        self.houses = _houses()
        from tests.waiting import until

        until(lambda: world.answers(f"{world.sandbox_url}/sandbox/health"), 60, what="the sandbox")
        for house in self.houses:
            world.add_number(house.number.number)
            self._rescue(house.number.number)
        world.weather(delivery_seconds=[0.02, 0.2])

    def _rescue(self, number: str) -> None:
        """The webhook's address as reliability asks for: tried again whatever goes wrong."""
        entry = {"phone_number": number, "sms_url": f"{self.world.url}/hooks/twilio/text#rc=5&rp=all&rt=6000"}
        self.world.sandbox("PUT", "/sandbox/world", {"numbers": [entry]})

    def start(self, node: Machine, patience: float = PATIENCE, processes: int = 1) -> None:
        """Start `parley web` with so many processes, and as many `parley texts`."""
        own = self.folder / node.name
        own.mkdir(exist_ok=True)
        environment = self.world.environment | {
            "PARLEY_DATA": str(own),
            "PARLEY_BIND": node.address,
            "PARLEY_PORT": str(WEB_PORT),
            "PARLEY_PATIENCE": str(patience),
            "PARLEY_WEB_PROCESSES": str(processes),
        }
        for name in ("web", *(f"texts{n}" for n in range(processes))):
            with open(own / f"{name}.log", "ab") as log:
                node.start(name, parley(name.rstrip("0123456789")), environment, log)

    @contextlib.contextmanager
    def running(
        self, count: int, patience: float = PATIENCE, processes: int = 1
    ) -> Iterator[tuple[list[Machine], Front]]:
        """So many machines, well and known to the front; killed at the end."""
        from tests.waiting import until

        nodes = self.nodes[:count]
        try:
            for node in nodes:
                self.start(node, patience, processes)
            with Front(self.network.address(FRONT), [node.address for node in nodes]) as front:
                until(lambda: front.well == count, 90, what="the machines' start")
                yield nodes, front
        finally:
            for node in nodes:
                node.kill()

    def cost(self, nodes: Sequence[Machine]) -> dict[str, float]:
        """So far: microseconds of processor time of all machines' processes and PostgreSQL's, and its commits."""
        from django.db import connection

        spent: dict[str, float] = {}
        for name in ("web", "texts"):
            pids = [pid for first in _kind(nodes, name) for pid in family(first.pid)]
            spent[name] = cpu_seconds(*pids) * 1e6
        spent["postgres"] = cpu_seconds(*family(self.postmaster)) * 1e6
        with connection.cursor() as cursor:
            cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
            spent["commits"] = float(cursor.fetchone()[0])
        return spent

    def queue(self, name: str, begin: int, end: int) -> None:
        """Texts `begin` to `end` of a round, spread over all numbers."""
        from django.db import connection, transaction

        with transaction.atomic(), connection.cursor() as cursor:
            for place, house in enumerate(self.houses):
                share = [(n + NUMBERS - 1 - place) // NUMBERS for n in (begin, end)]
                if share[0] == share[1]:
                    continue
                cursor.execute(
                    QUEUE,
                    {
                        "business": house.business.pk,
                        "number": house.number.pk,
                        "round": name,
                        "place": place,
                        "begin": share[0],
                        "end": share[1],
                        "clients": CLIENTS,
                    },
                )
            cursor.execute("NOTIFY parley_texts")

    def come_in(self, name: str, numbers: Iterable[int]) -> None:
        """Clients write to us: the carrier has it from here on, and its webhook is on its way."""
        carrier = http.client.HTTPConnection(self.network.address(CARRIER), SANDBOX_PORT, timeout=30)
        with contextlib.closing(carrier):
            for number in numbers:
                place = number % NUMBERS
                handset = f"+1503{2000000 + place * 100000 + 1 + (number // NUMBERS) % CLIENTS}"
                said = {"to": self.houses[place].number.number, "body": f"{name} in {number}", "media": []}
                path = f"/sandbox/handsets/{handset}/texts"
                carrier.request("POST", path, json.dumps(said), {"Content-Type": "application/json"})
                answer = carrier.getresponse()
                answer.read()
                if answer.status >= 300:
                    raise SystemExit(f"the sandbox does not take a text: {answer.status}")

    def settled(self) -> bool:
        """Every text of ours has its end, every webhook its answer, and every event is read."""
        from parley.messaging.models import CarrierEvent, Message, Outbox

        # Asked often, of a server whose time is measured: what is read through comes last.
        health = self.world.sandbox("GET", "/sandbox/health")
        return (
            health["webhooks"]["waiting"] == 0
            and not Outbox.objects.exists()
            and not Message.objects.filter(direction="out")
            .exclude(state__in=["delivered", "failed"])
            .exists()
            and not CarrierEvent.objects.filter(done_at=None, trouble="").exists()
        )

    def judge(self, name: str, texts: int, seconds: float) -> dict[str, Any]:
        """The carrier's truth against what the database shows, when all is settled or `seconds` are over."""
        from parley.messaging.models import Message

        started = time.monotonic()
        while not self.settled() and time.monotonic() < started + seconds:
            time.sleep(0.2)
        settled = time.monotonic()
        truth = self.world.truth()
        taken = Counter(row["body"] for row in truth if row["direction"] == "outbound-api")
        became = {row["body"]: row["status"] for row in truth if row["direction"] == "outbound-api"}
        wrote = {row["sid"]: row for row in truth if row["direction"] == "inbound"}
        acked = {sid for sid, row in wrote.items() if any(200 <= call[1] < 300 for call in row["webhooks"])}
        ours = Message.objects.filter(body__startswith=f"{name} ")
        shown = dict(ours.filter(direction="out").values_list("body", "state"))
        came = Counter(ours.filter(direction="in").values_list("carrier_id", flat=True))
        words = dict(ours.filter(direction="in").values_list("carrier_id", "body"))
        verdict = {
            "out": len(shown),
            "in": len(came),
            "lost": texts
            - len(shown)
            + sum(state != "failed" and not taken[body] for body, state in shown.items()),
            "doubled": sum(count - 1 for count in taken.values())
            + sum(count - 1 for count in came.values() if count > 1),
            "misshown": sum(became.get(body, "failed") != state for body, state in shown.items())
            + sum(words[sid] != wrote[sid]["body"] for sid in words if sid in wrote),
            "acked_lost": len(acked - set(came)),
            "strange": len(set(taken) - set(shown)) + len(set(came) - set(wrote)),
            "unsettled": sum(state not in ("delivered", "failed") for state in shown.values()),
            "failed": sum(state == "failed" for state in shown.values()),
            "not_acked": len(wrote) - len(acked),
            "settling_secs": round(settled - started, 1),
            "judging_secs": round(time.monotonic() - settled, 1),
        }
        wrong = ("lost", "doubled", "misshown", "acked_lost", "strange", "unsettled")
        self.right = self.right and len(wrote) == texts and not any(verdict[key] for key in wrong)
        self.world.sandbox("DELETE", "/sandbox/truth")
        print(name, json.dumps(verdict), file=sys.stderr, flush=True)
        return verdict


def _houses() -> list[Any]:
    from django.db import connection

    from tests.people import make_house

    houses = [make_house(f"House{place} Studio", f"+1855555{1000 + place}") for place in range(NUMBERS)]
    with connection.cursor() as cursor:
        for place, house in enumerate(houses):
            cursor.execute(FILL, {"business": house.business.pk, "place": place, "clients": CLIENTS})
        cursor.execute("ANALYZE")
    return houses


def calm(field: Field, counts: Sequence[int], texts: int, rounds: int) -> dict[str, Any]:
    """CPU microseconds of a text, out or in, on each number of machines: the median of all rounds."""
    # Machines, and processes of each kind on each.
    sizes = {str(count): (count, 1) for count in counts}
    if counts[0] == 1 < counts[-1]:
        sizes[f"1x{counts[-1]}"] = 1, counts[-1]
    costs: dict[str, list[dict[str, float]]] = {size: [] for size in sizes}
    rates: dict[str, list[float]] = {size: [] for size in sizes}
    idle: dict[str, list[float]] = {size: [] for size in sizes}
    wrong: Counter[str] = Counter()
    for turn in range(rounds):
        # Each in another place of each round: what drifts, drifts for all.
        for size in list(sizes) if turn % 2 == 0 else list(sizes)[::-1]:
            name, (count, processes) = f"calm{turn} {size}", sizes[size]
            at_once = count * processes
            # In life's own time: what loops do by the clock would else count ten times.
            with field.running(count, patience=1.0, processes=processes) as (nodes, _):
                # For each process: what is done once is no text's cost.
                warm = WARM * at_once
                _flow(field, f"warm{name}", 0, warm, seconds=0, machines=at_once)
                wrong += _wrong(field.judge(f"warm{name}", warm, 60))
                idle[size].append(_idle(field, nodes))
                before = field.cost(nodes)
                # All of it waits before they begin: else the rate at which this process and the sandbox make texts,
                # on the same cores, would decide how few of them each look finds.
                _signal(nodes, signal.SIGSTOP)
                _flow(field, name, 0, texts, seconds=0, machines=at_once)
                _signal(nodes, signal.SIGCONT)
                began = time.monotonic()
                verdict = field.judge(name, texts, 300)
                rates[size].append(2 * texts / (time.monotonic() - began - verdict["judging_secs"]))
                after = field.cost(nodes)
            wrong += _wrong(verdict)
            spent = {part: round((after[part] - before[part]) / (2 * texts), 2) for part in before}
            print(size, json.dumps(spent), file=sys.stderr, flush=True)
            costs[size].append(spent)
    return {
        **_told(costs),
        "texts_a_second": {size: round(statistics.median(all_of)) for size, all_of in rates.items()},
        "idle_ms_a_second": {size: round(statistics.median(all_of), 1) for size, all_of in idle.items()},
        "rounds": rounds,
        **dict(wrong),
    }


def paced(field: Field, counts: Sequence[int], pace: float, seconds: float, rounds: int) -> dict[str, Any]:
    """CPU microseconds of a text where each machine has as much to do as one alone: the median of all rounds."""
    from tests.waiting import until

    costs: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    took: dict[int, list[float]] = {count: [] for count in counts}
    wrong: Counter[str] = Counter()
    for turn in range(rounds):
        for count in counts if turn % 2 == 0 else counts[::-1]:
            name, texts = f"paced{turn}x{count}", round(pace * seconds) * count
            with field.running(count, patience=1.0) as (nodes, _):
                _flow(field, f"warm{name}", 0, WARM * count, seconds=0, machines=count)
                wrong += _wrong(field.judge(f"warm{name}", WARM * count, 60))
                before, began = field.cost(nodes), time.monotonic()
                _keep_pace(field, name, texts, count, pace)
                took[count].append(2 * texts / (time.monotonic() - began))
                until(field.settled, 60, what="the last of the paced texts")
                after = field.cost(nodes)
                wrong += _wrong(field.judge(name, texts, 60))
            spent = {part: round((after[part] - before[part]) / (2 * texts), 2) for part in before}
            print(count, "paced", json.dumps(spent), file=sys.stderr, flush=True)
            costs[count].append(spent)
    return {
        **_told({str(count): all_of for count, all_of in costs.items()}),
        "held": {
            count: round(statistics.median(all_of) / (2 * pace * count), 2) for count, all_of in took.items()
        },
        "each_way_a_machine": pace,
        "rounds": rounds,
        **dict(wrong),
    }


def _keep_pace(field: Field, name: str, texts: int, machines: int, pace: float) -> None:
    """So many writers as machines: each sends a text, and receives one, `pace` times a second."""
    began = time.monotonic()

    def now_and_then(place: int) -> Iterator[int]:
        for turn, number in enumerate(range(place, texts, machines)):
            time.sleep(max(0.0, began + (turn + place / machines) / pace - time.monotonic()))
            field.queue(name, number, number + 1)
            yield number

    def write(place: int) -> None:
        from django.db import connection

        try:
            field.come_in(name, now_and_then(place))
        finally:
            connection.close()

    with ThreadPoolExecutor(machines) as writers:
        list(writers.map(write, range(machines)))


def _told(costs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """The median cost of a text on each number of machines, whole and by its parts; and to that of the first."""
    whole = {
        count: statistics.median(one["web"] + one["texts"] + one["postgres"] for one in all_of)
        for count, all_of in costs.items()
    }
    one = next(iter(whole.values()))
    return {
        "cpu_us_a_text": {count: round(figure) for count, figure in whole.items()},
        "times_one_node": {count: round(figure / one, 2) for count, figure in whole.items()},
        "parts": {
            count: {part: round(statistics.median(one[part] for one in all_of), 2) for part in all_of[0]}
            for count, all_of in costs.items()
        },
    }


def _idle(field: Field, nodes: Sequence[Machine]) -> float:
    """What all of them cost, in milliseconds a second, while there is nothing to do."""
    before, began = field.cost(nodes), time.monotonic()
    time.sleep(IDLE)
    after, took = field.cost(nodes), time.monotonic() - began
    return sum(after[part] - before[part] for part in ("web", "texts", "postgres")) / 1e3 / took


def _kind(nodes: Sequence[Machine], name: str) -> list[subprocess.Popen[bytes]]:
    """All processes of this name on these machines, however many each has."""
    return [
        process for node in nodes for called, process in node.processes.items() if called.startswith(name)
    ]


def _signal(nodes: Sequence[Machine], number: signal.Signals) -> None:
    for process in _kind(nodes, "texts"):
        process.send_signal(number)


def _wrong(verdict: dict[str, Any]) -> Counter[str]:
    return Counter(
        {key: verdict[key] for key in ("lost", "doubled", "misshown", "acked_lost", "strange", "unsettled")}
    )


def _flow(field: Field, name: str, begin: int, end: int, seconds: float, machines: int = 1) -> None:
    """Texts out and in, evenly over so many seconds (0: as fast as it goes)."""
    parts = max(1, int(seconds * 2))
    began = time.monotonic()
    clients_at_once = IN_AT_ONCE * machines
    with ThreadPoolExecutor(clients_at_once) as clients:
        for part in range(parts):
            now = [begin + (end - begin) * place // parts for place in (part, part + 1)]
            field.queue(name, *now)
            shares = [range(now[0] + place, now[1], clients_at_once) for place in range(clients_at_once)]
            list(clients.map(lambda share: field.come_in(name, share), shares))
            time.sleep(max(0.0, began + seconds * (part + 1) / parts - time.monotonic()))


def faults(field: Field, count: int, texts: int, how_many: int, seed: int) -> dict[str, Any]:
    """Machines go and come back while texts flow; afterwards nothing may be lost, doubled or shown otherwise."""
    from tests.waiting import until

    dice = random.Random(f"{seed} {count}")
    kinds = (list(FAULTS) * (how_many // len(FAULTS) + 1))[:how_many]
    dice.shuffle(kinds)
    plan = [(kind, dice.randrange(count), dice.uniform(*FAULTS[kind])) for kind in kinds]
    name = f"faults{count}"
    started = time.monotonic()
    with field.running(count) as (nodes, front):
        flowing = threading.Thread(
            target=_flow, args=(field, name, 0, texts, sum(length for *_, length in plan) + how_many)
        )
        flowing.start()
        for kind, place, length in plan:
            time.sleep(dice.uniform(0.3, 0.8))
            until(lambda: front.well_beside(nodes[place].address), 60, what="another that is well")  # noqa: B023
            befall(field, nodes[place], kind, length)
        flowing.join()
        until(lambda: front.well == count, 60, what="the machines' return")
        verdict = field.judge(name, texts, 90)
    return {
        "nodes": count,
        "befell": dict(Counter(kind for kind, *_ in plan)),
        "away_secs": round(sum(length for *_, length in plan), 1),
        **verdict,
        "secs": round(time.monotonic() - started, 1),
    }


def befall(field: Field, node: Machine, kind: str, seconds: float) -> None:
    """Let it happen, and end."""
    if kind == "killed":
        node.kill()
    elif kind == "no database":
        node.lose(DATABASE)
    elif kind == "no carrier":
        node.lose(CARRIER)
    else:
        node.cut()
    time.sleep(seconds)
    if kind == "killed":
        field.start(node)
    else:
        node.mend()


HOLDER = """
import asyncio, time
import django; django.setup()
import psycopg
from parley.live.dsn import conninfo
from parley.messaging.delivery import HELD_ON
from parley.messaging.patience import Patience

async def one(name, let_go, *statements):
    db = await psycopg.AsyncConnection.connect(conninfo(name, let_go), autocommit=True)
    for statement in statements:
        await db.execute(statement)
    print("holds", name, flush=True)
    try:
        # Idle, and asked for news as a loop does; or at work for longer than this lasts.
        if name == "at work":
            await db.execute("SELECT pg_sleep(600)")
        async for _ in db.notifies():
            pass
    except psycopg.Error:
        print("noticed", name, time.time(), flush=True)

async def all_of_them():
    from parley.live.dsn import LET_GO
    await asyncio.gather(
        one("in a transaction", LET_GO, "BEGIN", "SELECT pg_advisory_xact_lock(1, 1)"),
        one("at work", LET_GO, "BEGIN", "SELECT pg_advisory_xact_lock(1, 2)"),
        one("handing over", int(Patience().stale) + HELD_ON, "SELECT pg_advisory_lock(1, 3)"),
    )

asyncio.run(all_of_them())
"""


def hold(field: Field) -> dict[str, Any]:
    """Cut one machine off whose sessions hold locks, and look from outside how long they last. In seconds."""
    from django.db import connection

    node = field.nodes[0]
    environment = field.world.environment | {"DJANGO_SETTINGS_MODULE": "parley.config.settings"}
    child = node.start("holder", [sys.executable, "-c", HOLDER], environment, subprocess.PIPE)
    assert child.stdout is not None
    held = {}
    for _ in range(3):
        line = child.stdout.readline().decode().strip()
        assert line.startswith("holds"), line
    node.cut()
    cut_at = time.time()
    names = {1: "in a transaction", 2: "at work", 3: "handing over"}
    with connection.cursor() as cursor:
        while len(held) < 3 and time.time() < cut_at + 120:
            for key in names.keys() - held.keys():
                cursor.execute("SELECT pg_try_advisory_lock(1, %s)", [key])
                if cursor.fetchone()[0]:
                    held[key] = time.time() - cut_at
            time.sleep(0.1)
    node.mend()
    noticed = {}
    while (line := child.stdout.readline().decode().strip()).startswith("noticed"):
        words = line.split(" ")
        noticed[" ".join(words[1:-1])] = round(float(words[-1]) - cut_at, 1)
    node.kill()
    field.right = field.right and len(held) == 3 and max(noticed.values(), default=99) < 12
    return {
        "noticed_secs": noticed,
        "held_back_secs": {name: round(held.get(key, 120.0), 1) for key, name in names.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
