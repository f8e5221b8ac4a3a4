"""What the readers of all systems share: who is meant, and what is said of an event that nothing can come of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from parley.businesses.models import Business
from parley.clients.languages import known
from parley.clients.models import Client
from parley.connectors.models import Endpoint, Person
from parley.leads.writing_in import client_of
from parley.sms import numbers


class Unreadable(Exception):
    """Nothing can come of this event; `words` say to the business why, and what would help."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words[:300]


def text(told: Any, most: int = 160) -> str:
    """A string of what was told, on one line and of bounded length; empty for anything else."""
    return " ".join(told.replace("\x00", "").split())[:most] if isinstance(told, str) else ""


def part(told: Any, *names: str) -> dict[str, Any]:
    """What is told under these names, one inside the other; empty where there is no such thing."""
    for name in names:
        told = told.get(name) if isinstance(told, dict) else None
    return told if isinstance(told, dict) else {}


def moment(told: Any, what: str) -> datetime:
    """An ISO 8601 time with its offset. Raises Unreadable."""
    try:
        at = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        raise Unreadable(f"It says no time that can be read for {what}.") from None
    if at.tzinfo is None:
        raise Unreadable(f"The time for {what} has no time zone.")
    return at.astimezone(UTC)


def phone(told: Any, business: Business) -> str:
    """A number that can be texted, E.164; empty where there is none."""
    try:
        return numbers.parse(text(told, 60), "CA" if business.country == "CA" else "US")
    except numbers.BadNumber:
        return ""


def email(told: Any) -> str:
    """An address as told; empty where it is none."""
    address = text(told, 254)
    name, at, domain = address.rpartition("@")
    return address if at and name and "." in domain and " " not in address else ""


def who(
    business: Business,
    *,
    name: Any = "",
    first_name: Any = "",
    last_name: Any = "",
    number: Any = "",
    address: Any = "",
    language: Any = "",
) -> Client:
    """The client whom an event is about, made if nobody has the number or address. Raises Unreadable."""
    first, last = text(first_name, 60), text(last_name, 60)
    if not first and not last:
        first, _, last = text(name, 121).partition(" ")
    reachable = {"phone": phone(number, business), "email": email(address)}
    if not any(reachable.values()):
        raise Unreadable(
            "It names nobody who can be texted or emailed: it has neither a number nor an address."
        )
    client, _ = client_of(
        business, **reachable, first_name=first, last_name=last, language=known(text(language, 20))
    )
    return client


def remember(endpoint: Endpoint, source_id: str, client: Client) -> None:
    """From now on this system's name means this client."""
    Person.objects.update_or_create(
        business_id=endpoint.business_id,
        endpoint=endpoint,
        source_id=source_id[:120],
        defaults={"client": client},
    )


def remembered(endpoint: Endpoint, source_id: str) -> Client | None:
    """Whom this system's name means, as far as it has said."""
    found = Person.objects.filter(business_id=endpoint.business_id, endpoint=endpoint, source_id=source_id)
    person = found.select_related("client").first()
    return person.client if person else None
