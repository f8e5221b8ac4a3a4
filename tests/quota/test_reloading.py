"""Auto-reload: one need is one charge, whatever dies, is lost or happens at once; and people are told what ended it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections, transaction
from django.test import Client as Browser
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import Business
from parley.notifications.models import Letter, Notification
from parley.quota import ledger, payments, reloading
from parley.quota.models import Balance, Order
from parley.quota.payments import Paid, Unavailable
from tests.people import House
from tests.quota.conftest import add_up
from tests.quota.till import Till, left, orders, tell, work

BUY = "/settings/texts/buy"


def at_once(do: Any, times: int = 20) -> list[Any]:
    def once(_: int) -> Any:
        try:
            return do()
        except Exception as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as hands:
        return list(hands.map(once, range(times)))


def waiting() -> int:
    return ProcrastinateJob.objects.filter(task_name="reload_texts", status="todo").count()


def news(house: House) -> list[str]:
    return [n.title for n in Notification.objects.filter(business=house.business).order_by("created_at")]


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_are_one_job_and_one_charge(juniper: House, nora: Browser, till: Till) -> None:
    till.keep_card(juniper, nora)
    till.reloads(juniper, below=left(juniper) + 1)
    before, business = left(juniper), juniper.business.pk

    def send_one() -> None:
        with transaction.atomic():
            # As a debit does: the balance is held until the transaction ends.
            Balance.objects.select_for_update().get(pk=business)
            reloading.notice(business)

    assert at_once(send_one) == [None] * 20
    assert waiting() == 1
    answers = at_once(lambda: reloading.reload(business), 8)
    # Who asked while the provider was still busy with the same order may have to ask again.
    assert all(one is None or isinstance(one, Unavailable) for one in answers)
    reloading.reload(business)
    assert [one["amount"] for one in till.taken(juniper)] == [1500, 1500], "the first, by hand, and one more"
    assert left(juniper) == before + 500
    assert orders(juniper) == [(500, "paid"), (500, "paid")]
    assert add_up(juniper.business)[1] == 1000
    assert Balance.objects.get(pk=business).reloads == 1
    assert news(juniper) == ["500 texts were bought automatically"]
    letter = Letter.objects.get(business=juniper.business)
    assert "$15.00 was taken from Visa ending in 4242." in letter.body
    order = Order.objects.get(automatic=True)
    # The webhook says it as well, before or after.
    tell(Browser(), till.says("payment_intent.succeeded", order.provider_id))
    assert left(juniper) == before + 500


def test_nothing_is_bought_without_need(juniper: House, nora: Browser, till: Till, db: None) -> None:
    till.keep_card(juniper, nora)
    business = juniper.business.pk
    till.reloads(juniper, below=left(juniper))
    reloading.reload(business)
    assert len(till.taken(juniper)) == 1
    Balance.objects.filter(pk=business).update(reload=False, reload_below=left(juniper) + 1)
    reloading.reload(business)
    assert len(till.taken(juniper)) == 1


def test_a_declined_card_ends_it_and_is_told_once(juniper: House, nora: Browser, till: Till) -> None:
    business = juniper.business.pk
    cases = [
        ("4000000000000341", "The bank declined the card."),
        ("4000002760003184", "The bank wants the cardholder to confirm the payment"),
    ]
    for card, why in cases:
        till.keep_card(juniper, nora, card)
        till.reloads(juniper, below=left(juniper) + 1)
        before, taken = left(juniper), len(till.taken(juniper))
        Notification.objects.all().delete()
        for _ in range(2):
            reloading.reload(business)
        known = Balance.objects.get(pk=business)
        assert (known.reload, known.reloads, left(juniper)) == (False, 0, before)
        assert known.reload_trouble.startswith(why)
        assert len(till.taken(juniper)) == taken
        assert news(juniper) == ["Texts are not bought automatically any more"]
        order = Order.objects.filter(automatic=True).latest("created_at")
        assert (order.state, order.trouble) == ("failed", known.reload_trouble)
        tell(Browser(), till.says("payment_intent.payment_failed", order.provider_id))
        assert news(juniper) == ["Texts are not bought automatically any more"]
        assert known.reload_trouble in nora.get(BUY).content.decode()
        # Turned on again, the next need is another order.
        sent = {"reload": "on", "reload_below": "50", "reload_pack": "500", "reload_most": "2"}
        nora.post(f"{BUY}/automatic", sent)
        assert Balance.objects.get(pk=business).reload_trouble == ""


def test_the_months_limit_holds_it_and_the_next_month_goes_on(
    juniper: House, nora: Browser, till: Till
) -> None:
    till.keep_card(juniper, nora)
    till.reloads(juniper, below=90_000, most=2)
    business = juniper.business.pk
    for _ in range(4):
        reloading.notice(business)
        work("reload_texts")
    assert len(till.taken(juniper)) == 3
    known = Balance.objects.get(pk=business)
    assert (known.reload, known.reloads) == (True, 2)
    assert known.reload_trouble.startswith("Texts were bought 2 times this month")
    assert news(juniper).count("No more texts are bought automatically this month") == 1
    reloading.notice(business)
    assert waiting() == 0, "it was told, and there is nothing to do"
    assert "On hold until next month." in nora.get(BUY).content.decode()
    with time_machine.travel(ledger.after(ledger.month_of(juniper.business)) + timedelta(days=2)):
        ledger.balance(juniper.business)
        assert "On hold" not in nora.get(BUY).content.decode()
        reloading.notice(business)
        assert work("reload_texts") == 1
    assert len(till.taken(juniper)) == 4
    assert Balance.objects.get(pk=business).reload_trouble == ""


def test_an_answer_that_was_lost_is_settled_without_a_second_charge(
    juniper: House, nora: Browser, till: Till
) -> None:
    till.keep_card(juniper, nora)
    till.reloads(juniper, below=left(juniper) + 1)
    business, before = juniper.business.pk, left(juniper)
    storms = [
        ("taken, then cut off", {"reset_after": 1}),
        ("taken, then an error", {"error_after": 1}),
        ("taken, then nonsense", {"garbage": 1}),
        ("not taken", {"error_before": 1}),
        ("turned away", {"rate_limit": 1}),
        ("down", {"down": "refuse"}),
    ]
    for n, (name, weather) in enumerate(storms, 1):
        till.reloads(juniper, below=left(juniper) + 1, most=100)
        reloading.notice(business)
        till.weather(**weather)
        work("reload_texts")
        assert left(juniper) == before + 500 * (n - 1), name
        assert waiting() == 1, f"{name}: it is tried again"
        till.fine()
        for _ in range(2):
            work("reload_texts")
        assert left(juniper) == before + 500 * n, name
        assert len(till.taken(juniper)) == n + 1, name
    assert {state for _, state in orders(juniper)} == {"paid"}


def test_a_job_that_died_after_the_charge(juniper: House, nora: Browser, till: Till) -> None:
    till.keep_card(juniper, nora)
    business, before = juniper.business, left(juniper)
    till.reloads(juniper, below=before + 1)
    provider = payments.provider()
    assert provider
    known = Balance.objects.get(business=business)
    order = business.orders.create(texts=500, cents=1500, automatic=True)
    paid = provider.charge(order, known.customer, known.card)
    assert isinstance(paid, Paid)
    assert provider.charge(order, known.customer, known.card) == paid, "asked again, it is the same payment"
    # Meanwhile the card was replaced: the same key with another card is no answer, and no charge.
    till.keep_card(juniper, nora, "5555555555554444")
    known.refresh_from_db()
    assert isinstance(provider.charge(order, known.customer, known.card), payments.Doubt)
    reloading.reload(business.pk)
    assert left(juniper) == before + 1000
    assert len(till.taken(juniper)) == 3


def test_what_was_open_for_too_long_is_never_charged(juniper: House, nora: Browser, till: Till) -> None:
    till.keep_card(juniper, nora)
    business = juniper.business
    cases: list[tuple[str, timedelta, dict[str, Any], str]] = [
        ("the key may be forgotten", timedelta(hours=21), {}, "gave no clear answer for a day"),
        ("turned off meanwhile", timedelta(0), {"reload": False}, "The card that was kept is gone."),
        ("the card removed", timedelta(0), {"card": ""}, "The card that was kept is gone."),
    ]
    for name, age, changes, why in cases:
        till.reloads(juniper, below=left(juniper) + 1)
        order = business.orders.create(texts=500, cents=1500, automatic=True)
        Order.objects.filter(pk=order.pk).update(created_at=timezone.now() - age)
        Balance.objects.filter(business=business).update(**changes)
        reloading.reload(business.pk)
        order.refresh_from_db()
        assert order.state == "failed", name
        assert why in order.trouble, name
        assert len(till.taken(juniper)) == 1, name


def test_what_ends_it_besides_the_bank(juniper: House, nora: Browser, till: Till, settings: Any) -> None:
    till.keep_card(juniper, nora)
    business = juniper.business.pk
    for name, change in (
        ("no card", {"card": ""}),
        ("no pack", {"reload_pack_id": None}),
    ):
        till.reloads(juniper, below=left(juniper) + 1)
        kept = Balance.objects.get(pk=business).card
        Balance.objects.filter(pk=business).update(**change)
        reloading.reload(business)
        known = Balance.objects.get(pk=business)
        assert not known.reload, name
        assert known.reload_trouble, name
        Balance.objects.filter(pk=business).update(card=kept)
    till.reloads(juniper, below=left(juniper) + 1)
    settings.STRIPE = {"key": "", "webhook_secret": "", "url": ""}
    reloading.reload(business)
    assert "does not take payments any more" in Balance.objects.get(pk=business).reload_trouble
    assert len(till.taken(juniper)) == 1


def test_a_debit_below_the_line_asks_for_it(juniper: House, alder: House, nora: Browser, till: Till) -> None:
    till.keep_card(juniper, nora)
    till.reloads(juniper, below=left(juniper))
    client = juniper.client()
    message = juniper.text(client, "Hello", inbound=False)
    ledger.debit(juniper.business, message.pk, "direct", 1)
    assert waiting() == 1
    assert work("reload_texts") == 1
    assert [state for _, state in orders(juniper)] == ["paid", "paid"]
    assert orders(alder) == []
    assert Business.objects.get(pk=alder.business.pk).notifications.count() == 0
