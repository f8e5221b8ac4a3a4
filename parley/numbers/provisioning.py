"""Getting a business its number."""

from __future__ import annotations

from django.utils import timezone

from parley.numbers.checker import findings
from parley.numbers.models import Registration


class NotReady(Exception):
    """The registration cannot be sent as it is."""


def submit(registration: Registration) -> None:
    """Send it. Raises NotReady."""
    if any(finding.must for finding in findings(registration)):
        raise NotReady
    registration.status = Registration.Status.SUBMITTED
    registration.submitted_at = timezone.now()
    registration.submissions += 1
    registration.sent = {"Legal business name": registration.legal_name}
    registration.save(update_fields=["status", "submitted_at", "submissions", "sent"])
