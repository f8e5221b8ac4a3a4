"""Orders of texts, and the provider's page where one is paid."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from parley.businesses.access import from_outside
from parley.businesses.models import Member
from parley.quota import ledger, payments, reloading, settling
from parley.quota.models import Order, Pack
from parley.quota.payments import Closed, Unavailable

# A checkout that was never opened at the provider: nobody can pay it any more.
STILLBORN = timedelta(hours=25)
# What nobody told us of is asked for after a while, hour by hour.
ASK_AFTER = timedelta(minutes=15)
ASKED_AT_ONCE = 500


def order_texts(member: Member, pack: Pack, form: uuid.UUID, *, keep_card: bool) -> Order:
    """The order of this form, made when it is first sent. Sent again it is the same order; another choice, another."""
    choice = f"{member.business_id} {pack.code} {pack.texts} {pack.cents} {keep_card}"
    order, _ = member.business.orders.get_or_create(
        pk=uuid.uuid5(form, choice),
        defaults={
            "texts": pack.texts,
            "cents": pack.cents,
            "keep_card": keep_card,
            "by_id": member.pk,
            "by_name": member.user.name,
        },
    )
    return order


def open_checkout(member: Member, order: Order) -> str:
    """The address where the order can be paid. Raises payments.Unavailable or payments.Closed."""
    provider = payments.provider()
    if provider is None:
        raise Unavailable("Whoever runs Parley for you has not set up payments.")
    if order.state != Order.State.OPEN:
        raise Closed("This order cannot be paid any more. Choose a pack and start again.")
    path = reverse("texts_order", args=[order.pk])
    back = reverse("texts_order_back", args=[order.pk])
    checkout = provider.checkout(
        order,
        success_url=settings.PUBLIC_URL + from_outside(back, order.business_id),
        cancel_url=settings.PUBLIC_URL + from_outside(path, order.business_id),
        customer=ledger.balance(member.business).customer,
        email=member.user.email,
    )
    member.business.orders.filter(pk=order.pk, provider_id="").update(provider_id=checkout.payment)
    return checkout.url


def look(order: Order) -> None:
    """Ask the provider what became of an open order, and act on it as if we had been told.

    Raises payments.Unavailable.
    """
    provider = payments.provider()
    if provider and order.provider_id and order.state == Order.State.OPEN and (event := provider.look(order)):
        settling.settle(event)


def settle_open_orders() -> None:
    """Ask about every order that has been open for a while: a webhook, or a job, may have been lost."""
    now = timezone.now()
    waiting = Order.objects.filter(state=Order.State.OPEN, created_at__lt=now - ASK_AFTER)
    for order in waiting.select_related("business__plan").order_by("created_at")[:ASKED_AT_ONCE]:
        if order.automatic:
            reloading.take_up(order.business_id)
        elif order.provider_id:
            try:
                look(order)
            except Unavailable:
                continue
        elif order.created_at < now - STILLBORN:
            settling.give_up(order, "")
