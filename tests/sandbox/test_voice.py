"""Calls: what is said to whom, who is rung and connected, what is recorded, and what the account is told of it."""

from __future__ import annotations

import io
import signal
import wave
from collections.abc import Iterator
from typing import Any

import pytest

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.twiml import Unreadable, read
from parley.sandbox.voice import RATE, wav
from tests.sandbox.conftest import MAYA, OURS, Receiver, Sandbox, wait_for

JULES = "+15035550151"
NOOR = "+15035550152"
# For waits that must end by themselves; where a person acts meanwhile, patience costs nothing.
QUICK, PATIENT = 0.01, 0.05


class Telephone:
    """The sandbox's phones, and an account that answers with TwiML."""

    def __init__(self, sandbox: Sandbox, app: Receiver) -> None:
        self.sandbox, self.app = sandbox, app

    def pace(self, pace: float, **more: Any) -> None:
        self.sandbox.weather(call_pace=pace, **more)

    def says(self, path: str, *verbs: str) -> None:
        self.app.says[path] = f"<Response>{''.join(verbs)}</Response>"

    def phone(self, number: str, **facts: Any) -> None:
        usual = {"when_called": "rings", "voicemail_after": 0, "withheld": False}
        answer = self.sandbox.own("PUT", "world", {"handsets": [{"phone_number": number, **usual, **facts}]})
        assert answer.status_code == 200, answer.text

    def call(self, *verbs: str, handset: str = MAYA, **more: Any) -> str:
        """A phone calls us, and hears this. The sid."""
        if verbs:
            self.says("/voice", *verbs)
        answer = self.sandbox.own("POST", f"handsets/{handset}/calls", {"to": OURS, **more})
        assert answer.status_code == 201, answer.text
        sid: str = answer.json()["sid"]
        return sid

    def place(self, **form: Any) -> str:
        """We call a phone."""
        answer = self.sandbox.rest("POST", "Calls.json", {"To": MAYA, "From": OURS, **form})
        assert answer.status_code == 201, answer.text
        sid: str = answer.json()["sid"]
        return sid

    def act(self, handset: str, sid: str, act: str, **wishes: Any) -> None:
        answer = self.sandbox.own("POST", f"handsets/{handset}/calls/{sid}/{act}", wishes)
        assert answer.status_code == 200, answer.text

    def truth(self, sid: str) -> dict[str, Any]:
        rows = self.sandbox.own("GET", "truth/calls").json()["calls"]
        return next(row for row in rows if row["sid"] == sid)

    def heard(self, sid: str, what: str = "heard") -> list[str]:
        return [one["words"] for one in self.truth(sid)["heard"] if one["what"] == what]

    def rings(self, handset: str) -> str:
        """Wait until this phone rings; the leg's sid."""

        def ringing() -> str | None:
            calls = self.sandbox.own("GET", f"handsets/{handset}/calls").json()["calls"]
            return next((c["sid"] for c in calls if not c["mine"] and c["status"] == "ringing"), None)

        return wait_for(ringing)

    def ended(self, sid: str) -> dict[str, Any]:
        return wait_for(lambda: row if (row := self.truth(sid))["ended_at"] else None)

    def ended_leg(self, handset: str) -> dict[str, Any]:
        """Wait until the latest leg of this phone has ended."""

        def over() -> dict[str, Any] | None:
            rows = self.sandbox.own("GET", f"truth/calls?handset=%2B{handset[1:]}").json()["calls"]
            return rows[-1] if rows and rows[-1]["ended_at"] else None

        return wait_for(over)

    def asked(self, path: str, times: int = 1) -> dict[str, str]:
        """Wait until this was asked for so often; the form of the last."""
        calls = wait_for(lambda: found if len(found := self.app.at(path)) >= times else None)
        assert all(call.signed for call in calls)
        return calls[-1].form


@pytest.fixture
def telephone(sandbox: Sandbox, receiver: Receiver) -> Iterator[Telephone]:
    telephone = Telephone(sandbox, receiver)
    number = {
        "phone_number": OURS,
        "voice_url": f"{receiver.url}/voice",
        "voice_fallback_url": "",
        "status_callback": f"{receiver.url}/ended",
    }
    assert sandbox.own("PUT", "world", {"numbers": [number]}).status_code == 200
    for handset in (MAYA, JULES, NOOR):
        telephone.phone(handset)
    telephone.pace(QUICK)
    yield telephone
    sandbox.own("DELETE", "truth")


