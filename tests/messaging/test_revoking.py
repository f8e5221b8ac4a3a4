"""STOP and its kin, on every road: obeyed before the 200, asked again in the claim, confirmed once at the most."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import Business
from parley.carriers.base import Received
from parley.clients import consent
from parley.clients.consent import Category, How, Says
from parley.clients.models import Client, Consent, Handset
from parley.live.dsn import conninfo
from parley.messaging import outcomes, revoking, sending, tasks
from parley.messaging.delivery import Claimed, claim, let_go
from parley.messaging.line import Line
from parley.messaging.models import Attempt, Message, Outbox
from parley.messaging.outcomes import Changes, Outcome
from parley.messaging.patience import Patience
from parley.quota.models import Balance, Entry
from tests.messaging.signed import TWILIO, post, text_form
from tests.messaging.test_routing import likes_marketing, shared
from tests.people import House
from tests.waiting import SOMEBODY_WAITS, until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "/hooks/twilio/text"
MAYA, OWN, SYSTEM, CAMPAIGN = "+15035550118", "+18555550142", "+18885550101", "+18445550110"

Say = Callable[..., Awaitable[Changes]]


@pytest.fixture
def say(line: Line) -> Say:
    """A handset texts something; what it wants is done, as the webhook does it."""

    async def say(body: str, to: str = OWN, sender: str = MAYA, at: datetime | None = None) -> Changes:
        text = Received(carrier_id=f"SM{uuid4().hex}", sender=sender, recipient=to, body=body)
        said = revoking.said_by(TWILIO, text, at or datetime.now(UTC))
        changes = Changes()
        if said:
            await line.run(lambda db: revoking.obey(db, [said], changes, wait=1.0))
        return changes

    return say


async def take(line: Line) -> list[Claimed]:
    """As the loop claims, and lets go of what it took."""
    held: list[int] = []

    async def work(db: Any) -> list[Claimed]:
        # Where the lock does not keep the two apart, one waits for the other's rows.
        await db.execute("SET LOCAL lock_timeout = '3s'")
        return await claim(db, room=100, carriers=["twilio"], lease=60, held=held)

    async with asyncio.timeout(15):
        claimed = await line.run(work)
    await line.run(lambda db: let_go(db, held))
    return claimed


def where_it_is(hour: int) -> str:
    """A zone in whose clock it is about this hour now."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    # Etc/GMT's signs are the wrong way round, by POSIX.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def text(house: House, client: Client, body: str = "Hello") -> Message:
    return sending.send(house.owner, client, channel="sms", body=body)


def automatic(house: House, client: Client, kind: Message.Kind = Message.Kind.TRANSACTIONAL) -> Message:
    return sending.send_automatic(
        house.business, client, kind=kind, title="Reminder", body="See you at 2", key=uuid4()
    )


def held(house: House, phone: str = MAYA) -> tuple[str, str]:
    known = consent.handset(house.business, phone)
    return (known.service, known.marketing) if known else ("", "")


def state(message: Message) -> str:
    return Message.objects.values_list("state", flat=True).get(pk=message.pk)


def jobs(task: Any) -> list[dict[str, Any]]:
    waiting = ProcrastinateJob.objects.filter(task_name=task.name, status="todo")
    return [job.args for job in waiting]


# ---- The ledger, and what follows from it


async def test_a_stop_is_a_line_of_the_ledger_and_empties_the_queue(
    say: Say, line: Line, juniper: House
) -> None:
    maya = await sync_to_async(juniper.client)()
    waiting = await sync_to_async(text)(juniper, maya)
    before = await Balance.objects.aget()
    changes = await say(" Stop. ")
    told = await Consent.objects.aget()
    assert (told.category, told.says, told.how, told.words, told.our_number) == (
        "all",
        "refused",
        "text",
        " Stop. ",
        OWN,
    )
    assert await sync_to_async(held)(juniper) == ("refused", "refused")
    # The card shows it, by the database itself; so does a card that is made anew.
    assert (await Client.objects.aget()).texting == "stopped"
    await Message.objects.filter(pk=waiting.pk).aget(state="canceled", reason=revoking.OPTED_OUT)
    assert not await Outbox.objects.aexists()
    assert (await Balance.objects.aget()).left == before.left + 1
    assert waiting.conversation_id in changes.conversations[juniper.business.pk]
    # The same event again changes nothing.
    await say("START")
    assert await sync_to_async(held)(juniper) == ("", "refused")
    assert (await Client.objects.aget()).texting == "ok"
    assert await take(line) == []


