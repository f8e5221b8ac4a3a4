"""The forms of the app's pages."""

from __future__ import annotations

from typing import Any

from django import forms

from parley.businesses.forms import OpeningHours
from parley.businesses.models import Business, Member
from parley.calls import speech, texting_back, words
from parley.calls.models import Answerer, CallRules
from parley.clients.languages import language_of
from parley.numbers.models import PhoneNumber
from parley.sms.numbers import BadNumber, is_emergency, parse

LEAST_SECONDS, MOST_SECONDS = 5, 60
MOST_HOURS = 24 * 14
LEAST_DAYS, MOST_DAYS = 1, 3650


class RulesForm(forms.ModelForm):
    """How calls are dealt with."""

    class Meta:
        model = CallRules
        fields = (
            "ring",
            "ring_seconds",
            "greeting",
            "voicemail_words",
            "texts_back",
            "text_back",
            "text_back_hours",
            "transcribes",
        )

    def __init__(self, business: Business, rules: CallRules, data: Any = None) -> None:
        super().__init__(data, instance=rules)
        language = language_of(business)
        self.usual_voicemail = words.voicemail(business, "", language).words
        self.usual_text = words.TEXT_BACK[language]
        self._whole("ring_seconds", "seconds", LEAST_SECONDS, MOST_SECONDS)
        self._whole("text_back_hours", "hours", 1, MOST_HOURS)
        for name in ("greeting", "voicemail_words", "text_back"):
            self.fields[name].error_messages |= {
                "max_length": "That is too long. Write at most %(limit_value)d characters."
            }
            self.fields[name].required = False
        for name in ("greeting", "voicemail_words"):
            self.fields[name].widget = forms.Textarea({"rows": 2})
        self.fields["greeting"].label = "Greeting"
        self.fields[
            "greeting"
        ].help_text = "What callers hear before your phones ring. Empty: they ring at once."
        self.fields["voicemail_words"].label = "Before the beep"
        self.fields["voicemail_words"].help_text = "Empty: the usual words, in the language of the caller."
        self.fields["voicemail_words"].widget.attrs["placeholder"] = self.usual_voicemail
        self.fields["text_back"].widget = forms.Textarea({"rows": 3, "aria-label": "The text they get"})
        self.initial["text_back"] = rules.text_back or self.usual_text
        if not speech.is_on():
            del self.fields["transcribes"]

    def clean_text_back(self) -> str:
        source = str(self.cleaned_data["text_back"]).strip()
        if wrong := texting_back.problems(source):
            raise forms.ValidationError(wrong)
        # The usual words stay the usual ones, and in each client's language.
        return "" if source == self.usual_text else source

    def _whole(self, name: str, unit: str, least: int, most: int) -> None:
        said = f"Choose from {least} to {most:,} {unit}."
        field = forms.IntegerField(
            min_value=least,
            max_value=most,
            error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), said),
        )
        field.widget.attrs |= {"inputmode": "numeric"}
        self.fields[name] = field


class KeepForm(forms.ModelForm):
    """How long voicemails are kept."""

    keep_days = forms.IntegerField(
        min_value=LEAST_DAYS,
        max_value=MOST_DAYS,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"),
            f"Choose from {LEAST_DAYS} to {MOST_DAYS:,} days.",
        ),
    )

    class Meta:
        model = CallRules
        fields = ("keep_days",)


class AnswerHours(OpeningHours):
    """When one member's phone may ring: the same week as opening hours are; none at all is always."""

    HALF = "Enter both, when it may ring and until when; or neither."
    BACKWARDS = "End later than you begin. Midnight is 12:00 AM."

    def __init__(self, answerer: Answerer, zone: str, data: Any = None) -> None:
        super().__init__(Business(hours=answerer.hours, time_zone=zone), data)
        self.answerer = answerer

    def save(self) -> None:
        """Write them down."""
        self.answerer.hours = self.hours
        self.answerer.save(update_fields=["hours"])


def phone_of(member: Member, text: str) -> str:
    """The phone that a member wrote as theirs, in E.164; empty for none. Raises BadNumber with words for people."""
    if not text.strip():
        return ""
    number = parse(text, "CA" if member.business.country == "CA" else "US")
    if is_emergency(number):
        raise BadNumber("That is an emergency number.")
    if PhoneNumber.objects.filter(number=number, released_at=None).exists():
        # It would call itself.
        raise BadNumber("That is a number that calls come in on. Enter the phone that you carry.")
    return number
