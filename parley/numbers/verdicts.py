"""What the carriers say of a registration, written down and told: each change once, whoever learns of it first.

Every change of status is one conditional UPDATE, and owners and admins are told in its transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from parley.businesses.access import from_outside
from parley.carriers.base import Reason, Verification
from parley.live.nudges import nudge
from parley.notifications.telling import News, tell_managers
from parley.numbers.models import PhoneNumber, Registration
from parley.sms.numbers import pretty

Status = Registration.Status

# Where a click on the news leads.
ADDRESS = "/apps/texting"

# From where the carriers' word leads to a status. They may take a rejection back themselves.
FROM: dict[str, tuple[str, ...]] = {
    Status.IN_REVIEW: (Status.SUBMITTED, Status.REJECTED),
    Status.APPROVED: (Status.SUBMITTED, Status.IN_REVIEW, Status.REJECTED),
    Status.REJECTED: (Status.SUBMITTED, Status.IN_REVIEW),
}


def settle(registration: Registration, said: Verification, *, now: datetime | None = None) -> None:
    """Write down what the carrier says of this submission, and tell of it. Of an older one it changes nothing."""
    now = now or timezone.now()
    known: dict[str, Any] = {"verification_id": said.carrier_id, "checked_at": now, "tried_at": None}
    if is_old_verdict(registration, said):
        # What was said before our edit: the carrier's answers may lag behind what it did.
        submission(registration).update(checked_at=now)
    elif said.status == "approved":
        _approve(registration, known, now)
    elif said.status == "rejected":
        known |= {"edit_until": said.edit_until, "may_resubmit": said.may_resubmit}
        reject(registration, stored(said.reasons), now=now, **known)
    elif _move(registration, Status.IN_REVIEW, decided_at=None, **known):
        # No news to tell, but a page that is open shows another state now.
        nudge(registration.business_id, [])
    else:
        submission(registration).update(checked_at=now, trouble="")
    registration.refresh_from_db()


def is_old_verdict(registration: Registration, said: Verification) -> bool:
    """Is this the rejection that was written down before? Each has a time of its own, until which it may be edited."""
    if said.status != "rejected" or said.carrier_id != registration.verification_id:
        return False
    # Since then our edit may have been refused on the spot, for reasons of its own.
    refused = any(reason.get("at_once") for reason in registration.reasons)
    same = refused or stored(said.reasons) == registration.reasons
    return same and said.edit_until == registration.edit_until


def stored(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    """Why carriers said no, as the row keeps it."""
    found = [{"code": reason.code, "words": reason.words, "mend": reason.mend} for reason in reasons]
    return found or [{"code": "", "words": "The carriers gave no reason.", "mend": ""}]


def reject(
    registration: Registration, reasons: list[dict[str, Any]], *, now: datetime, **values: Any
) -> None:
    """Carriers said no, for these reasons ({code, words, mend}): once, and owners and admins are told.

    `at_once` in a reason says that the form itself was refused, before anybody reviewed it.
    """
    with transaction.atomic():
        if not _move(registration, Status.REJECTED, reasons=reasons, decided_at=now, **values):
            return
        name, words = registration.business.name, reasons[0]["words"]
        title, subject = "Carriers need something fixed", "Your texting registration needs a fix"
        if not values.get("may_resubmit", True):
            title, subject = (
                "Carriers turned your registration down",
                "Your texting registration was turned down",
            )
            next_step = "It can’t be sent again. Please ask whoever runs Parley for you."
        elif until := values.get("edit_until"):
            day = f"{until.astimezone(registration.business.zone):%A, %B %-d}"
            next_step = f"Send it again by {day}, and it keeps its place in the queue."
        else:
            next_step = "You can mend it and send it again."
        said = "\n".join(
            f"- {reason['words']}" + (f"\n  {reason['mend']}" if reason["mend"] else "") for reason in reasons
        )
        tell_managers(
            registration.business,
            News(
                key=news_key(registration, "rejected"),
                title=title,
                words=_short(f"“{words}” {next_step}"),
                address=ADDRESS,
                email_subject=subject,
                email_body=(
                    f"Carriers sent back the registration of {name}. They said:\n\n{said}\n\n"
                    f"{next_step} Everything you typed is kept:\n{page_of(registration)}\n"
                ),
                trouble=True,
            ),
        )


def _approve(registration: Registration, known: dict[str, Any], now: datetime) -> None:
    with transaction.atomic():
        if not _move(registration, Status.APPROVED, decided_at=now, reasons=[], edit_until=None, **known):
            return
        number = PhoneNumber.objects.get(registration=registration)
        PhoneNumber.objects.filter(pk=number.pk, approved_at=None).update(approved_at=now)
        shown = pretty(number.number)
        tell_managers(
            registration.business,
            News(
                key=news_key(registration, "approved"),
                title="Your number is ready",
                words=f"Carriers approved {shown}. Your texts leave from it from now on.",
                address=ADDRESS,
                email_subject=f"Your texting number is ready: {shown}",
                email_body=(
                    f"Carriers approved the number of {registration.business.name}: {shown}\n\n"
                    "Texts to your clients leave from it from now on, and what they answer lands in your Inbox.\n"
                    f"{page_of(registration)}\n"
                ),
            ),
        )


def _move(registration: Registration, status: str, **values: Any) -> bool:
    """The one conditional UPDATE of a change of status; False if it is not from here, or already done."""
    moving = submission(registration).filter(status__in=FROM[status])
    return bool(moving.update(status=status, trouble="", **values))


def submission(registration: Registration) -> QuerySet[Registration]:
    """This submission of it, and no other."""
    return Registration.objects.filter(
        pk=registration.pk, business_id=registration.business_id, submissions=registration.submissions
    )


def page_of(registration: Registration) -> str:
    """Where an email about it leads."""
    return settings.PUBLIC_URL + from_outside(ADDRESS, registration.business_id)


def news_key(registration: Registration, what: str) -> str:
    """Names one event of one submission."""
    return f"registration:{registration.pk}:{registration.submissions}:{what}"


def _short(words: str, most: int = 200) -> str:
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"