def test_the_ledger_is_never_changed(juniper: House) -> None:
    revoking.record(juniper.business, MAYA, category=Category.ALL, says=Says.REFUSED, how=How.IN_PERSON)
    for change in (Consent.objects.all().delete, lambda: Consent.objects.update(says="agreed")):
        with pytest.raises(psycopg.Error) as refused, transaction.atomic():  # type: ignore[var-annotated]
            try:
                change()
            except Exception as error:
                raise error.__cause__ or error from None
        assert "never changed" in str(refused.value)


async def test_start_gives_back_what_there_was(say: Say, juniper: House) -> None:
    await sync_to_async(likes_marketing)(juniper, MAYA)
    await say("STOP")
    assert await sync_to_async(held)(juniper) == ("refused", "refused")
    await say("Unstop")
    assert await sync_to_async(held)(juniper) == ("", "agreed")
    # "Stop the offers" is about the offers.
    await say("please stop sending me promotions")
    assert await sync_to_async(held)(juniper) == ("", "refused")


async def test_yes_is_an_answer_unless_the_network_takes_it_for_more(say: Say, juniper: House) -> None:
    await say("STOP")
    await say("Yes")
    assert await sync_to_async(held)(juniper) == ("refused", "refused")  # toll-free networks ignore it
    await juniper.business.numbers.aupdate(number="+15035550199")
    await say("Yes", to="+15035550199")
    assert await sync_to_async(held)(juniper) == ("", "refused")
    lines = await Consent.objects.acount()
    await say("Yes", to="+15035550199")
    assert await Consent.objects.acount() == lines


async def test_a_start_found_late_does_not_undo_a_later_stop(say: Say, juniper: House) -> None:
    await say("STOP")
    await say("START", at=datetime.now(UTC) - timedelta(minutes=5))
    assert await sync_to_async(held)(juniper) == ("refused", "refused")


async def test_a_stop_to_a_shared_number_means_whoever_it_can_mean(
    say: Say, juniper: House, alder: House
) -> None:
    await sync_to_async(shared)(SYSTEM)
    stranger = await Business.objects.acreate(name="Stranger", email="s@stranger.example")
    for house in (juniper, alder):
        await sync_to_async(house.client)(phone=MAYA)
    await say("stop texting me please", to=SYSTEM)
    assert await sync_to_async(held)(juniper) == await sync_to_async(held)(alder) == ("refused", "refused")
    assert not await stranger.consents.aexists()
    # It was said to that number, so it is taken back by a START to that number, and by no other of the shared.
    await sync_to_async(shared)("+18885550102")
    await say("START", to="+18885550102")
    assert await sync_to_async(held)(alder) == ("refused", "refused")
    await say("START", to=SYSTEM)
    assert await sync_to_async(held)(alder) == ("", "refused")
    # To a business's own number it means that business.
    await say("STOP")
    assert (await sync_to_async(held)(juniper))[0] == "refused"
    assert (await sync_to_async(held)(alder))[0] == ""


def test_only_the_client_undoes_their_stop(juniper: House) -> None:
    def agree() -> None:
        revoking.record(
            juniper.business,
            MAYA,
            category=Category.ALL,
            says=Says.AGREED,
            how=How.IN_PERSON,
            member=juniper.owner,
        )

    revoking.record(
        juniper.business,
        MAYA,
        category=Category.ALL,
        says=Says.REFUSED,
        how=How.BY_PHONE,
        member=juniper.staff,
    )
    agree()
    assert held(juniper) == ("", "agreed")
    for how in (How.TEXT, How.CARRIER, How.UNANSWERED):
        revoking.record(juniper.business, MAYA, category=Category.ALL, says=Says.REFUSED, how=how)
        with pytest.raises(consent.OnlyTheClient):
            agree()
        assert held(juniper) == ("refused", "refused")
        revoking.record(juniper.business, MAYA, category=Category.ALL, says=Says.AGREED, how=How.TEXT)


# ---- The gate in the claim, and its lock