def test_a_caller_is_spoken_to(telephone: Telephone) -> None:
    sid = telephone.call(
        "<Say>Hello there.</Say>", "<Play>hello.mp3</Play>", '<Pause length="2"/>', "<Leave/>"
    )
    asked = telephone.asked("/voice")
    assert asked == {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "CallSid": sid,
        "CallStatus": "ringing",
        "Called": OURS,
        "Caller": MAYA,
        "Direction": "inbound",
        "From": MAYA,
        "To": OURS,
    }
    row = telephone.ended(sid)
    assert (row["status"], row["direction"], row["problems"][0][0]) == ("completed", "inbound", 12200)
    assert row["duration"] >= 6
    assert [one["what"] for one in row["heard"]] == ["calls", "answered", "heard", "played", "ended"]
    told = telephone.asked("/ended")
    assert (told["CallStatus"], told["CallDuration"], told["SequenceNumber"]) == (
        "completed",
        str(row["duration"]),
        "0",
    )
    assert told["CallbackSource"] == "call-progress-events"
    assert telephone.sandbox.own("GET", f"handsets/{MAYA}/calls").json()["calls"][0]["status"] == "completed"


def test_a_withheld_caller_and_those_who_are_refused(telephone: Telephone) -> None:
    hidden = telephone.call("<Say>Hi</Say>", withheld=True)
    assert telephone.asked("/voice")["From"] == "+266696687"
    assert telephone.ended(hidden)["handset"] == MAYA
    telephone.phone(NOOR, withheld=True)
    telephone.call("<Say>Hi</Say>", handset=NOOR)
    assert telephone.asked("/voice", 2)["From"] == "+266696687"
    for reason, status in (("busy", "busy"), ("rejected", "no-answer")):
        refused = telephone.ended(telephone.call(f'<Reject reason="{reason}"/>'))
        assert (refused["status"], refused["answered_at"], refused["duration"]) == (status, None, 0)


def test_keys_are_gathered(telephone: Telephone) -> None:
    telephone.says("/menu", "<Say>You chose.</Say>")
    sid = telephone.call('<Gather numDigits="1" action="/menu" timeout="3000"><Say>Press 1</Say></Gather>')
    wait_for(lambda: telephone.heard(sid))
    telephone.act(MAYA, sid, "digits", digits="1")
    assert telephone.asked("/menu")["Digits"] == "1"
    assert telephone.ended(sid)["status"] == "completed"
    assert telephone.heard(sid) == ["Press 1", "You chose."]
    # Pressed before anybody asked, and ended by #.
    telephone.pace(PATIENT)
    telephone.call('<Pause length="4"/><Gather action="/menu"><Say>Number?</Say></Gather>', digits="42#")
    telephone.asked("/menu", 2)
    typed = telephone.app.at("/menu")[-1].form
    assert (typed["Digits"], typed["FinishedOnKey"]) == ("42", "#")
    telephone.pace(QUICK)
    silent = telephone.call('<Gather numDigits="1" action="/menu"/><Say>Nobody pressed.</Say>')
    telephone.ended(silent)
    assert telephone.heard(silent) == ["Nobody pressed."]
    assert len(telephone.app.at("/menu")) == 2


RECORD = (
    '<Record maxLength="20" timeout="4" action="/recorded" '
    'recordingStatusCallback="/recording" recordingStatusCallbackEvent="completed absent"/>'
)


