"""What nobody knows is found out, and never sent twice (rules R4, R5 and R8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from parley.carriers.base import Listed
from parley.carriers.twilio import Twilio
from parley.messaging import doubt, outcomes
from parley.messaging.delivery import claim
from parley.messaging.doubt import Doubts
from parley.messaging.line import Line
from parley.messaging.models import Attempt, Message, Outbox
from parley.messaging.outcomes import Outcome
from parley.messaging.patience import Patience
from parley.messaging.sending import send
from parley.quota.models import Balance
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

CALM = {
    "delivery_seconds": [0.02, 0.05],
    "error_before": 0.0,
    "error_after": 0.0,
    "reset_after": 0.0,
    "garbage": 0.0,
    "hang": 0.0,
    "callbacks_lost": 0.0,
    "list_fails": 0.0,
    "list_lag_seconds": 0.0,
    "down": "",
}


@pytest.fixture
def world(web: World) -> World:
    """As elsewhere, but with the shortest waits that a slow machine still keeps."""
    web.afresh("sandbox", "texts", patience=0.025)
    return web


def message() -> Message:
    return Message.objects.get()


@pytest.mark.parametrize(
    ("weather", "sees", "attempts"),
    [
        # The carrier has it, and we were not told: found in its log or named by its receipt.
        ({"error_after": 1.0}, None, 1),
        ({"reset_after": 1.0}, None, 1),
        ({"garbage": 1.0}, None, 1),
        ({"error_after": 1.0, "callbacks_lost": 1.0}, "unknown", 1),
        # Its log is slow to show it: one listing without it would have been a second text.
        ({"error_after": 1.0, "callbacks_lost": 1.0, "list_lag_seconds": 4.0}, "unknown", 1),
        # The carrier never had it: proved by two listings, then sent again.
        ({"error_before": 1.0}, "unknown", 2),
        ({"hang": 1.0, "hang_seconds": 5.0}, "unknown", 2),
        # Accepted as it should be, but every receipt is lost: asked for.
        ({"callbacks_lost": 1.0}, "accepted", 1),
    ],
)
def test_doubt_ends_in_one_delivery(
    world: World, juniper: House, weather: dict[str, Any], sees: str | None, attempts: int
) -> None:
    world.add_number(juniper.number.number)
    world.weather(**CALM | weather)
    send(juniper.owner, juniper.client(), channel="sms", body="See you at 2:45!")
    if sees:
        until(lambda: message().state == sees, what=sees)
    else:
        until(lambda: Attempt.objects.exists(), what="an attempt")
    if attempts > 1:
        world.weather(**CALM)
    until(lambda: message().state == "delivered", 40, what="delivery")
    assert [row["body"] for row in world.truth()] == ["See you at 2:45!"]
    assert Attempt.objects.count() == attempts


async def test_a_log_that_does_not_answer_proves_nothing(web: World, line: Line, juniper: House) -> None:
    """However often it is asked in vain: absence needs two listings that worked."""

    @sync_to_async
    def before() -> None:
        web.afresh("sandbox")
        web.add_number(juniper.number.number)
        web.weather(**CALM | {"list_fails": 1.0})
        send(juniper.owner, juniper.client(), channel="sms", body="Once")

    await before()
    carrier = Twilio(web.account_sid, web.auth_token, api_url=web.sandbox_url, messaging_url=web.sandbox_url)
    doubts = Doubts({"twilio": carrier}, Patience(1.0))

    async def look() -> tuple[str, int, str]:
        await Attempt.objects.aupdate(check_at=timezone.now())
        [attempt] = await line.run(lambda db: doubt._take(db, 60.0))
        await doubts._look_into(line, attempt)
        now = await Attempt.objects.select_related("message").aget()
        return now.state, now.checks, now.message.state

    [claimed] = await line.run(lambda db: claim(db, room=1, carriers=["twilio"], lease=60))
    await outcomes.record(line, [Outcome(claimed.attempt_id, "unknown")], Patience(1.0))
    for _ in range(3):
        assert await look() == ("unknown", 0, "unknown")
        again = (await Attempt.objects.aget()).check_at
        assert again is not None
        assert 20 < (again - timezone.now()).total_seconds() <= 30
    await sync_to_async(web.weather)(list_fails=0.0)
    assert await look() == ("unknown", 1, "unknown")
    await sync_to_async(web.weather)(list_fails=1.0)
    assert await look() == ("unknown", 1, "unknown")
    await sync_to_async(web.weather)(list_fails=0.0)
    assert await look() == ("absent", 1, "queued")
    await carrier.close()


async def test_a_row_of_the_log_belongs_to_one_text_of_the_same_words(line: Line, juniper: House) -> None:
    """And other words are another text."""
    doubts = Doubts({}, Patience(1.0))
    client = await sync_to_async(juniper.client)()
    for carrier_id in ("SM1", ""):
        await sync_to_async(send)(juniper.owner, client, channel="sms", body="ok")
        [claimed] = await line.run(lambda db: claim(db, room=1, carriers=["twilio"], lease=60))
        state: Literal["bound", "unknown"] = "bound" if carrier_id else "unknown"
        await outcomes.record(line, [Outcome(claimed.attempt_id, state, carrier_id)], Patience(1.0))
    ours, theirs = juniper.number.number, client.phone
    now = timezone.now()
    log = [
        Listed("SM1", ours, theirs, "ok", "delivered", "outbound", now),
        Listed("SM2", ours, theirs, "OK", "delivered", "outbound", now),
    ]
    await Attempt.objects.filter(state="unknown").aupdate(check_at=timezone.now())
    [attempt] = await line.run(lambda db: doubt._take(db, 60.0))
    await line.run(lambda db: doubts._settle(db, attempt, log))
    still = await Attempt.objects.aget(carrier_id=None)
    assert (still.state, still.checks) == ("unknown", 1)
    log.append(Listed("SM3", ours, theirs, "ok", "delivered", "outbound", now))
    await line.run(lambda db: doubts._settle(db, attempt, log))
    await still.arefresh_from_db()
    assert (still.state, still.carrier_id) == ("bound", "SM3")


async def test_an_answer_that_comes_while_the_log_is_read_is_believed(line: Line, juniper: House) -> None:
    """The log lacked it, for the second time; but then it was bound."""
    doubts = Doubts({}, Patience(1.0))
    client = await sync_to_async(juniper.client)()
    await sync_to_async(send)(juniper.owner, client, channel="sms", body="ok")
    [claimed] = await line.run(lambda db: claim(db, room=1, carriers=["twilio"], lease=60))
    await outcomes.record(line, [Outcome(claimed.attempt_id, "unknown")], Patience(1.0))
    await Attempt.objects.aupdate(check_at=timezone.now(), checks=1)
    [attempt] = await line.run(lambda db: doubt._take(db, 60.0))
    await outcomes.record(line, [Outcome(claimed.attempt_id, "bound", "SM1")], Patience(1.0))
    await line.run(lambda db: doubts._settle(db, attempt, []))
    now = await Attempt.objects.select_related("message").aget()
    assert (now.state, now.message.state, now.check_at is None) == ("bound", "accepted", False)


# Kind, how old (minutes), which try, whether it confirms an opt-out; and whether it is sent again by itself.
AFTER_ABSENCE = [
    ("direct", 9, 1, False, True),
    # Their talk has gone on: whoever wrote it decides.
    ("direct", 11, 1, False, False),
    ("transactional", 30, 2, False, True),
    ("transactional", 0, 3, False, False),
    # The law allows one that says "you are out".
    ("transactional", 0, 1, True, False),
    # An offer's audience is promised whole, and nobody sends one again by hand.
    ("marketing", 30, 9, False, True),
    ("marketing", 0, 10, False, False),
]


async def test_what_follows_proved_absence(line: Line, juniper: House) -> None:
    """By its kind a text is sent again by itself, or shown as failed and not paid for."""
    doubts = Doubts({}, Patience(1.0))
    for n, (kind, minutes, tries, confirms, sent_again) in enumerate(AFTER_ABSENCE):
        case = f"{kind}, {minutes} min, try {tries}"
        client = await sync_to_async(juniper.client)(phone=f"+1503555010{n}")
        text = await sync_to_async(send)(juniper.owner, client, channel="sms", body="See you at 2:45!")
        paid = (await Balance.objects.aget()).left
        [claimed] = await line.run(lambda db: claim(db, room=1, carriers=["twilio"], lease=60))
        await outcomes.record(line, [Outcome(claimed.attempt_id, "unknown")], Patience(1.0))
        await Attempt.objects.filter(pk=claimed.attempt_id).aupdate(
            try_number=tries, checks=1, check_at=timezone.now()
        )
        await Message.objects.filter(pk=text.pk).aupdate(
            kind=kind,
            at=timezone.now() - timedelta(minutes=minutes),
            why={"confirms": True} if confirms else {},
        )
        [attempt] = await line.run(lambda db: doubt._take(db, 60.0))
        await line.run(lambda db, attempt=attempt: doubts._settle(db, attempt, []))  # type: ignore[misc]
        await text.arefresh_from_db()
        waits = [(row.priority, row.tries) async for row in Outbox.objects.all()]
        left = (await Balance.objects.aget()).left
        if sent_again:
            place = {"direct": 0, "transactional": 1, "marketing": 2}[kind]
            assert (text.state, waits, left) == ("queued", [(place, tries)], paid), case
        else:
            assert (text.state, waits, left) == ("failed", [], paid + 1), case
            assert "never reached the carrier" in text.reason, case
        await Outbox.objects.all().adelete()


def test_while_the_carrier_is_down_texts_wait_and_say_so(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    world.stop("sandbox")
    send(juniper.owner, juniper.client(), channel="sms", body="Later then")
    # Now and then it is tried.
    waiting = Message.objects.exclude(reason="").filter(state="queued")
    [waits] = until(lambda: list(waiting.all()), what="a reason")
    assert waits.get_state_display() == "Waiting to send"
    world.start("sandbox")
    world.weather(**CALM)
    until(lambda: message().state == "delivered", 30, what="delivery")
    assert len(world.truth()) == 1


def test_one_worker_that_stops_finishes_what_it_began(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    world.weather(**CALM | {"slow": 1.0, "slow_seconds": [0.2, 0.25]})
    send(juniper.owner, juniper.client(), channel="sms", body="Mind the step")
    until(lambda: Attempt.objects.exists(), what="an attempt")
    world.stop("texts")
    assert message().state in ("accepted", "sent", "delivered")
