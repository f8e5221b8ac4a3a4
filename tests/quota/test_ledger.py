"""The ledger: its sums are the balance whatever happens, and at a balance of one exactly one text is sent."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley.businesses.models import Business, Plan
from parley.messaging import sending
from parley.messaging.models import Message
from parley.quota import ledger
from parley.quota.models import Balance, Entry
from tests.people import House, make_house
from tests.quota.conftest import add_up, on_plan, paid_order, plan_of
from tests.waiting import SOMEBODY_WAITS, until

# In Los Angeles, where Juniper is, November is over at 8:00 UTC.
LAST_MINUTE = datetime(2026, 12, 1, 7, 59, tzinfo=UTC)
FIRST_MINUTE = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Each in a thread with a connection of its own, all at once. What each returned, or the exception it raised."""
    results: list[Any] = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def run(place: int) -> None:
        try:
            connection.ensure_connection()
            ready.wait(20)
            results[place] = acts[place]()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def spend(business: Business, segments: int = 1, kind: ledger.Kind = "direct") -> uuid.UUID:
    message = uuid.uuid4()
    ledger.debit(business, message, kind, segments)
    return message


def kinds(business: Business) -> list[str]:
    return list(Entry.objects.filter(business=business).order_by("id").values_list("kind", flat=True))


# ---- Sending at the end of the balance


@pytest.mark.django_db(transaction=True)
def test_20_senders_at_a_balance_of_one_send_one_in_every_round() -> None:
    house = make_house()
    on_plan(house.business, 0)
    clients = [house.client("Client", str(n), f"+1503555{2000 + n}") for n in range(20)]
    for round in range(1, 11):
        ledger.give(house.business, 1, "a round")
        results = together(
            *[
                lambda client=client: sending.send(house.owner, client, channel="sms", body="Hello")
                for client in clients
            ]
        )
        refused = [one for one in results if isinstance(one, sending.CannotSend)]
        assert len(refused) == 19, [repr(one) for one in results]
        assert all(one.buy for one in refused)
        assert add_up(house.business) == (0, 0)
        spent = set(Entry.objects.filter(kind="spent").values_list("message_id", flat=True))
        assert spent == set(Message.objects.values_list("id", flat=True))
        assert len(spent) == round


def test_two_segments_at_a_balance_of_one_are_refused_with_the_numbers(juniper: House) -> None:
    on_plan(juniper.business, 1)
    with pytest.raises(sending.CannotSend) as refusal:
        sending.send(juniper.owner, juniper.client(), channel="sms", body="é" * 161)
    assert refusal.value.words == (
        "This text needs 2 of your texts, and 1 is left. Owners and admins can buy more in Settings."
    )
    assert refusal.value.buy
    assert not Message.objects.exists()
    ledger.balance(juniper.business)
    assert add_up(juniper.business) == (1, 0)


def test_at_nothing_the_refusal_says_when_they_start_over(juniper: House) -> None:
    on_plan(juniper.business, 0)
    with time_machine.travel(LAST_MINUTE, tick=False), pytest.raises(ledger.NoTexts) as refusal:
        spend(juniper.business)
    assert refusal.value.words == "No texts are left. They start over on December 1."
    with time_machine.travel(FIRST_MINUTE, tick=False), pytest.raises(ledger.NoTexts) as refusal:
        spend(juniper.business)
    assert refusal.value.words == "No texts are left. They start over on January 1."


def test_the_months_texts_are_used_first_then_bought_ones(juniper: House) -> None:
    on_plan(juniper.business, 3)
    assert ledger.credit_order(paid_order(juniper.business, 5))
    assert ledger.debit(juniper.business, uuid.uuid4(), "direct", 2).left == 6
    spent = ledger.debit(juniper.business, uuid.uuid4(), "marketing", 2)
    assert (spent.monthly, spent.bought, spent.left) == (1, 1, 4)
    assert add_up(juniper.business) == (0, 4)


# ---- The month


def test_the_month_turns_in_the_businesss_zone(juniper: House) -> None:
    on_plan(juniper.business, 10)
    with time_machine.travel(LAST_MINUTE, tick=False):
        ledger.give(juniper.business, 4, "")
        spend(juniper.business, 7)
        assert add_up(juniper.business) == (3, 4)
    with time_machine.travel(FIRST_MINUTE, tick=False):
        assert ledger.seen(juniper.business).left == 14
        # Last month's would have been enough for this one.
        spend(juniper.business, 6)
        assert add_up(juniper.business) == (4, 4)
        spend(juniper.business, 5)
        assert add_up(juniper.business) == (0, 3)
        known = ledger.balance(juniper.business)
    assert (str(known.month), known.allowance, known.used) == ("2026-12-01", 10, 11)
    assert kinds(juniper.business) == ["month", "given", "spent", "lapsed", "month", "spent", "spent"]
    with time_machine.travel(LAST_MINUTE, tick=False):
        # A business that moves west goes on in the month that it has.
        spend(juniper.business, 3)
    assert add_up(juniper.business) == (0, 0)
    assert kinds(juniper.business).count("month") == 2


