"""What somebody new types on the lead form, and what a business decides about it."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.core.validators import validate_email
from django.utils.text import slugify

from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.clients.languages import Language
from parley.leads.models import LeadForm
from parley.leads.writing_in import Written
from parley.sms import numbers

# A person needs longer than this (seconds) to fill in a form; programs do not.
SOONEST = 2
# And leaves a page open no longer than this.
LATEST = 24 * 60 * 60
LONGEST_MESSAGE = 2000
# A field that people do not see and programs fill in.
TRAP = "website"
_SIGNER = TimestampSigner(salt="leads.form")


def new_key() -> str:
    """A form's own id, with the time it was handed out: two presses of its button are one lead."""
    return _SIGNER.sign(str(new_id()))


class PublicForm(forms.Form):
    """The form itself. `trapped`: a program filled it in, and nothing is kept, though it is thanked."""

    first_name = forms.CharField(required=False, widget=forms.TextInput({"autocomplete": "given-name"}))
    last_name = forms.CharField(required=False, widget=forms.TextInput({"autocomplete": "family-name"}))
    phone = forms.CharField(
        required=False, widget=forms.TextInput({"type": "tel", "inputmode": "tel", "autocomplete": "tel"})
    )
    email = forms.CharField(
        required=False,
        widget=forms.TextInput(
            {"type": "email", "inputmode": "email", "autocomplete": "email", "autocapitalize": "none"}
        ),
    )
    message = forms.CharField(required=False, widget=forms.Textarea({"rows": 4}))
    agree = forms.BooleanField(required=False)
    marketing = forms.BooleanField(required=False)

    def __init__(self, form: LeadForm, language: str, words: dict[str, str], data: Any = None) -> None:
        super().__init__(data)
        self.lead_form, self.language, self.words = form, language, words
        self.business = form.business
        for name in ("first_name", "last_name", "phone", "email", "message"):
            self.fields[name].label = words[name]
        self.agree_words = words["agree"].format(business=self.business.name)
        self.marketing_words = words["marketing"].format(business=self.business.name)
        self.key = new_key()
        self.trapped = False
        self.id = ""
        if data is not None:
            self._read_key(str(data.get("key", "")), str(data.get(TRAP, "")))

    def _read_key(self, key: str, trap: str) -> None:
        try:
            self.id = str(uuid.UUID(_SIGNER.unsign(key, max_age=LATEST)))
            self.key = key
        except SignatureExpired:
            return  # a new key comes with the page, and with it the next press is good
        except (BadSignature, ValueError):
            self.trapped = True
            return
        try:
            _SIGNER.unsign(key, max_age=SOONEST)
            self.trapped = True
        except SignatureExpired:
            self.trapped = bool(trap)

    def _short(self, name: str, most: int) -> str:
        typed = str(self.cleaned_data.get(name) or "").replace("\x00", "")
        if len(typed) > most:
            raise ValidationError(self.words["too_long"].format(most=most))
        return typed.strip()

    def clean_first_name(self) -> str:
        if not (typed := " ".join(self._short("first_name", 60).split())):
            raise ValidationError(self.words["no_name"])
        return typed

    def clean_last_name(self) -> str:
        return " ".join(self._short("last_name", 60).split())

    def clean_message(self) -> str:
        return self._short("message", LONGEST_MESSAGE)

    def clean_phone(self) -> str:
        if not (typed := self._short("phone", 60)):
            return ""
        try:
            return numbers.parse(typed, "CA" if self.business.country == "CA" else "US")
        except numbers.BadNumber:
            raise ValidationError(self.words["bad_phone"]) from None

    def clean_email(self) -> str:
        typed = self._short("email", 254)
        try:
            if typed:
                validate_email(typed)
        except ValidationError:
            raise ValidationError(self.words["bad_email"]) from None
        return typed

    def clean(self) -> dict[str, Any]:
        kept = self.cleaned_data
        if not self.errors and not kept["phone"] and not kept["email"]:
            self.add_error("phone", self.words["no_way"])
        elif (
            (kept.get("agree") or kept.get("marketing"))
            and not kept.get("phone")
            and not self.has_error("phone")
        ):
            self.add_error("phone", self.words["agree_needs_phone"])
        if not self.id and not self.trapped:
            self.add_error(None, self.words["too_old"])
        return kept

    @property
    def written(self) -> Written:
        """What is kept of a valid form: with the words that stood beside the boxes that were ticked."""
        kept = self.cleaned_data
        return Written(
            first_name=kept["first_name"],
            last_name=kept["last_name"],
            phone=kept["phone"],
            email=kept["email"],
            message=kept["message"],
            language=self.language,
            agreed_words=self.agree_words if kept["agree"] else "",
            marketing_words=self.marketing_words
            if kept["marketing"] and self.lead_form.asks_marketing
            else "",
        )


class LeadFormSettings(forms.ModelForm):
    """Its address, and what it says beside Parley's own words."""

    class Meta:
        model = LeadForm
        fields = ("on", "slug", "title", "intro", "asks_marketing")
        labels = {
            "on": "The form is open",
            "slug": "Address",
            "title": "Heading",
            "intro": "Introduction",
            "asks_marketing": "Ask whether you may text offers, too",
        }
        help_texts = {
            "on": "",
            "slug": "",
            "title": "Empty: “Get in touch”, in the language of your clients.",
            "intro": "A sentence or two above the form.",
            "asks_marketing": "A box of its own, never ticked beforehand.",
        }
        error_messages = {
            "slug": {
                "required": "Enter an address, like juniper-hair.",
                "invalid": "Use letters, digits and hyphens only, like juniper-hair.",
                "max_length": "That is too long. The most is 60 characters.",
            }
        }
        widgets = {"intro": forms.Textarea({"rows": 2})}

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if LeadForm.objects.filter(slug__iexact=slug).exclude(business=self.instance.business).exists():
            raise ValidationError("Another business has this address. Choose another one.")
        return slug


def suggested(business: Business) -> str:
    """An address for the form that nobody has."""
    base = slugify(business.name)[:50] or "form"
    taken = set(LeadForm.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(slug for slug in (base, *(f"{base}-{n}" for n in range(2, 1000))) if slug not in taken)


def language_of(business: Business, asked: str) -> str:
    """The language that a visitor asked for, else the business's."""
    return asked if asked in Language.values else business.language or Language.EN
