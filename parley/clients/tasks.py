"""The jobs of imports, as procrastinate's. Each may run twice and does its work once."""

from __future__ import annotations

import logging
import uuid

from django.db import transaction
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from parley.clients import importing
from parley.clients.models import Import
from parley.clients.tables import Unreadable

log = logging.getLogger(__name__)

# A job works for so long (seconds) and leaves the rest to the next one: others have their turn, and a worker that is
# told to end can.
SLICE = 8.0
TRIES = 8

WENT_WRONG = (
    "Something of ours went wrong. What was imported stays; whoever runs Parley finds why in the log."
)


@app.task(queue="imports", retry=RetryStrategy(max_attempts=TRIES, exponential_wait=2), pass_context=True)
def run_import(context: JobContext, import_id: str, business_id: str) -> None:
    """Go on with an import from the first row that nobody has kept yet."""
    ids = uuid.UUID(business_id), uuid.UUID(import_id)
    try:
        more = importing.work(*ids, seconds=SLICE)
    except Unreadable as wrong:
        importing.end(*ids, Import.State.FAILED, wrong.words)
        return
    except Exception as error:
        if context.job.attempts >= TRIES:
            log.error("an import was given up: %s", type(error).__name__)
            importing.end(*ids, Import.State.FAILED, WENT_WRONG)
        raise
    if more:
        run_import.defer(import_id=import_id, business_id=business_id)


@transaction.atomic
def begin(found: Import) -> None:
    """Start an import that somebody has said everything about; once."""
    if Import.objects.filter(business_id=found.business_id, pk=found.pk, state=Import.State.DRAFT).update(
        state=Import.State.WAITING
    ):
        run_import.defer(import_id=str(found.pk), business_id=str(found.business_id))


@app.periodic(cron="41 4 * * *")
@app.task(name="forget_files", queueing_lock="forget_files")
def forget_files(timestamp: int) -> None:
    """A file that nobody went on with for a day is thrown away."""
    importing.throw_away_old()
