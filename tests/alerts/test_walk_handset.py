"""Booked, moved, reminded, answered, cancelled: what the client's phone got at each step, and what the team sees."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from playwright.sync_api import expect

from parley.alerts.models import Due
from parley.appointments.models import Appointment
from parley.businesses.models import Business
from parley.ui.templatetags.ui import clock
from tests.browser import Visit, assert_accessible, quick_actions
from tests.people import House
from tests.world import World

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ANSWER = "Reply C to confirm, or text us here to change it."
MAYA = "+15035550118"
# Whatever says when something about a client, or to them, was or will be.
TABLES = (
    "alerts_due",
    "appointments_appointment",
    "clients_consent",
    "clients_handset",
    "messaging_conversation",
    "messaging_message",
)
AGE = """
    SELECT format('UPDATE %%I SET %%s', table_name,
                  string_agg(format('%%1$I = %%1$I - %%2$L::interval', column_name, %s), ', '))
    FROM information_schema.columns
    WHERE table_name = ANY(%s) AND data_type = 'timestamp with time zone' GROUP BY table_name
"""


def days_pass(days: int) -> None:
    """All this happened, and will happen, so many days earlier: to every process, as if its clock had gone on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(AGE, [f"{days} days", list(TABLES)])
        for (age,) in cursor.fetchall():
            cursor.execute(age)


def day(at: datetime) -> str:
    """Saturday, November 28."""
    return f"{at:%A}, {at:%B} {at.day}"


def hour(at: datetime) -> str:
    return clock(at, at.tzinfo)


def test_the_phone_at_each_step(visit: Visit, world: World, juniper: House) -> None:
    # Its clocks are never set, so a day is a day whenever this runs.
    Business.objects.update(time_zone="America/Phoenix")
    juniper.business.refresh_from_db()
    world.start("jobs")
    world.add_number(juniper.number.number, owner="Juniper Hair Studio")
    world.sandbox("PUT", "/sandbox/world", {"handsets": [{"phone_number": MAYA, "name": "Maya Okafor"}]})
    world.weather(delivery_seconds=[0.0, 0.05])
    maya = juniper.client()
    juniper.text(maya, "Could I come in this week?")
    now = timezone.now().astimezone(juniper.business.zone)
    # In two days its reminder will have been due for two minutes.
    at = now.replace(second=0, microsecond=0) + timedelta(days=3, minutes=-2)
    first = at + timedelta(hours=2 if at.hour < 12 else -2)

    handset = visit(f"{world.sandbox_url}/?phone=%2B15035550118")
    inbox = visit(f"/inbox/{maya.conversation.pk}", juniper.staff.user)
    summary, thread = inbox.locator("#client-summary"), inbox.locator(".message[data-kind=automatic]")
    page = visit(f"/calendar?on={first:%Y-%m-%d}", juniper.owner.user)
    slot, step = page.locator(".slot"), page.get_by_role("dialog")
    got: list[str] = []

    def gets(title: str, words: str) -> None:
        """The phone has this text too, once, and the thread shows it."""
        got.append(words)
        expect(handset.locator("#texts p")).to_have_text(got)
        expect(thread.last).to_contain_text(title)
        expect(thread.last).to_contain_text(words)
        expect(thread.last).to_have_attribute("data-state", "delivered")

    def stands(standing: str) -> None:
        """In the calendar and beside the conversation, at the time that it has now."""
        for shown in (slot, summary):
            expect(shown).to_contain_text(hour(at))
            expect(shown.locator(".status", has_text=standing)).to_be_visible()

    quick_actions(page, "New appointment")
    step.get_by_text("Maya Okafor").click()
    step.get_by_role("button", name="Continue").click()
    step.get_by_label("What it is for").fill("Balayage")
    step.get_by_label("Date").fill(f"{first:%Y-%m-%d}")
    step.get_by_label("Time").fill(f"{first:%H:%M}")
    step.get_by_label("Minutes").fill("45")
    step.get_by_role("button", name="Book", exact=True).dblclick()
    gets(
        "Booking confirmation",
        f"Hi Maya, you're booked at Juniper Hair Studio: Balayage, {day(first)} at {hour(first)}. {ANSWER}",
    )
    expect(summary).to_contain_text(hour(first))

    slot.get_by_role("link").click()
    expect(step.locator(".automatic")).to_contain_text("Appointment reminder")
    step.get_by_role("link", name="Move").click()
    step.get_by_label("Time").fill(f"{at:%H:%M}")
    step.get_by_role("button", name="Move", exact=True).dblclick()
    gets(
        "Appointment changed",
        f"Hi Maya, your appointment at Juniper Hair Studio is now {day(at)} at {hour(at)}. {ANSWER}",
    )
    stands("Waiting for an answer")

    days_pass(2)
    at -= timedelta(days=2)
    near = "tomorrow" if at.date() != timezone.now().astimezone(at.tzinfo).date() else "today"
    gets(
        "Appointment reminder",
        f"Hi Maya, see you {near} at {hour(at)} at Juniper Hair Studio. {ANSWER}",
    )
    page.goto(f"/calendar?on={at:%Y-%m-%d}")
    stands("Waiting for an answer")

    handset.get_by_role("button", name="Reply C").click()
    got.append("C")
    gets("Confirmed", f"You're confirmed, Maya. See you {near} at {hour(at)}. Juniper Hair Studio")
    expect(inbox.locator(".message[data-from=client]").last).to_contain_text("C")
    stands("Confirmed")
    assert_accessible(page)

    slot.get_by_role("link").click()
    expect(step.locator(".automatic")).to_contain_text("Confirmed")
    step.get_by_role("link", name="Cancel it").click()
    step.get_by_role("button", name="Cancel appointment").dblclick()
    gets(
        "Appointment cancelled",
        f"Hi Maya, your appointment at Juniper Hair Studio ({near} at {hour(at)}) is cancelled. "
        "Text us here to find another time.",
    )
    expect(slot.locator(".status")).to_have_text("Cancelled")
    expect(summary).not_to_contain_text("Next appointment")

    # Nothing more is to come, and the carrier took no more than the phone shows.
    assert not Due.objects.filter(state="waiting").exists()
    assert [row["body"] for row in world.truth(direction="outbound-api")] == [
        words for words in got if words != "C"
    ]
    assert Appointment.objects.get().moves == 1
