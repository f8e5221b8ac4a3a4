"""Claiming: once, in order, at the number's pace (rules R1 and R3); and what outcomes do."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from parley.carriers.twilio import Twilio
from parley.clients.models import Client
from parley.messaging import delivery, outcomes, quarantine
from parley.messaging.delivery import LOCK_LANES, PICK, RISE, RISEN_AT_ONCE, Claimed, Delivery, claim
from parley.messaging.line import Db, Line
from parley.messaging.models import Attempt, Lane, Message, Outbox
from parley.messaging.outcomes import Changes, Outcome
from parley.messaging.patience import Patience
from parley.messaging.sending import queue, send, send_past
from parley.notifications.models import Notification
from tests.carriers.wire import playing, says
from tests.people import House
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


MAYA = "+15035550118"


async def take(line: Line, room: int = 100) -> list[Claimed]:
    return await line.run(lambda db: claim(db, room=room, carriers=["twilio"], lease=60))


def write(house: House, *texts: tuple[str, str]) -> list[Message]:
    """Queue (number, words) in this order."""
    clients: dict[str, Client] = {}
    written = []
    for phone, body in texts:
        if phone not in clients:
            clients[phone] = house.client(phone=phone)
        written.append(send(house.owner, clients[phone], channel="sms", body=body))
    return written


def many(count: int) -> list[tuple[str, str]]:
    return [(f"+1503{5550100 + n}", f"Text {n}") for n in range(count)]


@sync_to_async
def states() -> dict[str, str]:
    return dict(Message.objects.values_list("body", "state"))


async def test_a_claim_is_durable_before_anything_is_sent(juniper: House, line: Line) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)
    assert (text.sender, text.recipient, text.body) == ("+18555550142", "+15035550118", "Hi")
    attempt = await Attempt.objects.aget()
    assert (attempt.id, attempt.state, attempt.try_number) == (text.attempt_id, "sending", 1)
    # Should the worker die now, somebody looks into it when its lease has ended.
    assert attempt.check_at is not None
    assert 60 <= (attempt.check_at - attempt.started_at).total_seconds() < 61
    assert await states() == {"Hi": "sending"}
    assert not await Outbox.objects.aexists()
    assert await take(line) == []


async def test_many_claimers_take_each_text_once(juniper: House, transactional_db: None) -> None:
    await sync_to_async(write)(juniper, *many(60))
    lines = [Line(f"claimer {n}") for n in range(6)]
    bodies: Counter[str] = Counter()
    for _ in range(40):
        for took in await asyncio.gather(*(take(line, 7) for line in lines)):
            bodies.update(text.body for text in took)
        if len(bodies) == 60:
            break
    for line in lines:
        await line.close()
    assert len(bodies) == 60
    assert set(bodies.values()) == {1}
    assert await Attempt.objects.acount() == 60


async def test_one_open_attempt_for_a_pair_and_its_texts_in_order(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(
        juniper, ("+15035550118", "one"), ("+15035550118", "two"), ("+15035550131", "other")
    )
    first = await take(line)
    assert [text.body for text in first] == ["one", "other"]
    assert await take(line) == []
    await outcomes.record(line, [Outcome(first[0].attempt_id, "bound", carrier_id="SM1")], patience)
    assert [text.body for text in await take(line)] == ["two"]


async def test_a_younger_text_does_not_overtake_one_that_waits_to_be_tried_again(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "one"), ("+15035550118", "two"))
    [one] = await take(line)
    later = Outcome(one.attempt_id, "not_sent", words="The carrier can’t be reached.", wait=60)
    await outcomes.record(line, [later], patience)
    assert await states() == {"one": "queued", "two": "queued"}
    assert (await Message.objects.aget(body="one")).reason == "The carrier can’t be reached."
    assert await take(line) == []


async def test_a_member_may_send_past_a_text_in_doubt_if_the_words_differ(
    juniper: House, line: Line, patience: Patience
) -> None:
    maya = "+15035550118"
    _, two, same = await sync_to_async(write)(juniper, (maya, "one"), (maya, "two"), (maya, "one"))
    [one] = await take(line)
    await outcomes.record(line, [Outcome(one.attempt_id, "unknown")], patience)
    assert await take(line) == []
    assert await sync_to_async(send_past)(two)
    assert await sync_to_async(send_past)(same)
    assert [text.body for text in await take(line)] == ["two"]
    assert not await sync_to_async(send_past)(two)
    await outcomes.record(line, [Outcome(one.attempt_id, "bound", carrier_id="SM1")], patience)
    assert [text.body for text in await take(line)] == ["one"]


async def test_a_text_of_the_same_words_is_not_let_past_even_if_its_row_says_so(
    juniper: House, line: Line, patience: Patience
) -> None:
    """The carrier's log could not tell the two apart."""
    await sync_to_async(write)(juniper, (MAYA, "ok"), (MAYA, "ok"), (MAYA, "yes"))
    [first] = await take(line)
    await outcomes.record(line, [Outcome(first.attempt_id, "unknown")], patience)
    await Outbox.objects.aupdate(past=True)
    assert [text.body for text in await take(line)] == ["yes"]


