"""The app Calls and Texting: its switches, the registration, and what the carriers say to it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from parley.businesses.access import MemberRequest, for_managers
from parley.businesses.models import Business, Member
from parley.live.nudges import nudge
from parley.numbers.checker import Finding, findings
from parley.numbers.forms import (
    COUNTRY,
    LARGEST_PICTURE,
    RegistrationForm,
    answers,
    fresh_registration,
    picture_type,
)
from parley.numbers.models import PhoneNumber, Registration
from parley.numbers.provisioning import NotReady, submit
from parley.numbers.texting import is_waiting, lacks, own_number
from parley.numbers.timeline import days_taken, review_of
from parley.numbers.verification import ask_for_reader
from parley.numbers.views import operator_address
from parley.ui.templatetags.ui import clock

EDITABLE = (Registration.Status.DRAFT, Registration.Status.REJECTED)
UNDER_WAY = (Registration.Status.SUBMITTED, Registration.Status.IN_REVIEW)


# ---- What is there


def _registration(business: Business) -> Registration | None:
    """The picture stays behind: it may be megabytes, and only its own address shows it."""
    found = (
        Registration.objects.defer("opt_in_picture")
        .select_related("number")
        .filter(business=business)
        .first()
    )
    if found:
        found.business = business
    return found


def _two_way(business: Business) -> bool:
    """The switch as it holds: Settings > SMS Settings can say "Do not reply" over it."""
    return business.two_way and business.mode != Business.Mode.DO_NOT_REPLY


def _may_edit(registration: Registration) -> bool:
    return registration.status == Registration.Status.DRAFT or (
        registration.status == Registration.Status.REJECTED and registration.may_resubmit
    )


def _may_move(business: Business, registration: Registration) -> bool:
    """May the country change? Not once a number was bought, or is about to be: it was chosen for the country."""
    return not registration.wanted and not business.numbers.filter(released_at=None).exists()


def _stage(business: Business, number: PhoneNumber | None, registration: Registration | None) -> str:
    """Which of the page's states is shown below the switches; "" for the switches alone."""
    status = registration.status if registration else Registration.Status.DRAFT
    if number:
        return "approved"
    if status in UNDER_WAY:
        return "review"
    if status == Registration.Status.REJECTED:
        return "rejected"
    return (
        "form" if status == Registration.Status.DRAFT and _two_way(business) and not lacks(business) else ""
    )


def _token(
    business: Business, number: PhoneNumber | None, registration: Registration | None, fixing: bool
) -> str:
    """Changes whenever another state is to be shown, so that an open page, and who types in it, is left alone."""
    said = [business.mode, business.texting, business.two_way, business.plan_id, business.country, fixing]
    said += [number and number.pk]
    if registration and registration.status != Registration.Status.DRAFT:
        said += [registration.status, registration.submissions, registration.trouble, registration.reasons]
    return f"{zlib.crc32('|'.join(map(str, said)).encode()):x}"


def _context(
    request: MemberRequest,
    *,
    registration: Registration | None = None,
    form: RegistrationForm | None = None,
    advice: Iterable[Finding] = (),
) -> dict[str, Any]:
    business = request.member.business
    number, missing = own_number(business), lacks(business)
    registration = registration or _registration(business)
    stage = _stage(business, number, registration)
    may_fix = stage == "rejected" and registration is not None and registration.may_resubmit and not missing
    fixing = may_fix and (form is not None or "fix" in request.GET)
    if fixing:
        stage = "form"
    if form is None and stage == "form":
        draft = registration or fresh_registration(request.member)
        form = RegistrationForm(draft, may_move=_may_move(business, draft))
    return {
        "stage": stage,
        "fixing": fixing,
        "token": _token(business, number, registration, fixing),
        "business": business,
        "two_way": _two_way(business) and not missing,
        "missing": missing,
        "plan_is_missing": any(lack.kind == "plan" for lack in missing),
        "number": number,
        "registration": registration,
        "waiting": business.converses and registration is not None and is_waiting(registration),
        "review": review_of(registration) if registration else None,
        "taken": days_taken(registration) if registration else None,
        "sent": _sent(registration) if registration else [],
        "form": form if stage == "form" else None,
        "advice": [{"finding": one, "label": _label(form, one.field)} for one in advice],
        "operator": operator_address(),
        "now": timezone.now(),
    }


