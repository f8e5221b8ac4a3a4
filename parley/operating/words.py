"""The figures in words, for whoever runs Parley: what each loop does, and what to do where something is not well."""

from __future__ import annotations

from dataclasses import dataclass

from parley.calls.models import Call
from parley.campaigns.models import Campaign
from parley.messaging.models import Message
from parley.operating.figures import Figures, away
from parley.pulse.tallies import BOUNDS
from parley.sms.numbers import pretty

# The loop, what it does, and what happens while there is none.
DOES = {
    "web": ("Pages and webhooks", "Nobody can open Parley."),
    "delivery": ("Sends texts", "Texts stay in the queue and leave later."),
    "receiving": ("Reads what came in", "Texts that come in are kept, and shown later."),
    "doubt": ("Asks the carrier what became of texts", "Texts in doubt stay in doubt."),
    "backfill": ("Looks for missed texts at the carrier", "Texts that no webhook brought are found later."),
    "jobs": ("Emails, pictures, notifications", "All of these wait."),
    "alerts": (
        "Writes automatic messages when they are due",
        "Reminders wait, and those that come too late are not sent.",
    ),
    "campaigns": (
        "Campaigns",
        "Campaigns don’t begin or go on. What has been written already leaves.",
    ),
}
START = {"web": "parley web", "jobs": "parley jobs", "alerts": "parley jobs", "campaigns": "parley jobs"}

OUTCOMES = {
    "under_way": "Under way",
    "answered": "Answered",
    "not_rung": "Heard how to reach the business",
} | {state: Call.State(state).label for state in ("missed", "busy", "failed", "canceled")}

