"""Following TwiML: what the caller hears, who is rung, and who is connected with whom.

Verbs and their defaults: https://www.twilio.com/docs/voice/twiml (as of 2026-11). Seconds are the call's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from parley.sandbox import twiml, voice
from parley.sandbox.call_reports import Reports
from parley.sandbox.legs import Legs
from parley.sandbox.lines import HungUp, Line, Order, Redirected, Spoken
from parley.sandbox.numbering import country, e164, is_emergency
from parley.sandbox.records import Call, new_sid
from parley.sandbox.rest import COUNTRIES, is_web_url
from parley.sandbox.twiml import Document, Verb
from parley.sandbox.webhooks import Form
from parley.sandbox.world import World

_DIAL_SECONDS = 30.0
_DIAL_LIMIT = 14400.0
_GATHER_SECONDS = 5.0
_RECORD_SILENCE = 5.0
_RECORD_LIMIT = 3600.0
_BEEP_SECONDS = 0.5
_PLAY_SECONDS = 3.0
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


class Script:
    """Does on a line what the account's documents say."""

    def __init__(self, world: World, legs: Legs, reports: Reports) -> None:
        self._world = world
        self._legs = legs
        self._reports = reports

    async def converse(self, line: Line, order: Order) -> None:
        """Do what the TwiML says until one side has had enough."""
        status = ""
        while True:
            try:
                await self._perform(line, await self._opened(line, order))
                self._legs.answer(line)
            except Redirected as redirected:
                order = redirected.order
                continue
            except (HungUp, _Finished):
                pass
            except _Broken as broken:
                status = "failed"
                self._reports.problem(line.call, broken.code, str(broken))
                self._legs.log(line, "heard", _APOLOGY)
            break
        call = line.call
        if not status:
            status = "completed" if call.answered is not None else line.leaving or "no-answer"
        if call.record and call.answered is not None:
            self._legs.keep(
                line, "OutboundAPI", float(line.length()), [], call.recording_callback, "POST", ["completed"]
            )
        self._legs.end(line, status)

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
        self._reports.problem(line.call, code, about)
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

        self._reports.send(call, "twiml", method, url, [*self._reports.facts(call), *more], done)
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
                self._legs.answer(line)
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
                self._legs.answer(line)
                raise _Finished
            case "Reject":
                if line.call.answered is None:
                    line.leaving = "busy" if verb.text("reason") == "busy" else "no-answer"
                    self._legs.log(line, "heard", "busy" if line.leaving == "busy" else "not in service")
                raise _Finished
            case _:
                self._reports.problem(
                    line.call, 12200, f"{verb.name} is not a verb of this carrier; it was left out"
                )
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
                self._legs.log(line, "heard", verb.words)
                seconds = max(1.0, len(verb.words.split()) / _WORDS_A_SECOND)
            else:
                self._legs.log(line, "played", verb.words)
                seconds = _PLAY_SECONDS
            if await line.pass_time(seconds, pressed):
                return True
        return False

    async def _gather(self, line: Line, document: Document, verb: Verb) -> Document | None:
        self._legs.answer(line)
        if "speech" in verb.text("input", "dtmf"):
            self._reports.problem(line.call, 12200, "Gather: this carrier does not understand speech")
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
        self._legs.answer(line)
        if verb.flag("playBeep", True):
            await line.pass_time(_BEEP_SECONDS)
            self._legs.log(line, "beep", "")
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
        self._legs.listen(line)
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
        recording = self._legs.keep(
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
                ("RecordingUrl", self._reports.url_of(recording)),
                ("RecordingSid", recording.sid),
                ("RecordingDuration", str(recording.duration)),
                ("Digits", ending),
            ]
            action = document.address(verb.text("action"))
            if verb.flag("transcribe") and verb.text("transcribeCallback"):
                words = " ".join(one.words for one in line.speech[already:] if one.words)
                address = document.address(verb.text("transcribeCallback"))
                self._legs.transcribe(line, recording, words, address)
            if gone is None:
                return await self._fetch(line, action, verb.method, more)
            if isinstance(gone, HungUp):
                self._reports.ask_in_vain(line, action, verb.method, more)
        if gone is not None:
            raise gone
        return None

    async def _dial(self, line: Line, document: Document, verb: Verb) -> Document | None:
        if not verb.flag("answerOnBridge"):
            self._legs.answer(line)
        legs = self._rung(line, document, verb)
        self._legs.log(line, "ringing", "")
        bridged: Line | None = None
        gone: HungUp | Redirected | None = None
        started = line.now
        try:
            await line.until(lambda: any(leg.ready for leg in legs) or all(leg.call.is_final for leg in legs))
            bridged = next((leg for leg in legs if leg.ready), None)
            if bridged is not None:
                for leg in legs:
                    if leg is not bridged:
                        self._legs.hang_up(leg, "canceled")
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
            self._legs.hang_up(leg, "no-answer")
        await asyncio.gather(*(leg.over.wait() for leg in staying))
        more = self._outcome(line, legs, bridged)
        recorded = verb.text("record", "do-not-record")
        if bridged is not None and recorded not in ("do-not-record", "false"):
            more += self._record_of_both(line, bridged, document, verb, started)
        action = verb.text("action")
        if gone is not None:
            if action and isinstance(gone, HungUp):
                self._reports.ask_in_vain(line, document.address(action), verb.method, more)
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
                self._reports.problem(call, 12200, f"Dial: {child.name} is not rung by this carrier")
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
            rung = self._legs.open(leg)
            line.follow(rung)
            legs.append(rung)
            if problem:
                self._reports.problem(call, problem, noun.words)
                self._legs.end(rung, "failed")
            else:
                self._legs.begin(self._leg(rung))
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
        if not await self._legs.rings_until_answered(line, call.timeout):
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
            await self.converse(line, redirected.order)
            return
        except _Broken as broken:
            self._reports.problem(call, broken.code, str(broken))
        self._legs.end(line, "completed")

    def _bridge(self, line: Line, leg: Line) -> None:
        self._legs.answer(line)
        line.partner, leg.partner = leg, line
        self._legs.log(line, "connected", leg.call.handset)
        self._legs.log(leg, "connected", line.call.handset)
        self._legs.listen(line)
        self._legs.listen(leg)

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

    def _record_of_both(
        self, line: Line, leg: Line, document: Document, verb: Verb, started: float
    ) -> list[tuple[str, str]]:
        spoken = _within(line, [*line.speech, *leg.speech], started, line.now)
        callback = verb.text("recordingStatusCallback")
        recording = self._legs.keep(
            line,
            "DialVerb",
            max(line.since(started), 1.0),
            spoken or [(0.0, 0.0)],
            document.address(callback) if callback else "",
            "POST",
            verb.text("recordingStatusCallbackEvent", "completed").split(),
        )
        return [
            ("RecordingUrl", self._reports.url_of(recording)),
            ("RecordingSid", recording.sid),
            ("RecordingDuration", str(recording.duration)),
        ]


def _within(line: Line, speech: Sequence[Spoken], start: float, stop: float) -> list[tuple[float, float]]:
    """What of the speech fell in between, as (start, seconds) of the call from `start` on."""
    pieces: list[tuple[float, float]] = []
    for one in sorted(speech, key=lambda spoken: spoken.at):
        offset = (one.at - start) / line.call.pace
        length = min(one.seconds, (stop - one.at) / line.call.pace)
        if offset + length > 0 and length > 0:
            pieces.append((round(max(offset, 0.0), 3), round(length + min(offset, 0.0), 3)))
    return pieces
