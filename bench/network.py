"""A network of its own for a bench: machines as Linux network namespaces on one bridge, and ways to cut them off.

Needs root and iproute2. A network has a number: addresses 10.88.<number>.*, names ply<number>…. Who has which is a
lock in /run/parley-networks, so two runs never meet; what a killed run left standing is cleared by the next with its
number. Cutting is silent: no packet says that the other side is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
LOCKS = Path("/run/parley-networks")
NOWHERE = "02:00:00:00:00:01"  # a locally administered hardware address that no machine here has

DATABASE, FRONT, CARRIER, FIRST_NODE = 1, 2, 3, 11
WEB_PORT, SANDBOX_PORT, FRONT_PORT = 8000, 8001, 8000


def ip(*words: str, check: bool = True) -> bool:
    """Run iproute2's `ip`. Raises SystemExit with its words if `check` and it failed."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if check and done.returncode:
        raise SystemExit(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.returncode == 0


class Machine:
    """One namespace with one wire to the bridge, and the processes that were started in it."""

    def __init__(self, network: Network, name: str, host: int) -> None:
        self.network = network
        self.name = f"{network.name}{name}"
        self.wire = f"{network.name}v{name}"
        self.address = network.address(host)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        ip("netns", "add", self.name)
        ip("link", "add", self.wire, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", self.wire, "master", network.bridge, "up")
        ip("-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            ip("-n", self.name, "link", "set", device, "up")

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes] | int
    ) -> subprocess.Popen[bytes]:
        """Start a process here; it dies with this one."""
        from parley.config.embedded_postgres import die_with_parent

        self.processes[name] = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log == subprocess.PIPE else log,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        return self.processes[name]

    def kill(self) -> None:
        """SIGKILL for everything here, and for what it has started."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait(10)
        self.processes.clear()

    def cut(self) -> None:
        """Pull the wire: nothing comes or goes, and nobody is told."""
        ip("link", "set", self.wire, "down")

    def lose(self, host: int) -> None:
        """Only this one address is out of reach any more."""
        address = self.network.address(host)
        ip("-n", self.name, "neigh", "replace", address, "lladdr", NOWHERE, "dev", "eth0", "nud", "permanent")

    def mend(self) -> None:
        """Everything is in reach again."""
        ip("link", "set", self.wire, "up")
        for host in (DATABASE, CARRIER):
            ip("-n", self.name, "neigh", "del", self.network.address(host), "dev", "eth0", check=False)


class Network:
    """`with Network() as network:` everything of it is gone afterwards, also after a failure, Ctrl-C or SIGTERM."""

    def __enter__(self) -> Network:
        if os.geteuid() != 0:
            raise SystemExit("network namespaces need root")
        signal.signal(signal.SIGTERM, _leave)
        LOCKS.mkdir(exist_ok=True)
        for number in range(1, 250):
            self._lock = open(LOCKS / str(number), "w")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._lock.close()
                continue
            break
        else:
            raise SystemExit(f"all networks are taken: see {LOCKS}")
        self.number = number
        self.name = f"ply{number}"
        self.bridge = f"{self.name}b"
        self.machines: list[Machine] = []
        self._clear()
        try:
            ip("link", "add", self.bridge, "type", "bridge")
            for host in (DATABASE, FRONT):
                ip("addr", "add", f"{self.address(host)}/24", "dev", self.bridge)
            ip("link", "set", self.bridge, "up")
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines:
            machine.kill()
        self._clear()
        self._lock.close()

    def address(self, host: int) -> str:
        return f"10.88.{self.number}.{host}"

    def machine(self, name: str, host: int) -> Machine:
        made = Machine(self, name, host)
        self.machines.append(made)
        return made

    def _clear(self) -> None:
        """Of this number nothing may stand, whoever left it."""
        listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.split("\n")
        for name in (line.split(" ")[0] for line in listed):
            if name.startswith((f"{self.name}n", f"{self.name}c")):
                ip("netns", "del", name, check=False)
        ip("link", "del", self.bridge, check=False)


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


class Front:
    """What stands before web servers everywhere: it spreads connections over those that are well.

    Asked every second (`/healthz`, 2 s): after two answers that failed a server gets no connections, and those that
    it had are ended.
    """

    def __init__(self, address: str, behind: Sequence[str]) -> None:
        self._address = address
        self._behind = list(behind)
        self._well: dict[str, bool] = dict.fromkeys(behind, False)
        self._pairs: dict[str, set[asyncio.StreamWriter]] = {one: set() for one in behind}
        self._next = 0
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()

    def __enter__(self) -> Front:
        self._thread.start()
        if not self._up.wait(10):
            raise SystemExit("the front did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join(10)

    @property
    def well(self) -> int:
        """How many servers get connections now."""
        return sum(self._well.values())

    def well_beside(self, one: str) -> int:
        """How many besides this one."""
        return self.well - self._well[one]

    def _run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._work())

    def _end(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with await asyncio.start_server(self._serve, self._address, FRONT_PORT):
            self._up.set()
            await asyncio.gather(*(self._watch(one) for one in self._behind))

    async def _watch(self, one: str) -> None:
        failed = 0
        while True:
            answers = await self._loop.run_in_executor(None, _answers, f"http://{one}:{WEB_PORT}/healthz")
            failed = 0 if answers else failed + 1
            if answers:
                self._well[one] = True
            elif failed >= 2:
                self._well[one] = False
                for writer in list(self._pairs[one]):
                    writer.transport.abort()
            await asyncio.sleep(1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._behind:
            self._next = (self._next + 1) % len(self._behind)
            one = self._behind[self._next]
            if not self._well[one]:
                continue
            try:
                async with asyncio.timeout(1):
                    their_reader, their_writer = await asyncio.open_connection(one, WEB_PORT)
            except OSError:
                continue
            ends = {writer, their_writer}
            self._pairs[one] |= ends
            try:
                # Only our own end cancels this, and asyncio would print each.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.gather(_pour(reader, their_writer), _pour(their_reader, writer))
            finally:
                self._pairs[one] -= ends
                for end in ends:
                    end.transport.abort()
            return
        writer.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


@contextlib.contextmanager
def on_the_network(network: Network, folder: Path, **variables: str) -> Iterator[Any]:
    """A `World` whose sandbox is a machine of its own and whose webhooks go to the front."""
    from tests.world import World

    world = World(folder, patience=0.1)
    world.url = f"http://{network.address(FRONT)}:{FRONT_PORT}"
    world.sandbox_url = f"http://{network.address(CARRIER)}:{SANDBOX_PORT}"
    world.environment |= {
        "DATABASE_URL": f"postgresql://postgres@{network.address(DATABASE)}:5432/parley",
        "PARLEY_PUBLIC_URL": world.url,
        "PARLEY_SANDBOX_URL": world.sandbox_url,
        "PARLEY_TWILIO_API_URL": world.sandbox_url,
        "PARLEY_STRIPE_URL": world.sandbox_url,
        **variables,
    }
    carrier = network.machine("c", CARRIER)
    own = {"PARLEY_BIND": carrier.address, "PARLEY_SANDBOX_PORT": str(SANDBOX_PORT)}
    with open(folder / "sandbox.log", "ab") as log:
        carrier.start("sandbox", parley("sandbox"), world.environment | own, log)
    yield world


def parley(command: str) -> list[str]:
    return [sys.executable, "-m", "parley", command]
