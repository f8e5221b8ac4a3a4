"""When a campaign stops by itself: too many of its texts don't arrive, are filtered, or make people opt out.

Measured by its own receipts. A list that is old, or words that a filter dislikes, shows in the first few; whoever goes
on costs the numbers their reputation, and everybody who shares them (field.md 5, row 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from parley.campaigns.models import Campaign, Count

# In per cent of those of whom something is known, and as many at the least: two of ten say nothing.
FAILED = 20, 5
# Carriers watch for a few per cent of filtered texts (30007).
FILTERED = 3, 2
# Twilio warns from 3 per cent of opt-outs, and acts at 5 (carriers.md).
OPTED_OUT = 3, 3
FILTER_CODES = ("30007",)
# What became of these says nothing of the list or the words: a worker died with them, or the carrier never answered.
NOTHING_KNOWN = ("failed", "unconfirmed")


@dataclass(frozen=True, slots=True)
class Seen:
    """How many of a campaign's recipients: arrived, failed, of those were filtered, and opted out."""

    delivered: int = 0
    failed: int = 0
    filtered: int = 0
    opted_out: int = 0

    @property
    def known(self) -> int:
        """Of how many it is known whether they got it."""
        return self.delivered + self.failed

    def since(self, then: Mapping[str, int]) -> Seen:
        """What came after it was as `then`."""
        return Seen(**{name: getattr(self, name) - then.get(name, 0) for name in self.__slots__})

    @property
    def kept(self) -> dict[str, int]:
        """For `Campaign.braked_from`."""
        return {name: getattr(self, name) for name in self.__slots__}


def seen(campaign: Campaign) -> Seen:
    """What there is so far. One query of a few rows."""
    delivered = failed = filtered = opted_out = 0
    rows = Count.objects.filter(campaign=campaign, what__in=("delivered", "failed", "opted_out"))
    for what, code, number in rows.values_list("what", "code", "number"):
        if what == "delivered":
            delivered += number
        elif what == "opted_out":
            opted_out += number
        elif code not in NOTHING_KNOWN:
            failed += number
            filtered += number if code in FILTER_CODES else 0
    return Seen(delivered, failed, filtered, opted_out)


def why_brake(now: Seen) -> str:
    """Why it is to stop, in words; empty if nothing speaks against going on."""
    if _too_many(now.filtered, now.known, FILTERED):
        return (
            f"Carriers’ filters took {now.filtered} of the first {now.known:,} texts for spam. Word it more plainly, "
            "without shouting and without odd links."
        )
    if _too_many(now.opted_out, now.delivered, OPTED_OUT):
        return (
            f"{now.opted_out} of the {now.delivered:,} who got it opted out. Do they expect this from you? "
            "Look at the audience again."
        )
    if _too_many(now.failed, now.known, FAILED):
        return f"{now.failed} of the first {now.known:,} texts did not arrive. The list may be old: see why below."
    return ""


def _too_many(number: int, of: int, limit: tuple[int, int]) -> bool:
    per_cent, at_least = limit
    return number >= at_least and number * 100 >= of * per_cent
