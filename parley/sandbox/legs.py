"""The legs of calls, and the people at their phones: ringing, answering, pressing keys, speaking, hanging up.

A leg that goes out (the API's, or a Dial's):

    queued -> ringing --(picked up)--> in-progress --> completed
       |        |-- nobody picks up in time --> no-answer; another phone was faster --> canceled
       |        `-- declined --> busy
       `-- busy, or no such phone --> busy | failed

Seconds are a call's own: weather's `call_pace` says how long one lasts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from parley.sandbox import voice
from parley.sandbox.call_reports import Reports
from parley.sandbox.lines import HungUp, Line, Order, Spoken
from parley.sandbox.records import Call, Recording, new_sid
from parley.sandbox.world import World

log = logging.getLogger("parley.sandbox")

_PROCESSING_SECONDS = 1.0
_TRANSCRIBING_SECONDS = 4.0
# A private voicemail plays its greeting and records this long, then hangs up.
_VOICEMAIL_SECONDS = 30.0


class Legs:
    """Every leg that lasts."""

    def __init__(self, world: World, reports: Reports) -> None:
        self._world = world
        self._reports = reports
        self._lines: dict[str, Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        """Stop in the middle of every call."""
        for task in self._tasks:
            task.cancel()

    def forget(self) -> None:
        """The calls are gone (World.forget_messages): nobody talks any more."""
        self.close()
        self._lines.clear()

    def line(self, sid: str) -> Line | None:
        """The leg, while it lasts."""
        return self._lines.get(sid)

    def pick_up(self, line: Line, who: str = "person") -> None:
        """The phone is answered."""
        if line.call.status == "ringing" and not line.picked:
            line.picked = who
            line.wake()

    def hang_up(self, line: Line, status: str = "no-answer") -> None:
        """The leg ends: as completed if it was answered, else as `status`."""
        if not line.leaving:
            line.leaving = status
            line.wake()

    def press(self, line: Line, keys: str) -> None:
        """Keys, one after the other; if nobody asks for any yet, as soon as somebody does."""
        self.log(line, "pressed", keys)
        if line.asked:
            line.keys += keys
        elif line.partner is None:
            line.held_keys += keys
        line.wake()

    def speak(self, line: Line, seconds: float, words: str = "") -> None:
        """Words of that length; if nobody listens yet, as soon as somebody does (after the beep)."""
        if line.listened:
            self._say(line, seconds, words)
        else:
            line.held_speech.append((seconds, words))

    def go_after_speaking(self, line: Line) -> None:
        """Hang up once everything has been said."""
        line.goes_after_speaking = True
        if line.listened and not line.held_speech:
            self.leave_at(line, line.quiet_since)

    def _say(self, line: Line, seconds: float, words: str) -> None:
        line.speech.append(Spoken(max(line.now, line.quiet_since), seconds, words))
        self.log(line, "spoke", f"{seconds:g} s")
        line.wake()

    def listen(self, line: Line) -> None:
        """From now on somebody hears what is said on this line, or it is recorded."""
        line.listened = True
        while line.held_speech:
            self._say(line, *line.held_speech.pop(0))
        if line.goes_after_speaking:
            self.leave_at(line, line.quiet_since)

    def leave_at(self, line: Line, moment: float) -> None:
        """Hang up at this moment on the loop's clock."""
        asyncio.get_running_loop().call_at(max(moment, line.now), self.hang_up, line)

    def open(self, call: Call) -> Line:
        """A leg comes to be."""
        line = self._lines[call.sid] = Line(call)
        if call.fallback_url:
            line.fallback = Order(call.fallback_url, call.fallback_method)
        self._world.put_call(call)
        return line

    def begin(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do this beside everything else, until close()."""
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a call broke off", exc_info=task.exception())

    async def rings_until_answered(self, line: Line, timeout: float) -> bool:
        """Ring the phone. False: nobody took it, and the leg has ended."""
        call = line.call
        self._reports.event(call, "initiated", "initiated")
        # Not before the answer to the request is written.
        await asyncio.sleep(0)
        try:
            line.check()
            if call.recipient in self._world.numbers:
                # A call between two of the account's numbers is not pretended.
                self.end(line, "failed")
                return False
            phone = self._world.put_handset(call.recipient)
            if phone.when_called != "rings":
                self.end(line, phone.when_called)
                return False
            call.status = "ringing"
            self._world.put_call(call)
            self.log(line, "rings", "")
            self._reports.event(call, "ringing", "ringing")
            patience = min(timeout, phone.voicemail_after or timeout)
            taken = await line.until(lambda: bool(line.picked), patience)
            if not taken and patience < timeout:
                self.pick_up(line, "voicemail")
        except HungUp:
            self.end(line, line.leaving)
            return False
        if not line.picked:
            self.end(line, "no-answer")
            return False
        call.answered_by = line.picked
        if line.picked == "voicemail":
            self.leave_at(line, line.now + line.real(_VOICEMAIL_SECONDS))
        self.answer(line)
        return True

    def answer(self, line: Line) -> None:
        """The leg is connected, if it was not yet."""
        call = line.call
        if call.answered is not None:
            return
        call.status, call.answered = "in-progress", time.time()
        self._world.put_call(call)
        self.log(line, "answered", call.answered_by)
        self._reports.event(call, "answered", "in-progress")

    def end(self, line: Line, status: str) -> None:
        """The leg is over; one that was answered is completed, whatever ended it, unless it failed."""
        call = line.call
        if call.is_final:
            return
        if call.answered is not None and status != "failed":
            status = "completed"
        self._lines.pop(call.sid, None)
        self.log(line, "ended", status)
        self.finish(call, status, line.length())
        line.leaving = line.leaving or status
        line.over.set()
        line.wake()

    def finish(self, call: Call, status: str, duration: int) -> None:
        """Write down how it ended, and tell the account. `duration` in seconds of the call."""
        call.status, call.ended, call.duration = status, time.time(), duration
        self._world.put_call(call)
        self._reports.event(call, "completed", status)

    def keep(
        self,
        line: Line,
        source: str,
        seconds: float,
        speech: Sequence[tuple[float, float]],
        callback: str,
        method: str,
        events: Sequence[str],
    ) -> Recording:
        """Make the file (none of nothing said), and tell of it when the carrier has done with it."""
        call = line.call
        absent = source == "RecordVerb" and not speech
        now = time.time()
        recording = Recording(
            sid=new_sid("RE"),
            call=call.sid,
            source=source,
            status="absent" if absent else "completed",
            seconds=0.0 if absent else min(seconds, voice.SECONDS_LIMIT),
            started=now - line.real(seconds),
            created=now,
        )
        self._world.add_recording(recording, b"" if absent else voice.wav(seconds, speech))
        self.log(line, "recorded", "nothing" if absent else f"{recording.duration} s")
        if callback and recording.status in events:
            asyncio.get_running_loop().call_later(
                line.real(_PROCESSING_SECONDS),
                self._reports.tell_of_recording,
                call,
                recording,
                callback,
                method,
            )
        return recording

    def transcribe(self, line: Line, recording: Recording, words: str, callback: str) -> None:
        """Have the carrier write down what was said, as it does for recordings of 2 to 120 seconds."""
        asyncio.get_running_loop().call_later(
            line.real(_TRANSCRIBING_SECONDS),
            self._reports.tell_of_transcription,
            line.call,
            recording,
            words if 2 <= recording.duration <= 120 else "",
            callback,
        )

    def log(self, line: Line, what: str, words: str) -> None:
        """What is heard or done at this phone."""
        line.call.log.append([time.time(), what, words])
        self._world.tell_of_call(line.call)
