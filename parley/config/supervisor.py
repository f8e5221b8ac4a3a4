"""`parley up`: the processes of one machine, started in order, kept alive and stopped in order.

One thread and one loop: `_turn` waits for a signal, a line of output or a death, and then brings back what
died; everything else is turns of it. Signals only write a byte that wakes the loop, so none can arrive
between a check and a wait. Every child is forked from this thread, because the kernel's promise to end a
child with its parent (Linux) is a promise about the thread.

A child is the leader of its own session. A Ctrl-C in the terminal therefore reaches only the supervisor,
which stops the programs first, then the guests, and PostgreSQL last.
"""

from __future__ import annotations

import errno
import fcntl
import http.client
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from parley.config.embedded_postgres import EmbeddedPostgres, PostgresFailed, die_with_parent

STOPPED, FAILED, REFUSED = 0, 1, 2
GRACE = 25.0  # seconds from SIGTERM to SIGKILL
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a program that died is started again
STEADY_AFTER = 30.0  # seconds of life that make a program's earlier deaths forgotten
SLOW_AFTER = 60.0  # seconds without health that deserve a word


@dataclass(frozen=True)
class Port:
    """A port that must be free. `variable` is what changes it."""

    variable: str
    number: int
    address: str = "127.0.0.1"


@dataclass(frozen=True)
class Program:
    """A command that must always run; or, if `once`, run to its end and succeed.

    `health` is an address that answers when it is ready; without one it is ready at once.
    """

    name: str
    command: tuple[str, ...]
    health: str | None = None
    once: bool = False


@dataclass(frozen=True)
class House:
    """All that one machine runs.

    First the `guests`, who know nothing of the database, and the database. When all answer, the `stages` one
    after another: a stage's programs start together, and the next begins when all of them are ready or done.
    `stages` is given the children's environment when the database answers, so that it can leave out what is
    done already.
    """

    data: Path
    database: EmbeddedPostgres | None
    variables: Mapping[str, str]
    stages: Callable[[Mapping[str, str]], Sequence[Sequence[Program]]]
    guests: Sequence[Program] = ()
    ports: Sequence[Port] = ()
    welcome: str = ""


class Refused(Exception):
    """Nothing was started; the text says why."""


class _Stop(Exception):
    """A signal asked for the end."""


class Broken(Exception):
    """The house cannot stand; the text says why."""


@dataclass(eq=False)
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    unfinished_line: bytes = b""
    ready: bool = False


@dataclass
class _Kept:
    """A program of the house: its child now, and how it fared."""

    program: Program
    child: _Child | None = None
    done: bool = False
    deaths: int = 0
    not_before: float = 0.0


@dataclass
class _Output:
    """The terminal. It may go away (`parley up | head`); the house stands on."""

    gone: bool = False

    def line(self, name: str, words: str) -> None:
        if not self.gone:
            try:
                print(f"{name:<8}| {words}" if name else words, flush=True)
            except OSError:
                self.gone = True


