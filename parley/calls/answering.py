"""Whether a business takes calls, and whose phones ring now."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from parley.businesses.models import Business
from parley.businesses.opening import is_open
from parley.calls.models import Answerer, CallRules
from parley.numbers import provisioning

# As many phones as carriers ring at once (carriers.twilio.voice.MOST_PHONES).
MOST_PHONES = 10


def rules_of(business: Business) -> CallRules:
    """How the business wants its calls dealt with; unsaved rules where it never said."""
    return CallRules.objects.filter(business=business).first() or CallRules(business=business)


def takes_calls(business: Business, rules: CallRules) -> bool:
    """The combined app is chosen, paid for and installed. Else callers hear how to reach the business."""
    return business.mode == Business.Mode.CALLS and business.plan.paid and rules.installed


def install(business: Business) -> CallRules:
    """Activate calls. The number, its verification and its texts stay as they are; doing it twice is doing it once."""
    rules, _ = CallRules.objects.get_or_create(business=business)
    if not rules.installed:
        rules.installed_at = timezone.now()
        rules.save(update_fields=["installed_at", "changed_at"])
    provisioning.see_pointed(business.numbers.exclude(approved_at=None))
    return rules


def remove(business: Business) -> None:
    """Deactivate calls. What was set up, who can answer and what was recorded stays for when it is installed again."""
    CallRules.objects.filter(business=business).update(installed_at=None, changed_at=timezone.now())


def at_hand(business: Business, at: datetime | None = None) -> list[Answerer]:
    """Who can answer now: they have a phone, and it is within their hours. In their order, at most MOST_PHONES."""
    at = at or timezone.now()
    rows = (
        Answerer.objects.filter(business=business, member__user__is_active=True)
        .exclude(member__phone="")
        .select_related("member")
        .order_by("place", "id")
    )
    found = [row for row in rows if is_open(Business(hours=row.hours, time_zone=business.time_zone), at)]
    # Two members with one phone are one phone.
    return list({row.member.phone: row for row in reversed(found)}.values())[::-1][:MOST_PHONES]
