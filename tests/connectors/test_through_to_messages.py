"""What other systems tell, through to the client: replayed, doubled and shuffled, no kind of message comes twice."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client as Browser

from parley.alerts.models import Due
from parley.connectors import tasks
from parley.connectors.models import Endpoint, Event
from parley.messaging.models import Message
from tests.alerts.engine import turn
from tests.connectors import samples
from tests.connectors.test_connectors import APPOINTMENT, endpoint, tell
from tests.people import House

pytestmark = pytest.mark.django_db

REQUESTED, BOOKED = "Booking request", "Booking confirmation"
MOVED, CANCELLED = "Appointment changed", "Appointment cancelled"


def own(what: str, at: str, starts: str = "14:45", ends: str = "16:30") -> dict[str, Any]:
    """An event of the business's own program, about one appointment."""
    times = {"starts_at": f"2030-11-28T{starts}:00-08:00", "ends_at": f"2030-11-28T{ends}:00-08:00"}
    thing = APPOINTMENT["appointment"] | times
    return APPOINTMENT | {"type": f"appointment.{what}", "at": at, "appointment": thing}


OWN = [
    own("requested", "2026-11-20T09:30:00-08:00"),
    own("booked", "2026-11-20T09:45:00-08:00"),
    own("moved", "2026-11-21T08:00:00-08:00", "17:00", "18:45"),
    own("cancelled", "2026-11-23T08:00:00-08:00", "17:00", "18:45"),
]


def orders(events: Sequence[Any], some: int) -> Iterator[list[int]]:
    """As they happened, backwards, and `some` others; three of each come again."""
    chance = random.Random(11)
    every = list(itertools.permutations(range(len(events))))
    for order in [every[0], every[-1], *chance.sample(every, k=some)]:
        yield [*order, *chance.choices(order, k=3)]


def titles() -> Counter[str]:
    """What the client was texted, by its name."""
    return Counter(Message.objects.filter(direction="out", channel="sms").values_list("title", flat=True))


def comes(browser: Browser, to: Endpoint, events: Sequence[Any], place: int) -> None:
    assert tell(browser, to, events[place], id=f"evt_{place}").status_code == 200


def read(to: Endpoint) -> None:
    for event in Event.objects.filter(endpoint=to, done_at=None).order_by("received_at", "id"):
        tasks.read(to.business_id, event.pk)


SOURCES = [
    ("calcom", samples.CALCOM, "10:00"),
    ("calcom", samples.MOVED_ONCE, "10:00"),
    ("own", OWN, "5:00 PM"),
]


@pytest.mark.parametrize(
    ("source", "events", "_"), SOURCES, ids=["Cal.com, moved twice", "Cal.com, moved once", "own program"]
)
def test_each_kind_of_message_at_most_once(
    client: Browser, juniper: House, source: str, events: list[dict[str, Any]], _: str
) -> None:
    to = endpoint(juniper, source)
    moves = len(events) - 3
    seen: Counter[str] = Counter()
    for order in orders(events, 10):
        with transaction.atomic():
            for place in order:
                comes(client, to, events, place)
                read(to)
                turn()
            told = titles()
            # It is told of each move once; of all else once.
            assert all(count <= (moves if title == MOVED else 1) for title, count in told.items()), order
            # Whoever was told of it is told last that it is cancelled, and is reminded of nothing.
            assert not told or Message.objects.filter(channel="sms").latest("id").title == CANCELLED, order
            assert not Due.objects.filter(state="waiting").exists(), order
            if order[: len(events)] == sorted(set(order)):
                assert told == {REQUESTED: 1, BOOKED: 1, MOVED: moves, CANCELLED: 1}
            seen += told
            transaction.set_rollback(True)
    assert seen.keys() == {REQUESTED, BOOKED, MOVED, CANCELLED}


@pytest.mark.parametrize(
    ("source", "events", "time"), SOURCES, ids=["Cal.com, moved twice", "Cal.com, moved once", "own program"]
)
def test_what_comes_together_is_told_as_it_stands_in_the_end(
    client: Browser, juniper: House, source: str, events: list[dict[str, Any]], time: str
) -> None:
    """An hour of events at once, as after an outage: one confirmation with the last time, and one reminder."""
    to = endpoint(juniper, source)
    for whole in (events[:-1], events):
        for order in orders(whole, 6):
            with transaction.atomic():
                for place in order:
                    comes(client, to, whole, place)
                read(to)
                turn()
                reminders = Due.objects.filter(kind="reminder", state="waiting")
                if whole is events:
                    assert (titles(), reminders.count()) == ({}, 0), order
                else:
                    assert titles() == {BOOKED: 1}, order
                    appointment = juniper.business.appointments.get()
                    assert time in Message.objects.get(channel="sms").body
                    assert reminders.get().at == appointment.starts_at - timedelta(hours=24)
                transaction.set_rollback(True)
