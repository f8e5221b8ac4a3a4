"""Settings: its front page, SMS Settings and the plans."""

from __future__ import annotations

from email.utils import parseaddr

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from parley.businesses.access import MemberRequest, for_managers, for_members
from parley.businesses.models import Business, Plan
from parley.live.nudges import nudge
from parley.notifications.settings import notification_settings
from parley.numbers.forms import ModeForm
from parley.numbers.texting import lacks, standing
from parley.numbers.words import notice, which_number
from parley.sms import segments


@require_GET
@for_members
def settings_home(request: MemberRequest) -> HttpResponseBase:
    """The menu. Where there is room beside it, the first page that this member may open; on a phone the menu alone."""
    if request.member.manages:
        return sms_settings(request)
    page: HttpResponseBase = notification_settings(request)
    return page


@require_http_methods(["GET", "HEAD", "POST"])
@for_managers
def sms_settings(request: MemberRequest) -> HttpResponse:
    """Settings > Auto Client Messages and SMS > SMS Settings."""
    business = request.member.business
    missing = lacks(business)
    form = ModeForm(business, request.POST or None)
    if request.method == "POST" and form.is_valid():
        # The choice that a business made before it lost its plan waits for the next; the words need no plan.
        form.save(only_words=bool(missing))
        # Open pages show whether clients can be texted.
        nudge(business.pk, [])
        if "then" in request.POST:
            return redirect("texting_app")
        messages.success(request, _saved(business))
        return redirect("sms_settings")
    where = standing(business)
    shown = form["auto_reply"].value() or ""
    context = {
        "here": "sms",
        "form": form,
        "mode": Business.Mode.DO_NOT_REPLY if missing else form["mode"].value(),
        "missing": missing,
        "plan_is_missing": any(lack.kind == "plan" for lack in missing),
        "notice": notice(business, where),
        "rows": which_number(business, where),
        "segments": segments.count(shown),
    }
    return render(request, "numbers/sms_settings.html", context, status=422 if form.errors else 200)


def _saved(business: Business) -> str:
    """What holds now, in the words of the page's own notice."""
    if business.mode == Business.Mode.DO_NOT_REPLY:
        return "Saved. Texts are one way now."
    return f"Saved. {notice(business, standing(business)).title}"


@require_GET
@for_managers
def plans(request: MemberRequest) -> HttpResponse:
    """What each plan holds, and who changes it."""
    context = {"here": "plans", "plans": Plan.objects.all(), "operator": operator_address()}
    return render(request, "numbers/plans.html", context)


def operator_address() -> str:
    """Where whoever runs Parley is written to."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
