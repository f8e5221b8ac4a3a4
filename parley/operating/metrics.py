"""What /metrics tells. No label holds a number, a name or words of anybody; a phone number goes by its id.

All of it comes from the database, so it is the same whichever web process is asked, on whichever machine: a monitor
needs one address.
"""

from __future__ import annotations

from parley import __version__
from parley.operating.exposition import Metric
from parley.operating.figures import DAY, HOUR, Figures
from parley.pulse.tallies import BOUNDS

# Which process a loop runs in.
PROCESSES = {"web": "web", "jobs": "jobs", "alerts": "jobs", "campaigns": "jobs"}
OUTCOMES = ("bound", "refused", "not_sent", "unknown")


def metrics(figures: Figures) -> list[Metric]:
    """Every metric, in the order of docs/running.md."""
    return [
        *_alive(figures),
        *_texts(figures),
        *_queue(figures),
        *_doubt(figures),
        *_webhooks(figures),
        *_afterwards(figures),
        *_calls(figures),
        *_campaigns(figures),
        *_jobs(figures),
        *_processes(figures),
    ]


def _alive(figures: Figures) -> list[Metric]:
    version = Metric("parley_build_info", "gauge", "Always 1; the label is the version that was asked.")
    version.add(1, version=__version__)
    lag = Metric("parley_loop_lag_seconds", "gauge", "Since this loop was last seen to go round, anywhere.")
    alive = Metric("parley_loops_alive", "gauge", "How many processes go round this loop.")
    for loop, seconds in figures.lags.items():
        # A loop that was never seen is as far away as can be told.
        lag.add(float("inf") if seconds is None else seconds, loop=loop)
        alive.add(sum(one.loop == loop and not one.away for one in figures.beats), loop=loop)
    return [version, lag, alive]


def _texts(figures: Figures) -> list[Metric]:
    texts = Metric(
        "parley_texts", "gauge", "Texts written within this time, by what they are and where they stand now."
    )
    age = Metric("parley_texts_age_seconds", "gauge", "How long ago parley_texts was counted.")
    if figures.written is not None:
        for one in figures.written:
            told = {"direction": one.direction, "kind": one.kind, "state": one.state}
            texts.add(one.hour, **told, within=HOUR)
            texts.add(one.day, **told, within=DAY)
        age.add(figures.written_age)
    return [texts, age]


def _queue(figures: Figures) -> list[Metric]:
    texts = Metric(
        "parley_queue_texts", "gauge", "Texts that wait to leave, also those whose time has not come."
    )
    due = Metric("parley_queue_due_texts", "gauge", "Texts whose time has come.")
    oldest = Metric("parley_queue_oldest_seconds", "gauge", "For how long the oldest of these has been due.")
    pace = Metric(
        "parley_number_pace", "gauge", "Segments a second that may leave from a number; 0: no limit."
    )
    paused = Metric("parley_number_paused", "gauge", "1: nothing leaves from this number until it is mended.")
    for one in figures.waiting:
        texts.add(one.texts, number=one.number, kind=one.kind)
        due.add(one.due, number=one.number, kind=one.kind)
        oldest.add(one.oldest, number=one.number, kind=one.kind)
    for number in figures.numbers.values():
        pace.add(number.pace, number=number.number)
        if number.paused:
            paused.add(1, number=number.number)
    return [texts, due, oldest, pace, paused]


def _doubt(figures: Figures) -> list[Metric]:
    handing = Metric(
        "parley_handing_over", "gauge", "Texts that are with no outcome yet: claimed, not answered."
    )
    handing_oldest = Metric("parley_handing_over_oldest_seconds", "gauge", "The oldest of them.")
    doubt = Metric("parley_doubt", "gauge", "Texts of which nobody knows whether the carrier has them.")
    doubt_oldest = Metric("parley_doubt_oldest_seconds", "gauge", "The oldest of them.")
    for metric, value in zip(
        (handing, handing_oldest, doubt, doubt_oldest), (*figures.handing_over, *figures.unknown), strict=True
    ):
        metric.add(value)
    attempts = Metric("parley_attempts_total", "counter", "Calls to carriers, by what they came to.")
    counted = figures.tallies.get("attempts", {})
    for outcome in OUTCOMES:
        attempts.add(counted.get(outcome, 0), outcome=outcome)
    return [handing, handing_oldest, doubt, doubt_oldest, attempts]