# From when on (seconds) the page says that something is not well.
LATE_DIRECT = 120.0
LATE_EVENTS = 60.0
LATE_DOUBT = 600.0
LATE_VOICEMAIL = 900.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is not well, and what to do."""

    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Loop:
    name: str
    does: str
    machine: str
    seen: str
    up: str
    memory: str
    away: bool


@dataclass(frozen=True, slots=True)
class Line:
    number: str
    whose: str
    kind: str
    texts: int
    due: int
    oldest: str
    paused: str


def lasting(seconds: float) -> str:
    """A stretch of time as people say it: 4 s, 12 min, 3 h, 2 days."""
    for size, unit in ((86_400 * 2, "days"), (3600 * 2, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86_400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def troubles(figures: Figures) -> list[Trouble]:
    """What somebody should look at, the worst first."""
    found = []
    for loop, lag in figures.lags.items():
        if away(loop, lag):
            does, meanwhile = DOES.get(loop, (loop, ""))
            since = "not in the last day" if lag is None else f"last {lasting(lag)} ago"
            found.append(
                Trouble(
                    f"“{does}” is not running: seen {since}. {meanwhile}",
                    f"Start “{START.get(loop, 'parley texts')}” on one of your machines, or read its log there.",
                )
            )
    if figures.quarantine is not None:
        held, trouble = figures.quarantine
        found.append(
            Trouble(
                f"Texts wait: the database went back in time {lasting(held)} ago, and the carrier is asked what was "
                f"sent since. {trouble}".rstrip(),
                "It is released by itself when the carrier’s log could be read. “parley release” says what is missing.",
            )
        )
    if missed := sum(one.found for one in figures.logs if one.cause == "clock"):
        found.append(
            Trouble(
                f"{_some(missed, 'text')} of the last day came without a webhook.",
                "They are in the Inbox. Does the carrier’s webhook point here, and does your proxy let it in?",
            )
        )
    if figures.set_aside:
        found.append(
            Trouble(
                f"{_some(figures.set_aside, 'webhook')} could not be read.",
                "They are kept. See why below, under “Coming in”; when that is mended, “parley manage replay_events”.",
            )
        )
    for number in figures.numbers.values():
        if number.paused:
            found.append(
                Trouble(
                    f"Nothing leaves from {pretty(number.phone)}: {number.paused}",
                    "Look at the number in the back office, and at the carrier.",
                )
            )
    if figures.events_oldest > LATE_EVENTS:
        found.append(
            Trouble(
                f"What came in {lasting(figures.events_oldest)} ago is not read yet.",
                "If “Reads what came in” is running, it has more to do than it can: start another “parley texts”.",
            )
        )
    late = max(
        (one.oldest for one in figures.waiting if one.kind == "direct" and not _paused(figures, one.number)),
        default=0.0,
    )
    if late > LATE_DIRECT:
        found.append(
            Trouble(
                f"A text that a person wrote has been due for {lasting(late)}.",
                "It may wait behind one in doubt. If many do, the carrier is away or your account there is blocked.",
            )
        )
    if figures.unknown[1] > LATE_DOUBT:
        found.append(
            Trouble(
                f"A text has been in doubt for {lasting(figures.unknown[1])}.",
                "The carrier’s log can’t be read, or it never answers: look at the carrier’s status page.",
            )
        )
    if figures.voicemails[1] > LATE_VOICEMAIL:
        found.append(
            Trouble(
                f"A voicemail has been at the carrier for {lasting(figures.voicemails[1])}.",
                "If “Emails, pictures, notifications” is running, the carrier doesn’t hand it over: look at its log.",
            )
        )
    return found


def loops(figures: Figures) -> list[Loop]:
    """Every loop of every process that was there in the last hour and has not ended; and those that should be there."""
    shown = [
        Loop(
            one.loop,
            DOES.get(one.loop, (one.loop, ""))[0],
            one.machine,
            lasting(one.age),
            lasting(max(0.0, one.up)),
            f"{one.told.get('memory', 0) / 1_000_000:.0f} MB",
            one.away,
        )
        for one in figures.beats
        if one.age < 3600 and not one.ended
    ]
    missing = [loop for loop in figures.lags if loop not in {one.name for one in shown}]
    return [*shown, *(Loop(loop, DOES.get(loop, (loop, ""))[0], "", "", "", "", True) for loop in missing)]


def queue(figures: Figures) -> list[Line]:
    """What waits to leave, the longest due first."""
    lines = []
    for one in sorted(figures.waiting, key=lambda one: -one.oldest):
        number = figures.numbers.get(one.number)
        lines.append(
            Line(
                pretty(number.phone) if number else "A number that was given back",
                (number.business or f"{number.duty} number".capitalize()) if number else "",
                Message.Kind(one.kind).label,
                one.texts,
                one.due,
                lasting(one.oldest) if one.due else "–",
                number.paused if number else "",
            )
        )
    return lines


def doubt(figures: Figures) -> list[tuple[str, int, str]]:
    rows = [
        ("With the carrier, no answer yet", *figures.handing_over),
        ("In doubt: the carrier may have it or not", *figures.unknown),
    ]
    return [(words, count, lasting(oldest) if count else "–") for words, count, oldest in rows]


def webhooks(figures: Figures) -> list[tuple[str, str]]:
    counted = figures.tallies.get("webhooks", {})
    refused = {
        "403": "not signed by the carrier",
        "503": "could not be kept: the carrier was told to try again",
    }
    rows = [("Kept", f"{counted.get('200', 0):,.0f}")]
    rows += [
        (f"Answered {status}, {refused.get(status, 'nothing we know')}", f"{total:,.0f}")
        for status, total in sorted(counted.items())
        if status != "200"
    ]
    if told := _within(figures.tallies.get("webhook_seconds", {})):
        rows.append(("99 of 100 answered within", told))
    rows.append(("Kept and not read yet", f"{figures.events:,}"))
    rows.append(("Could not be read", f"{figures.set_aside:,}"))
    for machine, journal in sorted({(one.machine, one.told.get("journal", 0)) for one in figures.beats}):
        if journal:
            rows.append((f"On the disk of {machine}, not in the database yet", f"{journal / 1000:,.0f} kB"))
    return rows


def texts(figures: Figures) -> list[tuple[str, str, int, int]] | None:
    """Kind, state, last hour, last day. None where counting takes too long."""
    if figures.written is None:
        return None
    sums: dict[tuple[str, str], list[int]] = {}
    for one in figures.written:
        kind = "Came in" if one.direction == "in" else Message.Kind(one.kind).label
        found = sums.setdefault((kind, Message.State(one.state).label), [0, 0])
        found[0] += one.hour
        found[1] += one.day
    return [(kind, state, hour, day) for (kind, state), (hour, day) in sums.items()]


def calls(figures: Figures) -> list[tuple[str, str, int, int]] | None:
    """Who called, what became of it, last hour, last day. None where counting takes too long."""
    if figures.called is None:
        return None
    return [
        ("A client" if one.direction == "in" else "A member", OUTCOMES[one.outcome], one.hour, one.day)
        for one in figures.called
    ]


def calls_now(figures: Figures) -> str:
    """How many calls are under way, and which voicemails are still to come."""
    said = [f"{_some(sum(figures.calls_now.values()), 'call')} under way."]
    waiting, oldest = figures.voicemails
    if waiting:
        said.append(f"{_some(waiting, 'voicemail')} still at the carrier, the oldest for {lasting(oldest)}.")
    return " ".join(said)


def campaigns(figures: Figures) -> list[tuple[str, int, int]]:
    """Where they stand, how many, and to how many clients they have still to go."""
    return [
        (Campaign.Status(status).label, *figures.campaigns[status])
        for status in ("scheduled", "preparing", "sending")
        if status in figures.campaigns
    ]


def jobs(figures: Figures) -> list[tuple[str, int, int, int]]:
    return [(one.queue.capitalize(), one.due, one.doing, one.later) for one in figures.jobs]


def _paused(figures: Figures, number: str) -> bool:
    found = figures.numbers.get(number)
    return found is not None and bool(found.paused)


def _within(counted: dict[str, float] | object) -> str:
    """The first bound that 99 of 100 stayed within; empty if nothing was measured."""
    buckets = counted if isinstance(counted, dict) else {}
    total = sum(found for bound, found in buckets.items() if bound != "sum")
    below = 0.0
    for bound in BOUNDS if total else ():
        below += buckets.get(f"{bound:g}", 0)
        if below >= 0.99 * total:
            return f"{bound * 1000:g} ms" if bound < 1 else f"{bound:g} s"
    return "more than 10 s" if total else ""


def _some(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' if count != 1 else ''}"
