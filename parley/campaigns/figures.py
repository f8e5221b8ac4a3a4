"""What is told of a campaign in figures: how many, why not, how fast, and whether one wording does better.

All of it is read from `Count` and `Minute`, which `counting` keeps, and from the front of an index: a page costs the
same for ten recipients and for a million.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from parley.campaigns.audience import WHY_NOT
from parley.campaigns.models import Campaign, Count

# Those who wait for their morning are counted no further than this.
COUNTED = 10_000


class Failure(NamedTuple):
    """Why texts do not arrive: said of one and of many (6 are landlines), as a heading, and what helps."""

    one: str
    many: str
    heading: str
    helps: str


_NO_NUMBER = Failure(
    "has no working number", "have no working number", "Not a working number", "Mend it on their card."
)
_SPAM = Failure(
    "was taken for spam",
    "were taken for spam",
    "Taken for spam by the phone network",
    "Word it more plainly.",
)
_LANDLINE = Failure("is a landline", "are landlines", "A landline", "Email still works.")
_UNKNOWN = Failure(
    "gave no reason", "gave no reason", "The phone network gave no reason", "Their conversation says more."
)

# The carriers' codes that a campaign meets, as `Recipient.code`. Source: Twilio's error and warning dictionary
# (www.twilio.com/docs/api/errors), of which carriers/twilio/words.py is the whole. Reviewed 2026-11-26.
FAILURES: dict[str, Failure] = {
    "21211": _NO_NUMBER,
    "21217": _NO_NUMBER,
    "21610": Failure("had opted out", "had opted out", "Opted out", ""),
    "21614": _NO_NUMBER,
    "21635": _LANDLINE,
    "30003": Failure("was out of reach", "were out of reach", "The phone was off or out of reach", ""),
    "30004": Failure(
        "was blocked", "were blocked", "Blocked by the phone or its network", "Email still works."
    ),
    "30005": Failure(
        "has a number not in use",
        "have a number not in use",
        "The number is not in use",
        "Mend it on their card.",
    ),
    "30006": _LANDLINE,
    "30007": _SPAM,
    "30008": _UNKNOWN,
    "unconfirmed": Failure(
        "may not have arrived", "may not have arrived", "May not have arrived", "Ask them whether it came."
    ),
}


def failure(code: str) -> Failure:
    """The row of a code; codes that are not listed turn up without notice."""
    return FAILURES.get(code, _UNKNOWN)


@dataclass(frozen=True, slots=True)
class Reason:
    """How many got nothing, or did not get it, for one reason."""

    words: str
    helps: str
    number: int


class Figures:
    """How many are so, of a whole campaign or of one of its wordings. `n` says how many, by what `Count` calls it."""

    def __init__(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """`rows`: what, code, number."""
        self.n: Counter[str] = Counter()
        self._failed: Counter[Failure] = Counter()
        self._skipped: Counter[tuple[str, str]] = Counter()
        for what, code, number in rows:
            self.n[what] += number
            if what == "failed":
                self._failed[failure(code)] += number
            elif what == "skipped":
                self._skipped[WHY_NOT.get(code, WHY_NOT["not_sent"])] += number

    @property
    def on_the_way(self) -> int:
        """Written, and not yet heard of."""
        return self.n["queued"] + self.n["sent"]

    @property
    def out(self) -> int:
        return self.on_the_way + self.n["delivered"] + self.n["failed"]

    @property
    def meant(self) -> int:
        """Who has had it, and who will."""
        return self.n["waiting"] + self.out

    @property
    def delivered_percent(self) -> int | None:
        """Of those of whom it is known; None as long as nothing is known."""
        return percent(self.n["delivered"], self.n["delivered"] + self.n["failed"])

    @property
    def shares(self) -> list[tuple[float, str]]:
        """The meter: per cent of its width and the color, for delivered, failed and on the way."""
        of = self.meant or 1
        numbers = (
            (self.n["delivered"], "var(--pine)"),
            (self.n["failed"], "var(--danger)"),
            (self.on_the_way, "var(--series-campaign)"),
        )
        return [(round(number * 100 / of, 1), paint) for number, paint in numbers if number > 0]

    @property
    def why_failed(self) -> str:
        """The commonest reason: 6 are landlines. Empty if none failed."""
        for reason, number in self._failed.most_common(1):
            return f"{number:,} {reason.one if number == 1 else reason.many}" if number > 0 else ""
        return ""

    @property
    def failures(self) -> list[Reason]:
        """Why texts did not arrive, the commonest first."""
        return [Reason(why.heading, why.helps, n) for why, n in self._failed.most_common() if n > 0]

    @property
    def skips(self) -> list[Reason]:
        """Why clients get nothing, the commonest first."""
        return [Reason(words, helps, n) for (words, helps), n in self._skipped.most_common() if n > 0]


def percent(number: int, of: int) -> int | None:
    """Rounded, but neither 0 nor 100 unless it is just that; None of nothing."""
    if not of:
        return None
    rounded = round(number * 100 / of)
    return min(max(rounded, 1 if number else 0), 100 if number == of else 99)


def of_campaign(campaign: Campaign) -> tuple[Figures, dict[str, Figures]]:
    """Of all, and of each wording. One query of a few rows."""
    kept = Count.objects.filter(business_id=campaign.business_id, campaign=campaign)
    rows = list(kept.values_list("variant", "what", "code", "number"))
    return Figures(row[1:] for row in rows), {
        variant: Figures(row[1:] for row in rows if row[0] == variant) for variant in ("a", "b")
    }


def of_each(campaigns: Iterable[Campaign]) -> dict[object, Figures]:
    """Of each of some campaigns of one business, by id. One query, and none for none that has begun."""
    begun = [campaign for campaign in campaigns if not campaign.editable]
    if not begun:
        return {}
    kept = Count.objects.filter(business_id=begun[0].business_id, campaign__in=begun)
    rows = list(kept.values_list("campaign_id", "what").annotate(total=Sum("number")).order_by())
    return {
        campaign.pk: Figures((what, "", number) for of, what, number in rows if of == campaign.pk)
        for campaign in begun
    }


# ---- How fast


# Who waits for their morning, when the first of them may be texted, the pace of the numbers that are in use (as
# `routing.POOL` has it: segments a second, 0 for no limit), and of how many it is known since `since`, and since when.
_GOING = """
    SELECT (SELECT count(*) FROM (
                SELECT FROM campaigns_recipient
                WHERE campaign_id = %(campaign)s AND state = 'waiting' AND opens_at > %(now)s LIMIT %(counted)s + 1
            ) later),
           (SELECT min(opens_at) FROM campaigns_recipient
            WHERE campaign_id = %(campaign)s AND state = 'waiting' AND opens_at > %(now)s),
           (SELECT CASE WHEN count(*) = 0 THEN NULL WHEN bool_or(pace = 0) THEN 0 ELSE sum(pace) END
            FROM numbers_phonenumber
            WHERE duty = 'marketing' AND paused = '' AND releasing_at IS NULL AND released_at IS NULL
              AND approved_at IS NOT NULL),
           lately.number, lately.began_at
    FROM (SELECT coalesce(sum(number), 0) AS number, min(at) AS began_at FROM campaigns_minute
          WHERE campaign_id = %(campaign)s AND at >= %(since)s AND what IN ('delivered', 'failed')) lately
