"""News of the number: told once, to managers alone, by each of their channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import Member, User
from parley.notifications.letters import send_letter
from parley.notifications.mail import MailWaits
from parley.notifications.models import Letter, Notification
from parley.notifications.telling import News, tell_managers
from tests.notifications.conftest import Device, work
from tests.people import House
from tests.waiting import free_ports

Postbox = Callable[[], list[dict[str, Any]]]

READY = News(
    key="ready +18555550142",
    title="Your number is ready",
    words="(855) 555-0142 can text now.",
    address="/settings/sms",
    email_subject="Your number is ready",
    email_body="(855) 555-0142 can text now.\n\nSee it: https://texts.example/settings/sms\n",
)


def admin(house: House) -> Member:
    user = User.objects.create(email="ada@juniper.example", name="Ada Bell", password="!")
    return Member.objects.create(business=house.business, user=user, role="admin")


def test_owners_and_admins_are_told_once_however_often_it_is_told(
    juniper: House, alder: House, device: Callable[[], Device], postbox: Postbox
) -> None:
    ada, phone = admin(juniper), device()
    phone.belongs_to(ada.user)
    for _ in range(3):
        tell_managers(juniper.business, READY)
    tell_managers(alder.business, READY)
    work(juniper)
    work(juniper)
    mails = postbox()
    assert sorted(mail["to"] for mail in mails) == ["ada@juniper.example", "nora@juniper.example"]
    assert mails[0]["subject"] == "Your number is ready"
    assert "can text now.\n\nSee it:" in mails[0]["text"].replace("\r\n", "\n")
    assert phone.got() == [
        {
            "title": "Your number is ready",
            "body": "(855) 555-0142 can text now.",
            "url": f"/settings/sms?in={juniper.business.pk}",
            "tag": f"number {juniper.business.notifications.get().id}",
        }
    ]
    assert Notification.objects.count() == 2, "one a business"


def test_who_wants_no_email_gets_none(juniper: House, postbox: Postbox) -> None:
    admin(juniper)
    Member.objects.filter(pk=juniper.owner.pk).update(muted=["number:email"])
    tell_managers(juniper.business, READY)
    work(juniper)
    assert [mail["to"] for mail in postbox()] == ["ada@juniper.example"]


def test_it_is_all_or_nothing_with_its_cause(juniper: House) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tell_managers(juniper.business, READY)
        raise ZeroDivisionError
    assert not Notification.objects.exists()
    assert not Letter.objects.exists()
    assert not ProcrastinateJob.objects.filter(args__business_id=str(juniper.business.id)).exists()


def test_a_job_that_follows_a_dead_worker_sends_no_second_copy(juniper: House, postbox: Postbox) -> None:
    tell_managers(juniper.business, READY)
    Letter.objects.update(state="sending")
    work(juniper)
    assert Letter.objects.get().state == "unconfirmed"
    assert postbox() == []


def test_a_mail_server_that_is_away_is_waited_for(juniper: House, postbox: Postbox, settings: Any) -> None:
    tell_managers(juniper.business, READY)
    letter, right = Letter.objects.get(), settings.EMAIL_PORT
    job = {"letter_id": str(letter.id), "business_id": str(juniper.business.id)}
    [settings.EMAIL_PORT] = free_ports(1)
    with pytest.raises(MailWaits):
        send_letter(**job)
    settings.EMAIL_PORT = right
    send_letter(**job)
    letter.refresh_from_db()
    assert letter.state == "sent"
    assert len(postbox()) == 1


def test_a_letter_of_another_business_is_not_to_be_had(
    juniper: House, alder: House, postbox: Postbox
) -> None:
    tell_managers(juniper.business, READY)
    send_letter(letter_id=str(Letter.objects.get().id), business_id=str(alder.business.id))
    assert Letter.objects.get().state == "queued"
    assert postbox() == []


def test_bad_news_looks_like_it(juniper: House) -> None:
    from dataclasses import replace

    tell_managers(juniper.business, replace(READY, trouble=True))
    assert Notification.objects.get().alarming
