"""Words that Twilio or the networks act on and answer by themselves, by kind of number.

The whole text must be the one word, in any letter case. Toll-free: the network's own block, STOP alone; it cannot be
lifted or reworded from here. Long codes: Twilio's default handling. Sources: Twilio support 223134027 (long codes)
and 360058144374 (toll-free); field.md 4.1. Reviewed 2026-11-25.
"""

from __future__ import annotations

TOLL_FREE_STOP = frozenset({"STOP"})
TOLL_FREE_START = frozenset({"START", "UNSTOP"})
LONG_CODE_STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
LONG_CODE_START = frozenset({"START", "YES", "UNSTOP"})
HELP = frozenset({"HELP", "INFO"})


def answered(body: str, *, toll_free: bool) -> bool:
    """Does the person who texts this get an answer that is not Parley's?"""
    word = body.strip().upper()
    stop, start = (TOLL_FREE_STOP, TOLL_FREE_START) if toll_free else (LONG_CODE_STOP, LONG_CODE_START)
    return word in stop or word in start or word in HELP


def blocks(body: str, *, toll_free: bool) -> bool:
    """Are texts to the person who texts this blocked from now on, whatever Parley thinks of it?"""
    return body.strip().upper() in (TOLL_FREE_STOP if toll_free else LONG_CODE_STOP)
