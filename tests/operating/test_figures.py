"""The figures: what is counted is what is there, and counting stays cheap."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from parley.calls.models import Call, Recording
from parley.campaigns.models import Campaign
from parley.messaging.doubt import Doubts
from parley.messaging.line import Line
from parley.messaging.models import Attempt, CarrierEvent, Outbox
from parley.messaging.patience import Patience
from parley.messaging.receiving import Receiving
from parley.numbers.models import PhoneNumber
from parley.operating import exposition, figures, words
from parley.operating.figures import Figures
from parley.operating.metrics import metrics
from parley.pulse import beats, tallies
from parley.pulse.beats import PROCESS, Heart
from parley.pulse.models import Beat, Reading, Tally
from parley.pulse.tasks import forget_old_beats
from tests.people import House
from tests.plans import as_new
from tests.waiting import SOMEBODY_WAITS
from tests.world import database_url

DOCS = Path(__file__).parents[2] / "docs"


def read() -> Figures:
    with connection.cursor() as cursor:
        return figures.read(cursor, transaction.atomic())


def queued(house: House, body: str, *, minutes: float, priority: int = 0) -> None:
    """A text that has been due for so long."""
    message = house.text(
        house.client(phone=f"+1503555{1000 + Outbox.objects.count()}"), body, inbound=False, state="queued"
    )
    Outbox.objects.create(
        message=message,
        business_id=house.business.pk,
        number=house.number,
        recipient=message.their_address,
        priority=priority,
        run_at=timezone.now() - timedelta(minutes=minutes),
    )


def attempted(house: House, state: str, minutes: float) -> None:
    message = house.text(
        house.client(phone=f"+1503556{1000 + Attempt.objects.count()}"), "Hello", inbound=False
    )
    Attempt.objects.create(
        id=uuid.uuid4(),
        business_id=house.business.pk,
        message=message,
        number=house.number,
        recipient=message.their_address,
        state=state,
        started_at=timezone.now() - timedelta(minutes=minutes),
    )


def event(key: str, minutes: float, **more: Any) -> None:
    at = timezone.now() - timedelta(minutes=minutes)
    CarrierEvent.objects.create(
        carrier="twilio", kind="text", key=key, shard=1, form="Body=x", received_at=at, **more
    )


def a_minute(seconds: float, minutes: float) -> bool:
    return abs(seconds - 60 * minutes) < 30


@pytest.mark.django_db
def test_what_is_counted_is_what_is_there(juniper: House, alder: House) -> None:
    queued(juniper, "one", minutes=5)
    queued(juniper, "two", minutes=3)
    queued(juniper, "later", minutes=-60)
    queued(alder, "offer", minutes=9, priority=2)
    for state, minutes in (
        ("sending", 1.0),
        ("unknown", 4.0),
        ("unknown", 7.0),
        ("bound", 50.0),
        ("not_sent", 90.0),
    ):
        attempted(juniper, state, minutes)
    event("waits", 2)
    event("done", 9, done_at=timezone.now())
    event("nobody", 9, done_at=timezone.now(), trouble="it names nobody we know")
    event("unreadable", 30, trouble="it holds no text")
    juniper.text(juniper.client(), "Hi")
    PhoneNumber.objects.filter(pk=alder.number.pk).update(paused="The carrier has suspended it.")
    now = read()

    waiting = {(one.number, one.kind): one for one in now.waiting}
    direct = waiting[str(juniper.number.pk), "direct"]
    assert (direct.texts, direct.due) == (3, 2)
    assert a_minute(direct.oldest, 5)
    assert a_minute(waiting[str(alder.number.pk), "marketing"].oldest, 9)
    assert now.numbers[str(alder.number.pk)].paused
    assert now.handing_over[0] == 1
    assert now.unknown[0] == 2
    assert a_minute(now.unknown[1], 7)
    assert (now.events, now.set_aside) == (1, 1)
    assert a_minute(now.events_oldest, 2)
    assert now.written is not None
    written = {(one.direction, one.kind, one.state): (one.hour, one.day) for one in now.written}
    assert written["in", "direct", "received"] == (1, 1)
    assert written["out", "direct", "queued"] == (4, 4)

    # In words of Prometheus; a number goes by its id, and no words of anybody are told.
    told = exposition.text(metrics(now)).decode()
    assert f'parley_queue_due_texts{{number="{juniper.number.pk}",kind="direct"}} 2\n' in told
    assert f'parley_number_paused{{number="{alder.number.pk}"}} 1\n' in told
    assert 'parley_loop_lag_seconds{loop="delivery"} +Inf\n' in told
    assert "parley_doubt{} 2\n" in told
    assert 'parley_texts{direction="in",kind="direct",state="received",within="1h"} 1\n' in told
    for secret in ("555", "Juniper", "suspended", "holds no text", "offer"):
        assert secret not in told


@pytest.mark.django_db
def test_texts_are_counted_by_when_they_were_written(juniper: House) -> None:
    """By the id, whose first bits are that time: an index there is anyway ends with the newest."""
    client = juniper.client()
    for hours in (0.5, 0.9, 1.1, 23.0, 25.0, 9000.0):
        at = (timezone.now() - timedelta(hours=hours)).timestamp()
        juniper.text(client, "Hello", id=uuid.UUID(int=(int(at * 1000) << 80) + (7 << 76) + (2 << 62) + 1))
    [one] = read().written or ()
    assert (one.hour, one.day) == (2, 4)


@pytest.mark.django_db
def test_counting_row_by_row_is_done_once_for_all_who_ask(juniper: House) -> None:
    juniper.text(juniper.client(), "Hello")
    assert [one.day for one in read().written or ()] == [1]
    juniper.text(juniper.client(phone="+15035550199"), "Hello again")
    assert [one.day for one in read().written or ()] == [1], "counted a moment ago"
    kept = Reading.objects.get(name="texts")
    # What took long is asked for rarely, so that counting never takes more than its share.
    for seconds, took, counted in ((29, 0.0, 1), (31, 0.0, 2), (99, 2.0, 1), (101, 2.0, 2)):
        kept.took, kept.read_at = took, timezone.now() - timedelta(seconds=seconds)
        kept.rows[0]["day"] = 1
        kept.save()
        assert [one.day for one in read().written or ()] == [counted], (seconds, took)


@pytest.mark.django_db
def test_a_count_that_takes_too_long_is_given_up_and_all_else_is_told(
    juniper: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "TEXTS", "SELECT pg_sleep(20), %(hour)s, %(day)s")
    monkeypatch.setattr(figures, "LONGEST", 50)
    queued(juniper, "one", minutes=5)
    now = read()
    assert now.written is None
    assert len(now.waiting) == 1
    assert "parley_texts" not in exposition.text(metrics(now)).decode()


def called(house: House, direction: str, state: str, *, hours: float, talked: bool = False) -> Call:
    """A call that began so long ago, which its id tells."""
    at = timezone.now() - timedelta(hours=hours)
    message = house.text(house.client(phone=f"+1503557{1000 + Call.objects.count()}"), "", channel="call")
    return Call.objects.create(
        id=uuid.UUID(int=figures._first_id(at.timestamp()).int + Call.objects.count()),
        business=house.business,
        message=message,
        number=house.number,
        direction=direction,
        state=state,
        carrier="twilio",
        started_at=at,
        answered_at=at if talked else None,
    )


@pytest.mark.django_db
def test_calls_and_campaigns_are_counted(juniper: House, alder: House) -> None:
    for direction, state, hours, talked in (
        ("in", "ended", 0.5, True),
        ("in", "ended", 3, True),
        ("in", "ended", 3, False),
        ("in", "missed", 0.1, False),
        ("in", "ringing", 0.01, False),
        ("out", "failed", 2, False),
        ("out", "ended", 30, True),
    ):
        last = called(alder if state == "missed" else juniper, direction, state, hours=hours, talked=talked)
    for minutes, state in ((5, "waiting"), (9, "waiting"), (99, "failed")):
        left = Recording.objects.create(
            business=juniper.business,
            call=last,
            carrier_id=f"RE{minutes}",
            url="https://carrier.example/RE",
            state=state,
            delete_at=timezone.now(),
        )
        Recording.objects.filter(pk=left.pk).update(at=timezone.now() - timedelta(minutes=minutes))
    for house, status, waiting in ((juniper, "sending", 40), (alder, "sending", 2), (juniper, "sent", 9)):
        one = Campaign.objects.create(
            business=house.business, name="Offer", status=status, changed_at=timezone.now()
        )
        for variant in "ab":
            one.counts.create(business=house.business, variant=variant, what="waiting", number=waiting / 2)
        one.counts.create(business=house.business, variant="a", what="delivered", number=7)
    told = exposition.text(metrics(read())).decode().splitlines()
    for line in (
        'parley_calls{direction="in",outcome="answered",within="1h"} 1',
        'parley_calls{direction="in",outcome="answered",within="24h"} 2',
        'parley_calls{direction="in",outcome="not_rung",within="24h"} 1',
        'parley_calls{direction="in",outcome="missed",within="1h"} 1',
        'parley_calls{direction="in",outcome="under_way",within="1h"} 1',
        'parley_calls{direction="out",outcome="failed",within="1h"} 0',
        'parley_calls{direction="out",outcome="failed",within="24h"} 1',
        'parley_calls_under_way{state="ringing"} 1',
        'parley_calls_under_way{state="talking"} 0',
        "parley_voicemails_to_fetch{} 2",
        'parley_campaigns{status="sending"} 2',
        'parley_campaigns{status="scheduled"} 0',
        "parley_campaign_recipients_waiting{} 42",
    ):
        assert line in told, line
    assert not any('direction="out",outcome="answered"' in line for line in told), "longer ago than a day"
    now = read()
    assert a_minute(now.voicemails[1], 9)
    assert ("A client", "Answered", 1, 2) in (words.calls(now) or ())
    assert ("A member", "Could not be connected", 0, 1) in (words.calls(now) or ())
    assert (
        words.calls_now(now) == "1 call under way. 2 voicemails still at the carrier, the oldest for 9 min."
    )
    assert words.campaigns(now) == [("Sending", 2, 42)]
    assert not any("voicemail" in one.what for one in words.troubles(now))
    Recording.objects.filter(state="waiting").update(at=timezone.now() - timedelta(minutes=16))
    assert any(
        "A voicemail has been at the carrier for 16 min." in one.what for one in words.troubles(read())
    )


LOOKED_UP = [
    (
        figures.TEXTS,
        {"hour": uuid.UUID(int=2**127), "day": uuid.UUID(int=2**127)},
        {"messaging_message_pkey"},
    ),
    (figures.OPEN, None, {"one_open_attempt_per_pair"}),
    (figures.EVENTS, None, {"events_to_read", "events_set_aside"}),
    (figures.SET_ASIDE, None, {"events_set_aside"}),
    (figures.JOBS, None, {"procrastinate_jobs_id_lock_idx_v1"}),
    (figures.BACKFILL, None, {"one_backfill_an_hour"}),
    (
        figures.CALLS,
        {"hour": uuid.UUID(int=2**127), "day": uuid.UUID(int=2**127)},
        {"calls_call_pkey"},
    ),
    (figures.CALLS_NOW, None, {"calls_open"}),
    (figures.VOICEMAILS, None, {"recordings_there"}),
    (figures.CAMPAIGNS, None, {"campaigns_going", "count_once"}),
]


@pytest.mark.django_db
def test_no_figure_reads_what_was_years_ago(juniper: House, django_assert_num_queries: Any) -> None:
    """Each of the great tables is read by an index that holds only what is open, or ends with the newest."""
    as_new(
        "messaging_message",
        "messaging_attempt",
        "messaging_carrierevent",
        "messaging_backfill",
        "procrastinate_jobs",
        "calls_call",
        "calls_recording",
        "campaigns_campaign",
        "campaigns_count",
    )
    with connection.cursor() as cursor:
        # As planned for large tables.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query, parameters, indexes in LOOKED_UP:
            cursor.execute(f"EXPLAIN {query}", parameters)
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan" not in plan, plan
            assert set(re.findall(r"(?:using|Index Scan on) (\w+)", plan)) == indexes, plan
    read()
    with django_assert_num_queries(18):
        read()


async def test_counts_of_all_processes_are_one_sum(line: Line) -> None:
    """Each is added once, whatever fails in between; a process that dies takes only what it has not written down."""
    tallies.adding()
    for seconds in (0.004, 0.005, 0.2, 99.0):
        tallies.took("t", seconds)
    tallies.count("c", "200", 3)
    await Heart("web").beat(line)
    # Another process, and one whose transaction fails.
    tallies.count("c", "200", 2)
    taken = tallies.adding()
    assert taken is not None
    await line.run(lambda db: db.execute(tallies.ADD, taken))
    tallies.count("c", "200")
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        await line.run(_written_down_in_a_failed_transaction)
    await line.run(tallies.write_down)
    await line.run(tallies.write_down)

    async def seen(db: Any) -> dict[tuple[str, str], float]:
        rows = await (await db.execute("SELECT name, label, total FROM pulse_tally")).fetchall()
        return {(name, label): total for name, label, total in rows}

    sums = await line.run(seen)
    assert sums["c", "200"] == 6
    assert {label: sums["t", label] for label in ("0.005", "0.25", "+Inf")} == {
        "0.005": 2,
        "0.25": 1,
        "+Inf": 1,
    }
    histogram = exposition.Metric("h", "histogram", "x")
    histogram.add_histogram(
        tallies.BOUNDS, {label: total for (name, label), total in sums.items() if name == "t"}
    )
    lines = exposition.text([histogram]).decode()
    assert 'h_bucket{le="0.1"} 2\nh_bucket{le="0.25"} 3\n' in lines
    assert 'h_bucket{le="+Inf"} 4\nh_count{} 4\nh_sum{} 99.209' in lines


async def _written_down_in_a_failed_transaction(db: Any) -> None:
    try:
        await db.execute("SELECT 1 / 0")
    except psycopg.errors.DivisionByZero:
        await tallies.write_down(db)


@pytest.mark.django_db
def test_old_beats_are_forgotten() -> None:
    for process, hours in (("a:1:1", 25.0), ("b:2:2", 23.0)):
        beat = Beat.objects.create(process=process, loop="web")
        Beat.objects.filter(pk=beat.pk).update(beat_at=timezone.now() - timedelta(hours=hours))
    forget_old_beats(0)
    assert [beat.process for beat in Beat.objects.all()] == ["b:2:2"]
    assert not Tally.objects.exists()


@pytest.mark.django_db
def test_the_newest_beat_of_a_loop_speaks_for_it_anywhere() -> None:
    for process, loop, seconds in (
        ("a:1:1", "delivery", 50.0),
        ("b:1:1", "delivery", 4.0),
        ("b:1:1", "doubt", 44.0),
        ("b:1:1", "receiving", 16.0),
        ("c:1:1", "backfill", 99.0),
    ):
        beat = Beat.objects.create(process=process, loop=loop)
        Beat.objects.filter(pk=beat.pk).update(beat_at=timezone.now() - timedelta(seconds=seconds))
    lags = read().lags
    away = {loop for loop, lag in lags.items() if figures.away(loop, lag)}
    assert away == {"receiving", "backfill", "web", "jobs", "alerts", "campaigns"}
    assert lags["web"] is None
    assert PROCESS.count(":") == 2


NAMES = re.compile(r"\bparley_[a-z_]+\b")


@pytest.mark.django_db
def test_every_figure_is_explained_and_every_alarm_is_about_one_there_is() -> None:
    names = {metric.name for metric in metrics(read())}
    explained = set(re.findall(r"^\| `(parley_[a-z_]+)", (DOCS / "running.md").read_text(), re.MULTILINE))
    assert explained == names
    rules = (DOCS / "alerts.yml").read_text()
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in NAMES.findall(rules)}
    assert asked
    assert asked <= names
    alarms = re.findall(r"^ +- alert: (\w+)\n((?: {8}.*\n)+)", rules, re.MULTILINE)
    assert len(alarms) == rules.count("alert:")
    for name, body in alarms:
        assert re.search(r"^ {8}expr: \S", body, re.MULTILINE), name
        assert re.search(r"^ {10}severity: (page|ticket)$", body, re.MULTILINE), name
        assert re.search(r"^ {10}summary: \S", body, re.MULTILINE), name


async def test_a_loop_that_is_stuck_leaves_no_beat(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process lives, its neighbours go round; only what it waits for does not come."""
    monkeypatch.setattr(beats, "EVERY", 0.0)
    patience = Patience(0.05)
    await line.run(
        lambda db: db.execute(
            "INSERT INTO messaging_carrierevent (carrier, kind, key, shard, form, received_at, trouble) "
            "VALUES ('nobody', 'text', 'x', 1, 'Body=x', now(), '')"
        )
    )
    receiving, doubts = Receiving({}, patience), Doubts({}, patience)

    async def seen(loop: str) -> bool:
        return await line.run(lambda db: beats.newest(db, loop)) is not None

    async def waits() -> bool:
        rows = await line.run(lambda db: db.execute(SOMEBODY_WAITS))
        return bool((await rows.fetchone())[0])  # type: ignore[index]

    async with asyncio.timeout(30), await psycopg.AsyncConnection.connect(database_url()) as other:
        await other.execute("SELECT 1 FROM messaging_carrierevent FOR UPDATE")
        going = [asyncio.create_task(loop.run()) for loop in (receiving, doubts)]
        await _until(waits)
        await line.run(lambda db: db.execute("DELETE FROM pulse_beat"))
        await _until(lambda: seen("doubt"))
        assert not await seen("receiving")
        await other.rollback()
        await _until(lambda: seen("receiving"))
        receiving.stop()
        doubts.stop()
        await asyncio.gather(*going)


async def _until(look: Callable[[], Awaitable[bool]]) -> None:
    while not await look():  # noqa: ASYNC110  it is a database that is looked at
        await asyncio.sleep(0.02)