async def test_the_claim_asks_again(line: Line, juniper: House, alder: House) -> None:
    """Whatever put a text into the queue: it does not leave to somebody who has opted out."""
    maya = await sync_to_async(juniper.client)()
    other = await sync_to_async(alder.client)(phone=MAYA)
    written = [await sync_to_async(text)(juniper, maya), await sync_to_async(automatic)(juniper, maya)]
    theirs = await sync_to_async(text)(alder, other)
    left = (await Balance.objects.aget(business=juniper.business)).left
    # The ledger alone, without what `revoking` does to the queue.
    await sync_to_async(consent.record)(
        juniper.business, MAYA, category=Category.ALL, says=Says.REFUSED, how=How.TEXT
    )
    assert [one.sender for one in await take(line)] == [alder.number.number]
    await take(line)
    assert [await sync_to_async(state)(one) for one in (*written, theirs)] == [
        "canceled",
        "canceled",
        "sending",
    ]
    assert (await Balance.objects.aget(business=juniper.business)).left == left + 2
    assert not await Outbox.objects.aexists()


async def test_the_claim_asks_whether_marketing_is_still_agreed(line: Line, juniper: House) -> None:
    await sync_to_async(shared)(CAMPAIGN, "marketing")
    maya = await sync_to_async(juniper.client)(time_zone=where_it_is(12))
    await sync_to_async(likes_marketing)(juniper, MAYA)
    offer = await sync_to_async(automatic)(juniper, maya, Message.Kind.MARKETING)
    await sync_to_async(consent.record)(
        juniper.business, MAYA, category=Category.MARKETING, says=Says.REFUSED, how=How.BY_PHONE
    )
    assert await take(line) == []
    await Message.objects.aget(pk=offer.pk, state="canceled", reason=revoking.NO_MARKETING)


async def test_a_text_is_passed_over_while_its_client_is_opting_out(line: Line, juniper: House) -> None:
    """Between the claim's look and an opt-out's commit there is no gap: the opt-out holds the lock."""
    maya = await sync_to_async(juniper.client)()
    daniel = await sync_to_async(juniper.client)("Daniel", phone="+15035550131")
    hers, his = await sync_to_async(text)(juniper, maya), await sync_to_async(text)(juniper, daniel)
    opting_out = Line("opting out")
    said = revoking.said_by(TWILIO, Received("SM1", MAYA, OWN, "STOP"), datetime.now(UTC))
    assert said

    async def work(db: Any) -> None:
        await revoking.obey(db, [said], Changes(), wait=1.0)
        # Not committed yet: nothing of it can be seen, and still hers is not claimed.
        assert [one.recipient for one in await take(line)] == [daniel.phone]

    await opting_out.run(work)
    await opting_out.close()
    assert await take(line) == []
    assert [await sync_to_async(state)(one) for one in (hers, his)] == ["canceled", "sending"]


async def test_an_opt_out_waits_for_a_text_that_is_being_handed_over(
    line: Line, juniper: House, say: Say
) -> None:
    maya = await sync_to_async(juniper.client)()
    await sync_to_async(text)(juniper, maya)
    worker = Line("worker")
    keys: list[int] = []
    [claimed] = await worker.run(lambda db: claim(db, room=9, carriers=["twilio"], lease=60, held=keys))
    assert keys == [claimed.key]
    said = revoking.said_by(TWILIO, Received("SM1", MAYA, OWN, "STOP"), datetime.now(UTC))
    assert said
    async with await psycopg.AsyncConnection.connect(conninfo("test"), autocommit=True) as db:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            async with db.transaction():
                await revoking.obey(db, [said], Changes(), wait=0.1)
    await worker.run(lambda db: let_go(db, keys))
    await say("STOP")
    assert await sync_to_async(held)(juniper) == ("refused", "refused")
    await worker.close()


@pytest.mark.parametrize(
    "road", ["tried again", "proved absent", "sent past", "repeated", "composer", "automatic"]
)
async def test_no_road_leads_past_a_stop(say: Say, line: Line, juniper: House, road: str) -> None:
    maya = await sync_to_async(juniper.client)()
    message = await sync_to_async(text)(juniper, maya)
    if road in ("tried again", "proved absent"):
        [claimed] = await take(line)
        await say("STOP")
        if road == "tried again":
            outcome = Outcome(claimed.attempt_id, "not_sent", words="Busy.", wait=0.0)
            await outcomes.record(line, [outcome], Patience())
        else:
            await Attempt.objects.filter(pk=claimed.attempt_id).aupdate(state="absent")
            await Message.objects.filter(pk=message.pk).aupdate(state="queued")
            await sync_to_async(sending.queue)(message, juniper.number)
    elif road == "sent past":
        await say("STOP")
        assert not await sync_to_async(sending.send_past)(message)
    else:
        await say("STOP")
        await maya.arefresh_from_db()
        if road == "automatic":
            unsent = await sync_to_async(automatic)(juniper, maya)
            assert unsent.state == "canceled"
            assert "asked you to stop texting" in unsent.reason
        else:
            with pytest.raises(sending.CannotSend, match="asked you to stop texting"):
                await sync_to_async(text)(juniper, maya)
    assert await take(line) == []
    assert not await Outbox.objects.aexists()
    assert await sync_to_async(state)(message) == "canceled"


