"""`parley jobs` does what is queued, ends when PostgreSQL restarts, and takes over a dead worker's jobs."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from procrastinate import App, JobContext, PsycopgConnector

from parley.config.embedded_postgres import EmbeddedPostgres, find_programs
from parley.config.jobs import WorkerConnector, add_housekeeping
from tests.house.conftest import Run, a_folder
from tests.waiting import until
from tests.world import database_url


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[EmbeddedPostgres]:
    """A server that a test may stop, with the tables of the tests' own: to migrate takes ten times as long."""
    programs = find_programs()
    with a_folder() as folder, EmbeddedPostgres(folder / "postgres", fast=True) as made:
        copy = folder / "copy"
        for program in (
            ["pg_dump", "--schema-only", "--format=custom", f"--file={copy}", database_url()],
            ["pg_restore", "--exit-on-error", f"--dbname={made.url}", str(copy)],
        ):
            subprocess.run([programs / program[0], *program[1:]], check=True)
        yield made


def one(server: EmbeddedPostgres, question: str) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[arg-type]
        return row[0] if row else None


def test_it_works_until_postgresql_restarts(server: EmbeddedPostgres, start: Callable[..., Run]) -> None:
    jobs = start(sys.executable, "-m", "parley", "jobs", DATABASE_URL=server.url)
    until(lambda: one(server, "SELECT count(*) FROM procrastinate_workers") == 1, what=jobs.output)
    forget = """INSERT INTO procrastinate_jobs (task_name, queue_name, args)
                VALUES ('forget_old_jobs', 'default', '{"timestamp": 0}') RETURNING id"""
    job = one(server, forget)
    until(
        lambda: one(server, f"SELECT status FROM procrastinate_jobs WHERE id = {job}") == "succeeded",
        what=f"the job; {jobs.output}",
    )
    # It has left a beat where it looked for the job, and counts what became of it.
    assert one(server, "SELECT count(*) FROM pulse_beat WHERE loop = 'jobs'") == 1
    counted = "SELECT total FROM pulse_tally WHERE name = 'jobs' AND label = 'succeeded'"
    until(lambda: one(server, counted), what="the count")
    server.stop()
    server.start()
    jobs.ends(30)


async def test_a_dead_workers_jobs_are_taken_over(server: EmbeddedPostgres) -> None:
    app = App(connector=PsycopgConnector(conninfo=server.url))
    add_housekeeping(app)
    async with app.open_async():
        jobs = app.job_manager
        worker = await jobs.register_worker()
        await app.configure_task("anything", allow_unknown=True).defer_async()
        job = await jobs.fetch_job(queues=None, worker_id=worker)
        assert job is not None
        rescue = app.tasks["rescue_stalled_jobs"]
        context = JobContext(app=app, job=job, start_timestamp=0.0, abort_reason=lambda: None)

        await rescue(context, timestamp=0)
        assert str((await jobs.get_job_status_async(job.id)).value) == "doing", "its worker lives"

        with psycopg.connect(server.url) as connection:
            connection.execute(
                "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute'"
            )
        await rescue(context, timestamp=0)
        assert str((await jobs.get_job_status_async(job.id)).value) == "todo"


@pytest.mark.django_db(transaction=True)
async def test_what_a_task_defers_is_in_the_tasks_transaction() -> None:
    """Else it could be done before there is anything to do, or for something that was rolled back."""
    from procrastinate.contrib.django import app

    def waiting() -> int:
        with psycopg.connect(database_url()) as outside:
            row = outside.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'deferred'"
            ).fetchone()
            return row[0] if row else 0

    def task(*, fails: bool) -> None:
        with contextlib.suppress(ValueError), transaction.atomic():
            app.configure_task("deferred", allow_unknown=True).defer()
            assert waiting() == 0
            if fails:
                raise ValueError

    with app.replace_connector(WorkerConnector(app.connector)) as worker:
        async with worker.open_async():
            await sync_to_async(task)(fails=True)
            assert waiting() == 0
            await sync_to_async(task)(fails=False)
            assert waiting() == 1
