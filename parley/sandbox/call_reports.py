"""What the account is told of its calls: signed, in order, and with the weather on the way.

https://www.twilio.com/docs/voice/twiml#request-parameters and
https://www.twilio.com/docs/voice/api/call-resource#statuscallback (as of 2026-11).
"""

from __future__ import annotations

import asyncio
import time

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.errors import PROBLEMS
from parley.sandbox.lines import Line
from parley.sandbox.network import API_VERSION
from parley.sandbox.records import Call, Recording, new_sid
from parley.sandbox.rest import V2010, is_web_url, rfc2822
from parley.sandbox.weather import Sky
from parley.sandbox.webhooks import Done, Form, Webhooks


class Reports:
    """`base_url` is where recordings can be fetched from."""

    def __init__(self, sky: Sky, webhooks: Webhooks) -> None:
        self._sky = sky
        self._webhooks = webhooks
        self.base_url = ""
        self._held: dict[str, tuple[str, Form]] = {}

    def forget(self) -> None:
        """The calls are gone (World.forget_messages)."""
        self._held.clear()

    def url_of(self, recording: Recording) -> str:
        """Where the account finds it; with .wav at the end too."""
        return f"{self.base_url}{V2010}/Recordings/{recording.sid}"

    def facts(self, call: Call, status: str = "") -> list[tuple[str, str]]:
        """What every request about a call says."""
        facts = [
            ("AccountSid", ACCOUNT_SID),
            ("ApiVersion", API_VERSION),
            ("CallSid", call.sid),
            ("CallStatus", status or call.status),
            ("Called", call.recipient),
            ("Caller", call.sender),
            ("Direction", call.direction),
            ("From", call.sender),
            ("To", call.recipient),
        ]
        if call.parent:
            facts.append(("ParentCallSid", call.parent))
        if call.detect and call.answered_by:
            facts.append(("AnsweredBy", "human" if call.answered_by == "person" else "machine_start"))
        return facts

    def event(self, call: Call, event: str, status: str) -> None:
        """A step of the call, for whoever asked to hear of it."""
        if not call.callback or event not in call.callback_events:
            return
        form = [
            *self.facts(call, status),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(call.sequence)),
            ("Timestamp", rfc2822(time.time())),
        ]
        call.sequence += 1
        if event == "completed":
            form += [("CallDuration", str(call.duration)), ("Duration", str(-(-(call.duration or 0) // 60)))]
        if (
            event != "completed"
            and call.sid not in self._held
            and self._sky.happens(self._sky.now.callbacks_reordered)
        ):
            self._webhooks.counts["reordered"] += 1
            self._held[call.sid] = (status, form)
            return
        self._callback(call, status, form)
        if event == "completed" and call.sid in self._held:
            self._callback(call, *self._held.pop(call.sid))

    def tell_of_recording(self, call: Call, recording: Recording, callback: str, method: str) -> None:
        """The recording can be had, or there is none."""
        if self._sky.happens(self._sky.now.recording_callbacks_lost):
            self._webhooks.counts["lost"] += 1
            call.calls.append(["recording", "lost"])
            return
        form = [
            ("AccountSid", ACCOUNT_SID),
            ("ApiVersion", API_VERSION),
            ("CallSid", call.sid),
            ("ErrorCode", "0"),
            ("RecordingChannels", "1"),
            ("RecordingDuration", str(recording.duration)),
            ("RecordingSid", recording.sid),
            ("RecordingSource", recording.source),
            ("RecordingStartTime", rfc2822(recording.started)),
            ("RecordingStatus", recording.status),
            ("RecordingTrack", "inbound" if recording.source == "RecordVerb" else "both"),
            ("RecordingUrl", self.url_of(recording)),
        ]
        self._call_back(call, "recording", method, callback, form)

    def tell_of_transcription(self, call: Call, recording: Recording, words: str, callback: str) -> None:
        """What was said (https://www.twilio.com/docs/voice/twiml/record#transcribe); nothing: it failed."""
        sid = new_sid("TR")
        form = [
            *self.facts(call),
            ("RecordingSid", recording.sid),
            ("RecordingUrl", self.url_of(recording)),
            ("TranscriptionSid", sid),
            ("TranscriptionStatus", "completed" if words else "failed"),
            ("TranscriptionText", words),
            ("TranscriptionType", "fast"),
            ("TranscriptionUrl", f"{self.url_of(recording)}/Transcriptions/{sid}"),
        ]
        self._call_back(call, "transcription", "POST", callback, form)

    def ask_in_vain(self, line: Line, url: str, method: str, more: Form) -> None:
        """Ask for TwiML that nobody will follow: the caller has gone."""
        call = line.call
        if is_web_url(url):
            ended = "completed" if call.answered is not None else line.leaving
            form = [*self.facts(call, ended), *more]
            self.send(
                call, "twiml", method, url, form, lambda http, _body: call.calls.append(["twiml", http])
            )

    def send(self, call: Call, what: str, method: str, url: str, form: Form, done: Done) -> None:
        """One request, and another like it if the weather says so, whose answer nobody reads."""
        # What asks for TwiML does not wait behind what only tells.
        key = f"{call.sid} {'twiml' if what == 'twiml' else 'told'}"
        self._webhooks.call(key, method, url, form, done)
        if self._sky.happens(self._sky.now.callbacks_doubled):
            self._webhooks.counts["doubled"] += 1
            self._webhooks.call(
                key, method, url, form, lambda status, _body: call.calls.append([what, status])
            )

    def _callback(self, call: Call, what: str, form: Form) -> None:
        if self._sky.happens(self._sky.now.callbacks_lost):
            self._webhooks.counts["lost"] += 1
            call.calls.append([what, "lost"])
            return
        self._call_back(call, what, call.callback_method, call.callback, form)

    def _call_back(self, call: Call, what: str, method: str, url: str, form: Form) -> None:
        """Late, if the weather says so, and perhaps twice."""
        span = self._sky.now.call_callbacks_seconds
        late = self._sky.seconds(span) if span[1] else 0.0

        def done(status: int, _body: bytes) -> None:
            call.calls.append([what, status])

        if late:
            asyncio.get_running_loop().call_later(late, self.send, call, what, method, url, form, done)
        else:
            self.send(call, what, method, url, form, done)

    def problem(self, call: Call, code: int, about: str) -> None:
        """A line in the carrier's debugger: its code, and what it is about."""
        title = PROBLEMS.get(code, "")
        call.problems.append([code, f"{title}: {about}" if title and about else title or about])