def test_a_voicemail_is_a_wav_as_long_as_what_was_said(telephone: Telephone) -> None:
    telephone.says("/recorded", "<Say>Thank you.</Say>")
    sid = telephone.call("<Say>Leave a message after the beep.</Say>", RECORD, speak=5)
    asked = telephone.asked("/recorded")
    assert (asked["RecordingDuration"], asked["Digits"]) == ("5", "")
    told = telephone.asked("/recording")
    assert (told["RecordingStatus"], told["RecordingDuration"], told["RecordingChannels"]) == (
        "completed",
        "5",
        "1",
    )
    assert (told["RecordingSid"], told["RecordingSource"]) == (asked["RecordingSid"], "RecordVerb")
    row = telephone.ended(sid)
    assert [one["what"] for one in row["heard"] if one["what"] != "ended"][-4:] == [
        "beep",
        "spoke",
        "recorded",
        "heard",
    ]
    path = told["RecordingUrl"].removeprefix(telephone.sandbox.url)
    for address in (path, path + ".wav"):
        answer = telephone.sandbox.rest("GET", address)
        assert answer.headers["Content-Type"] == "audio/x-wav"
        with wave.open(io.BytesIO(answer.content)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
            assert sound.getnframes() == 5 * RATE
            assert max(sound.readframes(RATE)) > 0
    assert telephone.sandbox.rest("GET", path + ".mp3").status_code == 406
    assert telephone.sandbox.http.get(telephone.sandbox.url + path, timeout=10).status_code == 401
    listed = telephone.sandbox.rest("GET", f"Recordings.json?CallSid={sid}").json()["recordings"]
    assert [(one["sid"], one["duration"], one["status"]) for one in listed] == [
        (told["RecordingSid"], "5", "completed")
    ]
    assert telephone.sandbox.rest("DELETE", f"{path}.json").status_code == 204
    for address in (path, f"{path}.json", f"{path}.wav"):
        assert telephone.sandbox.rest("GET", address).status_code == 404


def test_a_voicemail_ends_by_silence_by_hanging_up_by_a_key_and_by_its_length(telephone: Telephone) -> None:
    silent = telephone.call(RECORD, "<Say>Nothing heard.</Say>")
    absent = telephone.asked("/recording")
    assert (absent["RecordingStatus"], absent["RecordingDuration"]) == ("absent", "0")
    telephone.ended(silent)
    assert telephone.heard(silent) == ["Nothing heard."]
    assert telephone.app.at("/recorded") == []
    assert telephone.sandbox.rest("GET", f"Recordings/{absent['RecordingSid']}.wav").status_code == 404

    gone = telephone.call("<Say>Speak.</Say>", RECORD, speak=3, hangup=True)
    asked = telephone.asked("/recorded")
    assert (asked["Digits"], asked["RecordingDuration"], asked["CallStatus"]) == ("hangup", "3", "completed")
    assert telephone.ended(gone)["status"] == "completed"

    telephone.call(
        '<Record transcribe="true" transcribeCallback="/noted" action="/noted-down"/>',
        speak=4,
        words="Könnten wir früher?",
    )
    written = telephone.asked("/noted")
    assert (written["TranscriptionText"], written["TranscriptionStatus"]) == (
        "Könnten wir früher?",
        "completed",
    )
    assert written["RecordingSid"] == telephone.asked("/noted-down")["RecordingSid"]

    telephone.call(RECORD, speak=60)
    assert telephone.asked("/recorded", 2)["RecordingDuration"] == "20"

    telephone.pace(PATIENT)
    patient = RECORD.replace('timeout="4"', 'timeout="400"').replace('maxLength="20"', 'maxLength="2000"')
    keyed = telephone.call(patient.replace("<Record", '<Record finishOnKey="#"'), speak=2)
    wait_for(lambda: telephone.heard(keyed, "spoke"))
    telephone.act(MAYA, keyed, "digits", digits="#")
    assert telephone.asked("/recorded", 3)["Digits"] == "#"

    nothing = telephone.call(patient)
    wait_for(lambda: telephone.heard(nothing, "beep"))
    telephone.act(MAYA, nothing, "hangup")
    assert telephone.asked("/recording", 5)["RecordingStatus"] == "absent"
    assert len(telephone.app.at("/recorded")) == 3


def dial(*numbers: str, more: str = "", events: str = "initiated ringing answered completed") -> str:
    nouns = "".join(
        f'<Number url="/whisper" statusCallback="/leg" statusCallbackEvent="{events}">{number}</Number>'
        for number in numbers
    )
    return (
        f'<Dial timeout="400" action="/dialled" callerId="{OURS}" answerOnBridge="true" {more}>{nouns}</Dial>'
    )


def whisper(telephone: Telephone) -> None:
    telephone.says(
        "/whisper",
        '<Gather numDigits="1" action="/taken" timeout="20"><Say>Maya calls. Press 1.</Say></Gather>',
        "<Hangup/>",
    )
    telephone.says("/taken", "<Say>Connecting.</Say>")
    telephone.says("/dialled", "<Say>Goodbye.</Say>")


def test_all_phones_ring_and_the_one_that_presses_a_key_is_connected(telephone: Telephone) -> None:
    whisper(telephone)
    telephone.pace(PATIENT)
    telephone.phone(NOOR, voicemail_after=1)
    sid = telephone.call(dial(JULES, NOOR))
    leg, machine = telephone.rings(JULES), telephone.ended_leg(NOOR)
    # The private voicemail heard the whisper, pressed nothing, and did not swallow the caller.
    assert (machine["answered_by"], machine["status"]) == ("voicemail", "completed")
    assert [one["words"] for one in machine["heard"] if one["what"] == "heard"] == ["Maya calls. Press 1."]
    assert telephone.truth(sid)["status"] == "ringing"
    # The key is pressed as soon as somebody asks for one.
    telephone.act(JULES, leg, "digits", digits="1")
    telephone.act(JULES, leg, "answer")
    asked = telephone.asked("/whisper", 2)
    assert (asked["CallSid"], asked["ParentCallSid"], asked["From"], asked["To"]) == (leg, sid, OURS, JULES)
    assert (asked["CallStatus"], asked["Direction"]) == ("in-progress", "outbound-dial")
    wait_for(lambda: telephone.heard(sid, "connected"))
    assert telephone.heard(sid, "connected") == [JULES]
    assert telephone.heard(leg, "connected") == [MAYA]
    assert telephone.truth(sid)["status"] == "in-progress"
    shown = telephone.sandbox.own("GET", f"handsets/{MAYA}/calls").json()["calls"][0]
    assert JULES not in str(shown)
    telephone.act(JULES, leg, "hangup")
    asked = telephone.asked("/dialled")
    assert (asked["DialCallStatus"], asked["DialCallSid"], asked["DialBridged"]) == ("completed", leg, "true")
    assert int(asked["DialCallDuration"]) >= 1
    assert telephone.ended(sid)["status"] == "completed"
    assert telephone.heard(sid) == ["Goodbye."]
    steps = [call.form for call in telephone.app.at("/leg") if call.form["CallSid"] == leg]
    assert [(form["CallStatus"], form["SequenceNumber"]) for form in steps] == [
        ("initiated", "0"),
        ("ringing", "1"),
        ("in-progress", "2"),
        ("completed", "3"),
    ]
    assert (steps[3]["ParentCallSid"], "CallDuration" in steps[3], "CallDuration" in steps[2]) == (
        sid,
        True,
        False,
    )


def test_the_slower_phone_stops_ringing(telephone: Telephone) -> None:
    telephone.says("/whisper", "<Say>A call.</Say>")
    telephone.pace(PATIENT)
    sid = telephone.call(dial(JULES, NOOR, more='record="record-from-answer" timeLimit="600"'))
    slow, fast = telephone.rings(JULES), telephone.rings(NOOR)
    telephone.act(NOOR, fast, "answer")
    assert telephone.ended(slow)["status"] == "canceled"
    wait_for(lambda: telephone.heard(sid, "connected"))
    # The caller hangs up: the action is asked, and nobody follows its answer.
    telephone.act(MAYA, sid, "speak", seconds=2)
    telephone.act(MAYA, sid, "hangup", after_speaking=True)
    asked = telephone.asked("/dialled")
    assert (asked["CallStatus"], asked["DialCallStatus"], asked["DialCallSid"]) == (
        "completed",
        "completed",
        fast,
    )
    assert asked["RecordingUrl"].endswith(asked["RecordingSid"])
    assert telephone.ended(fast)["status"] == "completed"
    assert [one["source"] for one in telephone.truth(sid)["recordings"]] == ["DialVerb"]


def test_nobody_takes_the_call(telephone: Telephone) -> None:
    whisper(telephone)
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"when_called": "busy"}, "busy", "false"),
        ({"when_called": "failed"}, "failed", "false"),
        ({}, "no-answer", "false"),
        # It was picked up, but not taken: what tells is DialBridged.
        ({"voicemail_after": 1}, "completed", "false"),
    ]
    for times, (facts, status, bridged) in enumerate(cases, start=1):
        telephone.phone(JULES, **facts)
        sid = telephone.call(dial(JULES).replace('timeout="400"', 'timeout="6"'))
        asked = telephone.asked("/dialled", times)
        assert (asked["DialCallStatus"], asked["DialBridged"]) == (status, bridged)
        row = telephone.ended(sid)
        assert row["status"] == "completed"
        assert telephone.heard(sid) == ["Goodbye."]
    telephone.phone(JULES)
    telephone.pace(PATIENT)
    declined = telephone.call(dial(JULES))
    telephone.act(JULES, telephone.rings(JULES), "decline")
    assert telephone.asked("/dialled", 5)["DialCallStatus"] == "busy"
    telephone.ended(declined)
    given_up = telephone.call(dial(JULES))
    leg = telephone.rings(JULES)
    telephone.act(MAYA, given_up, "hangup")
    asked = telephone.asked("/dialled", 6)
    assert (asked["DialCallStatus"], asked["CallStatus"]) == ("no-answer", "no-answer")
    assert (telephone.ended(leg)["status"], telephone.ended(given_up)["status"]) == ("no-answer", "no-answer")


