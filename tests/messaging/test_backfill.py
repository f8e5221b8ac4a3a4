"""Texts that no webhook brought are found in the carrier's log: once, in their place, and opt-outs act at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from parley.carriers.base import Listed
from parley.carriers.twilio import Twilio
from parley.clients.models import Handset
from parley.messaging import backfill
from parley.messaging.backfill import Gaps
from parley.messaging.delivery import claim, let_go
from parley.messaging.line import Line
from parley.messaging.models import (
    Attachment,
    Backfill,
    CarrierEvent,
    Conversation,
    Message,
    Outbox,
    Watermark,
)
from parley.messaging.patience import Patience
from parley.messaging.receiving import read_events
from parley.messaging.sending import send
from parley.numbers.models import PhoneNumber
from parley.pulse.models import Beat
from tests.messaging.signed import post, text_form
from tests.people import House
from tests.waiting import SOMEBODY_WAITS, until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

MAYA, SAM = "+15035550118", "+15035550119"


@pytest.fixture
def sandbox(web: World) -> World:
    """The pretend carrier; it tells nobody what comes to Juniper's number."""
    web.afresh("sandbox")
    web.add_number("+18555550142", sms_url="")
    return web


@pytest.fixture
async def twilio(sandbox: World) -> AsyncIterator[Twilio]:
    carrier = Twilio(
        sandbox.account_sid,
        sandbox.auth_token,
        api_url=sandbox.sandbox_url,
        messaging_url=sandbox.sandbox_url,
    )
    yield carrier
    await carrier.close()


async def read_logs(line: Line, carrier: Twilio, cause: str = "") -> int:
    """One round of the loop, and all that it found is read. Returns how many numbers it asked for."""
    loop = backfill.Backfill({"twilio": carrier}, Patience(1.0))
    due = await line.run(lambda db: loop.due(db, cause))
    await loop.read(line, due)
    async for event in CarrierEvent.objects.filter(done_at=None, form__contains="Body=STOP"):
        # Before anybody has read it: the opt-out is obeyed with the row that keeps it.
        assert await Handset.objects.filter(phone=SAM, service="refused").aexists(), event.key
    while await line.run(lambda db: read_events(db, {"twilio": carrier}, Patience(1.0), 500)):
        pass
    return len(due)


@sync_to_async
def counted() -> dict[str, tuple[int, int, int]]:
    return {b.cause: (b.asked, b.failed, b.found) for b in Backfill.objects.all()}


async def test_what_no_webhook_brought_is_found_once(
    line: Line, twilio: Twilio, sandbox: World, juniper: House, alder: House
) -> None:
    @sync_to_async
    def before() -> None:
        client = juniper.client("Sam", "Ortiz", SAM)
        send(juniper.owner, client, channel="sms", body="Your color is in")
        sandbox.texts_from(MAYA, juniper.number.number, "Is Friday free?", media=["sample"])
        sandbox.texts_from(SAM, juniper.number.number, "STOP")

    @sync_to_async
    def after() -> None:
        assert not alder.business.messages.exists()
        found = juniper.business.messages.get(their_address=MAYA)
        assert (found.body, found.why, found.state) == ("Is Friday free?", {"late": True}, "received")
        assert abs(found.at - timezone.now()) < timedelta(seconds=30)
        assert Attachment.objects.get(message=found).state == "waiting"
        # What waited for Sam is not sent.
        assert Handset.objects.get(business=juniper.business, phone=SAM).service == "refused"
        assert not Outbox.objects.exists()
        assert juniper.business.messages.get(body="Your color is in").state == "canceled"
        nora = Browser()
        nora.force_login(juniper.owner.user)
        assert "arrived late" in nora.get(f"/inbox/{found.conversation_id}").content.decode()

    @sync_to_async
    def and_then_its_webhook() -> None:
        row = next(row for row in sandbox.truth(direction="inbound") if row["from"] == MAYA)
        form = text_form(sandbox, MAYA, juniper.number.number, "Is Friday free?", MessageSid=row["sid"])
        assert post(sandbox, "/hooks/twilio/text", form) == 200

    await before()
    assert await read_logs(line, twilio) == 2
    await after()
    await and_then_its_webhook()
    assert await read_logs(line, twilio, "gap") == 0, "read a moment ago"
    await sync_to_async(Watermark.objects.update)(next_at=timezone.now(), cause="clock")
    assert await read_logs(line, twilio) == 2
    assert await Message.objects.filter(direction="in").acount() == 2
    assert await CarrierEvent.objects.acount() == 2
    assert await counted() == {"boot": (2, 0, 2), "clock": (2, 0, 0)}


async def test_an_opt_out_in_a_log_waits_for_a_text_that_is_being_handed_over(
    line: Line, twilio: Twilio, sandbox: World, juniper: House
) -> None:
    """From when it is obeyed on, no request for that client begins (R6), as from a webhook's 200 on."""

    @sync_to_async
    def before() -> None:
        client = juniper.client("Sam", "Ortiz", SAM)
        send(juniper.owner, client, channel="sms", body="Your color is in")
        sandbox.texts_from(SAM, juniper.number.number, "STOP")

    @sync_to_async
    def somebody_waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(SOMEBODY_WAITS)
            return bool(cursor.fetchone()[0])

    await before()
    worker = Line("worker")
    keys: list[int] = []
    await worker.run(lambda db: claim(db, room=9, carriers=["twilio"], lease=60, held=keys))
    assert len(keys) == 1
    reading = asyncio.create_task(read_logs(line, twilio))
    while not await somebody_waits():
        assert not reading.done(), "it did not wait"
    assert not await Handset.objects.filter(service="refused").aexists()
    await worker.run(lambda db: let_go(db, keys))
    await reading
    assert await Handset.objects.filter(phone=SAM, service="refused").aexists()
    await worker.close()


