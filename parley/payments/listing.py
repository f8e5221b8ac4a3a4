"""The lists of the page Payments: what each filter shows, a page at a time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from parley.businesses.models import Business
from parley.clients.models import Client
from parley.payments import money
from parley.payments.asking import currency_of
from parley.payments.looks import Look, today_of
from parley.payments.models import Estimate, PaymentRequest

PAGE = 50
# Beyond this the line over the list counts no further.
COUNTED = 1000
# As many fit on a card beside all else.
ON_A_CARD = 3

FILTERS = {
    PaymentRequest: {"open": "Open", "overdue": "Overdue", "paid": "Paid", "all": "All"},
    Estimate: {"open": "Open", "accepted": "Accepted", "declined": "Declined", "all": "All"},
}


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the last of them if there are more."""

    rows: list[Look]
    more: uuid.UUID | None


def page(
    kind: type[PaymentRequest] | type[Estimate], business: Business, show: str, after: uuid.UUID | None = None
) -> Page:
    """Newest first; what is overdue, longest due first. Each filter has an index that is read from its place on.

    Raises the kind's DoesNotExist if `after` is not one of the business's own.
    """
    today = today_of(business)
    own: QuerySet[Any] = kind._default_manager.filter(business=business)
    last = own.get(pk=after) if after else None
    if show == "overdue":
        found = own.filter(status="open", due_on__lt=today).order_by("due_on", "id")
        if last:
            # Written so that the index is entered at its place and read from there.
            found = found.filter(
                Q(due_on__gte=last.due_on or date.min)
                & (Q(due_on__gt=last.due_on or date.min) | Q(id__gt=last.id))
            )
    else:
        found = own if show == "all" else own.filter(status=show)
        found = found.order_by("-created_at", "-id")
        if last:
            found = found.filter(
                Q(created_at__lte=last.created_at) & (Q(created_at__lt=last.created_at) | Q(id__lt=last.id))
            )
    rows = list(found.select_related("client")[: PAGE + 1])
    for row in rows:
        row.business = business
    return Page([Look(row, today) for row in rows[:PAGE]], rows[PAGE - 1].pk if rows[PAGE:] else None)


def totals(kind: type[PaymentRequest] | type[Estimate], business: Business) -> str:
    """How many are open, and their sum: 3 open, $420.00. One query, that counts no further than `COUNTED`."""
    own = kind._default_manager.filter(business=business, status="open").order_by("-created_at", "-id")
    currency = currency_of(business)
    told = own[: COUNTED + 1].aggregate(
        n=Count("pk"),
        cents=Sum("cents", filter=Q(currency=currency)),
        others=Count("pk", filter=~Q(currency=currency)),
    )
    if told["n"] > COUNTED:
        return f"More than {COUNTED:,} open"
    if not told["n"]:
        return ""
    words = f"{told['n']} open, {money.written(told['cents'] or 0, currency, business.country)}"
    return f"{words} and {told['others']} in another currency" if told["others"] else words


def open_of(business: Business, client: Client) -> list[Look]:
    """What this client is asked for and has not paid, newest first: for a card. One query."""
    own = business.paymentrequests.filter(client=client, status=PaymentRequest.Status.OPEN)
    today, found = today_of(business), list(own.order_by("-created_at")[:ON_A_CARD])
    for request in found:
        request.business, request.client = business, client
    return [Look(request, today) for request in found]
