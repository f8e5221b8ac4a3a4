"""The drawing of a campaign: where things stand in it, what it says, and that it leaves nothing out unsaid."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from parley.campaigns import chart
from parley.campaigns.chart import DESK, PHONE, Chart, Span, Told

ZONE = ZoneInfo("America/Los_Angeles")
TEN = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


def drawn(
    minutes: dict[str, list[tuple[int, int]]],
    numbers: dict[str, int],
    *,
    goal: int = 480,
    now: float = 39,
    ends: float = 60,
    expected: int | None = 466,
    frame: chart.Frame = DESK,
) -> Chart:
    span = Span.of(TEN, TEN + timedelta(minutes=ends), TEN + timedelta(minutes=now))
    return chart.draw(Told(span, minutes, Counter(numbers), goal, expected, ZONE), frame)


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_as_the_design_draws_it() -> None:
    """298 of 480 delivered in 39 minutes, on course to finish at 11:00."""
    each = [(minute, 7) for minute in range(38)] + [(38, 32)]
    did = {"replied": [(3, 1), (7, 2), (20, 18)], "failed": [(2, 9)], "opted_out": [(10, 1), (30, 2)]}
    numbers = {"delivered": 298, "replied": 21, "failed": 9, "opted_out": 3}
    one = drawn({"delivered": each, **did}, numbers)
    assert (one.left, one.height) == (31, 314)
    assert [(line.words, line.y) for line in one.grid] == [("0", "202"), ("160", "138.7"), ("320", "75.3")]
    assert one.goal == "480 clients"
    line = points(one.line)
    assert line[0] == (31, 202)
    assert line[-1] == (float(one.now_x), float(one.now_y)) == (437.2, 84.0)
    assert line == sorted(line, key=lambda point: (point[0], -point[1])), "neither time nor the sum goes back"
    assert points(one.ahead) == [(437.2, 84.0), (656, 17.5)]
    assert (one.label, one.label_x, one.label_y) == ("298 delivered", "449.2", "100")
    assert [(row.words, row.note, row.y, len(row.dots)) for row in one.rows] == [
        ("21 replies", "", 228, 21),
        ("9 failed", "", 254, 9),
        ("3 opted out", "", 280, 3),
    ]
    assert [mark.words for mark in one.marks] == ["10:00", "10:15", "10:30", "10:45", "11:00"]
    assert one.words == (
        "298 of 480 texts delivered in 39 minutes, on course to finish at 11:00 AM. "
        "21 replies, 9 failed and 3 opted out."
    )
    for row in one.rows:
        at = [float(x) for x in row.dots]
        assert at == sorted(at)
        assert 31 <= at[0] <= at[-1] <= 437.2, "nobody did anything before it began, or later than now"

    phone = drawn({"delivered": each, **did}, numbers, frame=PHONE)
    assert len(phone.marks) <= 5
    assert phone.height > phone.rows[-1].y
    assert all(0 <= x <= PHONE.width for x, _ in points(phone.line) + points(phone.ahead))


def test_many_are_thinned_and_few_are_whole() -> None:
    for number, each in ((0, 1), (150, 1), (151, 2), (301, 5), (1_500, 10), (1_501, 20), (999_999, 10_000)):
        assert chart.thinned(number) == each, number
        minutes = {"replied": [(n, number // 40) for n in range(39)] + [(39, number - number // 40 * 39)]}
        row = drawn(minutes, {"replied": number}, now=60).rows[0]
        assert len(row.dots) == number // each
        assert row.note == (f"a dot for {each}" if each > 1 else "")


def test_what_came_later_is_said() -> None:
    """Replies come for days: the chart shows the sending, and tells the rest."""
    row = drawn({"replied": [(5, 2)]}, {"replied": 5}, now=60, expected=None).rows[0]
    assert (row.words, row.note, len(row.dots)) == ("5 replies", "3 later", 2)
    # What had failed and was tried again counts in two minutes, and failed once.
    row = drawn({"failed": [(5, 1), (9, 1)]}, {"failed": 1}).rows[1]
    assert (row.words, row.note, len(row.dots)) == ("1 failed", "", 1)


def test_any_size_and_any_length() -> None:
    for goal in (1, 2, 3, 7, 99, 213, 480, 1_000, 12_345, 100_000, 1_000_000):
        ticks = chart.ticks(goal)
        assert ticks[0] == 0
        assert ticks == sorted(set(ticks))
        assert len(ticks) <= 6, (goal, ticks)
        assert goal == 1 or len(ticks) > 1 or goal < 3
        assert all(tick < goal for tick in ticks)
        for frame in (DESK, PHONE):
            for ends in (0, 1, 59, 61, 600, 1_500, 10_000, 60_000):
                one = drawn(
                    {"delivered": [(0, goal)]}, {"delivered": goal}, goal=goal, ends=ends, frame=frame
                )
                assert 1 <= len(one.marks) <= frame.most_marks + 1, (goal, ends, one.marks)
                assert len(points(one.line)) <= 2 * chart.MOST_POINTS
                assert len({mark.words for mark in one.marks}) == len(one.marks), one.marks
    compact = {0: "0", 999: "999", 1_600: "1,600", 20_000: "20k", 33_300: "33.3k", 1_500_000: "1.5M"}
    assert {number: chart.compact(number) for number in compact} == compact


def test_nothing_yet_is_a_flat_line() -> None:
    one = drawn({}, {})
    assert {y for _, y in points(one.line)} == {202}
    assert one.label == "0 delivered"
    assert one.words.startswith("0 of 480 texts delivered in 39 minutes")
