"""Receipts only climb (rule R7): whatever their order, however often, the end is the truth."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley.messaging import outcomes
from parley.messaging.line import Line
from parley.messaging.models import Attempt, Message, Outbox
from parley.messaging.outcomes import RANK, STATE_OF, Changes, Fact, Outcome
from parley.messaging.patience import Patience
from parley.notifications.models import Notification
from tests.messaging.test_delivery import take, write
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)


async def climb(line: Line, facts: list[Fact], patience: Patience) -> set[str]:
    async def work(db: Any) -> set[str]:
        changes = Changes()
        unknown = await outcomes.climb(db, facts, changes, patience)
        await outcomes.tell(db, changes)
        return unknown

    return await line.run(work)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.lists(
        st.sampled_from(["queued", "sending", "sent", "delivered", "undelivered", "failed", "read"]),
        min_size=1,
        max_size=8,
    ),
    batches=st.lists(st.integers(1, 4), min_size=8, max_size=8),
    outcome_at=st.integers(0, 8),
)
async def test_any_order_of_receipts_ends_in_the_highest(
    juniper: House, line: Line, patience: Patience, order: list[Any], batches: list[int], outcome_at: int
) -> None:
    await Message.objects.all().adelete()
    client = await juniper.business.clients.afirst()
    if client is None:
        await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    else:
        from parley.messaging.sending import send

        await sync_to_async(send)(juniper.owner, client, channel="sms", body="Hi")
    [text] = await take(line)
    sid = f"SM{text.attempt_id.hex}"
    facts = [Fact(sid, status, text.attempt_id) for status in order]
    highest, place = -1, 0
    for size in batches:
        if place == outcome_at or (place == 0 and outcome_at > len(order)):
            await outcomes.record(line, [Outcome(text.attempt_id, "bound", carrier_id=sid)], patience)
        part = facts[place : place + size]
        if not part:
            break
        await climb(line, part, patience)
        place += size
        highest = max([highest, *(RANK[fact.state] for fact in part)])
        message = await Message.objects.aget()
        assert RANK[message.state] == highest
        assert (await Attempt.objects.aget(carrier_id=sid)).message_id == message.id
    attempt = await Attempt.objects.aget(id=text.attempt_id)
    assert (attempt.check_at is None) == (highest >= 30)


def test_every_status_has_a_state() -> None:
    assert set(STATE_OF.values()) <= set(RANK)


async def test_a_receipt_binds_an_attempt_whose_answer_was_lost(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)
    await outcomes.record(line, [Outcome(text.attempt_id, "unknown")], patience)
    await climb(line, [Fact("SM1", "delivered", text.attempt_id)], patience)
    assert (await Message.objects.aget()).state == "delivered"
    assert (await Attempt.objects.aget()).carrier_id == "SM1"


async def test_a_receipt_for_a_text_given_up_takes_it_out_of_the_queue_again(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)
    again = Outcome(text.attempt_id, "not_sent", words="", wait=60.0)
    await outcomes.record(line, [again], patience)
    await climb(line, [Fact("SM1", "sent", text.attempt_id)], patience)
    assert (await Message.objects.aget()).state == "sent"
    assert not await Outbox.objects.aexists()


async def test_receipts_for_strangers_are_named_and_change_nothing(
    juniper: House, line: Line, patience: Patience
) -> None:
    assert await climb(line, [Fact("SMnobody", "delivered")], patience) == {"SMnobody"}


async def test_a_failure_is_told_once(juniper: House, line: Line, patience: Patience) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)
    fact = Fact("SM1", "undelivered", text.attempt_id, "30006", "It is a landline.", reach="landline")
    await climb(line, [fact], patience)
    await climb(line, [fact], patience)
    message = await Message.objects.aget()
    assert (message.state, message.code, message.reason) == ("undelivered", "30006", "It is a landline.")
    assert await Notification.objects.acount() == 1
    assert (await juniper.business.clients.aget()).texting == "cannot"
