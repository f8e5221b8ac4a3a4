"""What Juniper asks its clients for: told to nobody, for it was asked before the demo began."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from django.utils import timezone

from parley.businesses.models import Business
from parley.inbox.sample import people
from parley.payments.looks import today_of
from parley.payments.models import Asked, Estimate, PaymentRequest

PAYS_BY = "Zelle to pay@juniperhair.example, or card and cash at the desk.\n1418 SE Alder Street, Portland, every day but Monday."

# Whose (their number), what for, cents, asked days ago, due in days, viewed days ago, paid: days ago and how.
REQUESTS: list[tuple[str, str, int, int, int | None, int | None, tuple[int, str] | None]] = [
    ("+15035550118", "Deposit", 4_000, 2, 0, 1, None),
    ("+15035550131", "Beard kit", 6_500, 3, 5, None, None),
    (people.MANY[5].phone, "Keratin treatment", 31_500, 1, 12, 0, None),
    (people.MANY[1].phone, "Cut and color", 14_000, 11, -4, 9, None),
    (people.MANY[8].phone, "Highlights", 18_500, 16, -9, 15, (8, "Card")),
    (people.MANY[11].phone, "Gift card", 10_000, 21, -18, 20, (19, "Transfer")),
    ("+15035550118", "Patch test", 2_500, 55, -50, 54, (53, "Cash")),
]


def use_bills(business: Business) -> None:
    """Requests, paid and not, and an estimate for a wedding. Doing it again changes nothing."""
    if business.paymentrequests.exists() or business.estimates.exists():
        return
    business.pays_by = PAYS_BY
    business.save(update_fields=["pays_by"])
    today = today_of(business)
    clients = {client.phone: client for client in business.clients.all()}
    for phone, title, cents, asked, due, viewed, paid in REQUESTS:
        request = PaymentRequest.objects.create(
            business=business,
            client=clients[phone],
            title=title,
            cents=cents,
            currency="USD",
            due_on=None if due is None else today + timedelta(days=due),
            status=PaymentRequest.Status.PAID if paid else PaymentRequest.Status.OPEN,
            paid_how=paid[1] if paid else "",
            closed_at=_at(business, today, paid[0], time(15, 40)) if paid else None,
            viewed_at=None if viewed is None else _at(business, today, viewed, time(9, 12)),
        )
        _asked(request, _at(business, today, asked, time(11, 5)))
    luis = next(client for client in clients.values() if client.first_name == "Luis")
    estimate = Estimate.objects.create(
        business=business,
        client=luis,
        title="Wedding party, June 14",
        details="Two stylists at the venue in Hood River from 8 in the morning, travel included. A trial is extra.",
        cents=86_000,
        currency="USD",
        expires_on=today + timedelta(days=9),
        viewed_at=_at(business, today, 10, time(18, 24)),
    )
    _asked(estimate, _at(business, today, 11, time(9, 22)))


def _at(business: Business, today: date, days_ago: int, clock: time) -> datetime:
    """That hour so many days ago; never later than now."""
    at = datetime.combine(today - timedelta(days=days_ago), clock, business.zone)
    return min(at, timezone.now() - timedelta(minutes=7))


def _asked(asked: Asked, at: datetime) -> None:
    type(asked)._default_manager.filter(pk=asked.pk).update(created_at=at)
