"""Who is in a campaign, when they are texted, and what is counted of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.campaigns import clock, control
from parley.campaigns.models import Campaign, Recipient
from parley.clients import consent
from parley.clients.models import Consent, Handset
from parley.messaging import revoking
from parley.messaging.models import Message, Outbox
from parley.notifications.models import Notification
from parley.numbers.models import PhoneNumber
from parley.quota import ledger, settling
from parley.quota.models import Balance
from parley.quota.payments import PaymentEvent
from tests.campaigns.conftest import Make, begin, people, states
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)


def test_whoever_agreed_gets_it_once_and_whoever_did_not_is_told_why(juniper: House, campaign: Make) -> None:
    people(juniper, 3)
    people(juniper, 2, agreed=False, first=10)
    juniper.client("Nobody", "", "")
    gone, land = people(juniper, 2, first=20)
    revoking.record(
        juniper.business,
        gone.phone,
        category=Consent.Category.MARKETING,
        says=Consent.Says.REFUSED,
        how=Consent.How.IN_PERSON,
    )
    Handset.objects.filter(phone=land.phone).update(reach="landline")
    one = begin(campaign(), juniper)
    assert (one.status, one.fit, one.unfit) == ("sending", 3, 5)
    assert states(one) == {
        "waiting": 3,
        "skipped:no_consent": 2,
        "skipped:no_number": 1,
        "skipped:opted_out": 1,
        "skipped:landline": 1,
    }
    assert clock.write_some()
    assert not clock.write_some()
    assert states(one)["queued"] == 3
    texts = Message.objects.filter(kind="marketing")
    assert texts.count() == Outbox.objects.filter(priority=2).count() == 3
    text = texts.first()
    assert text is not None
    assert text.body.startswith(
        "Juniper Hair Studio: Color week is Dec 1 to 6.\nReply STOP to opt out, or http"
    )
    assert text.why["number"]["rule"] == "marketing_pool"
    assert text.why["consent"]["basis"] == "agreed"
    assert text.title == "Holiday color week"
    # Nobody has said a word in it: it stays out of the Inbox.
    assert text.conversation.closed_at
    for state in ("accepted", "sent", "delivered"):
        Message.objects.filter(pk=text.pk).update(state=state, changed_at=timezone.now())
        states(one)
    assert states(one)["delivered"] == 1
    Message.objects.filter(kind="marketing").exclude(pk=text.pk).update(state="undelivered", code="30006")
    assert states(one)["failed:30006"] == 2
    clock.write_some()
    one.refresh_from_db()
    assert one.status == "sent"


def test_a_pause_takes_back_what_has_not_left_and_it_goes_on_with_everybody(
    juniper: House, campaign: Make
) -> None:
    people(juniper, 5)
    one = begin(campaign(), juniper)
    clock.write_some()
    left = Balance.objects.get().left
    control.pause(one)
    assert states(one) == {"waiting": 5}
    assert not Outbox.objects.exists()
    assert not Message.objects.exists()
    assert Balance.objects.get().left == left + sum([Recipient.objects.filter(campaign=one).count() * 1])
    assert not clock.write_some()
    control.resume(one)
    clock.write_some()
    assert states(one) == {"queued": 5}
    one.refresh_from_db()
    assert one.queued == 5
    with pytest.raises(control.CannotChange):
        control.resume(one)


def test_whoever_opts_out_meanwhile_gets_nothing(juniper: House, campaign: Make) -> None:
    first, second, _ = people(juniper, 3)
    one = begin(campaign(), juniper)
    consent.record(
        juniper.business,
        first.phone,
        category=Consent.Category.ALL,
        says=Consent.Says.REFUSED,
        how=Consent.How.TEXT,
    )
    clock.write_some()
    assert states(one) == {"skipped:opted_out": 1, "queued": 2}
    revoking.record(
        juniper.business,
        second.phone,
        category=Consent.Category.ALL,
        says=Consent.Says.REFUSED,
        how=Consent.How.IN_PERSON,
    )
    assert states(one) == {"skipped:opted_out": 2, "queued": 1}
    recipient = Recipient.objects.get(phone=second.phone)
    assert recipient.opted_out_at


def test_the_first_few_go_first_and_are_waited_for(juniper: House, campaign: Make) -> None:
    people(juniper, 120)
    one = begin(campaign(), juniper)
    assert (one.phase, one.first_few) == ("canary", 10)
    clock.write_some()
    clock.write_some()
    clock.write_some()
    assert Message.objects.count() == 10
    Message.objects.update(state="delivered", changed_at=timezone.now())
    states(one)
    clock.write_some()
    assert Message.objects.count() == 120
    assert Campaign.objects.get().phase == "rest"


def test_too_many_failures_stop_it(juniper: House, campaign: Make) -> None:
    people(juniper, 120)
    one = begin(campaign(), juniper)
    clock.write_some()
    ids = list(Message.objects.values_list("pk", flat=True))
    Message.objects.filter(pk__in=ids[:6]).update(
        state="undelivered", code="30005", changed_at=timezone.now()
    )
    states(one)
    clock.write_some()
    one.refresh_from_db()
    assert (one.status, one.braked) == ("paused", True)
    assert "6 of the first 6 texts did not arrive" in one.reason
    control.resume(one)
    clock.write_some()
    assert Message.objects.count() > 100


def test_it_pauses_when_no_texts_are_left_and_says_so_to_whoever_manages(
    juniper: House, campaign: Make
) -> None:
    people(juniper, 5)
    one = begin(campaign(), juniper)
    ledger.balance(juniper.business)
    Balance.objects.update(monthly=2, bought=0)
    clock.write_some()
    one.refresh_from_db()
    assert (one.status, one.queued) == ("sending", 2)
    clock.write_some()
    one.refresh_from_db()
    assert (one.status, one.braked) == ("paused", True)
    assert one.reason.startswith("No texts are left. They start over on")
    assert states(one) == {"waiting": 5}
    told = juniper.business.notifications.get()
    assert (told.kind, told.title, told.trouble) == ("campaign", "“Holiday color week” is paused", True)
    Balance.objects.update(bought=10)
    control.resume(one)
    clock.write_some()
    assert states(one) == {"queued": 5}


def test_it_waits_for_the_texts_that_auto_reload_buys(juniper: House, campaign: Make, settings: Any) -> None:
    settings.STRIPE = {"key": "sk_test_1", "webhook_secret": "whsec_1", "url": "http://127.0.0.1:9"}
    people(juniper, 5)
    one = begin(campaign(), juniper)
    business = juniper.business
    ledger.balance(business)

    def runs_out(**reload: Any) -> None:
        """All of it is held back, and there are no texts; auto-reload is as told."""
        one.refresh_from_db()
        if one.status == "sending":
            control.pause(one)
        Notification.objects.all().delete()
        how = {"reload": True, "reload_below": 100, "reload_pack_id": "500", "reload_most": 2, "reloads": 0}
        Balance.objects.update(monthly=0, bought=0, card="pm_1", reload_trouble="", **(how | reload))
        control.resume(one)
        clock.write_some()
        one.refresh_from_db()

    def settles(became: str) -> None:
        order = business.orders.create(texts=500, cents=1500, automatic=True)
        # It is waited for the money however long it takes.
        Campaign.objects.update(changed_at=timezone.now() - timedelta(hours=3))
        clock.write_some()
        one.refresh_from_db()
        assert (one.status, one.reason) == ("sending", clock.BUYING)
        settling.settle(
            PaymentEvent(
                became=became,  # type: ignore[arg-type]
                business=business.pk,
                order=order.pk,
                payment=f"pi_{became}",
                cents=1500,
                currency="usd",
                words="The bank declined the card.",
            )
        )
        clock.write_some()
        one.refresh_from_db()

    # What keeps auto-reload from buying pauses it at once.
    for no in ({"reload": False}, {"reloads": 2}, {"reload_pack_id": None}, {"reload_below": 0}):
        runs_out(**no)
        assert (one.status, one.braked) == ("paused", True), no
    runs_out()
    assert (one.status, one.reason, states(one)) == ("sending", clock.BUYING, {"waiting": 5})
    assert not business.notifications.exists()
    assert ProcrastinateJob.objects.filter(task_name="reload_texts", status="todo").count() == 1
    settles("paid")
    assert (one.status, one.reason, states(one)) == ("sending", "", {"queued": 5})
    assert business.notifications.get().title == "500 texts were bought automatically"
    runs_out()
    settles("failed")
    assert (one.status, one.braked, one.reason[:18]) == ("paused", True, "No texts are left.")
    assert business.notifications.filter(title="“Holiday color week” is paused").exists()
    # Nor is it waited for a job that never orders any.
    runs_out()
    Campaign.objects.update(changed_at=timezone.now() - timedelta(minutes=11))
    clock.write_some()
    one.refresh_from_db()
    assert (one.status, one.braked) == ("paused", True)


def test_a_pause_that_says_nothing_of_the_list_does_not_use_up_the_first_few(
    juniper: House, campaign: Make, marketing: PhoneNumber
) -> None:
    """Without texts, or without a number, nobody has heard yet how the first few arrive."""
    people(juniper, 120)
    one = begin(campaign(), juniper)
    ledger.balance(juniper.business)
    Balance.objects.update(monthly=0, bought=0)
    clock.write_some()
    one.refresh_from_db()
    assert (one.status, one.braked, one.queued) == ("paused", True, 0)
    Balance.objects.update(bought=1000)
    control.resume(one)
    clock.write_some()
    clock.write_some()
    assert Message.objects.count() == 10
    # The same while they are waited for.
    business = juniper.business
    business.texting = False
    business.save()
    clock.write_some()
    one.refresh_from_db()
    assert (one.status, one.braked, one.phase) == ("paused", True, "watching")
    business.texting = True
    business.save()
    control.resume(one)
    clock.write_some()
    clock.write_some()
    assert Message.objects.count() == 10


def test_a_number_that_goes_while_a_block_is_written_leaves_nobody_out(
    juniper: House, campaign: Make, marketing: PhoneNumber
) -> None:
    people(juniper, 3)
    one = begin(campaign(), juniper)
    # As it is when the numbers were asked a moment before.
    PhoneNumber.objects.filter(pk=marketing.pk).update(approved_at=None)
    with transaction.atomic():
        assert not clock.Block(one, 10).write()
    one.refresh_from_db()
    assert (one.status, one.braked, one.reason) == ("paused", True, clock.NO_NUMBER)
    assert states(one) == {"waiting": 3}
    assert not Message.objects.exists()
    PhoneNumber.objects.filter(pk=marketing.pk).update(approved_at=timezone.now())
    control.resume(one)
    clock.write_some()
    assert states(one) == {"queued": 3}
