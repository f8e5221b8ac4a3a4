"""What a member may say of a campaign: its words, whom it goes to, and when; and what is said when it cannot be so."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from parley.appointments.wall_clock import moments
from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.campaigns import wording
from parley.campaigns.audience import Audience
from parley.campaigns.control import MOST_AHEAD
from parley.campaigns.models import LONGEST_NAME, MOST_REST_DAYS, Campaign
from parley.clients.forms import add_tag, clean_tag
from parley.clients.models import Client, Import
from parley.sms.segments import line_breaks

MOST_PICKED = 500
MOST_DAYS = 3650
# A draft's time may have passed, but not before anybody could have written it.
LONGEST_AGO = timedelta(days=MOST_DAYS)
SHARES = (10, 20, 30, 40, 50)
# So many of a business's clients are asked for tags to offer.
TAGS_OF = 500
TAGS_OFFERED = 12
IMPORTS_OFFERED = 20

WHO = (
    ("everyone", "Everyone who agreed to offers"),
    ("some", "People by tag, status or last visit"),
    ("picked", "People you pick"),
    ("import", "People of an import"),
)
VISITED = (
    ("", "At any time, or never"),
    ("within", "Within the last"),
    ("not_within", "Longer ago than the last"),
    ("never", "Never"),
)
AGREED = (("", "Agreed or not"), ("agreed", "Agreed"), ("not_agreed", "Not agreed"))

# Written where it is asked, for whoever wonders why a campaign takes a night.
HOURS = "Nobody is texted outside 8 AM to 9 PM where they are (in some states less)."


def _whole(most: int, many: str, **more: Any) -> forms.IntegerField:
    return forms.IntegerField(
        required=False,
        min_value=1,
        max_value=most,
        error_messages={
            "invalid": "Enter a number of days, like 30.",
            "min_value": "Enter 1 or more.",
            "max_value": many,
        },
        **more,
    )


class CampaignForm(forms.Form):
    """A campaign as one member edits it. `unsaved()` is the campaign as it would be, whatever is wrong with it.

    A draft is kept however unfinished it is, if it has a name; `whole`: it is to be sent, and must be fit for it.
    """

    name = forms.CharField(
        label="Name",
        max_length=LONGEST_NAME,
        error_messages={
            "required": "Give it a name. Only your team sees it.",
            "max_length": f"A name has at most {LONGEST_NAME} characters.",
        },
    )
    wording = forms.CharField(required=False, strip=False)
    two = forms.BooleanField(required=False)
    wording_b = forms.CharField(required=False, strip=False)
    share_b = forms.TypedChoiceField(
        required=False, coerce=int, choices=[(n, f"{n} %") for n in SHARES], empty_value=None
    )
    who = forms.ChoiceField(choices=WHO)
    tags = forms.CharField(required=False)
    every_tag = forms.ChoiceField(required=False, choices=[("", "any of these"), ("all", "all of these")])
    without_tags = forms.CharField(required=False)
    statuses = forms.MultipleChoiceField(required=False, choices=Client.Status.choices)
    visited = forms.ChoiceField(required=False, choices=VISITED)
    days = _whole(MOST_DAYS, "Enter ten years or less.")
    agreed = forms.ChoiceField(required=False, choices=AGREED)
    picked = forms.CharField(required=False)
    imported = forms.ChoiceField(required=False)
    spare = forms.BooleanField(required=False)
    rest_days = _whole(MOST_REST_DAYS, f"Parley looks back {MOST_REST_DAYS} days at most.")
    begins = forms.ChoiceField(choices=[("now", "As soon as you send it"), ("at", "At a time")])
    date = forms.DateField(required=False, error_messages={"invalid": "Choose a date."})
    time = forms.TimeField(required=False, error_messages={"invalid": "Choose a time."})
    canary = forms.BooleanField(required=False)

    def __init__(
        self, business: Business, data: Any = None, *, campaign: Campaign | None = None, whole: bool = False
    ) -> None:
        self.business, self.campaign, self.whole = business, campaign, whole
        given = data or {}
        self.id = campaign.pk if campaign else _uuid(given.get("id")) or new_id()
        self.page = _uuid(given.get("page")) or new_id()
        self.version = given.get("version") or (campaign.changed_at.isoformat() if campaign else "")
        super().__init__(data, initial=_of(campaign, business))
        self.imports = self._imports()
        self.fields["imported"].choices = [(str(one.pk), one.file_name) for one in self.imports]  # type: ignore[attr-defined]

    def _imports(self) -> list[Import]:
        """Those that are done, the newest first; and the one that was chosen, however old."""
        done = self.business.imports.filter(state__in=(Import.State.DONE, Import.State.STOPPED))
        found = list(done.order_by("-id")[:IMPORTS_OFFERED])
        chosen = _uuid(self.initial["imported"])
        if chosen and all(one.pk != chosen for one in found):
            found += done.filter(pk=chosen)
        return found

    # ---- What is typed

    @cached_property
    def picked_ids(self) -> list[uuid.UUID]:
        """Who is picked, each once, in the order they were picked."""
        typed = str(self["picked"].value() or "").split(",")
        return list(dict.fromkeys(id for each in typed if (id := _uuid(each.strip()))))[:MOST_PICKED]

    @cached_property
    def people(self) -> list[Client]:
        """Those who are picked and are the business's, in the order they were picked; by one query at most."""
        if not self.picked_ids:
            return []
        found = {
            client.pk: client
            for client in self.business.clients.filter(pk__among=self.picked_ids).defer("search")
        }
        return [found[id] for id in self.picked_ids if id in found]

    @cached_property
    def offered_tags(self) -> list[str]:
        """Tags that people have, the commonest first: of the newest clients only, so that it costs the same."""
        newest = self.business.clients.order_by("-id").values_list("tags", flat=True)[:TAGS_OF]
        number: dict[str, int] = {}
        for tags in newest:
            for tag in tags:
                number[tag] = number.get(tag, 0) + 1
        return sorted(number, key=lambda tag: (-number[tag], tag))[:TAGS_OFFERED]

    @property
    def shares(self) -> list[tuple[int, bool]]:
        chosen = str(self["share_b"].value())
        return [(n, str(n) == chosen) for n in SHARES]

    # ---- What may be wrong

    def clean_wording(self) -> str:
        return line_breaks(self.cleaned_data["wording"]).strip()

    def clean_wording_b(self) -> str:
        return line_breaks(self.cleaned_data["wording_b"]).strip()

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_tags(self) -> list[str]:
        return _tags(self.cleaned_data["tags"])

    def clean_without_tags(self) -> list[str]:
        return _tags(self.cleaned_data["without_tags"])

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if given.get("spare") and not given.get("rest_days") and "rest_days" not in self.errors:
            self.add_error("rest_days", "Enter how many days.")
        if given.get("begins") == "at":
            self._check_time(given)
        elif self.campaign and self.campaign.status == Campaign.Status.SCHEDULED:
            self.add_error("begins", "It waits for its time. Make it a draft again to send it now.")
        counts_days = given.get("who") == "some" and given.get("visited") in ("within", "not_within")
        if counts_days and not given.get("days") and "days" not in self.errors:
            self.add_error("days", "Enter how many days.")
        if self.whole:
            self._check_whole(given)
        return given

    def _check_time(self, given: dict[str, Any]) -> None:
        day, at = given.get("date"), given.get("time")
        if day is None and "date" not in self.errors:
            self.add_error("date", "Choose a date.")
        if at is None and "time" not in self.errors:
            self.add_error("time", "Choose a time.")
        if day is None or at is None:
            return
        today = timezone.now().astimezone(self.business.zone).date()
        # Asked of the day first: the ends of the calendar have no moment.
        if day - today > MOST_AHEAD or today - day > LONGEST_AGO:
            self.add_error("date", "Choose a day within a year.")
            return
        moment = self._moment(day, at)
        if moment is None:
            self.add_error("time", "The clocks skip this time on that day. Choose another.")
        elif self.whole and moment <= timezone.now():
            self.add_error("time", "This time has passed. Choose a later one.")

    def _moment(self, day: dt.date | None, at: dt.time | None) -> datetime | None:
        """The first moment at which the business's clocks show it; None if they never do."""
        found = moments(day, at, self.business.zone) if day and at else []
        return found[0] if found else None

    def _check_whole(self, given: dict[str, Any]) -> None:
        for name in ("wording", *(("wording_b",) if given.get("two") else ())):
            for problem in wording.problems(given.get(name, "")):
                self.add_error(name, problem)
        who = given.get("who")
        if who == "picked" and not self.people:
            self.add_error("picked", "Pick at least one person.")
        elif who == "import" and not given.get("imported") and "imported" not in self.errors:
            self.add_error("imported", "Choose an import.")
        elif who == "some" and not any(
            given.get(name) for name in ("tags", "without_tags", "statuses", "visited", "agreed")
        ):
            self.add_error("who", "Say who: a tag, a status, or when they last came.")

    # ---- What it comes to

    def unsaved(self) -> Campaign:
        """The campaign as it is typed, not saved; where a field cannot be read, what was there before."""
        self.is_valid()
        given = {**self.initial, **(self.cleaned_data if self.is_bound else {})}
        two = bool(given["two"])
        begins_at = self._moment(given["date"], given["time"]) if given["begins"] == "at" else None
        return Campaign(
            id=self.id,
            business=self.business,
            name=given["name"] or "",
            wording=given["wording"] or "",
            wording_b=given["wording_b"] or "",
            share_b=int(given["share_b"] or SHARES[-1]) if two else 0,
            audience=self._audience(given).kept,
            rest_days=(given["rest_days"] or 0) if given["spare"] else 0,
            send_at=begins_at,
            canary=bool(given["canary"]),
        )

    def _audience(self, given: dict[str, Any]) -> Audience:
        """What belongs to another choice than the chosen one is kept no longer than the page."""
        who = given["who"]
        if who == "picked":
            return Audience(who="picked", picked=tuple(str(client.pk) for client in self.people))
        if who == "import":
            return Audience(who="import", imported=given["imported"] or "")
        if who != "some":
            return Audience()
        return Audience(
            who="some",
            tags=_as_tags(given["tags"]),
            every_tag=given["every_tag"] == "all",
            without_tags=_as_tags(given["without_tags"]),
            statuses=tuple(given["statuses"]),
            visited=given["visited"],
            days=given["days"] or Audience().days,
            agreed=given["agreed"],
        )


