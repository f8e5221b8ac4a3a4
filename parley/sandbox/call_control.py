"""Calls as people make and take them (/sandbox/handsets/{number}/calls), and the truth about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parley.sandbox import setup
from parley.sandbox.control import Missing
from parley.sandbox.exchange import WITHHELD, Exchange
from parley.sandbox.lines import Line
from parley.sandbox.numbering import e164, national
from parley.sandbox.records import Call, Recording
from parley.sandbox.truth import moment
from parley.sandbox.web import BadRequest, Request, Response, answer
from parley.sandbox.world import World

KEYS = frozenset("0123456789*#")
_KEYS_LIMIT = 32
_SPEAK_LIMIT = 3600
_WORDS_LIMIT = 2000
SHOWN = 20


class CallControl:
    """The handlers. What they cannot read is a 400 that says so; a call that is over is a 404."""

    def __init__(self, world: World, exchange: Exchange) -> None:
        self._world = world
        self._exchange = exchange
        self._acts: dict[str, tuple[set[str], Callable[[Line, dict[str, Any]], None]]] = {
            "answer": (set(), self._answer),
            "decline": (set(), self._decline),
            "hangup": ({"after_speaking"}, self._hang_up),
            "digits": ({"digits"}, self._press),
            "speak": ({"seconds", "words"}, self._speak),
        }

    def call(self, request: Request, number: str) -> Response:
        """POST /sandbox/handsets/{number}/calls: the phone calls us. Answers the sid.

        {to, withheld?}, and what the caller will do once it is asked to: {digits?, speak? (seconds), words?}, and
        hang up when that has been said: {hangup?}.
        """
        wishes = request.json()
        _only(wishes, {"to", "withheld", "digits", "speak", "words", "hangup"})
        handset = setup.phone_number(number)
        ours = self._world.numbers.get(setup.phone_number(wishes.get("to"), "to"))
        if ours is None:
            raise Missing("nobody has that number; PUT /sandbox/world makes one")
        withheld = wishes.get("withheld", self._world.put_handset(handset).withheld)
        if not isinstance(withheld, bool):
            raise BadRequest("withheld must be true or false")
        digits = _digits(wishes) if "digits" in wishes else ""
        speech = _speech(wishes, "speak") if "speak" in wishes else None
        call = self._exchange.call_us(handset, ours, withheld)
        line = self._exchange.legs.line(call.sid)
        assert line is not None
        if digits:
            self._exchange.legs.press(line, digits)
        if speech is not None:
            self._exchange.legs.speak(line, *speech)
        if wishes.get("hangup"):
            self._exchange.legs.go_after_speaking(line)
        return answer({"sid": call.sid}, 201)

    def list_calls(self, request: Request, number: str) -> Response:
        """GET /sandbox/handsets/{number}/calls: as this phone knows them, the newest first."""
        handset = setup.phone_number(number)
        calls = self._world.calls_of.get(handset, [])[: -SHOWN - 1 : -1]
        return answer({"calls": [self._shown(call) for call in calls]})

    def act(self, request: Request, number: str, sid: str, act: str) -> Response:
        """POST /sandbox/handsets/{number}/calls/{sid}/{act}: what its owner does.

        answer, decline; digits {digits}: pressed at once, or as soon as somebody asks; speak {seconds, words?}: at
        once, or after the beep; hangup {after_speaking?}: at once, or when everything has been said.
        """
        if act not in self._acts:
            raise Missing(", ".join(self._acts))
        known, do = self._acts[act]
        wishes = request.json()
        _only(wishes, known)
        line = self._exchange.legs.line(sid)
        if line is None or line.call.handset != setup.phone_number(number):
            raise Missing("this phone has no such call now")
        do(line, wishes)
        return answer(self._shown(line.call))

    def _answer(self, line: Line, wishes: dict[str, Any]) -> None:
        if line.call.direction == "inbound":
            raise BadRequest("this phone is the one that calls")
        if line.call.status == "queued":
            raise BadRequest("it does not ring yet")
        self._exchange.legs.pick_up(line)

    def _decline(self, line: Line, wishes: dict[str, Any]) -> None:
        if line.call.direction == "inbound" or line.call.answered is not None:
            raise BadRequest("only a phone that rings can decline")
        self._exchange.legs.hang_up(line, "busy")

    def _hang_up(self, line: Line, wishes: dict[str, Any]) -> None:
        if wishes.get("after_speaking"):
            self._exchange.legs.go_after_speaking(line)
        else:
            self._exchange.legs.hang_up(line)

    def _press(self, line: Line, wishes: dict[str, Any]) -> None:
        self._exchange.legs.press(line, _digits(wishes))

    def _speak(self, line: Line, wishes: dict[str, Any]) -> None:
        self._exchange.legs.speak(line, *_speech(wishes, "seconds"))

    def _shown(self, call: Call) -> dict[str, Any]:
        """What the phone's screen shows: never more than its owner can know."""
        mine = call.direction == "inbound"
        other = call.recipient if mine else call.sender
        number = self._world.numbers.get(other)
        name = number.owner if number else ""
        if other == WITHHELD:
            name = "No caller ID"
        return {
            "sid": call.sid,
            "mine": mine,
            "with": other,
            "with_name": name or (national(other) if e164(other) else other),
            "status": call.status,
            "at": call.created,
            "answered_at": call.answered,
            "answered_by": call.answered_by or None,
            "ended_at": call.ended,
            "duration": call.duration,
            "heard": [
                {"at": at, "what": what, "words": "" if what == "connected" else words}
                for at, what, words in call.log
            ],
        }

    def truth(self, request: Request) -> Response:
        """GET /sandbox/truth/calls: every leg, oldest first. `since`, `to`, `from`, `handset`, `parent`."""
        query = request.query
        _only(query, {"since", "to", "from", "handset", "parent"})
        since = moment(query["since"]) if query.get("since") else 0.0
        wanted = {
            "recipient": query.get("to"),
            "sender": query.get("from"),
            "handset": query.get("handset"),
            "parent": query.get("parent"),
        }
        legs: dict[str, list[str]] = {}
        for call in self._world.calls.values():
            if call.parent:
                legs.setdefault(call.parent, []).append(call.sid)
        recordings: dict[str, list[Recording]] = {}
        for recording in self._world.recordings.values():
            recordings.setdefault(recording.call, []).append(recording)
        rows = [
            _row(call, legs.get(call.sid, []), recordings.get(call.sid, []))
            for call in self._world.calls.values()
            if call.created >= since
            and all(not value or getattr(call, name) == value for name, value in wanted.items())
        ]
        return answer({"calls": rows})


