"""Who may change whom. Only owners make or change owners, and a business always has one."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.shortcuts import get_object_or_404

from parley.businesses.models import Business, Member

Role = Member.Role

OWNERS_ONLY = "Only an owner can make or change an owner."
NO_MANAGER = "You don’t manage this team any more."


class Refused(Exception):
    """The rules say no; `words` say why to who asked."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def roles_to_give(actor: Member) -> list[Role]:
    """The roles that this member may give to others, the least first."""
    return [Role.STAFF, Role.ADMIN, *([Role.OWNER] if actor.owns else [])]


def why_not(actor: Member, member: Member) -> str:
    """Why this manager may not change that member, in words; empty if they may."""
    if member.owns and not actor.owns:
        return OWNERS_ONLY
    if member.owns and not member.business.members.filter(role=Role.OWNER).exclude(pk=member.pk).exists():
        who = "You are" if member.pk == actor.pk else f"{member} is"
        return f"{who} the only owner. Make somebody else an owner first."
    return ""


@transaction.atomic
def change_role(actor: Member, id: uuid.UUID, role: Role) -> Member:
    """Give the member `id` of the actor's business another role. Raises Refused; Http404 if there is no such member."""
    actor, member = _settle(actor, id)
    if role == member.role:
        return member
    if words := why_not(actor, member):
        raise Refused(words)
    if role not in roles_to_give(actor):
        raise Refused(OWNERS_ONLY)
    member.role = role
    member.save(update_fields=["role"])
    return member


@transaction.atomic
def remove(actor: Member, id: uuid.UUID) -> Member:
    """Take the member `id` off the team. What they wrote stays. Raises Refused; Http404 if there is no such member."""
    actor, member = _settle(actor, id)
    if words := why_not(actor, member):
        raise Refused(words)
    member.delete()
    return member


def lock_team(business_id: uuid.UUID) -> None:
    """Changes of one team take turns: two owners who demote each other must not both succeed."""
    Business.objects.select_for_update(no_key=True).only("pk").get(pk=business_id)


def still_managing(actor: Member) -> Member:
    """The actor as they are now, in the caller's transaction. Raises Refused if they manage no more."""
    now = Member.objects.select_related("user", "business").filter(pk=actor.pk).first()
    if now is None or not now.manages:
        raise Refused(NO_MANAGER)
    return now


def _settle(actor: Member, id: uuid.UUID) -> tuple[Member, Member]:
    lock_team(actor.business_id)
    actor = still_managing(actor)
    return actor, get_object_or_404(actor.business.members.select_related("user", "business"), pk=id)
