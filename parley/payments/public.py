"""The client's own pages, at /p/<token> and /e/<token>: no sign-in, the token is the key.

Opened is not the same as fetched: carriers and messengers fetch whatever address a text holds. So a page counts as
viewed once its script says that somebody sees it, and not if that is one of the business's own members.
"""

from __future__ import annotations

from typing import Any

from allauth.core.ratelimit import consume
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from parley.clients.languages import language_of
from parley.clients.public import TooMany, a_member_looks, public
from parley.payments import asking
from parley.payments.looks import Look, look_of
from parley.payments.models import Asked, Estimate, PaymentRequest
from parley.payments.words import WORDS, date_in_words, day, sum_of

_public = public(WORDS)


def _found(request: HttpRequest, kind: type[Asked], token: str) -> Any:
    """Whose token it is. Raises Http404, and TooMany: counted by the page, for a proxy may stand before all clients.

    Reading is one look into an index, as cheap as the sign-in page, and there are 2^128 tokens to guess from.
    """
    found = kind._default_manager.select_related("client", "business").filter(token=token).first()
    if found is None:
        raise Http404
    if request.method == "POST" and not consume(request, action="client_page", key=token):
        raise TooMany
    return found


@require_safe
@_public
def payment_page(request: HttpRequest, token: str) -> HttpResponse:
    """What a client is asked for."""
    return _page(request, _found(request, PaymentRequest, token))


@require_safe
@_public
def estimate_page(request: HttpRequest, token: str) -> HttpResponse:
    """What it would cost."""
    return _page(request, _found(request, Estimate, token))


def _page(request: HttpRequest, asked: PaymentRequest | Estimate) -> HttpResponse:
    business, look = asked.business, look_of(asked)
    language = language_of(business, asked.client)
    words, country = WORDS[language], business.country
    end = day(look.end, language, country) if look.end else ""
    state, tone, sign = _state(look, words, language)
    bill = isinstance(asked, PaymentRequest)
    context = {
        "asked": asked,
        "business": business,
        "language": language,
        "words": words,
        "title": words["payment" if bill else "estimate"],
        "for_whom": words["for"].format(name=asked.client.first_name) if asked.client.first_name else "",
        "sum": sum_of(asked, language),
        "day": (words[("was_due" if look.late else "due") if bill else "until"], end)
        if look.open and end
        else None,
        "state": state,
        "tone": tone,
        "sign": sign,
        "open": look.open,
        "pays": bill and look.open,
        "answers": not bill and look.open and not look.late,
        "link_words": words["pay" if bill else "read"],
    }
    return render(request, "payments/client_page.html", context)


def _state(look: Look, words: dict[str, str], language: str) -> tuple[str, str, str]:
    """What became of it, in words, with tone and icon; empty while it is open."""
    asked = look.asked
    business = asked.business
    on = ""
    if asked.closed_at:
        closed = asked.closed_at.astimezone(business.zone).date()
        on = date_in_words(closed, language, business.country)
    if asked.status == PaymentRequest.Status.CANCELLED:
        return words["withdrawn" if isinstance(asked, Estimate) else "cancelled"], "", "info"
    if not look.open:
        tone, sign = ("", "info") if asked.status == Estimate.Status.DECLINED else ("good", "check-circle")
        return words[str(asked.status)].format(day=on, business=business.name), tone, sign
    if look.late and isinstance(asked, Estimate) and look.end:
        until = date_in_words(look.end, language, business.country)
        return words["expired"].format(day=until, business=business.name), "pending", "clock"
    return "", "", ""


# Nothing is won by making somebody else's browser say it, and it is said without a cookie.
@csrf_exempt
@require_POST
@_public
def payment_seen(request: HttpRequest, token: str) -> HttpResponse:
    """Somebody has the page before their eyes."""
    return _seen(request, _found(request, PaymentRequest, token))


@csrf_exempt
@require_POST
@_public
def estimate_seen(request: HttpRequest, token: str) -> HttpResponse:
    """The same of an estimate."""
    return _seen(request, _found(request, Estimate, token))


def _seen(request: HttpRequest, asked: Asked) -> HttpResponse:
    if asked.viewed_at is None and not a_member_looks(request, asked.business_id):
        asking.viewed(asked)
    return HttpResponse(status=204)


@require_POST
@_public
def estimate_answered(request: HttpRequest, token: str) -> HttpResponse:
    """The client's own answer, `yes` or `no`. The first one counts; after its last day there is none."""
    asked, answer = _found(request, Estimate, token), request.POST.get("answer")
    if answer not in ("yes", "no"):
        raise Http404
    if not look_of(asked).late:
        if asked.viewed_at is None:
            asking.viewed(asked)
        asking.answer(asked, accepted=answer == "yes", by_client=True)
    return redirect("estimate_page", token)
