"""The schema is brought up to date once, and is known to be so without loading Django."""

import os
import sys
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from parley.config import schema
from tests.house.conftest import Run


@pytest.fixture
def empty() -> Iterator[str]:
    """The address of an empty database beside the tests' own."""
    parts = conninfo_to_dict(os.environ["DATABASE_URL"])
    name = f"parley_house_{os.getpid()}"
    with psycopg.connect(make_conninfo(**parts), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        query = "&".join(f"{key}={parts[key]}" for key in ("host", "port") if key in parts)
        yield f"postgresql://{parts.get('user', '')}@/{name}?{query}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_several_machines_may_migrate_at_once(empty: str, start: Callable[..., Run]) -> None:
    assert not schema.is_current(empty)
    machines = [start(sys.executable, "-m", "parley", "migrate", DATABASE_URL=empty) for _ in range(2)]
    assert [(machine.ends(180), machine.output) for machine in machines] == [(0, ""), (0, "")]
    assert schema.is_current(empty)

    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute("DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations)")
    assert not schema.is_current(empty), "somebody migrated by hand"


def test_a_database_that_is_not_there_is_said_in_words(start: Callable[..., Run]) -> None:
    run = start(
        sys.executable, "-m", "parley", "up", DATABASE_URL="postgresql://somebody:hunter2@127.0.0.1:9/parley"
    )
    assert run.ends() == 1
    assert "parley: The database cannot be reached: " in run.output
    assert "Traceback" not in run.output
    assert "hunter2" not in run.output
