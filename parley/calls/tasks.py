"""The room's jobs, where procrastinate looks for them. Every task may run twice and does its work once."""

from __future__ import annotations

import uuid

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from parley.calls import calling, recordings, settling, texting_back
from parley.messaging.tasks import AN_HOUR, Patiently

AGAIN = RetryStrategy(max_attempts=10, exponential_wait=2)
# Two hours and a half; then `look_after` goes on asking once an hour.
PATIENTLY = Patiently(40)


@app.task(name=calling.PLACE, queue="calls")
def place_call(call_id: str, business_id: str) -> None:
    """Ring the phone of a member who calls a client."""
    calling.place(uuid.UUID(call_id), uuid.UUID(business_id))


@app.task(name=texting_back.TEXT_BACK, queue="texts", retry=AGAIN)
def text_back(call_id: str, business_id: str) -> None:
    """Text a client who was missed a minute ago."""
    texting_back.text_back(uuid.UUID(call_id), uuid.UUID(business_id))


@app.task(name=recordings.FETCH, queue="media", retry=AN_HOUR, pass_context=True)
def fetch_recording(context: JobContext, recording_id: str, business_id: str) -> None:
    """Fetch a voicemail."""
    ids = uuid.UUID(recording_id), uuid.UUID(business_id)
    if not recordings.fetch(*ids, last=AN_HOUR.is_last(context.job)):
        raise recordings.Waits


@app.task(name=recordings.DELETE, queue="media", retry=PATIENTLY)
def delete_recording(recording_id: str, business_id: str) -> None:
    """Delete a voicemail at the carrier."""
    recordings.delete_there(uuid.UUID(recording_id), uuid.UUID(business_id))


@app.task(name=recordings.WRITE_DOWN, queue="media", retry=AN_HOUR, pass_context=True)
def write_down_recording(context: JobContext, recording_id: str, business_id: str) -> None:
    """Have a voicemail written down."""
    ids = uuid.UUID(recording_id), uuid.UUID(business_id)
    if not recordings.write_down(*ids, last=AN_HOUR.is_last(context.job)):
        raise recordings.Waits


# A queueing lock, so that one waits at the most.
@app.periodic(cron="*/2 * * * *")
@app.task(name="settle_calls", queue="calls", queueing_lock="settle_calls")
def settle_calls(timestamp: int) -> None:
    """Ask the carriers about calls whose end nobody told."""
    settling.settle()


@app.periodic(cron="17 * * * *")
@app.task(name="look_after_recordings", queue="media", queueing_lock="look_after_recordings")
def look_after_recordings(timestamp: int) -> None:
    """Delete voicemails that have been kept long enough, and those that a carrier has still."""
    recordings.look_after()
