"""The forms of a business and its team."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from parley.businesses.accounts import EMAIL, NOT_AN_EMAIL, PASSWORD_RULE
from parley.businesses.fields import business_name_field, country_field, time_zone_field, time_zones
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

    class Meta:
        model = Business
        fields = ("name", "country", "time_zone", "email")

    def __init__(self, business: Business, data: Any = None) -> None:
        super().__init__(data, instance=business)
        email = self.fields["email"]
        email.label, email.help_text = "Email for clients", "Your emails to clients come from this address."
        email.error_messages |= {"required": "Enter an email address.", "invalid": NOT_AN_EMAIL}
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
