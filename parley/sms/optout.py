"""The words by which a person stops texts, starts them again, or asks for help.

`keyword` knows the whole messages that are one of these words: "please stop by at noon" is conversation.
`wish` knows what a reasonable person would read as a wish to stop in plain words, too (`wording`).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from parley.sms import wording

Keyword = Literal["stop", "start", "help"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a message asks for."""

    kind: Keyword
    category: Literal["all", "marketing"]  # "stop sending me offers" means marketing alone
    word: str  # the keyword as normalised ("STOP"), "" where it was said in plain words
    doubtful: bool  # it could mean something else ("cancel please"): ask where there is a visit to cancel


# Twilio's list for long codes (its REVOKE and OPTOUT are recent), Telnyx's STOP ALL, what the FCC calls
# "per se reasonable" (47 CFR 64.1200(a)(10), in force 2025-04-11: OPT OUT) and its example in Spanish
# (NO MAS), REMOVE from AWS's list. ARRET and AIDE are mandatory in Canada (CWTA short code guidelines 3.9);
# AYUDA is what carriers' Spanish programs use. Reviewed 2026-11-25.
STOP = frozenset(
    {
        *(
            "STOP",
            "STOPALL",
            "STOP ALL",
            "UNSUBSCRIBE",
            "CANCEL",
            "END",
            "QUIT",
            "REVOKE",
            "OPTOUT",
            "OPT OUT",
        ),
        *("REMOVE", "ARRET", "NO MAS"),
    }
)
HELP = frozenset({"HELP", "INFO", "AIDE", "AYUDA"})

# Which words lift a STOP: on toll-free numbers the network decides (START, UNSTOP; Sinch also NONARRET, which
# undoes ARRET), on long codes Twilio (its default opt-in words). Reviewed 2026-11-25.
STARTS: dict[Literal["toll-free", "long code"], frozenset[str]] = {
    "toll-free": frozenset({"START", "UNSTOP", "NONARRET"}),
    "long code": frozenset({"START", "UNSTOP", "YES"}),
}
START = frozenset().union(*STARTS.values())

# "S T O P" is the longest in words, "no más" and the like have two.
_MOST_WORDS = 4

# Said of visits, calls and classes, too.
DOUBTFUL = frozenset({"CANCEL", "END"})

# Words that are one slip of the finger away from STOP, and mean what they say.
NO_SLIPS = frozenset(
    {
        *("ATOP", "SHOP", "SLOP", "SOP", "STEP", "STOMP", "STOOP", "STOUP", "STOW", "STROP", "SWOP", "TOP"),
        *("STOA", "STOB", "STOT", "STOEP", "ESTOP"),
    }
)

# Ten segments is the most that one text can be; what comes later in a longer message (a picture's) is not read.
LONGEST = 2000

_APOSTROPHES = dict.fromkeys(map(ord, "’‘`´ʼʹ′＇"), "'")
# Combining marks, soft hyphens, joiners, bidirectional marks, variation selectors, controls.
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u0300-\u036f\u034f\u061c\u115f\u180e\u1ab0-\u1aff\u1dc0-\u1dff"
    r"\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\U000e0000-\U000e01ef]"
)
_SIGN = re.compile(r"[\s.,!?*()\-]*\U0001f6d1[\s.,!?*()\-\U0001f6d1]*")
_WORDS = re.compile(r"[^\W_]+")
_WORDS_AND_MARKS = re.compile(r"[^\W_]+|\?|[.!;:]+|,+")
_ELIDED = re.compile(r"\b([cdjlmnst])'(?=\w)")
_MARKS = {"?": "?", ",": ",", ".": ".", "!": ".", ";": ".", ":": "."}


def keyword(text: str) -> Keyword | None:
    """Which of the three `text` asks for, or None.

    Case, accents, punctuation and quotes around or between, and white space do not matter. "YES" starts texts
    again only for a person who has stopped them; to the rest it is an answer, so the caller must ask.
    """
    return _kind(_normal(_shape(text)))


def wish(text: str) -> Wish | None:
    """What `text` asks for, by a keyword or in plain words, or None.

    Plain words only ever stop. To start again takes the keyword: that is what the networks listen to, and
    nobody should be signed up by a guess.
    """
    shape = _shape(text)
    word = _normal(shape)
    if kind := _kind(word):
        return Wish(kind, "all", word, doubtful=word in DOUBTFUL)
    if _meant_as_stop(word) or _SIGN.fullmatch(shape):
        return Wish("stop", "all", "", doubtful=False)
    spoken = _spoken(shape)
    # Most texts hold none of the words that it takes, and this is asked of every text that comes in.
    if not wording.may_stop(_WORDS.findall(spoken), shape, spoken):
        return None
    if said := wording.stops(_told(spoken), text[:LONGEST]):
        return Wish("stop", said.category, "", said.doubtful)
    return None


def starts(text: str, *, toll_free: bool) -> bool:
    """Is `text` a word that lifts a STOP on that kind of number? "YES" counts only from a person who has stopped."""
    return _normal(_shape(text)) in STARTS["toll-free" if toll_free else "long code"]


def _kind(word: str) -> Keyword | None:
    if word in STOP:
        return "stop"
    if word in START:
        return "start"
    if word in HELP:
        return "help"
    return None


def _meant_as_stop(word: str) -> bool:
    """Is it STOP spelled out, or with one slip of the finger?"""
    if len(word) > 8:
        return False
    return word.replace(" ", "") == "STOP" or (_one_slip(word, "STOP") and word not in NO_SLIPS)


def _one_slip(word: str, meant: str) -> bool:
    """Is `word` `meant` with one character wrong, missing or too many, or two neighbours swapped?"""
    if not word.isalnum() or abs(len(word) - len(meant)) > 1 or word == meant:
        return False
    same = 0
    while same < min(len(word), len(meant)) and word[same] == meant[same]:
        same += 1
    rest, due = word[same:], meant[same:]
    swapped = rest[1::-1] + rest[2:]
    return due in (swapped, rest[1:]) or rest in (due[1:], rest[:1] + due[1:])


def _shape(text: str) -> str:
    """Its first LONGEST characters in small letters, without accents and what is not seen."""
    text = text.strip()[:LONGEST].translate(_APOSTROPHES)
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)[:LONGEST]
    return _UNSEEN.sub("", text).casefold()


def _normal(shape: str) -> str:
    """Its words, if they are few enough to be a keyword; else nothing."""
    words = _WORDS.findall(shape)
    return " ".join(words).upper() if len(words) <= _MOST_WORDS else ""


def _spoken(shape: str) -> str:
    """Without addresses and apostrophes: French "m'envoyez" is two words, English "don't" is one."""
    text = shape.replace("\n", " . ")
    if "'" in text:
        text = _ELIDED.sub(r"\1 ", text).replace("'", "")
    if "://" in text or "www." in text:
        text = " ".join([word for word in text.split() if "://" not in word and not word.startswith("www.")])
    return text


def _told(spoken: str) -> str:
    """The message as `wording` wants it: see there."""
    told = " ".join([_MARKS.get(part[0], part) for part in _WORDS_AND_MARKS.findall(spoken)])
    return told.strip(" .,")