async def test_the_database_itself_refuses_a_second_open_attempt(juniper: House, line: Line) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "one"))
    await take(line)
    with pytest.raises(psycopg.errors.UniqueViolation, match="one_open_attempt_per_pair"):
        await line.run(
            lambda db: db.execute(
                "INSERT INTO messaging_attempt (id, business_id, message_id, number_id, recipient, try_number, state,"
                " started_at, code, checks, apart) SELECT gen_random_uuid(), business_id, message_id, number_id,"
                " recipient, 2, 'sending', now(), '', 0, '' FROM messaging_attempt"
            )
        )


async def test_a_members_text_goes_ahead_of_an_older_automatic_one_to_the_same_client(
    juniper: House, line: Line
) -> None:
    """Both are due, and one claim must not open two attempts for the pair."""
    older, _ = await sync_to_async(write)(juniper, (MAYA, "Reminder"), (MAYA, "On my way"))
    await Outbox.objects.filter(message=older).aupdate(priority=1)
    [first] = await take(line)
    assert first.body == "On my way"
    assert await take(line) == []
    await outcomes.record(line, [Outcome(first.attempt_id, "bound", carrier_id="SM1")], Patience())
    assert [text.body for text in await take(line)] == ["Reminder"]


async def test_a_number_keeps_its_pace(juniper: House, line: Line) -> None:
    juniper.number.pace = 3
    await juniper.number.asave()
    await sync_to_async(write)(juniper, *many(8))
    before = timezone.now()
    first = await take(line)
    after = timezone.now()
    assert [text.body for text in first] == ["Text 0", "Text 1", "Text 2"]
    assert [round(text.wait, 2) for text in first] == [0, 0.33, 0.67]
    lane = await Lane.objects.aget(number=juniper.number)
    second = timedelta(seconds=1)
    assert before + second <= lane.next_at <= after + second
    await Lane.objects.aupdate(next_at=after + 60 * second)
    assert await take(line) == []
    # A little before its turn the next share is taken, and waits for it: as long as it has until then.
    turn = timezone.now() + 0.4 * second
    await Lane.objects.aupdate(next_at=turn)
    before = timezone.now()
    share = await take(line)
    after = timezone.now()
    assert [text.body for text in share] == ["Text 3", "Text 4", "Text 5"]
    least, most = (max((turn - at).total_seconds(), 0) for at in (after, before))
    for n, text in enumerate(share):
        assert least - 0.01 < text.wait - n / 3 < most + 0.01


async def test_long_texts_are_a_smaller_share_of_a_numbers_pace(juniper: House, line: Line) -> None:
    """Or a text that a member writes now would wait until they all have left."""
    juniper.number.pace = 3
    await juniper.number.asave()
    long = [(phone, f"{body} {'a' * 180}") for phone, body in many(4)]
    await sync_to_async(write)(juniper, *long)
    assert len(await take(line)) == 1
    await Lane.objects.aupdate(next_at=timezone.now())
    await Message.objects.aupdate(segments=9)
    assert len(await take(line)) == 1
    await Lane.objects.aupdate(next_at=timezone.now())
    await Message.objects.aupdate(segments=1)
    assert len(await take(line)) == 2


async def test_direct_texts_go_ahead_of_others(juniper: House, line: Line) -> None:
    messages = await sync_to_async(write)(juniper, *many(3))
    await Outbox.objects.filter(message=messages[0]).aupdate(priority=1)
    assert [text.body for text in await take(line)] == ["Text 1", "Text 2", "Text 0"]