def _label(form: RegistrationForm | None, field: str) -> str:
    """What the page calls an answer; "" for one that it does not ask for."""
    if field == "opt_in_picture":
        return "Picture of the form"
    return str(form[field].label) if form and field in form.fields else ""


def _sent(registration: Registration) -> list[tuple[str, str]]:
    """What was sent, as (label, answer)."""
    sent = registration.sent or []
    pairs = sent.items() if isinstance(sent, dict) else sent
    return [
        (label, ", ".join(map(str, answer)) if isinstance(answer, list) else str(answer))
        for label, answer in pairs
        if answer not in ("", None, [])
    ]


# ---- The page and its switches


@require_GET
@for_managers
def app(request: MemberRequest) -> HttpResponse:
    """The page; for htmx its changing part, or 204 if `shown` is still the state there is."""
    context = _context(request)
    if context["registration"]:
        ask_for_reader(context["registration"])
    if "HX-Request" not in request.headers:
        return render(request, "numbers/texting_app.html", context)
    if request.GET.get("shown") == context["token"]:
        return HttpResponse(status=204)
    return render(request, "numbers/_texting.html", context)


@require_POST
@for_managers
def switch(request: MemberRequest) -> HttpResponse:
    """Turn one of the two switches (`name`) on or off (`on`)."""
    business, name, on = request.member.business, request.POST.get("name"), "on" in request.POST
    if name == "texting":
        business.texting = on
        business.save(update_fields=["texting"])
    elif name == "two_way":
        # What stands in the way is on the page, beside the switch that this leaves off.
        if not on or not lacks(business):
            _turn_two_way(request.member, on)
    else:
        return HttpResponseBadRequest("There is no such switch.")
    # The Inbox and other open pages show whether there is two-way texting.
    nudge(business.pk, [])
    if "HX-Request" in request.headers:
        return render(request, "numbers/_texting.html", _context(request))
    return redirect("texting_app")


@transaction.atomic
def _turn_two_way(member: Member, on: bool) -> None:
    business = member.business
    business.two_way = on
    if on and business.mode == Business.Mode.DO_NOT_REPLY:
        business.mode = Business.Mode.TEXTING
    business.save(update_fields=["two_way", "mode"])


# ---- The registration


