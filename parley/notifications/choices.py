"""What a member wants to be told, and how.

A choice that was switched off is a word `kind:channel` in `Member.muted`: one column that every page has read anyway,
and that SQL can ask for (`<> ALL(muted)`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from parley.businesses.models import Member
from parley.notifications.models import Notification

CHANNELS = {"app": "In Parley", "push": "On my devices", "email": "Email"}
# The words of a text stay off a lock screen that others may see: the push says who texted, and no more.
WORDS = "words:push"


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the page."""

    name: str
    title: str
    words: str
    managers_only: bool = False
    # What there is to choose; the rest is never used for it.
    channels: tuple[str, ...] = tuple(CHANNELS)


KINDS = (
    Kind(
        Notification.Kind.TEXT,
        "A client texts",
        "If a conversation is assigned, only its member is told. "
        "The email comes if nobody has read it after ten minutes.",
    ),
    Kind(
        Notification.Kind.CALL,
        "A client calls and nobody takes it",
        "As for texts: if a conversation is assigned, only its member is told, and the email comes if nobody has "
        "looked after ten minutes.",
    ),
    Kind(
        Notification.Kind.FAILED,
        "A message did not arrive",
        "Who wrote it is told, or everybody if nobody did.",
    ),
    Kind(
        Notification.Kind.LEAD,
        "Somebody writes in your lead form",
        "Everybody is told. What they wrote is in the Inbox.",
    ),
    Kind(
        Notification.Kind.PAYMENT,
        "A client pays or answers an estimate",
        "When an estimate is accepted or declined, and when another system tells that a client has paid.",
    ),
    Kind(
        Notification.Kind.CAMPAIGN,
        "A campaign ends, or pauses by itself",
        "When all of it has been sent, and when Parley pauses it: too much failed, or no texts are left.",
        managers_only=True,
    ),
    Kind(
        Notification.Kind.IMPORT,
        "An import of clients ends",
        "Whoever began it is told, and finds the report there.",
        channels=("app",),
    ),
    Kind(
        Notification.Kind.NUMBER,
        "News of your number and registration",
        "When carriers have looked at it, and when your number can text.",
        managers_only=True,
    ),
    Kind(
        Notification.Kind.QUOTA,
        "Texts running low",
        "When 80% of the month’s texts are used, when all are, and when none are left.",
        managers_only=True,
    ),
)


def kinds_for(member: Member) -> list[Kind]:
    """What there is to choose: staff are told nothing of the registration and the texts."""
    return [kind for kind in KINDS if member.manages or not kind.managers_only]


def wants(member: Member, kind: str, channel: str) -> bool:
    return f"{kind}:{channel}" not in member.muted


def names(member: Member) -> Iterator[str]:
    """Every choice that this member can make."""
    for kind in kinds_for(member):
        for channel in kind.channels:
            yield f"{kind.name}:{channel}"
    yield WORDS


def choose(member: Member, wanted: Iterable[str]) -> None:
    """Save what is wanted of all that this member can choose; what they cannot choose stays as it was."""
    can = set(names(member))
    member.muted = sorted((set(member.muted) - can) | (can - set(wanted)))
    member.save(update_fields=["muted"])
