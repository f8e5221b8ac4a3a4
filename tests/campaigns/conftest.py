"""A campaign of Juniper's, and the people it goes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from parley.campaigns import clock, control, counting
from parley.campaigns.models import Campaign, Count, Recipient
from parley.clients.models import Client
from parley.numbers.models import PhoneNumber
from tests.browser import chromium, visit  # noqa: F401
from tests.inbox.conftest import nora, sign_in  # noqa: F401
from tests.messaging.test_routing import likes_marketing, shared
from tests.people import House

NUMBER = "+18445550110"
TUESDAY = 1
Make = Callable[..., Campaign]


@pytest.fixture
def marketing(db: None) -> PhoneNumber:
    """The number that campaigns leave from, without a pace."""
    return shared(NUMBER, "marketing")


@pytest.fixture
def at_noon() -> Iterator[None]:
    """Everywhere that Parley texts it is an hour at which marketing may go out: on the last Tuesday.

    The database's clock goes on meanwhile: what rests for a week must not have rested, however late it is.
    """
    noon = datetime.now(UTC).replace(hour=19, minute=0, second=0, microsecond=0)
    while noon > datetime.now(UTC) or noon.weekday() != TUESDAY:
        noon -= timedelta(days=1)
    with time_machine.travel(noon, tick=True):
        yield


@pytest.fixture
def campaign(juniper: House, marketing: PhoneNumber, at_noon: None) -> Make:
    """Make a draft of Juniper's."""

    def make(wording: str = "Color week is Dec 1 to 6.", **more: Any) -> Campaign:
        values = {"name": "Holiday color week", "changed_at": timezone.now(), "changed_by": juniper.owner}
        return Campaign.objects.create(business=juniper.business, wording=wording, **(values | more))

    return make


def people(house: House, number: int, *, agreed: bool = True, first: int = 0) -> list[Client]:
    """So many clients, who have agreed to offers or never said."""
    made = [
        house.client(f"Client{i}", "", f"+1503555{i:04}", tags=["even"] if i % 2 == 0 else ["odd"])
        for i in range(first, first + number)
    ]
    if agreed:
        for client in made:
            likes_marketing(house, client.phone)
    return made


def begin(campaign: Campaign, house: House) -> Campaign:
    """Let it begin, and be prepared."""
    control.schedule(campaign, house.owner)
    clock.write_some()
    campaign.refresh_from_db()
    return campaign


def states(campaign: Campaign) -> dict[str, int]:
    """How many recipients are in each state, by `code` where there is one; and the counts agree with it."""
    found: dict[str, int] = {}
    for recipient in Recipient.objects.filter(campaign=campaign):
        key = f"{recipient.state}:{recipient.code}".rstrip(":")
        found[key] = found.get(key, 0) + 1
    while counting.count_some():
        pass
    counted: dict[str, int] = {}
    for count in Count.objects.filter(campaign=campaign, what__in=Recipient.State.values):
        key = f"{count.what}:{count.code}".rstrip(":")
        counted[key] = counted.get(key, 0) + count.number
    now: dict[str, int] = {}
    for recipient in Recipient.objects.filter(campaign=campaign):
        key = f"{recipient.state}:{recipient.code}".rstrip(":")
        now[key] = now.get(key, 0) + 1
    assert {key: number for key, number in counted.items() if number} == now
    return now
