"""What members record of a client's consent: opt-outs told to them, consent to marketing, answers to doubtful texts."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from parley.businesses.access import MemberRequest, for_managers, for_members
from parley.businesses.models import Business
from parley.clients.consent import OnlyTheClient
from parley.clients.models import Client, Consent
from parley.inbox.consent import PAGE, Record, Standing
from parley.inbox.consent_forms import AgreeForm, OptOutForm, UndoForm
from parley.inbox.doubts import answered_by
from parley.messaging import revoking
from parley.sms.numbers import pretty
from parley.ui.dialogs import leave_for, render_sheet

Category, How, Says = Consent.Category, Consent.How, Consent.Says


def _with_number(request: MemberRequest, id: uuid.UUID) -> Client:
    """A client that can be texted, of this business. Raises Http404."""
    return get_object_or_404(request.member.business.clients.exclude(phone=""), pk=id)


def client_at(business: Business, phone: str) -> Client | None:
    return business.clients.filter(phone=phone).first()


def calls(client: Client | None, phone: str) -> str:
    """How a sentence names whoever has this number."""
    return client.calls if client else pretty(phone)


@for_members
def opt_out_of_client(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Record that this client told a member to stop."""
    return _opt_out(request, _with_number(request, id))


@for_members
def opt_out_of_number(request: MemberRequest) -> HttpResponse:
    """Record an opt-out of a number, whether it is a client's or not."""
    return _opt_out(request, None)


def _opt_out(request: MemberRequest, client: Client | None) -> HttpResponse:
    business = request.member.business
    form = OptOutForm(business, request.POST or None, phone=client.phone if client else "")
    if request.method == "POST" and form.is_valid():
        kept = form.cleaned_data
        revoking.record(
            business,
            form.phone,
            category=Category(kept["scope"]),
            says=Says.REFUSED,
            how=How(kept["how"]),
            words=kept["words"],
            member=request.member,
            said_at=kept["said_at"],
        )
        who = calls(client or client_at(business, form.phone), form.phone)
        what = "marketing" if kept["scope"] == Category.MARKETING else "texts"
        messages.success(request, f"Recorded: no more {what} go to {who}.", extra_tags="check-circle")
        return leave_for(request, _card(client) if client else reverse("opt_outs"))
    return _sheet(request, "inbox/consent/opt_out.html", form, client)


