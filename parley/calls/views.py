"""The app's pages, a voicemail's sound, and calling a client.

Everything is reached through `request.member`: another business's voicemail is a 404 exactly like one that never was.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from parley.alerts.placeholders import OF_NOTHING
from parley.businesses.access import MemberRequest, for_managers, for_members
from parley.businesses.models import Business, Member
from parley.businesses.opening import spoken
from parley.calls import calling, listing, recordings, speech, words
from parley.calls.answering import MOST_PHONES, install, remove, rules_of, takes_calls
from parley.calls.forms import AnswerHours, KeepForm, RulesForm, phone_of
from parley.calls.models import Answerer, Call, Recording
from parley.live.nudges import nudge
from parley.numbers.texting import own_number
from parley.sms import segments
from parley.sms.numbers import BadNumber
from parley.ui.dialogs import in_dialog, leave_for, render_sheet

# One range, as players ask: `bytes=0-`, `bytes=100-199`, `bytes=-100`. Of anything else the whole is handed over.
_RANGE = re.compile(r"bytes=(\d{0,10})-(\d{0,10})")


# ---- The app's pages


@require_http_methods(["GET", "HEAD", "POST"])
@for_members
def calls(request: MemberRequest) -> HttpResponse:
    """Calls: how they are dealt with, for managers; and the list of them."""
    member = request.member
    business, rules = member.business, rules_of(member.business)
    installed = takes_calls(business, rules)
    form = None
    if member.manages and installed:
        form = RulesForm(business, rules, request.POST or None)
        if request.method == "POST" and form.is_valid():
            form.save()
            messages.success(request, "Saved. It holds from the next call on.")
            return redirect("calls")
    elif request.method == "POST":
        return redirect("calls")
    context: dict[str, Any] = {
        "form": form,
        "installed": installed,
        "rules": rules,
        "number": own_number(business),
        "combined": business.mode == Business.Mode.CALLS,
        "page": _page(listing.calls, request),
    }
    if form:
        # A text from nobody in particular is from the business: its name is there once.
        context["chips"] = [each for each in OF_NOTHING.values() if not each.name.startswith("staff.")]
        context["segments"] = segments.count(segments.plain(form["text_back"].value() or ""))
        context["answering"] = Answerer.objects.filter(business=business).exclude(member__phone="").count()
        context["transcribing"] = speech.is_on()
    if "HX-Request" in request.headers and "after" in request.GET:
        return render(request, "calls/_rows.html", context)
    return render(request, "calls/calls.html", context, status=422 if form and form.errors else 200)


@require_POST
@for_managers
def install_calls(request: MemberRequest) -> HttpResponse:
    """Activate calls. The number, its verification and its texts stay as they are."""
    business = request.member.business
    if business.mode != Business.Mode.CALLS:
        messages.error(request, "Choose Calls and Texting in SMS Settings first.", extra_tags="alert")
        return redirect("sms_settings")
    install(business)
    # Whoever installs it is the first who can answer, once their phone is known.
    if not Answerer.objects.filter(business=business).exists():
        Answerer.objects.create(business=business, member=request.member, place=1)
    nudge(business.pk, [])
    messages.success(request, "Calls are installed. Say next who can answer.")
    return redirect("answerers")


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
def remove_calls(request: MemberRequest) -> HttpResponse:
    """Deactivate calls; asks first."""
    if request.method != "POST":
        return render_sheet(request, "calls/remove.html", {})
    remove(request.member.business)
    nudge(request.member.business_id, [])
    messages.success(request, "Calls are removed. Your number goes on texting.")
    return leave_for(request, reverse("calls"))


@require_http_methods(["GET", "HEAD", "POST"])
@for_members
def voicemails(request: MemberRequest) -> HttpResponse:
    """What callers left. Managers say how long it is kept."""
    member, rules = request.member, rules_of(request.member.business)
    if not takes_calls(member.business, rules):
        return redirect("calls")
    form = KeepForm(request.POST or None, instance=rules) if member.manages else None
    if request.method == "POST" and form and form.is_valid():
        form.save()
        messages.success(request, f"Saved. New voicemails are kept for {rules.keep_days:,} days.")
        return redirect("voicemails")
    context = {
        "form": form,
        "rules": rules,
        "page": _page(listing.voicemails, request),
        "transcription": "" if rules.transcribes and speech.is_on() else _no_transcription(member),
    }
    if "HX-Request" in request.headers and "after" in request.GET:
        return render(request, "calls/_voicemails.html", context)
    return render(request, "calls/voicemails.html", context, status=422 if form and form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
def answerers(request: MemberRequest) -> HttpResponse:
    """Who can answer: which members' phones ring, in which order."""
    business = request.member.business
    rules = rules_of(business)
    if not takes_calls(business, rules):
        return redirect("calls")
    problem: dict[str, Any] = {}
    if request.method == "POST":
        member = _member(business, request.POST.get("member"))
        try:
            _change(member, request.POST)
        except BadNumber as wrong:
            problem = {"id": member.pk, "words": str(wrong), "typed": request.POST.get("phone", "")}
        if not problem and "HX-Request" not in request.headers:
            return redirect("answerers")
    context = {"rows": _answerers(business), "problem": problem, "rules": rules, "most": MOST_PHONES}
    template = "calls/_answerers.html" if "HX-Request" in request.headers else "calls/answerers.html"
    return render(request, template, context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
def answerer_hours(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """When one member's phone may ring."""
    business = request.member.business
    own = Answerer.objects.filter(business=business).select_related("member__user")
    answerer = get_object_or_404(own, member_id=id)
    form = AnswerHours(answerer, business.time_zone, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, f"Saved {answerer.member.first_name}’s hours.")
        return redirect("answerers")
    status = 422 if form.errors else 200
    return render(request, "calls/hours.html", {"hours": form, "member": answerer.member}, status=status)


@require_GET
@for_managers
def usage(request: MemberRequest) -> HttpResponse:
    """This month's calls; texts have a page of their own."""
    business = request.member.business
    if not takes_calls(business, rules_of(business)):
        return redirect("calls")
    return render(request, "calls/usage.html", {"month": listing.month(business)})


def _page(read: Any, request: MemberRequest) -> listing.Page:
    """Raises Http404 for a page that begins after what is not there."""
    after = request.GET.get("after")
    try:
        page: listing.Page = read(request.member, uuid.UUID(after) if after else None)
    except (ValueError, Call.DoesNotExist, Recording.DoesNotExist):
        raise Http404 from None
    return page


def _no_transcription(member: Member) -> str:
    if not speech.is_on():
        return speech.OFF
    return "Transcription is off." + (" Turn it on under Calls." if member.manages else "")


def _member(business: Business, id: str | None) -> Member:
    try:
        return get_object_or_404(business.members.select_related("user", "business"), pk=id)
    except ValidationError:
        raise Http404 from None


def _answerers(business: Business) -> list[dict[str, Any]]:
    """Every member: who can answer first, in their order."""
    places = {row.member_id: row for row in Answerer.objects.filter(business=business)}
    members = (
        business.members.select_related("user").filter(user__is_active=True).order_by("user__name", "id")
    )
    on = sorted((m for m in members if m.pk in places), key=lambda m: (places[m.pk].place, places[m.pk].pk))
    rows = [
        {"member": m, "answerer": places[m.pk], "hours": spoken(Business(hours=places[m.pk].hours))}
        for m in on
    ]
    return [*rows, *({"member": m, "answerer": None} for m in members if m.pk not in places)]


@transaction.atomic
def _change(member: Member, asked: Any) -> None:
    """Do what one row's button says. Raises BadNumber."""
    business = member.business
    # One change at a time, so that no two rows get one place.
    Business.objects.select_for_update().get(pk=business.pk)
    own = list(Answerer.objects.filter(business=business).order_by("place", "id"))
    at = next((place for place, row in enumerate(own) if row.member_id == member.pk), None)
    act = asked.get("act", "")
    if act == "phone":
        member.phone = phone_of(member, asked.get("phone", ""))
        member.save(update_fields=["phone"])
    elif act == "turn":
        if "on" in asked and at is None:
            # Behind the last: the places of those who were taken off stay empty.
            Answerer.objects.create(business=business, member=member, place=own[-1].place + 1 if own else 1)
        elif "on" not in asked and at is not None:
            own[at].delete()
    elif act in ("up", "down") and at is not None:
        to = max(0, min(len(own) - 1, at + (-1 if act == "up" else 1)))
        own.insert(to, own.pop(at))
        for place, row in enumerate(own, 1):
            Answerer.objects.filter(business=business, pk=row.pk).update(place=place)


# ---- A voicemail


@require_safe
@for_members
def sound(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """The bytes, or the part that a player asks for: Safari plays nothing that has no ranges."""
    own = Recording.objects.filter(business=request.member.business, state=Recording.State.KEPT)
    kept = get_object_or_404(own, pk=id)
    content = bytes(kept.content or b"")
    headers = {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        # Once it is deleted no browser has it either.
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
    }
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or not any(asked.groups()):
        return HttpResponse(content, content_type=kept.content_type, headers=headers)
    first, last = asked.groups()
    size = len(content)
    begin = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if begin > end or begin >= size:
        return HttpResponse(status=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    return HttpResponse(
        content[begin : end + 1],
        status=206,
        content_type=kept.content_type,
        headers=headers | {"Content-Range": f"bytes {begin}-{end}/{size}"},
    )


@require_POST
@for_members
def heard(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Somebody has begun to play it."""
    recordings.heard(request.member.business, id)
    return HttpResponse(status=204)


@require_POST
@for_members
def fetch_again(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Ask the carrier for it once more."""
    if not recordings.try_again(request.member.business, id):
        raise Http404
    if "HX-Request" in request.headers:
        return HttpResponse(status=204)
    if "listed" in request.POST:
        messages.success(request, "Asking the carrier for it again.")
        return redirect("voicemails")
    return redirect(_conversation_of(request, id))


@require_http_methods(["GET", "HEAD", "POST"])
@for_members
def delete(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Delete a voicemail; asks first."""
    own = Recording.objects.filter(business=request.member.business).exclude(state=Recording.State.DELETED)
    found = get_object_or_404(
        own.defer("content").select_related("call__message__conversation__client"), pk=id
    )
    client = found.call.message.conversation.client
    if request.method != "POST":
        context = {"recording": found, "client": client, "length": words.length(found.seconds)}
        return render_sheet(request, "calls/delete.html", context)
    recordings.delete(request.member.business, id)
    return _done(request, "Voicemail deleted", f"{client.name}’s call stays in the conversation.", found.call)


def _conversation_of(request: MemberRequest, id: uuid.UUID) -> str:
    recording = Recording.objects.select_related("call__message").get(business=request.member.business, pk=id)
    return reverse("conversation", args=[recording.call.message.conversation_id])


# ---- Calling


@require_http_methods(["GET", "HEAD", "POST"])
@for_members
def call_client(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Call a client: what will happen, then Parley rings the member's own phone."""
    member = request.member
    client = get_object_or_404(member.business.clients.all(), pk=id)
    if request.method != "POST":
        return _offer(request, client, calling.why_not(member, client))
    phone_problem = ""
    if "phone" in request.POST:
        try:
            member.phone = phone_of(member, request.POST["phone"])
        except BadNumber as wrong:
            phone_problem = str(wrong)
        else:
            member.save(update_fields=["phone"])
    if phone_problem:
        return _offer(request, client, None, typed=request.POST["phone"], phone_problem=phone_problem)
    try:
        key = uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return HttpResponseBadRequest("The page has no key.")
    try:
        call = calling.start(member, client, key)
    except calling.CannotCall as reason:
        return _offer(request, client, reason)
    said = f"Your phone {_ends_in(member.phone)} rings now."
    return _done(request, f"Calling {client.name}", f"{said} Pick up and press 1.", call)


def _offer(
    request: MemberRequest,
    client: Any,
    reason: calling.CannotCall | None,
    *,
    typed: str = "",
    phone_problem: str = "",
) -> HttpResponse:
    member = request.member
    number = own_number(member.business)
    asks_phone = bool(phone_problem) or (reason is not None and reason.where == "profile")
    context = {
        "client": client,
        "reason": None if asks_phone else reason,
        "asks_phone": asks_phone,
        "typed": typed,
        "phone_problem": phone_problem,
        "ends_in": _ends_in(member.phone),
        "number": number,
        "key": request.POST.get("key") or uuid.uuid4(),
    }
    status = 422 if request.method == "POST" else 200
    return render_sheet(request, "calls/call.html", context, status=status)


def _ends_in(phone: str) -> str:
    return f"(…{phone[-2:]})" if phone else ""


def _done(request: MemberRequest, said: str, more: str, call: Call) -> HttpResponse:
    """Close the dialog with a toast; a page goes on to the conversation."""
    address = reverse("conversation", args=[call.message.conversation_id])
    if not in_dialog(request):
        messages.success(request, said)
        return redirect(address)
    answer = render(request, "calls/_done.html", {"said": said, "words": more, "address": address})
    answer["HX-Trigger"] = "parley:done"
    return answer