@pytest.mark.parametrize(
    ("number", "caller", "code"),
    [
        ("911", OURS, 13225),
        ("Jules", OURS, 13223),
        ("+447911123456", OURS, 13227),
        (JULES, "+15035550199", 13214),
    ],
)
def test_numbers_that_are_not_dialled(telephone: Telephone, number: str, caller: str, code: int) -> None:
    telephone.says("/dialled", "<Say>Goodbye.</Say>")
    sid = telephone.call(f'<Dial action="/dialled" callerId="{caller}">{number}</Dial>')
    assert telephone.asked("/dialled")["DialCallStatus"] == "failed"
    assert telephone.ended(sid)["problems"][0][0] == code


def test_twiml_that_cannot_be_followed(telephone: Telephone) -> None:
    for said, code in (("<Response><Say>", 12100), ("<Answer/>", 12100), ("", 12100)):
        telephone.app.says["/voice"] = said
        row = telephone.ended(telephone.call())
        assert (row["status"], row["problems"][0][0]) == ("failed", code)
        assert "sorry" in telephone.heard(row["sid"])[0]
    telephone.app.answers = [500]
    assert telephone.ended(telephone.call())["problems"][0][0] == 11200
    loop = telephone.ended(telephone.call("<Redirect>/voice</Redirect>"))
    assert (loop["status"], loop["problems"][0][0]) == ("failed", 12101)
    telephone.sandbox.own(
        "PUT",
        "world",
        {"numbers": [{"phone_number": OURS, "voice_fallback_url": f"{telephone.app.url}/fallback"}]},
    )
    telephone.says("/fallback", "<Say>Please call later.</Say>")
    telephone.app.answers = [500]
    rescued = telephone.ended(telephone.call())
    asked = telephone.asked("/fallback")
    assert (asked["ErrorCode"], asked["ErrorUrl"]) == ("11200", f"{telephone.app.url}/voice")
    assert rescued["status"] == "completed"
    assert telephone.heard(rescued["sid"]) == ["Please call later."]


