"""The sample's calendar: believable, told to nobody, and made once."""

from __future__ import annotations

from itertools import combinations

from parley.inbox.sample import people
from parley.inbox.sample.visits import SERVICES, fill_calendar
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
