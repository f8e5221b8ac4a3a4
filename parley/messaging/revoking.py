"""What a client agreed to or refused, as a member or a road tells it: the ledger, the queue and the open pages."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from parley.businesses.models import Business, Member
from parley.clients import consent
from parley.clients.models import Consent
from parley.live.nudges import nudge


@transaction.atomic
def record(
    business: Business,
    phone: str,
    *,
    category: Consent.Category,
    says: Consent.Says,
    how: Consent.How,
    words: str = "",
    member: Member | None = None,
    said_at: datetime | None = None,
) -> None:
    """Write one line to the ledger and tell every open page. Raises consent.OnlyTheClient."""
    consent.record(
        business, phone, category=category, says=says, how=how, words=words, member=member, said_at=said_at
    )
    nudge(business.id, business.conversations.filter(client__phone=phone).values_list("pk", flat=True))


@transaction.atomic
def settle_doubt(business: Business, phone: str, *, member: Member, opted_out: bool) -> bool:
    """The member's answer to a doubtful STOP. False if nothing is doubtful any more."""
    known = business.handsets.select_for_update().filter(phone=phone).first()
    if known is None or "doubtful" not in (known.service, known.marketing):
        return False
    asked = business.consents.filter(phone=phone, says=Consent.Says.DOUBTFUL).latest("id")
    record(
        business,
        phone,
        category=Consent.Category.ALL,
        says=Consent.Says.REFUSED if opted_out else Consent.Says.MEANT_ELSE,
        # An opt-out stays what the client texted: a member only said how to read it.
        how=Consent.How.TEXT if opted_out else Consent.How.MEMBER,
        words=asked.words,
        member=member,
    )
    return True
