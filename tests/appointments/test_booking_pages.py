"""Booking, moving, editing and cancelling: what is kept, what is said, and whom it is told."""

from __future__ import annotations

import re
import uuid
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from parley.alerts.models import Rule
from parley.appointments import booking
from parley.appointments.models import Appointment
from tests.appointments.conftest import DIALOG, FRAME, SIGNED_IN, book, form, local
from tests.people import House

Told = list[tuple[str, bool]]


def text(html: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html.decode()))


def clock_change(zone: ZoneInfo, *, forward: bool) -> date:
    """The next day of the year, but today, on which these clocks go forward, or back."""
    from datetime import UTC, datetime

    at = datetime.now(UTC) + timedelta(days=1)
    for _ in range(366):
        later = at + timedelta(days=1)
        gained = later.astimezone(zone).utcoffset() - at.astimezone(zone).utcoffset()  # type: ignore[operator]
        if gained and (gained > timedelta()) == forward:
            days = sorted({(at + timedelta(hours=h)).astimezone(zone).date() for h in range(25)})
            return next(d for d in days if d.weekday() == 6)
        at = later
    raise AssertionError(f"the clocks of {zone} do not change")


def test_a_new_one_is_on_the_calendar_and_told(nora: Browser, juniper: House, told: Told) -> None:
    maya, starts = juniper.client(), local(juniper, 1, 14, 45)
    answer = nora.post(
        f"/appointments/new/{maya.pk}", form(starts, member=juniper.staff.pk, note="Mild toner")
    )
    made = Appointment.objects.get()
    assert answer["Location"] == f"/appointments/{made.pk}"
    assert (made.client, made.member, made.title) == (maya, juniper.staff, "Cut")
    assert (made.starts_at, made.lasts) == (starts, timedelta(minutes=45))
    assert told == [("booked", False)]
    sheet = text(nora.get(f"/appointments/{made.pk}").content)
    for words in (
        "Tomorrow, 2:45 to 3:30 PM (45 min)",
        "Jules Martin",
        "Mild toner",
        "Booked",
    ):
        assert words in sheet


def test_two_presses_are_one_appointment_told_once(nora: Browser, juniper: House, told: Told) -> None:
    maya, key = juniper.client(), uuid.uuid4()
    sent = form(local(juniper, 1, 9), key=key)
    first, second = (nora.post(f"/appointments/new/{maya.pk}", sent) for _ in range(2))
    assert first["Location"] == second["Location"] == f"/appointments/{key}"
    assert told == [("booked", False)]


def test_a_key_that_another_business_has_makes_one_of_our_own(
    nora: Browser, juniper: House, alder: House
) -> None:
    theirs = book(alder, alder.client("Étienne", "Gagnon"), local(alder, 1, 9))
    maya = juniper.client()
    answer = nora.post(f"/appointments/new/{maya.pk}", form(local(juniper, 1, 12), key=theirs.pk))
    ours = Appointment.objects.get(business=juniper.business)
    assert ours.pk != theirs.pk
    assert answer["Location"] == f"/appointments/{ours.pk}"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"title": " "}, "Say what it is for."),
        ({"date": ""}, "Choose a date."),
        ({"date": "31/12/2026"}, "Choose a date."),
        ({"date": "0206-12-01"}, "The year 206 is far away. Check the date."),
        ({"time": "25:00"}, "Choose a time."),
        ({"minutes": ""}, "Say how many minutes it takes."),
        ({"minutes": "0"}, "The shortest is 5 minutes."),
        ({"minutes": "2000"}, "The longest is a day: 1440 minutes."),
        ({"minutes": "an hour"}, "Enter a number of minutes, like 45."),
        ({"note": "x" * 2001}, "This has 2,001 characters. The most is 2,000."),
        ({"title": "x" * 161}, "This has more than 160 characters. Make it shorter."),
    ],
)
def test_a_refusal_is_said_at_its_field_and_nothing_is_lost(
    nora: Browser, juniper: House, told: Told, typed: dict[str, Any], words: str
) -> None:
    maya = juniper.client()
    sent = form(local(juniper, 1, 9), location="Side door", key=uuid.uuid4()) | typed
    del sent["tell"]
    answer = nora.post(f"/appointments/new/{maya.pk}", sent)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert words in text(answer.content)
    assert 'value="Side door"' in html
    assert f'value="{sent["key"]}"' in html
    assert not re.search(r'id="tell"[^>]*checked', html)
    assert not Appointment.objects.exists()
    assert told == []


