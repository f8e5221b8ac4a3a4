"""A database that went back in time sends nothing before the carrier's log was read (rule R9)."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from parley.carriers.base import Again, Listed, ReceiptArrived
from parley.clients.models import Client
from parley.config import jobs
from parley.messaging import outcomes, quarantine
from parley.messaging.delivery import Claimed, claim
from parley.messaging.line import Line
from parley.messaging.models import (
    Attempt,
    CarrierEvent,
    Conversation,
    Message,
    Outbox,
    Standing,
    Watermark,
)
from parley.messaging.outcomes import Changes, Fact
from parley.messaging.patience import Patience
from parley.messaging.quarantine import Seen
from parley.messaging.sending import send, send_automatic
from parley.numbers.models import PhoneNumber
from parley.pulse.beats import newest
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)

MAYA, SAM, NEW = "+15035550118", "+15035550119", "+15035550120"
PATIENCE = Patience(1.0)


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What this process has seen, and of no other test."""
    fresh = Seen()
    monkeypatch.setattr(quarantine, "SEEN", fresh)
    return fresh


async def take(line: Line) -> list[Claimed]:
    return await line.run(lambda db: claim(db, room=100, carriers=["twilio"], lease=60))


async def enter(line: Line, hours_ago: float = 1) -> None:
    since = timezone.now() - timedelta(hours=hours_ago)
    await line.run(lambda db: quarantine.enter(db, since=since))


async def look_and_keep(line: Line, seen: Seen, file: Path) -> None:
    now = await line.run(lambda db: quarantine.look(db, seen))
    seen.keep(file, now.house, now.tick)


class Log:
    """The carrier's log of one number, newest last."""

    def __init__(self, sender: str) -> None:
        self.sender = sender
        self.rows: list[Listed] = []

    def has(self, to: str, body: str, status: Any = "delivered", again: Again | None = None) -> str:
        sid = f"SM{uuid4().hex}"
        receipt = ReceiptArrived(sid, status, "30003" if again else None, "The phone was off.", again)
        at = timezone.now() + timedelta(seconds=len(self.rows))
        self.rows.append(Listed(sid, self.sender, to, body, status, "outbound", at, receipt=receipt))
        return sid


async def test_each_row_of_the_log_finds_its_text(line: Line, juniper: House, alder: House) -> None:
    log = Log(juniper.number.number)

    @sync_to_async
    def before() -> dict[str, Message]:
        maya, sam = juniper.client(phone=MAYA), juniper.client("Sam", phone=SAM)

        def queue(client: Client, body: str) -> Message:
            return send(juniper.owner, client, channel="sms", body=body)

        texts = {
            "first": queue(maya, "On my way"),
            "second": queue(maya, "On my way"),
            "third": queue(maya, "On my way"),
            "other words": queue(maya, "Not sent yet"),
            "other client": queue(sam, "On my way"),
            "tried twice": queue(sam, "Off and on"),
            "open": queue(sam, "Handing over"),
        }
        open = texts["open"]
        Outbox.objects.filter(message=open).delete()
        Message.objects.filter(pk=open.pk).update(state="sending")
        Attempt.objects.create(
            id=uuid4(),
            business_id=juniper.business.id,
            message=open,
            number=juniper.number,
            recipient=SAM,
            state="sending",
            started_at=timezone.now(),
        )
        known = juniper.text(maya, "On my way", inbound=False, state="sent", carrier_id="SM" + "5" * 32)
        Attempt.objects.create(
            id=uuid4(),
            business_id=juniper.business.id,
            message=known,
            number=juniper.number,
            recipient=MAYA,
            state="bound",
            carrier_id=known.carrier_id,
            started_at=known.at,
        )
        texts["known"] = known
        return texts

    texts = await before()
    again = Again(most=3, wait=1800)
    sids = {
        "first": log.has(MAYA, "On my way", "sent"),
        "second": log.has(MAYA, "On my way"),
        "off": log.has(SAM, "Off and on", "undelivered", again),
        "tried twice": log.has(SAM, "Off and on"),
        "open": log.has(SAM, "Handing over"),
        "stranger": log.has(NEW, "See you at noon"),
        "in vain": log.has(NEW, "Are you there?", "undelivered", again),
    }
    known = texts["known"].carrier_id
    # Long before any such text was written here: it is another one.
    earlier = timezone.now() - timedelta(hours=1)
    log.rows.insert(0, Listed("SM" + "6" * 32, log.sender, MAYA, "Not sent yet", "sent", "outbound", earlier))
    log.rows.append(
        Listed(
            known,
            log.sender,
            MAYA,
            "On my way",
            "delivered",
            "outbound",
            timezone.now(),
            receipt=ReceiptArrived(known, "delivered"),
        )
    )

    @sync_to_async
    def after() -> dict[str, Any]:
        states = {}
        for name, message in texts.items():
            message.refresh_from_db()
            taken = message.attempts.exclude(carrier_id=None).order_by("try_number").last()
            states[name] = (message.state, taken.carrier_id if taken else "")
        assert states == {
            "first": ("sent", sids["first"]),
            "second": ("delivered", sids["second"]),
            "third": ("queued", ""),
            "other words": ("queued", ""),
            "other client": ("queued", ""),
            "tried twice": ("delivered", sids["tried twice"]),
            "open": ("delivered", sids["open"]),
            "known": ("delivered", known),
        }
        waiting = {texts[name].pk for name in ("third", "other words", "other client")}
        assert set(Outbox.objects.values_list("message_id", flat=True)) == waiting
        assert Attempt.objects.filter(message=texts["tried twice"]).count() == 2
        records = list(juniper.business.messages.filter(why={"records": True}).order_by("at"))
        assert [(m.body, m.state, m.carrier_id, m.author) for m in records] == [
            ("Not sent yet", "accepted", "SM" + "6" * 32, None),
            ("See you at noon", "delivered", sids["stranger"], None),
            ("Are you there?", "undelivered", sids["in vain"], None),
        ]
        conversation = Conversation.objects.get(client__phone=NEW)
        assert (conversation.last_message, conversation.waiting) == (records[-1], False)
        assert not alder.business.messages.exists()
        return {
            "messages": list(Message.objects.order_by("id").values_list("id", "state", "carrier_id")),
            "attempts": list(Attempt.objects.order_by("id").values_list("id", "state", "carrier_id")),
        }

    number = await sync_to_async(lambda: _number(juniper.number))()
    assert await quarantine.settle(line, number, log.rows, PATIENCE) == 0
    once = await after()
    assert await quarantine.settle(line, number, log.rows, PATIENCE) == 0
    assert await after() == once, "settling twice changed something"

    # What was said by others is not said again, whatever becomes of it.
    late = Fact("SM" + "6" * 32, "undelivered", code="30003", again=again)
    await line.run(lambda db: outcomes.climb(db, [late], Changes(), PATIENCE))
    assert (await Message.objects.aget(carrier_id=late.carrier_id)).state == "undelivered"
    assert await Outbox.objects.acount() == 3


