"""Phone numbers as the pretend carrier sees them: E.164, and what kind of number it is."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

# North American toll-free codes in use (FCC, "What is a toll-free number"; checked 2026-11).
TOLL_FREE_CODES = ("800", "833", "844", "855", "866", "877", "888")

_NORTH_AMERICAN = re.compile(r"\+1[2-9]\d{2}[2-9]\d{6}", re.ASCII)


def e164(text: str) -> str | None:
    """The number in E.164, or None if it cannot be one. A number without + is read as North American."""
    if _NORTH_AMERICAN.fullmatch(text):
        return text
    return _parsed(text)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def country(number: str) -> str:
    """ISO country of an E.164 number; "" if nobody knows. Within +1 the area code alone decides."""
    if number.startswith("+1") and len(number) == 12:
        return _country_of_area(number[2:5])
    return _country(number)


@lru_cache(maxsize=1024)
def _country_of_area(area: str) -> str:
    return _country(f"+1{area}5550100") or "US"


@lru_cache(maxsize=4096)
def _country(number: str) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or ""
    except phonenumbers.NumberParseException:
        return ""


def is_toll_free(number: str) -> bool:
    """Is it a North American toll-free number?"""
    return number.startswith("+1") and number[2:5] in TOLL_FREE_CODES


def is_emergency(text: str) -> bool:
    """Is it 911, or what else reaches help in the United States and Canada?"""
    return any(phonenumbers.is_emergency_number(text, region) for region in ("US", "CA"))


def national(number: str) -> str:
    """As people at home write it: (503) 555-0118."""
    if _NORTH_AMERICAN.fullmatch(number):
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
