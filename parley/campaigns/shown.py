"""A campaign as its own page shows it: what is said of it at the head, its figures, its chart, and its words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.utils import timezone

from parley.alerts.placeholders import own_number
from parley.alerts.wording import Unfit
from parley.businesses.models import Business, Member
from parley.campaigns import chart, figures
from parley.campaigns.chart import Chart
from parley.campaigns.fetchers import CLICKS_ARE
from parley.campaigns.figures import Figures, Going
from parley.campaigns.listing import Chip, chip_of
from parley.campaigns.models import Campaign, Link
from parley.campaigns.wording import Words
from parley.clients.models import Client
from parley.sms import segments
from parley.ui.templatetags.ui import clock

Status, Phase = Campaign.Status, Campaign.Phase

# Numbers in a sentence are spelled as far as this.
_SPELLED = ("nobody", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@dataclass(frozen=True, slots=True)
class Wording:
    """One wording as somebody called Maya reads it. `segments` is its length, `varies` if it depends on who reads."""

    variant: str
    words: str
    segments: int
    varies: bool
    figures: Figures


@dataclass(frozen=True, slots=True)
class Compared:
    """A row of the table of two wordings: how many, and how many per cent of those who got it."""

    name: str
    numbers: tuple[int, int]
    percents: tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A link, and how many opened it."""

    link: Link
    percent: int | None


