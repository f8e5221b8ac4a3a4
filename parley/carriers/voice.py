"""What a carrier tells of calls, and what Parley has it do with one: words that know no carrier.

A carrier asks what to do with a call each time something has happened to it; the answer is a script, a few steps that
it goes through in their order. As in `base`, a carrier states facts and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

CallStatus = Literal[
    "queued", "initiated", "ringing", "in-progress", "completed", "busy", "no-answer", "canceled", "failed"
]
# Two minutes of 16-bit mono at 8 kHz are 1.9 MB; nothing larger than this is held in memory.
MOST_RECORDING_BYTES = 16 * 1024 * 1024
ENDED: tuple[CallStatus, ...] = ("completed", "busy", "no-answer", "canceled", "failed")


@dataclass(frozen=True, slots=True)
class Say:
    """Words that are read aloud, in a language of ours (en, fr, es)."""

    words: str
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone to ring: E.164. `asks` is asked for what whoever picks up hears first; `tells` is told of each step."""

    number: str
    asks: str
    tells: str


@dataclass(frozen=True, slots=True)
class Connect:
    """Ring these phones at once, for so long (seconds); the first that goes through what it hears gets the call.

    `after` is asked what follows, whatever came of it. `shows` is the number (E.164) that they see.
    """

    phones: tuple[Phone, ...]
    seconds: int
    shows: str
    after: str
    longest_seconds: int = 4 * 3600


@dataclass(frozen=True, slots=True)
class AskKey:
    """Read the words, and wait so long (seconds) for one key; `after` is asked with it. Without one the steps go on."""

    say: Say
    seconds: int
    after: str


@dataclass(frozen=True, slots=True)
class Record:
    """Beep and record, so long (seconds) at the most; `after` is asked what follows, `tells` is told when it is there.

    `writes_down`: where the carrier's own speech-to-text says what it heard; empty: it is not asked to.
    """

    longest_seconds: int
    after: str
    tells: str
    writes_down: str = ""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The call ends."""


@dataclass(frozen=True, slots=True)
class Reject:
    """The call is not taken: nobody is billed for it."""

    busy: bool = False


Step = Say | Connect | AskKey | Record | HangUp | Reject


@dataclass(frozen=True, slots=True)
class CallSaid:
    """What one request about a call says. Numbers are E.164; `caller` is empty where it is withheld.

    `leg_status`: what became of the phones that `Connect` rang, and how long they talked (`leg_seconds`). `bridged`:
    whether somebody was put through; None if the carrier does not say.
    """

    carrier_id: str
    caller: str
    called: str
    status: CallStatus
    parent_id: str = ""
    seconds: int | None = None
    leg_status: CallStatus | None = None
    leg_id: str = ""
    leg_seconds: int | None = None
    bridged: bool | None = None
    key: str = ""
    sequence: int | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordingSaid:
    """A recording is there, or there was nothing to record (`absent`)."""

    carrier_id: str
    call_id: str
    url: str
    seconds: int
    absent: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptSaid:
    """What the carrier's own speech-to-text made of a recording; `words` are empty if it could make nothing of it."""

    recording_id: str
    words: str


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call to be made: `to` is rung, and shown `shows`. What `asks` says is heard; `tells` is told of each step."""

    to: str
    shows: str
    asks: str
    tells: str
    ring_seconds: int = 25


class Voice(Protocol):
    """What a carrier folder offers for calls, beside `base.Carrier`."""

    # The languages (ours) in which the carrier itself can write down what a recording says.
    writes_down: tuple[str, ...]

    def script(self, steps: Sequence[Step]) -> bytes:
        """The steps in the carrier's own notation: the body of the answer, of the type `script_type`."""

    script_type: str

    def read_call(self, form: Sequence[tuple[str, str]]) -> CallSaid | None:
        """What a request about a call says; None if it says nothing of one."""

    def read_recording(self, form: Sequence[tuple[str, str]]) -> RecordingSaid | None:
        """What a request about a recording says; None if it says nothing of one."""

    def read_transcript(self, form: Sequence[tuple[str, str]]) -> TranscriptSaid | None:
        """What a request about a transcript says; None if it says nothing of one."""

    def authentic(self, url: str, headers: Mapping[str, str], form: Sequence[tuple[str, str]]) -> bool:
        """As `base.Carrier.authentic`."""

    async def call(self, call: OutgoingCall) -> str:
        """Begin a call; the carrier's id of it. Raises NotSent, Paused, Refused or Doubt."""

    async def end_call(self, carrier_id: str) -> None:
        """Hang up, or find that it has ended. Raises NotSent, Paused, Refused or Doubt."""

    async def fetch_call(self, carrier_id: str) -> CallSaid | None:
        """How a call stands in the carrier's own log; None if it knows none. Raises Unavailable."""

    async def calls_between(self, shows: str, to: str, since: datetime) -> Sequence[CallSaid]:
        """The calls that we made from `shows` to `to` at or after `since`, oldest first. Raises Unavailable."""

    async def fetch_recording(self, recording_id: str) -> bytes:
        """The sound of a recording (WAV, at most MOST_RECORDING_BYTES), from the carrier's own hosts alone.

        Raises Unavailable (try later: one that was just made may not be there yet) or Unfetchable (final), whose words
        are a sentence about "it".
        """

    async def delete_recording(self, recording_id: str) -> None:
        """Delete it at the carrier, or find it gone. Raises NotSent, Paused, Refused or Doubt."""
