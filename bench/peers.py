"""Kannel, Jasmin and Parley in turn on this machine: texts a second and CPU time of a text. Prints one JSON line.

    python bench/peers.py [--rounds 3] [--texts 10000] [--stores none,file,spool,synced] [--jasmin FOLDER]
                          [--jasmin-texts 2000] [--only out|in] [--no-parley]

Needs Kannel 1.4.5 (`apt-get install kannel`; without it one line says so), for the store `synced` also a C compiler
and strace, and for Jasmin what bench/jasmin.py says.

    out    Kannel: HTTP sendsms -> smsbox -> bearerbox -> HTTP carrier; Jasmin: HTTP -> RabbitMQ -> SMPP carrier;
           Parley: bench/outbound.py, HTTP carrier
    in     Kannel: HTTP from a carrier -> bearerbox -> smsbox -> HTTP to an application; Jasmin: SMPP from a carrier ->
           RabbitMQ -> HTTP to an application; Parley: bench/inbound.py, HTTP from a carrier -> messages

In each round all have their turn, so that what else the machine does falls on all. Figures are medians,
ratios those of one round. Each text is told apart by its words and counted where it must arrive: one that is missing or
doubled ends the run without a figure. Theirs of `out` includes taking the text over HTTP, Parley's begins with a
committed queue: see docs/performance.md.

What Kannel stores, it never hands to the disk (it calls no fsync), and what Jasmin queues is not persistent; Parley
syncs. `synced` is the spool made durable: a library put before libc's (bench/synced.c) has each new file of the store,
and its folder, on the disk before bearerbox goes on, which is before it answers. Each text pays its own two syncs, as
bearerbox writes one file a text. Nothing else is synced, not even a text's end (`unlink`): a crash may send it twice,
as Kannel says of itself. A run of a few texts under strace comes first, and ends all if one was answered before
its syncs had returned.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote_plus, urlsplit

import jasmin as jasmin_bench
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
    "synced": "store-type = spool\nstore-location = {folder}/spool",
}
WORDS = "Hi+First%2C+a+reminder+of+your+visit+on+Thursday+at+2%3A45+PM+at+Juniper+Hair+Studio.+No.+"
ANSWER = (
    b"HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nContent-Length: 24\r\n\r\n0: Accepted for delivery"
)

JASMIN_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nACK/Jasmin"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--stores", default="none,file,spool,synced", help="of Kannel's; empty: no Kannel")
    parser.add_argument(
        "--jasmin", type=Path, metavar="FOLDER", help="Jasmin's environment, made if it is not there"
    )
    parser.add_argument("--jasmin-texts", type=int, default=2_000)
    parser.add_argument("--only", choices=["out", "in"])
    parser.add_argument("--no-parley", action="store_true")
    parser.add_argument("--sink", type=int, help=argparse.SUPPRESS)
    wish = parser.parse_args()
    if wish.sink:
        uvloop.run(sink(wish.sink))
        return
    if lacking := lacks(wish):
        print(json.dumps({"bench": "peers", "left_out": lacking}))
        return
    # What was started is ended also when this is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    result: dict[str, Any] = {"bench": "peers", "texts": wish.texts, "rounds": wish.rounds}
    for direction in ("out", "in"):
        if wish.only in (None, direction):
            result[direction] = compare(direction, wish)
    print(json.dumps(result | {"machine": machine()}))


def lacks(wish: argparse.Namespace) -> str | None:
    """What is not on this machine of what was asked for."""
    if wish.stores and not (shutil.which("bearerbox") and shutil.which("smsbox")):
        return "Kannel is not installed (apt-get install kannel)"
    if "synced" in wish.stores and not (shutil.which("cc") and shutil.which("strace")):
        return "the store `synced` needs a C compiler and strace (apt-get install gcc libc6-dev strace)"
    if wish.jasmin:
        if not wish.jasmin.exists():
            jasmin_bench.install(wish.jasmin)
        return jasmin_bench.lacks(wish.jasmin)
    return None


def compare(direction: str, wish: argparse.Namespace) -> dict[str, Any]:
    """Rounds of every peer and of Parley, in turn."""
    peers: dict[str, Callable[[], tuple[float, float]]] = {}
    for store in wish.stores.split(",") if wish.stores else []:
        peers[f"kannel {store}"] = partial(kannel, direction, store, wish.texts)
    if wish.jasmin:
        peers["jasmin"] = partial(jasmin, direction, wish.jasmin, wish.jasmin_texts)
    if "kannel synced" in peers:
        prove_synced(direction)
    if not wish.no_parley:
        peers["parley"] = partial(parley, direction, wish.texts)
    rates: dict[str, list[float]] = {name: [] for name in peers}
    costs: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(wish.rounds):
        for name, peer in peers.items():
            rate, cost = peer()
            rates[name].append(rate)
            costs[name].append(cost)
    ratios = {
        name: [ours / theirs for ours, theirs in zip(rates["parley"], rates[name], strict=True)]
        for name in peers
        if "parley" in peers and name != "parley"
    }
    return {
        "texts_per_second": {name: round(statistics.median(all_of)) for name, all_of in rates.items()},
        "cpu_us_per_text": {name: round(statistics.median(all_of)) for name, all_of in costs.items()},
        "parley_to": {name: round(statistics.median(all_of), 2) for name, all_of in ratios.items()},
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
        port, paths = asked(direction, ports, texts)
        before = cpu_seconds(*pids)
        began = time.monotonic()
        uvloop.run(ask(port, paths))
        last = until_arrived(f"kannel {store}", ports["sink"], texts, began)
        spent = cpu_seconds(*pids) - before
        verify(f"kannel {store}", json.loads(look(ports["sink"], "/taken")), texts)
    return texts / (last - began), spent / texts * 1e6


def asked(direction: str, ports: Mapping[str, int], texts: int) -> tuple[int, list[str]]:
    """The port and the paths by which Kannel is given so many texts."""
    given = "username=bench&password=bench&from=13013&to=%2B1503{0}&text=" + WORDS + "{1}"
    if direction == "out":
        port, path = ports["sendsms"], "/cgi-bin/sendsms?" + given
    else:
        port, path = ports["carrier"], "/sms?" + given
    return port, [path.format(2000000 + n, n) for n in range(texts)]


def until_arrived(name: str, port: int, texts: int, began: float) -> float:
    """When the last of the texts came to the sink on this port."""
    while (count := int(look(port, "/count"))) < texts:
        if time.monotonic() > began + 300:
            raise SystemExit(f"{name}: only {count} of {texts} arrived")
        time.sleep(0.02)
    return float(look(port, "/last"))


def verify(name: str, taken: Sequence[str], texts: int) -> None:
    """Each text once. Raises SystemExit."""
    arrived = Counter(taken)
    wrong = [n for n in range(texts) if arrived[str(n)] != 1]
    if wrong or len(arrived) != texts:
        raise SystemExit(f"{name}: {len(wrong)} texts missing or doubled")


def jasmin(direction: str, home: Path, texts: int) -> tuple[float, float]:
    """Texts a second and CPU microseconds of a text, those of broker and Redis too; timed as Kannel is."""
    return asyncio.run(_jasmin(direction, home, texts))


async def _jasmin(direction: str, home: Path, texts: int) -> tuple[float, float]:
    ports = dict(zip(jasmin_bench.PORTS, free_ports(len(jasmin_bench.PORTS)), strict=True))
    carrier = jasmin_bench.Carrier()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: carrier, "127.0.0.1", ports["smsc"])
    async with server:
        with (
            application(ports["sink"]),
            jasmin_bench.processes(home, ports, direction) as (set_up, pids),
        ):
            await asyncio.to_thread(set_up)
            await asyncio.wait_for(carrier.bound.wait(), 30)
            before = cpu_seconds(*pids)
            began = time.monotonic()
            if direction == "out":
                given = "username=bench&password=bench&from=13013&to=1503{0}&content=" + WORDS + "{1}"
                paths = ["/send?" + given.format(2000000 + n, n) for n in range(texts)]
                await ask(ports["http"], paths)
                while len(carrier.taken) < texts:
                    if time.monotonic() > began + 300:
                        raise SystemExit(f"jasmin: only {len(carrier.taken)} of {texts} arrived")
                    await asyncio.sleep(0.02)
                last, taken = carrier.last, [words.rpartition(" ")[2] for words in carrier.taken]
            else:
                words = unquote_plus(WORDS)
                await carrier.hand_over([(f"1503{2000000 + n}", f"{words}{n}") for n in range(texts)])
                last = await asyncio.to_thread(until_arrived, "jasmin", ports["sink"], texts, began)
                taken = json.loads(await asyncio.to_thread(look, ports["sink"], "/taken"))
            spent = cpu_seconds(*pids) - before
            verify("jasmin", taken, texts)
    return texts / (last - began), spent / texts * 1e6


def prove_synced(direction: str) -> None:
    """Raises SystemExit if the store `synced` answers for one text before it is on the disk."""
    texts = 20
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        trace = Path(folder) / "trace"
        with boxes("synced", trace) as (ports, _):
            port, paths = asked(direction, ports, texts)
            uvloop.run(ask(port, paths, connections=1))
            until_arrived("kannel synced", ports["sink"], texts, time.monotonic())
        for _ in range(250):
            # strace ends after bearerbox, and has then written all down.
            if "+++ exited" in (lines := trace.read_text(errors="replace").splitlines())[-1]:
                break
            time.sleep(0.02)
    calls = finished(lines)
    # What stands for a text's answer: of `out` bearerbox's word to smsbox, of `in` its word to the carrier.
    answer = (
        r'write\(\d+<socket:.*"HTTP/1.1 202'
        if direction == "in"
        else r'write\(\d+<socket:.*, "\\0\\0\\0004\\0\\0\\0\\3'
    )
    written, synced, folders, answers = "", 0, 0, 0
    for call in calls:
        if made := re.search(r'openat\(.*"([^"]*/spool/[^"]*)", O_WRONLY\|O_CREAT', call):
            written, synced, folders = made[1], 0, 0
        elif (done := re.search(r"fsync\(\d+<([^>]*)>\) += 0", call)) and written:
            synced += done[1] == written
            folders += done[1] == str(Path(written).parent)
        elif re.search(answer, call):
            if not (written and synced == 1 and folders == 1):
                raise SystemExit("kannel synced: a text was answered before it was on the disk")
            answers, written = answers + 1, ""
    if answers != texts:
        raise SystemExit(f"kannel synced: {answers} of {texts} answers seen in the trace")


def finished(lines: Iterable[str]) -> Iterator[str]:
    """Calls in the order they returned; a `write`, which may be an answer, in the order they began.

    strace writes a call down in two parts if another thread came between.
    """
    begun: dict[str, str] = {}
    for line in lines:
        thread, _, call = line.partition(" ")
        call = call.lstrip()
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>").rstrip()
            if call.startswith("write("):
                yield begun[thread]
        elif resumed := re.match(r"<\.\.\. (\w+) resumed>", call):
            if resumed[1] != "write":
                yield begun.pop(thread, "") + call[resumed.end() :]
        else:
            yield call


@contextlib.contextmanager
def application(port: int) -> Iterator[None]:
    """The socket at the far end, in a process of its own."""
    process = subprocess.Popen([sys.executable, str(Path(__file__).resolve()), "--sink", str(port)])
    try:
        wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def boxes(store: str, trace: Path | None = None) -> Iterator[tuple[dict[str, int], list[int]]]:
    """Kannel's two processes and the socket at the far end. Yields ports by name, and Kannel's processes.

    `trace`: bearerbox's system calls are written there.
    """
    names = ("admin", "box", "carrier", "sendsms", "sink")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder, application(ports["sink"]):
        (Path(folder) / "spool").mkdir()
        configuration = Path(folder) / "kannel.conf"
        configuration.write_text(
            CONFIGURATION.format(folder=folder, store=STORES[store].format(folder=folder), **ports)
        )
        environment = dict(os.environ)
        if store == "synced":
            library = Path(folder) / "synced.so"
            source = ROOT / "bench" / "synced.c"
            subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
            environment |= {"LD_PRELOAD": str(library), "SYNCED_FOLDER": f"{folder}/spool/"}
        # -D: bearerbox is our child, not strace's, which would leave it behind.
        traced = ["strace", "-D", "-f", "-y", "-s", "80", "-o", str(trace), "-e", "trace=openat,write,fsync"]

        def start(*command: str) -> int:
            quiet = subprocess.DEVNULL
            started.append(
                subprocess.Popen(
                    command, stdin=quiet, stdout=quiet, stderr=quiet, cwd=folder, env=environment
                )
            )
            return started[-1].pid

        try:
            bearerbox = start(*(traced if trace else []), "bearerbox", "-v", "4", str(configuration))
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


async def ask(port: int, paths: Sequence[str], connections: int = CONNECTIONS) -> None:
    """GET all of these over kept-alive connections; each must be accepted."""
    waiting = iter(paths)

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in waiting:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if b"chunked" in head:
                body = await reader.readuntil(b"0\r\n\r\n")
            else:
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                body = await reader.readexactly(length)
            if b" 202 " not in head.split(b"\r\n", 1)[0] + b" " and b" 200 " not in head:
                raise SystemExit(f"not accepted: {head[:80]!r} {body[:80]!r}")
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))


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
            head = self.received[:end]
            target = head.split(b" ", 2)[1].decode()
            self.received = self.received[end + 4 :]
            if target.startswith(("/sms", "/jasmin")):
                Sink.taken.append(target)
                Sink.last = time.monotonic()
                self.transport.write(ANSWER if target.startswith("/sms") else JASMIN_ANSWER)
                # Jasmin asks over a new connection each time.
                if b"connection: close" in head.lower():
                    self.transport.close()
                continue
            said = {"/count": str(len(Sink.taken)), "/last": str(Sink.last)}.get(target) or json.dumps(
                [_words(one).rpartition(" ")[2] for one in Sink.taken]
            )
            self.transport.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())


def _words(target: str) -> str:
    """Of a text: Kannel's configuration says `text`, Jasmin always `content`."""
    fields = parse_qs(urlsplit(target).query)
    return (fields.get("text") or fields["content"])[0]


async def sink(port: int) -> None:
    """Serve until told to stop."""
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with server:
        await over.wait()


if __name__ == "__main__":
    main()
