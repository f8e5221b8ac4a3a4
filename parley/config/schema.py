"""Is the database's schema this version's? If not, bring it there: once, however many machines start at once.

A `migrate` with nothing to do takes seconds (it loads all of Django first). So the database itself keeps a
fingerprint of what it was last brought to, next to what Django noted as applied then: a database restored
from a backup, or migrated by hand since, does not match, and is migrated.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import distributions
from pathlib import Path

import psycopg

PACKAGE = Path(__file__).resolve().parent.parent
LOCK = 0x7061726C6579  # "parley"; advisory locks are named by a number

MAKE_TABLE = """
CREATE TABLE IF NOT EXISTS parley_schema (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    fingerprint text NOT NULL,
    applied text NOT NULL
)"""
APPLIED = "(SELECT md5(string_agg(app || '.' || name, ',' ORDER BY app, name)) FROM django_migrations)"
IS_CURRENT = f"SELECT 1 FROM parley_schema WHERE fingerprint = %s AND applied = {APPLIED}"  # noqa: S608
REMEMBER = f"""
INSERT INTO parley_schema (fingerprint, applied) VALUES (%s, {APPLIED})
ON CONFLICT (only_row) DO UPDATE SET fingerprint = EXCLUDED.fingerprint, applied = EXCLUDED.applied
"""  # noqa: S608


def fingerprint() -> str:
    """A digest of the migrations, the settings, and the libraries, which bring migrations of their own."""
    digest = hashlib.sha256()
    for path in sorted([*PACKAGE.glob("*/migrations/*.py"), PACKAGE / "config" / "settings.py"]):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for name in sorted(f"{found.name}=={found.version}" for found in distributions()):
        digest.update(name.encode() + b"\0")
    return digest.hexdigest()


def is_current(url: str) -> bool:
    """Was this database last brought to this version's schema, and not changed since?

    Raises psycopg.OperationalError when the database cannot be reached.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        return _is_current(connection)


def bring_up_to_date(url: str) -> None:
    """Migrate, unless that is done. Django must be set up on the same database."""
    from django.core.management import call_command

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if _is_current(connection):
            return
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        connection.execute(MAKE_TABLE)
        connection.execute(REMEMBER, [fingerprint()])


def _is_current(connection: psycopg.Connection) -> bool:
    try:
        return connection.execute(IS_CURRENT, [fingerprint()]).fetchone() is not None
    except psycopg.errors.UndefinedTable:
        return False