class Supervisor:
    """Runs one House until SIGINT, SIGTERM or SIGHUP. For the main thread only."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._variables = dict(house.variables)
        self._kept: list[_Kept] = []
        self._children: set[_Child] = set()
        self._output = _Output()
        self._selector = selectors.DefaultSelector()
        self._asked_to_stop = 0
        self._asked_at = 0.0
        self._stopping = False
        self._database_deaths = 0
        self._database_not_before = 0.0

    def run(self) -> int:
        """Run to the end and return the exit code: 0 stopped as asked, 1 failed, 2 nothing was started."""
        try:
            with self._only_one_here(), self._signals():
                self._check_ports()
                return self._live()
        except Refused as refusal:
            print(f"parley: {refusal}", file=sys.stderr, flush=True)
            return REFUSED

    def _live(self) -> int:
        try:
            self._raise_the_house()
            while True:
                self._turn(1.0)
        except _Stop:
            self._output.line("", "Stopping …")
            return STOPPED
        except (Broken, PostgresFailed) as failure:
            self._output.line("", f"parley: {failure}")
            return FAILED
        finally:
            self._stop_all()

    def _raise_the_house(self) -> None:
        house = self._house
        self._keep(house.guests)
        if house.database is not None:
            house.database.start()
            self._variables["DATABASE_URL"] = house.database.url
        self._until_ready()
        for stage in house.stages(self._variables):
            self._keep(stage)
            self._until_ready()
        if house.welcome:
            self._output.line("", house.welcome)

    # Before anything starts

    @contextmanager
    def _only_one_here(self) -> Iterator[None]:
        path = self._house.data / "parley.lock"
        try:
            self._house.data.mkdir(parents=True, exist_ok=True)
            lock = path.open("a+")
        except OSError as error:
            raise Refused(f"{self._house.data} cannot be used ({error.strerror}). Set PARLEY_DATA.") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise Refused(
                    f"Parley runs already on {self._house.data}, as process {lock.read().strip()}. Stop that "
                    "one first, or set PARLEY_DATA to another folder."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def _check_ports(self) -> None:
        taken: dict[int, str] = {}
        for port in self._house.ports:
            if port.number in taken:
                raise Refused(f"{taken[port.number]} and {port.variable} are both {port.number}.")
            taken[port.number] = port.variable
        for port in self._house.ports:
            family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((port.address, port.number))
                except PermissionError:
                    raise Refused(
                        f"This user may not listen on port {port.number}. Set {port.variable} to one above "
                        "1023."
                    ) from None
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise Refused(
                            f"PARLEY_BIND is {port.address}, but this machine cannot listen there "
                            f"({error.strerror})."
                        ) from None
                    raise Refused(
                        f"Port {port.number} is taken by another program. Free it, or set {port.variable} to "
                        "another port."
                    ) from None

    # Signals

    @contextmanager
    def _signals(self) -> Iterator[None]:
        ours, wakes = socket.socketpair()
        with ours, wakes:
            ours.setblocking(False)
            wakes.setblocking(False)
            self._selector.register(ours, selectors.EVENT_READ)
            signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
            signal.signal(signal.SIGINT, self._note_stop)
            signal.signal(signal.SIGTERM, self._note_stop)
            # Under nohup a closed terminal must go on meaning nothing.
            if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
                signal.signal(signal.SIGHUP, self._note_stop)
            signal.signal(signal.SIGCHLD, lambda number, frame: None)
            try:
                yield
            finally:
                # The handlers stay: a Ctrl-C too many must not end the last lines with a traceback.
                signal.set_wakeup_fd(-1)
                self._selector.close()

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        # Wrappers pass one Ctrl-C on two or three times. A person's second comes later, and means: at once.
        if now - self._asked_at > 1.0:
            self._asked_to_stop += 1
            self._asked_at = now

    # The loop

    def _turn(self, at_most: float) -> None:
        """Wait `at_most` seconds for something to happen, then mend what is broken. Raises _Stop."""
        starts_at = [kept.not_before for kept in self._kept if kept.child is None and not kept.done]
        self._listen(max(0.0, min([at_most, *(at - time.monotonic() for at in starts_at)])))
        if self._asked_to_stop:
            raise _Stop
        self._mend_database()
        for kept in self._kept:
            self._mend(kept)

    def _listen(self, at_most: float) -> None:
        for key, _ in self._selector.select(at_most):
            if isinstance(key.data, _Child):
                self._read(key.data)
            else:
                key.fileobj.recv(4096)  # type: ignore[union-attr]
        for child in [child for child in self._children if self._ended(child)]:
            self._bury(child)

    def _until_ready(self) -> None:
        slow_at = time.monotonic() + SLOW_AFTER
        while not all(self._is_ready(kept) for kept in self._kept):
            self._turn(0.05)
            if time.monotonic() > slow_at:
                waiting = ", ".join(kept.program.name for kept in self._kept if not self._is_ready(kept))
                self._output.line("", f"Still waiting for: {waiting}")
                slow_at = time.monotonic() + SLOW_AFTER

    def _is_ready(self, kept: _Kept) -> bool:
        child = kept.child
        if child is not None and not child.ready and not kept.program.once:
            child.ready = child.program.health is None or _answers(child.program.health)
        return kept.done or (child is not None and child.ready)

    # Children

    def _keep(self, programs: Sequence[Program]) -> None:
        for program in programs:
            self._kept.append(_Kept(program, self._start(program)))

    def _start(self, program: Program) -> _Child:
        process = subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._variables,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        child = _Child(program, process, time.monotonic())
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, child)
        self._children.add(child)
        return child

    def _read(self, child: _Child) -> None:
        assert child.process.stdout is not None
        while True:
            try:
                piece = os.read(child.process.stdout.fileno(), 65536)
            except BlockingIOError:
                return
            if not piece:
                self._selector.unregister(child.process.stdout)
                return
            *lines, child.unfinished_line = (child.unfinished_line + piece).split(b"\n")
            for line in lines:
                self._output.line(child.program.name, line.decode(errors="replace"))

    def _ended(self, child: _Child) -> bool:
        pid = child.process.pid
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        _kill_group(child)
        child.process.wait()
        return True

    def _bury(self, child: _Child) -> None:
        assert child.process.stdout is not None
        if child.process.stdout in self._selector.get_map():
            self._read(child)
        if child.process.stdout in self._selector.get_map():
            self._selector.unregister(child.process.stdout)
        child.process.stdout.close()
        if child.unfinished_line:
            self._output.line(child.program.name, child.unfinished_line.decode(errors="replace"))
        self._children.discard(child)
        for kept in self._kept:
            if kept.child is child:
                self._note_death(kept, child)

    def _note_death(self, kept: _Kept, child: _Child) -> None:
        kept.child = None
        if self._stopping or self._asked_to_stop:
            return
        if kept.program.once:
            kept.done = child.process.returncode == 0
            if not kept.done:
                raise Broken(f"{kept.program.name} did not succeed ({_ending(child.process.returncode)}).")
            return
        now = time.monotonic()
        kept.deaths = 1 if now - child.started > STEADY_AFTER else kept.deaths + 1
        kept.not_before = now + _pause(kept.deaths)
        ending = _ending(child.process.returncode)
        self._output.line(
            kept.program.name, f"ended ({ending}); it starts again in {_pause(kept.deaths):g} s"
        )

    def _mend(self, kept: _Kept) -> None:
        if kept.child is None and not kept.done and time.monotonic() >= kept.not_before:
            kept.child = self._start(kept.program)

    def _mend_database(self) -> None:
        database = self._house.database
        if database is None or time.monotonic() < self._database_not_before or database.running():
            return
        self._output.line("database", "PostgreSQL has ended; it starts again")
        try:
            database.start()
            self._database_deaths = 0
        except PostgresFailed as failure:
            self._database_deaths += 1
            self._database_not_before = time.monotonic() + _pause(self._database_deaths)
            self._output.line("database", str(failure))

    # The end

    def _stop_all(self) -> None:
        self._stopping = True
        guests = {id(guest) for guest in self._house.guests}
        self._end([child for child in self._children if id(child.program) not in guests])
        self._end(list(self._children))
        if self._house.database is not None:
            self._house.database.stop()

    def _end(self, children: list[_Child]) -> None:
        deadline = time.monotonic() + GRACE
        for child in children:
            child.process.terminate()
        while any(child in self._children for child in children):
            if time.monotonic() > deadline or self._asked_to_stop > 1:
                for child in children:
                    if child in self._children:
                        _kill_group(child)
            self._listen(0.1)


def _kill_group(child: _Child) -> None:
    """End a child and whatever it started. For a child not reaped yet: its number may be another's after."""
    try:
        os.killpg(child.process.pid, signal.SIGKILL)
    except OSError:
        pass


def _pause(deaths: int) -> float:
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (deaths - 1))


def _ending(returncode: int) -> str:
    return f"exit code {returncode}" if returncode >= 0 else f"signal {signal.Signals(-returncode).name}"


def _answers(address: str) -> bool:
    # Not urllib: it would ask the proxy that HTTP_PROXY names for an address of this machine.
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2.0)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
