"""What members are told of payments and estimates: what a client did by themselves."""

from __future__ import annotations

from django.urls import reverse

from parley.notifications.models import Notification
from parley.notifications.telling import tell_members
from parley.payments.models import Asked, Estimate, PaymentRequest


def answered(estimate: Estimate) -> None:
    """The client accepted or declined it."""
    verb = "accepted" if estimate.status == Estimate.Status.ACCEPTED else "declined"
    _tell(estimate, f"{estimate.client.name} {verb} an estimate", reverse("estimate", args=[estimate.pk]))


def settled(asked: Asked) -> None:
    """Another system said what became of it: told if the client paid, or answered."""
    if isinstance(asked, PaymentRequest) and asked.status == PaymentRequest.Status.PAID:
        _tell(asked, f"{asked.client.name} paid {asked.sum}", reverse("payment", args=[asked.pk]))
    elif isinstance(asked, Estimate) and asked.status in (Estimate.Status.ACCEPTED, Estimate.Status.DECLINED):
        answered(asked)


def _tell(asked: Asked, title: str, address: str) -> None:
    tell_members(
        asked.business,
        Notification.Kind.PAYMENT,
        f"{type(asked).__name__.lower()} {asked.pk}",
        title,
        words=f"{asked.title}, {asked.sum}",
        address=address,
        face=asked.client,
    )
