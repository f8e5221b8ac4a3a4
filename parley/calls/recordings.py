"""Voicemails: fetched from the carrier, kept here, and deleted there; deleted here by a member, or in time.

`Recording.url` is where the carrier says that it is, and is empty once the carrier has it no more. So whatever dies
between the two, a later look finds what is still to be deleted there. Every step is a conditional UPDATE, and a job
that runs twice changes nothing.
"""

from __future__ import annotations

import io
import logging
import sys
import uuid
import wave
from array import array
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django import app

from parley.businesses.models import Business
from parley.calls import outcomes, speech
from parley.calls.answering import rules_of
from parley.calls.models import Call, Recording
from parley.carriers.base import SendError, Unavailable, Unfetchable
from parley.carriers.directory import ask_voice
from parley.carriers.voice import RecordingSaid, TranscriptSaid, Voice
from parley.clients.languages import language_of

log = logging.getLogger(__name__)

State = Recording.State
# The jobs, by the names that `tasks` gives them.
FETCH, DELETE, WRITE_DOWN = "fetch_recording", "delete_recording", "write_down_recording"
BARS = 40
# What is beyond the carrier's limit (`scripts.LONGEST_VOICEMAIL`) by more than this (seconds) is nothing we asked for.
LONGEST_SECONDS = 150
SHORTEST_SECONDS = 0.1
NOT_FETCHED = "The voicemail could not be fetched."
NO_SOUND = "The voicemail is no recording that can be played."
TOO_LONG = "The voicemail is longer than two and a half minutes."
CONTENT_TYPE = "audio/wav"


class Waits(Exception):
    """The carrier could not be had: it is asked again."""


class Unplayable(Exception):
    """These bytes are no voicemail; `words` say why, for people."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True)
class Sound:
    """What a recording holds: how long (seconds), and its loudness in equal steps, 0 to 100."""

    seconds: int
    bars: list[int]


def told(call: Call, said: RecordingSaid, voice: Voice) -> None:
    """The carrier has a voicemail. The caller holds the call. The same again changes nothing."""
    if said.absent:
        return
    rules = rules_of(call.business)
    writes = rules.transcribes and speech.is_on()
    if speech.by_carrier():
        writes = writes and language_of(call.business, call.message.conversation.client) in voice.writes_down
    recording, new = Recording.objects.get_or_create(
        business=call.business,
        carrier_id=said.carrier_id,
        defaults={
            "call": call,
            "url": said.url[:500] or said.carrier_id,
            "seconds": max(said.seconds, 0),
            "transcript_state": Recording.Transcript.WAITING if writes else Recording.Transcript.NONE,
            "delete_at": timezone.now() + timedelta(days=rules.keep_days),
        },
    )
    if not new:
        return
    defer(FETCH, recording)
    if call.state == Call.State.MISSED:
        outcomes.show(call)
        outcomes.tell(call)
    else:
        outcomes.climb(call, Call.State.MISSED)


def fetch(recording_id: uuid.UUID, business_id: uuid.UUID, *, last: bool) -> bool:
    """Fetch one that waits, then have it deleted at the carrier. False if it must be tried again, unless it is the
    `last` try: then the thread says that it is not to be had.
    """
    recording = _own(business_id).filter(pk=recording_id, state=State.WAITING).select_related("call").first()
    if recording is None:
        return True
    try:
        content = ask_voice(recording.call.carrier, lambda voice: voice.fetch_recording(recording.carrier_id))
    except Unfetchable as error:
        _settle(recording, State.FAILED, reason=f"{NOT_FETCHED} {error.words}")
        return True
    except Exception as error:
        if not isinstance(error, (Unavailable, SendError)):
            log.error("a voicemail was not fetched: %s", type(error).__name__)
        if last:
            _settle(recording, State.FAILED, reason=NOT_FETCHED)
        return last
    try:
        sound = listen(content)
    except Unplayable as wrong:
        _settle(recording, State.FAILED, reason=wrong.words)
        return True
    _settle(
        recording,
        State.KEPT,
        content=content,
        content_type=CONTENT_TYPE,
        seconds=sound.seconds,
        wave=sound.bars,
    )
    return True


def listen(content: bytes) -> Sound:
    """How long a WAV is, and how loud. Raises Unplayable for what is none, is empty, or is too long."""
    try:
        with wave.open(io.BytesIO(content)) as sound:
            width, channels, rate = sound.getsampwidth(), sound.getnchannels(), sound.getframerate()
            frames = sound.readframes(sound.getnframes())
    except (wave.Error, EOFError, ValueError, OverflowError) as error:
        raise Unplayable(NO_SOUND) from error
    if width not in (1, 2) or rate <= 0 or channels not in (1, 2):
        raise Unplayable(NO_SOUND)
    samples = array("h" if width == 2 else "B")
    samples.frombytes(frames[: len(frames) // width * width])
    if width == 2 and sys.byteorder == "big":
        samples.byteswap()
    seconds = len(samples) / channels / rate
    if seconds < SHORTEST_SECONDS:
        raise Unplayable(NO_SOUND)
    if seconds > LONGEST_SECONDS:
        raise Unplayable(TOO_LONG)
    middle = 0 if width == 2 else 128
    step = max(1, len(samples) // BARS)
    peaks = [
        max(max(part) - middle, middle - min(part))
        for start in range(0, len(samples), step)
        if (part := samples[start : start + step])
    ][:BARS]
    loudest = max(peaks) or 1
    return Sound(max(1, round(seconds)), [round(100 * peak / loudest) for peak in peaks])


def delete_there(recording_id: uuid.UUID, business_id: uuid.UUID) -> None:
    """Delete at the carrier what is kept, or not wanted any more. Raises Waits while the carrier cannot be had."""
    recording = (
        _own(business_id)
        .filter(pk=recording_id, state__in=(State.KEPT, State.DELETED))
        .exclude(url="")
        .select_related("call")
        .first()
    )
    if recording is None:
        return
    try:
        ask_voice(recording.call.carrier, lambda voice: voice.delete_recording(recording.carrier_id))
    except SendError as error:
        raise Waits(type(error).__name__) from None
    _own(business_id).filter(pk=recording_id).update(url="")


@transaction.atomic
def delete(business: Business, recording_id: uuid.UUID) -> bool:
    """Delete a voicemail, here at once and at the carrier soon. False if there is none.

    What it was stays in the thread: that there was one, and when.
    """
    recording = _own(business.pk).exclude(state=State.DELETED).filter(pk=recording_id).first()
    if recording is None:
        return False
    _erase(recording)
    return True


@transaction.atomic
def try_again(business: Business, recording_id: uuid.UUID) -> bool:
    """Fetch one once more that was not to be had. False if it is not so."""
    again = _own(business.pk).filter(pk=recording_id, state=State.FAILED).exclude(url="")
    if not again.update(state=State.WAITING, reason=""):
        return False
    recording = _own(business.pk).get(pk=recording_id)
    defer(FETCH, recording)
    outcomes.show(outcomes.held(recording.call_id))
    return True


def heard(business: Business, recording_id: uuid.UUID) -> None:
    """A member has played it."""
    _own(business.pk).filter(pk=recording_id, heard_at=None).update(heard_at=timezone.now())


def look_after() -> None:
    """Delete what has been kept long enough, and have deleted at the carriers what is still there: the oldest first."""
    now = timezone.now()
    old = Recording.objects.filter(delete_at__lte=now, state__in=(State.KEPT, State.FAILED))
    for recording in old.order_by("delete_at").defer("content", "wave")[:1000]:
        with transaction.atomic():
            _erase(recording)
    there = Recording.objects.filter(state__in=(State.KEPT, State.DELETED)).exclude(url="")
    for recording in there.order_by("at").defer("content", "wave")[:1000]:
        defer(DELETE, recording)


def written_down(call: Call, said: TranscriptSaid) -> None:
    """The carrier's own speech-to-text has spoken. The caller holds the call."""
    own = Recording.objects.filter(business_id=call.business_id, call=call, carrier_id=said.recording_id)
    if _transcribed(own, said.words):
        outcomes.show(call)
        for recording in own.filter(state=State.KEPT).defer("content", "wave"):
            defer(DELETE, recording)