def test_a_service_fills_in_what_was_left_empty(nora: Browser, juniper: House, alder: House) -> None:
    maya = juniper.client()
    service = juniper.business.services.create(name="Balayage", minutes=105, location="Upstairs")
    gone = juniper.business.services.create(name="Perm", minutes=60, offered=False)
    page = nora.get(f"/appointments/new/{maya.pk}").content.decode()
    assert 'data-minutes="105"' in page
    assert "Perm" not in page
    sent = form(local(juniper, 1, 9), title="", minutes="", service=service.pk)
    nora.post(f"/appointments/new/{maya.pk}", sent)
    made = Appointment.objects.get()
    assert (made.title, made.lasts, made.location) == ("Balayage", timedelta(minutes=105), "Upstairs")
    assert made.service == service
    for other in (gone.pk, alder.business.services.create(name="Knee", minutes=30).pk):
        answer = nora.post(f"/appointments/new/{maya.pk}", sent | {"service": other})
        assert answer.status_code == 422


def test_what_stands_in_the_way_is_a_warning_that_can_be_passed(
    nora: Browser, juniper: House, told: Told
) -> None:
    maya, daniel = juniper.client(), juniper.client("Daniel", "Reyes", "+15035550131")
    at = local(juniper, 1, 14)
    book(juniper, daniel, at, member=juniper.staff)
    cancelled = book(juniper, daniel, at, member=juniper.staff)
    booking.cancel(juniper.business, cancelled.pk, silent=True)
    told.clear()
    address = f"/appointments/new/{maya.pk}"
    sent = form(at + timedelta(minutes=30), member=juniper.staff.pk)
    answer = nora.post(address, sent)
    said = text(answer.content)
    assert answer.status_code == 422
    assert said.count("Jules has Daniel Reyes then, 2:00 to 3:00 PM.") == 1
    assert "Book anyway" in said
    assert told == []
    mark = re.search(r'name="anyway" value="(\w+)"', answer.content.decode())
    assert mark
    # What was read is passed; another warning is not passed with it.
    book(juniper, maya, at + timedelta(hours=3))
    told.clear()
    other = nora.post(address, sent | {"anyway": mark[1], "time": "17:30"})
    assert "Maya has another appointment then, 5:00 to 6:00 PM." in text(other.content)
    assert nora.post(address, sent | {"anyway": mark[1]}).status_code == 302
    assert told == [("booked", False)]
    # Right after, and with somebody else, there is nothing in the way.
    for free in (form(at + timedelta(hours=1), member=juniper.staff.pk, title="After"),):
        grace = juniper.client("Grace", "Beaumont", "+15035550107")
        free |= {"time": "15:15", "member": juniper.owner.pk}
        assert nora.post(f"/appointments/new/{grace.pk}", free).status_code == 302


def test_what_has_passed_is_kept_and_told_to_nobody(nora: Browser, juniper: House, told: Told) -> None:
    maya = juniper.client()
    address, sent = f"/appointments/new/{maya.pk}", form(local(juniper, -1, 9))
    answer = nora.post(address, sent)
    assert "Yesterday, 9:00 AM has passed. Maya isn’t told." in text(answer.content)
    mark = re.search(r'name="anyway" value="(\w+)"', answer.content.decode())
    assert mark
    assert nora.post(address, sent | {"anyway": mark[1]}).status_code == 302
    assert told == [("booked", True)]


def test_on_the_days_when_the_clocks_change(nora: Browser, juniper: House) -> None:
    maya, zone = juniper.client(), juniper.business.zone
    address, at = f"/appointments/new/{maya.pk}", local(juniper, 1, 9)
    sent = form(at) | {"date": clock_change(zone, forward=True).isoformat(), "time": "02:30"}
    said = text(nora.post(address, sent).content)
    assert re.search(r"There is no 2:30 AM on Sunday, March \d+: the clocks go forward then.", said)
    assert nora.post(address, sent | {"time": "03:00"}).status_code == 302
    sent |= {"date": clock_change(zone, forward=False).isoformat(), "time": "01:30"}
    said = text(nora.post(address, sent).content)
    assert "The clocks go back then, so 1:30 AM comes twice. Say which you mean." in said
    assert "1:30 AM PDT, before the clocks go back" in said
    assert "1:30 AM PST, an hour later" in said
    Appointment.objects.all().delete()
    for again in "01":
        assert nora.post(address, sent | {"again": again}).status_code == 302
    first, second = Appointment.objects.order_by("starts_at")
    assert second.starts_at - first.starts_at == timedelta(hours=1)
    assert "1:30 AM PST to 2:15 AM" in text(nora.get(f"/appointments/{second.pk}").content)
    # Moving it keeps which of the two it was until somebody says otherwise.
    page = nora.get(f"/appointments/{second.pk}/move").content.decode()
    assert re.search(r'name="again" value="1" checked', page)


