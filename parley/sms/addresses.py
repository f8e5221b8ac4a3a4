"""Addresses as people write them, by country: states and provinces, postal codes, and the clocks people name.

What the clocks of a state are, and which one a postal code is in, is told by `regions`.
"""

from __future__ import annotations

import re
from typing import Literal

from parley.sms import regions


def _of(country: str) -> dict[str, str]:
    names = {r.code: r.name.removeprefix("the ") for r in regions.REGIONS.values() if r.country == country}
    return dict(sorted(names.items(), key=lambda entry: entry[1]))


# {"US": {"AL": "Alabama", ...}, "CA": {...}}, by name
REGIONS = {"US": _of("US"), "CA": _of("CA")}
COUNTRIES = {"US": "United States", "CA": "Canada"}

# What the same answer is called.
WORDS = {
    "US": {"registration_number": "EIN (tax ID)", "region": "State", "postal_code": "ZIP code"},
    "CA": {"registration_number": "Business Number (BN)", "region": "Province", "postal_code": "Postal code"},
}

# As people name their own clock, one zone for each clock in use today. IANA tz database (2026f).
# Reviewed 2026-11-25.
ZONES = {
    "US": {
        "America/New_York": "Eastern (New York)",
        "America/Chicago": "Central (Chicago)",
        "America/Denver": "Mountain (Denver)",
        "America/Phoenix": "Arizona (Phoenix)",
        "America/Los_Angeles": "Pacific (Los Angeles)",
        "America/Anchorage": "Alaska (Anchorage)",
        "America/Adak": "Aleutian Islands (Adak)",
        "Pacific/Honolulu": "Hawaii (Honolulu)",
        "America/Puerto_Rico": "Puerto Rico and US Virgin Islands",
        "Pacific/Guam": "Guam and Northern Marianas",
        "Pacific/Pago_Pago": "American Samoa",
    },
    "CA": {
        "America/St_Johns": "Newfoundland (St. John’s)",
        "America/Halifax": "Atlantic (Halifax)",
        "America/Toronto": "Eastern (Toronto)",
        "America/Winnipeg": "Central (Winnipeg)",
        "America/Regina": "Saskatchewan (Regina)",
        "America/Edmonton": "Mountain (Edmonton)",
        "America/Vancouver": "Pacific (Vancouver)",
        "America/Whitehorse": "Yukon (Whitehorse)",
    },
}

# USPS Publication 28, 225: five digits, or nine with a hyphen. Canada Post, Addressing guidelines 5.1: A1A 1A1, never
# with D, F, I, O, Q or U, nor begun by W or Z. Reviewed 2026-11-25.
_ZIP = re.compile(r"([0-9]{5})[ -]?([0-9]{4})?")
_CANADIAN = re.compile(r"([ABCEGHJ-NPRSTVXY][0-9][ABCEGHJ-NPRSTV-Z])[ -]?([0-9][ABCEGHJ-NPRSTV-Z][0-9])")


def zone_name(zone: str) -> str:
    """What people call a time zone: Pacific (Los Angeles); an unlisted one by its place."""
    for zones in ZONES.values():
        if zone in zones:
            return zones[zone]
    return zone.rpartition("/")[2].replace("_", " ")


def region_name(code: str) -> str:
    """Oregon for OR; empty for what is no state or province. No code is both."""
    region = regions.REGIONS.get(code)
    return region.name.removeprefix("the ") if region else ""


def postal_code(typed: str) -> tuple[str, Literal["US", "CA"]] | None:
    """A ZIP or postal code as it is written (97201, 97201-1234, V5K 0A1) and its country; None if it is neither."""
    written = typed.strip().upper()
    if found := _ZIP.fullmatch(written):
        return (f"{found[1]}-{found[2]}" if found[2] else found[1]), "US"
    if found := _CANADIAN.fullmatch(written):
        return f"{found[1]} {found[2]}", "CA"
    return None
