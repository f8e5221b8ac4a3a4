"""The number, as the frame around every page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import FilteredRelation, Q

from parley.businesses.models import Business
from parley.numbers.models import Registration
from parley.sms.numbers import pretty

_WAITING_WORDS: dict[str | None, str] = {
    Registration.Status.SUBMITTED: "Registration sent",
    Registration.Status.IN_REVIEW: "In review with the carriers",
    Registration.Status.REJECTED: "Not approved yet",
}


@dataclass(frozen=True, slots=True)
class Glance:
    """`number` is pretty, or empty while there is none; `words` say what it can do, or how far it has come."""

    number: str
    words: str


def glance(business: Business) -> Glance | None:
    """One query, because every page asks. None for a business that never set out to get a number."""
    own = Q(
        numbers__duty="business",
        numbers__approved_at__isnull=False,
        numbers__releasing_at=None,
        numbers__released_at=None,
    )
    number, status = (
        Business.objects.filter(pk=business.pk)
        .annotate(own=FilteredRelation("numbers", condition=own))
        .order_by("own__approved_at", "own__id")
        .values_list("own__number", "registration__status")[0]
    )
    if number:
        return Glance(pretty(number), f"Verified, {_carries(business)}")
    if words := _WAITING_WORDS.get(status):
        return Glance("", words)
    if business.converses:
        return Glance("", "Not registered yet")
    return None


def _carries(business: Business) -> str:
    if not business.texting:
        return "texting off"
    return "texting on" if business.converses else "one way"
