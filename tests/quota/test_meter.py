"""What the meter says: figures, shares, and a forecast that is honest about what it cannot know."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from parley.quota.meter import Meter
from parley.quota.models import Balance

ZONE = ZoneInfo("America/Los_Angeles")


def november(day: float) -> datetime:
    """So many days into November, as the clock goes: one of its days has 25 hours."""
    return datetime(2026, 11, 1, tzinfo=ZONE).astimezone(UTC) + timedelta(days=day)


def meter(
    used: tuple[int, int, int],
    *,
    allowance: int = 2000,
    monthly: int | None = None,
    bought: int = 0,
    day: float = 19.96,
    began: float = 0,
) -> Meter:
    """`used`: automatic, direct, campaigns."""
    automatic, direct, marketing = used
    balance = Balance(
        month=date(2026, 11, 1),
        allowance=allowance,
        monthly=max(0, allowance - sum(used)) if monthly is None else monthly,
        bought=bought,
        used_automatic=automatic,
        used_direct=direct,
        used_marketing=marketing,
        refused=0,
    )
    return Meter(balance, november(began), datetime(2026, 12, 1, tzinfo=ZONE), november(day))


def test_the_designs_figures() -> None:
    seen = meter((702, 431, 151))
    assert (seen.used, seen.allowance, seen.left_of_month) == (1284, 2000, 716)
    assert [(share.name, share.used, share.percent) for share in seen.shares] == [
        ("Automatic", 702, 35.1),
        ("Direct", 431, 21.6),
        ("Campaigns", 151, 7.5),
    ]
    assert seen.pace == "At this pace you’ll use about 1,930 before it starts over on December 1."


OVER = "before it starts over on December 1."


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (meter((0, 0, 0)), "None used yet this month. It starts over on December 1."),
        (meter((300, 0, 0), day=1.99), f"It’s too early to say how many you’ll use {OVER}"),
        (meter((300, 0, 0), day=21, began=20), f"It’s too early to say how many you’ll use {OVER}"),
        (meter((0, 1, 0), day=2), f"At this pace you’ll use about 15 {OVER}"),
        # A business that began on the 21st has used its 100 in four days, not in 24.
        (meter((0, 100, 0), day=24, began=20), f"At this pace you’ll use about 250 {OVER}"),
        (meter((1500, 0, 0), day=18), f"At this pace they run out about November 24, {OVER}"),
        (meter((1990, 0, 0), day=19.5), f"At this pace they run out today, {OVER}"),
        (
            meter((1500, 0, 0), day=18, bought=2000),
            "At this pace the month’s texts are used about November 24, and bought ones go next. "
            "It starts over on December 1.",
        ),
        (meter((1500, 0, 0), day=18, bought=300), f"At this pace they run out about November 28, {OVER}"),
        (
            meter((2000, 0, 0), day=20),
            "None are left: texts are refused, and not sent later. It starts over on December 1.",
        ),
        (meter((2100, 0, 0), day=20, monthly=0, bought=1500), f"At this pace you’ll use about 3,150 {OVER}"),
        (
            meter((0, 0, 0), allowance=0),
            "None are left: texts are refused, and not sent later. It starts over on December 1.",
        ),
    ],
)
def test_the_forecast(seen: Meter, says: str) -> None:
    assert seen.pace == says


def test_bought_texts_are_told_apart() -> None:
    seen = meter((2100, 0, 0), monthly=0, bought=400)
    assert (seen.from_month, seen.from_bought, seen.left_of_month, seen.bought) == (2000, 100, 0, 400)
    assert (seen.whole, seen.shares[0].percent) == (2100, 100.0)
    # A text of the month came back after bought ones were begun.
    seen = meter((2099, 0, 0), monthly=1, bought=400)
    assert (seen.from_month, seen.from_bought) == (1999, 100)
