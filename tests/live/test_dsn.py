"""What is said to the server and to the network, so that a cut line is noticed on both sides."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from parley.config.embedded_postgres import EmbeddedPostgres
from parley.config.settings import _database
from parley.live.dsn import CUT, LET_GO, conninfo, noticing
from parley.messaging.delivery import Delivery
from parley.messaging.line import Line
from parley.messaging.patience import Patience

# What the server must hold for a session. The network's part is 0 on a socket, so it is asked by TCP.
HELD = {
    "tcp_keepalives_idle": "{half}",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "{let_go}000",
    "client_connection_check_interval": "2s",
    "idle_in_transaction_session_timeout": "{let_go}s",
}


@pytest.fixture(scope="module")
def by_tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # Its port is always the same; all of 127.0.0.0/8 is this machine.
    host = f"127.88.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
    folder = tmp_path_factory.mktemp("tcp") / "postgres"
    with EmbeddedPostgres(folder, fast=True, settings={"listen_addresses": host}):
        yield f"postgresql://postgres@{host}/postgres"


@pytest.fixture
def there(by_tcp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`conninfo` speaks of the server that listens on a network."""
    from django.db import connections

    told = _database(by_tcp + "?sslmode=disable&options=-c%20search_path%3Dspecial")
    for name, value in told.items():
        monkeypatch.setitem(connections["default"].settings_dict, name, value)


@pytest.mark.parametrize("let_go", [LET_GO, 40])
def test_the_server_knows_when_to_end_a_session_that_is_cut_off(there: None, let_go: int) -> None:
    with psycopg.connect(conninfo("test", let_go)) as db:
        said = {name: str(db.execute(f"SHOW {name}").fetchone()[0]) for name in HELD}  # type: ignore[index]
        path = db.execute("SHOW search_path").fetchone()
    assert said == {name: text.format(let_go=let_go, half=let_go // 2) for name, text in HELD.items()}
    assert path == ("special",)


def test_our_side_notices_first(there: None) -> None:
    """Else a lock that guards what a process does outside of the database is gone before the process knows."""
    told = conninfo_to_dict(conninfo("test"))
    asked = int(told["keepalives_idle"]) + int(told["keepalives_interval"]) * int(told["keepalives_count"])  # type: ignore[arg-type]
    assert asked == CUT <= 10
    assert int(told["tcp_user_timeout"]) == CUT * 1000  # type: ignore[arg-type]
    assert CUT < LET_GO
    assert told["sslmode"] == "disable"


def test_pages_and_jobs_are_told_too() -> None:
    options = settings.DATABASES["default"]["OPTIONS"]
    assert options["tcp_user_timeout"] == str(CUT * 1000)
    assert "idle_in_transaction_session_timeout=60000" in options["options"]


def test_what_the_operator_says_of_our_side_stands() -> None:
    assert noticing({"keepalives_idle": "60"})["keepalives_idle"] == "60"


@pytest.mark.parametrize("scale", [0.05, 1.0, 10.0])
def test_the_locks_of_a_worker_outlive_what_it_may_still_begin(scale: float) -> None:
    patience = Patience(scale)
    connecting = min(10.0, 20.0 * scale / 3)
    _, let_go, _ = Delivery({}, patience)._line._address.args
    assert let_go > patience.stale + connecting


@pytest.mark.django_db(transaction=True)
async def test_a_session_that_is_lost_is_known_to_be_before_there_is_another() -> None:
    """While the database is away, what the lost session's locks guarded must not begin."""
    line = Line("test")

    async def me(db: psycopg.AsyncConnection[object]) -> int:
        return db.info.backend_pid

    await line.run(me)
    held = line.session
    await line.close()
    assert line.session != held
