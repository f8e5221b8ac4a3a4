"""Owners and admins are told at 80 per cent, at 100, and when none are left: each once a month, however many send."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import Member, User
from parley.messaging import sending
from parley.messaging.models import Message
from parley.notifications.models import Letter, Notification
from parley.quota import ledger, tasks
from parley.quota.meter import Meter
from tests.people import House, make_house
from tests.quota.conftest import on_plan
from tests.quota.test_ledger import spend, together


def jobs(house: House) -> list[ProcrastinateJob]:
    own = ProcrastinateJob.objects.filter(task_name=ledger.TELL, args__business_id=str(house.business.pk))
    return list(own.order_by("id"))


def told(house: House) -> list[str]:
    """What jobs were made to tell, in order."""
    return [job.args["level"] for job in jobs(house)]


def work(house: House) -> None:
    """Do those jobs, each twice: a worker may die after the first time."""
    for job in jobs(house):
        for _ in range(2):
            tasks.tell_of_texts(**job.args)


def news(house: House) -> list[tuple[str, str]]:
    own = Notification.objects.filter(business=house.business).order_by("created_at")
    return [(n.title, n.words) for n in own]


def test_each_is_told_once_to_managers_by_every_channel(juniper: House, alder: House) -> None:
    ada = User.objects.create(email="ada@juniper.example", name="Ada Bell", password="!")
    Member.objects.create(business=juniper.business, user=ada, role="admin")
    on_plan(juniper.business, 10)
    ledger.give(juniper.business, 3, "")
    for segments, levels in (
        (7, []),
        (1, ["low"]),
        (1, ["low"]),
        (2, ["low", "used"]),
        (1, ["low", "used"]),
        (1, ["low", "used", "gone"]),
    ):
        spend(juniper.business, segments)
        assert told(juniper) == levels
    work(juniper)
    over = Meter.of(juniper.business).starts_over
    assert [title for title, _ in news(juniper)] == [
        "80% of this month’s texts are used",
        "This month’s texts are used up",
        "You have run out of texts",
    ]
    assert news(juniper)[2][1] == (
        f"Texts are refused until {over}, or until you buy more. They are not sent later."
    )
    for notification in Notification.objects.all():
        assert (notification.kind, notification.link) == ("quota", "/settings/texts")
        assert set(notification.audience("push")) == set(juniper.business.members.exclude(role="staff"))
    assert not Notification.objects.told_to(juniper.staff).exists()
    assert sorted(Letter.objects.values_list("member__user__email", flat=True)) == sorted(
        ["ada@juniper.example", "nora@juniper.example"] * 3
    )
    assert f"/settings/texts?in={juniper.business.pk}" in Letter.objects.first().body
    assert news(alder) == []


def test_who_wants_no_such_news_gets_none(juniper: House) -> None:
    Member.objects.filter(pk=juniper.owner.pk).update(muted=["quota:email", "quota:app"])
    on_plan(juniper.business, 1)
    spend(juniper.business)
    work(juniper)
    assert not Letter.objects.exists()
    juniper.owner.refresh_from_db()
    assert not Notification.objects.told_to(juniper.owner).exists()


@pytest.mark.django_db(transaction=True)
def test_many_senders_cross_a_line_once() -> None:
    house = make_house()
    on_plan(house.business, 20)
    ledger.balance(house.business)
    results = together(*[lambda: spend(house.business)] * 20)
    assert not [one for one in results if isinstance(one, Exception)]
    assert sorted(told(house)) == ["gone", "low"]


def test_what_is_rolled_back_tells_nobody(juniper: House) -> None:
    on_plan(juniper.business, 1)
    with transaction.atomic():
        spend(juniper.business)
        assert told(juniper) == ["gone"]
        transaction.set_rollback(True)
    assert told(juniper) == []


def test_news_of_a_month_that_is_over_is_not_told(juniper: House) -> None:
    on_plan(juniper.business, 1)
    spend(juniper.business)
    with time_machine.travel(timezone.now() + timedelta(days=32)):
        work(juniper)
    assert news(juniper) == []


def test_the_next_month_tells_again(juniper: House) -> None:
    on_plan(juniper.business, 1)
    for days in (0, 32):
        with time_machine.travel(timezone.now() + timedelta(days=days)):
            spend(juniper.business)
            work(juniper)
    assert len(news(juniper)) == 2


def test_automatic_texts_that_were_not_sent_are_counted_and_told_once(juniper: House) -> None:
    on_plan(juniper.business, 1)
    client = juniper.client()
    arguments: dict[str, Any] = {"kind": Message.Kind.TRANSACTIONAL, "title": "Reminder", "body": "é" * 161}
    key = uuid.uuid4()
    for again in (key, key, uuid.uuid4(), uuid.uuid4()):
        message = sending.send_automatic(juniper.business, client, key=again, **arguments)
        assert message.state == "canceled"
        assert message.reason.startswith("This text needs 2 of your texts, and 1 is left.")
    assert Meter.of(juniper.business).refused == 3
    assert told(juniper) == ["gone"]
    work(juniper)
    [(title, words)] = news(juniper)
    assert title == "You have run out of texts"
    assert words.startswith("Only 1 left, too few for a text that was to go. Texts are refused until ")
    # One that stops at something else is not counted.
    other = juniper.client("Long", "Gone", "+15035550199")
    arguments["body"] = "x" * 1601
    assert sending.send_automatic(juniper.business, other, key=uuid.uuid4(), **arguments).state == "canceled"
    assert Meter.of(juniper.business).refused == 3
