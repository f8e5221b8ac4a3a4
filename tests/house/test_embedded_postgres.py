"""The embedded server: one owner, any number of guests, no trust in what a crash left lying about."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from parley.config import embedded_postgres
from parley.config.embedded_postgres import SHARED, EmbeddedPostgres, PostgresFailed, find_programs
from tests.house.conftest import Run, alive
from tests.waiting import until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for PostgreSQL")


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(folder / "postgres", fast=True)
    yield made
    made.stop()


OWN_ONE = """
import signal, sys
from pathlib import Path
from parley.config.embedded_postgres import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1]), fast=True).start().pid, flush=True)
signal.pause()
"""


def ask(server: EmbeddedPostgres, question: str) -> object:
    with psycopg.connect(server.url) as connection:
        return connection.execute(question).fetchone()


def keep(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")


def test_it_starts_from_nothing_and_keeps_what_it_was_given(server: EmbeddedPostgres) -> None:
    server.start()
    keep(server)
    server.stop()
    assert not server.running()
    server.start()
    assert ask(server, "SELECT answer FROM kept") == (42,)


def test_it_is_reached_by_its_owner_only_and_by_no_network(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.home.stat().st_mode & 0o777 == 0o700
    assert ask(server, "SHOW listen_addresses") == ("",)


def test_who_comes_second_adopts_and_does_not_stop_it(server: EmbeddedPostgres) -> None:
    server.start()
    with EmbeddedPostgres(server.folder) as second:
        assert second.pid is None
        assert second.running()
        assert ask(second, "SELECT 1") == (1,)
    assert ask(server, "SELECT 1") == (1,)
    server.stop()
    assert not second.running()


def test_of_four_that_start_at_once_one_owns_it(start: Callable[..., Run], folder: Path) -> None:
    runs = [start(sys.executable, "-c", OWN_ONE, str(folder / "postgres")) for _ in range(4)]
    said = [until(lambda run=run: run.output.strip(), what=f"an answer; {run.output}") for run in runs]
    for run in runs:
        run.family()
    assert said.count("None") == 3


def test_locks_that_name_somebody_elses_process_are_no_obstacle(server: EmbeddedPostgres) -> None:
    """After a restart of the machine or the container the number belongs to whoever came first."""
    server.start()
    locks = [server.data / "postmaster.pid", server.socket_folder / ".s.PGSQL.5432.lock"]
    left_behind = [lock.read_text() for lock in locks]
    server.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        for lock, text in zip(locks, left_behind, strict=True):
            lock.write_text(f"{stranger.pid}\n" + text.split("\n", 1)[1])
            os.chown(lock, server.data.stat().st_uid, server.data.stat().st_gid)
        try:
            server.start(timeout=20)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_postmaster_that_nobody_buried_is_no_obstacle(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    postmaster.kill()
    until(lambda: postmaster.status() == psutil.STATUS_ZOMBIE, what="a zombie")
    successor = EmbeddedPostgres(server.folder, fast=True)
    try:
        successor.start(timeout=20)
        assert postmaster.status() == psutil.STATUS_ZOMBIE, "the successor had to live with it"
        assert ask(successor, "SELECT 1") == (1,)
    finally:
        successor.stop()


def test_a_servant_that_does_not_notice_its_postmasters_death_is_no_obstacle(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a lock that nobody will give back any more: a stopped process is as deaf.

    Servants of other servers, such as this test run's own, are left alone.
    """
    monkeypatch.setattr(embedded_postgres, "SERVANTS_NOTICE", 0.3)
    server.start()
    assert server.pid is not None
    postmaster = psutil.Process(server.pid)
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.url) as connection:
        deaf = psutil.Process(connection.info.backend_pid)
        deaf.suspend()
        postmaster.kill()
        postmaster.wait(10)
        server.start(timeout=20)
        assert not alive(deaf)
    assert ask(server, "SELECT 1") == (1,)


def test_data_of_another_major_version_is_left_alone(server: EmbeddedPostgres) -> None:
    old = server.folder / "data-9"
    old.mkdir(parents=True)
    (old / "PG_VERSION").write_text("9\n")
    with pytest.raises(PostgresFailed, match=r"data-9 was made by PostgreSQL 9, but .*PARLEY_PG_BIN"):
        server.start()
    assert [path.name for path in server.home.glob("data-*")] == ["data-9"]


