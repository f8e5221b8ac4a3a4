"""Inviting somebody to a team, and joining it by the link in the email."""

from __future__ import annotations

import hashlib
import logging
import secrets
import uuid
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from parley.businesses.models import Invitation, Member, User
from parley.businesses.team import OWNERS_ONLY, Refused, lock_team, roles_to_give, still_managing

log = logging.getLogger(__name__)

# Nobody's team has so many open at once, but a stranger's list of addresses does.
MOST_OPEN = 50
MAIL_IS_AWAY = "The email didn’t go out. It’s us, not you. Try again in a few minutes."


@transaction.atomic
def invite(actor: Member, email: str, role: str) -> Invitation:
    """Send an invitation; it is kept only if the mail server took it. Raises Refused."""
    lock_team(actor.business_id)
    actor = still_managing(actor)
    business = actor.business
    if role not in roles_to_give(actor):
        raise Refused(OWNERS_ONLY)
    member = business.members.select_related("user").filter(user__email__iexact=email).first()
    if member:
        raise Refused(f"{member} is on the team already.")
    if business.invitations.filter(email__iexact=email).exists():
        raise Refused("That address is invited already. You can send the invitation again.")
    if business.invitations.count() >= MOST_OPEN:
        raise Refused(f"{MOST_OPEN} invitations are open. Withdraw some first.")
    return _send(actor, Invitation(business=business, email=email, role=role))


@transaction.atomic
def send_again(actor: Member, id: uuid.UUID) -> Invitation:
    """Send a new link, which lasts anew; the old one stops working. Raises Refused; Http404 if it isn't open."""
    actor, invitation = _settle(actor, id)
    return _send(actor, invitation)


@transaction.atomic
def withdraw(actor: Member, id: uuid.UUID) -> Invitation:
    """Its link stops working. Raises Refused; Http404 if it isn't open."""
    _, invitation = _settle(actor, id)
    invitation.delete()
    return invitation


def find(token: str) -> Invitation | None:
    """The open invitation that this token is for; None if it is too old, accepted, withdrawn or made up."""
    invitation = (
        Invitation.objects.select_related("business", "invited_by__user")
        .filter(token_hash=_hash(token))
        .first()
    )
    return None if invitation is None or invitation.expired else invitation


@transaction.atomic
def accept(token: str, user: User) -> Member | None:
    """Make the user a member, and the invitation is used up. None if it was so before."""
    invitation = _hold(token)
    return _admit(invitation, user) if invitation else None


@transaction.atomic
def accept_as_new(token: str, name: str, password: str) -> Member | None:
    """As `accept`, for somebody who has no account yet: it gets the address that the invitation was sent to."""
    invitation = _hold(token)
    if invitation is None:
        return None
    return _admit(invitation, User.objects.create_user(invitation.email, password, name=name))


def _hold(token: str) -> Invitation | None:
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("business")
    invitation = rows.filter(token_hash=_hash(token)).first()
    return None if invitation is None or invitation.expired else invitation


def _admit(invitation: Invitation, user: User) -> Member:
    # Who is on the team already keeps the role they have.
    member, _ = invitation.business.members.get_or_create(user=user, defaults={"role": invitation.role})
    invitation.delete()
    return member


def _settle(actor: Member, id: uuid.UUID) -> tuple[Member, Invitation]:
    lock_team(actor.business_id)
    actor = still_managing(actor)
    invitation = get_object_or_404(actor.business.invitations, pk=id)
    if invitation.role not in roles_to_give(actor):
        raise Refused(OWNERS_ONLY)
    return actor, invitation


def _send(actor: Member, invitation: Invitation) -> Invitation:
    token = secrets.token_urlsafe(32)
    invitation.token_hash, invitation.sent_at = _hash(token), timezone.now()
    invitation.invited_by = actor
    invitation.save()
    context = {
        "invitation": invitation,
        "inviter": actor.user.name,
        "link": settings.PUBLIC_URL + reverse("join", args=[token]),
    }
    subject = render_to_string("businesses/email/invitation_subject.txt", context)
    body = render_to_string("businesses/email/invitation_message.txt", context)
    try:
        send_mail(" ".join(subject.split()), body, None, [invitation.email])
    except (SMTPException, OSError) as trouble:
        log.error("The mail server did not take an invitation: %s", type(trouble).__name__)
        raise Refused(MAIL_IS_AWAY) from None
    return invitation


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
