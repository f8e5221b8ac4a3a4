"""What is due is written once, if it still holds; and what is not sent says why."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction

from parley.alerts import clock, wording
from parley.alerts.models import Due, Rule
from parley.appointments import booking
from parley.appointments.models import Appointment
from parley.businesses.models import Business
from parley.messaging.models import Message, Outbox
from parley.payments import asking
from parley.quota.models import Balance, Entry
from tests.alerts.engine import HOUR, NOW, book, dues, hour, rule, turn
from tests.people import House

__all__ = ["hour"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hour")]


def messages(house: House, *fields: str) -> list[Any]:
    found = house.business.messages.order_by("channel", "id")
    return list(found.values_list(*(fields or ("title", "channel", "state"))))


def test_a_booking_a_reminder_and_nothing_twice(juniper: House, hour: time_machine.Traveller) -> None:
    client = juniper.client(email="maya@okafor.example")
    visit = book(juniper, client)
    assert turn() == 1
    assert messages(juniper) == [
        ("Booking confirmation", "email", "queued"),
        ("Booking confirmation", "sms", "queued"),
    ]
    text = Message.objects.get(channel="sms")
    assert text.body.startswith("Hi Maya, ")
    assert (text.kind, text.segments, text.number_id) == ("transactional", 1, juniper.number.pk)
    assert text.why["quota"]["left"] == Balance.objects.get().left
    assert set(text.why) == {"number", "consent", "quota"}
    email = Message.objects.get(channel="email")
    assert email.subject
    assert email.their_address == "maya@okafor.example"
    [due] = Due.objects.filter(state="done")
    assert {text.client_key, email.client_key} == {clock.key_of(due, "sms"), clock.key_of(due, "email")}
    visit.refresh_from_db()
    assert visit.asked_at == NOW
    assert turn() == 0
    hour.move_to(visit.starts_at - 24 * HOUR)
    assert turn() == 1
    assert messages(juniper)[-1] == ("Appointment reminder", "sms", "queued")
    assert "tomorrow" in Message.objects.latest("id").body
    # A worker that died before it could mark it done: the same message, not another.
    Due.objects.update(state="waiting")
    turn()
    assert Message.objects.count() == Outbox.objects.count() + 1 == 3
    # The conversation is nobody's to answer.
    conversation = text.conversation
    assert (conversation.unread, conversation.waiting, conversation.last_message_id) == (0, False, None)


def test_what_does_not_hold_any_more_is_dropped_with_the_reason(
    juniper: House, hour: time_machine.Traveller
) -> None:
    """As if planning had not dropped it already: the clock asks for itself."""
    client = juniper.client()
    visits = [book(juniper, client, NOW + (72 + n) * HOUR, silent=True) for n in range(6)]
    held = Appointment.objects.filter
    held(pk=visits[0].pk).update(status="cancelled")
    held(pk=visits[1].pk).update(moves=1)
    held(pk=visits[2].pk).update(status="missed")
    held(pk=visits[3].pk).update(declined_at=NOW)
    held(pk=visits[4].pk).update(status="requested")
    held(pk=visits[5].pk).delete()
    request = asking.ask(juniper.business, client, title="Cut", cents=1, silent=True, due_on=NOW.date())
    type(request).objects.update(status="paid")
    estimate = asking.offer(juniper.business, client, title="Cut", cents=1)
    type(estimate).objects.update(status="declined")
    Due.objects.update(at=NOW, late_after=NOW + HOUR)
    turn()
    assert set(dues(juniper, "kind", "state", "reason")) == {
        ("reminder", "dropped", "It was cancelled."),
        ("reminder", "dropped", "It was moved."),
        ("reminder", "dropped", "They didn’t come."),
        ("reminder", "dropped", "They wrote that they may not come."),
        ("reminder", "dropped", "You have not agreed to it yet."),
        ("reminder", "dropped", "It was deleted."),
        ("overdue", "dropped", "It was paid."),
        ("offered", "dropped", "It was answered."),
    }
    assert messages(juniper) == []


def test_a_rule_that_was_switched_off_meanwhile(juniper: House) -> None:
    book(juniper, juniper.client())
    rule(juniper, "booked", on=False)
    turn()
    assert dues(juniper, "state", "reason", kind="booked") == [("dropped", "It is switched off.")]


@pytest.mark.parametrize(
    ("client", "channels", "written", "reason"),
    [
        ({"phone": ""}, (True, True), ["email"], ""),
        ({"email": ""}, (True, True), ["sms"], ""),
        ({}, (True, True), ["email", "sms"], ""),
        ({}, (False, True), ["email"], ""),
        ({"phone": "", "email": ""}, (True, True), [], "Maya has no mobile number and no email address."),
        ({"phone": ""}, (True, False), [], "Maya has no mobile number."),
        ({"email": ""}, (False, True), [], "Maya has no email address."),
        ({}, (False, False), [], "It goes neither by SMS nor by email."),
    ],
)
def test_by_which_way_it_goes(
    juniper: House, client: dict[str, str], channels: tuple[bool, bool], written: list[str], reason: str
) -> None:
    rule(juniper, "booked", sms=channels[0], email=channels[1])
    visit = book(juniper, juniper.client(**({"email": "maya@okafor.example"} | client)))
    turn()
    assert [channel for (channel,) in messages(juniper, "channel")] == written
    assert dues(juniper, "state", "reason", kind="booked") == [("done" if written else "dropped", reason)]
    visit.refresh_from_db()
    assert bool(visit.asked_at) == ("sms" in written)


def test_who_opted_out_is_not_asked_and_the_thread_says_why(juniper: House) -> None:
    visit = book(juniper, juniper.client(texting="stopped"))
    turn()
    [(state, reason)] = messages(juniper, "state", "reason")
    assert state == "canceled"
    assert "asked you to stop texting" in reason
    visit.refresh_from_db()
    assert visit.asked_at is None


def test_what_is_too_late_is_not_sent_but_told(juniper: House, hour: time_machine.Traveller) -> None:
    visit = book(juniper, juniper.client(), silent=True)
    hour.move_to(visit.starts_at - 23.5 * HOUR)
    turn()
    assert dues(juniper, "state", "reason") == [("late", "It could not be sent in time.")]
    assert messages(juniper, "title", "state", "reason") == [
        ("Appointment reminder", "canceled", "It could not be sent in time.")
    ]
    assert not Outbox.objects.exists()
    assert not Entry.objects.filter(kind="spent").exists()


def test_a_second_before_that_it_is_sent(juniper: House, hour: time_machine.Traveller) -> None:
    visit = book(juniper, juniper.client(), silent=True)
    hour.move_to(visit.starts_at - 23.5 * HOUR - HOUR / 3600)
    turn()
    assert messages(juniper, "state") == [("queued",)]


def test_one_that_fails_holds_up_nobody(juniper: House, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["Ana", "Unfit", "Bug", "Poison", "Zoe"]
    for place, name in enumerate(names):
        book(juniper, juniper.client(name, phone=f"+1503555013{place}"))
    compose, values = wording.compose, clock.placeholders.values

    def said(given: Rule, spoken: Any, language: str) -> Any:
        match spoken["client"]["first_name"]:
            case "Unfit":
                raise wording.Unfit("Nothing would be said.")
            case "Bug":
                raise KeyError
        return compose(given, spoken, language)

    def found(business: Business, client: Any, *rest: Any, **more: Any) -> Any:
        if client.first_name == "Poison":
            # What spoils the transaction, and with it the whole batch.
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1/0")
        return values(business, client, *rest, **more)

    monkeypatch.setattr(clock.wording, "compose", said)
    monkeypatch.setattr(clock.placeholders, "values", found)
    turn()
    ended = dict(zip(names, dues(juniper, "state", "reason", kind="booked"), strict=True))
    assert ended["Ana"] == ended["Zoe"] == ("done", "")
    assert ended["Unfit"] == ("dropped", "Nothing would be said.")
    assert ended["Bug"] == ("dropped", clock.NO_WORDS)
    assert ended["Poison"] == ("dropped", clock.FAILED)
    assert Outbox.objects.count() == 2


def test_many_turns_for_many_and_one_business_at_a_time(juniper: House, alder: House) -> None:
    for house in (juniper, alder):
        for n in range(5):
            book(house, house.client(phone=f"+1503555014{n}"))
    assert turn(most=2) == 6
    assert Message.objects.filter(business=juniper.business).count() == 5
    assert Message.objects.filter(business=alder.business).count() == 5
    for message in Message.objects.select_related("conversation__client"):
        assert (
            message.conversation.business_id == message.business_id == message.conversation.client.business_id
        )


def test_the_words_are_in_the_client_s_language(juniper: House) -> None:
    Business.objects.filter(pk=juniper.business.pk).update(language="es")
    book(juniper, juniper.client(language="fr"))
    book(juniper, juniper.client("Ana", phone="+15035550121"))
    turn()
    assert [body.split(" ")[0] for (body,) in messages(juniper, "body")] == ["Bonjour", "Hola"]


@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_changing_just_now_is_left_for_the_next_look(juniper: House) -> None:
    visit = book(juniper, juniper.client())
    other = book(juniper, juniper.client("Ana", phone="+15035550121"))
    held, done = threading.Event(), threading.Event()

    def cancel() -> None:
        try:
            with transaction.atomic():
                # What was planned for it is not touched yet.
                booking.held(juniper.business, visit.pk)
                held.set()
                assert done.wait(60)
                booking.cancel(juniper.business, visit.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hands:
        cancelling = hands.submit(cancel)
        assert held.wait(60)
        turn()
        assert dues(juniper, "state", about_id=other.pk, kind="booked") == [("done",)]
        assert Message.objects.count() == 1
        done.set()
        cancelling.result(60)
    turn()
    assert Message.objects.count() == 1
    assert set(dues(juniper, "state", about_id=visit.pk)) == {("dropped",)}


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one(juniper: House, alder: House) -> None:
    for house in (juniper, alder):
        for n in range(40):
            book(house, house.client(phone=f"+150355502{n:02}"))

    def work(_: int) -> None:
        try:
            for _ in range(40):
                turn(most=3)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(work, range(4)))
    assert not Due.objects.filter(kind="booked").exclude(state="done").exists()
    assert (
        Message.objects.count() == Outbox.objects.count() == Entry.objects.filter(kind="spent").count() == 80
    )


def test_a_text_that_left_before_a_restore_is_not_sent_again(juniper: House) -> None:
    client = juniper.client()
    book(juniper, client)
    due = Due.objects.get(kind="booked")
    with transaction.atomic():
        turn()
        body = Message.objects.get().body
        transaction.set_rollback(True)
    left = juniper.text(client, body, inbound=False, author=None, why={"records": True}, minutes_ago=5)
    turn()
    left.refresh_from_db()
    assert left.client_key == clock.key_of(due, "sms")
    assert (Message.objects.count(), Outbox.objects.count()) == (1, 0)
