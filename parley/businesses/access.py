"""Who is asking: the signed-in user as a member of one business."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlsplit, urlunsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render

from parley.businesses.models import Member, User

BUSINESS = "business"
# In the address of a link from outside: whose page it is.
IN = "in"
P = ParamSpec("P")


class MemberRequest(HttpRequest):
    """The request that a view behind `for_members` gets."""

    member: Member


def find_member(user: User, business_id: Any = None) -> Member | None:
    """The membership this session works in: the chosen business, else the user's first."""
    if not user.is_active or not (own := user.works_for):
        return None
    chosen = next((member for member in own if str(member.business_id) == str(business_id)), own[0])
    chosen.elsewhere = len(own) > 1
    return chosen


def for_members(
    view: Callable[Concatenate[MemberRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Open a view to members only: `request.member` and its business are there, everybody else is sent to sign in.

    A user who belongs to no business sees what is missing and whom to ask.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(_way_back(request))
        if request.method == "GET" and (wanted := request.GET.get(IN)):
            _enter(request, wanted)
            return redirect(request.path)
        member = find_member(request.user, request.session.get(BUSINESS))
        if member is None:
            return render(request, "businesses/no_business.html", status=403)
        request.member = member  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)  # type: ignore[arg-type]

    return guarded


def _way_back(request: HttpRequest) -> str:
    """Where whoever signs in goes: the page they asked for; after a form, the page that it was on.

    Many a form's own address shows nothing. A script's request keeps its address: it knows what to do with the answer.
    """
    if request.method != "POST" or "HX-Request" in request.headers:
        return request.get_full_path()
    page = urlsplit(request.headers.get("Referer", ""))
    if page.netloc != request.get_host():
        return request.get_full_path()
    return urlunsplit(("", "", page.path, page.query, ""))


def from_outside(path: str, business_id: uuid.UUID) -> str:
    """`path` as a push or an email links to it: whoever belongs to several businesses arrives in the right one."""
    return f"{path}?{IN}={business_id}"


def _enter(request: HttpRequest, business: str) -> None:
    """Work in this business, if it is one of theirs; if not, the page is not found in the one they work in."""
    try:
        own = Member.objects.filter(user=request.user, business_id=uuid.UUID(business)).first()  # type: ignore[misc]
    except ValueError:
        own = None
    if own:
        work_for(request, own)


def for_signed_in(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Open a view to whoever is signed in. `request.member` is there only if they belong to a business."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(_way_back(request))
        if member := find_member(request.user, request.session.get(BUSINESS)):
            request.member = member  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return guarded


def for_anonymous(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Open a view to whoever has not signed in yet; everybody else has no need of it and goes on to the Inbox."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return redirect("inbox") if request.user.is_authenticated else view(request, *args, **kwargs)

    return guarded


def work_for(request: HttpRequest, member: Member) -> None:
    """From now on this session works in that member's business."""
    request.session[BUSINESS] = str(member.business_id)


def for_managers(
    view: Callable[Concatenate[MemberRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """As `for_members`, for owners and admins only; staff are told whom to ask."""

    @for_members
    @wraps(view)
    def guarded(request: MemberRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.member.manages:
            managers = request.member.business.members.filter(role__in=Member.MANAGERS).select_related("user")
            return render(request, "businesses/managers_only.html", {"managers": managers}, status=403)
        return view(request, *args, **kwargs)

    return guarded
