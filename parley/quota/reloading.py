"""Auto-reload: a pack is bought with the kept card when few texts are left.

One need is one charge. The order is written, and counted against the month's limit, before the card is asked; its id
is the provider's idempotency key; and a business has one open order of this kind at the most (the database says so).
So a job that dies at any moment, or gets no clear answer, leaves an order that the next one settles.
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from parley.businesses.models import Business
from parley.quota import ledger, payments, settling
from parley.quota.models import Balance, Order
from parley.quota.payments import Declined, Doubt, PaymentEvent, Provider, Unavailable

log = logging.getLogger(__name__)

# Stripe forgets an idempotency key after 24 hours at the earliest: from then on nothing may be asked for again.
# https://docs.stripe.com/api/idempotent_requests, read 2026-11-25.
GIVE_UP = timedelta(hours=20)
LONGEST_PAUSE = 900.0  # seconds

_GONE = "The card that was kept is gone."
_NO_CLEAR_ANSWER = "The payment provider gave no clear answer for a day, and shows no payment."
_NOT_SET_UP = "Whoever runs Parley for you does not take payments any more."


def notice(business_id: UUID) -> None:
    """Fewer are left than auto-reload is to begin at. Called in the debit's transaction, for every such text."""
    held = Balance.objects.filter(business_id=business_id, reloads__gte=F("reload_most"))
    # Told already: until the next month there is nothing to do.
    if not held.exclude(reload_trouble="").exists():
        take_up(business_id)


def ordered(business: Business) -> bool:
    """Is there an order of auto-reload that is not settled yet? It is in the end, one way or the other."""
    return business.orders.filter(automatic=True, state=Order.State.OPEN).exists()


def due(business: Business) -> bool:
    """Will auto-reload buy texts as soon as its job has looked?"""
    known = ledger.balance(business)
    return _needed(known) and not _why_off(known, payments.provider()) and not _as_often_as_allowed(known)


def _needed(known: Balance) -> bool:
    return known.reload and known.left < known.reload_below


def _why_off(known: Balance, provider: Provider | None) -> tuple[str, str] | None:
    """Why nothing can be bought this way any more, and what that is called; None if it can."""
    if provider is None:
        return _NOT_SET_UP, "not set up"
    if not known.card:
        return _GONE, "no card"
    if known.reload_pack is None or not known.reload_pack.offered:
        return "The pack that it bought is not offered any more.", "no pack"
    return None


def _as_often_as_allowed(known: Balance) -> bool:
    return known.reloads >= known.reload_most


def take_up(business_id: UUID, attempt: int = 0) -> None:
    """Have a job look at what there is to do. One waits at the most: who comes second has nothing to add."""
    pause = min(5.0 * 2.0 ** min(attempt, 20), LONGEST_PAUSE) * settings.PATIENCE if attempt else 0
    job = reload_texts.configure(
        queueing_lock=f"reload {business_id}", schedule_at=timezone.now() + timedelta(seconds=pause)
    )
    try:
        with transaction.atomic():
            job.defer(business_id=str(business_id), attempt=attempt)
    except AlreadyEnqueued:
        pass


# Not retried by procrastinate: a retry would collide with a job that waits under the same queueing lock meanwhile.
@app.task(name="reload_texts")
def reload_texts(business_id: str, attempt: int = 0) -> None:
    """Buy texts with the kept card, if they are needed still."""
    try:
        reload(UUID(business_id))
    except Unavailable:
        log.warning("Auto-reload has no clear answer from the payment provider yet")
        take_up(UUID(business_id), attempt + 1)


