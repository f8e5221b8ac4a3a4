"""What is planned, and what becomes of it when what it is about changes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.alerts import planning, tasks
from parley.alerts.models import Due
from parley.appointments import booking
from parley.appointments.models import Appointment, Service
from parley.leads.writing_in import Written, write_in
from parley.payments import asking
from tests.alerts.engine import HOUR, NOW, book, dues, hour, rule
from tests.people import House

__all__ = ["hour"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("hour")]


def test_a_booking_is_told_now_and_reminded_of_in_its_time(juniper: House) -> None:
    rule(juniper, "thanks", amount=3, unit="hours")
    rule(juniper, "reminder_2", amount=2, unit="hours")
    visit = book(juniper, juniper.client())
    start = visit.starts_at
    assert dues(juniper, "kind", "at", "late_after", "occasion") == [
        ("booked", NOW, NOW + 12 * HOUR, "0"),
        ("reminder", start - 24 * HOUR, start - 23.5 * HOUR, "0"),
        ("reminder_2", start - 2 * HOUR, start - 1.5 * HOUR, "0"),
        ("thanks", start + 4 * HOUR, start + 16 * HOUR, "0"),
    ]


def test_nothing_is_sent_of_an_appointment_that_has_begun_or_later_than_it(juniper: House) -> None:
    rule(juniper, "reminder_2", amount=10, unit="minutes")
    book(juniper, juniper.client(), NOW + HOUR)
    assert dues(juniper, "kind", "state", "late_after", "reason") == [
        ("reminder", "late", NOW - 22.5 * HOUR, "It was booked later than 24 hours before."),
        ("booked", "waiting", NOW + HOUR, ""),
        ("reminder_2", "waiting", NOW + HOUR, ""),
    ]
    Due.objects.all().delete()
    book(juniper, juniper.client(phone="+15035550119"), NOW - HOUR)
    assert dues(juniper) == []


def test_a_move_drops_what_waits_and_plans_anew(juniper: House, hour: time_machine.Traveller) -> None:
    visit = book(juniper, juniper.client())
    Due.objects.filter(kind="booked").update(state="done")
    hour.shift(60)
    start = visit.starts_at + 24 * HOUR
    booking.edit(juniper.business, visit.pk, starts_at=start, ends_at=start + HOUR)
    assert dues(juniper, "kind", "occasion", "state", "reason") == [
        ("booked", "0", "done", ""),
        ("moved", "1", "waiting", ""),
        ("reminder", "0", "dropped", "It was moved."),
        ("reminder", "1", "waiting", ""),
    ]
    # Moved again within moments: only the last is told. And moved to where there is no time for a reminder.
    start = NOW + 5 * HOUR
    booking.edit(juniper.business, visit.pk, starts_at=start, ends_at=start + HOUR)
    assert dues(juniper, "kind", "state", "reason", occasion="2") == [
        ("reminder", "late", "It was moved later than 24 hours before."),
        ("moved", "waiting", ""),
    ]
    assert dues(juniper, "kind", "state", occasion="1") == [("moved", "dropped"), ("reminder", "dropped")]


def test_who_was_not_told_of_the_booking_yet_is_told_of_it_with_its_new_time(juniper: House) -> None:
    visit = book(juniper, juniper.client())
    start = visit.starts_at + HOUR
    booking.edit(juniper.business, visit.pk, silent=True, starts_at=start, ends_at=start + HOUR)
    assert dues(juniper, "kind", "occasion", "state", kind="booked") == [
        ("booked", "0", "dropped"),
        ("booked", "1", "waiting"),
    ]
    assert not dues(juniper, kind="moved")
    # Nor need anybody be told that it is cancelled.
    booking.cancel(juniper.business, visit.pk)
    assert not dues(juniper, state="waiting")
    assert not dues(juniper, kind="cancelled")


def test_never_a_reminder_after_a_cancellation_and_booked_again_is_told_again(juniper: House) -> None:
    visit = book(juniper, juniper.client())
    Due.objects.filter(kind="booked").update(state="done")
    booking.cancel(juniper.business, visit.pk)
    assert dues(juniper, "kind", "state", "reason") == [
        ("booked", "done", ""),
        ("cancelled", "waiting", ""),
        ("reminder", "dropped", "It was cancelled."),
    ]
    Due.objects.filter(kind="cancelled").update(state="done")
    Appointment.objects.filter(pk=visit.pk).update(status="requested")
    booking.accept(juniper.business, visit.pk)
    assert dues(juniper, "kind", "occasion", "state", state="waiting") == [
        ("booked", "0.1", "waiting"),
        ("reminder", "0", "waiting"),
    ]


def test_a_request_has_no_reminders_before_it_is_agreed_to(juniper: House) -> None:
    visit = book(juniper, juniper.client(), requested=True)
    assert dues(juniper) == [("requested", "waiting")]
    booking.accept(juniper.business, visit.pk)
    assert dues(juniper) == [("booked", "waiting"), ("requested", "dropped"), ("reminder", "waiting")]


def test_who_is_told_nothing_is_still_reminded(juniper: House) -> None:
    visit = book(juniper, juniper.client(), silent=True)
    assert dues(juniper) == [("reminder", "waiting")]
    booking.confirm(juniper.business, visit.pk, by_client=False)
    assert dues(juniper) == [("reminder", "waiting")]
    Appointment.objects.filter(pk=visit.pk).update(confirmed_at=None)
    booking.confirm(juniper.business, visit.pk, by_client=True)
    assert dues(juniper) == [("confirmed", "waiting"), ("reminder", "waiting")]


def test_a_rule_that_is_off_plans_nothing_and_a_service_s_own_goes_first(juniper: House) -> None:
    colour = Service.objects.create(business=juniper.business, name="Colour", minutes=90)
    for kind in ("booked", "reminder"):
        rule(juniper, kind, on=False)
    rule(juniper, "reminder", service=colour, amount=2, unit="days")
    client = juniper.client()
    book(juniper, client)
    assert dues(juniper) == []
    visit = book(juniper, client, service=colour)
    assert dues(juniper, "kind", "at") == [("reminder", NOW + 24 * HOUR)]
    # Another service, another rule; and back.
    booking.edit(juniper.business, visit.pk, service=None)
    assert dues(juniper, "state", "reason") == [("dropped", "What it was about has changed.")]
    booking.edit(juniper.business, visit.pk, service=colour)
    assert dues(juniper, "state", "reason") == [("waiting", "")]


def test_what_is_due_just_now_stays_when_a_note_is_written(
    juniper: House, hour: time_machine.Traveller
) -> None:
    visit = book(juniper, juniper.client())
    hour.move_to(visit.starts_at - 24 * HOUR + timedelta(seconds=5))
    booking.edit(juniper.business, visit.pk, note="Likes tea")
    assert ("reminder", "waiting") in dues(juniper)
    booking.missed(juniper.business, visit.pk, came=False)
    assert dues(juniper, "reason", kind="reminder") == [("They didn’t come.",)]


def test_payments_and_estimates_in_the_morning_of_their_days(juniper: House) -> None:
    for kind in ("still_due", "expiring"):
        rule(juniper, kind, amount=7 if kind == "still_due" else 2, unit="days")
    client = juniper.client()
    request = asking.ask(juniper.business, client, title="Colour", cents=8500, due_on=date(2026, 12, 10))
    assert dues(juniper, "kind", "at") == [
        ("asked", NOW),
        ("due_soon", datetime(2026, 12, 8, 18, tzinfo=UTC)),
        ("overdue", datetime(2026, 12, 11, 18, tzinfo=UTC)),
        ("still_due", datetime(2026, 12, 17, 18, tzinfo=UTC)),
    ]
    asking.edit(request, due_on=date(2026, 12, 2))
    assert dues(juniper, "kind", "state", "reason", occasion="2026-12-02") == [
        ("due_soon", "late", "It was changed later than 2 days before."),
        ("overdue", "waiting", ""),
        ("still_due", "waiting", ""),
    ]
    assert {state for (state,) in dues(juniper, "state", occasion="2026-12-10", kind__contains="due")} == {
        "dropped"
    }
    asking.pay(request)
    waiting = dues(juniper, "kind", state="waiting")
    assert waiting == [("paid",)]
    Due.objects.all().delete()
    estimate = asking.offer(juniper.business, client, title="Kitchen", cents=1, expires_on=date(2026, 12, 20))
    assert dues(juniper) == [("offered", "waiting"), ("expiring", "waiting")]
    asking.answer(estimate, accepted=True)
    assert dues(juniper, "reason") == [("It was answered.",), ("It was answered.",)]


def test_a_lead_is_answered_at_once(juniper: House) -> None:
    write_in(juniper.business, Written("Ana", phone="+15035550120"))
    assert dues(juniper, "kind", "about", "at") == [("lead", "lead", NOW)]


def test_what_fails_undoes_the_booking(juniper: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_WRITE", "SELECT 1/0")
    with pytest.raises(Exception, match=r"placeholders"), transaction.atomic():
        book(juniper, juniper.client())
    assert not Appointment.objects.exists()


def test_what_waits_follows_a_rule_that_has_changed(juniper: House, alder: House) -> None:
    colour = Service.objects.create(business=juniper.business, name="Colour", minutes=90)
    client = juniper.client()
    soon = book(juniper, client, NOW + 30 * HOUR)
    later = book(juniper, client, NOW + 100 * HOUR)
    own = book(juniper, client, NOW + 101 * HOUR, service=colour)
    theirs = book(alder, alder.client(phone="+15035550190"))
    changed = rule(juniper, "reminder", amount=48, unit="hours")
    planning.replan(juniper.business, ["reminder"])
    assert dues(juniper, "about_id", "at", "state", "reason", kind="reminder") == [
        (soon.pk, NOW - 18 * HOUR, "late", "It was changed later than 48 hours before."),
        (later.pk, NOW + 52 * HOUR, "waiting", ""),
        (own.pk, NOW + 53 * HOUR, "waiting", ""),
    ]
    # Back again: what was late only by the rule waits.
    changed.amount = 24
    changed.save()
    planning.replan(juniper.business, ["reminder"])
    assert dues(juniper, "about_id", "at", "state", kind="reminder")[0] == (
        soon.pk,
        NOW + 6 * HOUR,
        "waiting",
    )
    # Off for all but a service.
    changed.on = False
    changed.save()
    rule(juniper, "reminder", service=colour, amount=1, unit="hours")
    planning.replan(juniper.business, ["reminder"])
    assert dues(juniper, "about_id", "state", "reason", kind="reminder") == [
        (soon.pk, "dropped", "It is switched off."),
        (later.pk, "dropped", "It is switched off."),
        (own.pk, "waiting", ""),
    ]
    assert dues(alder, "about_id", "state", kind="reminder") == [(theirs.pk, "waiting")]
    # On after a visit: only what can still be thanked for, and what waits now is the clock's.
    Due.objects.filter(about_id=own.pk, kind="reminder").update(at=NOW - HOUR / 60)
    rule(juniper, "thanks", amount=5, unit="days")
    past = book(juniper, client, NOW - 48 * HOUR, silent=True)
    Due.objects.filter(about_id=past.pk).delete()
    planning.replan(juniper.business, ["thanks", "reminder"])
    assert dues(juniper, "about_id", "at", kind="thanks")[0] == (past.pk, NOW + 73 * HOUR)
    assert dues(juniper, "state", about_id=own.pk, kind="reminder") == [("waiting",)]


def test_many_are_planned_at_once_as_one_is(juniper: House) -> None:
    client = juniper.client()
    one = book(juniper, client, silent=True)
    many = [
        Appointment(
            business=juniper.business,
            client=client,
            title="Cut",
            starts_at=one.starts_at + n * HOUR,
            ends_at=one.starts_at + (n + 1) * HOUR,
        )
        for n in range(50)
    ]
    Appointment.objects.bulk_create(many)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert planning.plan_many(juniper.business, many) == 50
    assert len(asked) == 2
    told = dues(juniper, "kind", "at", "late_after", "occasion", "state")
    assert told[0] == told[1]
    assert len(told) == 51


def test_a_booking_costs_few_queries(juniper: House) -> None:
    client = juniper.client()
    with CaptureQueriesContext(connection) as asked:
        book(juniper, client)
    ours = [query for query in asked.captured_queries if "alerts_" in query["sql"]]
    assert len(ours) == 3, [query["sql"][:60] for query in ours]


def test_what_waits_follows_the_business_to_another_zone(juniper: House) -> None:
    client = juniper.client()
    rule(juniper, "due_soon")
    asking.ask(
        juniper.business, client, title="Deposit", cents=4000, due_on=(NOW + 96 * HOUR).date(), silent=True
    )
    [(before,)] = dues(juniper, "at", kind="due_soon")
    juniper.business.name = "Juniper"
    juniper.business.save()
    assert not ProcrastinateJob.objects.filter(task_name__endswith="replan_all").exists()
    juniper.business.time_zone = "America/New_York"
    juniper.business.save()
    job = ProcrastinateJob.objects.get(task_name__endswith="replan_all")
    tasks.replan_all(**job.args)
    assert dues(juniper, "at", "state", kind="due_soon") == [(before - 3 * HOUR, "waiting")]
