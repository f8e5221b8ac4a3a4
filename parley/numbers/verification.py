"""Following a registration through the carriers' hands, who take weeks and call nobody back.

Twilio has no webhook for this (only Event Streams, which Parley leaves alone), so carriers are asked every 15 minutes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from parley.carriers.base import Carrier, Paused, Unavailable, Verification
from parley.carriers.directory import ask
from parley.notifications.telling import News, tell_managers
from parley.numbers import provisioning
from parley.numbers.models import PhoneNumber, Registration
from parley.numbers.timeline import MOST_DAYS
from parley.numbers.verdicts import ADDRESS, news_key, page_of, settle, submission

log = logging.getLogger(__name__)

Status = Registration.Status

ASKED_AT_ONCE = 4
# A page that is opened has the carriers asked, but not more often than this.
ASKED_ANEW = timedelta(seconds=10 * settings.PATIENCE)


def poll(now: datetime | None = None) -> None:
    """Ask the carriers what became of every registration in their hands, and go on with whatever stands still.

    Two polls at once, or one that dies half-way, do no harm.
    """
    now = now or timezone.now()
    for registration in Registration.objects.filter(status=Status.SUBMITTED).only("pk", "business_id"):
        provisioning.set_going(registration)
    in_review = Registration.objects.filter(status=Status.IN_REVIEW).order_by(
        F("checked_at").asc(nulls_first=True)
    )
    ask_about(in_review, now=now)
    _tell_overdue(now)
    for number in PhoneNumber.objects.exclude(duty=PhoneNumber.Duty.BUSINESS).filter(
        approved_at=None, releasing_at=None, released_at=None
    ):
        provisioning.defer_adoption(number)
    # Numbers that were bought before calls were asked about, and all of them once our address is another.
    provisioning.see_pointed(PhoneNumber.objects.exclude(approved_at=None))


def ask_for_reader(registration: Registration) -> None:
    """Somebody looks at it: have the carriers asked soon, but not again and again."""
    if registration.status == Status.IN_REVIEW:
        provisioning.defer_unless_under_way(
            provisioning.ASK,
            registration.pk,
            at=max(timezone.now(), (registration.checked_at or timezone.now()) + ASKED_ANEW),
            registration_id=str(registration.pk),
            business_id=str(registration.business_id),
        )


def ask_about(registrations: Iterable[Registration], *, now: datetime | None = None) -> None:
    """Ask the carriers about these now. One that cannot be asked is asked again by the next poll."""
    asked = [
        (registration, registration.number.carrier)
        for registration in Registration.objects.select_related("business", "number").filter(
            pk__in=[registration.pk for registration in registrations]
        )
        if registration.number and registration.verification_id
    ]
    for name in {carrier for _, carrier in asked}:
        mine = [registration for registration, carrier in asked if carrier == name]
        try:
            answers = ask(name, lambda carrier: _fetch(carrier, [r.verification_id for r in mine]))  # noqa: B023
        except Paused as error:
            log.warning("registrations were not asked about: %s", error.words)
            continue
        for registration, answer in zip(mine, answers, strict=True):
            if isinstance(answer, Verification):
                _settle(registration, answer, now)
            elif answer is None:
                submission(registration).update(
                    trouble="The carrier no longer knows this registration. Whoever runs Parley must look at it."
                )


def _settle(registration: Registration, said: Verification, now: datetime | None) -> None:
    """One that cannot be written down must not keep the others waiting."""
    try:
        settle(registration, said, now=now)
    except Exception as error:
        log.error("what carriers said of a registration was not written down: %s", type(error).__name__)


async def _fetch(carrier: Carrier, ids: list[str]) -> list[Verification | Unavailable | None]:
    """What the carrier says of each, a few at a time."""
    turn = asyncio.Semaphore(ASKED_AT_ONCE)

    async def one(id: str) -> Verification | Unavailable | None:
        async with turn:
            try:
                return await carrier.verification(id)
            except Unavailable as error:
                return error

    return await asyncio.gather(*map(one, ids))


def _tell_overdue(now: datetime) -> None:
    late = Registration.objects.filter(
        status__in=(Status.SUBMITTED, Status.IN_REVIEW),
        overdue_told_at=None,
        submitted_at__lte=now - timedelta(days=MOST_DAYS),
    ).select_related("business")
    weeks = MOST_DAYS // 7
    for registration in late:
        with transaction.atomic():
            if (
                not submission(registration)
                .filter(overdue_told_at=None, status__in=(Status.SUBMITTED, Status.IN_REVIEW))
                .update(overdue_told_at=now)
            ):
                continue
            tell_managers(
                registration.business,
                News(
                    key=news_key(registration, "overdue"),
                    title="The carriers’ answer is overdue",
                    words=f"It should have come within {weeks} weeks. We keep asking, and tell you when it does.",
                    address=ADDRESS,
                    email_subject="Your texting number: the carriers’ answer is overdue",
                    email_body=(
                        f"The registration of {registration.business.name} was sent more than {weeks} weeks ago, and "
                        "carriers have not decided, though they say they need no longer. There is nothing for you to "
                        "do: we keep asking, and tell you the day they answer. Until then texts leave from a shared "
                        "number.\n"
                        f"{page_of(registration)}\n"
                    ),
                    trouble=True,
                ),
            )