def _number(number: PhoneNumber) -> Any:
    class Row:
        number_id, business_id = number.id, number.business_id

    return Row


async def test_a_shared_numbers_text_is_whose_route_it_is(line: Line, juniper: House) -> None:
    @sync_to_async
    def before() -> PhoneNumber:
        from parley.messaging.models import Route

        shared = PhoneNumber.objects.create(number="+18885550101", duty="system", approved_at=timezone.now())
        for phone, holds in ((MAYA, "conversation"), (SAM, "shared")):
            Route.objects.create(
                number=shared, phone=phone, business=juniper.business, holds=holds, used_at=timezone.now()
            )
        return shared

    shared = await before()
    log = Log(shared.number)
    for phone in (MAYA, SAM, NEW):
        log.has(phone, "Hello")
    assert await quarantine.settle(line, _number(shared), log.rows, PATIENCE) == 2
    assert [m.their_address async for m in Message.objects.all()] == [MAYA]


async def test_it_is_released_when_all_is_settled_and_not_before(line: Line, juniper: House) -> None:
    release = lambda db: quarantine.release(db, PATIENCE)  # noqa: E731
    await sync_to_async(lambda: send(juniper.owner, juniper.client(), channel="sms", body="Hello"))()
    assert not await line.run(release), "it is in no quarantine"
    await enter(line)
    assert await take(line) == []
    entered = timezone.now() - timedelta(seconds=200)

    @sync_to_async
    def given(
        *,
        at: datetime = entered,
        settled: float | None = 190.0,
        listed: float | None = 190.0,
        unread: bool = False,
    ) -> None:
        Standing.objects.update(quarantined_at=at)
        Watermark.objects.all().delete()
        CarrierEvent.objects.all().delete()
        if listed is not None:
            Watermark.objects.create(
                number=juniper.number,
                listed_to=at + timedelta(seconds=listed),
                settled_to=None if settled is None else at + timedelta(seconds=settled),
                next_at=at,
            )
        if unread:
            CarrierEvent.objects.create(
                carrier="twilio", kind="text", key="SM1", shard=1, form="x", received_at=at, late=True
            )

    for why, case in {
        "texts may be under way still": {"at": timezone.now() - timedelta(seconds=170)},
        "one listing proves nothing": {"settled": 170.0},
        "what came is not known": {"listed": 170.0},
        "what left is not known": {"settled": None},
        "a number was never listed": {"listed": None},
        "an opt-out may be unread": {"unread": True},
    }.items():
        await given(**case)  # type: ignore[arg-type]
        assert not await line.run(release), why
        assert await take(line) == [], why
    await given()
    assert await line.run(release)
    assert not await line.run(release)
    assert [text.body for text in await take(line)] == ["Hello"]


