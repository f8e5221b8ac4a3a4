"""Which clocks may be a person's: told from their own zone, else their address, else their number."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from parley.sms import numbers, regions

Basis = Literal["zone", "place", "number"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the owner of a number may be. Empty strings: not known."""

    number: str  # E.164
    zone: str = ""  # IANA, the client's own
    region: str = ""  # state or province, two letters
    postal_code: str = ""
    country: str = ""  # "US", "CA" or "" (told by postal code or number)


def zones_of(place: Place) -> tuple[frozenset[str], Basis]:
    """Every zone whose clock may be theirs, and what that was told from.

    Of an address that contradicts itself (a ZIP code of Oregon, the state of Ohio) both halves count. What is
    no zone, no state and no postal code is passed over. A number that tells nothing may be anywhere that
    Parley texts.
    """
    if place.zone in _known_zones():
        return frozenset({place.zone}), "zone"
    if codes := _addressed(place):
        return _zones_in(codes), "place"
    return numbers.zones(place.number) or _zones_in(frozenset(regions.REGIONS)), "number"


def regions_of(place: Place) -> frozenset[str]:
    """The codes of the states or provinces whose law may hold for them; empty if nothing tells.

    They are told from the address, else the area code; of a country without either, all of them.
    """
    told = _addressed(place) or regions.AREAS.get(numbers.area_code(place.number), frozenset())
    country = place.country or (numbers.country(place.number) if not told else "")
    if country and not any(regions.REGIONS[code].country == country for code in told):
        told |= {code for code, region in regions.REGIONS.items() if region.country == country}
    return told


@cache
def clocks(zone: str) -> tuple[zoneinfo.ZoneInfo, ...]:
    """The clock of a zone, as this machine's tz data and as Parley's own has it. Raises KeyError.

    Governments change clocks at short notice (British Columbia and Alberta ended theirs in 2026) and either
    data may be the older, so what must hold by the clock must hold by both.
    """
    found = []
    for read in (zoneinfo.ZoneInfo, _own):
        try:
            found.append(read(zone))
        except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
            continue
    if not found:
        raise KeyError(zone)
    return tuple(found)


def _own(zone: str) -> zoneinfo.ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as file:
        return zoneinfo.ZoneInfo.from_file(file, zone)


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _addressed(place: Place) -> frozenset[str]:
    return regions.by_postal_code(place.postal_code) | regions.by_name(place.region)


@cache
def _zones_in(codes: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*(regions.REGIONS[code].zones for code in codes))
