"""Voicemails: kept here, deleted there, once, whatever dies between; and what is no voicemail is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from parley.calls import recordings, speech
from parley.calls.models import Call, CallRules, Recording
from parley.calls.tasks import AN_HOUR
from parley.messaging.models import Message
from tests.calls.conftest import Line, Shelf, sound, the_call
from tests.calls.test_webhooks import jobs, unanswered, voicemail
from tests.people import House

pytestmark = pytest.mark.django_db

RE = "RE" + "b" * 32
WAV = f"/Recordings/{RE}.wav"
THERE = f"/Recordings/{RE}.json"


@pytest.fixture
def left(house: House, line: Line, shelf: Shelf) -> Recording:
    """A voicemail that the carrier has told of."""
    house.client()
    voicemail(line, unanswered(line, line.rings()))
    return Recording.objects.get()


def fetch(recording: Recording, *, last: bool = False) -> bool:
    return recordings.fetch(recording.pk, recording.business_id, last=last)


def test_it_is_kept_here_and_deleted_there(left: Recording, house: House, shelf: Shelf) -> None:
    shelf.says("GET", WAV, sound(3))
    shelf.says("DELETE", THERE, {}, 204)
    before = the_call().message.changed_at
    assert fetch(left)
    left.refresh_from_db()
    assert (left.state, left.seconds, left.content_type) == ("kept", 3, "audio/wav")
    assert bytes(left.content) == sound(3)
    assert (len(left.wave), max(left.wave)) == (40, 100)
    assert left.wave[0] < left.wave[20] < left.wave[39]
    assert the_call().message.title == "Missed call, voicemail 0:03"
    assert the_call().message.changed_at > before, "open pages ask for what has changed"
    # A worker that dies here leaves the job, and `look_after` would find it too.
    assert len(jobs("delete_recording")) == 1
    for _ in range(2):
        assert fetch(left)
        recordings.delete_there(left.pk, left.business_id)
    assert shelf.asked == [("GET", WAV), ("DELETE", THERE)]
    left.refresh_from_db()
    assert (left.state, left.url) == ("kept", "")


def test_a_carrier_that_is_away_is_asked_again_for_an_hour(left: Recording, shelf: Shelf) -> None:
    assert not fetch(left), "not there yet"
    shelf.says("GET", WAV, {}, 500)
    assert not fetch(left)
    left.refresh_from_db()
    assert left.state == "waiting"
    assert fetch(left, last=True)
    left.refresh_from_db()
    assert (left.state, left.reason) == ("failed", "The voicemail could not be fetched.")
    assert AN_HOUR.tries == 20
    # Somebody has it fetched once more.
    assert recordings.try_again(left.business, left.pk)
    assert not recordings.try_again(left.business, left.pk)
    shelf.says("GET", WAV, sound(2))
    assert fetch(left)
    left.refresh_from_db()
    assert (left.state, left.reason, left.seconds) == ("kept", "", 2)
    # What cannot be deleted there yet is asked for again.
    with pytest.raises(recordings.Waits):
        shelf.says("DELETE", THERE, {}, 500)
        recordings.delete_there(left.pk, left.business_id)
    left.refresh_from_db()
    assert left.url


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>", recordings.NO_SOUND),
        (b"RIFF\x24\x00\x00\x00WAVE", recordings.NO_SOUND),
        (sound(0), recordings.NO_SOUND),
        (sound(2)[:50], recordings.NO_SOUND),
        (sound(151, rate=100), recordings.TOO_LONG),
        (b"\xff\xfb\x90" + bytes(2000), recordings.NO_SOUND),
    ],
)
def test_what_is_no_voicemail_is_said(left: Recording, shelf: Shelf, content: bytes, words: str) -> None:
    shelf.says("GET", WAV, content)
    assert fetch(left)
    left.refresh_from_db()
    assert (left.state, left.reason, left.content) == ("failed", words, None)


def test_sounds_of_other_shapes() -> None:
    import io
    import wave

    for channels, width in [(1, 1), (2, 2), (2, 1)]:
        kept = io.BytesIO()
        with wave.open(kept, "wb") as written:
            written.setnchannels(channels)
            written.setsampwidth(width)
            written.setframerate(8000)
            written.writeframes(bytes([100, 128, 128, 200]) * 4000 * channels * width)
        known = recordings.listen(kept.getvalue())
        assert (known.seconds, len(known.bars)) == (2, 40)
        assert all(0 <= bar <= 100 for bar in known.bars)


def test_who_deletes_it_deletes_it_everywhere(
    left: Recording, house: House, alder: House, shelf: Shelf
) -> None:
    shelf.says("GET", WAV, sound(2))
    fetch(left)
    assert not recordings.delete(alder.business, left.pk), "another business's"
    assert not recordings.try_again(alder.business, left.pk)
    recordings.heard(alder.business, left.pk)
    left.refresh_from_db()
    assert (left.state, left.heard_at) == ("kept", None)
    recordings.heard(house.business, left.pk)
    assert recordings.delete(house.business, left.pk)
    assert not recordings.delete(house.business, left.pk)
    left.refresh_from_db()
    assert (left.state, left.content, left.wave, left.heard_at is not None) == ("deleted", None, [], True)
    shelf.says("DELETE", THERE, {}, 204)
    recordings.delete_there(left.pk, left.business_id)
    left.refresh_from_db()
    assert left.url == ""
    assert the_call().message.title == "Missed call"
    with pytest.raises(IntegrityError), transaction.atomic():
        Recording.objects.filter(pk=left.pk).update(business=alder.business)
        transaction.get_connection().check_constraints()


def test_it_goes_when_its_time_has_come(left: Recording, shelf: Shelf) -> None:
    shelf.says("GET", WAV, sound(2))
    fetch(left)
    before = len(jobs("delete_recording"))
    recordings.look_after()
    left.refresh_from_db()
    assert left.state == "kept"
    assert len(jobs("delete_recording")) == before + 1, "what the carrier still has is asked for again"
    Recording.objects.update(delete_at=timezone.now() - timedelta(seconds=1))
    recordings.look_after()
    left.refresh_from_db()
    assert (left.state, left.content) == ("deleted", None)


class Stub:
    """A provider of one's own."""

    def transcribe(self, wav: bytes, language: str) -> str:
        """Say what it was given."""
        if len(wav) < 20_000:
            raise speech.NotWrittenDown
        return f"{len(wav)} in {language}"


