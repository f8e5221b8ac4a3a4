"""Jasmin beside Parley: its processes, its broker, an SMPP carrier, and an application. For bench/peers.py.

Jasmin 0.11 comes from PyPI into an environment of its own (`peers.py --jasmin FOLDER` installs it there if the folder
does not exist); RabbitMQ and Redis are Debian's (`apt-get install rabbitmq-server redis-server`). All are started here,
on ports and in folders of their own, and ended by their ids.

    out    HTTP /send -> jasmind -> RabbitMQ -> jasmind -> SMPP submit_sm -> the carrier's answer; no delivery reports
    in     SMPP deliver_sm -> jasmind -> RabbitMQ -> jasmind (router) -> RabbitMQ -> deliversmd -> HTTP GET

As shipped, but for `submit_throughput 0` (it ships with one text a second). Its messages are not persistent, Redis
saves nothing, and a `deliver_sm` is answered before anything is on a disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ground import family

CONFIGURATION = """
[smpp-server]
bind=127.0.0.1
port={smpps}
[smpp-server-pb]
bind=127.0.0.1
port={smppspb}
[smpp-server-pb-client]
port={smppspb}
[client-management]
bind=127.0.0.1
port={clients}
store_path={folder}
[router]
bind=127.0.0.1
port={router}
store_path={folder}
[amqp-broker]
port={rabbit}
spec={spec}
[redis-client]
port={redis}
[http-api]
bind=127.0.0.1
port={http}
[jcli]
port={jcli}
authentication=no
"""
SET_UP = """
group -a;gid bench;ok
user -a;username bench;password bench;gid bench;uid bench;ok
smppccm -a;cid carrier;host 127.0.0.1;port {smsc};username bench;password bench;submit_throughput 0;ok
httpccm -a;cid application;url http://127.0.0.1:{sink}/jasmin;method GET;ok
mtrouter -a;type DefaultRoute;connector smppc(carrier);rate 0.0;ok
morouter -a;type DefaultRoute;connector http(application);ok
smppccm -1 carrier
"""
PORTS = (
    "smpps",
    "smppspb",
    "clients",
    "router",
    "rabbit",
    "redis",
    "http",
    "jcli",
    "smsc",
    "sink",
    "epmd",
    "dist",
)
# How many texts the carrier hands over before it waits for an answer; a usual window of an SMPP link.
WINDOW = 10


def lacks(home: Path) -> str | None:
    """What is not on this machine; None if Jasmin can run."""
    if not (home / "bin" / "jasmind.py").exists():
        return f"Jasmin is not in {home}"
    if not _rabbit():
        return "RabbitMQ is not installed (apt-get install rabbitmq-server)"
    if not any((Path(folder) / "redis-server").exists() for folder in os.get_exec_path()):
        return "Redis is not installed (apt-get install redis-server)"
    return None


def install(home: Path) -> None:
    """Jasmin into an environment of its own. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, stdout=sys.stderr)
    subprocess.run(
        [str(home / "bin" / "pip"), "install", "--quiet", "jasmin==0.11.1"], check=True, stdout=sys.stderr
    )


def _rabbit() -> Path | None:
    return next(
        iter(sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))), None
    )


@contextlib.contextmanager
def processes(
    home: Path, ports: dict[str, int], direction: str
) -> Iterator[tuple[Callable[[], None], list[int]]]:
    """Broker, Redis and Jasmin. Yields what tells Jasmin its routes, and the ids of all of them."""
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        configuration = Path(folder) / "jasmin.cfg"
        # Jasmin's package leaves out its copy of AMQP's own description; that of its AMQP library is the same.
        spec = next(home.glob("lib/python3*/site-packages/txamqp/specs/standard/amqp0-9-1.stripped.xml"))
        configuration.write_text(CONFIGURATION.format(folder=folder, spec=spec, **ports))
        (Path(folder) / "rabbit.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{ports['rabbit']}\n")
        (Path(folder) / "plugins").write_text("[].\n")
        environment = os.environ | {
            "HOME": folder,
            "ROOT_PATH": folder,
            "LOG_PATH": f"{folder}/log",
            "CONFIG_PATH": folder,
            "STORE_PATH": folder,
            "ERL_EPMD_PORT": str(ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"bench{ports['rabbit']}@localhost",
            "RABBITMQ_DIST_PORT": str(ports["dist"]),
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbit.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
        }
        log = (Path(folder) / "said").open("wb")

        def start(*command: str) -> int:
            started.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=environment
                )
            )
            return started[-1].pid

        try:
            start("epmd", "-port", str(ports["epmd"]))
            # Without it RabbitMQ would start one that outlives us.
            _wait_for(ports["epmd"])
            pids = [
                start(str(_rabbit())),
                start("redis-server", "--port", str(ports["redis"]), "--bind", "127.0.0.1", "--save", ""),
            ]
            _wait_for(ports["rabbit"])
            _wait_for(ports["redis"])
            python = str(home / "bin" / "python")
            pids.append(start(python, str(home / "bin" / "jasmind.py"), "-c", str(configuration)))
            _wait_for(ports["jcli"])
            if direction == "in":
                daemon = str(home / "bin" / "deliversmd.py")
                pids.append(start(python, daemon, "-c", str(configuration), "-i", str(ports["rabbit"])))
                # Its queue comes with it: what jasmind routes before is dropped.
                _wait_until_said(Path(folder) / "log" / "deliversm-thrower.log", "Consuming from routing key")
            yield lambda: _tell(ports), [one for pid in pids for one in family(pid)]
        finally:
            # Jasmin before what it stands on, or it would wait for that.
            for process in reversed(started):
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            log.close()


