"""Kannel and Parley in turn on this machine: texts a second and processor time of a text. Prints one JSON line.

    python bench/peers.py [--rounds 3] [--texts 10000] [--stores none,file,spool] [--only out|in] [--kannel-only]

Needs Kannel 1.4.5 (`apt-get install kannel`; nothing is installed by this script, and without it one line says so).

    out    Kannel: HTTP sendsms -> smsbox -> bearerbox -> HTTP carrier; Parley: bench/outbound.py
    in     Kannel: HTTP from a carrier -> bearerbox -> smsbox -> HTTP to an application; Parley: bench/inbound.py

Rounds go Kannel, Parley, Kannel, Parley: what else the machine does falls on both. Figures are medians, ratios those
of one round. Each text is told apart by its words and counted where it must arrive: one that is missing or doubled
ends the run without a figure. What Kannel stores, it never hands to the disk (it calls no fsync); Parley does.
Kannel's `out` includes taking the text over HTTP, Parley's begins with a committed queue: see docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import uvloop
from ground import ROOT, cpu_seconds, family, machine

CONNECTIONS = 64
# Parley's own benches: how they are asked for so many texts, and where their line holds rates and costs. Two steps are
# timed one after the other, so a text takes the sum of both; what stands in for the carrier costs nothing.
PARLEY = {
    "out": (["bench/outbound.py", "--texts"], ["handed_over_per_second"], ["cpu_us_per_text"]),
    "in": (
        ["bench/inbound.py", "--texts"],
        ["accepted_per_second", "read_per_second"],
        ["accept_cpu_us", "read_cpu_us"],
    ),
}
NOT_OURS = {"carrier", "sandbox"}

CONFIGURATION = """
group = core
admin-port = {admin}
admin-password = only-for-this-bench
smsbox-port = {box}
box-allow-ip = 127.0.0.1
dlr-storage = internal
log-file = {folder}/bearerbox.log
log-level = 3
{store}

group = smsc
smsc = http
smsc-id = carrier
system-type = kannel
smsc-username = bench
smsc-password = bench
port = {carrier}
connect-allow-ip = 127.0.0.1
send-url = http://127.0.0.1:{sink}/sms

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
global-sender = 13013
log-file = {folder}/smsbox.log
log-level = 3

group = sendsms-user
username = bench
password = bench
max-messages = 1
concatenation = false

