"""Jobs from the loops: enqueued in the transaction that caused them, or not at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from procrastinate import PsycopgConnector
from procrastinate.contrib.django import app
from procrastinate.manager import JobManager
from procrastinate.tasks import Task

from parley.messaging.line import Db

# procrastinate's app speaks through Django's connection, where a loop's transaction is not. This one is never
# opened: it has no connections of its own and only knows how to write a job through the one it is given.
_WRITER = JobManager(PsycopgConnector())


async def defer(
    db: Db, task: Task[Any, Any, Any] | str, jobs: list[dict[str, str]], *, at: datetime | None = None
) -> None:
    """Enqueue one job of `task` for each of `jobs`, its arguments; they exist once the caller's transaction commits.

    `task`: or its name, where it is a room's above. `at`: not before that moment.
    """
    deferrer = (
        app.configure_task(task, allow_unknown=False, schedule_at=at)
        if isinstance(task, str)
        else task.configure(schedule_at=at)
    )
    await _WRITER.batch_defer_jobs_async(
        [deferrer.make_new_job(**arguments) for arguments in jobs], connection=db
    )
