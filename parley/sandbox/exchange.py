"""Telephone calls: rings phones, does what the account's TwiML says, tells the account what became of it.

A call that comes in:

    ringing --(first verb that speaks, or the Dial with answerOnBridge is connected)--> in-progress --> completed
       |-- the caller gives up, or <Reject> --> no-answer | busy
       `-- the TwiML cannot be had or read, nor the fallback's --> failed

A leg that goes out (the API's, or a Dial's):

    queued -> ringing --(picked up)--> in-progress --> completed
       |        |-- nobody picks up in time --> no-answer; another phone was faster --> canceled
       |        `-- declined --> busy
       `-- busy, or no such phone --> busy | failed

Verbs: https://www.twilio.com/docs/voice/twiml; what is told of a call: https://www.twilio.com/docs/voice/twiml#request-parameters
and https://www.twilio.com/docs/voice/api/call-resource#statuscallback (as of 2026-11). Seconds are a call's own:
weather's `call_pace` says how long one lasts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from parley.sandbox import twiml, voice
from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.errors import PROBLEMS
from parley.sandbox.lines import HungUp, Line, Order, Redirected
from parley.sandbox.network import API_VERSION
from parley.sandbox.numbering import country, e164, is_emergency
from parley.sandbox.records import Call, Number, Recording, new_sid
from parley.sandbox.rest import V2010, is_web_url, rfc2822
from parley.sandbox.twiml import Document, Verb
from parley.sandbox.weather import Sky
from parley.sandbox.webhooks import Form, Webhooks
from parley.sandbox.world import World

log = logging.getLogger("parley.sandbox")

# What stands for a number that its owner hides: https://www.twilio.com/docs/voice/twiml (From, "ANONYMOUS").
WITHHELD = "+266696687"
# The account's geographic permissions.
COUNTRIES = ("US", "CA")
EVENTS = ("initiated", "ringing", "answered", "completed")

_ANSWER_SECONDS = 15.0
_DIAL_SECONDS = 30.0
_DIAL_LIMIT = 14400.0
_GATHER_SECONDS = 5.0
_RECORD_SILENCE = 5.0
_RECORD_LIMIT = 3600.0
_BEEP_SECONDS = 0.5
_PLAY_SECONDS = 3.0
_PROCESSING_SECONDS = 1.0
# A private voicemail plays its greeting and records this long, then hangs up.
_VOICEMAIL_SECONDS = 30.0
_WORDS_A_SECOND = 2.5
_NUMBERS_LIMIT = 10
_DOCUMENTS_LIMIT = 50
_REPEATS_LIMIT = 1000
_APOLOGY = "We are sorry, an application error has occurred. Goodbye."


class _Broken(Exception):
    """The TwiML cannot be had or followed; `code` is the debugger's."""

    def __init__(self, code: int, about: str = "") -> None:
        super().__init__(about)
        self.code = code


class _Finished(Exception):
    """The TwiML says: hang up."""


