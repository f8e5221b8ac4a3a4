"""Everybody in a campaign, by what became of them, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from parley.campaigns import figures
from parley.campaigns.audience import WHY_NOT
from parley.campaigns.figures import Figures
from parley.campaigns.models import Campaign, Recipient
from parley.messaging.models import Message
from parley.ui.templatetags.ui import clock, in_sentence

PAGE = 50

State = Recipient.State

# Each reads one index from its place on: by state in the order of their turns, and by what they did.
SHOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "waiting": ("Waiting", {"state": State.WAITING}),
    "queued": ("On its way", {"state": State.QUEUED}),
    "sent": ("Not heard of", {"state": State.SENT}),
    "delivered": ("Delivered", {"state": State.DELIVERED}),
    "failed": ("Not delivered", {"state": State.FAILED}),
    "skipped": ("Not sent", {"state": State.SKIPPED}),
    "replied": ("Replied", {"replied_at__isnull": False}),
    "clicked": ("Opened a link", {"clicked_at__isnull": False}),
    "opted_out": ("Opted out", {"opted_out_at__isnull": False}),
}
_EMPTY = {
    "waiting": ("Nobody waits", "Everybody’s turn has come."),
    "queued": ("Nothing is on its way", "Texts are here between Parley and the phone network."),
    "sent": ("Of all of them something is known", "Some networks never say whether a text arrived."),
    "delivered": ("None delivered yet", "Whoever got it comes here."),
    "failed": ("All arrived so far", "Whoever it could not reach comes here, with the reason."),
    "skipped": ("Nobody was left out", "Whoever may not be texted comes here, with the reason."),
    "replied": ("Nobody has replied", "Replies to a campaign are not read. Who replies is told your number."),
    "clicked": ("Nobody has opened a link", "Parley counts each person once."),
    "opted_out": ("Nobody has opted out", "Whoever does gets no more campaigns."),
}
# Where `WHY_NOT` speaks of many.
_OF_ONE = {"no_consent": "Has not agreed to offers"}
# The signs are those of the conversation's receipts.
_SIGNS = {
    State.WAITING: ("clock", ""),
    State.QUEUED: ("send", "pending"),
    State.SENT: ("check", ""),
    State.DELIVERED: ("checks", "good"),
    State.FAILED: ("alert", "danger"),
    State.SKIPPED: ("block", "quiet"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """One recipient: how they stand, and why it is so in words."""

    recipient: Recipient
    said: str
    stopped: bool
    zone: Any

    @property
    def chip(self) -> tuple[str, str, str]:
        """Icon, words, tone."""
        state = State(self.recipient.state)
        if state == State.WAITING and self.stopped:
            return "stop", "Got nothing", "quiet"
        icon, tone = _SIGNS[state]
        return icon, state.label, tone

    @property
    def words(self) -> str:
        """Why, and what helps; or when their turn comes."""
        recipient = self.recipient
        if recipient.state == State.WAITING and not self.stopped and recipient.opens_at > timezone.now():
            local, today = (at.astimezone(self.zone).date() for at in (recipient.opens_at, timezone.now()))
            day = "" if local == today else f"{recipient.opens_at.astimezone(self.zone):%A} "
            return f"From {day}{clock(recipient.opens_at, self.zone)} on: their night."
        return self.said

    @property
    def did(self) -> list[str]:
        """Opened a link 10:12, replied yesterday: one sentence after the reason or of its own."""
        recipient = self.recipient
        found = (
            ("Opened a link", recipient.clicked_at),
            ("Replied", recipient.replied_at),
            ("Texted you", recipient.talked_at),
            ("Opted out", recipient.opted_out_at),
        )
        done = [f"{what} {in_sentence(at, self.zone)}" for what, at in found if at]
        return [*done[:1], *(one[0].lower() + one[1:] for one in done[1:])]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of them, and where the next page begins if there are more."""

    people: list[Person]
    more: str


def filters(of: Figures) -> list[tuple[str, str, int]]:
    """Name, label and how many; those that are of no use for this campaign are left out."""
    always = ("delivered", "failed", "skipped")
    return [(name, label, of.n[name]) for name, (label, _) in SHOWS.items() if of.n[name] or name in always]


def empty(show: str) -> tuple[str, str]:
    """What an empty list says."""
    return _EMPTY[show]


def page(campaign: Campaign, show: str, after: str = "") -> Page:
    """Those who are so, in the order of their turns. Two queries."""
    found = _ordered(campaign, show, _cursor(after)).select_related("client")
    recipients = list(found[: PAGE + 1])
    shown = recipients[:PAGE]
    reasons = _reasons(campaign, shown)
    zone, stopped = campaign.business.zone, campaign.status == Campaign.Status.STOPPED
    people = [Person(one, said(one, reasons), stopped, zone) for one in shown]
    return Page(people, _key(shown[-1]) if len(recipients) > PAGE else "")


def _ordered(campaign: Campaign, show: str, after: tuple[datetime, int, int] | None) -> QuerySet[Recipient]:
    by_state = "state" in SHOWS[show][1]
    own = Recipient.objects.filter(business_id=campaign.business_id, campaign=campaign, **SHOWS[show][1])
    order = ("opens_at", "place", "id") if by_state else ("place", "id")
    if after:
        at, place, id = after
        beyond = Q(place__gt=place) | Q(place=place, id__gt=id)
        # Written so that the index is entered at its place and read from there.
        own = (
            own.filter(Q(opens_at__gte=at) & (Q(opens_at__gt=at) | beyond))
            if by_state
            else own.filter(Q(place__gte=place) & beyond)
        )
    return own.order_by(*order)


def _key(last: Recipient) -> str:
    return f"{last.opens_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}|{last.place}|{last.pk}"


def _cursor(text: str) -> tuple[datetime, int, int] | None:
    """The end of a page as `_key` wrote it; nonsense begins at the top."""
    try:
        at, place, id = text.split("|")
        return datetime.fromisoformat(at).replace(tzinfo=UTC), int(place), int(id)
    except ValueError:
        return None


def _reasons(campaign: Campaign, recipients: Iterable[Recipient]) -> dict[Any, str]:
    """What was said of their texts that did not arrive, by the text's id. One query, and none if all did."""
    ids = [one.message_id for one in recipients if one.message_id and _needs_reason(one)]
    if not ids:
        return {}
    own = Message.objects.filter(business_id=campaign.business_id, pk__in=ids)
    return dict(own.values_list("pk", "reason"))


def _needs_reason(one: Recipient) -> bool:
    return one.state == State.FAILED or (one.state == State.SKIPPED and one.code == "not_sent")


def said(one: Recipient, reasons: Mapping[Any, str]) -> str:
    """Why it did not arrive, or was not sent, and what helps, in words; empty where all is well."""
    if one.state == State.SKIPPED:
        words, helps = WHY_NOT.get(one.code, WHY_NOT["not_sent"])
        words = _OF_ONE.get(one.code, words)
        if reason := reasons.get(one.message_id):
            words, helps = reason.rstrip("."), ""
    elif one.state == State.FAILED:
        listed = figures.failure(one.code)
        words, helps = listed.heading, listed.helps
        if reason := reasons.get(one.message_id):
            words, helps = reason.rstrip("."), ""
    else:
        return ""
    return f"{words}. {helps}".strip()