async def test_what_is_queued_no_more_is_not_begun(juniper: House, line: Line) -> None:
    """Whatever left its row in the outbox."""
    await sync_to_async(write)(juniper, *many(2))
    await Message.objects.filter(body="Text 0").aupdate(state="canceled")
    assert [text.body for text in await take(line)] == ["Text 1"]
    assert (await states())["Text 0"] == "canceled"
    assert not await Outbox.objects.aexists()


async def test_a_paused_number_and_a_carrier_that_is_not_ours_wait(juniper: House, line: Line) -> None:
    await sync_to_async(write)(juniper, *many(1))
    assert await line.run(lambda db: claim(db, room=9, carriers=["telnyx"], lease=60)) == []
    juniper.number.paused = "The carrier has suspended it."
    await juniper.number.asave()
    assert await take(line) == []


@pytest.mark.parametrize(
    ("outcome", "state", "attempt", "queued"),
    [
        ({"state": "bound", "carrier_id": "SM1"}, "accepted", "bound", 0),
        ({"state": "not_sent", "words": "w", "wait": 1.0}, "queued", "not_sent", 1),
        ({"state": "refused", "words": "No.", "code": "21211"}, "failed", "refused", 0),
        ({"state": "unknown"}, "unknown", "unknown", 0),
    ],
)
async def test_outcomes(
    juniper: House,
    line: Line,
    patience: Patience,
    outcome: dict[str, Any],
    state: str,
    attempt: str,
    queued: int,
) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)
    for _ in range(2):  # a second writing of the same outcome is a no-op
        await outcomes.record(line, [Outcome(text.attempt_id, **outcome)], patience)
        assert await states() == {"Hi": state}
        assert (await Attempt.objects.aget()).state == attempt
        assert await Outbox.objects.acount() == queued


async def test_a_refusal_is_told_and_remembered(juniper: House, line: Line, patience: Patience) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)
    refused = Outcome(
        text.attempt_id, "refused", words="They asked you to stop.", code="21610", opted_out=True
    )
    await outcomes.record(line, [refused], patience)
    assert (await Client.objects.aget()).texting == "stopped"
    told = await Notification.objects.aget()
    assert (told.kind, told.title, told.words) == (
        "failed",
        "A text to Maya didn’t arrive",
        "They asked you to stop.",
    )


async def test_two_attempts_with_one_carrier_id_leave_only_the_second_in_doubt(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, *many(3))
    one, two, three = await take(line)
    batch = [
        Outcome(one.attempt_id, "bound", carrier_id="SM1"),
        Outcome(two.attempt_id, "bound", carrier_id="SM1"),
        Outcome(three.attempt_id, "bound", carrier_id="SM3"),
    ]
    await outcomes.record(line, batch[:1], patience)
    await outcomes.record(line, batch[1:], patience)
    assert await states() == {"Text 0": "accepted", "Text 1": "unknown", "Text 2": "accepted"}


async def test_one_carrier_id_for_two_attempts_at_once_leaves_the_second_in_doubt(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, *many(2))
    both = [Outcome(text.attempt_id, "bound", carrier_id="SM1") for text in await take(line)]
    await outcomes.record(line, both, patience)
    assert await states() == {"Text 0": "accepted", "Text 1": "unknown"}


async def test_an_outcome_that_comes_after_the_lease_binds_but_never_regresses(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)

    async def lease_ended(db: Any) -> None:
        await outcomes.doubt(db, [text.attempt_id], Changes(), patience)

    await line.run(lease_ended)
    assert await states() == {"Hi": "unknown"}
    late = Outcome(text.attempt_id, "not_sent", words="late", wait=0.0)
    await outcomes.record(line, [late], patience)
    assert await states() == {"Hi": "unknown"}
    assert (await Attempt.objects.aget()).state == "unknown"
    await outcomes.record(line, [Outcome(text.attempt_id, "bound", carrier_id="SM1")], patience)
    assert await states() == {"Hi": "accepted"}
    await outcomes.record(line, [Outcome(text.attempt_id, "unknown")], patience)
    assert await states() == {"Hi": "accepted"}


