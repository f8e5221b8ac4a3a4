"""The page Payments, and the sheets of payment requests and estimates."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from parley.businesses.access import MemberRequest, for_managers, for_members
from parley.businesses.models import Business
from parley.clients.models import Client
from parley.payments import asking, listing, money
from parley.payments.forms import AskForm, HowTheyPay, OfferForm, PaidForm
from parley.payments.looks import look_of
from parley.payments.models import Estimate, PaymentRequest
from parley.ui.dialogs import in_dialog, render_sheet

PAID_BEFORE = "It was paid, answered or cancelled meanwhile."


# ---- The lists


@require_GET
@for_members
def payments(request: MemberRequest) -> HttpResponse:
    """What clients are asked for: open, overdue, paid or all."""
    return _list(request, PaymentRequest)


@require_GET
@for_members
def estimates(request: MemberRequest) -> HttpResponse:
    """What clients were told it would cost."""
    return _list(request, Estimate)


def _list(request: MemberRequest, kind: type[PaymentRequest] | type[Estimate]) -> HttpResponse:
    business, filters = request.member.business, listing.FILTERS[kind]
    show, after = request.GET.get("show", "open"), request.GET.get("after")
    if show not in filters:
        raise Http404
    try:
        page = listing.page(kind, business, show, uuid.UUID(after) if after else None)
    except (ValueError, kind.DoesNotExist):
        raise Http404 from None
    context: dict[str, Any] = {
        "place": "payments",
        "kind": kind.__name__.lower(),
        "page": page,
        "show": show,
        "filters": filters.items(),
    }
    target = request.headers.get("HX-Target")
    if target == "li#more":
        return render(request, "payments/_rows.html", context)
    context["totals"] = listing.totals(kind, business)
    template = "payments/_found.html" if target == "div#payments" else "payments/payments.html"
    return render(request, template, context)


# ---- Asking for a payment, offering an estimate


@for_members
@never_cache
def payment_new(request: MemberRequest) -> HttpResponse:
    """Ask for a payment; `client` is whom, if one came from there; `estimate` is what they accepted."""
    client, initial = _client(request), {}
    if (given := _uuid(request.GET.get("estimate"))) and request.method == "GET":
        estimate = get_object_or_404(request.member.business.estimates.select_related("client"), pk=given)
        client = estimate.client
        initial = {
            "title": estimate.title,
            "amount": money.typed(estimate.cents),
            "details": estimate.details,
        }
    form = AskForm(request.member.business, request.POST or None, client=client, initial=initial)
    return _new(request, form, "payments/ask.html")


@for_members
@never_cache
def estimate_new(request: MemberRequest) -> HttpResponse:
    """Send an estimate."""
    form = OfferForm(request.member.business, request.POST or None, client=_client(request))
    return _new(request, form, "payments/offer.html")


def _new(request: MemberRequest, form: AskForm, template: str) -> HttpResponse:
    business, offer = request.member.business, isinstance(form, OfferForm)
    picker = form.picker
    assert picker
    if picker.picking:
        # Without scripts: whoever is chosen is shown, with all that was typed; nothing is judged yet.
        initial = {name: request.POST.get(name, "") for name in form.fields}
        form = type(form)(business, initial=initial)
        form.picker = picker
    elif request.method == "POST" and form.is_valid() and (client := picker.client):
        write = asking.offer if offer else asking.ask
        asked: PaymentRequest | Estimate = write(
            business, client, id=form.key, silent=not form.cleaned_data["tell"], **form.facts
        )
        return _done(
            request,
            asked,
            f"Estimate sent to {client.calls}" if offer else f"You asked {client.calls} for {asked.sum}",
            quiet=not form.cleaned_data["tell"],
        )
    context = {
        "place": "payments",
        "form": form,
        "currency": asking.currency_of(business),
        # What was begun for one client is not offered for another.
        "whose": request.GET.get("client") or request.GET.get("estimate") or "",
    }
    return render_sheet(request, template, context, status=422 if form.errors else 200)


def _client(request: MemberRequest) -> Client | None:
    """Whom the page one came from is about. Raises Http404."""
    given = request.GET.get("client") if request.method == "GET" else None
    return get_object_or_404(request.member.business.clients, pk=_uuid(given)) if given else None


# ---- One request


def _request(request: MemberRequest, id: uuid.UUID) -> PaymentRequest:
    found = get_object_or_404(request.member.business.paymentrequests.select_related("client"), pk=id)
    found.business = request.member.business
    return found


def _estimate(request: MemberRequest, id: uuid.UUID) -> Estimate:
    found = get_object_or_404(request.member.business.estimates.select_related("client"), pk=id)
    found.business = request.member.business
    return found


@require_GET
@for_members
@never_cache
def payment(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """A request: what it is for, what happened, and what can be done."""
    return _sheet(request, _request(request, id), "payments/payment.html")


@require_GET
@for_members
@never_cache
def estimate(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """An estimate, likewise."""
    return _sheet(request, _estimate(request, id), "payments/estimate.html")


def _sheet(request: MemberRequest, asked: PaymentRequest | Estimate, template: str) -> HttpResponse:
    return render_sheet(request, template, {"place": "payments", "asked": asked, "look": look_of(asked)})


@for_members
@never_cache
def payment_edit(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Change a request that is open; reminders follow its new day."""
    asked = _request(request, id)
    return _edit(
        request,
        asked,
        AskForm(request.member.business, request.POST or None, asked=asked),
        "payments/ask.html",
    )