def test_an_appointment_over_the_change_lasts_as_long_as_it_says(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    day = clock_change(juniper.business.zone, forward=True)
    sent = form(local(juniper, 1, 9)) | {"date": day.isoformat(), "time": "01:30", "minutes": "60"}
    nora.post(f"/appointments/new/{maya.pk}", sent)
    made = Appointment.objects.get()
    assert made.lasts == timedelta(hours=1)
    assert "1:30 to 3:30 AM (1 h)" in text(nora.get(f"/appointments/{made.pk}").content)


def test_moving_is_told_unless_one_says_not(nora: Browser, juniper: House, told: Told) -> None:
    maya = juniper.client()
    one = book(juniper, maya, local(juniper, 1, 14, 30))
    booking.confirm(juniper.business, one.pk, by_client=False)
    told.clear()
    sent = form(local(juniper, 1, 14, 45), moves=0)
    assert nora.post(f"/appointments/{one.pk}/move", sent).status_code == 302
    one.refresh_from_db()
    assert (one.moves, one.starts_at, one.confirmed_at) == (1, local(juniper, 1, 14, 45), None)
    del sent["tell"]
    nora.post(f"/appointments/{one.pk}/move", sent | {"moves": 1, "time": "16:00"})
    assert told == [("moved", False), ("moved", True)]


def test_two_who_move_it_at_once_do_not_undo_each_other(nora: Browser, juniper: House, told: Told) -> None:
    one = book(juniper, juniper.client(), local(juniper, 1, 14))
    page = nora.get(f"/appointments/{one.pk}/move").content.decode()
    assert 'name="moves" value="0"' in page
    booking.edit(
        juniper.business, one.pk, starts_at=local(juniper, 1, 16), ends_at=local(juniper, 1, 17), silent=True
    )
    told.clear()
    answer = nora.post(f"/appointments/{one.pk}/move", form(local(juniper, 1, 15), moves=0))
    said = text(answer.content)
    assert "Somebody moved it meanwhile, to Tomorrow, 4:00 PM. Check the time, then save again." in said
    assert 'value="15:00"' in answer.content.decode()
    assert told == []
    assert nora.post(f"/appointments/{one.pk}/move", form(local(juniper, 1, 15), moves=1)).status_code == 302


def test_editing_leaves_the_time_and_tells_nobody(nora: Browser, juniper: House, told: Told) -> None:
    one = book(juniper, juniper.client(), local(juniper, 1, 14))
    starts = one.starts_at
    told.clear()
    sent = {"title": "Color", "note": "New\r\nnote", "location": "", "member": juniper.staff.pk}
    nora.post(f"/appointments/{one.pk}/edit", sent | {"date": "2020-01-01", "time": "09:00", "tell": "on"})
    one.refresh_from_db()
    assert (one.title, one.note, one.member, one.starts_at) == ("Color", "New\nnote", juniper.staff, starts)
    assert told == [("changed", False)]


def test_cancelling_asks_first_and_is_told_once(nora: Browser, juniper: House, told: Told) -> None:
    maya = juniper.client()
    one, quietly = book(juniper, maya, local(juniper, 1, 14)), book(juniper, maya, local(juniper, 2, 14))
    told.clear()
    assert "Cancel this appointment?" in text(nora.get(f"/appointments/{one.pk}/cancel").content)
    assert told == []
    for _ in range(2):
        nora.post(f"/appointments/{one.pk}/cancel", {"tell": "on"})
    nora.post(f"/appointments/{quietly.pk}/cancel")
    assert told == [("cancelled", False), ("cancelled", True)]
    assert set(Appointment.objects.values_list("status", flat=True)) == {"cancelled"}


def test_the_buttons_of_the_sheet(nora: Browser, juniper: House, told: Told) -> None:
    maya = juniper.client()
    conversation = juniper.text(maya, "I can’t make it, sorry").conversation_id
    one = book(juniper, maya, local(juniper, 1, 14), requested=True)
    told.clear()
    sheet = f"/appointments/{one.pk}"

    def press(button: str, **sent: str) -> str:
        answer = nora.post(f"{sheet}/{button}", sent, headers=DIALOG, follow=True)
        return text(answer.content)

    assert "Maya asks for this time." in text(nora.get(sheet).content)
    assert "Booked" in press("accept", tell="on")
    assert "Confirmed" in press("confirm")
    booking.decline(juniper.business, one.pk, "I can’t make it, sorry")
    page = nora.get(sheet).content
    assert "Maya wrote: “I can’t make it, sorry”" in text(page)
    assert f"/inbox/{conversation}" in page.decode()
    assert "Can’t make it?" not in press("keep")
    assert told == [("booked", False), ("confirmed", True), ("declined", False), ("changed", False)]
    past = book(juniper, maya, local(juniper, -1, 9))
    sheet = f"/appointments/{past.pk}"
    assert "They came after all" in press("missed")
    assert "Book again" in press("missed", came="1")
    past.refresh_from_db()
    assert past.status == "booked"


def test_booking_again_begins_as_the_last_one_was(nora: Browser, juniper: House) -> None:
    service = juniper.business.services.create(name="Balayage", minutes=105)
    past = book(
        juniper,
        juniper.client(),
        local(juniper, -1, 9),
        105,
        title="Balayage",
        service=service,
        member=juniper.staff,
    )
    html = nora.get(f"/appointments/new/{past.client_id}?like={past.pk}").content.decode()
    for part in (
        'value="Balayage"',
        'value="105"',
        'value="09:00"',
        f'value="{local(juniper, 7, 9):%Y-%m-%d}"',
    ):
        assert part in html
    assert re.search(rf'value="{juniper.staff.pk}" selected', html)


def test_what_a_link_says_comes_along_through_the_choice_of_a_client(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    said = f"on=2026-12-01&at=14%3A15&with={juniper.staff.pk}"
    page = nora.get(f"/appointments/new?{said}", headers=DIALOG).content.decode()
    assert 'name="at" value="14:15"' in page
    assert f"/clients/new?then=appointment&amp;{said.replace('&', '&amp;')}" in page
    there = nora.get(f"/appointments/new?{said}&contact={maya.pk}&continue=1")["Location"]
    assert there == f"/appointments/new/{maya.pk}?{said}"
    html = nora.get(there).content.decode()
    assert 'value="2026-12-01"' in html
    assert 'value="14:15"' in html
    assert re.search(rf'value="{juniper.staff.pk}" selected', html)
    added = nora.post(
        f"/clients/new?then=appointment&{said}", {"first_name": "Ana", "phone": "(503) 555-0190"}
    )
    assert re.fullmatch(rf"/appointments/new/[-0-9a-f]{{36}}\?{re.escape(said)}", added["Location"])
    assert "Choose who it is for." in text(nora.get("/appointments/new?continue=1").content)
    assert "Maya Okafor" not in text(nora.get("/appointments/new?q=priya").content)


def test_what_the_client_gets_is_said_beside_the_switch(nora: Browser, juniper: House) -> None:
    maya = juniper.client(email="maya@okafor.example")
    address = f"/appointments/new/{maya.pk}"
    service = juniper.business.services.create(name="Balayage", minutes=105)
    assert "Maya gets “Booking confirmation” by text and email." in text(nora.get(address).content)
    rule = {"business": juniper.business, "kind": "booked", "sms": True, "email": False}
    Rule.objects.create(**rule, on=True)
    Rule.objects.create(**rule, on=False, service=service)
    assert "“Booking confirmation” by text." in text(nora.get(address).content)
    said = text(nora.get(f"{address}/told?service={service.pk}").content)
    assert "“Booking confirmation” is off in Auto messages, so Maya gets nothing." in said
    maya.texting = "stopped"
    maya.save()
    assert "has no way to reach Maya, so they get nothing." in text(nora.get(address).content)


def test_the_list_of_a_client_is_whole_in_pages(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    for n in range(65):
        # Some at the very same time: a page must not lose them.
        book(juniper, maya, local(juniper, -(n // 2), 9), title=f"Visit {n:02}.")
    seen: list[str] = []
    address = f"/appointments/of/{maya.pk}"
    for _ in range(3):
        html = nora.get(address).content.decode()
        seen += re.findall(r"Visit \d\d\.", html)
        more = re.search(r'href="(/appointments/of/[^"]*before=[^"]*)"', html)
        address = more[1] if more else ""
    assert sorted(seen) == [f"Visit {n:02}." for n in range(65)]
    assert not address


@pytest.mark.parametrize("count", [1, 40])
def test_each_page_costs_the_same_for_few_and_many(
    nora: Browser, juniper: House, count: int, django_assert_num_queries
) -> None:
    maya = juniper.client()
    juniper.text(maya, "Hello")
    for n in range(count):
        one = book(juniper, maya, local(juniper, n + 1, 9), member=juniper.staff)
        juniper.business.services.create(name=f"Service {n}", minutes=30)
    costs = {
        # The appointment with its client and conversation.
        f"/appointments/{one.pk}": 1,
        f"/appointments/of/{maya.pk}": 2,
        # The client, members, services, and the rule of what is told.
        f"/appointments/new/{maya.pk}": 4,
        f"/appointments/{one.pk}/move": 3,
        f"/appointments/{one.pk}/cancel": 2,
        # Conversations and clients.
        "/appointments/new": 2,
        "/settings/services": 1,
    }
    for address, cost in costs.items():
        with django_assert_num_queries(SIGNED_IN + FRAME + cost):
            assert nora.get(address).status_code == 200