@pytest.mark.django_db(transaction=True)
def test_a_month_is_credited_once_however_many_begin_it() -> None:
    house = make_house()
    on_plan(house.business, 100)
    with time_machine.travel(LAST_MINUTE, tick=False):
        spend(house.business, 30)
    with time_machine.travel(FIRST_MINUTE):
        acts: list[Callable[[], Any]] = [lambda: spend(house.business)] * 8
        acts += [lambda: ledger.balance(house.business)] * 4 + [ledger.begin_months] * 4
        results = together(*acts)
        assert not [one for one in results if isinstance(one, Exception)]
        assert add_up(house.business) == (92, 0)
    assert kinds(house.business) == ["month", "spent", "lapsed", "month"] + ["spent"] * 8


def test_the_job_begins_months_once_where_they_turned(juniper: House, alder: House) -> None:
    for house in (juniper, alder):
        with time_machine.travel(LAST_MINUTE - timedelta(days=3), tick=False):
            ledger.balance(house.business)
    # In Toronto it is December three hours before it is in Los Angeles.
    assert [ledger.begin_months(LAST_MINUTE), ledger.begin_months(LAST_MINUTE)] == [1, 0]
    assert Balance.objects.get(business=alder.business).month.month == 12
    assert [ledger.begin_months(FIRST_MINUTE), ledger.begin_months(FIRST_MINUTE)] == [1, 0]
    for house in (juniper, alder):
        assert kinds(house.business) == ["month", "lapsed", "month"]
        assert add_up(house.business) == (2000, 0)


def test_a_sign_up_that_nobody_finished_gets_no_ledger(juniper: House) -> None:
    """It could not be forgotten then: no line of a ledger is ever deleted."""
    assert ledger.begin_months() == 0
    juniper.business.name = "Juniper"
    juniper.business.save()
    assert not Balance.objects.exists()


# ---- Refunds


def test_a_refund_goes_back_where_it_came_from_once(juniper: House, alder: House) -> None:
    for house in (juniper, alder):
        on_plan(house.business, 3)
        ledger.give(house.business, 2, "")
    both = spend(juniper.business, 4, "automatic")
    other = spend(alder.business, 1)
    ledger.refund([both, both, other, uuid.uuid4()])
    ledger.refund([both])
    assert add_up(juniper.business) == add_up(alder.business) == (3, 2)
    assert Balance.objects.get(business=juniper.business).used == 0
    assert kinds(juniper.business).count("refund") == 1


def test_a_refund_in_the_next_month_brings_back_only_what_was_bought(juniper: House) -> None:
    on_plan(juniper.business, 3)
    with time_machine.travel(LAST_MINUTE, tick=False):
        ledger.give(juniper.business, 2, "")
        old = spend(juniper.business, 4)
    with time_machine.travel(FIRST_MINUTE, tick=False):
        spend(juniper.business, 1)
        ledger.refund([old])
        known = ledger.balance(juniper.business)
    assert add_up(juniper.business) == (2, 2)
    assert (known.used, known.used_direct) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_refund_that_waits_while_the_month_turns_counts_for_the_new_month() -> None:
    house = make_house()
    on_plan(house.business, 3)
    with time_machine.travel(LAST_MINUTE, tick=False):
        old = spend(house.business, 2)
    with time_machine.travel(FIRST_MINUTE):
        with transaction.atomic():
            ledger.balance(house.business)
            refund = threading.Thread(target=lambda: together(lambda: ledger.refund([old])))
            refund.start()
            # It is waiting for the balance that this transaction has begun the month of.
            until(_somebody_waits, what="the refund's wait")
        refund.join(20)
        known = ledger.balance(house.business)
    assert (known.monthly, known.used) == (3, 0)
    assert add_up(house.business) == (3, 0)
    assert kinds(house.business)[-1] == "refund"


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(SOMEBODY_WAITS)
        return bool(cursor.fetchone()[0])


# ---- Credits


def test_an_order_is_credited_once(juniper: House) -> None:
    order = paid_order(juniper.business, 500)
    assert [ledger.credit_order(order), ledger.credit_order(order)] == [True, False]
    assert add_up(juniper.business) == (2000, 500)


def test_low_is_below_what_auto_reload_begins_at(juniper: House) -> None:
    on_plan(juniper.business, 100)
    assert not ledger.low(juniper.business)
    spend(juniper.business)
    assert ledger.low(juniper.business)


def test_a_larger_plan_counts_at_once_and_a_smaller_one_next_month(juniper: House) -> None:
    on_plan(juniper.business, 10)
    spend(juniper.business, 9)
    on_plan(juniper.business, 25)
    assert add_up(juniper.business) == (16, 0), "by the signal: nobody has looked yet"
    on_plan(juniper.business, 5)
    on_plan(juniper.business, 25)
    assert add_up(juniper.business) == (16, 0)
    on_plan(juniper.business, 5)
    assert ledger.balance(juniper.business).allowance == 25
    next_month = timezone.now() + timedelta(days=32)
    with time_machine.travel(next_month):
        assert ledger.balance(juniper.business).monthly == 5
    add_up(juniper.business)


