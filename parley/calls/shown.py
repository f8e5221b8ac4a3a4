"""How a call is told: in the thread, on the client card, and in the app's lists."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from parley.businesses.models import Business, Member
from parley.calls import words
from parley.calls.models import Call, Recording
from parley.messaging.models import Message

State = Call.State
OPEN = (State.CALLING, State.RINGING, State.TALKING)
# What a list says of a call that is under way: its title would sound like the past.
UNDER_WAY = {
    (Message.Direction.IN, State.RINGING): "Calling now…",
    (Message.Direction.IN, State.TALKING): "On the phone now",
    (Message.Direction.OUT, State.CALLING): "Calling…",
    (Message.Direction.OUT, State.RINGING): "Calling…",
    (Message.Direction.OUT, State.TALKING): "On the phone now",
}
_OUTCOME = {
    State.MISSED: "No answer",
    State.BUSY: "Busy",
    State.FAILED: "Could not be connected",
    State.CANCELED: "Hung up before it was answered",
}
# Widths and heights of the design's wave.
WIDTH, MIDDLE, TALLEST, FLAT = 160, 14, 24, 28


@dataclass(frozen=True, slots=True)
class Shown:
    """One call for the member who reads it, and what the caller left, if anything."""

    call: Call
    voicemail: Recording | None
    reader: Member

    @property
    def inbound(self) -> bool:
        return self.call.direction == Message.Direction.IN

    @property
    def live(self) -> bool:
        return self.call.state in OPEN

    @property
    def missed(self) -> bool:
        """A client called, and nobody took it."""
        return self.inbound and self.call.state == State.MISSED

    @property
    def tone(self) -> str:
        """missed, failed, live, or nothing."""
        if self.missed:
            return "missed"
        if self.live:
            return "live"
        return "failed" if self.call.state == State.FAILED else ""

    @property
    def icon(self) -> str:
        return "phone-missed" if self.missed else "alert" if self.call.state == State.FAILED else "phone"

    @property
    def title(self) -> str:
        if self.missed:
            return "Missed call"
        return f"{'Incoming' if self.inbound else 'Outgoing'} call"

    @property
    def who(self) -> str:
        member = self.call.member
        if member is None:
            return ""
        return "You" if member.pk == self.reader.pk else member.first_name

    @property
    def outcome(self) -> str:
        """What became of it, or is going on, in a few words; empty where the title says it all."""
        call, who = self.call, self.who
        if call.state == State.CALLING:
            return f"Ringing {'your' if who == 'You' else f'{who}’s'} phone…"
        if call.state == State.RINGING:
            return "Ringing…" if self.inbound else f"{self._connects} Ringing theirs…"
        if call.state == State.TALKING:
            if not who:
                return "On the phone now"
            return f"{who} {'are' if who == 'You' else 'is'} on the phone with them"
        if call.state == State.ENDED:
            if call.answered_at is None:
                return call.reason
            talked = words.length(call.seconds)
            return f"{talked}, {self._took}" if who else talked
        if self.missed:
            return ""
        said = _OUTCOME[State(call.state)]
        return f"{said}. {call.reason}" if call.reason else said

    @property
    def line(self) -> str:
        """A list's line: Outgoing call, no answer. Missed call, voicemail 0:24."""
        if self.missed and self.voicemail:
            return f"{self.title}, voicemail {self.length}"
        said = self.outcome
        if said and not (self.who not in ("", "You") and said.startswith(self.who)):
            said = said[0].lower() + said[1:]
        return f"{self.title}, {said}" if said else self.title

    @property
    def _connects(self) -> str:
        return "You picked up." if self.who == "You" else f"{self.who} picked up." if self.who else ""

    @property
    def _took(self) -> str:
        who = "you" if self.who == "You" else self.who
        return f"{who} took it" if self.inbound else f"{who} called them"

    @property
    def talked(self) -> str:
        """How long they talked; empty if they did not."""
        return words.length(self.call.seconds) if self.call.answered_at and not self.live else ""

    @property
    def calls_back(self) -> bool:
        """May a member call back from here?"""
        return self.missed and bool(self.call.their_number)

    @property
    def kept(self) -> bool:
        return self.voicemail is not None and self.voicemail.state == Recording.State.KEPT

    @property
    def unheard(self) -> bool:
        return self.kept and self.voicemail is not None and self.voicemail.heard_at is None

    @property
    def length(self) -> str:
        return words.length(self.voicemail.seconds) if self.voicemail else ""

    @property
    def says(self) -> str:
        """Instead of a player: why there is none (yet)."""
        if self.voicemail is None or self.kept:
            return ""
        if self.voicemail.state == Recording.State.WAITING:
            return "The voicemail is on its way…"
        if self.voicemail.state == Recording.State.DELETED:
            return "The voicemail was deleted."
        return self.voicemail.reason or "The voicemail could not be fetched."

    @property
    def fetches_again(self) -> bool:
        """Not to be had, and still at the carrier."""
        found = self.voicemail
        return found is not None and found.state == Recording.State.FAILED and bool(found.url)

    @property
    def transcript_says(self) -> str:
        """Where the words of a voicemail would stand: why there are none; empty if there are, or nobody wants them."""
        state = self.voicemail.transcript_state if self.voicemail else ""
        if state == Recording.Transcript.WAITING:
            return "Being written down…"
        return "It could not be written down." if state == Recording.Transcript.FAILED else ""

    @property
    def wave(self) -> str:
        """The bars of the wave, as an SVG path in a box of 160 by 28."""
        levels = (self.voicemail.wave if self.voicemail else None) or [0] * 40
        step = WIDTH / len(levels)
        bars = []
        for place, level in enumerate(levels):
            height = max(2.0, TALLEST * level / 100)
            bars.append(f"M{(place + 0.5) * step:.1f} {MIDDLE - height / 2:.1f}v{height:.1f}")
        return "".join(bars)


def calls_in(member: Member, messages: Iterable[Message]) -> dict[uuid.UUID, Shown]:
    """The calls among these messages. No query where there is none; one, and one more where any was missed."""
    ids = [m.id for m in messages if m.channel == Message.Channel.CALL]
    if not ids:
        return {}
    own = member.business.calls.filter(message_id__in=ids).select_related("member__user")
    return {call.message_id: shown for call, shown in _shown(member, list(own))}


def shown_in_order(member: Member, calls: list[Call]) -> list[Shown]:
    """These calls, with what callers left: one query, or none where no client was missed."""
    return [shown for _, shown in _shown(member, calls)]


def _shown(member: Member, calls: list[Call]) -> list[tuple[Call, Shown]]:
    missed = [c.pk for c in calls if c.state == State.MISSED and c.direction == Message.Direction.IN]
    left = _voicemails(member.business, missed) if missed else {}
    return [(call, Shown(call, left.get(call.pk), member)) for call in calls]


def _voicemails(business: Business, ids: list[uuid.UUID]) -> dict[uuid.UUID, Recording]:
    """Of each of these calls the longest voicemail that is not deleted, else one that is."""
    left: dict[uuid.UUID, Recording] = {}
    own = business.recordings.filter(call_id__in=ids).defer("content").order_by("seconds", "-id")
    deleted = Recording.State.DELETED
    for recording in sorted(own, key=lambda one: one.state != deleted):
        left[recording.call_id] = recording
    return left
