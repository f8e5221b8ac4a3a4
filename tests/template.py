"""The database that every test process copies its own from: migrated once, and kept until a migration changes.

To migrate takes ten seconds of a core, which each of the processes spent; to copy it takes half a second.

    python -m tests.template    make it on the server that DATABASE_URL names, unless it is there
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import psycopg

from parley.config import schema

ROOT = Path(__file__).resolve().parent.parent
LOCK = 0x74656D706C  # "templ"; advisory locks are named by a number
FIRST = "parley_template_"
IS_THERE = "SELECT 1 FROM pg_database WHERE datname = %s"


@cache
def name() -> str:
    """It says of what migrations it is."""
    return f"{FIRST}{schema.fingerprint()[:24]}"


def begin() -> subprocess.Popen[bytes]:
    """Let another process make it, while this one has other work."""
    return subprocess.Popen([sys.executable, "-m", "tests.template"], cwd=ROOT, stdin=subprocess.DEVNULL)


def ready() -> str:
    """Wait until it is there, or make it; returns its name."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
        db.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        there = db.execute(IS_THERE, [name()]).fetchone()
    if not there:
        subprocess.run([sys.executable, "-m", "tests.template"], cwd=ROOT, check=True)
    return name()


def main() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as db:
        db.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if db.execute(IS_THERE, [name()]).fetchone():
            return
        # Those of other migrations, and one that was not finished.
        for (old,) in db.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [FIRST]
        ).fetchall():
            db.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
        half = f"{FIRST}half"
        db.execute(f'CREATE DATABASE "{half}"')
        _migrate(half)
        db.execute(f'ALTER DATABASE "{half}" RENAME TO "{name()}"')


def _migrate(database: str) -> None:
    """As Django migrates a database of tests."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "parley.config.settings")
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    connection.settings_dict["NAME"] = database
    call_command("migrate", interactive=False, verbosity=0, run_syncdb=True)
    call_command("createcachetable", verbosity=0)
    connection.close()


if __name__ == "__main__":
    main()
