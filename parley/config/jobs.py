"""`parley jobs`: everything that happens later or on a clock: procrastinate's jobs, the automatic messages, campaigns.

The worker does not reconnect: when PostgreSQL restarts it finishes, and whoever runs this must start it again
after ANY exit (`parley up` does; for systemd: Restart=always).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.connector import BaseConnector
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from parley.pulse import tallies
from parley.pulse.beats import BEAT, EVERY, FAREWELL, PROCESS, Heart, saying

CONCURRENCY = 8
HEARTBEAT = 10.0  # seconds
DEAD_AFTER = 30.0  # seconds without a heartbeat
# Below the 25 seconds that the supervisor, and the 30 that Kubernetes, give before they kill.
GRACE = 20.0
# How often (seconds) to ask whether jobs may run.
LOOK = 1.0
KEEP_DONE_HOURS = 3 * 24
KEEP_FAILED_HOURS = 30 * 24


def run() -> None:
    """Work until SIGTERM, SIGINT or the loss of the database. Django must be set up."""
    from procrastinate.contrib.django import app

    add_housekeeping(app)
    with app.replace_connector(WorkerConnector(app.connector)) as worker_app:
        worker_app.job_manager = Beating(worker_app.connector)
        asyncio.run(_work(worker_app))


class WorkerConnector(PsycopgConnector):
    """The worker's own connections for its own needs; but what a task defers goes through Django's.

    procrastinate's would defer it on another connection: the job would begin before the task's transaction is in,
    find nothing, and be done; or it would outlive a transaction that failed.
    """

    def __init__(self, django: BaseConnector) -> None:
        super().__init__(kwargs=connector_params("default"))
        self._django = django

    def get_sync_connector(self) -> BaseConnector:
        return self._django


class Beating(JobManager):
    """Leaves the worker's beat where it looks for its next job, and counts what became of each."""

    def __init__(self, connector: BaseConnector) -> None:
        super().__init__(connector)
        self._next = 0.0

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        if time.monotonic() >= self._next:
            await self._beat()
        return await super().fetch_job(queues, worker_id)

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        await super().finish_job(job, status, delete_job)
        tallies.count("jobs", status.value)

    async def retry_job(self, job: Job, *given: Any, **more: Any) -> None:
        await super().retry_job(job, *given, **more)
        tallies.count("jobs", "retried")

    async def _beat(self) -> None:
        await self.connector.execute_query_async(BEAT, **saying("jobs"))
        if (taken := tallies.adding()) is not None:
            try:
                await self.connector.execute_query_async(tallies.ADD, **taken)
            except BaseException:
                tallies.put_back(taken)
                raise
        self._next = time.monotonic() + EVERY


async def _work(app: App) -> None:
    """Work while the database is what Parley left; it ends when that is not so any more (rule R9)."""
    from parley.alerts.clock import clock
    from parley.campaigns.clock import clock as campaigns

    clocks = [clock(), campaigns()]
    async with app.open_async():
        await _until_quarantined(False)
        working = asyncio.create_task(
            app.run_worker_async(
                concurrency=CONCURRENCY,
                shutdown_graceful_timeout=GRACE,
                update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=DEAD_AFTER,
            )
        )
        watching = asyncio.create_task(_until_quarantined(True))
        ticking = [asyncio.create_task(each.run()) for each in clocks]
        try:
            await asyncio.wait({working, watching, *ticking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            for each in clocks:
                each.stop()
            if not working.done():
                working.cancel()
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await working
            finally:
                await asyncio.gather(*ticking)
                with contextlib.suppress(ConnectorException, TimeoutError):
                    async with asyncio.timeout(1):
                        await app.connector.execute_query_async(FAREWELL, process=PROCESS)


async def _until_quarantined(wanted: bool) -> None:
    """Jobs of a restored database ran before, perhaps: none runs again before it is released."""
    from parley.messaging import quarantine
    from parley.messaging.line import Line

    line = Line("jobs")
    heart = Heart("jobs")
    try:
        while True:
            # Who waits for the release is well; once there is a worker, its beats are its own.
            if not wanted:
                await heart.beat(line)
            quarantine.SEEN.recall(settings.TICK_FILE)
            if await line.run(quarantine.held) is wanted:
                return
            await asyncio.sleep(LOOK)
    finally:
        await line.close()


def add_housekeeping(app: App) -> None:
    """Give the worker the two tasks that keep the queue itself in order."""

    # A queueing lock, so that one waits at the most; no lock: a rescue that died holding one would be stalled
    # itself, and nothing would ever be rescued again.
    @app.periodic(cron="* * * * *")
    @app.task(name="rescue_stalled_jobs", queueing_lock="rescue_stalled_jobs", pass_context=True)
    async def rescue_stalled_jobs(context: JobContext, timestamp: int) -> None:
        jobs = context.app.job_manager
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
            await jobs.retry_job(job)

    @app.periodic(cron="17 3 * * *")
    @app.task(name="forget_old_jobs", queueing_lock="forget_old_jobs", pass_context=True)
    async def forget_old_jobs(context: JobContext, timestamp: int) -> None:
        jobs = context.app.job_manager
        await jobs.delete_old_jobs(KEEP_DONE_HOURS)
        await jobs.delete_old_jobs(
            KEEP_FAILED_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )
