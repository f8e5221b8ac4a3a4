"""The words by which a person stops texts, starts them again, or asks for help.

Only a whole message that is one of these words counts here: "please stop by at noon" is conversation. What
a reasonable person would read as a wish to stop, in other words, is for a member to judge (47 CFR
64.1200(a)(10)).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

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
# NONARRET undoes ARRET on toll-free numbers. Reviewed 2026-11-23.
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
START = frozenset({"START", "UNSTOP", "YES", "NONARRET"})
HELP = frozenset({"HELP", "INFO", "AIDE"})


def keyword(text: str) -> Keyword | None:
    """Which of the three `text` asks for, or None.

    Case, accents, punctuation and quotes around or between, and white space do not matter. "YES" starts texts
    again only for a person who has stopped them; to the rest it is an answer, so the caller must ask.
    """
    word = _normal(text)
    if word in STOP:
        return "stop"
    if word in START:
        return "start"
    if word in HELP:
        return "help"
    return None


def wish(text: str) -> Wish | None:
    """What `text` asks for, by a keyword or in plain words, or None."""
    raise NotImplementedError


def _normal(text: str) -> str:
    text = text.strip()
    if len(text) > 200:  # no keyword is, and a hostile message must not make normalising dear
        return ""
    letters = unicodedata.normalize("NFKD", text)
    shaped = "".join(c for c in letters if unicodedata.category(c) not in ("Mn", "Cf"))
    return re.sub(r"[\W_]+", " ", shaped).strip().upper()
