"""Juniper's services, and its calendar: what the stories speak of, and the everyday around it.

Written without `booking`, so that nobody is told: it has all happened already.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from parley.appointments.models import Appointment, Service
from parley.businesses.models import Business, Member
from parley.clients.models import Client
from parley.inbox.sample import people

SERVICES = {
    "Cut": 45,
    "Cut and balayage": 105,
    "Color": 90,
    "Roots": 60,
    "Beard trim": 30,
    "Set and style": 60,
    "Fringe trim": 15,
    "Patch test": 15,
}
EVERYDAY = ("Cut", "Cut", "Color", "Roots", "Beard trim", "Set and style")
ADDRESS = "1418 SE Alder Street, Portland"
# (days from today, "14:45", phone, service, with, how it stands, how often it was moved)
Visit = tuple[int, str, str, str, str, str, int]
STORIES: list[Visit] = [
    (-48, "16:30", "+15035550118", "Patch test", "jules", "been", 0),
    (0, "14:45", "+15035550118", "Cut and balayage", "jules", "confirmed", 1),
    (42, "14:30", "+15035550118", "Roots", "jules", "booked", 0),
    (-20, "10:00", "+15035550131", "Beard trim", "nora", "been", 0),
    (0, "10:00", "+15035550131", "Beard trim", "nora", "confirmed", 0),
    (-34, "13:00", "+15035550107", "Cut", "jules", "been", 0),
    (1, "13:00", "+15035550107", "Cut", "jules", "booked", 0),
    (0, "12:00", "+15035550136", "Cut", "jules", "confirmed", 0),
]
# Priya comes on the next Friday.
PRIYA, FRIDAY = "+15035550164", 4
OPENS, CLOSES = time(9), time(17, 30)
CLOSED = (6, 0)
FIRST, LAST = -12, 14


def fill_calendar(business: Business, members: dict[str, Member], today: date, seed: int) -> None:
    """Services and appointments, where there are none yet; `today` is the day that the stories call so."""
    if business.services.exists():
        return
    if not business.address:
        business.address = ADDRESS
        business.save(update_fields=["address"])
    services = Service.objects.bulk_create(
        Service(business=business, name=name, minutes=minutes) for name, minutes in SERVICES.items()
    )
    by_name = {service.name: service for service in services}
    clients = {client.phone: client for client in business.clients.all()}
    friday = (FRIDAY - today.weekday() - 1) % 7 + 1
    stories = [*STORIES, (friday, "16:00", PRIYA, "Color", "jules", "confirmed", 0)]
    rows = [
        _appointment(
            business, clients[phone], by_name[service], members[who], today + timedelta(days=days), at, stands
        )
        for days, at, phone, service, who, stands, _ in stories
        if phone in clients
    ]
    for row, story in zip(rows, stories, strict=False):
        row.moves = story[-1]
    many = [clients[person.phone] for person in people.MANY if person.phone in clients]
    rows += _everyday(business, many, by_name, members, today, rows, random.Random(seed))  # noqa: S311
    Appointment.objects.bulk_create(rows)


def _appointment(
    business: Business, client: Client, service: Service, member: Member, on: date, at: str, stands: str
) -> Appointment:
    starts = datetime.combine(on, time.fromisoformat(at), business.zone).astimezone(UTC)
    heard = min(starts - timedelta(hours=22), timezone.now() - timedelta(hours=3))
    return Appointment(
        business=business,
        client=client,
        service=service,
        member=member,
        title=service.name,
        location=business.address,
        starts_at=starts,
        ends_at=starts + timedelta(minutes=service.minutes),
        status=stands if stands in Appointment.Status.values else Appointment.Status.BOOKED,
        confirmed_at=heard if stands in ("confirmed", "been") else None,
    )


def _everyday(
    business: Business,
    clients: list[Client],
    services: dict[str, Service],
    members: dict[str, Member],
    today: date,
    fixed: list[Appointment],
    chance: random.Random,
) -> list[Appointment]:
    """A few a day for each who works there, around what is fixed; closed on Sunday and Monday."""
    rows: list[Appointment] = []
    for days in range(FIRST, LAST + 1):
        on = today + timedelta(days=days)
        if on.weekday() in CLOSED:
            continue
        todays = chance.sample(clients, k=len(clients))
        for member in members.values():
            minutes = OPENS.hour * 60 + chance.choice((0, 15, 30))
            while minutes < CLOSES.hour * 60:
                service = services[chance.choice(EVERYDAY)]
                at = f"{minutes // 60:02}:{minutes % 60:02}"
                stands = _stands(days, chance)
                row = _appointment(business, todays[-1], service, member, on, at, stands)
                minutes += service.minutes
                if any(
                    other.member == member and other.starts_at < row.ends_at and row.starts_at < other.ends_at
                    for other in fixed
                ):
                    continue
                # The further off, the emptier.
                if chance.random() < (0.75 if days <= 1 else 0.45):
                    todays.pop()
                    rows.append(row)
                minutes += chance.choice((0, 15, 30, 45))
    return rows


def _stands(days: int, chance: random.Random) -> str:
    likely = chance.random()
    if likely < 0.06:
        return Appointment.Status.CANCELLED
    if days < 0:
        return Appointment.Status.MISSED if likely < 0.1 else "been"
    if days > 2 and likely < 0.12:
        return Appointment.Status.REQUESTED
    return "confirmed" if days <= 1 and likely < 0.7 else "booked"
