"""The automatic messages of one thing, as whoever shows it asks for them."""

from __future__ import annotations

import re

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse

from parley.appointments import booking
from parley.messaging.models import Message
from parley.payments import asking
from tests.alerts.engine import HOUR, NOW, book, hour, rule, turn
from tests.people import House

__all__ = ["hour"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hour")]


def shown(browser: Browser, about: str, id: object) -> list[str]:
    answer = browser.get(reverse("alerts_about", args=[about, id]))
    assert answer.status_code == 200
    lines = re.findall(r"<li>(.*?)</li>", answer.content.decode(), re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in lines]


def test_what_is_planned_sent_and_not_sent(
    client: Browser, juniper: House, alder: House, hour: time_machine.Traveller
) -> None:
    client.force_login(juniper.owner.user)
    rule(juniper, "thanks", email=True)
    visit = book(juniper, juniper.client(email="maya@okafor.example"), NOW + 50 * HOUR)
    turn()
    Message.objects.filter(channel="sms").update(state="delivered")
    assert shown(client, "appointment", visit.pk) == [
        "Booking confirmation 10:00 AM, SMS · Delivered",
        "Booking confirmation 10:00 AM, Email · Waiting to send",
        "Appointment reminder Tomorrow 12:00 PM, SMS · Planned",
        "Thank you Thu, Dec 3, 4:00 PM, SMS and email · Planned",
    ]
    start = NOW + 100 * HOUR
    booking.edit(juniper.business, visit.pk, starts_at=start, ends_at=start + HOUR)
    assert "Appointment reminder Tomorrow 12:00 PM · Not sent: It was moved." in shown(
        client, "appointment", visit.pk
    )
    hour.shift(24 * HOUR)
    request = asking.ask(juniper.business, juniper.client("Ana", phone=""), title="Cut", cents=1, silent=True)
    assert shown(client, "payment", request.pk) == []
    # Nobody else's, and nothing that there is not.
    client.force_login(alder.owner.user)
    for about, id in (
        ("appointment", visit.pk),
        ("payment", request.pk),
        ("lead", visit.pk),
        ("what", visit.pk),
    ):
        assert client.get(reverse("alerts_about", args=[about, id])).status_code == 404


def test_it_costs_the_same_with_many(
    client: Browser, juniper: House, django_assert_max_num_queries: object
) -> None:
    client.force_login(juniper.owner.user)
    visit = book(juniper, juniper.client())
    for n in range(12):
        turn()
        start = NOW + (60 + n) * HOUR
        booking.edit(juniper.business, visit.pk, starts_at=start, ends_at=start + HOUR)
    client.get(reverse("alerts_about", args=["appointment", visit.pk]))
    with django_assert_max_num_queries(6) as asked:  # type: ignore[operator]
        assert len(shown(client, "appointment", visit.pk)) > 20
    assert sum("alerts_" in query["sql"] for query in asked.captured_queries) == 2
