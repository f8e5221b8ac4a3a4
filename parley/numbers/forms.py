"""What a person may choose and type on the pages of the business's number, and what is said when it cannot be kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from parley.businesses.models import Business, Member
from parley.numbers.models import Registration
from parley.sms.addresses import COUNTRIES, REGIONS, WORDS

LONGEST_AUTO_REPLY = 320


class ModeForm(forms.Form):
    """SMS Settings: what happens when a client answers, and what they are told where nobody reads."""

    mode = forms.ChoiceField(
        choices=Business.Mode.choices,
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose one of the three."),
    )
    auto_reply = forms.CharField(
        label="What they are told",
        required=False,
        widget=forms.Textarea({"rows": 3, "maxlength": LONGEST_AUTO_REPLY}),
    )

    def __init__(self, business: Business, data: Any = None) -> None:
        self.business = business
        super().__init__(data, initial={"mode": business.mode, "auto_reply": business.auto_reply_words})

    def clean(self) -> dict[str, Any]:
        kept = super().clean() or self.cleaned_data
        if kept.get("mode") == Business.Mode.DO_NOT_REPLY:
            words = " ".join(kept.get("auto_reply", "").split())
            if not any(c.isalnum() for c in words):
                self.add_error("auto_reply", "Write how else clients can reach you.")
            elif len(words) > LONGEST_AUTO_REPLY:
                self.add_error(
                    "auto_reply",
                    f"This has {len(words)} characters. The most is {LONGEST_AUTO_REPLY}, which is two or three texts.",
                )
            kept["auto_reply"] = words
        return kept

    def save(self, *, only_words: bool) -> None:
        """The number, the registration and the app's switches stay as they are, so that going back restores them."""
        changed = []
        if not only_words:
            self.business.mode = self.cleaned_data["mode"]
            changed.append("mode")
        if only_words or self.business.mode == Business.Mode.DO_NOT_REPLY:
            # Our own words stay unsaved: they follow the business's name and address.
            self.business.auto_reply = ""
            if self.cleaned_data["auto_reply"] != self.business.auto_reply_words:
                self.business.auto_reply = self.cleaned_data["auto_reply"]
            changed.append("auto_reply")
        self.business.save(update_fields=changed)


def fresh_registration(member: Member) -> Registration:
    """An unsaved draft with what we know already."""
    business = member.business
    first, _, last = member.user.name.partition(" ")
    return Registration(
        business=business,
        contact_first_name=first[:60],
        contact_last_name=last[:60],
        contact_role=member.get_role_display(),
        contact_email=member.user.email,
        uses=[Registration.Use.APPOINTMENTS, Registration.Use.CONVERSATIONS],
        # In the alphabet that costs one segment.
        sample=(
            f"Hi Maya, this is {business.name}. You are booked for Thursday at 2:30 PM. "
            "Reply STOP to stop texts."
        ),
    )


COUNTRY = "country"


