"""Which number a message leaves from."""

from __future__ import annotations

from parley.businesses.models import Business
from parley.numbers.models import PhoneNumber


def own_number(business: Business) -> PhoneNumber | None:
    """The business's own approved number, or None while it has none."""
    return (
        business.numbers.filter(duty=PhoneNumber.Duty.BUSINESS, approved_at__isnull=False)
        .order_by("approved_at", "id")
        .first()
    )
