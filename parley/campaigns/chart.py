"""The chart of a campaign: how many had it when, as an area towards a goal; and a row of dots each for what they did.

It is drawn here, to the pixel, and the template only writes it down: no script, and one drawing each for a desk and a
phone, because letters that shrink along with the picture cannot be read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from parley.campaigns.models import Campaign

# Minutes are gathered so that a curve has no more points than this, and a row no more dots.
MOST_POINTS, MOST_DOTS = 150, 150
SHORTEST = timedelta(minutes=5)
# What comes after the end is shown for a third of what the sending took, at least this; what comes later is only told.
AFTERWARDS = timedelta(minutes=5)

# (distance of the marks on the time axis, in minutes)
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080, 20160)

ROWS = (
    ("replied", "var(--email-ink)", "reply", "replies"),
    ("failed", "var(--danger-ink)", "failed", "failed"),
    ("opted_out", "var(--caution-ink)", "opted out", "opted out"),
)

_MINUTES = """
    SELECT what, floor(extract(epoch FROM at - %(begins)s) / 60 / %(step)s)::int AS place, sum(number)::int
    FROM campaigns_minute
    WHERE campaign_id = %(campaign)s AND business_id = %(business)s AND at >= %(begins)s AND at <= %(ends)s
      AND what IN ('delivered', 'replied', 'failed', 'opted_out')
    GROUP BY 1, 2 ORDER BY 2