class Exchange:
    """`base_url` is where recordings can be fetched from."""

    def __init__(self, world: World, sky: Sky, webhooks: Webhooks) -> None:
        self._world = world
        self._sky = sky
        self._webhooks = webhooks
        self.base_url = ""
        self._lines: dict[str, Line] = {}
        self._held: dict[str, tuple[str, Form]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def resume(self) -> None:
        """After a restart: what was under way has failed, and the account is told."""
        for call in list(self._world.calls.values()):
            if not call.is_final:
                self._problem(call, 0, "the carrier restarted")
                self._finish(call, "failed", 0)

    def close(self) -> None:
        """Stop in the middle of every call."""
        for task in self._tasks:
            task.cancel()

    def forget(self) -> None:
        """The calls are gone (World.forget_messages): nobody talks any more."""
        self.close()
        self._lines.clear()
        self._held.clear()

    # What people at phones do

    def call_us(self, handset: str, number: Number, withheld: bool) -> Call:
        """A phone calls one of the account's numbers. Returns the call; its webhook goes out."""
        self._world.put_handset(handset)
        call = Call(
            sid=new_sid("CA"),
            direction="inbound",
            sender=WITHHELD if withheld else handset,
            recipient=number.phone_number,
            handset=handset,
            ours=number.phone_number,
            created=time.time(),
            status="ringing",
            pace=self._sky.now.call_pace,
            fallback_url=number.voice_fallback_url,
            fallback_method=number.voice_fallback_method,
            callback=number.status_callback,
            callback_method=number.status_callback_method,
            callback_events=["completed"],
        )
        line = self._open(call)
        self._log(line, "calls", number.phone_number)
        self._begin(self._converse(line, Order(number.voice_url, number.voice_method)))
        return call

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
        self._log(line, "pressed", keys)
        if line.asked:
            line.keys += keys
        elif line.partner is None:
            line.held_keys += keys
        line.wake()

    def speak(self, line: Line, seconds: float) -> None:
        """Words of that length; if nobody listens yet, as soon as somebody does (after the beep)."""
        if line.listened:
            self._say(line, seconds)
        else:
            line.held_words.append(seconds)

    def go_after_speaking(self, line: Line) -> None:
        """Hang up once everything has been said."""
        line.goes_after_speaking = True
        if line.listened and not line.held_words:
            self._leave_at(line, line.quiet_since)

    def _say(self, line: Line, seconds: float) -> None:
        start = max(line.now, line.quiet_since)
        line.speech.append((start, seconds))
        self._log(line, "spoke", f"{seconds:g} s")
        line.wake()

    def _listen(self, line: Line) -> None:
        line.listened = True
        while line.held_words:
            self._say(line, line.held_words.pop(0))
        if line.goes_after_speaking:
            self._leave_at(line, line.quiet_since)

    def _leave_at(self, line: Line, moment: float) -> None:
        asyncio.get_running_loop().call_at(max(moment, line.now), self.hang_up, line)

    # What the account does

    def place(self, call: Call) -> None:
        """The account calls a phone."""
        line = self._open(call)
        self._begin(self._outgoing(line, Order(call.url, call.method)))

    def redirect(self, line: Line, order: Order) -> None:
        """The leg gets other TwiML, in the middle of whatever it does."""
        line.redirect = order
        line.wake()

    async def _outgoing(self, line: Line, order: Order) -> None:
        call = line.call
        if not await self._rings_until_answered(line, call.timeout):
            return
        asyncio.get_running_loop().call_later(line.real(call.time_limit), self.hang_up, line)
        await self._converse(line, order)

    # One leg from its beginning to its end

    def _open(self, call: Call) -> Line:
        line = self._lines[call.sid] = Line(call)
        if call.fallback_url:
            line.fallback = Order(call.fallback_url, call.fallback_method)
        self._world.put_call(call)
        return line

    def _begin(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a call broke off", exc_info=task.exception())

    async def _rings_until_answered(self, line: Line, timeout: float) -> bool:
        """Ring the phone. False: nobody took it, and the leg has ended."""
        call = line.call
        self._event(call, "initiated", "initiated")
        # Not before the answer to the request is written.
        await asyncio.sleep(0)
        try:
            line.check()
            if call.recipient in self._world.numbers:
                # A call between two of the account's numbers is not pretended.
                self._end(line, "failed")
                return False
            phone = self._world.put_handset(call.recipient)
            if phone.when_called != "rings":
                self._end(line, phone.when_called)
                return False
            call.status = "ringing"
            self._world.put_call(call)
            self._log(line, "rings", "")
            self._event(call, "ringing", "ringing")
            patience = min(timeout, phone.voicemail_after or timeout)
            taken = await line.until(lambda: bool(line.picked), patience)
            if not taken and patience < timeout:
                self.pick_up(line, "voicemail")
        except HungUp:
            self._end(line, line.leaving)
            return False
        if not line.picked:
            self._end(line, "no-answer")
            return False
        call.answered_by = line.picked
        if line.picked == "voicemail":
            self._leave_at(line, line.now + line.real(_VOICEMAIL_SECONDS))
        self._answer(line)
        return True

    def _answer(self, line: Line) -> None:
        """The leg is connected, if it was not yet."""
        call = line.call
        if call.answered is not None:
            return
        call.status, call.answered = "in-progress", time.time()
        self._world.put_call(call)
        self._log(line, "answered", call.answered_by)
        self._event(call, "answered", "in-progress")

    async def _converse(self, line: Line, order: Order) -> None:
        """Do what the TwiML says until one side has had enough."""
        status = ""
        while True:
            try:
                await self._perform(line, await self._opened(line, order))
                self._answer(line)
            except Redirected as redirected:
                order = redirected.order
                continue
            except (HungUp, _Finished):
                pass
            except _Broken as broken:
                status = "failed"
                self._problem(line.call, broken.code, str(broken))
                self._log(line, "heard", _APOLOGY)
            break
        call = line.call
        if not status:
            status = "completed" if call.answered is not None else line.leaving or "no-answer"
        if call.record and call.answered is not None:
            self._keep(
                line, "OutboundAPI", float(line.length()), [], call.recording_callback, "POST", ["completed"]
            )
        self._end(line, status)

    def _end(self, line: Line, status: str) -> None:
        call = line.call
        if call.is_final:
            return
        if call.answered is not None and status != "failed":
            status = "completed"
        self._lines.pop(call.sid, None)
        self._log(line, "ended", status)
        self._finish(call, status, line.length())
        line.leaving = line.leaving or status
        line.over.set()
        line.wake()

    def _finish(self, call: Call, status: str, duration: int) -> None:
        call.status, call.ended, call.duration = status, time.time(), duration
        self._world.put_call(call)
        self._event(call, "completed", status)

    # TwiML

    async def _opened(self, line: Line, order: Order) -> Document:
        if order.document is not None:
            return order.document
        if order.url:
            return await self._fetch(line, order.url, order.method)
        if line.call.twiml:
            try:
                return twiml.read(line.call.twiml)
            except twiml.Unreadable as error:
                raise _Broken(12100, str(error)) from error
        raise _Broken(11100, "nothing says what to do with this call")

    async def _fetch(self, line: Line, url: str, method: str, more: Form = ()) -> Document:
        """The TwiML of this address, or the fallback's. Raises _Broken, HungUp, Redirected."""
        code, about = await self._asked(line, url, method, more)
        if isinstance(about, Document):
            return about
        fallback = line.fallback
        if fallback is None or fallback.url == url:
            raise _Broken(code, about)
        self._problem(line.call, code, about)
        again, found = await self._asked(
            line, fallback.url, fallback.method, [("ErrorCode", str(code)), ("ErrorUrl", url)]
        )
        if isinstance(found, Document):
            return found
        raise _Broken(again, found)

    async def _asked(self, line: Line, url: str, method: str, more: Form) -> tuple[int, Document | str]:
        """0 and the document; else the debugger's code and what went wrong."""
        call = line.call
        if not is_web_url(url):
            return 11100, url
        answered: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

        def done(status: int, body: bytes) -> None:
            call.calls.append(["twiml", status])
            if not answered.done():
                answered.set_result((status, body))
            line.wake()

        self._send(call, "twiml", method, url, [*self._facts(call), *more], done)
        await line.until(answered.done)
        status, body = answered.result()
        if not 200 <= status < 300:
            return 11200, f"{url} answered {status or 'nothing'}"
        try:
            return 0, twiml.read(body, url)
        except twiml.Unreadable as error:
            return 12100, f"{url}: {error}"

    async def _perform(self, line: Line, document: Document) -> None:
        """Raises _Finished, _Broken, HungUp, Redirected; or the TwiML has no more to say."""
        for _ in range(_DOCUMENTS_LIMIT):
            following = await self._follow(line, document)
            if following is None:
                return
            document = following
        raise _Broken(12101, f"more than {_DOCUMENTS_LIMIT} documents")

    async def _follow(self, line: Line, document: Document) -> Document | None:
        """The verbs of one document, in order; what is to be followed next, if it says so."""
        for verb in document.verbs:
            following = await self._do(line, document, verb)
            if following is not None:
                return following
        return None

    async def _do(self, line: Line, document: Document, verb: Verb) -> Document | None:
        line.check()
        match verb.name:
            case "Say" | "Play":
                self._answer(line)
                await self._prompt(line, verb)
            case "Pause":
                await self._prompt(line, verb)
            case "Gather":
                return await self._gather(line, document, verb)
            case "Record":
                return await self._record(line, document, verb)
            case "Dial":
                return await self._dial(line, document, verb)
            case "Redirect":
                return await self._fetch(line, document.address(verb.words), verb.method)
            case "Hangup":
                self._answer(line)
                raise _Finished
            case "Reject":
                if line.call.answered is None:
                    line.leaving = "busy" if verb.text("reason") == "busy" else "no-answer"
                    self._log(line, "heard", "busy" if line.leaving == "busy" else "not in service")
                raise _Finished
            case _:
                self._problem(line.call, 12200, f"{verb.name} is not a verb of this carrier; it was left out")
        return None

    async def _prompt(self, line: Line, verb: Verb, interruptible: bool = False) -> bool:
        """Say, Play or Pause. True if a key came in between."""

        def pressed() -> bool:
            return interruptible and bool(line.keys)

        times = int(verb.number("loop", 1)) or _REPEATS_LIMIT
        if verb.name == "Pause":
            return await line.pass_time(verb.number("length", 1), pressed)
        for _ in range(times):
            if verb.name == "Say":
                self._log(line, "heard", verb.words)
                seconds = max(1.0, len(verb.words.split()) / _WORDS_A_SECOND)
            else:
                self._log(line, "played", verb.words)
                seconds = _PLAY_SECONDS
            if await line.pass_time(seconds, pressed):
                return True
        return False

    async def _gather(self, line: Line, document: Document, verb: Verb) -> Document | None:
        self._answer(line)
        if "speech" in verb.text("input", "dtmf"):
            self._problem(line.call, 12200, "Gather: this carrier does not understand speech")
        last = verb.text("finishOnKey", "#")
        wanted = int(verb.number("numDigits", 0)) or 1000
        line.asked, line.keys, line.held_keys = True, line.held_keys, ""

        def complete() -> bool:
            return len(line.keys) >= wanted or any(key in last for key in line.keys)

        try:
            for child in verb.children:
                if child.name in ("Say", "Play", "Pause") and await self._prompt(line, child, True):
                    break
            while not complete():
                so_far = len(line.keys)
                seconds = verb.number("timeout", _GATHER_SECONDS)
                if not await line.until(lambda: len(line.keys) > so_far, seconds):  # noqa: B023 (asked at once)
                    break
            keys, line.keys = line.keys, ""
        finally:
            line.asked = False
        ending = next((key for key in keys if key in last), "")
        typed = keys.partition(ending)[0][:wanted] if ending else keys[:wanted]
        # What was typed beyond what this one wanted is there for the next.
        line.held_keys = keys[len(typed) + len(ending) :] + line.held_keys
        if not typed and not ending and not verb.flag("actionOnEmptyResult"):
            return None
        more = [("Digits", typed), *([("FinishedOnKey", ending)] if ending else [])]
        return await self._fetch(line, document.address(verb.text("action")), verb.method, more)

    async def _record(self, line: Line, document: Document, verb: Verb) -> Document | None:
        self._answer(line)
        if verb.flag("playBeep", True):
            await line.pass_time(_BEEP_SECONDS)
            self._log(line, "beep", "")
        start = line.now
        already = len(line.speech)
        silence = line.real(verb.number("timeout", _RECORD_SILENCE))
        latest = start + line.real(
            min(verb.number("maxLength", _RECORD_LIMIT) or _RECORD_LIMIT, voice.SECONDS_LIMIT)
        )
        line.asked, line.keys = True, ""
        gone: HungUp | Redirected | None = None
        ending = ""
        keys_that_end = verb.text("finishOnKey", "1234567890*#")
        self._listen(line)
        try:
            while True:
                spoken = len(line.speech)
                if await line.until_moment(
                    lambda: len(line.speech) > spoken or bool(line.keys),  # noqa: B023 (asked at once)
                    min(latest, max(start, line.quiet_since) + silence),
                ):
                    ending = next((key for key in line.keys if key in keys_that_end), "")
                    line.keys = ""
                    if not ending:
                        continue
                break
        except (HungUp, Redirected) as over:
            gone = over
            ending = "hangup" if isinstance(over, HungUp) else ""
        line.asked = line.listened = False
        stop = min(line.now, latest)
        speech = _within(line, line.speech[already:], start, stop)
        seconds = (stop - start) / line.call.pace
        if verb.text("trim", "trim-silence") != "do-not-trim" and speech:
            first = speech[0][0]
            speech = [(at - first, length) for at, length in speech]
            seconds = speech[-1][0] + speech[-1][1]
        callback = verb.text("recordingStatusCallback")
        recording = self._keep(
            line,
            "RecordVerb",
            seconds,
            speech,
            document.address(callback) if callback else "",
            "GET" if verb.text("recordingStatusCallbackMethod").upper() == "GET" else "POST",
            verb.text("recordingStatusCallbackEvent", "completed").split(),
        )
        if recording.status == "completed":
            more = [
                ("RecordingUrl", self.url_of(recording)),
                ("RecordingSid", recording.sid),
                ("RecordingDuration", str(recording.duration)),
                ("Digits", ending),
            ]
            action = document.address(verb.text("action"))
            if gone is None:
                return await self._fetch(line, action, verb.method, more)
            self._tell(line, action, verb.method, more)
        if gone is not None:
            raise gone
        return None

    async def _dial(self, line: Line, document: Document, verb: Verb) -> Document | None:
        if not verb.flag("answerOnBridge"):
            self._answer(line)
        legs = self._rung(line, document, verb)
        self._log(line, "ringing", "")
        bridged: Line | None = None
        gone: HungUp | Redirected | None = None
        started = line.now
        try:
            await line.until(lambda: any(leg.ready for leg in legs) or all(leg.call.is_final for leg in legs))
            bridged = next((leg for leg in legs if leg.ready), None)
            if bridged is not None:
                for leg in legs:
                    if leg is not bridged:
                        self.hang_up(leg, "canceled")
                started = line.now
                self._bridge(line, bridged)
                other = bridged.call
                await line.until(
                    lambda: other.is_final or not bridged.ready, verb.number("timeLimit", _DIAL_LIMIT)
                )
        except (HungUp, Redirected) as over:
            gone = over
        line.listened = False
        line.partner = None
        staying = [leg for leg in legs if leg is not bridged or leg.ready]
        for leg in staying:
            self.hang_up(leg, "no-answer")
        await asyncio.gather(*(leg.over.wait() for leg in staying))
        more = self._outcome(line, legs, bridged)
        recorded = verb.text("record", "do-not-record")
        if bridged is not None and recorded not in ("do-not-record", "false"):
            more += self._record_of_both(line, bridged, document, verb, started)
        action = verb.text("action")
        if gone is not None:
            if action and isinstance(gone, HungUp):
                self._tell(line, document.address(action), verb.method, more)
            raise gone
        if action:
            return await self._fetch(line, document.address(action), verb.method, more)
        return None

    def _rung(self, line: Line, document: Document, verb: Verb) -> list[Line]:
        """The phones of a Dial ring, all at once."""
        call = line.call
        nouns = [child for child in verb.children if child.name == "Number"]
        for child in verb.children:
            if child.name != "Number":
                self._problem(call, 12200, f"Dial: {child.name} is not rung by this carrier")
        if not nouns and verb.words and not verb.children:
            nouns = [Verb("Number", words=verb.words)]
        shown = verb.text("callerId") or call.sender
        legs: list[Line] = []
        for noun in nouns[:_NUMBERS_LIMIT]:
            number, problem = self._dialled(line, noun.words, shown)
            callback = noun.text("statusCallback")
            leg = Call(
                sid=new_sid("CA"),
                direction="outbound-dial",
                sender=e164(shown) or shown,
                recipient=number,
                handset=number,
                ours=call.ours,
                created=time.time(),
                status="queued",
                pace=call.pace,
                parent=call.sid,
                url=document.address(noun.text("url")) if noun.text("url") else "",
                method=noun.method,
                callback=document.address(callback) if callback else "",
                callback_method="GET" if noun.text("statusCallbackMethod").upper() == "GET" else "POST",
                callback_events=noun.text("statusCallbackEvent", "completed").split(),
                timeout=max(1.0, verb.number("timeout", _DIAL_SECONDS)),
            )
            rung = self._open(leg)
            line.follow(rung)
            legs.append(rung)
            if problem:
                self._problem(call, problem, noun.words)
                self._end(rung, "failed")
            else:
                self._begin(self._leg(rung))
        return legs

    def _dialled(self, line: Line, words: str, shown: str) -> tuple[str, int]:
        """The number that is to be rung, and the debugger's code if it may not be."""
        if is_emergency(words):
            return words, 13225
        number = e164(words)
        if number is None:
            return words, 13223
        if country(number) not in COUNTRIES:
            return number, 13227
        caller = e164(shown) or shown
        if caller not in self._world.numbers and caller not in (line.call.sender, line.call.recipient):
            return number, 13214
        return number, 0

    async def _leg(self, line: Line) -> None:
        """One phone of a Dial: it rings, is whispered to, and is there for the caller until either hangs up."""
        call = line.call
        if not await self._rings_until_answered(line, call.timeout):
            return
        try:
            if call.url:
                await self._perform(line, await self._fetch(line, call.url, call.method))
            line.ready = True
            line.wake()
            await line.until(lambda: False)
        except (HungUp, _Finished):
            pass
        except Redirected as redirected:
            # It leaves the one that dialled it, and goes its own way.
            line.ready, line.partner, line.listened = False, None, False
            line.wake()
            await self._converse(line, redirected.order)
            return
        except _Broken as broken:
            self._problem(call, broken.code, str(broken))
        self._end(line, "completed")

    def _bridge(self, line: Line, leg: Line) -> None:
        self._answer(line)
        line.partner, leg.partner = leg, line
        self._log(line, "connected", leg.call.handset)
        self._log(leg, "connected", line.call.handset)
        self._listen(line)
        self._listen(leg)

    def _outcome(self, line: Line, legs: Sequence[Line], bridged: Line | None) -> list[tuple[str, str]]:
        """What the Dial's action is told. Of several phones the one that was talked to, else the best that happened."""
        ranks = ("completed", "busy", "no-answer", "canceled", "failed")
        if bridged is not None:
            told = bridged.call
        elif legs:
            told = min((leg.call for leg in legs), key=lambda call: ranks.index(call.status))
        else:
            return [("DialCallStatus", "failed"), ("DialBridged", "false")]
        facts = [
            ("DialCallStatus", told.status),
            ("DialCallSid", told.sid),
            ("DialBridged", "true" if bridged is not None else "false"),
        ]
        if told.answered is not None:
            facts.append(("DialCallDuration", str(told.duration)))
        return facts

    # Recordings

    def url_of(self, recording: Recording) -> str:
        """Where the account finds it; with .wav at the end too."""
        return f"{self.base_url}{V2010}/Recordings/{recording.sid}"

    def _record_of_both(
        self, line: Line, leg: Line, document: Document, verb: Verb, started: float
    ) -> list[tuple[str, str]]:
        spoken = _within(line, [*line.speech, *leg.speech], started, line.now)
        callback = verb.text("recordingStatusCallback")
        recording = self._keep(
            line,
            "DialVerb",
            max(line.since(started), 1.0),
            spoken or [(0.0, 0.0)],
            document.address(callback) if callback else "",
            "POST",
            verb.text("recordingStatusCallbackEvent", "completed").split(),
        )
        return [
            ("RecordingUrl", self.url_of(recording)),
            ("RecordingSid", recording.sid),
            ("RecordingDuration", str(recording.duration)),
        ]

    def _keep(
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
        self._log(line, "recorded", "nothing" if absent else f"{recording.duration} s")
        if callback and recording.status in events:
            asyncio.get_running_loop().call_later(
                line.real(_PROCESSING_SECONDS), self._tell_of_recording, call, recording, callback, method
            )
        return recording

    def _tell_of_recording(self, call: Call, recording: Recording, callback: str, method: str) -> None:
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

    # What the account is told

    def _facts(self, call: Call, status: str = "") -> list[tuple[str, str]]:
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

    def _event(self, call: Call, event: str, status: str) -> None:
        """A step of the call, for whoever asked to hear of it."""
        if not call.callback or event not in call.callback_events:
            return
        form = [
            *self._facts(call, status),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(call.sequence)),
            ("Timestamp", rfc2822(time.time())),
        ]
        call.sequence += 1
        if event == "completed":
            form += [("CallDuration", str(call.duration)), ("Duration", str(-(-(call.duration or 0) // 60)))]
        if event != "completed" and self._sky.happens(self._sky.now.callbacks_reordered):
            self._webhooks.counts["reordered"] += 1
            self._held[call.sid] = (status, form)
            return
        self._callback(call, status, form)
        if event == "completed" and call.sid in self._held:
            self._callback(call, *self._held.pop(call.sid))

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
            asyncio.get_running_loop().call_later(late, self._send, call, what, method, url, form, done)
        else:
            self._send(call, what, method, url, form, done)

    def _tell(self, line: Line, url: str, method: str, more: Form) -> None:
        """Ask for TwiML that nobody will follow: the caller has gone."""
        call = line.call
        if is_web_url(url):
            ended = "completed" if call.answered is not None else line.leaving
            form = [*self._facts(call, ended), *more]
            self._send(
                call, "twiml", method, url, form, lambda http, _body: call.calls.append(["twiml", http])
            )

    def _send(self, call: Call, what: str, method: str, url: str, form: Form, done: Any) -> None:
        # What asks for TwiML does not wait behind what only tells.
        key = f"{call.sid} {'twiml' if what == 'twiml' else 'told'}"
        self._webhooks.call(key, method, url, form, done)
        if self._sky.happens(self._sky.now.callbacks_doubled):
            self._webhooks.counts["doubled"] += 1
            self._webhooks.call(
                key, method, url, form, lambda status, _body: call.calls.append([what, status])
            )

    # What is remembered

    def _log(self, line: Line, what: str, words: str) -> None:
        line.call.log.append([time.time(), what, words])
        self._world.tell_of_call(line.call)

    def _problem(self, call: Call, code: int, about: str) -> None:
        title = PROBLEMS.get(code, "")
        call.problems.append([code, f"{title}: {about}" if title and about else title or about])


def _within(
    line: Line, speech: Sequence[tuple[float, float]], start: float, stop: float
) -> list[tuple[float, float]]:
    """What of the speech fell in between, as (start, seconds) of the call from `start` on."""
    pieces: list[tuple[float, float]] = []
    for at, seconds in sorted(speech):
        offset = (at - start) / line.call.pace
        length = min(seconds, (stop - at) / line.call.pace)
        if offset + length > 0 and length > 0:
            pieces.append((max(offset, 0.0), length + min(offset, 0.0)))
    return pieces