# ---- At the door


def test_the_200_means_that_it_is_obeyed(web: World, juniper: House) -> None:
    maya = juniper.client()
    waiting = text(juniper, maya)
    assert post(web, TEXT, text_form(web, MAYA, OWN, "STOP")) == 200
    assert (held(juniper), state(waiting)) == (("refused", "refused"), "canceled")


def test_while_a_text_is_under_way_there_is_no_200(web: World, juniper: House) -> None:
    """And other webhooks do not wait for it."""
    key = f"hashtext('{juniper.business.pk}' || '{MAYA}')"
    answers: list[tuple[int, float]] = []

    def stop() -> None:
        answers.append((post(web, TEXT, text_form(web, MAYA, OWN, "STOP")), time.monotonic()))
        connections.close_all()

    with connection.cursor() as worker:
        worker.execute(f"SELECT pg_advisory_lock_shared({consent.LOCK}, {key})")
        asking = threading.Thread(target=stop)
        asking.start()
        until(lambda: waits_for_lock(worker), what="the opt-out's wait")
        assert post(web, TEXT, text_form(web, "+15035550131", OWN, "Hello")) == 200
        assert not answers
        released = time.monotonic()
        worker.execute(f"SELECT pg_advisory_unlock_shared({consent.LOCK}, {key})")
        asking.join(20)
    assert answers[0][0] == 200
    assert answers[0][1] >= released
    assert held(juniper) == ("refused", "refused")


def test_if_it_may_still_begin_the_carrier_is_told_to_try_again(web: World, juniper: House) -> None:
    """The opt-out holds all the same."""
    waiting = text(juniper, juniper.client())
    form = text_form(web, MAYA, OWN, "STOP")
    with connection.cursor() as worker:
        key = f"hashtext('{juniper.business.pk}' || '{MAYA}')"
        worker.execute(f"SELECT pg_advisory_lock_shared({consent.LOCK}, {key})")
        assert post(web, TEXT, form) == 503
        assert (held(juniper), state(waiting)) == (("refused", "refused"), "canceled")
        worker.execute(f"SELECT pg_advisory_unlock_shared({consent.LOCK}, {key})")
    assert post(web, TEXT, form) == 200
    assert Consent.objects.count() == 1


def waits_for_lock(cursor: Any) -> bool:
    cursor.execute(SOMEBODY_WAITS)
    return bool(cursor.fetchone()[0])


# ---- Exactly one confirmation, where no network has answered


@pytest.mark.parametrize(
    ("body", "confirmed"),
    [
        ("STOP", 0),
        ("stop", 0),
        ("please stop texting me", 1),
        ("UNSUBSCRIBE", 1),
        ("no mas", 1),
        ("Arrêtez", 1),
    ],
)
async def test_one_confirmation_where_the_network_did_not(
    say: Say, line: Line, juniper: House, body: str, confirmed: int
) -> None:
    maya = await sync_to_async(juniper.client)()
    waiting = await sync_to_async(automatic)(juniper, maya)
    await say(body)
    await say(body)
    asked = await sync_to_async(jobs)(tasks.confirm_opt_out)
    assert len(asked) == confirmed
    for job in asked * 2:
        await sync_to_async(tasks.confirm_opt_out)(**job)
    left = await take(line)
    assert len(left) == confirmed
    if confirmed:
        assert (left[0].sender, left[0].recipient) == (OWN, MAYA)
        assert left[0].body.startswith("Juniper Hair Studio: you won't get any more texts from us.")
        # It costs the business nothing.
        assert not await Entry.objects.filter(kind="spent").exclude(message_id=waiting.pk).aexists()
        # And is never sent again, not even when nobody knows what became of it.
        await outcomes.record(line, [Outcome(left[0].attempt_id, "not_sent", words="Busy.")], Patience())
        assert len(await take(line)) == 1


