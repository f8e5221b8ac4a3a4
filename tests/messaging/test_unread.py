"""Who should know of a text, and the email that comes if nobody has read it after a while."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.test import Client as Browser
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import Member
from parley.carriers.base import Received
from parley.messaging.line import Line
from parley.messaging.models import Conversation, Message
from parley.messaging.outcomes import Changes, _notify_of_failures
from parley.messaging.patience import Patience
from parley.messaging.receiving import Arrived, receive
from parley.messaging.tasks import write_if_unread
from parley.notifications.models import Letter, Notification, PushSubscription
from tests.messaging.signed import TWILIO
from tests.notifications.conftest import postbox, push_world, work  # noqa: F401
from tests.people import House

Postbox = Callable[[], list[dict[str, Any]]]
MAYA, THEO = "+15035550118", "+15035550121"


# ---- As the road in writes it


@pytest.fixture
async def house(line: Line, juniper: House) -> House:
    return juniper


def comes(house: House, *texts: tuple[str, str]) -> list[Arrived]:
    return [
        Arrived(n, Received(f"SM{new()}", sender, house.number.number, body, ()), timezone.now(), TWILIO)
        for n, (sender, body) in enumerate(texts)
    ]


def new(_count: list[int] = [0]) -> int:  # noqa: B006  a counter
    _count[0] += 1
    return _count[0]


async def arrive(line: Line, house: House, *texts: tuple[str, str]) -> None:
    await line.run(lambda db: receive(db, comes(house, *texts), Changes(), Patience()))


def jobs(house: House, name: str) -> list[ProcrastinateJob]:
    own = ProcrastinateJob.objects.filter(args__business_id=str(house.business.id))
    return list(own.filter(task_name__endswith=name).order_by("id"))


@pytest.mark.django_db(transaction=True)
async def test_a_text_concerns_whose_the_conversation_is(line: Line, house: House) -> None:
    await arrive(line, house, (MAYA, "Mine"), (THEO, "Everybody’s"))
    assert await Notification.objects.filter(member=None).acount() == 2
    await Conversation.objects.filter(client__phone=MAYA).aupdate(assignee=house.staff)
    await arrive(line, house, (MAYA, "Jules’"), (THEO, "Still everybody’s"))
    assert (await Notification.objects.aget(words="Jules’")).member_id == house.staff.id
    assert (await Notification.objects.aget(words="Still everybody’s")).member_id is None


@pytest.mark.django_db(transaction=True)
async def test_a_failed_text_concerns_who_wrote_it(line: Line, house: House) -> None:
    @sync_to_async
    def two() -> list[Any]:
        client = house.client()
        hers = house.text(client, "Hi", inbound=False, state="failed", reason="Landline")
        automatic = house.text(client, "Reminder", inbound=False, state="failed", author=None)
        return [hers.id, automatic.id]

    failed = await two()
    await line.run(lambda db: _notify_of_failures(db, Changes(failed=failed)))
    members = {n.words: n.member_id async for n in Notification.objects.all()}
    assert members == {"Landline": house.owner.id, "": None}


@pytest.mark.django_db(transaction=True)
async def test_a_look_is_due_once_for_each_wait_and_pushes_only_where_somebody_allowed_them(
    line: Line, house: House, alder: House
) -> None:
    await arrive(line, house, (MAYA, "One"), (MAYA, "Two"))
    await arrive(line, house, (MAYA, "Three"))
    [look] = await sync_to_async(jobs)(house, "write_if_unread")
    assert timedelta(minutes=9) < look.scheduled_at - timezone.now() <= timedelta(minutes=10)
    await Conversation.objects.aupdate(unread=0)
    await PushSubscription.objects.acreate(
        user=alder.owner.user, endpoint="https://web.push.apple.com/a", p256dh="x", auth="x", browser="Safari"
    )
    await arrive(line, house, (MAYA, "Four"))
    assert len(await sync_to_async(jobs)(house, "write_if_unread")) == 2
    assert await sync_to_async(jobs)(house, "push_news") == []
    await Conversation.objects.aupdate(assignee=house.staff)
    await PushSubscription.objects.acreate(
        user=house.owner.user, endpoint="https://web.push.apple.com/b", p256dh="x", auth="x", browser="Safari"
    )
    await arrive(line, house, (MAYA, "Not for Nora"), (THEO, "For Nora"))
    [push] = await sync_to_async(jobs)(house, "push_news")
    notification = await Notification.objects.aget(pk=push.args["notification_id"])
    assert notification.words == "For Nora"
    assert set(push.args) == {"notification_id", "business_id"}, "nobody's words"


@pytest.mark.django_db(transaction=True)
async def test_a_failure_is_mailed_to_who_asked_for_that(
    line: Line,
    house: House,
    postbox: Postbox,  # noqa: F811
) -> None:
    @sync_to_async
    def fails(*wants: Member) -> Any:
        Member.objects.filter(pk__in=[m.pk for m in wants]).update(muted=[])
        return house.text(house.client(phone=""), "Hi", inbound=False, state="failed", reason="Landline.").id

    for wants in [(), (house.staff,), (house.owner,)]:
        failed = await fails(*wants)
        await line.run(lambda db, id=failed: _notify_of_failures(db, Changes(failed=[id])))
    assert len(await sync_to_async(jobs)(house, "write_news")) == 1, "only hers, and only once she asked"
    await sync_to_async(work)(house)
    [mail] = await sync_to_async(postbox)()
    assert (mail["to"], mail["subject"]) == ("nora@juniper.example", "A text to Maya didn’t arrive")
    assert "Landline." in mail["text"]


# ---- The email


def look(message: Message, minutes: float) -> None:
    """The job, so long after the text."""
    with time_machine.travel(message.at + timedelta(minutes=minutes), tick=False):
        write_if_unread(conversation_id=str(message.conversation_id), business_id=str(message.business_id))


def test_what_nobody_read_is_emailed_once_to_each_who_should_know(
    juniper: House,
    alder: House,
    postbox: Postbox,  # noqa: F811
) -> None:
    maya = juniper.client()
    first = juniper.text(maya, "Are you open on Monday?", minutes_ago=11)
    juniper.text(maya, "Or Tuesday?", minutes_ago=2)
    look(first, 10.1)
    look(first, 10.2)
    work(juniper)
    mails = postbox()
    assert sorted(mail["to"] for mail in mails) == ["jules@juniper.example", "nora@juniper.example"]
    assert {mail["subject"] for mail in mails} == {"Maya Okafor texted"}
    assert "Are you open on Monday?" in mails[0]["text"]
    assert "Or Tuesday?" in mails[0]["text"]
    assert f"/inbox/{first.conversation_id}" in mails[0]["text"]
    assert not alder.business.letters.exists()


def test_what_was_read_is_not_and_a_new_wait_is_a_new_email(
    juniper: House,
    postbox: Postbox,  # noqa: F811
) -> None:
    maya = juniper.client()
    first = juniper.text(maya, "One", minutes_ago=60)
    nora = Browser()
    nora.force_login(juniper.owner.user)
    nora.post(f"/inbox/{first.conversation_id}/read", {"seen": first.id})
    look(first, 10.1)
    assert postbox() == []
    Conversation.objects.update(unread=0)
    second = juniper.text(maya, "Two", minutes_ago=30)
    look(second, 10.1)
    work(juniper)
    assert len(postbox()) == 2
    nora.post(f"/inbox/{first.conversation_id}/read", {"seen": second.id})
    third = juniper.text(maya, "Three", minutes_ago=15)
    look(third, 10.1)
    work(juniper)
    assert [mail["text"].split()[0] for mail in postbox()] == ["Two", "Two", "Three", "Three"]


def test_a_text_that_came_while_the_others_were_read_waits_its_own_ten_minutes(juniper: House) -> None:
    maya = juniper.client()
    juniper.text(maya, "Read", minutes_ago=20)
    later = juniper.text(maya, "Not read", minutes_ago=3)
    Conversation.objects.update(unread=1)
    write_if_unread(conversation_id=str(later.conversation_id), business_id=str(later.business_id))
    assert not Letter.objects.exists()
    [again] = jobs(juniper, "write_if_unread")
    assert again.scheduled_at == later.at + timedelta(minutes=10)


def test_only_the_assignee_and_only_who_wants_it(juniper: House, postbox: Postbox) -> None:  # noqa: F811
    maya, theo = juniper.client(), juniper.client("Theo", "Lind", THEO)
    hers, everybodys = juniper.text(maya, "Hers", minutes_ago=11), juniper.text(theo, "All", minutes_ago=11)
    Conversation.objects.filter(pk=hers.conversation_id).update(assignee=juniper.owner)
    Member.objects.filter(pk=juniper.staff.pk).update(muted=["text:email"])
    look(hers, 10.1)
    look(everybodys, 10.1)
    work(juniper)
    assert [(mail["to"], mail["subject"]) for mail in postbox()] == [
        ("nora@juniper.example", "Maya Okafor texted"),
        ("nora@juniper.example", "Theo Lind texted"),
    ]


def test_a_conversation_of_another_business_is_not_to_be_had(juniper: House, alder: House) -> None:
    text = juniper.text(juniper.client(), "Hi", minutes_ago=20)
    write_if_unread(conversation_id=str(text.conversation_id), business_id=str(alder.business.id))
    assert not Letter.objects.exists()