group = sms-service
keyword = default
get-url = "http://127.0.0.1:{sink}/sms?from=%p&text=%b"
max-messages = 0
catch-all = true
"""
STORES = {
    "none": "",
    "file": "store-type = file\nstore-location = {folder}/store",
    "spool": "store-type = spool\nstore-location = {folder}/spool",
}
WORDS = "Hi+First%2C+a+reminder+of+your+visit+on+Thursday+at+2%3A45+PM+at+Juniper+Hair+Studio.+No.+"
ANSWER = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n\r\n0: Accepted for delivery"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--stores", default="none,file,spool")
    parser.add_argument("--only", choices=["out", "in"])
    parser.add_argument("--kannel-only", action="store_true")
    parser.add_argument("--sink", type=int, help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.sink:
        uvloop.run(sink(wish.sink))
        return
    if not (shutil.which("bearerbox") and shutil.which("smsbox")):
        print(json.dumps({"bench": "peers", "left_out": "Kannel is not installed (apt-get install kannel)"}))
        return
    result: dict[str, Any] = {"bench": "peers", "texts": wish.texts, "rounds": wish.rounds}
    for direction in ("out", "in"):
        if wish.only in (None, direction):
            result[direction] = compare(direction, wish)
    print(json.dumps(result | {"machine": machine()}))


def compare(direction: str, wish: argparse.Namespace) -> dict[str, Any]:
    """Rounds of every kind of Kannel's, each followed by one of Parley's."""
    rates: dict[str, list[float]] = {}
    costs: dict[str, list[float]] = {}
    ratios: dict[str, list[float]] = {}
    for _ in range(wish.rounds):
        for store in wish.stores.split(","):
            name = f"kannel {store}"
            theirs, cost = kannel(direction, store, wish.texts)
            rates.setdefault(name, []).append(theirs)
            costs.setdefault(name, []).append(cost)
            if wish.kannel_only:
                continue
            ours, cost = parley(direction, wish.texts)
            rates.setdefault("parley", []).append(ours)
            costs.setdefault("parley", []).append(cost)
            ratios.setdefault(store, []).append(ours / theirs)
    return {
        "texts_per_second": {name: round(statistics.median(all_of)) for name, all_of in rates.items()},
        "cpu_us_per_text": {name: round(statistics.median(all_of)) for name, all_of in costs.items()},
        "parley_to_kannel": {store: round(statistics.median(all_of), 2) for store, all_of in ratios.items()},
    }


def parley(direction: str, texts: int) -> tuple[float, float]:
    """Texts a second and CPU microseconds of a text, as Parley's own bench says. Raises SystemExit with its words."""
    command, rates, costs = PARLEY[direction]
    done = subprocess.run(
        [sys.executable, *command, str(texts)], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"{command[0]} failed: {done.stderr.strip()[-1000:]}")
    line: Mapping[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    spent = sum(value for cost in costs for name, value in line.get(cost, {}).items() if name not in NOT_OURS)
    return 1 / sum(1 / line[rate] for rate in rates), float(spent)


def kannel(direction: str, store: str, texts: int) -> tuple[float, float]:
    """Texts a second and CPU microseconds of a text, from the first request to the last arrival."""
    with boxes(store) as (ports, pids):
        given = "username=bench&password=bench&from=13013&to=%2B1503{0}&text=" + WORDS + "{1}"
        if direction == "out":
            port, path = ports["sendsms"], "/cgi-bin/sendsms?" + given
        else:
            port, path = ports["carrier"], "/sms?" + given
        paths = [path.format(2000000 + n, n) for n in range(texts)]
        before = cpu_seconds(*pids)
        began = time.monotonic()
        uvloop.run(ask(port, paths))
        while (count := int(look(ports["sink"], "/count"))) < texts:
            if time.monotonic() > began + 300:
                raise SystemExit(f"kannel {store}: only {count} of {texts} arrived")
            time.sleep(0.02)
        seconds = float(look(ports["sink"], "/last")) - began
        spent = cpu_seconds(*pids) - before
        arrived = Counter(json.loads(look(ports["sink"], "/taken")))
    wrong = [n for n in range(texts) if arrived[str(n)] != 1]
    if wrong or len(arrived) != texts:
        raise SystemExit(f"kannel {store}: {len(wrong)} texts missing or doubled")
    return texts / seconds, spent / texts * 1e6


@contextlib.contextmanager
def boxes(store: str) -> Iterator[tuple[dict[str, int], list[int]]]:
    """Kannel's two processes and the socket at the far end. Yields ports by name, and Kannel's processes."""
    names = ("admin", "box", "carrier", "sendsms", "sink")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        (Path(folder) / "spool").mkdir()
        configuration = Path(folder) / "kannel.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=folder, store=STORES[store].format(folder=folder), **ports)
        )

        def start(*command: str) -> int:
            quiet = subprocess.DEVNULL
            started.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=folder))
            return started[-1].pid

        try:
            start(sys.executable, str(Path(__file__).resolve()), "--sink", str(ports["sink"]))
            wait_for(ports["sink"])
            bearerbox = start("bearerbox", "-v", "4", str(configuration))
            wait_for(ports["carrier"])
            smsbox = start("smsbox", "-v", "4", str(configuration))
            wait_for(ports["sendsms"])
            # Both listen a little before they have found each other.
            until_online(ports["admin"])
            yield ports, [*family(bearerbox), *family(smsbox)]
        finally:
            for process in reversed(started):
                process.send_signal(signal.SIGTERM)
            for process in reversed(started):
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def free_ports(count: int) -> list[int]:
    """Free ports below those that the system gives to clients: none is taken between this look and its use."""
    found: list[int] = []
    for port in random.sample(range(20010, 29000), 1000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
            if len(found) == count:
                return found
    raise SystemExit("no free ports from 20010 to 29000")


def wait_for(port: int) -> None:
    for _ in range(1500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


def until_online(admin: int) -> None:
    """Wait for the carrier and the smsbox to be on line, as Kannel's own status page says."""
    for _ in range(1500):
        with contextlib.suppress(OSError):
            status = look(admin, "/status.txt?password=only-for-this-bench")
            if "smsbox:" in status and "(online" in status:
                return
        time.sleep(0.02)
    raise SystemExit("Kannel did not come on line")


def look(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return str(answer.read().decode())


async def ask(port: int, paths: Sequence[str]) -> None:
    """GET all of these over CONNECTIONS kept-alive connections; each must be accepted."""
    waiting = iter(paths)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in waiting:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            if b" 202 " not in head.split(b"\r\n", 1)[0] + b" " and b" 200 " not in head:
                raise SystemExit(f"not accepted: {head[:80]!r} {body[:80]!r}")
        writer.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


class Sink(asyncio.Protocol):
    """The carrier, or the application, at the far end: it takes everything and remembers its number."""

    taken: ClassVar[list[str]] = []
    last: ClassVar[float] = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            target = self.received[:end].split(b" ", 2)[1].decode()
            self.received = self.received[end + 4 :]
            if target.startswith("/sms"):
                Sink.taken.append(target)
                Sink.last = time.monotonic()
                self.transport.write(ANSWER)
                continue
            said = {"/count": str(len(Sink.taken)), "/last": str(Sink.last)}.get(target) or json.dumps(
                [parse_qs(urlsplit(one).query)["text"][0].rpartition(" ")[2] for one in Sink.taken]
            )
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\n\r\n"
            self.transport.write(head.encode() + said.encode())


async def sink(port: int) -> None:
    """Serve until told to stop."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with server:
        await over.wait()


if __name__ == "__main__":
    main()