class RegistrationForm(forms.ModelForm):
    """The answers of a registration. All may be empty and most may be wrong: it is a draft, and `checker` judges it.

    Refused here is only what cannot be kept at all. `country` is the business's own.
    """

    country = forms.ChoiceField(choices=list(COUNTRIES.items()), required=False, widget=forms.RadioSelect)
    uses = forms.MultipleChoiceField(
        label="What you’ll text about",
        choices=Registration.Use.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Registration
        fields = [
            "legal_name",
            "business_type",
            "registration_number",
            "trade_name",
            "website",
            "street",
            "street2",
            "city",
            "region",
            "postal_code",
            "contact_first_name",
            "contact_last_name",
            "contact_role",
            "contact_email",
            "contact_phone",
            "uses",
            "volume",
            "sample",
            "opt_in",
            "agreed",
        ]
        labels = {
            "trade_name": "Name clients know, if another",
            "volume": "About how many texts a month?",
            "agreed": "I’m allowed to register this business, and I’ll only text people who agreed to it.",
        }
        help_texts = {
            "legal_name": "As on your tax papers, with LLC or Inc. if it has one.",
            "registration_number": "Sole proprietors without one can leave this empty.",
            "website": "",
            "region": "",
            "sample": "Written for you. Change it to one that you’d really send.",
            "agreed": "",
        }
        widgets = {
            "sample": forms.Textarea({"rows": 3}),
            "opt_in": forms.RadioSelect,
        }

    def __init__(self, registration: Registration, data: Any = None, *, may_move: bool = True) -> None:
        """`may_move`: may the business still change its country?"""
        self.business = registration.business
        super().__init__(data, instance=registration, initial={COUNTRY: self.business.country})
        self.order_fields([COUNTRY])
        self.fields[COUNTRY].disabled = not may_move
        self._dress()

    def _dress(self) -> None:
        country = self.business.country
        for name, words in WORDS[country].items():
            self.fields[name].label = words
        for name, choices in (
            ("region", list(REGIONS[country].items())),
            ("business_type", Registration.BusinessType.choices),
            ("volume", Registration.VOLUMES),
        ):
            # What another country's address left behind is shown as nothing chosen, and kept until another is.
            self.fields[name] = forms.TypedChoiceField(
                label=self.fields[name].label,
                choices=[("", "Choose…"), *choices],
                required=False,
                coerce=int if name == "volume" else str,
                empty_value=None if name == "volume" else "",
                error_messages={"invalid_choice": "Choose one from the list."},
            )
        opt_in: Any = self.fields["opt_in"]
        opt_in.choices = Registration.OptIn.choices
        for name in (COUNTRY, "opt_in", "uses"):
            self.fields[name].widget.attrs["class"] = "tick"
        for name, more in _WIDGETS.items():
            self.fields[name].widget.attrs.update(more)
        for name, field in self.fields.items():
            if name not in _OWN_PEOPLE:
                field.widget.attrs.setdefault("autocomplete", "off")
            if longest := getattr(field, "max_length", None):
                field.error_messages["max_length"] = (
                    f"This is too long to keep. The most is {longest} characters."
                )

    def clean(self) -> dict[str, Any]:
        kept = super().clean() or self.cleaned_data
        for name in ("legal_name", "trade_name", "city", "street", "website", "registration_number"):
            if isinstance(kept.get(name), str):
                kept[name] = " ".join(kept[name].split())
        return kept

    def clean_country(self) -> str:
        country: str = self.cleaned_data[COUNTRY] or self.business.country
        if country not in COUNTRIES:
            raise ValidationError("Choose the United States or Canada.")
        return country


# A phone's keyboard that fits, and what the browser may fill in.
_WIDGETS: dict[str, dict[str, str]] = {
    "legal_name": {"autocomplete": "organization"},
    "website": {"inputmode": "url", "autocapitalize": "none", "spellcheck": "false", "autocomplete": "url"},
    "registration_number": {"inputmode": "text", "autocapitalize": "characters", "spellcheck": "false"},
    "street": {"autocomplete": "address-line1"},
    "street2": {"autocomplete": "address-line2"},
    "city": {"autocomplete": "address-level2"},
    "region": {"autocomplete": "address-level1"},
    "postal_code": {"autocomplete": "postal-code", "autocapitalize": "characters"},
    "contact_first_name": {"autocomplete": "given-name"},
    "contact_last_name": {"autocomplete": "family-name"},
    "contact_role": {"autocomplete": "organization-title"},
    "contact_email": {
        "autocomplete": "email",
        "inputmode": "email",
        "autocapitalize": "none",
        "spellcheck": "false",
    },
    "contact_phone": {"autocomplete": "tel", "inputmode": "tel"},
}
_OWN_PEOPLE = frozenset(_WIDGETS)


def answers(registration: Registration) -> dict[str, Any]:
    """What is kept, as the form would post it."""
    kept = {name: getattr(registration, name) for name in RegistrationForm.Meta.fields}
    return kept | {COUNTRY: registration.business.country, "volume": registration.volume or ""}


# The carriers take JPEG and PNG, and 5 MB is what they fetch (field.md 4.8).
LARGEST_PICTURE = 5 * 1024 * 1024
# WHATWG, MIME Sniffing, section 6.1: what the browser or the file's name says proves nothing.
_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


def picture_type(content: bytes) -> str:
    """The type of a picture of the opt-in form. Raises ValidationError with words for a person."""
    if len(content) > LARGEST_PICTURE:
        raise ValidationError("That picture is larger than 5 MB. Take a smaller one, or a screenshot.")
    for signature, type_ in _SIGNATURES:
        if content.startswith(signature):
            return type_
    raise ValidationError("That isn’t a JPEG or PNG picture. Take a photo or a screenshot of the form.")
