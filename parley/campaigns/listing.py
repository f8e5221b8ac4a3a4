"""The list of campaigns: what each row says, a page at a time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q
from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.campaigns import figures
from parley.campaigns.figures import Figures
from parley.campaigns.models import Campaign
from parley.ui.templatetags.ui import clock, in_sentence, weekday

PAGE = 30
# What a refresh may ask for at once, when somebody has scrolled far down.
MOST_ROWS = 300

Status = Campaign.Status


@dataclass(frozen=True, slots=True)
class Chip:
    """How a campaign stands: an icon and words, and a tone where it has one."""

    icon: str
    words: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One campaign as the list shows it to `reader`."""

    campaign: Campaign
    figures: Figures
    reader: Member

    @property
    def chip(self) -> Chip:
        return chip_of(self.campaign, self.reader.business)

    @property
    def percent(self) -> float | None:
        """The meter; None for what is not under way."""
        if not self.campaign.going or self.campaign.status == Status.PREPARING:
            return None
        return round(self.figures.out * 100 / (self.figures.meant or 1), 1)

    @property
    def words(self) -> str:
        """One line under the name."""
        campaign, figures = self.campaign, self.figures
        if campaign.status == Status.DRAFT:
            return f"Edited{self._by} {_edited(campaign.changed_at, self.reader.business)}"
        if campaign.status == Status.SCHEDULED:
            return self._starts
        if campaign.status == Status.PREPARING:
            return "Working out who gets it"
        if campaign.status != Status.SENT:
            return f"{figures.out:,} of {figures.meant:,} sent"
        said = [f"{figures.n['delivered']:,} delivered"]
        if figures.n["failed"]:
            said.append(f"{figures.n['failed']:,} failed")
        elif figures.n["opted_out"]:
            said.append(f"{figures.n['opted_out']:,} opted out")
        return ", ".join(said)

    @property
    def _starts(self) -> str:
        """Starts Fri, Nov 27 at 9:00 AM, to about 480."""
        at, zone = self.campaign.send_at, self.reader.business.zone
        if at is None or at <= timezone.now():
            return "About to start"
        about = f", to about {self.campaign.fit:,}" if self.campaign.fit else ""
        return f"Starts {weekday(at, zone)} at {clock(at, zone)}{about}"

    @property
    def _by(self) -> str:
        by = self.campaign.changed_by
        if by is None:
            return ""
        return " by you" if by.pk == self.reader.pk else f" by {by.first_name}"

    @property
    def key(self) -> str:
        """Where the next page begins after this row."""
        return f"{self.campaign.changed_at:%Y-%m-%dT%H:%M:%S.%f}|{self.campaign.pk}"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where the next page begins if there are more."""

    rows: list[Row]
    more: str


def page(reader: Member, after: str = "", rows: int = PAGE) -> Page:
    """What changed last comes first. Two queries, however many there are."""
    size = max(PAGE, min(rows, MOST_ROWS))
    found = reader.business.campaigns.select_related("changed_by__user").order_by("-changed_at", "-id")
    if last := _cursor(after):
        at, id = last
        # Written so that the index is entered at its place and read from there.
        found = found.filter(Q(changed_at__lte=at) & (Q(changed_at__lt=at) | Q(id__lt=id)))
    campaigns = list(found.defer("wording", "wording_b", "audience")[: size + 1])
    of_each = figures.of_each(campaigns[:size])
    shown = [Row(campaign, of_each.get(campaign.pk, Figures(())), reader) for campaign in campaigns[:size]]
    return Page(shown, shown[-1].key if len(campaigns) > size else "")


def _cursor(text: str) -> tuple[datetime, uuid.UUID] | None:
    """The end of a page as `Row.key` wrote it; nonsense begins at the top."""
    at, _, id = text.partition("|")
    try:
        return datetime.fromisoformat(at).replace(tzinfo=UTC), uuid.UUID(id)
    except ValueError:
        return None


_CHIPS: dict[str, Chip] = {
    Status.DRAFT: Chip("note", "Draft"),
    Status.PREPARING: Chip("send", "Getting ready", "pending"),
    Status.SENDING: Chip("send", "Sending", "pending"),
    Status.PAUSED: Chip("pause", "Paused", "pending"),
    Status.STOPPED: Chip("stop", "Stopped", "quiet"),
    Status.SENT: Chip("check", "Sent", "good"),
}


def chip_of(campaign: Campaign, business: Business) -> Chip:
    """How a campaign stands."""
    if campaign.status == Status.SCHEDULED:
        return Chip("clock", _planned(campaign.send_at or timezone.now(), business))
    if campaign.status == Status.PAUSED and campaign.braked:
        return Chip("alert", "Paused", "danger")
    return _CHIPS[campaign.status]


def _edited(at: datetime, business: Business) -> str:
    """At 9:46 AM, yesterday, on Tue, on Nov 12."""
    said = in_sentence(at, business.zone)
    if ":" in said:
        return f"at {clock(at, business.zone)}"
    return said if said == "yesterday" else f"on {said}"


def _planned(at: datetime, business: Business) -> str:
    """10:00 AM, Mon 10:00 AM, or Dec 14, 10:00 AM."""
    local, today = at.astimezone(business.zone), timezone.now().astimezone(business.zone).date()
    days = (local.date() - today).days
    said = clock(at, business.zone)
    if days == 0:
        return said
    if days < 7:
        return f"{local:%a} {said}"
    year = f" {local.year}" if local.year != today.year else ""
    return f"{local:%b} {local.day}{year}, {said}"