"""


@dataclass(frozen=True, slots=True)
class Span:
    """The time that is drawn, in steps of so many minutes; `now` is how far it is known."""

    begins: datetime
    ends: datetime
    now: datetime
    step: int

    @classmethod
    def of(cls, begins: datetime, ends: datetime, now: datetime) -> Span:
        begins = begins.replace(second=0, microsecond=0)
        ends = max(ends, begins + SHORTEST)
        minutes = (ends - begins).total_seconds() / 60
        return cls(begins, ends, min(now, ends), max(1, math.ceil(minutes / MOST_POINTS)))

    def share(self, at: datetime) -> float:
        """How far along: 0 to 1."""
        return (at - self.begins) / (self.ends - self.begins)

    def end_of(self, place: int) -> datetime:
        """When the step of this place is over, as far as it is known."""
        return min(self.begins + timedelta(minutes=(place + 1) * self.step), self.now)


def span_of(campaign: Campaign, now: datetime, ends_at: datetime | None) -> Span:
    """What is drawn of a campaign that has begun: up to its expected end, or what followed its end."""
    begins = campaign.started_at or now
    if campaign.ended_at is None:
        return Span.of(begins, max(now, ends_at or now), now)
    took = campaign.ended_at - begins
    return Span.of(
        begins, min(campaign.ended_at + max(took / 3, AFTERWARDS), max(now, campaign.ended_at)), now
    )


def counted(campaign: Campaign, span: Span) -> dict[str, list[tuple[int, int]]]:
    """Of each kind (place of the step, how many became so in it), in their order. One query."""
    given: dict[str, Any] = {
        "campaign": campaign.pk,
        "business": campaign.business_id,
        "begins": span.begins,
        "ends": span.ends,
        "step": span.step,
    }
    found: dict[str, list[tuple[int, int]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES, given)
        for what, place, number in cursor.fetchall():
            found.setdefault(what, []).append((place, number))
    return found


# ---- The drawing


class Frame(NamedTuple):
    """Where things stand in a drawing. `beside`: what a row says stands at its right, not above it."""

    width: int
    right: int
    beside: bool
    first_row: int
    row: int
    most_marks: int


DESK = Frame(760, 656, True, 228, 26, 5)
PHONE = Frame(344, 336, False, 246, 36, 4)
TOP, BOTTOM, LEAST_LEFT = 12, 202, 30


class Line(NamedTuple):
    """A line of the grid, and what it says."""

    y: str
    words: str


class Mark(NamedTuple):
    """A time on the axis."""

    x: str
    anchor: str
    words: str


@dataclass(frozen=True, slots=True)
class Dots:
    """One row: a dot for each client, or for each `each`."""

    paint: str
    y: int
    dots: list[str]
    words: str
    note: str
    words_x: int
    words_y: int


@dataclass(slots=True)
class Chart:
    """All that the template writes down. Coordinates are strings: one decimal, as short as may be."""

    frame: Frame
    left: int
    height: int
    words: str
    grid: list[Line] = field(default_factory=list)
    goal: str = ""
    area: str = ""
    line: str = ""
    ahead: str = ""
    now_x: str = ""
    now_y: str = ""
    label: str = ""
    label_x: str = ""
    label_y: str = ""
    label_anchor: str = "start"
    rows: list[Dots] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """What is drawn: the minutes (`counted`), the sums that `Count` has, and what is hoped for.

    `goal`: how many are to have it. `expected`: how many of them will, by `span.ends`; None: no line ahead.
    """

    span: Span
    minutes: dict[str, list[tuple[int, int]]]
    numbers: Counter[str]
    goal: int
    expected: int | None
    zone: ZoneInfo


def draw(told: Told, frame: Frame) -> Chart:
    """The drawing, for a desk or a phone."""
    span, goal = told.span, max(1, told.goal)
    longest = max(len(compact(tick)) for tick in ticks(goal))
    left = max(LEAST_LEFT, 10 + 7 * longest)
    chart = Chart(frame, left, 0, words_of(told))

    def x(at: datetime) -> float:
        return left + span.share(at) * (frame.right - left)

    def y(number: float) -> float:
        return BOTTOM - min(1.0, number / goal) * (BOTTOM - TOP)

    chart.grid = [Line(_n(y(tick)), compact(tick)) for tick in ticks(goal)]
    chart.goal = f"{told.goal:,} {'client' if told.goal == 1 else 'clients'}"
    points, sum_ = [(x(span.begins), y(0))], 0
    for place, number in told.minutes.get("delivered", ()):
        # A step without any is flat.
        begins = span.begins + timedelta(minutes=place * span.step)
        if x(begins) > points[-1][0] + 0.1:
            points.append((x(begins), y(sum_)))
        sum_ += number
        points.append((x(span.end_of(place)), y(sum_)))
    now = x(span.now)
    if points[-1][0] < now - 0.1:
        points.append((now, y(sum_)))
    path = " ".join(f"{'L' if n else 'M'}{_n(px)} {_n(py)}" for n, (px, py) in enumerate(points))
    chart.line, chart.area = path, f"{path} L{_n(points[-1][0])} {BOTTOM} L{left} {BOTTOM}z"
    now_x, now_y = points[-1]
    chart.now_x, chart.now_y = _n(now_x), _n(now_y)
    if told.expected is not None and span.ends > span.now:
        chart.ahead = f"M{chart.now_x} {chart.now_y} L{frame.right} {_n(y(told.expected))}"
    chart.label = f"{told.numbers['delivered']:,} delivered"
    _place_label(chart, frame, now_x, now_y)
    chart.rows = list(_rows(told, frame, left))
    last = chart.rows[-1].y
    chart.marks = [Mark(_n(x(at)), anchor, words) for at, anchor, words in marks(span, told.zone, frame)]
    chart.height = last + 34
    return chart


def _place_label(chart: Chart, frame: Frame, now_x: float, now_y: float) -> None:
    """What the curve has come to: right of its end where there is room, and clear of what the goal says."""
    room = frame.width - now_x
    if room > 100:
        below = now_y + 16 if now_x < frame.right - 4 else now_y + 4
        chart.label_x, chart.label_y = _n(now_x + 12), _n(max(below, TOP + 22))
    else:
        chart.label_anchor = "end"
        chart.label_x = _n(now_x - 10)
        # Under the curve near its end, or above it where it lies on the ground.
        chart.label_y = _n(now_y + 22 if now_y < BOTTOM - 30 else now_y - 14)


def _rows(told: Told, frame: Frame, left: int) -> Iterable[Dots]:
    for n, (what, paint, one, many) in enumerate(ROWS):
        row_y, number = frame.first_row + n * frame.row, told.numbers[what]
        each = thinned(number)
        dots = _dots(told, what, each, left, frame)
        words = f"{number:,} {one if number == 1 else many}"
        later = number - sum(n for _, n in told.minutes.get(what, ()))
        notes = [f"a dot for {each}"] if each > 1 else []
        if later > 0:
            notes.append(f"{later:,} later")
        x, y = (frame.right + 12, row_y + 4) if frame.beside else (left, row_y - 10)
        yield Dots(paint, row_y, dots, words, ", ".join(notes), x, y)


def _dots(told: Told, what: str, each: int, left: int, frame: Frame) -> list[str]:
    """Where they stand: within their step side by side, for nobody counted the seconds."""
    found: list[str] = []
    span, passed = told.span, 0
    for place, number in told.minutes.get(what, ()):
        begins = span.begins + timedelta(minutes=place * span.step)
        within = max(span.end_of(place) - begins, timedelta())
        for n in range(number):
            passed += 1
            # A carrier may try again what had failed: then more failed than are told.
            if passed % each or len(found) >= max(1, told.numbers[what]):
                continue
            at = span.share(begins + within * ((n + 0.5) / number))
            found.append(_n(left + at * (frame.right - left)))
    return found


def thinned(number: int) -> int:
    """For how many clients a dot stands: 1, or 2, 5, 10, 20 … as long as there would be too many."""
    each, ten = 1, 1
    while number / each > MOST_DOTS:
        each = next((step * ten for step in (2, 5) if step * ten > each), 10 * ten)
        ten = 10 ** int(math.log10(each))
    return each


def ticks(goal: int) -> list[int]:
    """Where the grid has lines under the goal: thirds, quarters or halves if those are round, else round steps."""
    for parts in (3, 4, 2):
        step, rest = divmod(goal, parts)
        if step and not rest and len(str(step).rstrip("0")) <= 2:
            return [step * n for n in range(parts)]
    # A third of it or less, and no line so near to the goal that the two read as one.
    step = next((one for one in reversed(_round_numbers(goal)) if one <= goal / 2.5), goal)
    return [tick for tick in range(0, goal, step) if goal - tick >= 0.12 * goal]


def _round_numbers(up_to: int) -> list[int]:
    found, ten = [], 1
    while ten <= up_to:
        found += [ten, 2 * ten, 5 * ten]
        ten *= 10
    return found


def compact(number: int) -> str:
    """1,600, 20k, 1.5M: the axis has little room."""
    for of, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= of and (of > 1_000 or number >= 10_000):
            return f"{number / of:.1f}".removesuffix(".0") + letter
    return f"{number:,}"


def marks(span: Span, zone: ZoneInfo, frame: Frame) -> Sequence[tuple[datetime, str, str]]:
    """Round times on the axis, in the business's zone."""
    minutes = (span.ends - span.begins).total_seconds() / 60
    step = next((step for step in STEPS if minutes / step <= frame.most_marks), STEPS[-1])
    first = span.begins.astimezone(zone)
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    # The first of the day's round times that is not before it.
    since = (first - midnight).total_seconds() / 60
    at = midnight + timedelta(minutes=math.ceil(since / step) * step)
    found = []
    while at <= span.ends:
        share = span.share(at)
        anchor = "start" if share < 0.03 else "end" if share > 0.97 and not frame.beside else "middle"
        found.append((at, anchor, _mark(at, step, minutes)))
        at += timedelta(minutes=step)
    return found


def _mark(at: datetime, step: int, minutes: float) -> str:
    if step >= 1440:
        return f"{at:%b} {at.day}"
    clock = f"{at.hour % 12 or 12}:{at.minute:02}"
    return f"{at:%a} {clock} {at:%p}" if minutes > 1440 else f"{clock} {at:%p}" if minutes > 600 else clock


def words_of(told: Told) -> str:
    """The same in words, for whoever does not see it."""
    number = told.numbers
    minutes = max(1, round((told.span.now - told.span.begins).total_seconds() / 60))
    after = (
        f"{minutes} minute{'' if minutes == 1 else 's'}" if minutes < 120 else f"{round(minutes / 60)} hours"
    )
    said = f"{number['delivered']:,} of {told.goal:,} texts delivered in {after}"
    if told.expected is not None and told.span.ends > told.span.now:
        ends = told.span.ends.astimezone(told.zone)
        said += f", on course to finish at {ends.hour % 12 or 12}:{ends.minute:02} {ends:%p}"
    rows = [f"{number[what]:,} {one if number[what] == 1 else many}" for what, _, one, many in ROWS]
    return f"{said}. {rows[0]}, {rows[1]} and {rows[2]}."


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