def write_down(recording_id: uuid.UUID, business_id: uuid.UUID, *, last: bool) -> bool:
    """Have a voicemail written down by the provider. False if it must be tried again."""
    provider = speech.provider()
    waiting = _own(business_id).filter(pk=recording_id, transcript_state=Recording.Transcript.WAITING)
    recording = waiting.select_related("business", "call__message__conversation__client").first()
    if recording is None or recording.content is None or provider is None:
        return True
    call = recording.call
    language = language_of(recording.business, call.message.conversation.client)
    try:
        said = provider.transcribe(bytes(recording.content), language)
    except speech.NotWrittenDown:
        said = ""
    except Exception as error:
        log.error("a voicemail was not written down: %s", type(error).__name__)
        if not last:
            return False
        said = ""
    with transaction.atomic():
        if _transcribed(waiting, said):
            outcomes.show(outcomes.held(recording.call_id))
    return True


def defer(task: str, recording: Recording) -> None:
    """A job about one recording, with the caller's transaction."""
    app.configure_task(task, allow_unknown=False).defer(
        recording_id=str(recording.pk), business_id=str(recording.business_id)
    )


def _own(business_id: uuid.UUID) -> Any:
    return Recording.objects.filter(business_id=business_id)


def _settle(recording: Recording, state: State, **values: Any) -> None:
    with transaction.atomic():
        call = outcomes.held(recording.call_id)
        if (
            not _own(call.business_id)
            .filter(pk=recording.pk, state=State.WAITING)
            .update(state=state, **values)
        ):
            return
        if state == State.KEPT:
            waits = recording.transcript_state == Recording.Transcript.WAITING
            # What the carrier still listens to is deleted there once it has spoken, or by `look_after`.
            if not (waits and speech.by_carrier()):
                defer(DELETE, recording)
            if waits and not speech.by_carrier():
                defer(WRITE_DOWN, recording)
        outcomes.show(call)


def _erase(recording: Recording) -> None:
    call = outcomes.held(recording.call_id)
    _own(call.business_id).filter(pk=recording.pk).update(
        state=State.DELETED,
        content=None,
        wave=[],
        transcript="",
        transcript_state=Recording.Transcript.NONE,
        reason="",
    )
    if recording.url:
        defer(DELETE, recording)
    outcomes.show(call)


def _transcribed(waiting: Any, said: str) -> bool:
    done = Recording.Transcript.DONE if said else Recording.Transcript.FAILED
    kept: int = waiting.filter(transcript_state=Recording.Transcript.WAITING).update(
        transcript=said.replace("\x00", "")[: speech.LONGEST], transcript_state=done
    )
    return bool(kept)
