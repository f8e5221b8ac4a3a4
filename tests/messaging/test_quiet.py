"""Quiet hours on the road: asked when marketing is written, asked in the claim, and told to the carrier's queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from parley.clients.models import Client
from parley.messaging import outcomes
from parley.messaging.delivery import Claimed, Delivery, plan_again
from parley.messaging.line import Line
from parley.messaging.models import Message, Outbox
from parley.messaging.outcomes import Outcome
from parley.messaging.patience import Patience
from parley.messaging.sending import CannotSend, send_automatic
from tests.messaging.test_revoking import take
from tests.messaging.test_routing import likes_marketing, shared
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)

CAMPAIGN = "+18445550110"


def where_it_is(hour: int) -> str:
    """A zone in whose clock it is about this hour now."""
    ahead = (hour - datetime.now(UTC).hour + 12) % 24 - 12
    # Etc/GMT's signs are the wrong way round, by POSIX.
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


@sync_to_async
def offer(house: House, hour: int, *, agreed: bool = True) -> Message:
    """Marketing for Maya, who says that it is this hour where she is."""
    if not house.business.clients.exists():
        shared(CAMPAIGN, "marketing")
        house.client(time_zone=where_it_is(hour))
    Client.objects.update(time_zone=where_it_is(hour))
    if agreed:
        likes_marketing(house, "+15035550118")
    return send_automatic(
        house.business,
        house.business.clients.get(),
        kind=Message.Kind.MARKETING,
        title="Autumn",
        body="20 % off this week",
        key=uuid4(),
    )


async def test_at_noon_it_leaves_and_the_carrier_may_not_keep_it_into_the_night(
    line: Line, juniper: House
) -> None:
    message = await offer(juniper, 12)
    assert message.reason == ""
    assert message.why["quiet"]["basis"] == "zone"
    assert "8 AM to 9 PM" in message.why["quiet"]["rule"]
    [text] = await take(line)
    assert text.sender == CAMPAIGN
    validity = Delivery._validity(text)
    assert validity is not None
    # Until 9 PM there: eight to nine hours and some.
    assert 8 * 3600 - 60 < validity <= 9 * 3600


async def test_at_night_it_waits_for_the_morning_and_says_so(line: Line, juniper: House) -> None:
    message = await offer(juniper, 2)
    waiting = await Outbox.objects.aget()
    assert timedelta(hours=4) < waiting.run_at - timezone.now() < timedelta(hours=7)
    assert waiting.closes_at is not None
    assert waiting.closes_at - waiting.run_at == timedelta(hours=13)
    assert message.reason.startswith("It is too early or too late where they are")
    assert await take(line) == []
    # A clock that was wrong, a row that was changed by hand: past its window it does not leave.
    await Outbox.objects.aupdate(run_at=timezone.now(), closes_at=timezone.now() + timedelta(seconds=30))
    assert await take(line) == []


async def test_a_window_that_closed_while_it_waited_is_followed_by_the_next(
    line: Line, juniper: House
) -> None:
    message = await offer(juniper, 12)
    await Outbox.objects.aupdate(closes_at=timezone.now() - timedelta(seconds=1))
    await sync_to_async(Client.objects.update)(time_zone=where_it_is(23))
    assert await take(line) == []
    assert await line.run(lambda db: plan_again(db, 10)) == 1
    waiting = await Outbox.objects.aget()
    assert timedelta(hours=7) < waiting.run_at - timezone.now() < timedelta(hours=10)
    await message.arefresh_from_db()
    assert message.reason.startswith("It is too early or too late where they are")
    assert message.why["quiet"]["zones"] == [where_it_is(23)]
    assert await line.run(lambda db: plan_again(db, 10)) == 0


async def test_one_that_is_tried_again_asks_for_its_window_anew(line: Line, juniper: House) -> None:
    await offer(juniper, 12)
    [text] = await take(line)
    await outcomes.record(line, [Outcome(text.attempt_id, "not_sent", words="Busy.")], Patience())
    assert await take(line) == []
    await line.run(lambda db: plan_again(db, 10))
    again: list[Claimed] = await take(line)
    assert len(again) == 1
    assert again[0].validity


async def test_who_has_not_agreed_gets_none(line: Line, juniper: House) -> None:
    message = await offer(juniper, 12, agreed=False)
    assert (message.state, message.reason) == ("canceled", "Maya has not agreed to marketing.")
    assert message.why["refused"] == {"field": "channel", "words": message.reason}
    assert await take(line) == []
    with pytest.raises(CannotSend):
        await sync_to_async(send_automatic)(
            juniper.business,
            await sync_to_async(juniper.client)("Ann", phone=""),
            kind=Message.Kind.MARKETING,
            title="Autumn",
            body="20 % off",
            key=uuid4(),
        )