class Shown:
    """A campaign of the reader's own business. Six queries at the most, however many there are in it."""

    def __init__(self, campaign: Campaign, reader: Member) -> None:
        self.campaign = campaign
        self.reader = reader
        self.business: Business = reader.business
        self.campaign.business = reader.business
        self.now = timezone.now()
        self.figures, self._of_wording = figures.of_campaign(campaign)
        self.links = list(campaign.links.filter(business_id=campaign.business_id).order_by("place"))

    @property
    def chip(self) -> Chip:
        return chip_of(self.campaign, self.business)

    # ---- What may be done

    @property
    def may_change(self) -> bool:
        return self.reader.manages

    @property
    def pauses(self) -> bool:
        return self.may_change and self.campaign.status == Status.SENDING

    @property
    def resumes(self) -> bool:
        return self.may_change and self.campaign.status == Status.PAUSED

    @property
    def stops(self) -> bool:
        return self.may_change and self.campaign.going

    @property
    def takes_back(self) -> bool:
        """Has its time come, and nobody had it yet? Before that it is taken back where it is written."""
        return self.may_change and self.campaign.due

    @property
    def repeats(self) -> bool:
        """Is it over, so that another like it may be written?"""
        return self.may_change and self.campaign.status in (Status.SENT, Status.STOPPED)

    # ---- The head

    @cached_property
    def going(self) -> Going | None:
        """How it gets on; None if it does not."""
        if self.campaign.status != Status.SENDING:
            return None
        longest = max((wording.segments for wording in self.wordings), default=1)
        return figures.going(self.campaign, self.figures, longest)

    @property
    def head(self) -> str:
        """Started by Nora at 10:00 AM. About 21 minutes to go."""
        if not self.campaign.started_at and self.campaign.status != Status.PREPARING:
            return self._before
        who = self.campaign.started_by
        by = "" if who is None else " by you" if who.pk == self.reader.pk else f" by {who.first_name}"
        at = self.campaign.started_at or self.campaign.send_at or self.now
        return f"Started{by} {self._at(at)}. {self._how_far}".strip()

    @property
    def _before(self) -> str:
        if self.campaign.due:
            return "It begins in a moment."
        if self.campaign.status == Status.SCHEDULED and self.campaign.send_at:
            return f"It begins {self._at(self.campaign.send_at)}."
        return "A draft: nobody gets it before an owner or admin sends it."

    @property
    def _how_far(self) -> str:
        campaign, left = self.campaign, self.figures.n["waiting"]
        if campaign.status == Status.PREPARING:
            return "Parley works out who gets it."
        if campaign.status == Status.PAUSED:
            return f"{_nobody(left)} had nothing yet."
        if campaign.status == Status.STOPPED:
            ended = f"Stopped {self._ended}."
            return f"{ended} {_nobody(left)} got nothing any more." if left else ended
        if campaign.status == Status.SENT:
            return f"Done {self._ended}."
        if campaign.reason:
            # Below it is said why, and that it goes on by itself.
            return f"{_nobody(left)} had nothing yet."
        if campaign.phase == Phase.CANARY:
            return f"The first {campaign.first_few:,} go out, and the rest once those have arrived."
        if campaign.phase == Phase.WATCHING:
            return f"The first {campaign.first_few:,} are out. Waiting to hear how they arrived."
        return self._rest

    @property
    def _rest(self) -> str:
        going = self.going
        assert going
        morning = ""
        if going.later and going.opens_at:
            many = f"More than {figures.COUNTED:,}" if going.more_later else f"{going.later:,}"
            waits = "waits" if going.later == 1 else "wait"
            opens = self._clock(going.opens_at)
            morning = f"{many} {waits} for the hours in which they may be texted, from {opens} on."
        if self.figures.n["waiting"] <= going.later and not self.figures.n["queued"]:
            return morning or "All are out. Waiting to hear how the last arrived."
        return " ".join(said for said in (f"{going.to_go}." if going.to_go else "", morning) if said)

    @property
    def _ended(self) -> str:
        """The day is said once, if it is that of the beginning."""
        zone, began, ended = self.business.zone, self.campaign.started_at, self.campaign.ended_at or self.now
        if began and began.astimezone(zone).date() == ended.astimezone(zone).date():
            return f"at {clock(ended, zone)}"
        return self._at(ended)

    def _clock(self, at: datetime) -> str:
        local, today = at.astimezone(self.business.zone), self.now.astimezone(self.business.zone).date()
        said = clock(at, self.business.zone)
        return said if local.date() == today else f"{local:%A} {said}"

    def _at(self, at: datetime) -> str:
        """At 10:00 AM, yesterday at 10:00 AM, on Oct 14 at 10:00 AM."""
        zone = self.business.zone
        local, today = at.astimezone(zone), self.now.astimezone(zone).date()
        said = f"at {clock(at, zone)}"
        days = (today - local.date()).days
        if days in (0, 1, -1):
            return f"{('', 'yesterday ', 'tomorrow ')[days]}{said}"
        if -7 < days < 7:
            return f"on {local:%A} {said}"
        year = f", {local.year}" if local.year != today.year else ""
        return f"on {local:%b} {local.day}{year} {said}"

    # ---- The figures

    @property
    def sent(self) -> str:
        """312 of 480 sent, 5 of them still on the way."""
        numbers = self.figures
        said = f"{numbers.out:,} of {numbers.meant:,} sent"
        if not numbers.on_the_way:
            return f"{said}."
        if self.campaign.going:
            return f"{said}, {numbers.on_the_way:,} of them still on the way."
        return f"{said}. Of {numbers.on_the_way:,} the phone network has not said whether they arrived."

    @property
    def _so_far(self) -> str:
        return " so far" if self.campaign.going else ""

    @property
    def delivered(self) -> str:
        percent = self.figures.delivered_percent
        return "Nothing heard yet" if percent is None else f"{percent}%{self._so_far}"

    @property
    def replied(self) -> str:
        if not self.figures.n["replied"]:
            return f"Nobody{self._so_far}"
        talked = self.figures.n["talked"]
        return f"{talked:,} now talking to you" if talked else "Told your number" if self.own_number else ""

    @property
    def failed(self) -> str:
        return self.figures.why_failed or f"None{self._so_far}"

    @property
    def opted_out(self) -> str:
        return "Off your list already" if self.figures.n["opted_out"] else f"Nobody{self._so_far}"

    @property
    def clicked(self) -> str:
        percent = figures.percent(self.figures.n["clicked"], self.figures.n["delivered"])
        return f"{percent}%{self._so_far}" if percent else f"Nobody{self._so_far}"

    @cached_property
    def charts(self) -> list[tuple[str, Chart]]:
        """For a desk and for a phone; none before anything went out. One query."""
        if not self.campaign.started_at or not self.figures.meant:
            return []
        going = self.going
        # If some wait for their morning nobody can say yet where the line ends.
        ends_at = going.ends_at if going and not going.later else None
        span = chart.span_of(self.campaign, self.now, ends_at)
        numbers = self.figures
        percent = numbers.n["delivered"] / ((numbers.n["delivered"] + numbers.n["failed"]) or 1)
        told = chart.Told(
            span,
            chart.counted(self.campaign, span),
            numbers.n,
            numbers.meant,
            round(numbers.meant * (percent or 1)) if ends_at else None,
            self.business.zone,
        )
        return [("desk", chart.draw(told, chart.DESK)), ("phone", chart.draw(told, chart.PHONE))]

    # ---- What went out

    @cached_property
    def wordings(self) -> list[Wording]:
        """The one wording, or both."""
        sources = {"a": self.campaign.wording}
        if self.campaign.share_b and self.campaign.wording_b:
            sources["b"] = self.campaign.wording_b
        words = Words(self.business, self.campaign, self.links)
        reader = Client(business=self.business, first_name="Maya", last_name="Brooks", language="")
        made = []
        for variant, source in sources.items():
            try:
                text = words.compose(reader, variant=variant)
            except Unfit:
                text = source
            long = segments.count(text).segments
            made.append(
                Wording(variant, text, long, "{{" in source or "{%" in source, self._of_wording[variant])
            )
        return made

    @property
    def costs(self) -> list[str]:
        """Under each wording: 1 segment each, 312 texts so far."""
        said = []
        for wording in self.wordings:
            about = "About " if wording.varies else ""
            each = f"{about}{wording.segments} segment{'' if wording.segments == 1 else 's'} each"
            texts, out = wording.segments * wording.figures.out, "so far" if self.campaign.going else "in all"
            counted = f"{about.lower()}{texts:,} text{'' if texts == 1 else 's'} {out}"
            said.append(f"{each}, {counted}" if wording.figures.out else each)
        return said

    @property
    def both(self) -> list[tuple[Wording, str]]:
        """Each wording and what it costs."""
        return list(zip(self.wordings, self.costs, strict=True))

    @property
    def compared(self) -> list[Compared]:
        """Two wordings side by side; nothing where there is one."""
        if len(self.wordings) < 2 or not self.figures.out:
            return []
        a, b = (wording.figures for wording in self.wordings)
        rows = [("Sent", (a.out, b.out), False), ("Delivered", (a.n["delivered"], b.n["delivered"]), False)]
        if self.links:
            rows.append(("Opened a link", (a.n["clicked"], b.n["clicked"]), True))
        rows += [
            ("Replied", (a.n["replied"], b.n["replied"]), True),
            ("Opted out", (a.n["opted_out"], b.n["opted_out"]), True),
        ]
        of = (a.n["delivered"], b.n["delivered"])
        return [
            Compared(name, numbers, _percents(numbers, of) if shares else (None, None))
            for name, numbers, shares in rows
        ]

    @property
    def verdict(self) -> str:
        """What may be said of the two: of links that were opened, or of replies where there are no links."""
        a, b = (wording.figures for wording in self.wordings)
        what, words = ("clicked", "opened a link") if self.links else ("replied", "replied")
        one, other = ((side.n[what], side.n["delivered"]) for side in (a, b))
        over = not self.campaign.going and not self.figures.on_the_way
        return figures.verdict(words, one, other, over=over)

    @property
    def opened(self) -> list[Opened]:
        """The links, and how many of those who got it opened each."""
        of = self.figures.n["delivered"]
        return [Opened(link, figures.percent(link.clicks, of)) for link in self.links]

    @property
    def about_links(self) -> str:
        return CLICKS_ARE

    # ---- Where replies go

    @property
    def own_number(self) -> str:
        """The number that they were told to text, pretty; empty where there is none."""
        return own_number(self.business)

    @property
    def replies(self) -> str:
        """Whether they were answered, after what is always so."""
        replied = self.figures.n["replied"]
        with_number = "with your number" if self.own_number else "that nobody reads them"
        if not replied:
            return f"Whoever replies is answered {with_number}."
        many = {1: "the one who did", 2: "both"}.get(replied, f"all {replied:,}")
        return f"We answered {many} {with_number}."

    @property
    def since(self) -> str:
        """Eight have texted it since."""
        talked = self.figures.n["talked"]
        if not talked:
            return ""
        spelled = _SPELLED[talked].capitalize() if talked < len(_SPELLED) else f"{talked:,}"
        return f"{spelled} {'has' if talked == 1 else 'have'} texted it since."


def _percents(numbers: tuple[int, int], of: tuple[int, int]) -> tuple[int | None, int | None]:
    return figures.percent(numbers[0], of[0]), figures.percent(numbers[1], of[1])


def _nobody(number: int) -> str:
    """Nobody, 1 client, 168 clients; with the verb that fits."""
    return "Nobody" if not number else "1 client" if number == 1 else f"{number:,} clients"
