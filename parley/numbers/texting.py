"""Where a business stands with texting: the columns of the table "Which number" (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

from django.utils import timezone

from parley.businesses.models import CONVERSES, TEXTING_COUNTRIES, Business
from parley.businesses.planned import built, columns, row
from parley.numbers.models import PhoneNumber, Registration


class Column(Enum):
    """The table's columns."""

    ON = "on"
    WAITING = "waiting"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Lack:
    """What a business lacks for two-way texting: `words` say what and why, `kind` is country or plan."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Standing:
    """`number` is the business's own approved number, which it keeps while two-way texting is off."""

    column: Column
    number: PhoneNumber | None
    registration: Registration | None


def own_number(business: Business) -> PhoneNumber | None:
    """The business's own approved number, or None while it has none."""
    found = row(_own_number(), {"business": business.pk})
    return built(PhoneNumber, found) if found else None


@cache
def _own_number() -> str:
    return f"""
        SELECT {columns(PhoneNumber, "n")} FROM numbers_phonenumber n
        WHERE n.business_id = %(business)s AND n.duty = 'business' AND n.approved_at IS NOT NULL
          AND n.releasing_at IS NULL AND n.released_at IS NULL
        ORDER BY n.approved_at, n.id LIMIT 1
    """  # noqa: S608  our own columns


def lacks(business: Business) -> list[Lack]:
    """Why this business may not have two-way texting; empty if it may."""
    found = []
    if business.country not in TEXTING_COUNTRIES:
        found.append(
            Lack(
                "country",
                "Two way texting is for businesses in the United States and Canada, where carriers verify "
                "the numbers it needs.",
            )
        )
    if not business.plan.paid:
        found.append(
            Lack("plan", f"Two way texting comes with paid plans. You are on the {business.plan.name} plan.")
        )
    return found


def standing(business: Business) -> Standing:
    """Which column a business is in. Two queries; one while it has an approved number and converses."""
    number = own_number(business)
    if number and business.converses:
        return Standing(Column.ON, number, None)
    # Asked for every text of a business that waits: without the picture, which may be megabytes.
    registration = Registration.objects.defer("opt_in_picture").filter(business=business).first()
    waits = registration is not None and is_waiting(registration)
    if business.converses and waits:
        return Standing(Column.WAITING, None, registration)
    return Standing(Column.OFF, number, registration)


# Do answers to the business `b` (with its plan `p`) reach its Inbox? `standing(...).column` is not OFF, in SQL.
READS = f"""(
    {CONVERSES} AND (
        EXISTS (SELECT 1 FROM numbers_phonenumber own WHERE own.business_id = b.id AND own.duty = 'business'
                AND own.approved_at IS NOT NULL AND own.releasing_at IS NULL AND own.released_at IS NULL)
        OR EXISTS (SELECT 1 FROM numbers_registration g WHERE g.business_id = b.id AND (
            g.status IN ('submitted', 'in_review')
            OR g.status = 'rejected' AND g.may_resubmit AND g.edit_until > clock_timestamp()))
    )
)"""  # noqa: S608  our own constant


def is_waiting(registration: Registration) -> bool:
    """Is an answer of the carriers still to come? A rejection that may still be edited in time counts as waiting."""
    if registration.status in (Registration.Status.SUBMITTED, Registration.Status.IN_REVIEW):
        return True
    return (
        registration.status == Registration.Status.REJECTED
        and registration.may_resubmit
        and registration.edit_until is not None
        and registration.edit_until > timezone.now()
    )