async def test_what_is_said_late_of_an_attempt_that_was_given_up_is_not_said_of_the_next(
    juniper: House, line: Line, patience: Patience
) -> None:
    [message] = await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [first] = await take(line)
    await Attempt.objects.aupdate(state="absent", check_at=None)
    await Message.objects.aupdate(state="queued")
    await sync_to_async(queue)(message, juniper.number)
    [second] = await take(line)
    for late in (
        Outcome(first.attempt_id, "refused", words="No.", code="21211"),
        Outcome(first.attempt_id, "unknown"),
        Outcome(first.attempt_id, "not_sent", words="Busy.", wait=0.0),
    ):
        await outcomes.record(line, [late], patience)
        assert await states() == {"Hi": "sending"}, late.state
        attempts = {one.id: one.state async for one in Attempt.objects.all()}
        assert attempts == {first.attempt_id: "absent", second.attempt_id: "sending"}, late.state
    assert not await Outbox.objects.aexists()


async def test_an_attempt_nobody_knows_changes_nothing(
    juniper: House, line: Line, patience: Patience
) -> None:
    await outcomes.record(line, [Outcome(uuid4(), "bound", carrier_id="SM9")], patience)
    assert not await Message.objects.aexists()


@asynccontextmanager
async def a_worker(url: str) -> AsyncIterator[Delivery]:
    """Whoever hands over what `_claim` gives it; its loop does not run."""
    carrier = Twilio("AC" + "0" * 32, "secret", api_url=url, timeout=5)
    worker = Delivery({"twilio": carrier}, Patience())
    try:
        yield worker
    finally:
        await carrier.close()
        await worker._line.close()


TAKES = says(201, {"sid": "SM" + "0" * 32, "status": "queued"})


LATER = """
    INSERT INTO messaging_outbox (message_id, business_id, number_id, recipient, priority, run_at, tries, past)
    SELECT gen_random_uuid(), number.business_id, number.id, '+1503' || (2000000 + n), n %% 3, %s, 0, false
    FROM generate_series(1, %s) n, numbers_phonenumber number
"""


async def test_a_look_reads_no_more_where_many_texts_wait_for_later(juniper: House, line: Line) -> None:
    """Counted in the server's pages, which are the same on every machine and at every load."""
    await sync_to_async(write)(juniper, *many(2))
    number = await Outbox.objects.values_list("number_id", flat=True).afirst()
    looks: list[tuple[str, dict[str, Any]]] = [
        (LOCK_LANES, {"carriers": ["twilio"], "lanes": 64, "ahead": 0.5} | quarantine.SEEN.parameters),
        (RISE, {"numbers": [number]}),
        (PICK, {"numbers": [number], "budgets": [200], "segments": [None], "arriving": timedelta(0)}),
    ]

    async def pages(db: Db) -> list[int]:
        read = []
        for look, parameters in looks:
            explained = await db.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + look, parameters)
            [[[said]]] = await explained.fetchall()
            read.append(said["Plan"]["Shared Hit Blocks"] + said["Plan"]["Shared Read Blocks"])
        return read

    async def add(db: Db) -> None:
        await db.execute(LATER, [timezone.now() + timedelta(hours=1), 8000])
        await db.execute("ANALYZE messaging_outbox")

    few = await line.run(pages)
    await line.run(add)
    # An index of so many is a page or two deeper; the table alone has more than 100.
    assert max(now - then for now, then in zip(await line.run(pages), few, strict=True)) < 20, few


async def test_what_was_put_off_has_its_place_again_once_it_is_due(juniper: House, line: Line) -> None:
    """A member's text also beside a bulk that came due before it."""
    *bulk, direct = await sync_to_async(write)(juniper, *many(4))
    later = timezone.now() + timedelta(hours=1)
    await Outbox.objects.aupdate(run_at=later)
    await Outbox.objects.exclude(message=direct).aupdate(priority=1)
    assert await take(line) == []
    await line.run(lambda db: db.execute(LATER, [later, 3 * RISEN_AT_ONCE]))
    assert await Outbox.objects.filter(waits=False).acount() == 0
    due = timezone.now() - timedelta(minutes=1)
    await Outbox.objects.aupdate(run_at=due)
    await Outbox.objects.filter(message=direct).aupdate(run_at=due + timedelta(seconds=30))
    await Outbox.objects.exclude(message__in=[direct, *bulk]).aupdate(priority=1)
    [first] = await take(line, room=1)
    assert first.body == direct.body
    assert await Outbox.objects.filter(waits=False).acount() == RISEN_AT_ONCE


