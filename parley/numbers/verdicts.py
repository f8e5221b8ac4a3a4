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

from parley.carriers.base import Reason, Verification
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
    known = {"verification_id": said.carrier_id, "checked_at": now, "tried_at": None}
    if said.status == "approved":
        _approve(registration, known, now)
    elif said.status == "rejected":
        reasons = stored(said.reasons)
        reject(
            registration,
            reasons,
            now=now,
            edit_until=said.edit_until,
            may_resubmit=said.may_resubmit,
            **known,
        )
    elif not _move(registration, Status.IN_REVIEW, decided_at=None, **known):
        submission(registration).update(checked_at=now, trouble="")
    registration.refresh_from_db()


def stored(reasons: Iterable[Reason]) -> list[dict[str, str]]:
    """Why carriers said no, as the row keeps it."""
    found = [{"code": reason.code, "words": reason.words, "mend": reason.mend} for reason in reasons]
    return found or [{"code": "", "words": "The carriers gave no reason.", "mend": ""}]


def reject(
    registration: Registration, reasons: list[dict[str, str]], *, now: datetime, **values: Any
) -> None:
    """Carriers said no, for these reasons ({code, words, mend}): once, and owners and admins are told."""
    with transaction.atomic():
        if not _move(registration, Status.REJECTED, reasons=reasons, decided_at=now, **values):
            return
        words = reasons[0]["words"]
        until = values.get("edit_until")
        in_time = (
            f"Send it again by {until.astimezone(registration.business.zone):%A, %B %-d}, and it keeps its place "
            "in the queue."
            if until and values.get("may_resubmit", True)
            else "You can mend it and send it again."
            if values.get("may_resubmit", True)
            else "It can’t be sent again. Please ask whoever runs Parley for you."
        )
        said = "\n".join(
            f"- {reason['words']}" + (f"\n  {reason['mend']}" if reason["mend"] else "") for reason in reasons
        )
        tell_managers(
            registration.business,
            News(
                key=news_key(registration, "rejected"),
                title="Carriers need something fixed",
                words=_short(f"“{words}” {in_time}"),
                address=ADDRESS,
                email_subject="Your texting registration needs a fix",
                email_body=(
                    f"Carriers sent back the registration of {registration.business.name}. They said:\n\n{said}\n\n"
                    f"{in_time} Everything you typed is kept:\n{settings.PUBLIC_URL}{ADDRESS}\n"
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
                    f"{settings.PUBLIC_URL}{ADDRESS}\n"
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


def news_key(registration: Registration, what: str) -> str:
    """Names one event of one submission."""
    return f"registration:{registration.pk}:{registration.submissions}:{what}"


def _short(words: str, most: int = 200) -> str:
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"
