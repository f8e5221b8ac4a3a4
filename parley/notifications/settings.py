"""Settings > Notifications: what a member is told, how, and in which browsers."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from parley.businesses.access import MemberRequest, for_members
from parley.notifications import browsers, choices
from parley.notifications.models import PushSubscription
from parley.notifications.push import push_test


@require_http_methods(["GET", "POST"])
@for_members
def notification_settings(request: MemberRequest) -> HttpResponse:
    """The page; POST saves the choices."""
    member = request.member
    if request.method == "POST":
        choices.choose(member, request.POST.getlist("wants"))
        messages.success(request, "Saved", extra_tags="check-circle")
        return redirect("notification_settings")
    context = {
        "here": "notifications",
        "rows": [
            (
                kind,
                [
                    (
                        f"{kind.name}:{channel}",
                        choices.CHANNELS[channel],
                        choices.wants(member, kind.name, channel),
                    )
                    for channel in kind.channels
                ],
            )
            for kind in choices.kinds_for(member)
        ],
        "channels": choices.CHANNELS.values(),
        "words": (choices.WORDS, choices.WORDS not in member.muted),
        "browsers": member.user.push_subscriptions.filter(off=False),
        "this_browser": request.session.get(browsers.SESSION),
    }
    return render(request, "notifications/settings.html", context)


def _remember(request: MemberRequest) -> HttpResponse:
    given = [request.POST.get(field, "") for field in ("endpoint", "p256dh", "auth")]
    try:
        browsers.remember(request, request.member.user, *given)
    except browsers.NotABrowser as problem:
        return JsonResponse({"words": str(problem)}, status=422)
    return HttpResponse(status=204)


@require_POST
@for_members
def allow_browser(request: MemberRequest) -> HttpResponse:
    """A page's script brings its browser's subscription. 204, or 422 with the words of the problem.

    `again`: nobody pressed anything, the page only says that it is still there; 410 if it was turned off elsewhere.
    """
    if "again" in request.POST:
        ended = request.member.user.push_subscriptions.filter(
            endpoint=request.POST.get("endpoint", ""), off=True
        )
        if ended.delete()[0]:
            return HttpResponse(status=410)
    return _remember(request)


# A service worker has no page to read the token from. It proves itself by the old endpoint, which only this browser,
# its push service and we know.
@csrf_exempt
@require_POST
@for_members
def renew_browser(request: MemberRequest) -> HttpResponse:
    """The browser has replaced its subscription `old`; 404 if that was not this user's."""
    old = get_object_or_404(
        request.member.user.push_subscriptions, endpoint=request.POST.get("old", ""), off=False
    )
    answer = _remember(request)
    if answer.status_code == 204 and old.endpoint != request.POST.get("endpoint"):
        old.delete()
    return answer


@require_POST
@for_members
def forget_browser(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Push to that browser no more. This one forgets by itself; another one learns it when it next comes by."""
    subscription = get_object_or_404(request.member.user.push_subscriptions, pk=id)
    if str(id) == request.session.get(browsers.SESSION):
        subscription.delete()
    else:
        subscription.off = True
        subscription.save(update_fields=["off"])
    messages.success(request, "Turned off", extra_tags="check-circle")
    return redirect("notification_settings")


@require_POST
@for_members
def test_browser(request: MemberRequest) -> HttpResponse:
    """Push a test to the browser that asks for it."""
    subscription: PushSubscription = get_object_or_404(
        request.member.user.push_subscriptions, endpoint=request.POST.get("endpoint", ""), off=False
    )
    push_test.defer(subscription_id=str(subscription.pk))
    return HttpResponse(status=204)
