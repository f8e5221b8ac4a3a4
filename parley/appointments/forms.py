"""What a member may type about an appointment or a service, and what is said when it cannot be so."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from parley.appointments.models import Appointment, Service
from parley.appointments.shown import LONGEST, Shown, Status, spell_day
from parley.appointments.wall_clock import moments
from parley.businesses.models import Business, Member
from parley.clients.forms import one_line
from parley.clients.models import Client
from parley.ui.templatetags.ui import clock

STEP = 5
LONGEST_MINUTES = int(LONGEST.total_seconds() // 60)
LONGEST_NOTE = 2000
# Further away than this it is a slip of the finger: 0206, 2206.
FAR = timedelta(days=5 * 366)
MOST_WARNED_OF = 3
NOBODY = "Nobody in particular"

TOO_LONG = "The longest is a day: 1440 minutes."


class ServiceChoice(forms.Select):
    """A list of services that carries what each of them fills in."""

    services: dict[str, Service]

    def create_option(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(*args, **kwargs)
        if service := self.services.get(str(option["value"])):
            option["attrs"] |= {
                "data-title": service.name,
                "data-minutes": service.minutes,
                "data-location": service.location,
            }
        return option


def minutes_field(label: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=STEP,
        max_value=LONGEST_MINUTES,
        widget=forms.NumberInput({"step": STEP, "inputmode": "numeric"}),
        error_messages={
            "invalid": "Enter a number of minutes, like 45.",
            "min_value": "The shortest is 5 minutes.",
            "max_value": TOO_LONG,
        },
    )


class AppointmentForm(forms.Form):
    """Book, move or edit an appointment of one client: `names` are the fields that are asked.

    Date and time are what the clocks of the business show. Where they show a time twice, `again` says which is meant.
    """

    service = forms.ChoiceField(label="Service", required=False, widget=ServiceChoice())
    title = forms.CharField(
        label="What it is for",
        required=False,
        max_length=160,
        error_messages={"max_length": "This has more than 160 characters. Make it shorter."},
    )
    date = forms.DateField(
        label="Date",
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": "Choose a date.", "invalid": "Choose a date."},
    )
    time = forms.TimeField(
        label="Time",
        widget=forms.TimeInput({"type": "time", "step": STEP * 60}, format="%H:%M"),
        error_messages={"required": "Choose a time.", "invalid": "Choose a time."},
    )
    again = forms.ChoiceField(required=False, choices=[("0", ""), ("1", "")])
    minutes = minutes_field("Minutes")
    member = forms.ChoiceField(
        label="With", required=False, error_messages={"invalid_choice": "Choose somebody of your team."}
    )
    location = forms.CharField(
        label="Where",
        required=False,
        max_length=300,
        error_messages={"max_length": "This has more than 300 characters. Make it shorter."},
    )
    note = forms.CharField(
        label="Note",
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text="For your team only. Clients never see it.",
    )

    EVERYTHING = ("service", "title", "date", "time", "minutes", "member", "location", "note")
    TIME = ("date", "time", "minutes", "member")
    FACTS = ("service", "title", "member", "location", "note")

    def __init__(
        self,
        business: Business,
        client: Client,
        data: Any = None,
        *,
        names: tuple[str, ...] = EVERYTHING,
        appointment: Appointment | None = None,
        like: dict[str, Any] | None = None,
        key: uuid.UUID | None = None,
    ) -> None:
        """`appointment`: the one that is changed. `like`: what a new one begins with; `key`: how it will be called."""
        self.key = appointment.pk if appointment else key
        self.business, self.client, self.appointment = business, client, appointment
        self.zone = business.zone
        self.now = timezone.now()
        self.twice: list[tuple[str, str]] = []
        self.starts_at: datetime | None = None
        self.ends_at: datetime | None = None
        super().__init__(data, initial=_of(appointment, self.zone) if appointment else like)
        self._members = {str(m.pk): m for m in business.members.select_related("user").order_by("user__name")}
        self._services = self._offered() if "service" in names else {}
        empty = appointment.with_name if appointment and appointment.with_name else NOBODY
        self._choices("member", [("", empty), *((id, str(m)) for id, m in self._members.items())])
        self._choices(
            "service", [("", "Something else"), *((id, s.name) for id, s in self._services.items())]
        )
        cast(ServiceChoice, self.fields["service"].widget).services = self._services
        for name in set(self.EVERYTHING) - set(names):
            del self.fields[name]
        if not self._services:
            self.fields.pop("service", None)
        for field in self.fields.values():
            field.widget.attrs["autocomplete"] = "off"
        if data is None and not appointment:
            # What came filled in gives way to a draft; what somebody typed does not.
            for bound in self:
                if bound.initial not in (None, ""):
                    said = bound.field.widget.format_value(bound.initial)
                    bound.field.widget.attrs["data-default"] = said[0] if isinstance(said, list) else said
        if appointment and data is None:
            starts = appointment.starts_at.astimezone(self.zone)
            found = moments(starts.date(), starts.time(), self.zone)
            self.twice = self._either(found) if len(found) > 1 else []

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        cast(forms.ChoiceField, self.fields[name]).choices = choices

    def _offered(self) -> dict[str, Service]:
        """What is offered; and what this appointment is for, offered or not."""
        kept = self.appointment.service_id if self.appointment else None
        rows = self.business.services.filter(Q(offered=True) | Q(pk=kept)).order_by(Lower("name"))
        return {str(service.pk): service for service in rows}

    # ---- What was typed

    def clean_title(self) -> str:
        return one_line(self.cleaned_data["title"])

    def clean_location(self) -> str:
        return one_line(self.cleaned_data["location"])

    def clean_note(self) -> str:
        note = self.cleaned_data["note"].replace("\r\n", "\n")
        if len(note) > LONGEST_NOTE:
            raise ValidationError(f"This has {len(note):,} characters. The most is {LONGEST_NOTE:,}.")
        return note

    def clean_date(self) -> dt.date:
        day: dt.date = self.cleaned_data["date"]
        if abs(day - self.now.astimezone(self.zone).date()) > FAR:
            raise ValidationError(f"The year {day.year} is far away. Check the date.")
        return day

    def clean(self) -> dict[str, Any]:
        kept = super().clean() or self.cleaned_data
        service = self._services.get(kept.get("service", ""))
        if "title" in self.fields and "title" not in self.errors and not kept["title"]:
            if service:
                kept["title"] = service.name
            elif self._services:
                self.add_error("title", "Choose a service, or say what it is for.")
            else:
                self.add_error("title", "Say what it is for.")
        if "minutes" in self.fields and "minutes" not in self.errors and kept["minutes"] is None:
            if service:
                kept["minutes"] = service.minutes
            else:
                self.add_error("minutes", "Say how many minutes it takes.")
        if service and "location" in kept and not kept["location"]:
            kept["location"] = service.location
        if "date" in kept and "time" in kept:
            self._find_moment(kept)
        return kept

    def _either(self, found: list[datetime]) -> list[tuple[str, str]]:
        """The two moments that the clocks show alike, to choose from."""
        which = ("before the clocks go back", "an hour later")
        return [
            (str(n), f"{clock(moment, self.zone)} {moment.astimezone(self.zone):%Z}, {which[n]}")
            for n, moment in enumerate(found)
        ]

    def _find_moment(self, kept: dict[str, Any]) -> None:
        day, at, again = kept["date"], kept["time"], kept.get("again")
        found = moments(day, at, self.zone)
        said = clock(datetime.combine(day, at, UTC))
        if not found:
            self.add_error(
                "time",
                f"There is no {said} on {day:%A}, {day:%B} {day.day}: the clocks go forward then. "
                "Choose another time.",
            )
            return
        if len(found) > 1:
            self.twice = self._either(found)
            if again not in ("0", "1"):
                self.add_error("time", f"The clocks go back then, so {said} comes twice. Say which you mean.")
                return
        self.starts_at = found[int(again or 0) % len(found)]
        if kept.get("minutes"):
            self.ends_at = self.starts_at + timedelta(minutes=kept["minutes"])

    # ---- What becomes of it

    @property
    def facts(self) -> dict[str, Any]:
        """What `booking` is told, of a form that is valid."""
        kept = self.cleaned_data
        facts: dict[str, Any] = {
            name: kept[name] for name in ("title", "location", "note") if name in self.fields
        }
        if "service" in self.fields:
            facts["service"] = self._services.get(kept["service"])
        if "member" in self.fields:
            facts["member"] = self._member
            if self._member:
                facts["with_name"] = ""
        if self.starts_at:
            facts |= {"starts_at": self.starts_at, "ends_at": self.ends_at}
        return facts

    @property
    def _member(self) -> Member | None:
        return self._members.get(self.cleaned_data["member"])

    @property
    def begun(self) -> bool:
        return self.starts_at is not None and self.starts_at <= self.now

    @cached_property
    def warnings(self) -> list[str]:
        """What a member should know before it is so, and may pass."""
        before = self.appointment
        starts = self.starts_at or (before.starts_at if before else None)
        ends = self.ends_at or (before.ends_at if before else None)
        member = self._member if "member" in self.fields else None
        assert starts
        assert ends
        same_time = before is not None and (before.starts_at, before.ends_at) == (starts, ends)
        if same_time and before and before.member == member:
            return []
        words = []
        if self.begun and not same_time:
            words.append(
                f"{spell_day(starts.astimezone(self.zone).date(), self.now.astimezone(self.zone).date())}, "
                f"{clock(starts, self.zone)} has passed. {self.client.calls} isn’t told."
            )
        busy = self.business.appointments.filter(
            Q(member=member) & Q(member__isnull=False) | Q(client=self.client),
            status__in=(Status.REQUESTED, Status.BOOKED),
            starts_at__lt=ends,
            starts_at__gt=starts - LONGEST,
            ends_at__gt=starts,
        ).select_related("client", "member__user")
        # A second press of the button finds what the first one made: that is in nobody's way.
        if self.key:
            busy = busy.exclude(pk=self.key)
        for other in busy.order_by("starts_at", "id")[:MOST_WARNED_OF]:
            there = Shown(other, self.zone, self.now)
            if member and other.member == member:
                words.append(f"{member.first_name} has {other.client} then, {there.clocks}.")
            else:
                who = f" with {there.who}" if there.who else ""
                words.append(f"{self.client.calls} has another appointment then{who}, {there.clocks}.")
        return words

    @property
    def mark(self) -> str:
        """Names these very warnings: passing them passes no others."""
        return hashlib.sha256("\n".join(self.warnings).encode()).hexdigest()[:16]

    def is_passed(self) -> bool:
        """Whether there is nothing to warn of, or the member has read it and goes on."""
        return not self.warnings or self.data.get("anyway") == self.mark


def _of(appointment: Appointment, zone: Any) -> dict[str, Any]:
    starts = appointment.starts_at.astimezone(zone)
    return {
        "service": str(appointment.service_id or ""),
        "title": appointment.title,
        "date": starts.date(),
        "time": starts.time(),
        "again": str(starts.fold),
        "minutes": int(appointment.lasts.total_seconds() // 60),
        "member": str(appointment.member_id or ""),
        "location": appointment.location,
        "note": appointment.note,
    }


class ServiceForm(forms.Form):
    """Add or edit a service. `save()` may still find its name taken: it returns None then, and the form says so."""

    name = forms.CharField(
        label="Name",
        max_length=80,
        error_messages={
            "required": "Give it a name.",
            "max_length": "A name has at most 80 characters.",
        },
        help_text="As your clients read it in their texts.",
    )
    minutes = minutes_field("Minutes")
    location = forms.CharField(
        label="Where",
        required=False,
        max_length=160,
        error_messages={"max_length": "This has more than 160 characters. Make it shorter."},
        help_text="Only if it isn’t at your usual address.",
    )

    def __init__(self, business: Business, data: Any = None, *, service: Service | None = None) -> None:
        self.business, self.service = business, service
        fields = ("name", "minutes", "location")
        initial = {name: getattr(service, name) for name in fields} if service else {"minutes": 60}
        super().__init__(data, initial=initial)
        self.fields["minutes"].required = True
        self.fields["minutes"].error_messages["required"] = "Say how many minutes it usually takes."
        for field in self.fields.values():
            field.widget.attrs["autocomplete"] = "off"

    def clean_name(self) -> str:
        name = one_line(self.cleaned_data["name"])
        if other := self._who_has(name):
            raise ValidationError(self._taken(other))
        return name

    def clean_location(self) -> str:
        return one_line(self.cleaned_data["location"])

    def save(self) -> Service | None:
        service = self.service or Service(business=self.business)
        for name, value in self.cleaned_data.items():
            setattr(service, name, value)
        try:
            with transaction.atomic():
                service.save()
        except IntegrityError:
            other = self._who_has(service.name)
            if other is None:
                raise
            self.add_error("name", self._taken(other))
            return None
        return service

    def _who_has(self, name: str) -> Service | None:
        others = self.business.services.exclude(pk=self.service.pk if self.service else uuid.UUID(int=0))
        return others.annotate(lower=Lower("name")).filter(lower=name.lower()).first()

    @staticmethod
    def _taken(other: Service) -> str:
        if other.offered:
            return f"You have a service called “{other.name}” already."
        return f"You have a service called “{other.name}” that you stopped offering. You can offer it again."