def reload(business_id: UUID) -> None:
    """Settle the open order of this business, or make one if there is need, and charge it.

    Raises payments.Unavailable if it is not settled now: then the same order is to be tried again.
    """
    business = Business.objects.select_related("plan").filter(pk=business_id).first()
    provider = payments.provider()
    if business is None:
        return
    order, tried = _order(business, provider)
    if order is None or provider is None:
        return
    known = Balance.objects.get(business=business)
    if tried:
        if found := provider.find_charge(order, known.customer):
            _record(order, found)
            return
        if timezone.now() - order.created_at > GIVE_UP:
            settling.give_up(order, _NO_CLEAR_ANSWER)
            return
        if not (known.card and known.reload):
            settling.give_up(order, _GONE)
            return
    outcome = provider.charge(order, known.customer, known.card)
    if isinstance(outcome, Doubt):
        raise Unavailable(outcome.words)
    _record(order, outcome)


@transaction.atomic
def _order(business: Business, provider: Provider | None) -> tuple[Order | None, bool]:
    """The order to be charged: the open one, or a new one if there is need and everything allows it.

    True beside one that was found open: it may have been charged.
    """
    ledger.balance(business)
    known = (
        Balance.objects.select_for_update(of=("self",)).select_related("reload_pack").get(business=business)
    )
    order = business.orders.filter(automatic=True, state=Order.State.OPEN).first()
    if order is not None:
        order.business = business
        return order, True
    if not _needed(known):
        return None, False
    pack = known.reload_pack
    if why := _why_off(known, provider):
        settling.switch_off(business, *why)
    elif _as_often_as_allowed(known):
        _hold(known)
    elif pack:
        known.reloads += 1
        known.reload_trouble = ""
        known.save(update_fields=["reloads", "reload_trouble"])
        return business.orders.create(texts=pack.texts, cents=pack.cents, automatic=True), False
    return None, False


def _hold(known: Balance) -> None:
    times = "once" if known.reload_most == 1 else f"{known.reload_most} times"
    words = f"Texts were bought {times} this month, which is the most you allowed. Few are left."
    Balance.objects.filter(pk=known.pk).update(reload_trouble=words)
    settling.tell(
        known.business,
        key=f"reload limit {known.month}",
        title="No more texts are bought automatically this month",
        words=words,
        todo="Buy texts, or allow more:",
        trouble=True,
    )


def _record(order: Order, outcome: payments.Paid | Declined) -> None:
    paid = not isinstance(outcome, Declined)
    settling.settle(
        PaymentEvent(
            became="paid" if paid else "failed",
            business=order.business_id,
            order=order.pk,
            payment=outcome.payment,
            cents=outcome.cents if not isinstance(outcome, Declined) else order.cents,
            currency=outcome.currency if not isinstance(outcome, Declined) else settling.CURRENCY,
            words=outcome.words if isinstance(outcome, Declined) else "",
        )
    )


# ---- Cards


class UntilItWorks(BaseRetryStrategy):
    """After 2 s, doubled to 15 minutes, for as long as it takes: somebody was promised it."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        if not isinstance(exception, Unavailable):
            log.error("%s is tried again: %s", job.task_name, type(exception).__name__)
        seconds = min(2.0 ** min(job.attempts + 1, 20), LONGEST_PAUSE) * settings.PATIENCE
        return RetryDecision(retry_at=timezone.now() + timedelta(seconds=seconds))


@app.task(name="keep_card", retry=UntilItWorks())
def keep_card(order_id: str, business_id: str) -> None:
    """Remember the card that an order was paid with, in the place of another."""
    provider = payments.provider()
    order = Order.objects.filter(pk=uuid.UUID(order_id), business_id=uuid.UUID(business_id)).first()
    if provider is None or order is None:
        return
    card = provider.kept_card(order)
    if card is None:
        return
    with transaction.atomic():
        known = Balance.objects.select_for_update().get(business_id=order.business_id)
        if known.card and known.card != card.card:
            forget_card.defer(card=known.card)
        known.customer, known.card, known.card_words = card.customer, card.card, card.words
        known.save(update_fields=["customer", "card", "card_words"])


@app.task(name="forget_card", retry=UntilItWorks())
def forget_card(card: str) -> None:
    """Have the provider forget a card that nobody may charge any more."""
    if provider := payments.provider():
        provider.forget_card(card)
