"""`parley backup` and `parley restore`: one file with everything, and back.

    manifest.json   which version of Parley and of PostgreSQL, its migrations, and when it began by the database's clock
    secret_key      if Parley keeps it itself
    database.dump   pg_dump's custom format

The file is a ZIP archive without compression of its own: it is written as pg_dump speaks, and every part has a
checksum. A restore is one transaction that also puts the database into quarantine (`messaging.quarantine`), so that
nobody ever sees it restored and not in quarantine.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psycopg
from psycopg import pq

from parley import __version__
from parley.config import schema
from parley.config.embedded_postgres import PostgresFailed, find_programs, major_version

FORMAT = 1
MANIFEST, SECRET_KEY, DUMP = "manifest.json", "secret_key", "database.dump"
PROGRAMS = ("pg_dump", "pg_restore", "psql")
CHUNK = 1024 * 1024
# A setting that PostgreSQL 17 made, and that pg_restore also sets for older servers.
NEW_SETTING, NEW_SETTING_SINCE = b"SET transaction_timeout = 0;\n", 17


class BackupFailed(Exception):
    """Nothing was changed; the words say why, to the operator."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `began`: all that was committed before is in it."""

    version: str
    began: datetime
    postgres: int
    migrations: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps(
            {
                "format": FORMAT,
                "parley": self.version,
                "began": self.began.isoformat(),
                "postgres": self.postgres,
                "migrations": list(self.migrations),
            },
            indent=1,
        )

    @classmethod
    def read(cls, text: bytes) -> Manifest:
        """Raises BackupFailed if this version cannot know what it says."""
        try:
            said = json.loads(text)
            if said["format"] != FORMAT:
                raise BackupFailed(
                    f"This backup was made by Parley {said['parley']}, which this cannot read."
                )
            began = datetime.fromisoformat(said["began"])
            if began.tzinfo is None:
                raise ValueError("a time without a zone")
            return cls(str(said["parley"]), began, int(said["postgres"]), tuple(map(str, said["migrations"])))
        except (ValueError, KeyError, TypeError):
            raise BackupFailed("This is not a backup of Parley’s, or it is damaged.") from None