def _webhooks(figures: Figures) -> list[Metric]:
    webhooks = Metric(
        "parley_webhooks_total", "counter", "Carriers’ webhooks, by the status they were answered."
    )
    for status in sorted({"200", "403", "503"} | set(figures.tallies.get("webhooks", {}))):
        webhooks.add(figures.tallies.get("webhooks", {}).get(status, 0), status=status)
    seconds = Metric(
        "parley_webhook_seconds", "histogram", "From a webhook’s arrival to its answer, 200 or 503."
    )
    seconds.add_histogram(BOUNDS, figures.tallies.get("webhook_seconds", {}))
    waiting = Metric("parley_events", "gauge", "Webhooks that are kept and not read yet.")
    waiting.add(figures.events)
    oldest = Metric("parley_events_oldest_seconds", "gauge", "For how long the oldest of them has waited.")
    oldest.add(figures.events_oldest)
    aside = Metric(
        "parley_events_set_aside", "gauge", "Webhooks that could not be read: they wait for a person."
    )
    aside.add(figures.set_aside)
    journal = Metric("parley_journal_bytes", "gauge", "Webhooks on a machine’s disk that the database lacks.")
    for machine in sorted({one.machine for one in figures.beats}):
        kept = [
            one.told["journal"] for one in figures.beats if one.machine == machine and "journal" in one.told
        ]
        if kept:
            journal.add(kept[0], machine=machine)
    return [webhooks, seconds, waiting, oldest, aside, journal]


def _afterwards(figures: Figures) -> list[Metric]:
    found = Metric(
        "parley_backfill_texts", "gauge", "Texts of the last day that came by the carrier’s log alone."
    )
    failed = Metric(
        "parley_backfill_failed", "gauge", "Carriers’ logs that could not be read in the last day."
    )
    told = {one.cause: one for one in figures.logs}
    for cause in ("boot", "clock", "gap"):
        found.add(told[cause].found if cause in told else 0, cause=cause)
        failed.add(told[cause].failed if cause in told else 0, cause=cause)
    held = Metric(
        "parley_quarantine_seconds", "gauge", "Since when the database is in quarantine; 0: it is not."
    )
    held.add(figures.quarantine[0] if figures.quarantine else 0)
    return [found, failed, held]


def _calls(figures: Figures) -> list[Metric]:
    calls = Metric("parley_calls", "gauge", "Calls that began within this time, by what became of them.")
    for one in figures.called or ():
        told = {"direction": one.direction, "outcome": one.outcome}
        calls.add(one.hour, **told, within=HOUR)
        calls.add(one.day, **told, within=DAY)
    now = Metric("parley_calls_under_way", "gauge", "Calls under way.")
    for state in ("calling", "ringing", "talking"):
        now.add(figures.calls_now.get(state, 0), state=state)
    waiting = Metric("parley_voicemails_to_fetch", "gauge", "Voicemails that are still at the carrier.")
    oldest = Metric(
        "parley_voicemails_oldest_seconds", "gauge", "For how long the oldest of them has waited."
    )
    waiting.add(figures.voicemails[0])
    oldest.add(figures.voicemails[1])
    return [calls, now, waiting, oldest]


def _campaigns(figures: Figures) -> list[Metric]:
    campaigns = Metric("parley_campaigns", "gauge", "Campaigns that wait for their time, or are under way.")
    for status in ("scheduled", "preparing", "sending"):
        campaigns.add(figures.campaigns.get(status, (0, 0))[0], status=status)
    waiting = Metric(
        "parley_campaign_recipients_waiting", "gauge", "Clients whose turn is still to come in these."
    )
    waiting.add(sum(waits for _, waits in figures.campaigns.values()))
    return [campaigns, waiting]


def _jobs(figures: Figures) -> list[Metric]:
    due = Metric("parley_jobs_due", "gauge", "Jobs whose time has come.")
    later = Metric("parley_jobs_later", "gauge", "Jobs that are planned for later.")
    doing = Metric("parley_jobs_doing", "gauge", "Jobs that are being done.")
    for one in figures.jobs:
        due.add(one.due, queue=one.queue)
        later.add(one.later, queue=one.queue)
        doing.add(one.doing, queue=one.queue)
    done = Metric(
        "parley_jobs_total",
        "counter",
        "Jobs, by what they came to; each try counts.",
    )
    counted = figures.tallies.get("jobs", {})
    for result in sorted({"succeeded", "failed", "retried"} | set(counted)):
        done.add(counted.get(result, 0), result=result)
    return [due, later, doing, done]


def _processes(figures: Figures) -> list[Metric]:
    memory = Metric("parley_process_memory_bytes", "gauge", "Resident memory of a process.")
    cpu = Metric("parley_process_cpu_seconds_total", "counter", "Processor time that a process has used.")
    pages = Metric("parley_open_pages", "gauge", "Pages that listen for news at a web process.")
    told = set()
    for one in figures.beats:
        if one.process in told or one.away:
            continue
        told.add(one.process)
        who = {"process": PROCESSES.get(one.loop, "texts"), "machine": one.machine, "pid": one.pid}
        memory.add(one.told.get("memory", 0), **who)
        cpu.add(one.told.get("cpu", 0), **who)
        if "pages" in one.told:
            pages.add(one.told["pages"], **who)
    return [memory, cpu, pages]
