"""Settings of a business, its team, and how people join it."""

from __future__ import annotations

import uuid

from allauth.account.views import PasswordChangeView
from allauth.core.ratelimit import consume, consume_or_429
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from parley.businesses import invitations, team
from parley.businesses.access import MemberRequest, for_managers, for_members, for_signed_in, work_for
from parley.businesses.forms import BusinessSettings, Invite, Join, NewBusiness, OpeningHours
from parley.businesses.models import Business, Member, User
from parley.businesses.signed_in import BACKEND
from parley.businesses.starting import start_business
from parley.ui.dialogs import leave_for, render_sheet

TOO_MANY = "That is many invitations at once. Wait an hour, then go on."
ROLES = {
    Member.Role.STAFF: "Talks to clients.",
    Member.Role.ADMIN: "Also changes settings and the team.",
    Member.Role.OWNER: "Also decides who the owners are.",
}


# ---- Businesses


@for_signed_in
def new_business(request: HttpRequest) -> HttpResponse:
    """A business of one's own, for somebody who has an account already."""
    form = NewBusiness(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if too_many := consume_or_429(request, action="sign_up_business"):
            return too_many
        data = form.cleaned_data
        assert isinstance(request.user, User)
        work_for(request, start_business(request.user, data["business"], data["country"], data["time_zone"]))
        return redirect("inbox")
    return render(request, "businesses/new_business.html", {"form": form}, status=_status(form))


@require_POST
@for_members
def switch_business(request: MemberRequest) -> HttpResponse:
    """Work in another business of one's own from now on."""
    try:
        wanted = uuid.UUID(request.POST.get("business", ""))
    except ValueError:
        wanted = None
    work_for(request, get_object_or_404(request.member.user.memberships, business_id=wanted))
    return redirect("inbox")


@for_managers
@transaction.atomic
def business_settings(request: MemberRequest) -> HttpResponse:
    """What the business says of itself, and when it is open; its plan is shown."""
    rows = Business.objects.select_related("plan")
    if request.method == "POST":
        # Locked, so that the country does not change just when a number arrives.
        rows = rows.select_for_update(of=("self",), no_key=True)
    business = rows.get(pk=request.member.business_id)
    of_hours = "hours" in request.POST
    form = BusinessSettings(business, None if of_hours else request.POST or None)
    hours = OpeningHours(business, request.POST if of_hours else None)
    sent: BusinessSettings | OpeningHours = hours if of_hours else form
    if request.method == "POST" and sent.is_valid():
        sent.save()
        messages.success(request, "Saved")
        return redirect("business_settings")
    return render(
        request,
        "businesses/business_settings.html",
        {"here": "business", "form": form, "hours": hours, "plan": business.plan},
        status=_status(sent),
    )


# ---- The team


@for_managers
def team_page(request: MemberRequest) -> HttpResponse:
    """Members and open invitations; a POST invites somebody."""
    form = Invite(request.member, request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        try:
            if not consume(request, action="invite"):
                raise team.Refused(TOO_MANY)
            invitations.invite(request.member, email, form.cleaned_data["role"])
        except team.Refused as refused:
            form.add_error("email", refused.words)
        else:
            messages.success(request, f"Invitation sent to {email}", extra_tags="mail")
            return redirect("team")
    business = request.member.business
    people = business.members.select_related("user")
    order = list(reversed(Member.Role.values))
    context = {
        "here": "team",
        "form": form,
        "members": sorted(people, key=lambda m: (-order.index(m.role), m.user.name.lower())),
        "invitations": business.invitations.select_related("invited_by__user").order_by("email"),
        "roles": [(role.label, ROLES[role]) for role in Member.Role],
    }
    return render(request, "businesses/team.html", context, status=_status(form))


@for_managers
def team_member(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Change a member's role."""
    people = request.member.business.members.select_related("user", "business")
    member = get_object_or_404(people, pk=id)
    problem = ""
    if request.method == "POST":
        try:
            role = Member.Role(request.POST.get("role", ""))
            changed = team.change_role(request.member, id, role)
        except ValueError:
            problem = "Choose a role."
        except team.Refused as refused:
            problem = refused.words
        else:
            messages.success(request, f"{changed} is {role.spoken} now")
            return leave_for(request, _after(request))
    context = {
        "member": member,
        "yourself": member.pk == request.member.pk,
        "why_not": team.why_not(request.member, member),
        "problem": problem,
        "roles": [(role.value, role.label, ROLES[role]) for role in team.roles_to_give(request.member)],
    }
    return render_sheet(request, "businesses/team_member.html", context, status=422 if problem else 200)


@require_POST
@for_managers
def team_remove(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Take a member off the team; or leave it oneself."""
    try:
        gone = team.remove(request.member, id)
    except team.Refused as refused:
        messages.error(request, refused.words, extra_tags="alert")
    else:
        messages.success(request, f"{gone} is off the team")
    return leave_for(request, _after(request))


@require_POST
@for_managers
def invitation_again(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    try:
        if not consume(request, action="invite"):
            raise team.Refused(TOO_MANY)
        sent = invitations.send_again(request.member, id)
    except team.Refused as refused:
        messages.error(request, refused.words, extra_tags="alert")
    else:
        messages.success(request, f"Invitation sent to {sent} again", extra_tags="mail")
    return redirect("team")


@require_POST
@for_managers
def invitation_withdraw(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    try:
        gone = invitations.withdraw(request.member, id)
    except team.Refused as refused:
        messages.error(request, refused.words, extra_tags="alert")
    else:
        messages.success(request, f"The invitation of {gone} is withdrawn")
    return redirect("team")


@never_cache
@sensitive_post_parameters("password")
def join(request: HttpRequest, token: str) -> HttpResponse:
    """Accept an invitation: signed in, after signing in, or with a new account.

    Whoever holds the link reads the mail of the address it was sent to, so a new account needs no other proof of it.
    """
    invitation = invitations.find(token)
    if invitation is None:
        return render(request, "businesses/join_used_up.html", status=404)
    context = {"invitation": invitation, "as_role": Member.Role(invitation.role).spoken}
    if request.user.is_authenticated:
        assert isinstance(request.user, User)
        if request.method == "POST":
            return _enter(request, invitations.accept(token, request.user))
        return render(request, "businesses/join.html", context)
    if User.objects.filter(email__iexact=invitation.email).exists():
        return render(request, "businesses/join.html", context | {"has_account": True})
    form = Join(invitation.email, request.POST or None)
    if request.method == "POST" and form.is_valid():
        member = invitations.accept_as_new(token, form.cleaned_data["name"], form.cleaned_data["password"])
        if member:
            login(request, member.user, backend=BACKEND)
        return _enter(request, member)
    return render(request, "businesses/join.html", context | {"form": form}, status=_status(form))


def _enter(request: HttpRequest, member: Member | None) -> HttpResponse:
    if member is None:
        return render(request, "businesses/join_used_up.html", status=404)
    work_for(request, member)
    messages.success(request, f"Welcome to {member.business}", extra_tags="people")
    return redirect("inbox")


# ---- One's own security


@require_GET
@for_signed_in
def security_settings(request: HttpRequest) -> HttpResponse:
    """Password and second factor of whoever is signed in."""
    assert isinstance(request.user, User)
    factors = {factor.type: factor for factor in Authenticator.objects.filter(user=request.user)}
    codes = factors.get(Authenticator.Type.RECOVERY_CODES)
    context = {
        "here": "security",
        "second_factor": factors.get(Authenticator.Type.TOTP),
        "codes_left": len(codes.wrap().get_unused_codes()) if codes else 0,
    }
    return render(request, "businesses/security_settings.html", context)


@for_signed_in
def change_password(request: HttpRequest) -> HttpResponse:
    """Whoever has no password yet gets one by the link for a forgotten one."""
    assert isinstance(request.user, User)
    if not request.user.has_usable_password():
        return redirect("account_reset_password")
    return PasswordChangeView.as_view(extra_context={"here": "security"})(request)


def _status(form: object) -> int:
    return 422 if getattr(form, "errors", None) else 200


def _after(request: MemberRequest) -> str:
    """Who has left the team, or manages it no more, has no business on its page."""
    now = Member.objects.filter(pk=request.member.pk).first()
    return reverse("team" if now and now.manages else "inbox")
