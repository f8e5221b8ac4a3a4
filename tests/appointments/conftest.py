"""What the calendar's tests ask for: somebody signed in, an appointment, and what was told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from parley.appointments import booking
from parley.appointments.models import Appointment
from parley.clients import happened
from parley.clients.happened import Happening
from parley.clients.models import Client
from tests.browser import chromium, visit  # noqa: F401
from tests.people import House

SIGNED_IN, FRAME = 2, 3
DIALOG = {"HX-Request": "true", "HX-Target": "dialog#dialog"}

Book = Callable[..., Appointment]


@pytest.fixture
def nora(client: Browser, juniper: House) -> Browser:
    client.force_login(juniper.owner.user)
    return client


@pytest.fixture
def told() -> Iterator[list[tuple[str, bool]]]:
    """What happened, and whether silently, in order."""
    heard: list[tuple[str, bool]] = []

    def hear(happening: Happening, **_: Any) -> None:
        heard.append((happening.what, happening.silent))

    happened.listen(hear, weak=False)
    yield heard
    happened._happened.disconnect(hear)


def local(house: House, days: int, hour: int, minute: int = 0) -> datetime:
    """That time of day on the clocks of the business, so many days from today."""
    today = timezone.now().astimezone(house.business.zone)
    return (today + timedelta(days=days)).replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)


def book(house: House, client: Client, starts: datetime, minutes: int = 60, **more: Any) -> Appointment:
    values = {"title": "Cut", "silent": True} | more
    return booking.book(
        house.business, client, starts_at=starts, ends_at=starts + timedelta(minutes=minutes), **values
    )


def form(starts: datetime, **more: Any) -> dict[str, Any]:
    """What the form of a new appointment sends."""
    return {
        "title": "Cut",
        "date": f"{starts:%Y-%m-%d}",
        "time": f"{starts:%H:%M}",
        "minutes": "45",
        "member": "",
        "tell": "on",
    } | more
