"""The week: what stands where, whose it is, what it costs, and what another business never sees."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from parley.appointments import booking
from parley.appointments.models import Appointment
from parley.appointments.shown import Shown
from parley.appointments.week import Slot, Week, beside
from tests.appointments.conftest import FRAME, SIGNED_IN, book, local
from tests.people import House
from tests.plans import as_new

CALENDAR = {"HX-Request": "true", "HX-Target": "div#calendar"}
# The members, and the week.
WEEK = 2


def names(html: bytes) -> list[str]:
    return re.findall(r'class="slot".*?<b>(.*?)</b>', html.decode(), re.S)


def test_a_day_begins_and_ends_by_the_clocks_of_the_business(nora: Browser, juniper: House) -> None:
    """An hour before midnight on Saturday in Portland, it is Sunday in UTC."""
    maya, zone = juniper.client(), juniper.business.zone
    saturday = datetime(2026, 11, 28, 23, 0, tzinfo=zone)
    for n, starts in enumerate((saturday, saturday + timedelta(hours=1))):
        book(juniper, maya, starts, title=f"Late {n}")
    first = nora.get("/calendar?on=2026-11-25", headers=CALENDAR).content.decode()
    second = nora.get("/calendar?on=2026-11-29", headers=CALENDAR).content.decode()
    assert "Late 0" in first
    assert "Late 1" not in first
    assert "Late 1" in second
    assert 'id="day-2026-11-28"' in first


def test_the_weeks_follow_each_other_without_gap(juniper: House, alder: House) -> None:
    juniper.business.country, juniper.business.time_zone = "FR", "Europe/Paris"
    for business, first in ((juniper.business, date(2026, 11, 23)), (alder.business, date(2026, 11, 22))):
        week = Week(business, date(2026, 11, 26))
        assert week.first == first
        assert Week(business, week.after).first == week.last + timedelta(days=1)
        assert Week(business, week.before).last == week.first - timedelta(days=1)
    assert Week(alder.business, date(2026, 11, 30)).name == "November 29 to December 5, 2026"
    assert Week(alder.business, date(2027, 1, 1)).name == "December 27, 2026 to January 2, 2027"


@pytest.mark.parametrize(
    ("slots", "lanes"),
    [
        ([(9, 1), (10, 1)], [(0, 1), (0, 1)]),
        ([(9, 2), (10, 2)], [(0, 2), (1, 2)]),
        ([(9, 1), (9.5, 1), (10, 1), (12, 1)], [(0, 2), (1, 2), (0, 2), (0, 1)]),
        ([(9, 4), (9, 1), (9, 1), (10, 1)], [(0, 3), (1, 3), (2, 3), (1, 3)]),
    ],
)
def test_what_overlaps_stands_side_by_side(
    slots: list[tuple[float, float]], lanes: list[tuple[int, int]]
) -> None:
    made = [Slot(None, start, long) for start, long in slots]  # type: ignore[arg-type]
    beside(made)
    assert [(slot.lane, slot.lanes) for slot in made] == lanes


def test_how_each_stands_is_said(juniper: House) -> None:
    maya, business = juniper.client(), juniper.business
    confirmed = book(juniper, maya, local(juniper, 1, 9))
    booking.confirm(business, confirmed.pk, by_client=False)
    flagged = book(juniper, maya, local(juniper, 1, 10))
    booking.decline(business, flagged.pk, "I can’t make it, sorry")
    cancelled = book(juniper, maya, local(juniper, 1, 11))
    booking.cancel(business, cancelled.pk)
    missed = book(juniper, maya, local(juniper, -1, 9))
    booking.missed(business, missed.pk, came=False)
    asked = book(juniper, maya, local(juniper, 2, 9))
    booking.asked(business, [asked.pk], timezone.now())
    rows = [
        (confirmed, "Confirmed", "good"),
        (flagged, "Can’t make it?", "waiting"),
        (cancelled, "Cancelled", "quiet"),
        (missed, "Didn’t come", "pending"),
        (book(juniper, maya, local(juniper, 2, 9)), "Booked", "quiet"),
        (asked, "Waiting for an answer", "quiet"),
        (book(juniper, maya, local(juniper, 2, 9), requested=True), "Requested", "waiting"),
        (book(juniper, maya, local(juniper, -2, 9)), None, None),
    ]
    for appointment, words, tone in rows:
        appointment.refresh_from_db()
        standing = Shown(appointment, business.zone, timezone.now()).standing
        assert (standing and standing.words, standing and standing.tone) == (words, tone)


def test_one_persons_calendar_and_nobodys(nora: Browser, juniper: House) -> None:
    at = local(juniper, 0, 12)
    for name, member in (("Nora’s", juniper.owner), ("Jules’s", juniper.staff), ("Nobody’s", None)):
        book(juniper, juniper.client(name, "", ""), at, member=member)
    assert len(names(nora.get("/calendar").content)) == 3
    assert names(nora.get(f"/calendar?member={juniper.staff.pk}").content) == ["Jules’s"]
    assert names(nora.get("/calendar?member=nobody").content) == ["Nobody’s"]


def test_an_odd_date_is_this_week_and_an_odd_member_is_not_found(
    nora: Browser, juniper: House, alder: House
) -> None:
    for typed in ("", "yesterday", "0001-01-01", "9999-12-31", "2026-02-30"):
        assert f"day-{local(juniper, 0, 12):%Y-%m-%d}" in nora.get(f"/calendar?on={typed}").content.decode()
    for member in ("nonsense", alder.owner.pk, uuid.uuid4()):
        assert nora.get(f"/calendar?member={member}").status_code == 404


def test_the_calendar_costs_the_same_for_few_and_many(
    nora: Browser, juniper: House, alder: House, django_assert_num_queries
) -> None:
    as_new("appointments_appointment")
    maya = juniper.client()
    book(juniper, maya, local(juniper, 0, 12), member=juniper.staff)
    for more in (0, 3_000):
        base = datetime(2001, 1, 1, tzinfo=UTC)
        Appointment.objects.bulk_create(
            Appointment(
                business=juniper.business,
                client=maya,
                title="Long ago",
                starts_at=base + timedelta(hours=n),
                ends_at=base + timedelta(hours=n + 1),
            )
            for n in range(more)
        )
        with django_assert_num_queries(SIGNED_IN + FRAME + WEEK):
            nora.get("/calendar")
        with django_assert_num_queries(SIGNED_IN + WEEK):
            nora.get("/calendar", headers=CALENDAR)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE appointments_appointment")
    plan = Week(juniper.business, local(juniper, 0, 12).date()).appointments().explain()
    assert "Index Scan using calendar" in plan
    assert "Sort" not in plan


def test_a_week_that_holds_too_much_says_so(
    nora: Browser, juniper: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley.appointments.week.MOST", 10)
    maya, at = juniper.client(), local(juniper, 0, 12)
    Appointment.objects.bulk_create(
        Appointment(
            business=juniper.business, client=maya, title="x", starts_at=at, ends_at=at + timedelta(hours=1)
        )
        for _ in range(11)
    )
    html = nora.get("/calendar", headers=CALENDAR).content.decode()
    assert html.count('class="slot"') == 10
    assert "There is more in this week than fits here." in html


def test_a_stranger_sees_and_changes_nothing(nora: Browser, juniper: House, alder: House) -> None:
    theirs = book(alder, alder.client("Étienne", "Gagnon"), local(alder, 0, 12))
    service = alder.business.services.create(name="Knee", minutes=30)
    assert "Étienne" not in nora.get("/calendar").content.decode()
    before = Appointment.objects.values().get()
    for page in ("", "/move", "/edit", "/cancel"):
        assert nora.get(f"/appointments/{theirs.pk}{page}").status_code == 404
    for act in ("/move", "/edit", "/cancel", "/confirm", "/accept", "/missed", "/keep"):
        assert nora.post(f"/appointments/{theirs.pk}{act}", {"moves": "0"}).status_code == 404
    maya = juniper.client()
    for address in (
        f"/appointments/new/{theirs.client_id}",
        f"/appointments/new/{theirs.client_id}/told",
        f"/appointments/new/{maya.pk}?like={theirs.pk}",
        f"/appointments/of/{theirs.client_id}",
        f"/appointments/of/{maya.pk}?before={theirs.pk}",
        f"/settings/services/{service.pk}",
    ):
        assert nora.get(address).status_code == 404, address
    assert nora.post(f"/settings/services/{service.pk}/offered").status_code == 404
    assert Appointment.objects.values().get() == before
    # Their member and their service are no choice here.
    answer = nora.post(
        f"/appointments/new/{maya.pk}",
        {"title": "x", "date": "2026-12-01", "time": "10:00", "minutes": "30", "member": alder.owner.pk},
    )
    assert answer.status_code == 422
    assert "Choose somebody of your team." in answer.content.decode()


def test_whoever_is_not_signed_in_is_sent_there(client: Browser, juniper: House) -> None:
    one = book(juniper, juniper.client(), local(juniper, 0, 12))
    for address in ("/calendar", "/appointments/new", f"/appointments/{one.pk}", "/settings/services"):
        assert client.get(address)["Location"].startswith("/sign-in/?next=/")
