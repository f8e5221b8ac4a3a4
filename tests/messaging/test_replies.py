"""Where answers go: into the Inbox of the one business that is meant, or nowhere with a word about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import Business
from parley.carriers.base import Received
from parley.messaging import receiving, sending
from parley.messaging.line import Line
from parley.messaging.models import Conversation, Message, Outbox, Route
from parley.messaging.outcomes import Changes
from parley.messaging.patience import Patience
from parley.messaging.receiving import Arrived
from parley.messaging.tasks import say_nobody_reads
from parley.notifications.models import Notification
from parley.numbers.models import PhoneNumber, Registration
from tests.messaging.signed import TWILIO
from tests.messaging.test_routing import shared
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)

MAYA, OWN, SYSTEM, CAMPAIGN = "+15035550118", "+18555550142", "+18885550101", "+18445550110"


Answer = Callable[..., Any]


@pytest.fixture
def answer(line: Line) -> Answer:
    """A text from a handset is read; returns the events that were meant for nobody."""

    async def answer(body: str, to: str = OWN, sender: str = MAYA) -> list[int]:
        text = Received(carrier_id=f"SM{uuid4().hex}", sender=sender, recipient=to, body=body)
        arrived = Arrived(7, text, datetime.now(UTC), TWILIO)
        return await line.run(lambda db: receiving.receive(db, [arrived], Changes(), Patience()))

    return answer


@sync_to_async
def switch(house: House, **change: Any) -> None:
    Business.objects.filter(pk=house.business.pk).update(**change)
    house.business = Business.objects.select_related("plan").get(pk=house.business.pk)


@sync_to_async
def wait_for_approval(house: House) -> None:
    house.number.delete()
    Registration.objects.create(business=house.business, status="in_review")


@sync_to_async
def direct(house: House, phone: str = MAYA) -> Message:
    client = house.business.clients.filter(phone=phone).first() or house.client(phone=phone)
    return sending.send(house.owner, client, channel="sms", body="Hello")


@sync_to_async
def run_jobs() -> list[Message]:
    """Do the jobs that wait, as `parley jobs` would; returns the automatic answers there are."""
    waiting = ProcrastinateJob.objects.filter(task_name=say_nobody_reads.name, status="todo")
    for job in waiting.order_by("id"):
        say_nobody_reads(**job.args)
    return list(Message.objects.filter(title="Do not reply").order_by("id"))


async def test_while_a_business_waits_the_answer_can_only_mean_it(
    answer: Answer, juniper: House, alder: House
) -> None:
    await sync_to_async(shared)(SYSTEM)
    await sync_to_async(shared)("+18885550102")
    for house in (juniper, alder):
        await wait_for_approval(house)
    ours, theirs = await direct(juniper), await direct(alder)
    assert ours.number_id != theirs.number_id
    assert await answer("To Juniper", SYSTEM) == []
    assert await answer("To Alder", "+18885550102") == []
    for house, words in ((juniper, "To Juniper"), (alder, "To Alder")):
        got = [m.body async for m in house.business.messages.filter(direction="in")]
        assert got == [words]
        conversation = await house.business.conversations.aget()
        assert (conversation.unread, conversation.waiting) == (1, True)


async def test_after_approval_the_last_texts_to_the_system_number_still_find_their_way(
    answer: Answer, juniper: House
) -> None:
    await sync_to_async(shared)(SYSTEM)
    await wait_for_approval(juniper)
    await direct(juniper)
    own = await PhoneNumber.objects.acreate(
        number=OWN, business=juniper.business, pace=0, approved_at=timezone.now()
    )
    await juniper.business.registration.__class__.objects.filter(business=juniper.business).aupdate(
        status="approved", number=own
    )
    moved = await direct(juniper)
    assert moved.number_id == own.pk
    await answer("A late answer to the old number", SYSTEM)
    await answer("And one to the new", OWN)
    conversation = await juniper.business.conversations.aget()
    assert conversation.unread == 2
    assert await juniper.business.messages.filter(direction="in").acount() == 2


async def test_do_not_reply_says_so_once_a_day_and_puts_nothing_into_the_inbox(
    answer: Answer, juniper: House
) -> None:
    client = await sync_to_async(juniper.client)()
    kept = await sync_to_async(juniper.text)(client, "Before it was switched off")
    await switch(juniper, mode="do_not_reply", auto_reply="Call us: (503) 555-0100")
    before = await Conversation.objects.aget()
    for words in ("Are you there?", "Hello??"):
        await answer(words)
    [said] = await run_jobs()
    assert (said.body, said.kind, said.their_address) == ("Call us: (503) 555-0100", "transactional", MAYA)
    assert said.number_id == juniper.number.pk
    assert await Outbox.objects.filter(message=said).aexists()
    conversation = await Conversation.objects.aget()
    assert conversation.last_message_id == kept.pk
    assert (conversation.unread, conversation.waiting, conversation.last_at) == (
        before.unread,
        before.waiting,
        before.last_at,
    )
    assert not await Message.objects.filter(body="Are you there?").aexists()
    assert not await Notification.objects.aexists()
    # A day later it is said again.
    await Conversation.objects.aupdate(auto_replied_at=timezone.now() - timedelta(hours=24, seconds=1))
    await answer("Still nobody?")
    assert len(await run_jobs()) == 2


async def test_what_was_in_the_inbox_stays_and_switching_on_again_goes_on(
    answer: Answer, juniper: House
) -> None:
    client = await sync_to_async(juniper.client)()
    await sync_to_async(juniper.text)(client, "Before")
    await switch(juniper, mode="do_not_reply")
    await answer("Not read")
    await switch(juniper, mode="texting")
    await answer("Read again")
    assert {m.body async for m in Message.objects.filter(direction="in")} == {"Before", "Read again"}
    assert (await direct(juniper)).number_id == juniper.number.pk


@pytest.mark.parametrize("word", ["STOP", "start", "Help", "INFO", "Arrêt"])
async def test_opt_out_and_help_words_get_no_auto_text_and_are_obeyed(
    answer: Answer, juniper: House, word: str
) -> None:
    await sync_to_async(juniper.client)()
    await switch(juniper, mode="do_not_reply")
    await answer(word)
    assert await run_jobs() == []
    client = await juniper.business.clients.aget()
    assert client.texting == ("stopped" if word in ("STOP", "Arrêt") else "ok")


async def test_who_stopped_is_not_told_anything(answer: Answer, juniper: House) -> None:
    await sync_to_async(juniper.client)(texting="stopped")
    await switch(juniper, mode="do_not_reply")
    await answer("Why do you write?")
    assert await run_jobs() == []


async def test_a_stranger_to_a_number_that_nobody_reads(answer: Answer, juniper: House) -> None:
    await switch(juniper, mode="do_not_reply")
    await answer("Hi, are you open?", sender="+15035550175")
    [said] = await run_jobs()
    assert said.body == juniper.business.auto_reply_words
    assert await Conversation.objects.filter(closed_at=None).acount() == 0


async def test_a_system_number_answers_for_whom_the_handset_knows_it_by(
    answer: Answer, juniper: House, alder: House
) -> None:
    system = await sync_to_async(shared)(SYSTEM)
    await wait_for_approval(juniper)
    await direct(juniper)
    await switch(juniper, two_way=False)
    await answer("Hello?", SYSTEM)
    [said] = await run_jobs()
    assert said.business_id == juniper.business.pk
    assert said.number_id == system.pk
    assert not await alder.business.messages.aexists()


async def test_an_answer_that_could_mean_several_is_put_into_nobodys_inbox(
    answer: Answer, juniper: House, alder: House
) -> None:
    system = await sync_to_async(shared)(SYSTEM)
    await wait_for_approval(juniper)
    await Route.objects.acreate(
        number=system, phone=MAYA, business=juniper.business, holds="shared", used_at=timezone.now()
    )
    await answer("Yes please", SYSTEM)
    assert not await Message.objects.filter(direction="in").aexists()
    assert len(await run_jobs()) == 1


async def test_a_late_answer_to_the_system_number_is_answered_from_it(answer: Answer, juniper: House) -> None:
    system = await sync_to_async(shared)(SYSTEM)
    await Route.objects.acreate(
        number=system, phone=MAYA, business=juniper.business, holds="conversation", used_at=timezone.now()
    )
    await switch(juniper, mode="do_not_reply")
    await answer("Hello?", SYSTEM)
    [said] = await run_jobs()
    # Not from the business's own number, which this person never wrote to.
    assert said.number_id == system.pk != juniper.number.pk


@pytest.mark.parametrize("lost", [{"plan_id": "free"}, {"country": "GB"}, {"texting": False}])
async def test_a_business_that_may_not_is_not_read(
    answer: Answer, juniper: House, lost: dict[str, Any]
) -> None:
    await switch(juniper, **lost)
    await answer("Hello?")
    assert not await Message.objects.filter(direction="in").aexists()
    # Texting that is switched off sends nothing either.
    assert len(await run_jobs()) == (0 if "texting" in lost else 1)


async def test_answers_to_a_marketing_number_are_not_shown_but_stop_works(
    answer: Answer, juniper: House, alder: House
) -> None:
    campaign = await sync_to_async(shared)(CAMPAIGN, "marketing")
    await sync_to_async(juniper.client)()
    await sync_to_async(alder.client)()
    await Route.objects.acreate(
        number=campaign, phone=MAYA, business=juniper.business, holds="alone", used_at=timezone.now()
    )
    await answer("Nice offer!", CAMPAIGN)
    await answer("STOP", CAMPAIGN)
    assert await run_jobs() == []
    assert not await Message.objects.aexists()
    assert (await juniper.business.clients.aget()).texting == "stopped"
    assert (await alder.business.clients.aget()).texting == "ok"


async def test_a_stop_to_a_shared_number_that_means_nobody_means_everybody(
    answer: Answer, juniper: House, alder: House
) -> None:
    await sync_to_async(shared)(SYSTEM)
    await sync_to_async(juniper.client)()
    await sync_to_async(alder.client)()
    assert await answer("Hello?", SYSTEM) == [7]
    assert await answer("stop", SYSTEM) == [7]
    for house in (juniper, alder):
        assert (await house.business.clients.aget()).texting == "stopped"


async def test_a_number_that_was_given_back_is_nobodys(answer: Answer, juniper: House) -> None:
    await PhoneNumber.objects.filter(pk=juniper.number.pk).aupdate(released_at=timezone.now())
    assert await answer("Hello?") == [7]