def test_we_call_a_phone(telephone: Telephone) -> None:
    telephone.says("/answered", "<Dial>", JULES, "</Dial>")
    telephone.pace(PATIENT)
    events = {"StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"]}
    urls = {"Url": f"{telephone.app.url}/answered", "StatusCallback": f"{telephone.app.url}/steps"}
    sid = telephone.place(**urls, **events, MachineDetection="Enable", Timeout="400")
    assert telephone.rings(MAYA) == sid
    shown = telephone.sandbox.own("GET", f"handsets/{MAYA}/calls").json()["calls"][0]
    assert (shown["with"], shown["with_name"], shown["status"]) == (OURS, "Juniper Hair Studio", "ringing")
    telephone.act(MAYA, sid, "answer")
    asked = telephone.asked("/answered")
    assert (asked["Direction"], asked["CallStatus"], asked["AnsweredBy"]) == (
        "outbound-api",
        "in-progress",
        "human",
    )
    leg = telephone.rings(JULES)
    assert telephone.truth(leg)["from"] == OURS
    telephone.act(JULES, leg, "answer")
    wait_for(lambda: telephone.heard(leg, "connected"))
    telephone.act(MAYA, sid, "hangup")
    assert telephone.ended(sid)["status"] == "completed"
    assert telephone.ended(leg)["status"] == "completed"
    telephone.asked("/steps", 4)
    assert [call.form["CallStatus"] for call in telephone.app.at("/steps")] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    found = telephone.sandbox.rest("GET", f"Calls.json?ParentCallSid={sid}").json()["calls"]
    assert [(one["sid"], one["direction"], one["status"]) for one in found] == [
        (leg, "outbound-dial", "completed")
    ]
    telephone.pace(QUICK)
    assert telephone.ended(telephone.place(Twiml="<Response/>", Timeout="3"))["status"] == "no-answer"
    telephone.phone(MAYA, when_called="busy")
    assert telephone.ended(telephone.place(Twiml="<Response/>"))["status"] == "busy"


