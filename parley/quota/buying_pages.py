"""Buying texts: packs, auto-reload, the kept card, orders and their receipts; and the provider's webhook."""

from __future__ import annotations

import uuid
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from parley.businesses.access import MemberRequest, for_managers
from parley.businesses.tenancy import new_id
from parley.quota import buying, ledger, payments, reloading, settling
from parley.quota.buying_forms import BuyForm, ReloadForm
from parley.quota.models import Balance, Order, Pack
from parley.quota.payments import BadEvent, PaymentError, Unavailable
from parley.ui.middleware import may_post_to

ORDERS_SHOWN = 20
# Far more than Stripe sends: its events hold one object each.
MOST_BODY = 512 * 1024


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
def buy_texts(request: MemberRequest) -> HttpResponse:
    """The packs, auto-reload, and what was bought; POST goes on to the provider's page."""
    form = BuyForm(_packs(), request.POST or None)
    if request.method != "POST":
        return _show(request)
    if not form.is_valid():
        return _show(request, form=form, status=422)
    given = form.cleaned_data
    order = buying.order_texts(request.member, given["pack"], given["form"], keep_card=given["keep_card"])
    if order.state != Order.State.OPEN:
        # The browser's way back leads to a form whose order is done with.
        return redirect("texts_order", order.pk)
    try:
        return redirect(buying.open_checkout(request.member, order))
    except PaymentError as error:
        form.add_error(None, error.words)
        again = given["form"] if isinstance(error, Unavailable) else new_id()
        return _show(request, form=form, form_key=again, status=503)


@require_POST
@for_managers
def set_reload(request: MemberRequest) -> HttpResponse:
    """Save auto-reload. Turned on with few texts left, it buys at once."""
    business = request.member.business
    ledger.balance(business)
    with transaction.atomic():
        # What was used and bought meanwhile is not written over: only the form's own columns are.
        known = Balance.objects.select_for_update().get(business=business)
        form = ReloadForm(list(_packs()), request.POST, instance=known)
        if not form.is_valid():
            return _show(request, reload_form=form, status=422)
        known.reload_trouble = ""
        known.save(update_fields=[*form.cleaned_data, "reload_trouble"])
        if known.reload and known.left < known.reload_below:
            reloading.notice(business.pk)
    messages.success(request, "Saved", extra_tags="check-circle")
    return redirect("buy_texts")


@require_POST
@for_managers
@transaction.atomic
def remove_card(request: MemberRequest) -> HttpResponse:
    """Nobody may charge the card any more, and auto-reload ends with it."""
    business = request.member.business
    known = Balance.objects.select_for_update().filter(business=business).first()
    if known and known.card:
        reloading.forget_card.defer(card=known.card)
        known.card = known.card_words = known.reload_trouble = ""
        known.reload = False
        known.save(update_fields=["card", "card_words", "reload", "reload_trouble"])
    messages.success(request, "The card is removed", extra_tags="check-circle")
    return redirect("buy_texts")


@require_GET
@for_managers
def order_page(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """What became of an order; once it is paid, its receipt. `paid`: the browser says so, and we wait to be told."""
    order = get_object_or_404(request.member.business.orders, pk=id)
    waits = order.state == Order.State.OPEN and bool(
        order.automatic or order.trouble or "paid" in request.GET
    )
    context = {"here": "sms", "order": order, "waits": waits}
    if "HX-Request" in request.headers:
        # Nothing new: the page is left alone, and its live region silent.
        if waits:
            return HttpResponse(status=204)
        return render(request, "quota/_order.html", context)
    return _may_pay(render(request, "quota/order.html", context))


@require_POST
@for_managers
def pay(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Go to the page where an open order can be paid."""
    order = get_object_or_404(request.member.business.orders, pk=id, automatic=False)
    try:
        return redirect(buying.open_checkout(request.member, order))
    except Unavailable as error:
        messages.error(request, error.words, extra_tags="alert")
    except PaymentError as error:
        _look(order)
        order.refresh_from_db()
        if not order.trouble:
            messages.error(request, error.words, extra_tags="alert")
    return redirect("texts_order", order.pk)


@require_GET
@for_managers
def back(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Where the provider's page returns to after paying. That proves nothing: the provider itself is asked."""
    order = get_object_or_404(request.member.business.orders, pk=id)
    _look(order)
    return redirect(f"{reverse('texts_order', args=[order.pk])}?paid")


# Signed by the provider: no session, no token.
@csrf_exempt
@require_POST
def stripe_says(request: HttpRequest) -> HttpResponse:
    """Stripe's webhook. 200: done with, whatever it was; 400: not Stripe's."""
    provider = payments.provider()
    if provider is None:
        raise Http404
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BODY:
        return HttpResponse(status=413)
    try:
        event = provider.read(request.headers, request.body)
    except BadEvent:
        return HttpResponse(status=400)
    if event is not None:
        settling.settle(event)
    return HttpResponse(status=200)


def _look(order: Order) -> None:
    try:
        buying.look(order)
    except Unavailable:
        # The webhook tells us as well.
        pass


def _packs() -> Any:
    return Pack.objects.filter(offered=True)


def _show(
    request: MemberRequest,
    *,
    form: BuyForm | None = None,
    form_key: uuid.UUID | None = None,
    reload_form: ReloadForm | None = None,
    status: int = 200,
) -> HttpResponse:
    business = request.member.business
    balance = ledger.balance(business)
    packs = list(_packs())
    chosen = form["pack"].value() if form else packs[len(packs) // 2].pk if packs else ""
    orders = business.orders.order_by("-created_at", "-id")
    if before := _uuid(request.GET.get("before")):
        last = get_object_or_404(business.orders, pk=before)
        orders = orders.filter(created_at__lt=last.created_at)
    shown = list(orders[: ORDERS_SHOWN + 1])
    context = {
        "here": "sms",
        "provider": payments.provider(),
        "operator": parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
        "balance": balance,
        "packs": packs,
        "chosen": chosen,
        "form": form,
        "form_key": form_key or new_id(),
        "keep_card": bool(form and form["keep_card"].value()),
        "reload_form": reload_form or ReloadForm(packs, instance=balance),
        "orders": shown[:ORDERS_SHOWN],
        "older": shown[ORDERS_SHOWN - 1].pk if len(shown) > ORDERS_SHOWN else None,
    }
    return _may_pay(render(request, "quota/buy_texts.html", context, status=status))


def _may_pay(response: HttpResponse) -> HttpResponse:
    provider = payments.provider()
    return may_post_to(response, provider.pages) if provider else response


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None
