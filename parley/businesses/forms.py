"""The forms of a business and its team."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.forms import BoundField

from parley.businesses import opening
from parley.businesses.accounts import EMAIL, NOT_AN_EMAIL, PASSWORD_RULE
from parley.businesses.fields import business_name_field, country_field, time_zone_field, time_zones
from parley.businesses.languages import Language
from parley.businesses.models import Business, Member, User
from parley.businesses.team import OWNERS_ONLY, roles_to_give


class NewBusiness(forms.Form):
    """A business of one's own, for somebody who can sign in already."""

    business = business_name_field()
    country = country_field()
    time_zone = time_zone_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.is_bound:
            self.fields["time_zone"].widget.attrs["data-guess"] = ""


class BusinessSettings(forms.ModelForm):
    """What a business says of itself. Its country stays as it is while it has a number."""

    name = business_name_field()
    country = country_field()
    time_zone = time_zone_field()

    language = forms.ChoiceField(
        label="Language of your clients",
        required=False,
        choices=Language.choices,
        help_text="What Parley sends by itself is in this language, unless a client’s card names another.",
        error_messages={"invalid_choice": "Choose a language from the list."},
    )

    class Meta:
        model = Business
        fields = ("name", "country", "time_zone", "language", "address", "email")

    def __init__(self, business: Business, data: Any = None) -> None:
        super().__init__(data, instance=business)
        email = self.fields["email"]
        email.label, email.help_text = "Email for clients", "Your emails to clients come from this address."
        email.error_messages |= {"required": "Enter an email address.", "invalid": NOT_AN_EMAIL}
        address = self.fields["address"]
        address.label, address.help_text = "Address", "Where clients come to, if they do."
        address.error_messages |= {"max_length": "An address has at most 200 characters."}
        zone = self.fields["time_zone"]
        assert isinstance(zone, forms.ChoiceField)
        known = {name for _, places in time_zones() for name, _ in places}
        if business.time_zone not in known:
            zone.choices = [(business.time_zone, business.time_zone), *time_zones()]
        number = business.numbers.filter(released_at=None).first()
        if number:
            country = self.fields["country"]
            country.disabled = True
            country.help_text = (
                f"It can’t change while {number.pretty} is yours: the number is verified for it."
            )

    def clean_language(self) -> str:
        return self.cleaned_data["language"] or self.initial["language"]


class OpeningHours(forms.Form):
    """When a business is open: two stretches a day at most, so that there is room for lunch. Empty is closed."""

    STRETCHES = (1, 2)
    HALF = "Enter both, when you open and when you close; or neither."
    BACKWARDS = "Close later than you open. Midnight is 12:00 AM."

    def __init__(self, business: Business, data: Any = None) -> None:
        self.business = business
        initial: dict[str, str] = {}
        for day in opening.DAYS:
            for place, (opens, closes) in enumerate(business.hours.get(day, [])[: len(self.STRETCHES)], 1):
                initial |= {f"{day}_{place}_opens": opens, f"{day}_{place}_closes": closes}
        super().__init__(data, initial=initial)
        for day, name in zip(opening.DAYS, opening.NAMES, strict=True):
            for place in self.STRETCHES:
                for which in ("opens", "closes"):
                    self.fields[f"{day}_{place}_{which}"] = forms.TimeField(
                        required=False,
                        widget=forms.TimeInput(
                            {
                                "type": "time",
                                "aria-label": f"{name}, {which}{' again' if place == 2 else ''}",
                            },
                            format="%H:%M",
                        ),
                        error_messages={"invalid": "Enter a time like 9:00 AM."},
                    )

    @property
    def days(self) -> Iterator[Day]:
        for day, name in zip(opening.DAYS, opening.NAMES, strict=True):
            pairs = [(self[f"{day}_{n}_opens"], self[f"{day}_{n}_closes"]) for n in self.STRETCHES]
            errors = [str(error) for pair in pairs for field in pair for error in field.errors]
            yield Day(name, pairs, list(dict.fromkeys(errors)))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for day in opening.DAYS:
            until = None
            for place in self.STRETCHES:
                name = f"{day}_{place}_opens"
                opens, closes = given.get(name), given.get(f"{day}_{place}_closes")
                if self.errors.keys() & {name, f"{day}_{place}_closes"}:
                    break
                if (opens is None) != (closes is None):
                    self.add_error(name, self.HALF)
                elif opens is not None and closes != time.min and closes <= opens:
                    self.add_error(name, self.BACKWARDS)
                elif (
                    opens is not None and place == 2 and (until is None or until == time.min or opens < until)
                ):
                    self.add_error(name, "The second time begins after the first has ended.")
                until = closes
        return given

    @property
    def hours(self) -> dict[str, list[list[str]]]:
        """As `Business.hours`; nothing at all where no day is open, for then nobody has said."""
        given = self.cleaned_data
        hours = {
            day: [
                [given[f"{day}_{n}_opens"].strftime("%H:%M"), given[f"{day}_{n}_closes"].strftime("%H:%M")]
                for n in self.STRETCHES
                if given[f"{day}_{n}_opens"] is not None
            ]
            for day in opening.DAYS
        }
        return hours if any(hours.values()) else {}

    def save(self) -> None:
        """Write them down."""
        self.business.hours = self.hours
        self.business.save(update_fields=["hours"])


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the form: its name, the fields of its stretches, and what is wrong."""

    name: str
    stretches: list[tuple[BoundField, BoundField]]
    errors: list[str]


class Invite(forms.Form):
    email = forms.EmailField(
        label="Email",
        widget=forms.EmailInput(attrs={**EMAIL, "autocomplete": "off"}),
        error_messages={"required": "Enter an email address.", "invalid": NOT_AN_EMAIL},
    )
    role = forms.ChoiceField(label="Role", error_messages={"invalid_choice": OWNERS_ONLY})

    def __init__(self, actor: Member, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        role = self.fields["role"]
        assert isinstance(role, forms.ChoiceField)
        role.choices = [(role.value, role.label) for role in roles_to_give(actor)]

    def clean_email(self) -> str:
        return self.cleaned_data["email"].lower()


class Join(forms.Form):
    """A new person who was invited: their address is known from the invitation."""

    name = forms.CharField(
        label="Your name",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": ""}),
        error_messages={"required": "Enter your name."},
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=PASSWORD_RULE,
        error_messages={"required": "Choose a password."},
    )

    def __init__(self, email: str, *args: Any, **kwargs: Any) -> None:
        self.email = email
        super().__init__(*args, **kwargs)

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        validate_password(password, User(email=self.email, name=self.cleaned_data.get("name", "")))
        return password