def back_up(url: str, file: Path, secret_key_file: Path | None, programs: Path | None = None) -> Manifest:
    """Write everything that the database at `url` holds into `file`, readable for its owner alone.

    It appears under its name when it is whole and on the disk. Raises BackupFailed.
    """
    if file.exists():
        raise BackupFailed(f"{file} is there already. Choose another name, or remove it.")
    with psycopg.connect(url, autocommit=True) as db:
        server = db.info.server_version // 10_000
        manifest = _manifest(db, server)
    folder = _programs(server, programs)
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            with zipfile.ZipFile(out, "w") as archive:
                archive.writestr(MANIFEST, manifest.to_json())
                if secret_key_file is not None:
                    archive.writestr(SECRET_KEY, secret_key_file.read_text())
                with archive.open(DUMP, "w", force_zip64=True) as dump:
                    _dump(folder, url, dump)
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(file)
        _sync_folder(file.parent)
    except OSError as error:
        raise BackupFailed(f"The backup could not be written: {error}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return manifest


def _manifest(db: psycopg.Connection[Any], server: int) -> Manifest:
    try:
        # Before the dump's own snapshot: what left between the two is then only looked for in vain.
        row = db.execute("SELECT clock_timestamp()").fetchone()
        applied = db.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1").fetchall()
        db.execute("SELECT 1 FROM messaging_standing")
    except psycopg.errors.UndefinedTable:
        raise BackupFailed(
            "This database is not of this version of Parley. Start Parley once, or run `parley migrate`."
        ) from None
    assert row is not None
    return Manifest(__version__, row[0].astimezone(UTC), server, tuple(name for (name,) in applied))


def _dump(folder: Path, url: str, into: IO[bytes]) -> None:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [folder / "pg_dump", "--format=custom", "--compress=6", "--no-owner", "--no-privileges"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=_surroundings(url),
        )
        assert process.stdout is not None
        try:
            shutil.copyfileobj(process.stdout, into, CHUNK)
        finally:
            process.stdout.close()
            if process.wait():
                raise BackupFailed(f"pg_dump failed. It said:\n{_said(said)}")


def read_manifest(file: Path) -> Manifest:
    """What a backup says of itself, its checksums proved. Raises BackupFailed."""
    try:
        with zipfile.ZipFile(file) as archive:
            if archive.testzip() is not None or DUMP not in archive.namelist():
                raise BackupFailed(f"{file} is damaged: its checksums are wrong.")
            return Manifest.read(archive.read(MANIFEST))
    except FileNotFoundError:
        raise BackupFailed(f"There is no {file}.") from None
    except (OSError, KeyError, EOFError, zipfile.BadZipFile):
        raise BackupFailed(f"{file} is not a backup of Parley’s, or it is damaged.") from None


def restore(
    url: str,
    file: Path,
    *,
    replace: bool,
    quarantine: Callable[[datetime], str],
    migrations: frozenset[str],
    secret_key_file: Path | None,
    programs: Path | None = None,
) -> Manifest:
    """Make the database at `url` what it was, in quarantine, in one transaction; then its secret key is kept too.

    `replace`: what the database holds is thrown away. `quarantine` gives the SQL by which a database that goes back
    to a moment enters quarantine; `migrations` are those that this version has. Raises BackupFailed, and then
    nothing has changed.
    """
    manifest = read_manifest(file)
    if newer := set(manifest.migrations) - migrations:
        raise BackupFailed(
            f"This backup was made by Parley {manifest.version}, which is newer than this one ({__version__}): "
            f"it has {len(newer)} changes of the database that are not known here. Install that version first."
        )
    with psycopg.connect(url, autocommit=True) as db:
        # Whoever migrates waits until this is done.
        db.execute("SELECT pg_advisory_lock(%s)", [schema.LOCK])
        server = db.info.server_version // 10_000
        if server < manifest.postgres:
            raise BackupFailed(
                f"The backup is of PostgreSQL {manifest.postgres}, and this server is older ({server})."
            )
        _refuse_if_used(db)
        if not replace:
            _refuse_unless_empty(db)
        folder = _programs(server, programs)
        with zipfile.ZipFile(file) as archive:
            with archive.open(DUMP) as dump:
                _load(folder, url, dump, server, replace=replace, last=quarantine(manifest.began))
            if secret_key_file is not None and SECRET_KEY in archive.namelist():
                _keep(secret_key_file, archive.read(SECRET_KEY))
    return manifest


def _refuse_if_used(db: psycopg.Connection[Any]) -> None:
    users = db.execute(
        """
        SELECT DISTINCT coalesce(nullif(application_name, ''), usename::text, '?') FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY 1
        """
    ).fetchall()
    if users:
        names = ", ".join(name for (name,) in users[:5])
        raise BackupFailed(f"The database is in use ({names}). Stop Parley everywhere first.")


def _refuse_unless_empty(db: psycopg.Connection[Any]) -> None:
    row = db.execute(
        "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
    ).fetchone()
    if row and row[0]:
        raise BackupFailed("The database is not empty. With --replace, what it holds is thrown away.")


def _load(folder: Path, url: str, dump: IO[bytes], server: int, *, replace: bool, last: str) -> None:
    """Read the dump as SQL and have psql do it as one transaction, with our own statements around it."""
    environment = _surroundings(url)
    with tempfile.TemporaryFile() as said, contextlib.ExitStack() as stack:
        reading = subprocess.Popen(
            [folder / "pg_restore", "--no-owner", "--no-privileges", "--file=-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
        )
        stack.callback(_end, reading)
        doing = subprocess.Popen(
            [
                *(folder / "psql", "--no-psqlrc", "--quiet", "--single-transaction"),
                *("--set=ON_ERROR_STOP=1", "--file=-"),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=environment,
        )
        stack.callback(_end, doing)
        assert reading.stdin
        assert reading.stdout
        assert doing.stdin
        feeding = threading.Thread(target=_feed, args=(dump, reading.stdin), daemon=True)
        feeding.start()
        try:
            if replace:
                doing.stdin.write(b"DROP SCHEMA public CASCADE; CREATE SCHEMA public;\n")
            head = reading.stdout.read(64 * 1024)
            if server < NEW_SETTING_SINCE:
                head = head.replace(NEW_SETTING, b"")
            doing.stdin.write(head)
            shutil.copyfileobj(reading.stdout, doing.stdin, CHUNK)
            # psql commits when its input ends: so only once all of the dump is known to be in it.
            if reading.wait() == 0:
                doing.stdin.write(f"\nSET search_path = public;\n{last}".encode())
                doing.stdin.close()
                if doing.wait() == 0:
                    return
        except BrokenPipeError:
            pass
        _end(reading)
        _end(doing)
        with contextlib.suppress(OSError):
            doing.stdin.close()
        raise BackupFailed(f"The database could not be restored, and is as it was. It said:\n{_said(said)}")


def _feed(dump: IO[bytes], into: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError), into:
        shutil.copyfileobj(dump, into, CHUNK)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()


def _keep(file: Path, key: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(descriptor, "wb") as out:
        out.write(key)
        out.flush()
        os.fsync(out.fileno())
    os.rename(fresh, file)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _said(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace").strip()[-2000:]


def _surroundings(url: str) -> Mapping[str, str]:
    """The environment that leads PostgreSQL's programs to `url`. Their arguments, with the password, all could read."""
    given = dict(os.environ)
    for option in pq.Conninfo.parse(url.encode()):
        if option.envvar and option.val is not None:
            given[option.envvar.decode()] = option.val.decode()
    return given


def _programs(server: int, chosen: Path | None) -> Path:
    """The folder of pg_dump, pg_restore and psql, at least as new as the server. Raises BackupFailed."""
    for folder in _folders(chosen):
        if all((folder / name).is_file() for name in PROGRAMS) and major_version(folder / "psql") >= server:
            return folder
    raise BackupFailed(
        f"pg_dump, pg_restore and psql of PostgreSQL {server} or newer are not here. Install the package "
        f"postgresql-client-{server}, or set PARLEY_PG_BIN to the folder of PostgreSQL’s programs."
    )


def _folders(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        yield chosen
    with contextlib.suppress(PostgresFailed):
        yield find_programs()
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if on_path := shutil.which("pg_dump"):
        yield Path(on_path).parent
