"""Where texts come back on the roads: what the carrier did not take. What it took and could not deliver, it billed."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from parley.messaging import doubt, outcomes
from parley.messaging.line import Db, Line
from parley.messaging.models import Attempt, Message
from parley.messaging.outcomes import Changes, Fact, Outcome
from parley.messaging.patience import Patience
from parley.quota.models import Entry
from tests.messaging.test_delivery import take, write
from tests.people import House
from tests.quota.conftest import add_up

pytestmark = pytest.mark.django_db(transaction=True)

MAYA = "+15035550118"


@sync_to_async
def left(house: House) -> int:
    """What is left of 2,000; the ledger adds up to it."""
    return add_up(house.business)[0]


async def test_what_the_carrier_refused_comes_back_once(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, (MAYA, "Hi"))
    [text] = await take(line)
    assert await left(juniper) == 1999
    for _ in range(2):
        await outcomes.record(line, [Outcome(text.attempt_id, "refused", words="No.")], patience)
        assert await left(juniper) == 2000
    refund = await Entry.objects.aget(kind="refund")
    assert refund.message_id == (await Message.objects.aget()).id


async def test_what_never_reached_the_carrier_comes_back_if_it_is_given_up(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, (MAYA, "Hi"))
    doubts = doubt.Doubts({}, patience)
    for again in (True, False):
        [text] = await take(line)
        await outcomes.record(line, [Outcome(text.attempt_id, "unknown")], patience)
        await Attempt.objects.filter(pk=text.attempt_id).aupdate(checks=1, check_at=timezone.now())
        if not again:
            # Too long ago for it to be sent once more.
            await Message.objects.aupdate(at=timezone.now() - timedelta(days=1))
        [attempt] = await line.run(lambda db: doubt._take(db, 60))
        await line.run(partial(doubts._settle, attempt=attempt, listed=[]))
        assert (await Message.objects.aget()).state == ("queued" if again else "failed")
        assert await left(juniper) == (1999 if again else 2000)


@pytest.mark.parametrize("status", ["undelivered", "failed"])
async def test_what_the_carrier_took_and_did_not_deliver_was_billed(
    juniper: House, line: Line, patience: Patience, status: str
) -> None:
    await sync_to_async(write)(juniper, (MAYA, "Hi"))
    [text] = await take(line)

    async def hear(db: Db) -> None:
        await outcomes.climb(db, [Fact("SM1", status, text.attempt_id)], Changes(), patience)

    await line.run(hear)
    assert (await Message.objects.aget()).state == status
    assert await left(juniper) == 1999
