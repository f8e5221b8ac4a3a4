"""Words to which the networks themselves react, and what the handset is then shown.

Toll-free: the network's block, which nobody at the carrier can lift or reword. Long codes: Twilio's default
handling. The whole text must be the one word (Twilio support 223134027, 360058144374; wording as of 2026-11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Effect = Literal["stop", "start", "help"]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the network does with the pair of numbers, and what it shows."""

    effect: Effect
    words: str


_STOP = frozenset({"STOP"})
_LONG_CODE_STOP = _STOP | {"STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
_START = frozenset({"START", "UNSTOP"})
_LONG_CODE_START = _START | {"YES"}
_HELP = frozenset({"HELP", "INFO"})

_HELP_WORDS = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
_LONG_CODE_STOP_WORDS = (
    "You have successfully been unsubscribed. You will not receive any more messages from this number. "
    "Reply START to resubscribe."
)
_LONG_CODE_START_WORDS = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)


def reaction(body: str, *, toll_free: bool) -> Reaction | None:
    """What the network does about this text from a handset; None if nothing."""
    said = body.strip()
    word = said.upper()
    if word in (_STOP if toll_free else _LONG_CODE_STOP):
        if toll_free:
            return Reaction(
                "stop",
                f'NETWORK MSG: You replied with the word "{said.lower()}" which blocks all texts sent from '
                'this number. Text back "unstop" to receive messages again.',
            )
        return Reaction("stop", _LONG_CODE_STOP_WORDS)
    if word in (_START if toll_free else _LONG_CODE_START):
        if toll_free:
            return Reaction(
                "start",
                f'NETWORK MSG: You have replied "{said.lower()}" and will begin receiving messages again '
                "from this number.",
            )
        return Reaction("start", _LONG_CODE_START_WORDS)
    if word in _HELP:
        return Reaction("help", _HELP_WORDS)
    return None
