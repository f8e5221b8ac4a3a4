"""Which clocks may be a person's: told from their own zone, else their address, else their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    """Every zone whose clock may be theirs, and what that was told from."""
    raise NotImplementedError
