"""When marketing may reach a person: by the law of where they are and by every clock that may be theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from parley.sms.zones import Basis, Place, zones_of

__all__ = ["NoWindow", "Place", "Window", "may_reach", "next_window", "zones_of"]


class NoWindow(ValueError):
    """There is no moment in the next 8 days at which every clock that may be theirs allows it."""


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch in which marketing may reach the client. Aware UTC datetimes; [opens_at, closes_at)."""

    opens_at: datetime
    closes_at: datetime
    zones: frozenset[str]  # all zones it holds in
    basis: Basis  # what the zones were told from
    rule: str  # words: "Texas: 9 AM to 9 PM, Sundays from noon"


def next_window(moment: datetime, place: Place) -> Window:
    """The window `moment` is in, else the next. Raises NoWindow if there is none within 8 days."""
    raise NotImplementedError


def may_reach(moment: datetime, place: Place) -> bool:
    """May marketing reach the client at `moment`?"""
    raise NotImplementedError
