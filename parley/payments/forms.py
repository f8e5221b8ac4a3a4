"""What a member may type about a payment request or an estimate, and what is said when it cannot be kept."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.clients.choosing import Picker
from parley.clients.forms import one_line
from parley.clients.models import Client
from parley.payments import money
from parley.payments.looks import today_of
from parley.payments.models import Asked

LONGEST_DETAILS = 2000
PLAIN = {"autocomplete": "off"}


class AskForm(forms.Form):
    """Ask for a payment, or edit one that is open.

    `key` is the id of what is written: the same form sent twice writes one. `picker` is where the client is chosen;
    whom one that is edited is for does not change.
    """

    day = "due_on"
    day_label = "Due"
    title_hint = "Your client reads this."

    title = forms.CharField(
        label="What for",
        max_length=160,
        widget=forms.TextInput(PLAIN | {"placeholder": "Deposit"}),
        error_messages={
            "required": "Say what it is for.",
            "max_length": "That is too long. The most is 160 characters.",
        },
    )
    amount = forms.CharField(
        label="Amount",
        required=False,
        max_length=30,
        widget=forms.TextInput(PLAIN | {"inputmode": "decimal", "placeholder": "40.00"}),
        error_messages={"max_length": "Enter an amount in digits, like 40 or 1,250.50."},
    )
    on = forms.DateField(
        required=False,
        widget=forms.DateInput(PLAIN | {"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Enter a day, like 2026-12-31."},
    )
    details = forms.CharField(
        label="Details",
        required=False,
        widget=forms.Textarea(PLAIN | {"rows": 2}),
        help_text="More for them to read: what is included, for instance.",
    )
    link = forms.URLField(
        label="Payment link",
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=forms.TextInput(
            PLAIN | {"type": "url", "inputmode": "url", "autocapitalize": "none", "spellcheck": "false"}
        ),
        help_text="If they can pay elsewhere on the web. Their page has a button that leads there.",
        error_messages={"invalid": "Enter a whole web address, like https://pay.example.com/maya."},
    )
    tell = forms.BooleanField(required=False)

    def __init__(
        self,
        business: Business,
        data: Any = None,
        *,
        asked: Asked | None = None,
        client: Client | None = None,
        initial: dict[str, Any] | None = None,
    ) -> None:
        self.business, self.asked = business, asked
        if asked:
            initial = {
                "title": asked.title,
                "amount": money.typed(asked.cents),
                "on": getattr(asked, self.day),
                "details": asked.details,
                "link": asked.link,
            }
        super().__init__(data, initial={"tell": True} | (initial or {}))
        self.picker = None if asked else Picker(business, data, client)
        self.key = _uuid(data.get("key", "")) if data else new_id()
        self.fields["on"].label = self.day_label
        if not data:
            self.fields["on"].widget.attrs["min"] = today_of(business).isoformat()

    @property
    def shown(self) -> list[forms.BoundField]:
        """The fields, in their order; who and whether to tell them stand above and below."""
        return [field for field in self if field.name != "tell"]

    def clean_title(self) -> str:
        return one_line(self.cleaned_data["title"])

    def clean_amount(self) -> int:
        try:
            return money.cents(self.cleaned_data["amount"])
        except money.BadSum as bad:
            raise ValidationError(bad.words) from None

    def clean_on(self) -> date | None:
        on: date | None = self.cleaned_data["on"]
        kept = getattr(self.asked, self.day) if self.asked else None
        if on and on != kept and on < today_of(self.business):
            raise ValidationError("That day has passed. Choose today or a later one.")
        return on

    def clean_details(self) -> str:
        details: str = self.cleaned_data["details"].replace("\r\n", "\n")
        if len(details) > LONGEST_DETAILS:
            raise ValidationError(f"This has {len(details):,} characters. The most is {LONGEST_DETAILS:,}.")
        return details

    def clean_link(self) -> str:
        link: str = self.cleaned_data["link"]
        if link and not link.startswith("https://"):
            raise ValidationError("Only an address that begins with https:// is safe to pay at.")
        return link

    def clean(self) -> dict[str, Any]:
        kept = super().clean() or self.cleaned_data
        if self.picker and self.picker.client is None:
            self.picker.problem = "Choose who it is for."
            self.add_error(None, self.picker.problem)
        return kept

    @property
    def facts(self) -> dict[str, Any]:
        """What was typed, as `asking` takes it."""
        kept = self.cleaned_data
        return {
            "title": kept["title"],
            "cents": kept["amount"],
            self.day: kept["on"],
            "details": kept["details"],
            "link": kept["link"],
        }


class OfferForm(AskForm):
    """The same for an estimate."""

    day = "expires_on"
    day_label = "Good until"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["title"].widget.attrs["placeholder"] = "Wedding hair for four"
        link = self.fields["link"]
        link.label, link.help_text = "Link", "If there is more to read on the web."
        link.error_messages["invalid"] = "Enter a whole web address, like https://example.com/prices."

    def clean_link(self) -> str:
        link: str = self.cleaned_data["link"]
        if link and not link.startswith("https://"):
            raise ValidationError("Only an address that begins with https:// is safe to open.")
        return link


class PaidForm(forms.Form):
    """How it was paid."""

    HOW = (("cash", "Cash"), ("card", "Card"), ("transfer", "Transfer"), ("other", "Another way"))

    how = forms.ChoiceField(
        choices=HOW,
        initial="cash",
        error_messages={"required": "Choose how it was paid.", "invalid_choice": "Choose how it was paid."},
    )
    receipt = forms.BooleanField(required=False, initial=True)

    @property
    def words(self) -> str:
        """As it is kept: the receipt may say it."""
        return dict(self.HOW)[self.cleaned_data["how"]]


class HowTheyPay(forms.ModelForm):
    """Settings > Payments."""

    class Meta:
        model = Business
        fields = ("pays_by",)

    def __init__(self, business: Business, data: Any = None) -> None:
        super().__init__(data, instance=business)
        field = self.fields["pays_by"]
        field.label = "How clients pay you"
        field.widget = forms.Textarea(
            {"rows": 4, "placeholder": "Interac e-Transfer to pay@example.com, or card at the desk."}
        )
        field.help_text = "Everybody you ask for a payment reads this on their page."
        field.error_messages["max_length"] = "That is too long. The most is 1,000 characters."

    def clean_pays_by(self) -> str:
        return self.cleaned_data["pays_by"].replace("\r\n", "\n").strip()


def _uuid(typed: str) -> uuid.UUID:
    try:
        return uuid.UUID(typed)
    except ValueError:
        return new_id()