def _wait_for(port: int) -> None:
    for _ in range(3000):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise SystemExit(f"jasmin: nothing listens on {port}")


def _wait_until_said(log: Path, words: str) -> None:
    for _ in range(3000):
        if log.exists() and words in log.read_text():
            return
        time.sleep(0.02)
    raise SystemExit(f"jasmin: {log.name} never said {words!r}")


def _tell(ports: dict[str, int]) -> None:
    """Give Jasmin a user, both routes and its carrier, at its console."""
    with socket.create_connection(("127.0.0.1", ports["jcli"]), 10) as console:
        said = _heard(console, b"\n")
        for line in SET_UP.format(**ports).strip().splitlines():
            for command in line.split(";"):
                console.sendall(command.encode() + b"\r\n")
                said = _heard(console)
            if b"Successfully" not in said:
                raise SystemExit(f"jasmin: {line}: {said.decode(errors='replace')}")


def _heard(console: socket.socket, *ends: bytes) -> bytes:
    """What the console says, until it asks for more."""
    said = b""
    while not said.endswith(ends or (b"jcli : ", b"> ")):
        part = console.recv(4096)
        if not part:
            raise SystemExit("jasmin: the console hung up")
        said += part
    return said


# ---- The carrier, in SMPP 3.4


BIND, BOUND, SUBMIT, DELIVER, UNBIND, ALIVE = 0x9, 0x80000009, 0x4, 0x5, 0x6, 0x15
ANSWER = 0x80000000


class Carrier(asyncio.Protocol):
    """The carrier's end of one link: it answers every `submit_sm`, and hands over texts."""

    def __init__(self) -> None:
        self.bound = asyncio.Event()
        self.taken: list[str] = []
        self.answered = 0
        self.last = 0.0
        self._received = b""
        self._room = asyncio.Semaphore(WINDOW)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= 16:
            length, command, status, number = struct.unpack(">IIII", self._received[:16])
            if len(self._received) < length:
                return
            body, self._received = self._received[16:length], self._received[length:]
            if command == BIND:
                self._write(BOUND, number, b"carrier\0")
                self.bound.set()
            elif command == SUBMIT:
                self.taken.append(_words(body))
                self.last = time.monotonic()
                self._write(SUBMIT | ANSWER, number, b"%08x\0" % len(self.taken))
            elif command == DELIVER | ANSWER:
                if status:
                    raise SystemExit(f"jasmin: it refused a text: {status:#x}")
                self.answered += 1
                self._room.release()
            elif command in (UNBIND, ALIVE):
                self._write(command | ANSWER, number, b"")

    async def hand_over(self, texts: Sequence[tuple[str, str]]) -> None:
        """Each of these (from, words), WINDOW at a time."""
        for number, (sender, words) in enumerate(texts, start=1):
            await self._room.acquire()
            self._write(
                DELIVER,
                number,
                b"\0\1\1" + sender.encode() + b"\0\1\1" + b"13013\0" + b"\0\0\0" + b"\0\0" + b"\0\0\0\0"
                + bytes([len(words)]) + words.encode(),
            )  # fmt: skip

    def _write(self, command: int, number: int, body: bytes) -> None:
        self._transport.write(struct.pack(">IIII", 16 + len(body), command, 0, number) + body)


def _words(body: bytes) -> str:
    """The short message of a `submit_sm`."""
    place = body.index(b"\0") + 1 + 2
    place = body.index(b"\0", place) + 1 + 2
    place = body.index(b"\0", place) + 1 + 3
    place = body.index(b"\0", place) + 1
    place = body.index(b"\0", place) + 1 + 4
    return body[place + 1 : place + 1 + body[place]].decode()
