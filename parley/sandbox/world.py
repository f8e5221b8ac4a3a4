"""The pretend world's state: who exists, what was said. Every change goes through here into the journal."""

from __future__ import annotations

import gc
import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parley.sandbox.changes import Changes
from parley.sandbox.journal import Journal, Record
from parley.sandbox.numbering import country, is_toll_free, national
from parley.sandbox.records import Call, Handset, Message, Number, OldText, Picture, Recording, Verification

# What the carrier lets through in segments a second, if nobody says otherwise: Twilio's own defaults.
TOLL_FREE_PACE = 3.0
LONG_CODE_PACE = 1.0


class World:
    """All of it is in memory; the journal brings it back after a restart."""

    def __init__(self, journal: Journal, media_folder: Path, changes: Changes) -> None:
        self._journal = journal
        self._changes = changes
        self._media_folder = media_folder
        media_folder.mkdir(parents=True, exist_ok=True)
        self.numbers: dict[str, Number] = {}
        self.handsets: dict[str, Handset] = {}
        self.messages: dict[str, Message] = {}
        self.messages_of: dict[str, list[Message]] = {}
        self.pictures: dict[str, Picture] = {}
        self.calls: dict[str, Call] = {}
        self.calls_of: dict[str, list[Call]] = {}
        self.recordings: dict[str, Recording] = {}
        self.verifications: dict[str, Verification] = {}
        self.blocked: set[tuple[str, str]] = set()
        self.history: dict[str, OldText] = {}
        self.counts: Counter[str] = Counter()
        self._order = 0
        # Nothing made here is garbage; looking for some, again and again, took half of the time.
        gc.disable()
        journal.replay(self._recall)
        gc.freeze()
        gc.enable()
        if journal.lines > 1000 + 2 * (len(self.messages) + len(self.calls)):
            self._compact()

    # Numbers

    def put_number(self, phone_number: str, **facts: Any) -> Number:
        """Make the number, or change what is named of it."""
        now = time.time()
        number = self.numbers.get(phone_number)
        if number is None:
            number = Number(
                sid="PN" + hashlib.md5(phone_number.encode(), usedforsecurity=False).hexdigest(),
                phone_number=phone_number,
                created=now,
                updated=now,
                friendly_name=national(phone_number),
                country=country(phone_number),
                pace=TOLL_FREE_PACE if is_toll_free(phone_number) else LONG_CODE_PACE,
            )
            self.numbers[phone_number] = number
        for name, value in facts.items():
            setattr(number, name, value)
        number.updated = now
        self._journal.append("number", number.as_dict())
        self._changes.tell("world")
        return number

    def number_by_sid(self, sid: str) -> Number | None:
        """The account's number with this PN… sid."""
        return next((number for number in self.numbers.values() if number.sid == sid), None)

    def release_number(self, number: Number) -> None:
        """The account gives the number back."""
        del self.numbers[number.phone_number]
        self._journal.append("released", {"phone_number": number.phone_number})
        self._changes.tell("world")

    # Handsets

    def put_handset(self, phone_number: str, **facts: Any) -> Handset:
        """Make the phone, or change what is named of it."""
        handset = self.handsets.get(phone_number)
        if handset is None:
            handset = self.handsets[phone_number] = Handset(phone_number)
        elif not facts:
            return handset
        for name, value in facts.items():
            setattr(handset, name, value)
        self._journal.append("handset", handset.as_dict())
        self._changes.tell("world")
        return handset

    def add_history(self, text: OldText) -> None:
        """Put a text of the past on a handset; the same one again changes nothing."""
        key = hashlib.sha256(repr((text.sender, text.recipient, text.body, text.at)).encode()).hexdigest()
        if key not in self.history:
            self.history[key] = text
            self._journal.append("history", {"key": key, **text.as_dict()})
            self._changes.tell(f"handset:{text.sender}", f"handset:{text.recipient}")

    # Messages

    def add_message(self, message: Message) -> None:
        """A text was accepted, received, or shown by the network. Gives it its place in the order."""
        self._order += 1
        message.order = self._order
        message.updated = message.created
        self._index(message)
        self._journal.append("message", message.as_record())
        self.counts[message.direction] += 1
        self._changes.tell("log", f"handset:{message.sender}", f"handset:{message.recipient}")

    def set_state(self, message: Message, status: str, code: int | None = None, shown: int = 0) -> None:
        """What became of a text. `shown` more times it appeared on the handset."""
        now = time.time()
        message.status, message.code, message.updated = status, code, now
        message.shown += shown
        if status == "sent":
            message.sent = now
        if message.is_final:
            message.ended = now
            self.counts[status] += 1
        self._journal.append(
            "state", {"sid": message.sid, "status": status, "code": code, "at": now, "shown": message.shown}
        )
        self._changes.tell("log", f"handset:{message.recipient}")

    def mark(self, message: Message, **facts: Any) -> None:
        """Redacted, deleted, pictures."""
        for name, value in facts.items():
            setattr(message, name, value)
        self._journal.append("mark", {"sid": message.sid, **facts})
        self._changes.tell("log", f"handset:{message.sender}", f"handset:{message.recipient}")

    def newest_first(self, *parties: str) -> Iterator[Message]:
        """Every message; or the one's of these numbers that has the fewest, so that both are still to check."""
        if not parties:
            yield from reversed(self.messages.values())
            return
        rarest = min((self.messages_of.get(party, []) for party in parties), key=len)
        yield from reversed(rarest)

    def forget_messages(self) -> None:
        """Empty the truth log, calls and all, for the next load run. People, numbers and opt-outs stay."""
        self.messages.clear()
        self.messages_of.clear()
        self.counts.clear()
        for picture in self.pictures.values():
            self.picture_path(picture).unlink(missing_ok=True)
        self.pictures.clear()
        self.calls.clear()
        self.calls_of.clear()
        for recording in self.recordings.values():
            self.recording_path(recording).unlink(missing_ok=True)
        self.recordings.clear()
        self._compact()
        self._changes.tell("log", "world", *(f"handset:{number}" for number in self.handsets))

    # Pictures

    def add_picture(self, picture: Picture, content: bytes) -> None:
        """Keep a file of a message."""
        self.picture_path(picture).write_bytes(content)
        self.pictures[picture.sid] = picture
        self._journal.append("picture", picture.as_dict())

    def delete_picture(self, picture: Picture) -> None:
        """The account deleted it at the carrier; the handset keeps what it got."""
        picture.deleted = True
        self._journal.append("picture", picture.as_dict())

    def picture_path(self, picture: Picture) -> Path:
        """Where its bytes are."""
        return self._media_folder / picture.sid

    # Calls

    def put_call(self, call: Call) -> None:
        """A call began, or came to another state."""
        call.updated = time.time()
        if call.sid not in self.calls:
            self._order += 1
            call.order = self._order
            self._index_call(call)
        self._journal.append("call", call.as_dict())
        self._changes.tell("calls")
        self.tell_of_call(call)

    def tell_of_call(self, call: Call) -> None:
        """Something was heard or done on the line; no state changed."""
        self._changes.tell("log", f"handset:{call.handset}")

    def add_recording(self, recording: Recording, content: bytes) -> None:
        """Keep what was recorded."""
        if content:
            self.recording_path(recording).write_bytes(content)
        self.recordings[recording.sid] = recording
        self._journal.append("recording", recording.as_dict())

    def delete_recording(self, recording: Recording) -> None:
        """The account deleted it."""
        recording.deleted = True
        self.recording_path(recording).unlink(missing_ok=True)
        self._journal.append("recording", recording.as_dict())

    def recording_path(self, recording: Recording) -> Path:
        """Where its bytes are."""
        return self._media_folder / recording.sid

    # Opt-outs, verifications

    def block(self, ours: str, theirs: str) -> None:
        """The network refuses texts from our number to theirs from now on."""
        self.blocked.add((ours, theirs))
        self._journal.append("block", {"ours": ours, "theirs": theirs})

    def unblock(self, ours: str, theirs: str) -> None:
        """…and lets them through again."""
        self.blocked.discard((ours, theirs))
        self._journal.append("unblock", {"ours": ours, "theirs": theirs})

    def put_verification(self, verification: Verification) -> None:
        """A verification was handed in, edited or judged."""
        verification.updated = time.time()
        self.verifications[verification.sid] = verification
        self._journal.append("verification", verification.as_dict())
        self._changes.tell("desk", "world")

    def delete_verification(self, verification: Verification) -> None:
        """The applicant took it back."""
        del self.verifications[verification.sid]
        self._journal.append("withdrawn", {"sid": verification.sid})
        self._changes.tell("desk")

    # Memory

    def _index(self, message: Message) -> None:
        self.messages[message.sid] = message
        self.messages_of.setdefault(message.sender, []).append(message)
        self.messages_of.setdefault(message.recipient, []).append(message)

    def _index_call(self, call: Call) -> None:
        self.calls[call.sid] = call
        self.calls_of.setdefault(call.handset, []).append(call)

    def _recall(self, record: Record) -> None:
        match record.pop("k"):
            case "message":
                message = Message(**record)
                self._index(message)
                self._order = max(self._order, message.order)
                self.counts[message.direction] += 1
                if message.is_final:
                    self.counts[message.status] += 1
            case "state":
                message = self.messages[record["sid"]]
                message.status, message.code, message.updated = record["status"], record["code"], record["at"]
                message.shown = record["shown"]
                if message.status == "sent":
                    message.sent = record["at"]
                if message.is_final:
                    message.ended = record["at"]
                    self.counts[message.status] += 1
            case "mark":
                message = self.messages[record.pop("sid")]
                for name, value in record.items():
                    setattr(message, name, value)
            case "call":
                known = self.calls.get(record["sid"])
                if known is None:
                    self._index_call(Call(**record))
                else:
                    for name, value in record.items():
                        setattr(known, name, value)
                self._order = max(self._order, record["order"])
            case "recording":
                self.recordings[record["sid"]] = Recording(**record)
            case "number":
                self.numbers[record["phone_number"]] = Number(**record)
            case "released":
                self.numbers.pop(record["phone_number"], None)
            case "handset":
                self.handsets[record["phone_number"]] = Handset(**record)
            case "history":
                key = record.pop("key")
                self.history[key] = OldText(**record)
            case "picture":
                self.pictures[record["sid"]] = Picture(**record)
            case "block":
                self.blocked.add((record["ours"], record["theirs"]))
            case "unblock":
                self.blocked.discard((record["ours"], record["theirs"]))
            case "verification":
                self.verifications[record["sid"]] = Verification(**record)
            case "withdrawn":
                self.verifications.pop(record["sid"], None)

    def _compact(self) -> None:
        self._journal.rewrite(self._records())

    def _records(self) -> Iterator[tuple[str, Record]]:
        for number in self.numbers.values():
            yield "number", number.as_dict()
        for handset in self.handsets.values():
            yield "handset", handset.as_dict()
        for key, text in self.history.items():
            yield "history", {"key": key, **text.as_dict()}
        for ours, theirs in self.blocked:
            yield "block", {"ours": ours, "theirs": theirs}
        for verification in self.verifications.values():
            yield "verification", verification.as_dict()
        for picture in self.pictures.values():
            yield "picture", picture.as_dict()
        for message in self.messages.values():
            yield "message", message.as_record()
        for call in self.calls.values():
            yield "call", call.as_dict()
        for recording in self.recordings.values():
            yield "recording", recording.as_dict()
