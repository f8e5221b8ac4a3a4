"""The jobs of numbers and registrations, as procrastinate's. Every task may run twice and does its work once."""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from parley.numbers import provisioning, verification
from parley.numbers.models import PhoneNumber, Registration

log = logging.getLogger(__name__)


class UntilItWorks(BaseRetryStrategy):
    """After 2 s, doubled to 15 minutes, for as long as it takes: money is spent, and a business waits for weeks."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        if not isinstance(exception, provisioning.Waits):
            log.error("%s is tried again: %s", job.task_name, type(exception).__name__)
        seconds = min(2.0 ** min(job.attempts + 1, 20), 900) * settings.PATIENCE
        return RetryDecision(retry_at=timezone.now() + timedelta(seconds=seconds))


@app.task(name=provisioning.HAND_OVER, queue="numbers", retry=UntilItWorks())
def hand_over_registration(registration_id: str, business_id: str) -> None:
    """Buy the number and hand the registration to the carriers."""
    provisioning.advance(uuid.UUID(registration_id), uuid.UUID(business_id))


@app.task(name=provisioning.GIVE_BACK, queue="numbers", retry=UntilItWorks())
def give_back_number(number_id: str) -> None:
    """Give a number back to the carrier."""
    provisioning.give_back(uuid.UUID(number_id))


@app.task(name=provisioning.POINT, queue="numbers", retry=UntilItWorks())
def point_number(number_id: str) -> None:
    """Have the carrier ask us what becomes of a number's calls."""
    provisioning.point(uuid.UUID(number_id))


@app.task(name=provisioning.ADOPT, queue="numbers")
def adopt_number(number_id: str) -> None:
    """Take a shared number into use. One that has to wait is looked at again by the next poll."""
    number = PhoneNumber.objects.filter(pk=uuid.UUID(number_id), approved_at=None, releasing_at=None).first()
    if number is not None:
        try:
            provisioning.adopt(number)
        except provisioning.Waits:
            pass


@app.task(name=provisioning.ASK, queue="numbers")
def ask_about_registration(registration_id: str, business_id: str) -> None:
    """Ask the carriers about one that somebody is looking at."""
    verification.ask_about(Registration.objects.filter(pk=registration_id, business_id=business_id))


# A queueing lock, so that one waits at the most.
@app.periodic(cron="*/15 * * * *")
@app.task(name="ask_carriers", queue="numbers", queueing_lock="ask_carriers")
def ask_carriers(timestamp: int) -> None:
    """Ask the carriers what became of every registration."""
    verification.poll()