def test_the_account_ends_and_redirects_calls(telephone: Telephone) -> None:
    def update(sid: str, **form: str) -> tuple[int, str]:
        answer = telephone.sandbox.rest("POST", f"Calls/{sid}.json", form)
        return answer.status_code, str(answer.json().get("status"))

    telephone.pace(PATIENT)
    ringing = telephone.place(Twiml="<Response><Say>Hi</Say></Response>", Timeout="400")
    telephone.rings(MAYA)
    assert update(ringing, Url="http://127.0.0.1:9/x")[0] == 400
    assert update(ringing, Status="canceled") == (200, "canceled")
    assert update(ringing, Status="completed")[0] == 400
    talking = telephone.call('<Say>One</Say><Pause length="4000"/>')
    wait_for(lambda: telephone.heard(talking))
    assert update(talking, Twiml='<Response><Say>Two</Say><Pause length="4000"/></Response>')[0] == 200
    wait_for(lambda: telephone.heard(talking) == ["One", "Two"])
    assert update(talking, Status="canceled")[0] == 400
    assert update(talking, Status="completed") == (200, "completed")
    assert telephone.sandbox.rest("DELETE", f"Calls/{talking}.json").status_code == 204
    assert telephone.sandbox.rest("GET", f"Calls/{talking}.json").status_code == 404


def test_the_weather_of_calls(telephone: Telephone) -> None:
    telephone.pace(QUICK, callbacks_doubled=1, callbacks_reordered=1, call_callbacks_seconds=[0.01, 0.02])
    telephone.says("/recorded", "<Hangup/>")
    sid = telephone.call("<Say>Speak.</Say>", RECORD, speak=1)
    telephone.ended(sid)
    for path in ("/voice", "/recorded", "/recording", "/ended"):
        telephone.asked(path, 2)
    # The second answer was not followed.
    assert telephone.heard(sid) == ["Speak."]
    telephone.app.calls.clear()
    telephone.pace(QUICK, call_callbacks_seconds=[0, 0])
    events = {
        "StatusCallbackEvent": "initiated ringing completed",
        "StatusCallback": f"{telephone.app.url}/steps",
    }
    telephone.place(Twiml="<Response/>", Timeout="3", **events)
    telephone.asked("/steps", 6)
    # Each of them twice; the first one came last.
    assert "".join(call.form["SequenceNumber"] for call in telephone.app.at("/steps")) == "112200"
    telephone.app.calls.clear()
    telephone.sandbox.own("DELETE", "weather")
    telephone.pace(QUICK, recording_callbacks_lost=1, recording_late_seconds=600)
    sid = telephone.call(RECORD, speak=1)
    url = telephone.asked("/recorded")["RecordingUrl"].removeprefix(telephone.sandbox.url)
    assert telephone.sandbox.rest("GET", url).status_code == 404
    telephone.sandbox.weather(recording_late_seconds=0)
    assert telephone.sandbox.rest("GET", url).content.startswith(b"RIFF")
    telephone.sandbox.weather(recording_garbage=1)
    assert telephone.sandbox.rest("GET", url).content.startswith(b"<html>")
    wait_for(lambda: ["recording", "lost"] in telephone.truth(sid)["webhooks"])
    assert telephone.app.at("/recording") == []
    assert telephone.sandbox.own("PUT", "weather", {"call_pace": 0}).status_code == 400


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("nobody to call", {"To": None}, 21201),
    ("no number", {"To": "Maya"}, 21211),
    ("an emergency number", {"To": "911"}, 21216),
    ("abroad", {"To": "+447911123456"}, 21215),
    ("from nobody", {"From": None}, 21213),
    ("from no number", {"From": "Juniper"}, 21212),
    ("from somebody else's", {"From": "+18555550199"}, 21210),
    ("nothing to say", {"Url": None}, 21205),
    ("the address is none", {"Url": "nowhere"}, 21205),
    ("an application", {"ApplicationSid": "AP" + "a" * 32}, 21218),
    ("the callback is none", {"StatusCallback": "nowhere"}, 21609),
    ("rings for no time", {"Timeout": "0"}, 20001),
    ("a long document", {"Url": None, "Twiml": "x" * 4001}, 20001),
]