def test_the_operator_makes_a_plan_larger(juniper: House, alder: House) -> None:
    for house in (juniper, alder):
        on_plan(house.business, 10)
        spend(house.business, 4)
    on_plan(alder.business, 5)
    plan = plan_of(10)
    plan.monthly_texts = 12
    plan.save()
    assert add_up(juniper.business) == (8, 0)
    assert add_up(alder.business) == (6, 0)
    # A change that no signal tells of counts when somebody sends or looks.
    Plan.objects.filter(pk=plan.pk).update(monthly_texts=20)
    fresh = Business.objects.get(pk=juniper.business.pk)
    assert ledger.seen(fresh).left == 16
    spend(fresh, 16)
    assert add_up(juniper.business) == (0, 0)
    assert Entry.objects.filter(business=juniper.business, kind="plan").count() == 2


def test_the_database_refuses_to_change_a_line(juniper: House) -> None:
    spend(juniper.business)
    for act in (lambda e: e.update(monthly=0), lambda e: e.delete()):
        with pytest.raises(DatabaseError, match="its lines are never changed"), transaction.atomic():
            act(Entry.objects.filter(business=juniper.business))


# ---- Whatever happens

ACTS = st.one_of(
    st.tuples(st.just("spend"), st.integers(1, 6), st.sampled_from(["direct", "automatic", "marketing"])),
    st.tuples(st.just("refund"), st.integers(0, 20), st.none()),
    st.tuples(st.just("give"), st.integers(1, 5), st.none()),
    st.tuples(st.just("plan"), st.sampled_from([0, 3, 8]), st.none()),
    st.tuples(st.just("month"), st.none(), st.none()),
    st.tuples(st.just("job"), st.none(), st.none()),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=5, max_size=25))
def test_the_sums_are_the_balance_whatever_happens(juniper: House, acts: list[Any]) -> None:
    """Against a model in Python, where it can be said what a text may cost."""
    business = juniper.business
    with transaction.atomic():
        on_plan(business, 3)
        at = datetime(2026, 1, 15, tzinfo=UTC)
        bought, spent, refunded = 0, [], set()
        with time_machine.travel(at, tick=False) as clock:
            for act, number, kind in acts:
                before = ledger.balance(business)
                if act == "spend":
                    if number > before.left:
                        with pytest.raises(ledger.NoTexts):
                            spend(business, number, kind)
                    else:
                        took = min(number, before.monthly)
                        spent.append((spend(business, number, kind), at.month, took, number - took))
                        bought -= number - took
                elif act == "refund" and spent:
                    message, month, took, cost = spent[number % len(spent)]
                    ledger.refund([message])
                    if message not in refunded:
                        bought += cost
                        refunded.add(message)
                        after = Balance.objects.get(business=business)
                        back = took if month == at.month else 0
                        assert after.monthly == before.monthly + back
                elif act == "give":
                    ledger.give(business, number, "")
                    bought += number
                elif act == "plan":
                    on_plan(business, number)
                elif act == "month" and at.month < 12:
                    at = at.replace(month=at.month + 1)
                    clock.move_to(at, tick=False)
                elif act == "job":
                    ledger.begin_months()
                now = Balance.objects.get(business=business)
                assert add_up(business)[1] == now.bought == bought
                assert min(now.used_direct, now.used_automatic, now.used_marketing, now.monthly) >= 0
        transaction.set_rollback(True)


def test_what_follows_from_a_debit_is_known_before_it(juniper: House) -> None:
    """`_NOTHING_FOLLOWS` is `After.crossed` in SQL: the short road is taken only where nothing is to be told."""
    grid = list(itertools.product(range(12), (0, 1, 5), (0, 5, 10, 15), (False, True), (0, 4)))
    names = ("monthly", "bought", "allowance", "reload", "reload_below")
    arrays = "%(a)s::int[], %(b)s::int[], %(c)s::int[], %(d)s::bool[], %(e)s::int[]"
    asked = f"SELECT (true {ledger._NOTHING_FOLLOWS}) FROM unnest({arrays}) AS v ({', '.join(names)})"
    for segments in (1, 2, 6):
        with connection.cursor() as cursor:
            given = dict(zip("abcde", map(list, zip(*grid, strict=True)), strict=True))
            cursor.execute(asked, given | {"segments": segments})
            said = [nothing for (nothing,) in cursor.fetchall()]
        checked = 0
        for (monthly, bought, allowance, reload, below), nothing in zip(grid, said, strict=True):
            if monthly + bought < segments:
                continue
            took = min(monthly, segments)
            after = ledger.After(took, monthly - took, bought - (segments - took), allowance, reload, below)
            follows = bool(after.crossed) or (reload and after.left < below)
            assert nothing is not follows, (monthly, bought, allowance, reload, below, segments)
            checked += follows
        assert checked > 50
