"""`parley backup` and `parley restore`: everything comes back, in quarantine; or nothing has changed."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from parley.config import backup
from parley.config.backup import BackupFailed, Manifest, back_up
from parley.config.embedded_postgres import find_programs
from parley.messaging import quarantine
from tests.people import House
from tests.world import database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def target() -> Iterator[str]:
    """Another database on the same server."""
    name = f"restored_{os.getpid()}"
    with psycopg.connect(database_url(), autocommit=True) as db:
        db.execute(f"DROP DATABASE IF EXISTS {name}")
        db.execute(f"CREATE DATABASE {name}")
    url = database_url().replace(f"/{connections['default'].settings_dict['NAME']}?", f"/{name}?")
    yield url
    with psycopg.connect(database_url(), autocommit=True) as db:
        db.execute(f"DROP DATABASE {name} (FORCE)")


def asked(url: str, query: str) -> Any:
    with psycopg.connect(url) as db:
        row = db.execute(query).fetchone()
    return row and row[0]


def restore(url: str, file: Path, *, replace: bool = False, **more: Any) -> Manifest:
    given: dict[str, Any] = {
        "quarantine": quarantine.entering,
        "migrations": frozenset(f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations or {}),
        "secret_key_file": None,
    }
    return backup.restore(url, file, replace=replace, **(given | more))


def test_there_and_back(juniper: House, tmp_path: Path, target: str) -> None:
    juniper.text(juniper.client(), "Kept — “as it was” ✂️")
    key = tmp_path / "secret_key"
    key.write_text("a key of more than thirty-two characters")
    file = tmp_path / "backup"
    before = datetime.now(UTC)
    made = back_up(database_url(), file, key)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"secret_key", "backup"}
    assert abs((made.began - before).total_seconds()) < 30
    with pytest.raises(BackupFailed, match="is there already"):
        back_up(database_url(), file, key)

    # Nothing of these changes anything.
    damaged = tmp_path / "damaged"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    short = tmp_path / "short"
    short.write_bytes(file.read_bytes()[:-2000])
    other = tmp_path / "other"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.json", '{"format": 99, "parley": "9.9"}')
        archive.writestr("database.dump", "")
    half = programs_whose_pg_restore_dies(tmp_path)
    refusals: tuple[tuple[str, dict[str, Any], str], ...] = (
        ("damaged", {}, "damaged"),
        ("short", {}, "damaged"),
        ("nowhere", {}, "There is no"),
        ("secret_key", {}, "not a backup"),
        ("other", {}, "cannot read"),
        ("backup", {"migrations": frozenset({"messaging.0001_initial"})}, "newer than this one"),
        ("backup", {"quarantine": lambda since: "SELECT 1/0;"}, "as it was"),
        ("backup", {"programs": half}, "as it was"),
    )
    for name, more, words in refusals:
        with pytest.raises(BackupFailed, match=words):
            restore(target, tmp_path / name, **more)
        assert asked(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0, (name, more)

    texts = psycopg.connect(target, application_name="parley texts")
    with texts, pytest.raises(BackupFailed, match="parley texts"):
        restore(target, file)

    key.write_text("another key that was made meanwhile, as long")
    assert restore(target, file, secret_key_file=key) == made
    assert key.read_text() == "a key of more than thirty-two characters"
    assert asked(target, "SELECT body FROM messaging_message") == "Kept — “as it was” ✂️"
    assert (
        asked(target, "SELECT since FROM messaging_standing WHERE quarantined_at IS NOT NULL") == made.began
    )
    assert asked(target, "SELECT count(*) FROM pg_constraint") == asked(
        database_url(), "SELECT count(*) FROM pg_constraint"
    )

    # It is not empty any more; and what fails leaves it as it is.
    with psycopg.connect(target, autocommit=True) as db:
        db.execute("UPDATE messaging_message SET body = 'Newer'")
    with pytest.raises(BackupFailed, match="not empty"):
        restore(target, file)
    with pytest.raises(BackupFailed, match="as it was"):
        restore(target, file, replace=True, quarantine=lambda since: "SELECT 1/0;")
    assert asked(target, "SELECT body FROM messaging_message") == "Newer"
    restore(target, file, replace=True)
    assert asked(target, "SELECT body FROM messaging_message") == "Kept — “as it was” ✂️"


def programs_whose_pg_restore_dies(tmp_path: Path) -> Path:
    """It speaks half of what it should, and fails."""
    real = find_programs()
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("pg_dump", "psql"):
        (folder / name).symlink_to(real / name)
    script = folder / "pg_restore"
    script.write_text(f'#!/bin/sh\n"{real}/pg_restore" "$@" | head -c 20000\nexit 1\n')
    script.chmod(0o755)
    return folder


def test_without_postgresqls_programs_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_folders", lambda chosen: [])
    with pytest.raises(BackupFailed, match=r"postgresql-client-\d+"):
        back_up(database_url(), tmp_path / "backup", None)
    assert list(tmp_path.iterdir()) == []