@for_members
def client_agrees(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Record that this client agreed to marketing."""
    client = _with_number(request, id)
    business = request.member.business
    form = AgreeForm(business, request.POST or None, phone=client.phone)
    if request.method == "POST" and form.is_valid():
        kept = form.cleaned_data
        if not Standing(business, client.phone).can_agree:
            # Said by the page too: what holds has changed since it was opened.
            return _sheet(request, "inbox/consent/agrees.html", form, client, status=422)
        try:
            revoking.record(
                business,
                client.phone,
                category=Category.MARKETING,
                says=Says.AGREED,
                how=How(kept["how"]),
                words=kept["words"],
                member=request.member,
                said_at=kept["said_at"],
            )
        except OnlyTheClient as refused:
            form.add_error(None, refused.words)
        else:
            messages.success(
                request, f"Recorded: marketing may go to {client.calls}.", extra_tags="check-circle"
            )
            return leave_for(request, _card(client))
    return _sheet(request, "inbox/consent/agrees.html", form, client)


@for_managers
def opt_out_undo(request: MemberRequest, line: int) -> HttpResponse:
    """Take back an opt-out that a member recorded, for a reason. What the client texted, only they can undo."""
    business = request.member.business
    recorded = get_object_or_404(business.consents, pk=line, says=Says.REFUSED)
    client = client_at(business, recorded.phone)
    standing = Standing(business, recorded.phone)
    undoes = standing.to_undo
    holds = undoes is not None and undoes.line.id == recorded.id
    form = UndoForm(request.POST or None)
    if request.method == "POST" and holds and form.is_valid():
        try:
            revoking.record(
                business,
                recorded.phone,
                category=standing.undone,
                says=Says.AGREED,
                how=How.MEMBER,
                words=form.cleaned_data["reason"],
                member=request.member,
            )
        except OnlyTheClient as refused:
            form.add_error(None, refused.words)
        else:
            who = calls(client, recorded.phone)
            messages.success(request, f"Undone: texts may go to {who} again.", extra_tags="check-circle")
            return leave_for(request, _card(client) if client else reverse("opt_outs"))
    more = {"record": Record(recorded, business.zone), "holds": holds, "standing": standing}
    gone = request.method == "POST" and not holds
    return _sheet(request, "inbox/consent/undo.html", form, client, status=422 if gone else None, **more)


def _sheet(
    request: MemberRequest,
    template: str,
    form: Any,
    client: Client | None,
    *,
    status: int | None = None,
    **more: Any,
) -> HttpResponse:
    context = {"place": "clients", "form": form, "client": client, **more}
    if client and "standing" not in context:
        context["standing"] = Standing(request.member.business, client.phone)
    return render_sheet(request, template, context, status=status or (422 if form.errors else 200))


def _card(client: Client) -> str:
    return reverse("client", args=[client.pk])


@require_GET
@for_members
def client_record(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """The whole ledger of a client's number, newest first; `before` is the last line already shown."""
    client = _with_number(request, id)
    lines = request.member.business.consents.filter(phone=client.phone).order_by("-id")
    if before := request.GET.get("before"):
        if not before.isdecimal() or len(before) > 18:
            raise Http404
        lines = lines.filter(id__lt=int(before))
    page = list(lines[: PAGE + 1])
    zone = request.member.business.zone
    context = {
        "place": "clients",
        "client": client,
        "records": [Record(line, zone) for line in page[:PAGE]],
        "more": page[PAGE - 1] if page[PAGE:] else None,
    }
    if request.headers.get("HX-Target") == "li#more":
        return render(request, "inbox/consent/_records.html", context)
    return render_sheet(request, "inbox/consent/record.html", context)


@require_POST
@for_members
def answer_in_conversation(request: MemberRequest, id: uuid.UUID, line: int) -> HttpResponse:
    """What a doubtful text meant, said above the composer."""
    get_object_or_404(request.member.business.conversations, pk=id)
    return _answer(request, line, reverse("conversation", args=[id]))


@require_POST
@for_members
def answer_on_card(request: MemberRequest, id: uuid.UUID, line: int) -> HttpResponse:
    """What a doubtful text meant, said on the client's card."""
    return _answer(request, line, _card(_with_number(request, id)))


@require_POST
@for_members
def answer_on_list(request: MemberRequest, line: int) -> HttpResponse:
    """What a doubtful text meant, said in the list of opt-outs."""
    return _answer(request, line, reverse("opt_outs"))


def _answer(request: MemberRequest, line: int, back: str) -> HttpResponse:
    """`meant` is stop or else. Who answers second is told what was answered, and changes nothing."""
    business = request.member.business
    asked = get_object_or_404(business.consents.select_related("business"), pk=line, says=Says.DOUBTFUL)
    meant = request.POST.get("meant")
    if meant not in ("stop", "else"):
        raise Http404
    who = calls(client_at(business, asked.phone), asked.phone)
    sign, words = "check-circle", f"Good: texts to {who} go on as before."
    if meant == "stop":
        words = f"Recorded: no more texts go to {who}."
    if answered_by(asked) or not revoking.settle_doubt(
        business, asked.phone, member=request.member, opted_out=meant == "stop"
    ):
        sign, words = "info", _answered(answered_by(asked), who)
    if "HX-Request" in request.headers:
        return render(request, "ui/toast.html", {"title": words, "sign": sign})
    messages.success(request, words, extra_tags=sign)
    return redirect(back)


def _answered(by: Consent | None, who: str) -> str:
    if by is None:
        return "This has been answered already."
    if by.how == How.UNANSWERED:
        return "Nobody answered within a day, so it counts as an opt-out."
    if not by.by_name:
        return f"{who} has texted again since, so the question is gone."
    said = "no more texts" if by.says == Says.REFUSED else "it was about an appointment"
    return f"{by.by_name} answered before you: {said}."