def values_of(campaign: Campaign) -> dict[str, Any]:
    """What of a campaign a member may edit."""
    return {name: getattr(campaign, name) for name in EDITED}


EDITED = (
    "name",
    "wording",
    "wording_b",
    "share_b",
    "audience",
    "rest_days",
    "send_at",
    "canary",
)


def _of(campaign: Campaign | None, business: Business) -> dict[str, Any]:
    """What the form shows of a campaign; of none, what a new one begins with."""
    campaign = campaign or Campaign(business=business, wording_b="")
    asked = Audience.of(campaign.audience)
    at = campaign.send_at.astimezone(business.zone) if campaign.send_at else None
    soon = timezone.now().astimezone(business.zone) + timedelta(days=1)
    return {
        "name": campaign.name,
        "wording": campaign.wording,
        "two": campaign.share_b > 0,
        "wording_b": campaign.wording_b,
        "share_b": campaign.share_b or SHARES[-1],
        "who": asked.who,
        "tags": ", ".join(asked.tags),
        "every_tag": "all" if asked.every_tag else "",
        "without_tags": ", ".join(asked.without_tags),
        "statuses": list(asked.statuses),
        "visited": asked.visited,
        "days": asked.days,
        "agreed": asked.agreed,
        "picked": ",".join(asked.picked),
        "imported": asked.imported,
        "spare": campaign.rest_days > 0,
        "rest_days": campaign.rest_days or 7,
        "begins": "at" if at else "now",
        "date": at.date() if at else soon.date(),
        "time": at.time().replace(tzinfo=None) if at else dt.time(10),
        "canary": campaign.canary,
    }


def _tags(typed: str) -> list[str]:
    """Tags with commas between them. Raises ValidationError."""
    tags: list[str] = []
    for each in typed.split(","):
        tags = add_tag(tags, clean_tag(each))
    return tags


def _as_tags(given: str | Sequence[str]) -> tuple[str, ...]:
    if not isinstance(given, str):
        return tuple(given)
    try:
        return tuple(_tags(given))
    except ValidationError:
        return ()


def _uuid(typed: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(typed or ""))
    except ValueError:
        return None


def at_of(version: str) -> datetime:
    """The moment that a page's `version` names; long ago if it names none."""
    try:
        return datetime.fromisoformat(version).astimezone(UTC)
    except (OverflowError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
