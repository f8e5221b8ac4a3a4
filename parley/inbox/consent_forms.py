"""What a member may record of what a client told them, and what is said when it cannot be kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from parley.businesses.models import Business
from parley.clients.models import Consent, Handset
from parley.inbox.consent import Standing, moment
from parley.sms.numbers import BadNumber, Country, parse

Category, How = Consent.Category, Consent.How

# As long as the longest text.
LONGEST_WORDS = 1600
# A clock that is a little ahead of ours is not the future.
AHEAD = timedelta(minutes=2)
# Nobody recorded consent to texts before there were texts.
FIRST = datetime(1993, 1, 1, tzinfo=UTC)

Hows = list[tuple[str, str]]


def _hows(*ways: Consent.How) -> Hows:
    return [(str(how), str(how.label)) for how in ways]


TOLD = _hows(How.IN_PERSON, How.BY_PHONE, How.BY_EMAIL, How.ON_PAPER)
AGREED = _hows(How.ON_PAPER, How.WEB_FORM, How.BY_EMAIL, How.IN_PERSON, How.BY_PHONE)
SCOPES: Hows = [(str(Category.ALL), "No more texts at all"), (str(Category.MARKETING), "No more marketing")]
PICK_HOW = {"required": "Choose how they told you.", "invalid_choice": "Choose how they told you."}


def words_field(label: str, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, widget=forms.Textarea({"rows": 3}), **more)


class Said(forms.Form):
    """Words that a client said or saw, and when: what every record of this room has. Times are the business's own."""

    said_at = forms.CharField(
        label="When",
        required=False,
        widget=forms.TextInput({"type": "datetime-local"}),
    )

    def __init__(self, business: Business, data: Any = None, *, phone: str = "") -> None:
        self.business = business
        self.phone = phone
        now = timezone.now().astimezone(business.zone)
        super().__init__(data, initial={"said_at": f"{now:%Y-%m-%dT%H:%M}"})
        for field in self.fields.values():
            field.widget.attrs["autocomplete"] = "off"
        self.fields["said_at"].widget.attrs |= {
            "max": f"{now:%Y-%m-%dT23:59}",
            "data-default": f"{now:%Y-%m-%dT%H:%M}",
        }

    def clean_said_at(self) -> datetime:
        """In UTC; now, if they left it empty."""
        typed = self.cleaned_data["said_at"]
        if not typed:
            return timezone.now()
        try:
            local = datetime.fromisoformat(typed)
        except ValueError:
            raise ValidationError("Choose a date and a time.") from None
        if local.tzinfo is None:
            local = local.replace(tzinfo=self.business.zone)
        try:
            said_at = local.astimezone(UTC)
        except OverflowError:
            raise ValidationError("Choose a date and a time.") from None
        if said_at > timezone.now() + AHEAD:
            raise ValidationError("That is still to come. Choose when they told you.")
        if said_at < FIRST:
            raise ValidationError("That is before there were texts. Look at the year again.")
        return min(said_at, timezone.now())

    def clean_words(self) -> str:
        words: str = self.cleaned_data["words"].replace("\r\n", "\n").replace("\x00", "").strip()
        if len(words) > LONGEST_WORDS:
            raise ValidationError(f"This has {len(words):,} characters. The most is {LONGEST_WORDS:,}.")
        return words


class OptOutForm(Said):
    """An opt-out that a client told a member. Without a `phone`, the number is asked for."""

    number = forms.CharField(
        label="Mobile",
        widget=forms.TextInput({"type": "tel", "inputmode": "tel"}),
        error_messages={"required": "Enter the number that wants no more texts."},
    )
    scope = forms.ChoiceField(
        label="What they want",
        choices=SCOPES,
        error_messages={"required": "Choose what they want.", "invalid_choice": "Choose what they want."},
    )
    how = forms.ChoiceField(label="How they told you", choices=TOLD, error_messages=PICK_HOW)
    words = words_field("Their words (optional)", required=False)
    field_order = ("number", "scope", "how", "said_at", "words")

    def __init__(self, business: Business, data: Any = None, *, phone: str = "") -> None:
        super().__init__(business, data, phone=phone)
        if phone:
            del self.fields["number"]

    def clean_number(self) -> str:
        try:
            self.phone = parse(self.cleaned_data["number"], cast(Country, self.business.country))
        except BadNumber as bad:
            raise ValidationError(bad.words) from None
        return self.phone

    def clean(self) -> dict[str, Any]:
        kept = super().clean() or self.cleaned_data
        if self.phone and not self.errors:
            standing = Standing(self.business, self.phone)
            by = standing.refusal
            marketing_only = kept["scope"] == Category.MARKETING
            refused = standing.handset.service == Handset.Service.REFUSED
            if by and (refused or (marketing_only and standing.handset.marketing == "refused")):
                what = "all texts" if refused else "marketing"
                self.add_error(
                    "number" if "number" in self.fields else "scope",
                    f"They have opted out of {what} already: {moment(by.line, self.business.zone)}.",
                )
        return kept


class AgreeForm(Said):
    """Consent to marketing that a client gave a member or signed. The sender carries the proof: the words are kept."""

    how = forms.ChoiceField(
        label="How they agreed",
        choices=AGREED,
        error_messages={"required": "Choose how they agreed.", "invalid_choice": "Choose how they agreed."},
    )
    words = words_field(
        "The words they agreed to",
        help_text="As they stood on the form, or as you read them out.",
        error_messages={"required": "Write the words they agreed to: without them it is no proof."},
    )
    field_order = ("how", "said_at", "words")

    def clean(self) -> dict[str, Any]:
        kept = super().clean() or self.cleaned_data
        said_at, by = kept.get("said_at"), Standing(self.business, self.phone).refusal
        if said_at and by and said_at <= by.line.said_at:
            self.add_error(
                "said_at",
                f"They opted out after that: {moment(by.line, self.business.zone)}. Choose when they agreed again.",
            )
        return kept


class UndoForm(forms.Form):
    """Why an opt-out that a member recorded is taken back."""

    reason = words_field(
        "Why",
        help_text="It is kept with the record: for whom it was meant, or what was misunderstood.",
        error_messages={"required": "Write why, so that the record explains itself."},
    )

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"].replace("\r\n", "\n").replace("\x00", "").strip()
        if len(reason) > LONGEST_WORDS:
            raise ValidationError(f"This has {len(reason):,} characters. The most is {LONGEST_WORDS:,}.")
        return reason