class _Closed(Exception):
    """The registration cannot be changed now; `words` say why."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def _open(member: Member) -> Registration:
    """The registration to be filled in, made when it is first touched. Raises _Closed."""
    business = member.business
    if missing := lacks(business):
        raise _Closed(missing[0].words)
    registration = _registration(business)
    if registration is None:
        if own_number(business):
            raise _Closed("Your business has its number already.")
        fresh = fresh_registration(member)
        prefilled = {name: getattr(fresh, name) for name in RegistrationForm.Meta.fields}
        registration, _ = Registration.objects.get_or_create(business=business, defaults=prefilled)
        registration.business = business
    if not _may_edit(registration):
        raise _Closed("This registration was sent already. Reload the page to see how far it is.")
    return registration


def _keep(registration: Registration, form: RegistrationForm, names: Iterable[str]) -> datetime:
    """Write the answers `names`, as far as they can be kept at all; others' answers stay. Returns when.

    Raises _Closed.
    """
    kept = {name: form.cleaned_data[name] for name in names if name in form.cleaned_data}
    country = kept.pop(COUNTRY, None)
    registration.saved_at = now = timezone.now()
    with transaction.atomic():
        written = Registration.objects.filter(pk=registration.pk, status__in=EDITABLE).update(
            **kept, saved_at=now
        )
        if not written:
            raise _Closed("This registration was sent meanwhile. Reload the page to see how far it is.")
        if country and country != registration.business.country and not form.fields[COUNTRY].disabled:
            registration.business.country = country
            registration.business.save(update_fields=["country"])
    return now


def _form(registration: Registration, data: Any) -> RegistrationForm:
    form = RegistrationForm(registration, data, may_move=_may_move(registration.business, registration))
    form.is_valid()
    return form


def _problems(registration: Registration, form: RegistrationForm) -> tuple[dict[str, str], list[Finding]]:
    """What stops it, by field, and what is only advice."""
    problems = {field: " ".join(map(str, words)) for field, words in form.errors.items()}
    found = findings(registration)
    for one in found:
        if one.must:
            problems.setdefault(one.field, f"{one.words} {one.mend}".strip())
    return problems, [one for one in found if not one.must]


@require_POST
@for_managers
def save_draft(request: MemberRequest) -> JsonResponse:
    """Keep the answers named in `fields`, also wrong ones. The answer says what carriers would refuse about them and
    about `shown`, the fields whose problem is on the page: `{"saved": "10:42 AM", "problems": {field: words or ""}}`.
    """
    try:
        registration = _open(request.member)
        names = [name for name in request.POST.getlist("fields") if name in RegistrationForm.base_fields]
        changed = {
            name: request.POST.getlist(name) if name == "uses" else request.POST.get(name) for name in names
        }
        form = _form(registration, answers(registration) | changed)
        saved_at = _keep(registration, form, names)
    except _Closed as closed:
        return JsonResponse({"words": closed.words}, status=409)
    problems, _ = _problems(registration, form)
    asked = [*names, *request.POST.getlist("shown")]
    return JsonResponse(
        {
            "saved": clock(saved_at, registration.business.zone),
            "problems": {name: problems.get(name, "") for name in asked},
        }
    )


@require_POST
@for_managers
def register(request: MemberRequest) -> HttpResponse:
    """Save and continue. A page whose script has saved everything says `autosaved`; else all answers come along."""
    autosaved = "autosaved" in request.POST
    try:
        registration = _open(request.member)
        form = _form(registration, answers(registration) if autosaved else request.POST)
        if not autosaved:
            _keep(registration, form, form.fields)
            if file := request.FILES.get("picture"):
                _keep_picture(registration, file)
    except _Closed as closed:
        messages.error(request, closed.words, extra_tags="alert")
        return redirect("texting_app")
    except ValidationError as wrong:
        form.add_error(None, wrong)
    problems, advice = _problems(registration, form)
    if problems:
        _point_at(form, problems)
        return _again(request, registration, form, status=422)
    if advice and "anyway" not in request.POST:
        return _again(request, registration, form, advice=advice)
    try:
        submit(registration)
    except NotReady:
        # Between our look and this one somebody changed an answer: the page shows what is there now.
        messages.error(
            request, "Something was changed meanwhile. Look it over and send it again.", extra_tags="alert"
        )
    return redirect("texting_app")


def _point_at(form: RegistrationForm, problems: dict[str, str]) -> None:
    """Every problem at its field, and the cursor at the first."""
    for field, words in problems.items():
        if field not in form.errors:
            form.add_error(field if field in form.fields else None, words)
    for name in form.fields:
        if name in form.errors:
            form.fields[name].widget.attrs["autofocus"] = ""
            return


def _again(
    request: MemberRequest,
    registration: Registration,
    form: RegistrationForm,
    *,
    advice: Iterable[Finding] = (),
    status: int = 200,
) -> HttpResponse:
    context = _context(request, registration=registration, form=form, advice=advice)
    if not context["form"]:
        # Two-way texting was switched off in another tab: what was typed is kept.
        return redirect("texting_app")
    return render(request, "numbers/texting_app.html", context, status=status)


def _keep_picture(registration: Registration, file: Any) -> None:
    """Raises ValidationError with words for a person."""
    # One byte more than may be kept tells that there is more; the rest is never read.
    content = file.read(LARGEST_PICTURE + 1)
    registration.opt_in_picture_type = picture_type(content)
    Registration.objects.filter(pk=registration.pk, status__in=EDITABLE).update(
        opt_in_picture=content,
        opt_in_picture_type=registration.opt_in_picture_type,
        saved_at=timezone.now(),
    )


@require_POST
@for_managers
def picture(request: MemberRequest) -> HttpResponse:
    """Add the picture of the opt-in form, or take it away (`remove`)."""
    problem = ""
    registration: Registration | None = None
    try:
        registration = _open(request.member)
        if "remove" in request.POST:
            registration.opt_in_picture_type = ""
            Registration.objects.filter(pk=registration.pk, status__in=EDITABLE).update(
                opt_in_picture=None, opt_in_picture_type=""
            )
        elif file := request.FILES.get("picture"):
            _keep_picture(registration, file)
        else:
            problem = "Choose a picture first."
    except _Closed as closed:
        problem = closed.words
    except ValidationError as wrong:
        problem = " ".join(wrong.messages)
    if "HX-Request" in request.headers:
        context = {"registration": registration, "picture_problem": problem}
        return render(request, "numbers/_picture.html", context)
    if problem:
        messages.error(request, problem, extra_tags="alert")
    return redirect("texting_app")
