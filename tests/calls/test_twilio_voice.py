"""Calls as Twilio has them: scripts, what its requests say, and its resources, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from parley.carriers.base import Doubt, NotSent, Paused, Refused, Unavailable, Unfetchable
from parley.carriers.twilio import voice
from parley.carriers.voice import (
    MOST_RECORDING_BYTES,
    AskKey,
    Connect,
    HangUp,
    OutgoingCall,
    Phone,
    Record,
    RecordingSaid,
    Reject,
    Say,
    TranscriptSaid,
)
from tests.carriers.test_twilio_send import ACCOUNT, refusal, twilio
from tests.carriers.wire import hangs_up, playing, says

CA, RE = "CA" + "1" * 32, "RE" + "2" * 32
BASE = f"/2010-04-01/Accounts/{ACCOUNT}"


def test_scripts_are_twiml() -> None:
    connect = Connect(
        (
            Phone("+15035550190", "https://p/asks", "https://p/tells"),
            Phone("+15035550191", "", "https://p/2"),
        ),
        seconds=20,
        shows="+18555550142",
        after="https://p/after",
    )
    steps = [
        Say("Bonjour & <b>\x00", "fr"),
        AskKey(Say("Press 1"), 10, "https://p/key?a=1&b=2"),
        connect,
        Record(120, "https://p/thanks", "https://p/recording", "https://p/words"),
        Reject(busy=True),
        HangUp(),
    ]
    assert voice.script(steps).decode().split("\n")[1] == (
        '<Response><Say language="fr-CA" voice="Polly.Chantal">Bonjour &amp; &lt;b&gt; </Say>'
        '<Gather input="dtmf" numDigits="1" timeout="10" action="https://p/key?a=1&amp;b=2" method="POST">'
        '<Say language="en-US" voice="Polly.Joanna">Press 1</Say></Gather>'
        '<Dial timeout="20" callerId="+18555550142" action="https://p/after" method="POST" answerOnBridge="true" '
        'timeLimit="14400">'
        '<Number statusCallback="https://p/tells" statusCallbackMethod="POST" '
        'statusCallbackEvent="initiated ringing answered completed" url="https://p/asks" method="POST">'
        "+15035550190</Number>"
        '<Number statusCallback="https://p/2" statusCallbackMethod="POST" '
        'statusCallbackEvent="initiated ringing answered completed">+15035550191</Number></Dial>'
        '<Record maxLength="120" timeout="5" playBeep="true" trim="trim-silence" action="https://p/thanks" '
        'method="POST" recordingStatusCallback="https://p/recording" recordingStatusCallbackMethod="POST" '
        'recordingStatusCallbackEvent="completed absent" transcribe="true" transcribeCallback="https://p/words" />'
        '<Reject reason="busy" /><Hangup /></Response>'
    )
    assert voice.script([]).endswith(b"<Response />")


def test_what_requests_about_calls_say() -> None:
    form = {"CallSid": CA, "CallStatus": "in-progress", "From": "+15035550118", "To": "+18555550142"}
    said = voice.read_call(
        [*form.items(), ("DialCallStatus", "answered"), ("DialCallDuration", "63"), ("DialBridged", "true")]
    )
    assert said
    assert (said.carrier_id, said.caller, said.called, said.status) == (
        CA,
        "+15035550118",
        "+18555550142",
        "in-progress",
    )
    assert (said.leg_status, said.leg_seconds, said.bridged, said.key) == ("completed", 63, True, "")
    for withheld in (
        "+266696687",
        "+7378742833",
        "anonymous",
        "Restricted",
        "",
        "+1",
        "266696687",
        "sip:x@y",
    ):
        known = voice.read_call(list((form | {"From": withheld}).items()))
        assert known
        assert known.caller == ""
    for wrong in (
        {"CallSid": "SM" + "1" * 32},
        {"CallSid": ""},
        {"CallStatus": "received"},
        {"CallStatus": ""},
    ):
        assert voice.read_call(list((form | wrong).items())) is None


def test_what_requests_about_recordings_say() -> None:
    form = {
        "CallSid": CA,
        "RecordingSid": RE,
        "RecordingUrl": "https://api.twilio.com/x",
        "RecordingDuration": "24",
        "RecordingStatus": "completed",
    }
    there = RecordingSaid(RE, CA, "https://api.twilio.com/x", 24)
    for change, said in [
        ({}, there),
        ({"RecordingStatus": ""}, there),
        ({"RecordingStatus": "", "RecordingDuration": "0"}, RecordingSaid(RE, CA, there.url, 0, absent=True)),
        (
            {"RecordingStatus": "absent", "RecordingDuration": "-1"},
            RecordingSaid(RE, CA, there.url, 0, absent=True),
        ),
        ({"RecordingStatus": "in-progress"}, None),
        ({"RecordingSid": "../../x"}, None),
    ]:
        assert voice.read_recording(list((form | change).items())) == said
    words = {"RecordingSid": RE, "TranscriptionStatus": "completed", "TranscriptionText": " Hi, it is Maya. "}
    assert voice.read_transcript(list(words.items())) == TranscriptSaid(RE, "Hi, it is Maya.")
    failed = voice.read_transcript(list((words | {"TranscriptionStatus": "failed"}).items()))
    assert failed == TranscriptSaid(RE, "")
    assert voice.read_transcript([("RecordingSid", RE)]) is None


CALL = OutgoingCall("+15035550190", "+18555550142", "https://p/asks", "https://p/tells")


async def test_a_call_is_made_once() -> None:
    async with playing(says(201, {"sid": CA, "status": "queued"})) as wire, twilio(wire.url) as carrier:
        assert await carrier.call(CALL) == CA
    [asked] = wire.requests
    assert (asked.method, asked.target) == ("POST", f"{BASE}/Calls.json")
    assert asked.form == [
        ("To", "+15035550190"),
        ("From", "+18555550142"),
        ("Url", "https://p/asks"),
        ("Method", "POST"),
        ("Timeout", "25"),
        ("StatusCallback", "https://p/tells"),
        ("StatusCallbackMethod", "POST"),
        *(("StatusCallbackEvent", step) for step in ("initiated", "ringing", "answered", "completed")),
    ]
    for turn, error in [
        (says(400, refusal(21210)), Refused),
        (says(400, refusal(21214)), Refused),
        (says(400, refusal(21215)), Refused),
        (says(401, refusal(20003, 401)), Paused),
        (says(429, b""), NotSent),
        (says(500, b""), Doubt),
        (says(201, {"sid": "x"}), Doubt),
        (hangs_up, Doubt),
    ]:
        async with playing(turn) as wire, twilio(wire.url) as carrier:
            with pytest.raises(error):
                await carrier.call(CALL)
        assert len(wire.requests) == 1


async def test_asking_and_ending() -> None:
    row = {"sid": CA, "status": "completed", "from": "+18555550142", "to": "+15035550190", "duration": "63"}
    row |= {"parent_call_sid": None, "start_time": "Thu, 26 Nov 2026 08:00:00 +0000"}
    turns = (
        says(200, row),
        says(404, refusal(20404, 404)),
        says(200, {"calls": [row | {"to": "+15035550199"}, row], "next_page_uri": None}),
        says(200, {"sid": CA}),
        says(400, refusal(21220)),
        says(400, refusal(21215)),
    )
    async with playing(*turns) as wire, twilio(wire.url) as carrier:
        known = await carrier.fetch_call(CA)
        assert known
        assert (known.status, known.seconds, known.parent_id) == ("completed", 63, "")
        assert await carrier.fetch_call(CA) is None
        since = datetime(2026, 11, 26, 7, 59, 30, 5, tzinfo=UTC)
        made = await carrier.calls_between("+18555550142", "+15035550190", since)
        assert [each.called for each in made] == ["+15035550190"]
        await carrier.end_call(CA)
        await carrier.end_call(CA)  # it had ended
        with pytest.raises(Refused):
            await carrier.end_call(CA)
    assert [each.target.split("?")[0] for each in wire.requests[2:4]] == [
        f"{BASE}/Calls.json",
        f"{BASE}/Calls/{CA}.json",
    ]
    assert wire.requests[3].form == [("Status", "completed")]
    async with playing(says(200, {"calls": [row]})) as wire, twilio(wire.url) as carrier:
        assert not await carrier.calls_between("+18555550142", "+15035550190", since + timedelta(hours=1))
    async with playing(says(200, {"sid": CA})) as wire, twilio(wire.url) as carrier:
        with pytest.raises(Unavailable):
            await carrier.fetch_call(CA)


async def test_a_recording_comes_from_the_carrier_s_own_address() -> None:
    sound = b"RIFF" + bytes(6 * 1024 * 1024)
    async with (
        playing(says(200, sound, **{"Content-Type": "audio/x-wav"})) as wire,
        twilio(wire.url) as carrier,
    ):
        assert await carrier.fetch_recording(RE) == sound
    [asked] = wire.requests
    assert asked.target == f"{BASE}/Recordings/{RE}.wav"
    assert asked.headers["authorization"].startswith("Basic ")
    turns = (
        says(404, refusal(20404, 404)),
        says(500, b""),
        says(200, b"x", **{"Content-Length": str(MOST_RECORDING_BYTES + 1)}),
    )
    async with playing(*turns) as wire, twilio(wire.url) as carrier:
        # What was just made is not there yet.
        for error, words in [
            (Unavailable, "It is no longer at the carrier."),
            (Unavailable, "It could not be had from the carrier just now."),
            (Unfetchable, "It is larger than 16 MB."),
        ]:
            with pytest.raises(error) as caught:
                await carrier.fetch_recording(RE)
            assert caught.value.words == words  # type: ignore[attr-defined]
        for wrong in ("RE1", "../Messages/MM1", ""):
            with pytest.raises(ValueError):
                await carrier.fetch_recording(wrong)
    async with (
        playing(says(204, b""), says(404, refusal(20404, 404)), says(500, b"")) as wire,
        twilio(wire.url) as carrier,
    ):
        await carrier.delete_recording(RE)
        await carrier.delete_recording(RE)
        with pytest.raises(Doubt):
            await carrier.delete_recording(RE)
    assert (wire.requests[0].method, wire.requests[0].target) == ("DELETE", f"{BASE}/Recordings/{RE}.json")


async def test_a_number_s_calls_are_asked_about_where_we_say() -> None:
    sid = "PN" + "3" * 32
    told = {"sms_url": "https://p/sms", "voice_url": "https://p/voice", "ended_url": "https://p/ended"}
    turns = says(201, {"sid": sid, "phone_number": "+18885550100"}), says(200, {"sid": sid})
    async with playing(*turns) as wire, twilio(wire.url) as carrier:
        await carrier.buy("+18885550100", label="Parley", **told)
        await carrier.update(sid, **told)
    for asked in wire.requests:
        assert asked.form[-6:] == [
            ("SmsUrl", "https://p/sms#rc=5&rp=all"),
            ("SmsMethod", "POST"),
            ("VoiceUrl", "https://p/voice#rc=5&rp=all"),
            ("VoiceMethod", "POST"),
            ("StatusCallback", "https://p/ended#rc=5&rp=all"),
            ("StatusCallbackMethod", "POST"),
        ]
