"""What is on the screen of a client's phone, and phones that nobody had before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parley.sandbox.numbering import national
from parley.sandbox.records import Handset, Message
from parley.sandbox.world import World

_PHOTO = Path(__file__).parent / "static" / "photo.png"
SCREEN_LIMIT = 200
# 555-0100 to 555-0199 are set aside for fiction in every area code (ATIS-0300115).
_NEW_PHONES = [f"+1{area}55501{last:02}" for area in ("503", "604", "971", "778") for last in range(100)]


class Handsets:
    """Phones of the pretend world."""

    def __init__(self, world: World) -> None:
        self._world = world

    @staticmethod
    def sample_photo() -> tuple[str, bytes]:
        """Content type and bytes of the photo that a demo sends."""
        return "image/png", _PHOTO.read_bytes()

    def new(self) -> Handset:
        """A phone with a number that nobody has."""
        taken = {*self._world.handsets, *self._world.numbers}
        # The first ones are for those who write the world's set-up by hand.
        free = (number for number in (*_NEW_PHONES[75:], *_NEW_PHONES[:75]) if number not in taken)
        number = next(free, None) or f"+1503{5550200 + len(taken)}"
        return self._world.put_handset(number)

    def screen(self, phone_number: str, ours: str | None) -> dict[str, Any]:
        """The conversation with one of our numbers; the latest one if none is named."""
        partners = self._partners(phone_number)
        if ours is None:
            ours = next(iter(partners), None) or next(iter(self._world.numbers), None)
        handset = self._world.handsets.get(phone_number) or Handset(phone_number)
        number = self._world.numbers.get(ours or "")
        texts = self._texts(phone_number, ours) if ours else []
        return {
            **handset.as_dict(),
            "national": national(phone_number),
            "with": ours,
            "with_name": (number.owner if number else "") or (national(ours) if ours else ""),
            "blocked": (ours, phone_number) in self._world.blocked,
            "texts": texts[-SCREEN_LIMIT:],
        }

    def _partners(self, phone_number: str) -> dict[str, float]:
        """Numbers it has talked with and when last, the latest first."""
        found: dict[str, float] = {}
        for message in self._world.messages_of.get(phone_number, ()):
            if _visible(message, phone_number):
                other = message.recipient if message.sender == phone_number else message.sender
                found[other] = message.ended or message.created
        for text in self._world.history.values():
            if phone_number in (text.sender, text.recipient):
                other = text.recipient if text.sender == phone_number else text.sender
                found[other] = max(text.at, found.get(other, 0.0))
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def _texts(self, phone_number: str, ours: str) -> list[dict[str, Any]]:
        pair = {phone_number, ours}
        rows: list[tuple[float, int, dict[str, Any]]] = []
        for text in self._world.history.values():
            if {text.sender, text.recipient} == pair:
                rows.append((text.at, 0, _row("", text.sender == phone_number, text.body, text.at, [])))
        for message in self._world.messages_of.get(phone_number, ()):
            if {message.sender, message.recipient} != pair or not _visible(message, phone_number):
                continue
            mine = message.sender == phone_number
            at = message.created if mine else (message.ended or message.created)
            pictures = [f"/sandbox/pictures/{sid}" for sid in message.pictures if sid in self._world.pictures]
            row = _row(message.sid, mine, message.body, at, pictures)
            rows.extend([(at, message.order, row)] * max(1, message.shown))
        rows.sort(key=lambda entry: entry[:2])
        return [row for _, _, row in rows]


def _visible(message: Message, phone_number: str) -> bool:
    return message.sender == phone_number or message.shown > 0


def _row(sid: str, mine: bool, body: str, at: float, pictures: list[str]) -> dict[str, Any]:
    return {"sid": sid, "mine": mine, "body": body, "at": at, "pictures": pictures}