async def test_a_log_that_cannot_be_read_proves_nothing(
    line: Line, twilio: Twilio, sandbox: World, juniper: House
) -> None:
    @sync_to_async
    def mark() -> Watermark:
        return Watermark.objects.get()

    await sync_to_async(sandbox.weather)(list_fails=1.0)
    await sync_to_async(sandbox.texts_from)(MAYA, juniper.number.number, "Hello?")
    assert await read_logs(line, twilio) == 1
    unread = await mark()
    assert unread.listed_to <= juniper.number.created_at, "it was moved on by a list that failed"
    assert 10 < (unread.next_at - timezone.now()).total_seconds() < 40, "asked again soon, not at once"
    assert await counted() == {"boot": (1, 1, 0)}
    await sync_to_async(sandbox.weather)(list_fails=0.0)
    await sync_to_async(Watermark.objects.update)(next_at=timezone.now())
    assert await read_logs(line, twilio) == 1
    read = await mark()
    assert abs(read.listed_to - timezone.now()) < timedelta(seconds=30)
    assert 700 < (read.next_at - timezone.now()).total_seconds() < 1000
    assert await Message.objects.acount() == 1
    assert await counted() == {"boot": (2, 1, 1)}


async def test_one_worker_at_a_time_reads_a_log(line: Line, twilio: Twilio, juniper: House) -> None:
    @sync_to_async
    def more_numbers() -> None:
        PhoneNumber.objects.create(number="+18885550101", duty="system", approved_at=timezone.now())
        gone = {"released_at": timezone.now()}
        PhoneNumber.objects.create(number="+18885550102", business=juniper.business, **gone)
        PhoneNumber.objects.create(number="+18885550103", duty="system", carrier="elsewhere")

    await more_numbers()
    loop = backfill.Backfill({"twilio": twilio}, Patience(1.0))
    due = await line.run(lambda db: loop.due(db, "boot"))
    assert {row.number for row in due} == {juniper.number.number, "+18885550101"}, "shared ones too"
    assert (
        await line.run(lambda db: backfill.Backfill({"twilio": twilio}, Patience(1.0)).due(db, "boot")) == []
    )


async def test_the_end_of_a_gap_is_noticed_once(line: Line) -> None:
    gaps = Gaps()

    async def ended(seconds_ago: float | None) -> bool:
        @sync_to_async
        def beat() -> None:
            Beat.objects.all().delete()
            if seconds_ago is not None:
                Beat.objects.create(
                    process="p", loop="web", beat_at=timezone.now() - timedelta(seconds=seconds_ago)
                )

        await beat()
        return await line.run(gaps.ended)

    ages = (None, 1, 14, 16, 200, 1, 1, 30, 2)
    assert [await ended(age) for age in ages] == [False] * 5 + [True, False, False, True]


def test_the_carriers_clock_is_believed_within_ten_minutes() -> None:
    asked = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
    number: Any = SimpleNamespace(listed_to=asked - timedelta(minutes=15), since=None, asked_at=asked)
    for minutes, shown in (
        (-5, -5),
        (-25, -25),
        (-34, -34),
        # Longer ago than we asked for, or to come: that clock is wrong.
        (-36, 0),
        (9, 0),
        (11, 0),
    ):
        created = asked + timedelta(minutes=minutes)
        row = Listed("SM1", MAYA, "+18555550142", "", "received", "inbound", created)
        assert backfill._plausible(row, number) == asked + timedelta(minutes=shown), minutes


async def test_one_found_late_stands_where_it_belongs(
    line: Line, twilio: Twilio, sandbox: World, juniper: House
) -> None:
    """What was said after it stays the last word in the list."""

    @sync_to_async
    def said() -> Message:
        sandbox.texts_from(MAYA, juniper.number.number, "Are you open?")
        client = juniper.client()
        return juniper.text(client, "See you", inbound=False, minutes_ago=-1)

    last = await said()
    await read_logs(line, twilio)

    @sync_to_async
    def look() -> None:
        conversation = Conversation.objects.get(pk=last.conversation_id)
        assert conversation.last_message_id == last.id
        assert (conversation.last_at, conversation.unread, conversation.waiting) == (last.at, 1, True)

    await look()


def test_parley_texts_finds_what_came_while_web_was_away(web: World, juniper: House) -> None:
    """And the webhook that comes after all changes nothing."""
    web.stop("web")
    web.afresh("sandbox")
    web.add_number(juniper.number.number)
    web.texts_from(MAYA, juniper.number.number, "Anybody there?")
    web.start("texts")
    until(lambda: Message.objects.filter(body="Anybody there?", why__late=True).exists(), what="the text")
    web.start("web")
    (row,) = web.truth(direction="inbound")
    form = text_form(web, MAYA, juniper.number.number, "Anybody there?", MessageSid=row["sid"])
    assert post(web, "/hooks/twilio/text", form) == 200
    assert Message.objects.count() == CarrierEvent.objects.count() == 1
