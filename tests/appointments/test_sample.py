"""The sample's calendar: believable, told to nobody, and made once."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

from django.utils import timezone

from parley.alerts import clock
from parley.alerts.models import Due
from parley.inbox.sample import people
from parley.inbox.sample.visits import SERVICES, fill_calendar
from parley.messaging.models import Message
from tests.appointments.conftest import local
from tests.people import House


def test_juniper_has_services_and_a_full_week(juniper: House, told: list[tuple[str, bool]]) -> None:
    for person in people.KNOWN + people.MANY:
        juniper.client(person.first, person.last, person.phone)
    members = {"nora": juniper.owner, "jules": juniper.staff}
    today = local(juniper, 0, 12).date()
    for _ in range(2):
        fill_calendar(juniper.business, members, today, seed=855)
        rows = list(juniper.business.appointments.select_related("client", "member"))
        assert len(rows) > 60
    assert juniper.business.services.count() == len(SERVICES)
    assert told == []
    for one, other in combinations(sorted(rows, key=lambda row: row.starts_at), 2):
        if one.member == other.member:
            assert one.ends_at <= other.starts_at or other.ends_at <= one.starts_at
    maya = {row.title: row for row in rows if row.client.first_name == "Maya"}["Cut and balayage"]
    assert maya.starts_at == local(juniper, 0, 14, 45)
    assert (maya.moves, maya.member, bool(maya.confirmed_at)) == (1, juniper.staff, True)
    now = timezone.now()
    assert not any(row.confirmed_at and row.confirmed_at > now for row in rows)


def test_what_is_to_come_is_reminded_of_in_its_time_and_nobody_is_texted_now(juniper: House) -> None:
    for person in people.KNOWN + people.MANY:
        juniper.client(person.first, person.last, person.phone)
    members = {"nora": juniper.owner, "jules": juniper.staff}
    fill_calendar(juniper.business, members, local(juniper, 0, 12).date(), seed=855)
    booked = juniper.business.appointments.filter(status="booked")
    later = booked.filter(starts_at__gt=timezone.now() + timedelta(days=1, minutes=1))
    planned = Due.objects.filter(business=juniper.business)
    assert later.count() > 10
    assert set(later.values_list("pk", flat=True)) <= set(planned.values_list("about_id", flat=True))
    assert set(planned.values_list("kind", "state")) == {("reminder", "waiting")}
    assert clock.take(set()) is None
    assert not Message.objects.exists()
