"""Phone numbers: what a person types becomes E.164, or words that say what is wrong with it.

Parley texts numbers in the US and Canada. Both are +1 and of one length, so the area code decides; and it
says where the number was given out, not where its owner is.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal

import phonenumbers

from parley.sms import places, regions

Country = Literal["US", "CA"]

_EXAMPLE = {
    "US": "A US number has 10 digits, like (503) 555-0118.",
    "CA": "A Canadian number has 10 digits, like (416) 555-0118.",
}
_ONLY = "Parley texts numbers in the US and Canada only."

_EXTENSION = re.compile(r"(?i)(?:#|;?\s*\b(?:x|ext|extn|extension)\b[.:=]?)\s*\d+\s*$|\dx\d+\s*$")
_WRITTEN = re.compile(r"[(\s]*\+?[\d\s().\-/·•‐-―−]+")
_E164 = re.compile(r"\+1([2-9]\d\d)([2-9]\d\d)(\d{4})")
_EMERGENCY = {"911", "112", "933", "988", "999"}


class BadNumber(ValueError):
    """`words` tell a person what is wrong with the number they gave and what one looks like."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def parse(text: str, country: Country = "US") -> str:
    """The number a person wrote, in E.164, if a text can be sent to it. Raises BadNumber.

    `country` is where the person is, and decides only which example the words give: US and Canadian numbers
    are both taken. So are the numbers set aside for fiction (555-01xx).
    """
    example = _EXAMPLE[country]
    written = "".join(
        c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf"
    ).strip()
    written = re.sub(r"(?i)^(?:tel|sms):", "", written)
    if len(written) > 60:
        raise BadNumber(f"That is too long for a phone number. {example}")
    if not written:
        raise BadNumber(f"Enter a phone number. {example}")
    if _EXTENSION.search(written):
        raise BadNumber("A text cannot go to an extension. Enter the number without it.")
    if not _WRITTEN.fullmatch(written):
        raise BadNumber(f"A phone number has digits only. {example}")
    digits: str = phonenumbers.normalize_digits_only(written)
    if not digits:
        raise BadNumber(f"Enter a phone number. {example}")
    if "+" in written:
        digits = _home(digits, example)
    elif digits.startswith("011") and len(digits) > 10:
        digits = _home(digits.removeprefix("011"), example)
    elif len(digits) <= 6:
        raise BadNumber(_too_short(digits, example))
    elif len(digits) == 11:
        digits = digits.removeprefix("1")
    if len(digits) < 10:
        raise BadNumber(f"That number is too short. {example}")
    if len(digits) > 10:
        raise BadNumber(f"That is too long for a phone number. {example}")
    _refuse_area(digits[:3], example)
    if digits[3] in "01":
        raise BadNumber(f"There is no such number: after the area code comes a digit from 2 to 9. {example}")
    return f"+1{digits}"


def is_emergency(number: str) -> bool:
    """Does whoever calls this number want help at once (911, 988, …), with or without +1 before it?"""
    return number.removeprefix("+1").removeprefix("+") in _EMERGENCY


def pretty(number: str) -> str:
    """`(503) 555-0118` for +15035550118; a number that is not North American as it is usually written abroad.

    What is no number at all (a short code, a sender's name) comes back as it is.
    """
    if found := _E164.fullmatch(number):
        return f"({found[1]}) {found[2]}-{found[3]}"
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    written: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return written


def country(number: str) -> Country | None:
    """Where the number's area code is; None for toll-free and other placeless codes, and for elsewhere."""
    area = _area(number)
    if area is None or area in places.ELSEWHERE or area in places.TOLL_FREE:
        return None
    if area in places.PREMIUM or area in places.PERSONAL:
        return None
    return "CA" if area in places.CANADA else "US"


def zones(number: str) -> frozenset[str]:
    """The IANA zones in which the owner of `number` may be, if they are where it was given out.

    An area code may have several: libphonenumber's, for every exchange of it, and those of `regions.SPLIT`.
    A code without a place (toll-free, 600) may be anywhere that Parley texts.
    """
    area = _area(number)
    if area is None or area in places.ELSEWHERE:
        return _elsewhere(number)
    return _zones_of_area(area)


def area_code(number: str) -> str:
    """The three digits behind +1; empty if `number` is not North American."""
    return _area(number) or ""


def is_toll_free(number: str) -> bool:
    """Is it a North American toll-free number? They belong to no country."""
    return _area(number) in places.TOLL_FREE


def _area(number: str) -> str | None:
    found = _E164.fullmatch(number)
    return found[1] if found else None


def _home(digits: str, example: str) -> str:
    """The ten digits after +1. Raises BadNumber, naming the country, for any other calling code."""
    if digits.startswith("1"):
        return digits[1:]
    for length in (1, 2, 3):
        if name := places.CALLING_CODES.get(int(digits[:length])):
            raise BadNumber(f"That is a number in {name}. {_ONLY} If it is one of those, begin with +1.")
    raise BadNumber(f"There is no country with that code. {_ONLY} {example}")


def _too_short(digits: str, example: str) -> str:
    if digits in _EMERGENCY:
        return "That is an emergency number. In an emergency, call it; Parley cannot text it."
    if len(digits) == 3 and digits.endswith("11"):
        return f"That is a service number, which Parley cannot text. {example}"
    if len(digits) in (5, 6):
        return f"That is too short for a phone number, and Parley cannot text short codes. {example}"
    return f"That number is too short. {example}"


def _refuse_area(area: str, example: str) -> None:
    if area in places.TOLL_FREE:
        raise BadNumber(
            "That is a toll-free number, which cannot get texts from Parley. Enter a mobile number."
        )
    if area in places.PREMIUM:
        raise BadNumber("That is a premium-rate number, which Parley does not text. Enter a mobile number.")
    if area in places.PERSONAL:
        raise BadNumber("That number belongs to no phone that can get texts. Enter a mobile number.")
    if name := places.ELSEWHERE.get(area):
        raise BadNumber(f"That is a number in {name}. {_ONLY}")
    if not _in_use(area):
        raise BadNumber(f"There is no area code {area}. {example}")


@cache
def _zones_of_area(area: str) -> frozenset[str]:
    if area not in regions.AREAS:
        homes = {"CA"} if area in places.CANADA else {"US", "CA"}
        return frozenset().union(*(r.zones for r in regions.REGIONS.values() if r.country in homes))
    told = _told_by_library().get(area, frozenset()) | regions.SPLIT.get(area, frozenset())
    return told or frozenset().union(*(regions.REGIONS[code].zones for code in regions.AREAS[area]))


@cache
def _told_by_library() -> dict[str, frozenset[str]]:
    """All zones of all exchanges of each area code; the library itself tells those of one number."""
    from phonenumbers.tzdata import TIMEZONE_DATA  # large, and seldom asked for

    told: dict[str, frozenset[str]] = {}
    for prefix, zones in TIMEZONE_DATA.items():
        if prefix.startswith("1") and len(prefix) >= 4:
            told[prefix[1:4]] = told.get(prefix[1:4], frozenset()).union(zones)
    return told


def _elsewhere(number: str) -> frozenset[str]:
    from phonenumbers.timezone import time_zones_for_number

    try:
        told = time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return frozenset()
    return frozenset(told) - {"Etc/Unknown"}


@cache
def _in_use(area: str) -> bool:
    if area in regions.AREAS:
        return True
    # Asked with a harmless rest, because the library calls 555-01xx invalid.
    return bool(phonenumbers.is_valid_number(phonenumbers.PhoneNumber(1, int(f"{area}2345678"))))