def test_calls_that_are_refused(telephone: Telephone) -> None:
    for what, change, code in REFUSED:
        form = {"To": MAYA, "From": OURS, "Url": "https://x.example/v", **change}
        answer = telephone.sandbox.rest(
            "POST", "Calls.json", {key: value for key, value in form.items() if value is not None}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, code), what
    assert telephone.sandbox.own("GET", "truth/calls").json() == {"calls": []}


def test_what_a_phone_cannot_do(telephone: Telephone) -> None:
    telephone.pace(PATIENT)
    sid = telephone.call('<Say>Hi</Say><Pause length="4000"/>')
    wait_for(lambda: telephone.heard(sid))
    for handset, act, wishes, status in (
        (JULES, "hangup", {}, 404),
        (MAYA, "answer", {}, 400),
        (MAYA, "decline", {}, 400),
        (MAYA, "digits", {"digits": "A"}, 400),
        (MAYA, "speak", {"seconds": 0}, 400),
        (MAYA, "hangup", {"now": True}, 400),
        (MAYA, "sing", {}, 404),
    ):
        answer = telephone.sandbox.own("POST", f"handsets/{handset}/calls/{sid}/{act}", wishes)
        assert answer.status_code == status, (act, answer.text)
    assert telephone.sandbox.own("POST", f"handsets/{MAYA}/calls", {"to": "+15035550199"}).status_code == 404
    world = {"handsets": [{"phone_number": MAYA, "when_called": "sleeps"}]}
    assert telephone.sandbox.own("PUT", "world", world).status_code == 400
    telephone.act(MAYA, sid, "hangup")
    assert telephone.ended(sid)["status"] == "completed"


def test_a_restart_ends_what_was_under_way(own_sandbox: Sandbox, receiver: Receiver) -> None:
    telephone = Telephone(own_sandbox, receiver)
    number = {
        "phone_number": OURS,
        "voice_url": f"{receiver.url}/voice",
        "status_callback": f"{receiver.url}/ended",
    }
    own_sandbox.own(
        "PUT", "world", {"numbers": [number], "handsets": [{"phone_number": JULES, "voicemail_after": 7}]}
    )
    telephone.pace(QUICK)
    telephone.says("/recorded", "<Hangup/>")
    done = telephone.call(RECORD, speak=2)
    before = telephone.ended(done)
    url = telephone.asked("/recorded")["RecordingUrl"].removeprefix(own_sandbox.url)
    broken = telephone.call('<Say>Hi</Say><Pause length="90000"/>')
    wait_for(lambda: telephone.heard(broken))
    own_sandbox.stop(signal.SIGKILL)
    receiver.calls.clear()
    own_sandbox.start()
    assert telephone.truth(done)["recordings"] == before["recordings"]
    assert telephone.truth(broken)["status"] == "failed"
    assert telephone.asked("/ended")["CallStatus"] == "failed"
    assert len(own_sandbox.rest("GET", url).content) > 2 * RATE * 2
    handsets = own_sandbox.own("GET", "world").json()["handsets"]
    assert next(one for one in handsets if one["phone_number"] == JULES)["voicemail_after"] == 7


def test_sound_and_documents() -> None:
    with wave.open(io.BytesIO(wav(3.0, [(1.0, 1.0)]))) as sound:
        assert sound.getnframes() == 3 * RATE
        silence, speech = sound.readframes(RATE), sound.readframes(RATE)
        assert (any(silence), any(speech), any(sound.readframes(RATE))) == (False, True, False)
    document = read(
        "<Response><Dial timeout='x'>+1 503 <!-- ha --></Dial></Response>", "http://a.example/b/c?d"
    )
    assert document.verbs[0].words == "+1 503"
    assert document.verbs[0].number("timeout", 30) == 30
    assert document.address("e") == "http://a.example/b/e"
    for body in (
        b"\xff\xfe",
        b"<Response>&lol;</Response>",
        b"<?xml version='1.0' encoding='nope'?><Response/>",
    ):
        with pytest.raises(Unreadable):
            read(body)