def test_a_path_too_long_for_a_socket_still_works(folder: Path) -> None:
    with EmbeddedPostgres(folder / ("long" * 20) / ("folder" * 5), fast=True) as server:
        assert server.socket_folder != server.home
        assert server.socket_folder.stat().st_mode & 0o777 == 0o700
        assert ask(server, "SELECT 1") == (1,)
        shared = server.socket_folder
    shutil.rmtree(shared)


def test_a_socket_folder_that_somebody_prepared_is_refused(folder: Path) -> None:
    server = EmbeddedPostgres(folder / ("long" * 20) / ("folder" * 5), fast=True)
    server.socket_folder.mkdir()
    server.socket_folder.chmod(0o777)
    try:
        with pytest.raises(PostgresFailed, match="belongs to somebody else"):
            server.start()
    finally:
        server.socket_folder.rmdir()


def test_what_people_wrote_never_reaches_its_log(server: EmbeddedPostgres) -> None:
    server.start()
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE texts (body text UNIQUE)")
        connection.execute("INSERT INTO texts VALUES ('see you at noon')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO texts VALUES ('see you at noon')")
    said = server.log.read_text()
    assert "duplicate key" in said
    assert "see you at noon" not in said


def test_no_start_says_why(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.data / "postgresql.conf").write_text("no_such_setting = on\n")
    with pytest.raises(PostgresFailed, match="no_such_setting"):
        server.start(timeout=10)


@as_root
def test_root_with_a_closed_home_gets_a_folder_that_postgresql_can_reach(folder: Path) -> None:
    closed = folder / "home-of-root"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "postgres", fast=True)
    try:
        with server:
            assert server.folder.is_symlink()
            assert server.home.is_relative_to(SHARED)
            assert (server.home / "belongs-to").read_text() == f"{server.folder}\n"
            keep(server)
        assert closed.stat().st_mode & 0o777 == 0o700, "nobody's home is opened for this"
        with EmbeddedPostgres(closed / "postgres", fast=True) as again:
            assert ask(again, "SELECT answer FROM kept") == (42,)
    finally:
        if server.home.is_relative_to(SHARED):
            shutil.rmtree(server.home)


@as_root
def test_root_runs_somebodys_data_as_that_somebody(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    nobody = 65534
    for path in [server.home, *server.home.rglob("*")]:
        os.chown(path, nobody, nobody)
    with EmbeddedPostgres(server.folder, fast=True) as again:
        assert again.pid is not None
        assert psutil.Process(again.pid).uids().effective == nobody
    assert {path.stat().st_uid for path in server.home.rglob("*")} == {nobody}


@as_root
def test_programs_in_a_closed_folder_are_copied_once(folder: Path) -> None:
    closed = folder / "closed"
    package = find_programs().parents[1]
    if not package.with_name(package.name + ".libs").exists():
        pytest.skip("PostgreSQL is not from the package here")
    for source in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(source, closed / source.name, symlinks=True)
    closed.chmod(0o700)
    programs = closed / package.name / find_programs().parent.name / "bin"
    before = set((SHARED / "programs").glob("*"))
    made: set[Path] = set()
    try:
        with EmbeddedPostgres(folder / "postgres", programs=programs, fast=True) as server:
            assert ask(server, "SELECT 1") == (1,)
            made = set((SHARED / "programs").glob("*")) - before
        with EmbeddedPostgres(folder / "postgres", programs=programs, fast=True):
            assert set((SHARED / "programs").glob("*")) - before == made
        assert len(made) == 1
    finally:
        for copy in set((SHARED / "programs").glob("*")) - before:
            shutil.rmtree(copy)


def test_the_owners_violent_end_is_a_clean_one_for_the_server(
    start: Callable[..., Run], folder: Path
) -> None:
    run = start(sys.executable, "-c", OWN_ONE, str(folder / "postgres"))
    postmaster = psutil.Process(int(until(lambda: run.output.strip(), what="its number")))
    run.process.kill()
    until(lambda: not alive(postmaster), what="the server's end")
    assert "database system is shut down" in (folder / "postgres" / "postgres.log").read_text()