async def test_the_carrier_is_told_how_long_it_may_keep_a_text(juniper: House, line: Line) -> None:
    await sync_to_async(write)(juniper, *many(1))
    await Outbox.objects.aupdate(closes_at=timezone.now() + timedelta(minutes=10))
    async with playing(TAKES) as wire, a_worker(wire.url) as worker:
        [text] = await worker._claim(9, ["twilio"])
        await worker._call(text, worker._line.session)
    [request] = wire.requests
    assert 590 < int(dict(request.form)["ValidityPeriod"]) <= 600


async def test_a_worker_that_was_stopped_past_its_lease_begins_nothing(juniper: House, line: Line) -> None:
    await sync_to_async(write)(juniper, *many(1))
    async with playing(TAKES) as wire, a_worker(wire.url) as worker:
        [text] = await worker._claim(9, ["twilio"])
        await worker._call(
            replace(text, claimed_at=text.claimed_at - worker.patience.stale), worker._line.session
        )
        assert worker._outcomes.get_nowait().state == "not_sent"
    assert wire.requests == []


async def test_what_a_worker_wrote_as_it_was_stopped_is_on_its_way_when_it_goes_on(
    juniper: House, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes may have waited in it: until then it holds the lock, and an opt-out waits."""
    monkeypatch.setattr(delivery, "ON_ITS_WAY", 0.2)
    await sync_to_async(write)(juniper, *many(1))
    async with asyncio.timeout(10), a_worker("http://127.0.0.1:9") as worker:
        [text] = await worker._claim(9, ["twilio"])
        worker._held[text.attempt_id] = worker._line.session, text.key
        letting_go = asyncio.create_task(worker._let_go())
        worker._written(text.attempt_id)
        time.sleep(delivery.ON_ITS_WAY)  # noqa: ASYNC251  nothing else runs meanwhile, as if it were stopped
        goes_on = time.monotonic()
        await asyncio.to_thread(until, lambda: not worker._held)
        assert time.monotonic() - goes_on >= delivery.ON_ITS_WAY
        async with worker._using_line:
            letting_go.cancel()
            await asyncio.wait([letting_go])


async def test_a_worker_that_lost_the_session_with_the_locks_begins_nothing(
    juniper: House, line: Line
) -> None:
    """The opt-out that its lock held up may have been committed meanwhile."""
    await sync_to_async(write)(juniper, *many(1))
    async with playing(TAKES) as wire, a_worker(wire.url) as worker:
        [text] = await worker._claim(9, ["twilio"])
        waiting = asyncio.create_task(worker._call(replace(text, wait=1.0), worker._line.session))
        await asyncio.sleep(0)
        await worker._line.close()
        assert await worker._claim(9, ["twilio"]) == []
        await waiting
        assert worker._outcomes.get_nowait().state == "not_sent"
    assert wire.requests == []


async def end(process: int, db: Db) -> None:
    """Have the server end a session, and wait until it has."""
    await db.execute("SELECT pg_terminate_backend(%s, 5000)", [process])


async def test_a_session_that_the_server_ends_is_noticed_at_once(juniper: House, line: Line) -> None:
    """Nothing is asked of the database between that and the call; also while a statement waits for its answer."""
    await sync_to_async(write)(juniper, *many(3))
    async with playing(TAKES) as wire, a_worker(wire.url) as worker:
        for at_work in (False, True):
            texts = await worker._claim(1, ["twilio"])
            session = worker._line.session
            assert not worker._line.ended(idle=True)
            db = worker._line._db
            assert db is not None
            ended = db.info.backend_pid
            async with worker._using_line if at_work else nullcontext():
                # What is said there now is no farewell; that the socket ends is one all the same.
                await line.run(partial(end, ended))
                for text in texts:
                    await worker._call(text, session)
                    assert worker._outcomes.get_nowait().state == "not_sent"
            assert (await worker._claim(0, ["twilio"]), worker._line.session > session) == ([], True)
    assert wire.requests == []
