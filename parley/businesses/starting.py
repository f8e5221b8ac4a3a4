"""Starting a business: whoever signs up, or already works elsewhere, owns it."""

from __future__ import annotations

from django.db import transaction

from parley.businesses.models import Business, Member, User


@transaction.atomic
def start_business(owner: User, name: str, country: str, time_zone: str) -> Member:
    """A business on the free plan; its emails to clients come from its owner's address until somebody changes it."""
    business = Business.objects.create(name=name, country=country, time_zone=time_zone, email=owner.email)
    return Member.objects.create(business=business, user=owner, role=Member.Role.OWNER)
