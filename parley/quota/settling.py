"""What became of an order: the one place where money turns into texts.

An order is open until it is paid, failed or expired. Paid is for ever, and wins: what was told late, twice or in the
wrong order changes nothing else.

    open ──> paid        the texts are credited, once; from a bank account it takes days, and `trouble` says so
      ├────> failed      the card was refused, or the bank did not pay   ──> paid, if the money comes after all
      └────> expired     nobody paid in time                             ──> paid, likewise
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from parley.businesses.access import from_outside
from parley.businesses.models import Business
from parley.live.nudges import nudge
from parley.notifications.models import Notification
from parley.notifications.telling import News, tell_managers
from parley.quota import ledger
from parley.quota.models import Balance, Order
from parley.quota.payments import PaymentEvent

log = logging.getLogger(__name__)

CURRENCY = "usd"

# Of an order that is open still: whoever is asked to pay again would pay twice.
_BANK = "The bank is still moving the money, which can take some days. The texts are added when it has come."


@transaction.atomic
def settle(event: PaymentEvent) -> None:
    """Act on what the provider says of an order; on the same thing once. What does not fit its order is refused."""
    business = Business.objects.filter(pk=event.business).select_related("plan").first()
    order = business.orders.select_for_update().filter(pk=event.order).first() if business else None
    if business is None or order is None:
        log.error("A payment of no order of ours: %s", event.payment)
        return
    order.business = business
    if wrong := _wrong(order, event):
        # Nobody has texts for this money until somebody has looked at it.
        log.error("Payment %s does not fit order %s: %s", event.payment, order.pk, wrong)
        return
    if event.became == "paid":
        _pay(order, event.payment)
    elif event.became in ("failed", "expired") and order.state == Order.State.OPEN:
        state = Order.State.FAILED if event.became == "failed" else Order.State.EXPIRED
        _close(order, state, event.payment, event.words)
    elif event.became == "pending" and order.state == Order.State.OPEN:
        order.provider_id, order.trouble = event.payment, _BANK
        order.save(update_fields=["provider_id", "trouble"])


@transaction.atomic
def give_up(order: Order, words: str) -> None:
    """Nobody paid an open order, and nobody will: `words` say why."""
    locked = order.business.orders.select_for_update().get(pk=order.pk)
    if locked.state == Order.State.OPEN:
        state = Order.State.FAILED if locked.automatic else Order.State.EXPIRED
        _close(locked, state, locked.provider_id, words)


def _wrong(order: Order, event: PaymentEvent) -> str:
    if (event.cents, event.currency.lower()) != (order.cents, CURRENCY):
        return f"{event.cents} {event.currency} instead of {order.cents} {CURRENCY}"
    if event.payment and order.provider_id and order.provider_id != event.payment:
        return f"it is another one than {order.provider_id}"
    return ""


def _pay(order: Order, payment: str) -> None:
    if order.state == Order.State.PAID:
        return
    order.state, order.provider_id, order.trouble = Order.State.PAID, payment, ""
    order.settled_at = timezone.now()
    order.save(update_fields=["state", "provider_id", "trouble", "settled_at"])
    ledger.credit_order(order)
    if order.automatic:
        _tell_bought(order)
    elif order.keep_card:
        from parley.quota.reloading import keep_card

        keep_card.defer(order_id=str(order.pk), business_id=str(order.business_id))
    nudge(order.business_id, [])


def _close(order: Order, state: Order.State, payment: str, words: str) -> None:
    order.state, order.provider_id, order.trouble = state, payment or order.provider_id, words
    order.settled_at = timezone.now()
    order.save(update_fields=["state", "provider_id", "trouble", "settled_at"])
    if order.automatic:
        # It does not count against the month's limit: nothing was bought.
        month = ledger.month_of(order.business, order.created_at)
        Balance.objects.filter(business=order.business, month=month, reloads__gt=0).update(
            reloads=F("reloads") - 1
        )
        if Balance.objects.filter(business=order.business, reload=True).exists():
            switch_off(order.business, words, str(order.pk))
    nudge(order.business_id, [])


# ---- Auto-reload and its people


def switch_off(business: Business, words: str, event: str) -> None:
    """Auto-reload ends, and owners and admins are told why, once for each `event`."""
    Balance.objects.filter(business=business).update(reload=False, reload_trouble=words[:300])
    tell(
        business,
        key=f"reload off {event}",
        title="Texts are not bought automatically any more",
        words=words,
        todo="Buy texts, or turn automatic buying on again:",
        trouble=True,
    )


def tell(business: Business, *, key: str, title: str, words: str, todo: str, trouble: bool) -> None:
    """Tell owners and admins something about buying."""
    address = reverse("buy_texts")
    link = settings.PUBLIC_URL + from_outside(address, business.pk)
    tell_managers(
        business,
        News(
            key=key,
            title=title,
            words=words[:200],
            address=address,
            email_subject=title,
            email_body=f"{business.name}: {words}\n\n{todo} {link}\n",
            trouble=trouble,
            kind=Notification.Kind.QUOTA,
        ),
    )


def _tell_bought(order: Order) -> None:
    card = order.business.balance.card_words
    tell(
        order.business,
        key=f"reload {order.pk}",
        title=f"{order.texts:,} texts were bought automatically",
        words=f"Few were left. {order.price} was taken from {card or 'your card'}.",
        todo="See your purchases, or turn this off:",
        trouble=False,
    )