"""
# Of the last so much time the rate is taken; of less than so much it says nothing.
LATELY, TOO_SHORT = timedelta(minutes=10), timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Going:
    """How a campaign that is being sent gets on. `later` wait for their morning, up to `COUNTED`, and until `opens_at`.

    `ends_at`: when it has been sent to all who may be texted now; None if that cannot be told.
    """

    later: int
    opens_at: datetime | None
    ends_at: datetime | None
    now: datetime

    @property
    def minutes(self) -> float | None:
        return (self.ends_at - self.now).total_seconds() / 60 if self.ends_at else None

    @property
    def to_go(self) -> str:
        """About 21 minutes to go; empty if that cannot be told."""
        return f"{about(self.minutes)} to go" if self.minutes is not None else ""

    @property
    def more_later(self) -> bool:
        """Do more wait for their morning than were counted?"""
        return self.later > COUNTED


def going(campaign: Campaign, figures: Figures, segments: int) -> Going:
    """How it gets on, a text being `segments` long. One query."""
    now = timezone.now()
    since = max(campaign.started_at or now, campaign.changed_at, now - LATELY)
    given: dict[str, Any] = {
        "campaign": campaign.pk,
        "now": now,
        "counted": COUNTED,
        "since": since.replace(second=0, microsecond=0),
    }
    with connection.cursor() as cursor:
        cursor.execute(_GOING, given)
        later, opens_at, pace, lately, began_at = cursor.fetchone()
    # What lies before the first of them is a night, or a pause of the carrier's: nothing went, and it says nothing.
    since = max(since, began_at or since)
    left = max(0, figures.n["waiting"] - later) + figures.n["queued"]
    return Going(later, opens_at, _ends_at(left, now, since, pace, lately, segments), now)


def _ends_at(
    left: int, now: datetime, since: datetime, pace: float | None, lately: int, segments: int
) -> datetime | None:
    if not left or pace is None:
        return None
    went = now - since
    if went >= TOO_SHORT and lately:
        a_second = lately / went.total_seconds()
    elif pace:
        a_second = pace / max(1, segments)
    else:
        # Without a limit it is as fast as Parley: that shows in what has gone out.
        return now + timedelta(minutes=1) if went < TOO_SHORT else None
    return now + timedelta(seconds=left / a_second)


def about(minutes: float) -> str:
    """A length of time, no more exact than a forecast is: About 21 minutes."""
    if minutes < 1.5:
        return "About a minute"
    if minutes < 90:
        rounded = round(minutes) if minutes < 30 else round(minutes / 5) * 5
        return f"About {rounded} minutes"
    hours = minutes / 60
    return f"About {round(hours)} hours" if hours < 36 else f"About {round(hours / 24)} days"


# ---- Two wordings


# A difference that chance alone would bring less often than this counts; and fewer texts than this say nothing.
LEVEL = 0.05
FEWEST, FEWEST_OF_A_KIND = 100, 5

TOO_FEW = "Too few to tell apart yet."
NO_DIFFERENCE = "No difference that could not be chance."
STILL_GOING = "It is too early to tell them apart: wait until it has all been sent."


def by_chance(one: tuple[int, int], other: tuple[int, int]) -> float | None:
    """How probable a difference as large as this is where there is none: (how many did, of how many) of each.

    The two-proportion z-test, with two sides. None where it does not hold: too few, or nearly all or none of them.
    """
    (did, of), (did_other, of_other) = one, other
    if min(of, of_other) < FEWEST:
        return None
    pooled = (did + did_other) / (of + of_other)
    if min(of, of_other) * min(pooled, 1 - pooled) < FEWEST_OF_A_KIND:
        return None
    spread = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_other))
    z = abs(did / of - did_other / of_other) / spread
    return 2 * (1 - NormalDist().cdf(z))


def verdict(what: str, one: tuple[int, int], other: tuple[int, int], *, over: bool = True) -> str:
    """What may be said of two wordings; `what`: opened a link. Whoever looks often while it goes on finds chance.

    `over`: nothing is sent any more.
    """
    chance = by_chance(one, other)
    if chance is None:
        return TOO_FEW
    if not over:
        return STILL_GOING
    if chance >= LEVEL:
        return NO_DIFFERENCE
    better, shares = ("A", (one, other)) if one[0] * other[1] > other[0] * one[1] else ("B", (other, one))
    more, less = (f"{did * 100 / of:.1f}%" for did, of in shares)
    return f"{better} did better: {more} {what}, of the other {less}. Chance alone seldom makes such a difference."