def test_voicemails_are_written_down_by_whoever_is_set_up(
    house: House, line: Line, shelf: Shelf, settings: Any
) -> None:
    house.client()
    assert not speech.is_on()
    CallRules.objects.update(transcribes=True)
    script = unanswered(line, line.rings())
    assert "transcribe" not in script.root.find("Record").attrib  # type: ignore[union-attr]
    settings.TRANSCRIBER = "tests.calls.test_recordings.Stub"
    voicemail(line, script)
    recording = Recording.objects.get()
    assert recording.transcript_state == "waiting"
    shelf.says("GET", WAV, sound(2))
    fetch(recording)
    assert len(jobs("write_down_recording")) == 1
    assert recordings.write_down(recording.pk, recording.business_id, last=False)
    recording.refresh_from_db()
    assert (recording.transcript_state, recording.transcript) == ("done", "32044 in en")
    Recording.objects.update(transcript_state="waiting", content=sound(1))
    assert recordings.write_down(recording.pk, recording.business_id, last=False)
    recording.refresh_from_db()
    assert recording.transcript_state == "failed"


def test_the_carrier_s_own_writes_down_what_it_can(
    house: House, line: Line, shelf: Shelf, settings: Any
) -> None:
    settings.TRANSCRIBER = "carrier"
    CallRules.objects.update(transcribes=True)
    maya = house.client()
    script = unanswered(line, line.rings())
    assert script.of("Record", "transcribe") == "true"
    voicemail(line, script)
    shelf.says("GET", WAV, sound(2))
    fetch(Recording.objects.get())
    assert not jobs("delete_recording"), "the carrier still listens to it"
    said = {"RecordingSid": RE, "TranscriptionStatus": "completed", "TranscriptionText": "Hi, it is Maya."}
    for _ in range(2):
        line.post(script.of("Record", "transcribeCallback"), "completed", **said)
    recording = Recording.objects.get()
    assert (recording.transcript_state, recording.transcript) == ("done", "Hi, it is Maya.")
    assert len(jobs("delete_recording")) == 1
    maya.language = "es"
    maya.save(update_fields=["language"])
    spanish = Line(line.base, line.to)
    assert "transcribe" not in unanswered(spanish, spanish.rings()).root.find("Record").attrib  # type: ignore[union-attr]


def test_silence_is_no_voicemail_and_deleting_the_client_deletes_all(
    house: House, line: Line, left: Recording
) -> None:
    again = Line(line.base, line.to)
    script = unanswered(again, again.rings())
    url = script.of("Record", "recordingStatusCallback")
    again.post(
        url, "completed", RecordingSid="RE" + "c" * 32, RecordingStatus="absent", RecordingDuration="-1"
    )
    # Another call's recording is not this one's.
    stolen = Line(line.base, line.to)
    stolen.post(
        url, "completed", RecordingSid="RE" + "d" * 32, RecordingStatus="completed", RecordingDuration="3"
    )
    assert Recording.objects.count() == 1
    house.business.clients.get().delete()
    assert not [model for model in (Recording, Call, Message) if model.objects.exists()]
    assert fetch(left)