async def test_a_database_that_is_behind_what_was_seen_goes_into_quarantine(
    line: Line, juniper: House, seen: Seen, tmp_path: Path
) -> None:
    @sync_to_async
    def standing(**change: Any) -> Standing:
        if change:
            Standing.objects.update(**change)
        return Standing.objects.get()

    await sync_to_async(lambda: send(juniper.owner, juniper.client(), channel="sms", body="Hello"))()
    file = tmp_path / "new" / "tick"
    for _ in range(3):
        await look_and_keep(line, seen, file)
    house = (await standing()).house
    assert json.loads(file.read_text()) == {"house": str(house), "tick": 3}
    assert (await standing()).quarantined_at is None

    # Under a running worker: its next claim already takes nothing.
    then = timezone.now() - timedelta(hours=5)
    await standing(tick=2, ticked_at=then)
    assert await take(line) == []
    assert await line.run(quarantine.held)
    # Another machine, whose own memory is in its file alone.
    other = Seen()
    other.recall(file)
    await look_and_keep(line, other, file)
    seen.recall(file)
    now = await standing()
    assert now.quarantined_at is not None
    assert now.since == then
    await sync_to_async(quarantine.release_by_hand)()
    # A third, that saw more than the second: the same step back is not found again.
    third = Seen(str(house), 1000)
    await line.run(lambda db: quarantine.look(db, third))
    assert (await standing()).quarantined_at is None
    assert len(await take(line)) == 1


async def test_another_database_and_a_fresh_machine_are_not_quarantined(line: Line, tmp_path: Path) -> None:
    file = tmp_path / "tick"
    for said in (
        None,
        "",
        "{}",
        "[]",
        '{"house": "x", "tick": 9}',
        json.dumps({"house": str(uuid4()), "tick": 999}),
    ):
        if said is not None:
            file.write_text(said)
        seen = Seen()
        seen.recall(file)
        await look_and_keep(line, seen, file)
        assert await Standing.objects.filter(quarantined_at=None).acount() == 1, said
    assert json.loads(file.read_text())["tick"] == 6


async def test_no_job_begins_in_quarantine(
    line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any
) -> None:
    settings.TICK_FILE = tmp_path / "tick"
    monkeypatch.setattr(jobs, "LOOK", 0.02)
    await enter(line)
    await asyncio.wait_for(jobs._until_quarantined(True), 10)
    # Beside a worker it leaves no beat for it.
    assert await line.run(lambda db: newest(db, "jobs")) is None
    waiting = asyncio.create_task(jobs._until_quarantined(False))
    done, _ = await asyncio.wait({waiting}, timeout=0.3)
    assert not done
    async with asyncio.timeout(10):
        while await line.run(lambda db: newest(db, "jobs")) is None:  # noqa: ASYNC110  it is a database
            await asyncio.sleep(0.02)
    await sync_to_async(quarantine.release_by_hand)()
    await asyncio.wait_for(waiting, 10)


async def test_what_members_write_waits_and_says_why(line: Line, juniper: House) -> None:
    @sync_to_async
    def wrote() -> None:
        client = juniper.client(email="maya@example.com")
        mail = send(juniper.owner, client, channel="email", subject="Hi", body="By email")
        text = send(juniper.owner, client, channel="sms", body="By text")
        Standing.objects.all().delete()
        assert (mail.state, text.state) == ("queued", "queued")

    @sync_to_async
    def page() -> str:
        nora = Browser()
        nora.force_login(juniper.owner.user)
        conversation = Conversation.objects.get()
        return nora.get(f"/inbox/{conversation.id}").content.decode()

    await wrote()
    assert quarantine.WHY not in await page()
    await enter(line)
    shown = await page()
    assert f"Waiting to send. {quarantine.WHY}" in shown
    # Nobody's log knows whether an email left.
    assert await Message.objects.filter(channel="email", state="unconfirmed").acount() == 1
    report = await sync_to_async(quarantine.report)(PATIENCE)
    assert report is not None
    assert (report.texts, report.unknown, report.numbers, report.unread) == (1, 0, 1, 0)
    assert await sync_to_async(quarantine.release_by_hand)()
    assert not await sync_to_async(quarantine.release_by_hand)()
    assert await sync_to_async(quarantine.report)(PATIENCE) is None
    assert len(await take(line)) == 1


async def test_an_automatic_text_that_left_before_is_not_sent_again(line: Line, juniper: House) -> None:
    log = Log(juniper.number.number)
    log.has(MAYA, "Nobody reads this.")
    await quarantine.settle(line, await sync_to_async(lambda: _number(juniper.number))(), log.rows, PATIENCE)

    @sync_to_async
    def run_the_job_again() -> None:
        client, key = Client.objects.get(phone=MAYA), uuid4()

        def automatic(key: Any) -> Message:
            return send_automatic(
                juniper.business,
                client,
                kind=Message.Kind.TRANSACTIONAL,
                title="Do not reply",
                body="Nobody reads this.",
                key=key,
                answering=juniper.number,
            )

        record = Message.objects.get()
        assert automatic(key) == record == automatic(key)
        record.refresh_from_db()
        assert (record.kind, record.title, record.state) == ("transactional", "Do not reply", "delivered")
        # One text is one event's: the next is another.
        assert automatic(uuid4()) != record
        assert Outbox.objects.count() == 1

    await run_the_job_again()


def test_the_file_is_beside_the_data() -> None:
    assert settings.TICK_FILE.name == "tick"
