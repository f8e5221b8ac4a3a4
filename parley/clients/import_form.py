"""What a member says of a file of people before it is imported: its columns, what they agreed to, whom to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from parley.clients.cells import FIELDS, FIRST
from parley.clients.forms import add_tag, clean_tag
from parley.clients.models import Consent, Import

How, Known = Consent.How, Import.Known

LONGEST_WORDS = 1600
NO, YES = "no", "yes"
HOWS = [
    (str(how), str(how.label))
    for how in (How.WEB_FORM, How.ON_PAPER, How.IN_PERSON, How.BY_PHONE, How.BY_EMAIL)
]
KNOWN_WORDS = {
    Known.FILL: "What a card says already stays.",
    Known.LEAVE: "Only new people are added. That they agreed is recorded for all, if you say so below.",
    Known.OVERWRITE: "What the file says counts. An empty cell changes nothing, and tags are only added.",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file beside what it is to become."""

    name: str
    values: list[str]
    field: forms.BoundField


class ImportForm(forms.Form):
    """Of one import. `save()` writes what was said to it; starting is the caller's."""

    known = forms.ChoiceField(
        choices=Known.choices,
        error_messages={"required": "Choose what to do with them.", "invalid_choice": "Choose one."},
    )
    tags = forms.CharField(
        label="Tags for all of them",
        required=False,
        help_text="Put commas between them: Newsletter, From Square",
    )
    agreed = forms.ChoiceField(
        choices=[(NO, "No, or I don’t know"), (YES, "Yes")],
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one."},
    )
    agreed_how = forms.ChoiceField(
        label="How they agreed",
        choices=[("", "Choose"), *HOWS],
        required=False,
        error_messages={"invalid_choice": "Choose how they agreed."},
    )
    agreed_on = forms.DateField(
        label="When they agreed",
        required=False,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        help_text="Each on a day of their own? Then choose a column for “Day they agreed” above.",
        error_messages={"invalid": "That isn’t a day. Write it like 2026-03-31."},
    )
    agreed_words = forms.CharField(
        label="The exact words they agreed to",
        required=False,
        max_length=LONGEST_WORDS,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"max_length": f"The most is {LONGEST_WORDS:,} characters."},
    )
    proof = forms.BooleanField(label="I have proof of each, and can show it", required=False)

    def __init__(self, found: Import, data: Any = None) -> None:
        self.found = found
        initial: dict[str, Any] = {
            "known": found.known,
            "tags": ", ".join(found.tags),
            "agreed": YES if found.agreed else NO,
            "agreed_how": found.agreed_how,
            "agreed_on": found.agreed_on,
            "agreed_words": found.agreed_words,
            "proof": found.proof,
        }
        super().__init__(data, initial=initial)
        for place, name in enumerate(found.columns):
            self.fields[_column(place)] = forms.ChoiceField(
                label=f"What “{name}” is",
                choices=[("", "Don’t import"), *FIELDS.items()],
                required=False,
                initial=found.mapping[place] if place < len(found.mapping) else "",
                error_messages={"invalid_choice": "Choose from the list."},
            )

    @property
    def columns(self) -> Iterator[Column]:
        """The columns with the values of the first rows."""
        for place, name in enumerate(self.found.columns):
            values = [row[place] if place < len(row) else "" for row in self.found.sample]
            yield Column(name, values, self[_column(place)])

    @property
    def known_choices(self) -> list[tuple[str, str, str]]:
        """Value, label, and what it means."""
        return [(str(choice), str(choice.label), words) for choice, words in KNOWN_WORDS.items()]

    def clean_tags(self) -> list[str]:
        tags: list[str] = []
        for typed in self.cleaned_data["tags"].split(","):
            tags = add_tag(tags, clean_tag(typed))
        return tags

    def clean_agreed_on(self) -> Any:
        on = self.cleaned_data["agreed_on"]
        if on and on > timezone.now().astimezone(self.found.business.zone).date():
            raise ValidationError("That day is still to come.")
        if on and on < FIRST:
            raise ValidationError("Nobody agreed to get texts that long ago. Check the year.")
        return on

    def clean(self) -> dict[str, Any]:
        kept = super().clean() or self.cleaned_data
        taken: dict[str, str] = {}
        for place, name in enumerate(self.found.columns):
            if field := kept.get(_column(place)):
                if field in taken:
                    self.add_error(
                        _column(place), f"“{taken[field]}” is {FIELDS[field]} already. Choose one of the two."
                    )
                taken.setdefault(field, name)
        if "phone" not in taken and "email" not in taken:
            self.add_error(
                None, "Say which column is Mobile or Email: without one of them nobody can be reached."
            )
        if kept.get("agreed") == YES:
            self._must_be_consent(kept, taken)
        return kept

    def _must_be_consent(self, kept: dict[str, Any], taken: dict[str, str]) -> None:
        if "phone" not in taken:
            self.add_error("agreed", "Offers by text need a number: say which column is Mobile.")
        missing = {
            "agreed_how": "Choose how they agreed.",
            "agreed_words": "Write the words they agreed to, as they stood on the form or were said.",
            "proof": "Without proof Parley cannot record that they agreed. Choose No above to import them without it.",
        }
        if "agreed_on" not in taken:
            missing["agreed_on"] = "Say when they agreed."
        for name, words in missing.items():
            if not kept.get(name) and name not in self.errors:
                self.add_error(name, words)

    def save(self) -> Import:
        """Write down what was said."""
        kept, found = self.cleaned_data, self.found
        found.mapping = [kept[_column(place)] for place in range(len(found.columns))]
        found.tags, found.known = kept["tags"], kept["known"]
        found.agreed = kept["agreed"] == YES
        found.agreed_how = kept["agreed_how"] if found.agreed else ""
        found.agreed_on = kept["agreed_on"] if found.agreed else None
        found.agreed_words = kept["agreed_words"] if found.agreed else ""
        found.proof = found.agreed
        found.save(
            update_fields=[
                "mapping", "tags", "known", "agreed", "agreed_how", "agreed_on", "agreed_words", "proof",
            ]
        )  # fmt: skip
        return found


def _column(place: int) -> str:
    return f"column_{place}"
