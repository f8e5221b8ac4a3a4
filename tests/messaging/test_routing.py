"""The table "Which number" (docs/architecture.md): nine cells, two businesses, one handset."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from parley.businesses.models import Business
from parley.clients import consent
from parley.clients.models import Client
from parley.messaging import routing, sending
from parley.messaging.models import Message, Outbox, Route
from parley.numbers.models import PhoneNumber, Registration
from tests.people import House

PHONE = "+15035550118"
DIRECT, TRANSACTIONAL, MARKETING = Message.Kind.DIRECT, Message.Kind.TRANSACTIONAL, Message.Kind.MARKETING

pytestmark = pytest.mark.django_db


def shared(number: str, duty: str = "system", **more: object) -> PhoneNumber:
    return PhoneNumber.objects.create(number=number, duty=duty, pace=0, approved_at=timezone.now(), **more)


@pytest.fixture
def pools(db: None) -> list[PhoneNumber]:
    """Two system numbers, a marketing number."""
    return [shared("+18885550101"), shared("+18885550102"), shared("+18445550110", "marketing")]


def put(house: House, column: str) -> None:
    """Bring a house into a column of the table."""
    if column == "on":
        return
    house.number.delete()
    house.number = None  # type: ignore[assignment]
    if column == "waiting":
        Registration.objects.create(business=house.business, status="in_review")
    else:
        house.business.mode = Business.Mode.DO_NOT_REPLY
        house.business.save(update_fields=["mode"])


OWN, SYSTEM, CAMPAIGN, NONE = "+18555550142", "+18885550101", "+18445550110", None
CELLS = [
    (DIRECT, "on", OWN, True),
    (DIRECT, "waiting", SYSTEM, False),
    (DIRECT, "off", NONE, True),
    (TRANSACTIONAL, "on", OWN, True),
    (TRANSACTIONAL, "waiting", SYSTEM, True),
    (TRANSACTIONAL, "off", SYSTEM, True),
    (MARKETING, "on", CAMPAIGN, True),
    (MARKETING, "waiting", CAMPAIGN, True),
    (MARKETING, "off", CAMPAIGN, True),
]


@pytest.mark.parametrize(("kind", "column", "number", "guaranteed"), CELLS)
def test_nine_cells(
    juniper: House,
    alder: House,
    pools: list[PhoneNumber],
    kind: Message.Kind,
    column: str,
    number: str | None,
    guaranteed: bool,
) -> None:
    put(juniper, column)
    put(alder, column)
    maya, same = juniper.client(phone=PHONE), alder.client(phone=PHONE)
    for house in (juniper, alder):
        likes_marketing(house, PHONE)
    if number is None:
        with pytest.raises(sending.CannotSend, match="Two way texting is off") as refused:
            send(juniper, maya, kind)
        assert refused.value.settings
        assert not Outbox.objects.exists()
        return
    message = send(juniper, maya, kind)
    assert message.number is not None
    assert (message.number.number, message.state) == (number, "queued")
    ready = sending.check(juniper.business, maya, channel="sms", body="?", kind=kind)
    assert ready.guaranteed is guaranteed
    # A second business texts the same person: from another number wherever an answer could mean either.
    other = send(alder, same, kind).number
    assert other is not None
    if column == "on" and kind != MARKETING:
        assert other == alder.number
    elif kind == MARKETING:
        assert other == message.number
    else:
        assert other.number == "+18885550102"
    # And each keeps its own.
    assert send(juniper, maya, kind).number == message.number
    assert send(alder, same, kind).number == other


def likes_marketing(house: House, phone: str) -> None:
    consent.record(
        house.business,
        phone,
        category=consent.Category.MARKETING,
        says=consent.Says.AGREED,
        how=consent.How.WEB_FORM,
        words="Yes, offers",
    )


def send(house: House, client: Client, kind: Message.Kind) -> Message:
    if kind == DIRECT:
        return sending.send(house.owner, client, channel="sms", body="Hello")
    return sending.send_automatic(
        house.business, client, kind=kind, title="Reminder", body="See you at 2", key=uuid4()
    )


def test_off_with_a_number_that_was_approved_keeps_it_for_automatic_texts(
    juniper: House, pools: list[PhoneNumber]
) -> None:
    juniper.business.mode = Business.Mode.DO_NOT_REPLY
    juniper.business.save()
    maya = juniper.client(phone=PHONE)
    assert send(juniper, maya, TRANSACTIONAL).number == juniper.number
    with pytest.raises(sending.CannotSend):
        send(juniper, maya, DIRECT)


def test_where_the_pool_has_none_left_nothing_is_sent(juniper: House, alder: House) -> None:
    shared("+18885550101")
    for house in (juniper, alder):
        put(house, "waiting")
    send(alder, alder.client(phone=PHONE), DIRECT)
    maya = juniper.client(phone=PHONE)
    with pytest.raises(sending.CannotSend, match="No shared number is free for this client"):
        send(juniper, maya, DIRECT)
    assert not juniper.business.messages.exists()
    # An automatic one is there to be found, with why it was not sent; and it is not sent later.
    unsent = send(juniper, maya, TRANSACTIONAL)
    assert (unsent.state, unsent.number) == ("canceled", None)
    assert "no system number to send from" in unsent.reason
    assert not Outbox.objects.filter(business_id=juniper.business.pk).exists()
    # Another client of the same business is free to be texted.
    assert send(juniper, juniper.client("Daniel", phone="+15035550131"), DIRECT).number


def test_automatic_texts_share_when_they_must_and_then_nobody_reads_the_answer(
    juniper: House, alder: House
) -> None:
    shared("+18885550101")
    for house in (juniper, alder):
        put(house, "off")
    send(alder, alder.client(phone=PHONE), TRANSACTIONAL)
    assert send(juniper, juniper.client(phone=PHONE), TRANSACTIONAL).number
    route = Route.objects.get()
    assert (route.business, route.holds) == (juniper.business, "shared")
    # A conversation never begins on it: an answer could mean the other.
    juniper.business.mode = Business.Mode.TEXTING
    juniper.business.save()
    Registration.objects.create(business=juniper.business, status="submitted")
    with pytest.raises(sending.CannotSend, match="No shared number is free"):
        send(juniper, juniper.business.clients.get(), DIRECT)


def test_an_automatic_text_never_takes_a_number_that_another_business_talks_on(
    juniper: House, alder: House
) -> None:
    shared("+18885550101")
    put(alder, "waiting")
    put(juniper, "off")
    send(alder, alder.client(phone=PHONE), DIRECT)
    assert send(juniper, juniper.client(phone=PHONE), TRANSACTIONAL).state == "canceled"
    assert Route.objects.get().business == alder.business


def test_of_two_crowded_numbers_the_one_that_nobody_talks_on_is_shared(juniper: House, alder: House) -> None:
    talked, told = shared("+18885550101"), shared("+18885550102")
    long_ago = timezone.now() - timedelta(days=9)
    for number, holds, used_at in ((talked, "conversation", long_ago), (told, "alone", timezone.now())):
        Route.objects.create(
            number=number, phone=PHONE, business=alder.business, holds=holds, used_at=used_at
        )
    put(juniper, "off")
    assert send(juniper, juniper.client(phone=PHONE), TRANSACTIONAL).number == told


@pytest.mark.parametrize("change", ["paused", "releasing_at", "released_at", "approved_at"])
def test_a_number_that_is_not_fit_is_not_taken(juniper: House, change: str) -> None:
    value: object = {"paused": "The carrier is away.", "approved_at": None}.get(change, timezone.now())
    number = shared("+18885550101")
    PhoneNumber.objects.filter(pk=number.pk).update(**{change: value})
    put(juniper, "waiting")
    with pytest.raises(sending.CannotSend):
        send(juniper, juniper.client(phone=PHONE), DIRECT)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"country": "GB"}, "for businesses in the United States and Canada"),
        ({"plan_id": "free"}, "comes with paid plans. You are on the Free plan"),
        ({"texting": False}, "Texting is switched off"),
        ({"two_way": False}, "Two way texting is off"),
        ({"mode": "do_not_reply"}, "Two way texting is off"),
    ],
)
def test_a_business_that_may_not_is_told_why(juniper: House, change: dict[str, object], words: str) -> None:
    Business.objects.filter(pk=juniper.business.pk).update(**change)
    business = Business.objects.get(pk=juniper.business.pk)
    with pytest.raises(routing.NoNumber, match=words):
        routing.may_leave(business, DIRECT, PHONE)


@pytest.mark.parametrize(
    ("registration", "waits"),
    [
        ({"status": "draft"}, False),
        ({"status": "submitted"}, True),
        ({"status": "in_review"}, True),
        ({"status": "rejected", "edit_until": timedelta(days=1)}, True),
        ({"status": "rejected", "edit_until": timedelta(days=-1)}, False),
        ({"status": "rejected", "edit_until": timedelta(days=1), "may_resubmit": False}, False),
    ],
)
def test_who_waits_for_the_carriers(juniper: House, registration: dict[str, object], waits: bool) -> None:
    shared("+18885550101")
    juniper.number.delete()
    if isinstance(left := registration.get("edit_until"), timedelta):
        registration = registration | {"edit_until": timezone.now() + left}
    Registration.objects.create(business=juniper.business, **registration)
    if waits:
        assert routing.may_leave(juniper.business, DIRECT, PHONE).guaranteed is False
    else:
        with pytest.raises(routing.NoNumber, match="registration for texting is not finished"):
            routing.may_leave(juniper.business, DIRECT, PHONE)


@pytest.mark.django_db(transaction=True)
def test_two_businesses_at_once_get_different_numbers(juniper: House, alder: House) -> None:
    for number in ("+18885550101", "+18885550102"):
        shared(number)
    for house in (juniper, alder):
        put(house, "waiting")
    clients = {
        house.business.pk: [house.client("C", str(n), phone=f"+1503555{1000 + n}") for n in range(12)]
        for house in (juniper, alder)
    }

    def text_all(house: House) -> None:
        try:
            for client in clients[house.business.pk]:
                send(house, client, DIRECT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(text_all, (juniper, alder)))
    for n in range(12):
        routes = Route.objects.filter(phone=f"+1503555{1000 + n}")
        assert {route.business_id for route in routes} == {juniper.business.pk, alder.business.pk}
        assert routes.values("number").distinct().count() == 2