async def test_who_started_again_is_not_told_that_they_stopped(say: Say, line: Line, juniper: House) -> None:
    await say("stop texting me")
    await say("START")
    for job in await sync_to_async(jobs)(tasks.confirm_opt_out):
        await sync_to_async(tasks.confirm_opt_out)(**job)
    assert await take(line) == []


# ---- A doubtful one


@pytest.fixture
async def in_doubt(say: Say, juniper: House) -> Client:
    """Maya was reminded of her visit, and texts “cancel”."""
    maya = await sync_to_async(juniper.client)()
    await sync_to_async(likes_marketing)(juniper, MAYA)
    await sync_to_async(juniper.text)(maya, "Reminder: your appointment is tomorrow at 2", inbound=False)
    await sync_to_async(automatic)(juniper, maya)
    await say("Cancel")
    return maya


async def test_a_doubtful_stop_holds_what_no_member_writes(
    in_doubt: Client, line: Line, juniper: House
) -> None:
    assert await sync_to_async(held)(juniper) == ("doubtful", "doubtful")
    waiting = await Message.objects.aget(title="Reminder")
    assert (waiting.state, waiting.reason) == ("queued", revoking.IN_DOUBT)
    assert await take(line) == []
    unsent = await sync_to_async(automatic)(juniper, in_doubt)
    assert unsent.state == "canceled"
    assert "nobody has said yet what they meant" in unsent.reason
    # A member goes on talking with them.
    await sync_to_async(text)(juniper, in_doubt, "Which one?")
    assert [one.body for one in await take(line)] == ["Which one?"]


async def test_it_was_about_the_appointment(in_doubt: Client, line: Line, juniper: House) -> None:
    settle = sync_to_async(revoking.settle_doubt)
    assert await settle(juniper.business, MAYA, member=juniper.staff, opted_out=False)
    assert await sync_to_async(held)(juniper) == ("", "agreed")
    assert len(await take(line)) == 1
    assert not await settle(juniper.business, MAYA, member=juniper.owner, opted_out=True)


async def test_it_was_an_opt_out(in_doubt: Client, line: Line, juniper: House) -> None:
    settle = sync_to_async(revoking.settle_doubt)
    assert await settle(juniper.business, MAYA, member=juniper.staff, opted_out=True)
    last = await Consent.objects.order_by("id").alast()
    assert last
    assert (last.says, last.how, last.words, last.by_name) == (
        "refused",
        "text",
        "Cancel",
        "Jules Martin",
    )
    assert await take(line) == []
    assert (await Message.objects.aget(title="Reminder")).state == "canceled"


async def test_unanswered_for_a_day_it_was_an_opt_out(in_doubt: Client, line: Line, juniper: House) -> None:
    [job] = await sync_to_async(jobs)(tasks.end_doubt)
    due = await ProcrastinateJob.objects.filter(task_name=tasks.end_doubt.name, args=job).alatest("id")
    assert due.scheduled_at
    assert timedelta(hours=23) < due.scheduled_at - timezone.now() < timedelta(hours=25)
    await sync_to_async(tasks.end_doubt)(**job)
    assert await sync_to_async(held)(juniper) == ("doubtful", "doubtful")  # not before its time
    await Handset.objects.aupdate(doubt_ends_at=timezone.now() - timedelta(seconds=1))
    # The gate does not wait for the job.
    assert await take(line) == []
    assert (await Message.objects.aget(title="Reminder")).state == "canceled"
    await sync_to_async(tasks.end_doubt)(**job)
    last = await Consent.objects.order_by("id").alast()
    assert last
    assert (last.says, last.how) == ("refused", "unanswered")


@pytest.mark.parametrize("body", ["Cancel", "end", "QUIT"])
async def test_without_anything_to_cancel_it_is_an_opt_out(say: Say, juniper: House, body: str) -> None:
    maya = await sync_to_async(juniper.client)()
    await sync_to_async(juniper.text)(maya, "Your colour is in", inbound=False)
    await say(body)
    assert await sync_to_async(held)(juniper) == ("refused", "refused")


async def test_what_the_carrier_blocks_is_not_doubtful(say: Say, juniper: House) -> None:
    await juniper.business.numbers.aupdate(number="+15035550199")
    maya = await sync_to_async(juniper.client)()
    await sync_to_async(juniper.text)(maya, "Your appointment is tomorrow", inbound=False)
    await say("CANCEL", to="+15035550199")
    assert await sync_to_async(held)(juniper) == ("refused", "refused")
