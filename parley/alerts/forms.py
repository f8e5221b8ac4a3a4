"""The form of one rule: on or off, when, by what, and the words in each language."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from django import forms
from django.forms import BoundField

from parley.alerts import defaults, wording
from parley.alerts.kinds import KINDS, Kind
from parley.alerts.models import Rule
from parley.clients.languages import Language
from parley.sms.segments import line_breaks

LABELS = {Language.EN: "English", Language.FR: "French (Canada)", Language.ES: "Spanish"}
PARTS: tuple[wording.Part, ...] = ("text", "subject", "email")
SHORTEST, LONGEST = timedelta(minutes=10), timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Words:
    """The fields of one language."""

    code: str
    label: str
    text: BoundField
    subject: BoundField | None = None
    email: BoundField | None = None

    @property
    def wrong(self) -> bool:
        return any(field.errors for field in (self.text, self.subject, self.email) if field)


class RuleForm(forms.Form):
    """A rule as one member edits it. `unsaved()` is the rule as it would be, whatever is wrong with it."""

    on = forms.BooleanField(required=False)
    sms = forms.BooleanField(required=False, label="SMS")
    email = forms.BooleanField(required=False, label="Email")
    amount = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=999,
        error_messages={
            "invalid": "Enter a whole number.",
            "min_value": "Enter 1 or more.",
            "max_value": "Enter 999 or less.",
        },
    )
    unit = forms.ChoiceField(required=False, choices=Rule.Unit.choices)
    confirms = forms.BooleanField(required=False)
    stop_line = forms.BooleanField(required=False)
    language = forms.ChoiceField(required=False, choices=Language.choices)

    def __init__(self, rule: Rule, data: Any = None) -> None:
        self.rule = rule
        self.kind: Kind = KINDS[rule.kind]
        self.reads = rule.business.converses
        # Who wrote a text is answered by text.
        self.parts = PARTS[:1] if self.kind.about == "text" else PARTS
        initial: dict[str, Any] = {
            name: getattr(rule, name) for name in ("on", "sms", "email", "unit", "confirms", "stop_line")
        }
        initial["amount"] = rule.amount or None
        initial["language"] = rule.business.language or Language.EN
        super().__init__(data, initial=initial)
        for language in Language.values:
            for part in self.parts:
                said = self._said(part, language)
                self.fields[f"{part}_{language}"] = _words(part, language, said)
        if not self.timed:
            del self.fields["amount"], self.fields["unit"]
        if self.kind.about == "text":
            del self.fields["email"]
        for name in ("amount", "unit"):
            if name in self.fields:
                self.fields[name].widget.attrs["data-default"] = str(initial[name] or "")

    def _said(self, part: wording.Part, language: str) -> str:
        own = self._own(self.rule, part).get(language)
        if part == "email" and own == "":
            return ""
        return own or self.usual(part, language)

    def usual(self, part: wording.Part, language: str) -> str:
        """Parley's own words."""
        return defaults.words(self.rule.kind, part, language, reads=self.reads)

    @staticmethod
    def _own(rule: Rule, part: wording.Part) -> dict[str, str]:
        return cast(
            "dict[str, str]", {"text": rule.texts, "subject": rule.subjects, "email": rule.emails}[part]
        )

    @property
    def timed(self) -> bool:
        return self.kind.timing != "now"

    @property
    def languages(self) -> Iterator[Words]:
        for language, label in LABELS.items():
            yield Words(language, label, *(self[f"{part}_{language}"] for part in self.parts))

    @property
    def shown(self) -> str:
        """The language whose words are in front: where something is wrong, else the chosen one."""
        wrong = next((words.code for words in self.languages if words.wrong), "") if self.is_bound else ""
        chosen = self["language"].value()
        return wrong or (chosen if chosen in Language.values else Language.EN.value)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not given.get("sms") and not given.get("email"):
            only = "Choose SMS, or turn the message off." if self.kind.about == "text" else ""
            self.add_error("sms", only or "Choose SMS, email or both.")
        if self.timed and "amount" not in self.errors:
            self._check_timing(given)
        for language in Language.values:
            for part in self.parts:
                name = f"{part}_{language}"
                for problem in wording.problems(given.get(name, ""), self.kind.code, part):
                    self.add_error(name, problem)
        if given.get("on") and self.kind.about == "text" and not self.rule.business.hours:
            self.add_error("on", "Say first when you are open: Settings, Business, Opening hours.")
        return given

    def _check_timing(self, given: dict[str, Any]) -> None:
        if not given.get("amount"):
            self.add_error("amount", "Enter how long.")
            return
        lead = timedelta(**{given.get("unit") or "hours": given["amount"]})
        if lead < SHORTEST:
            self.add_error("amount", "Enter 10 minutes or more.")
        elif lead > LONGEST:
            self.add_error("amount", "Enter 60 days or less.")

    def unsaved(self) -> Rule:
        """The rule as it is typed, not saved; where a field can't be read, what was there before."""
        self.is_valid()
        rule = Rule(business=self.rule.business, kind=self.rule.kind, service=self.rule.service)
        for name in ("on", "sms", "email", "amount", "unit", "confirms", "stop_line"):
            given = self.cleaned_data.get(name)
            readable = name in self.fields and given not in (None, "")
            setattr(rule, name, given if readable else getattr(self.rule, name))
        if self.kind.about == "text":
            rule.email = False
        for part in self.parts:
            own = self._own(rule, part)
            for language in Language.values:
                typed = line_breaks(str(self.data.get(f"{part}_{language}", ""))).strip()
                if typed != self.usual(part, language) and (typed or part == "email"):
                    own[language] = typed
        return rule

    def save(self, rule: Rule) -> None:
        """Write what was typed into `rule`. Words that are Parley's own are not kept, so that they stay Parley's."""
        typed = self.unsaved()
        for name in ("on", "sms", "email", "amount", "unit", "confirms", "stop_line"):
            setattr(rule, name, getattr(typed, name))
        rule.texts, rule.subjects, rule.emails = typed.texts, typed.subjects, typed.emails
        rule.save()


_CALLED: dict[wording.Part, str] = {"text": "Wording", "subject": "Email subject", "email": "Email"}


def _words(part: wording.Part, language: str, said: str) -> forms.CharField:
    rows = {"text": 4, "subject": 1, "email": 9}[part]
    return forms.CharField(
        required=False,
        initial=said,
        widget=forms.Textarea(
            {
                "class": "wording",
                "aria-label": f"{_CALLED[part]}, {LABELS[Language(language)]}",
                "rows": rows,
                "lang": "fr-CA" if language == "fr" else language,
                "data-default": said,
                "data-wording": part,
                "autocomplete": "off",
            }
        ),
    )