@for_members
@never_cache
def estimate_edit(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Change an estimate that is open."""
    asked = _estimate(request, id)
    return _edit(
        request,
        asked,
        OfferForm(request.member.business, request.POST or None, asked=asked),
        "payments/offer.html",
    )


def _edit(
    request: MemberRequest, asked: PaymentRequest | Estimate, form: AskForm, template: str
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        try:
            asked = asking.edit(asked, **form.facts)
        except asking.NotOpen:
            return _done(request, asked, PAID_BEFORE, sign="alert")
        return _done(request, asked, "Saved")
    if asked.status != "open":
        return redirect(*_where(asked))
    context = {"place": "payments", "form": form, "asked": asked, "currency": asked.currency}
    return render_sheet(request, template, context, status=422 if form.errors else 200)


@for_members
@never_cache
def payment_paid(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Write down that it was paid, how, and whether a receipt goes out."""
    asked = _request(request, id)
    form = PaidForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if asked.status != PaymentRequest.Status.OPEN:
            return _done(request, asked, PAID_BEFORE, sign="alert")
        asking.pay(asked, how=form.words, silent=not form.cleaned_data["receipt"])
        return _done(request, asked, f"{asked.sum} from {asked.client.calls}, marked as paid")
    if asked.status != PaymentRequest.Status.OPEN:
        return redirect(*_where(asked))
    context = {"place": "payments", "asked": asked, "look": look_of(asked), "form": form}
    return render_sheet(request, "payments/paid.html", context, status=422 if form.errors else 200)


@for_members
@never_cache
def payment_cancel(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Take a request back; asked once more before it is done."""
    return _cancel(request, _request(request, id))


@for_members
@never_cache
def estimate_cancel(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Take an estimate back."""
    return _cancel(request, _estimate(request, id))


def _cancel(request: MemberRequest, asked: PaymentRequest | Estimate) -> HttpResponse:
    if request.method == "POST":
        now = asking.cancel(asked)
        if now.status != "cancelled":
            return _done(request, asked, PAID_BEFORE, sign="alert")
        return _done(
            request, asked, "Estimate taken back" if isinstance(asked, Estimate) else "Request cancelled"
        )
    if asked.status != "open":
        return redirect(*_where(asked))
    return render_sheet(
        request, "payments/cancel.html", {"place": "payments", "asked": asked, "look": look_of(asked)}
    )


@require_POST
@for_members
def estimate_answer(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """The client told a member: `answer` is accepted or declined."""
    asked, answer = _estimate(request, id), request.POST.get("answer")
    if answer not in ("accepted", "declined"):
        raise Http404
    now = asking.answer(asked, accepted=answer == "accepted")
    if now.status != answer:
        return _done(request, asked, PAID_BEFORE, sign="alert")
    return _done(request, asked, f"Marked as {answer}")


def _where(asked: PaymentRequest | Estimate) -> tuple[str, uuid.UUID]:
    """The name and argument of its sheet."""
    return ("estimate" if isinstance(asked, Estimate) else "payment"), asked.pk


def _done(
    request: MemberRequest,
    asked: PaymentRequest | Estimate,
    said: str,
    *,
    quiet: bool = False,
    sign: str = "check",
) -> HttpResponse:
    """Close the dialog with a toast; a page goes on to the sheet."""
    words = f"{asked.client.calls} is told nothing" if quiet else asked.title
    name, id = _where(asked)
    if not in_dialog(request):
        messages.success(request, said, extra_tags=sign)
        return redirect(name, id)
    context = {"said": said, "words": words, "sheet": reverse(name, args=[id]), "sign": sign}
    answer = render(request, "payments/_done.html", context)
    answer["HX-Trigger"] = "parley:done"
    return answer


# ---- Settings


@for_managers
@transaction.atomic
def payment_settings(request: MemberRequest) -> HttpResponse:
    """Settings > Payments: how clients pay, and the currency."""
    business = Business.objects.get(pk=request.member.business_id)
    form = HowTheyPay(business, request.POST or None)
    if request.method == "POST" and form.is_valid():
        business.save(update_fields=["pays_by"])
        messages.success(request, "Saved")
        return redirect("payment_settings")
    context = {"here": "payments", "form": form, "currency": asking.currency_of(business)}
    return render(request, "payments/settings.html", context, status=422 if form.errors else 200)


def _uuid(typed: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(typed or "")
    except ValueError:
        return None
