"""Receipts only climb (rule R7): whatever their order, however often, the end is the truth."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from faults.receipts import trial
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


def test_any_order_of_receipts_ends_in_the_highest(juniper: House) -> None:
    """The short run of `faults/receipts.py`."""
    seen = trial(juniper, 150, 8)
    assert (seen["misshown"], seen["wrong"]) == (0, "")
    assert seen["tried"] >= 150


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


async def test_words_that_come_together_bind_whichever_of_them_names_the_attempt(
    juniper: House, line: Line, patience: Patience
) -> None:
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)
    both = [Fact("SM1", "sent", text.attempt_id), Fact("SM1", "delivered")]
    assert await climb(line, both, patience) == set()
    assert (await Message.objects.aget()).state == "delivered"


async def test_what_the_carrier_itself_refused_gets_no_id(
    juniper: House, line: Line, patience: Patience
) -> None:
    """It said that it did not take it: a receipt that names the attempt is about something else."""
    await sync_to_async(write)(juniper, ("+15035550118", "Hi"))
    [text] = await take(line)
    refused = Outcome(text.attempt_id, "refused", words="No.", code="21211")
    await outcomes.record(line, [refused], patience)
    assert await climb(line, [Fact("SM1", "sent", text.attempt_id)], patience) == {"SM1"}
    assert (await Message.objects.aget()).state == "failed"
    assert (await Attempt.objects.aget()).carrier_id is None


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
