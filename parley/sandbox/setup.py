"""Setting the pretend world up: PUT /sandbox/world. Doing it twice is doing it once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from parley.sandbox.network import Network
from parley.sandbox.numbering import e164
from parley.sandbox.records import OldText
from parley.sandbox.rest import is_web_url
from parley.sandbox.web import BadRequest
from parley.sandbox.world import World

_TEXT, _FLAG, _PACE, _URL = "text", "true or false", "a number, 0 or more", "a web address or empty"

_NUMBER_FACTS = {
    "country": _TEXT,
    "friendly_name": _TEXT,
    "owner": _TEXT,
    "verified": _FLAG,
    "pace": _PACE,
    "sms_url": _URL,
    "sms_fallback_url": _URL,
    "voice_url": _URL,
    "voice_fallback_url": _URL,
    "status_callback": _URL,
}
_HANDSET_FACTS = {
    "name": _TEXT,
    "line_type": _TEXT,
    "when_called": _TEXT,
    "voicemail_after": _PACE,
    "withheld": _FLAG,
}
_CHOICES = {"line_type": ("mobile", "landline"), "when_called": ("rings", "busy", "failed")}
_HISTORY_FACTS = {"from", "to", "body", "at", "status"}


def set_up(world: World, network: Network, wishes: dict[str, Any]) -> None:
    """Make or change numbers and handsets, add history. What is not named stays. Raises BadRequest.

    Everything is checked first, so a refused request changes nothing.
    """
    _only(wishes, {"numbers", "handsets", "history"}, "the world")
    numbers = [_thing(entry, _NUMBER_FACTS, "a number") for entry in _list(wishes, "numbers")]
    handsets = [_thing(entry, _HANDSET_FACTS, "a handset") for entry in _list(wishes, "handsets")]
    for _, facts in handsets:
        for fact, choices in _CHOICES.items():
            if facts.get(fact, choices[0]) not in choices:
                raise BadRequest(f"{fact} must be one of {', '.join(choices)}")
    history = [_old_text(entry) for entry in _list(wishes, "history")]
    for phone_number, facts in numbers:
        network.pace_changed(world.put_number(phone_number, **facts))
    for phone_number, facts in handsets:
        world.put_handset(phone_number, **facts)
    for text in history:
        world.add_history(text)


def as_dict(world: World) -> dict[str, Any]:
    """The world as set_up() takes it, and the numbers' sids."""
    return {
        "numbers": [number.as_dict() for number in world.numbers.values()],
        "handsets": [handset.as_dict() for handset in world.handsets.values()],
        "history": [
            {
                "from": text.sender,
                "to": text.recipient,
                "body": text.body,
                "at": iso_time(text.at),
                "status": text.status,
            }
            for text in world.history.values()
        ],
        "blocked": [{"from": ours, "to": theirs} for ours, theirs in sorted(world.blocked)],
    }


def iso_time(at: float) -> str:
    """With its zone, to the microsecond."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def phone_number(value: Any, what: str = "phone_number") -> str:
    """E.164. Raises BadRequest."""
    number = e164(value) if isinstance(value, str) else None
    if number is None:
        raise BadRequest(f"{what} is not a phone number: {value!r}")
    return number


def _list(wishes: dict[str, Any], key: str) -> list[dict[str, Any]]:
    entries = wishes.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadRequest(f"{key} must be a list of objects")
    return entries


def _only(entry: dict[str, Any], known: set[str], what: str) -> None:
    if unknown := sorted(set(entry) - known):
        raise BadRequest(f"unknown in {what}: {', '.join(unknown)} (known: {', '.join(sorted(known))})")


def _thing(entry: dict[str, Any], facts: dict[str, str], what: str) -> tuple[str, dict[str, Any]]:
    # `sid`, `created`… come back from GET; taking them as read lets a dump be put back as it is.
    given = {key: value for key, value in entry.items() if key not in _READ_ONLY}
    _only(given, {"phone_number", *facts}, what)
    number = phone_number(given.pop("phone_number", None))
    for key, value in given.items():
        if not _fits(facts[key], value):
            raise BadRequest(f"{key} of {number} must be {facts[key]}")
    return number, given


_READ_ONLY = {
    "sid",
    "created",
    "updated",
    "sms_method",
    "sms_fallback_method",
    "voice_method",
    "voice_fallback_method",
    "status_callback_method",
}


def _fits(kind: str, value: Any) -> bool:
    if kind == _FLAG:
        return isinstance(value, bool)
    if kind == _PACE:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9
    return isinstance(value, str) and (kind != _URL or not value or is_web_url(value))


def _old_text(entry: dict[str, Any]) -> OldText:
    _only(entry, _HISTORY_FACTS, "a text of the history")
    body, status = entry.get("body"), entry.get("status", "delivered")
    if not isinstance(body, str) or not isinstance(status, str):
        raise BadRequest("body and status of a text of the history must be text")
    try:
        at = datetime.fromisoformat(entry.get("at", ""))
    except (TypeError, ValueError) as error:
        raise BadRequest(f"at is not an ISO time: {entry.get('at')!r}") from error
    return OldText(
        sender=phone_number(entry.get("from"), "from"),
        recipient=phone_number(entry.get("to"), "to"),
        body=body,
        at=(at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp(),
        status=status,
    )