def _row(call: Call, legs: list[str], recordings: list[Recording]) -> dict[str, Any]:
    return {
        "sid": call.sid,
        "parent": call.parent or None,
        "legs": legs,
        "direction": call.direction,
        "from": call.sender,
        "to": call.recipient,
        "handset": call.handset,
        "status": call.status,
        "created_at": call.created,
        "answered_at": call.answered,
        "ended_at": call.ended,
        "duration": call.duration,
        "answered_by": call.answered_by or None,
        "heard": [{"at": at, "what": what, "words": words} for at, what, words in call.log],
        "recordings": [
            {
                "sid": one.sid,
                "source": one.source,
                "status": one.status,
                "seconds": one.seconds,
                "deleted": one.deleted,
            }
            for one in recordings
        ],
        "problems": call.problems,
        "webhooks": call.calls,
    }


def _only(wishes: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(wishes) - known):
        raise BadRequest(f"unknown: {', '.join(unknown)} (known: {', '.join(sorted(known)) or 'nothing'})")


def _digits(wishes: dict[str, Any]) -> str:
    digits = wishes.get("digits")
    if not isinstance(digits, str) or not 0 < len(digits) <= _KEYS_LIMIT or set(digits) - KEYS:
        raise BadRequest(f"digits must be 1 to {_KEYS_LIMIT} of 0 to 9, * and #")
    return digits


def _speech(wishes: dict[str, Any], key: str) -> tuple[float, str]:
    """How long, and the words."""
    seconds, words = wishes.get(key, 5), wishes.get("words", "")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds <= _SPEAK_LIMIT:
        raise BadRequest(f"{key} must be a number of seconds, more than 0 and at most {_SPEAK_LIMIT}")
    if not isinstance(words, str) or len(words) > _WORDS_LIMIT:
        raise BadRequest(f"words must be text of at most {_WORDS_LIMIT} characters")
    return float(seconds), words
