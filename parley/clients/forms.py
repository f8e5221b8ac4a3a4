"""What a person may type about a client, and what is said when it cannot be kept."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.html import format_html

from parley.businesses.models import Business
from parley.clients.languages import Language
from parley.clients.models import Client
from parley.live.nudges import nudge
from parley.sms.addresses import COUNTRIES, REGIONS, ZONES, postal_code, region_name, zone_name
from parley.sms.numbers import BadNumber, Country, parse, pretty

MOST_TAGS = 20
LONGEST_TAG = 40
LONGEST_NOTE = 2000


def one_line(text: str) -> str:
    """Without the line breaks and doubled spaces that pasting brings along."""
    return " ".join(text.split())


def clean_tag(typed: str) -> str:
    """One tag as it is kept. Raises ValidationError."""
    tag = one_line(typed)
    if len(tag) > LONGEST_TAG:
        raise ValidationError(
            f"“{tag[:LONGEST_TAG]}…” is too long for a tag. The most is {LONGEST_TAG} characters."
        )
    return tag


def add_tag(tags: list[str], tag: str) -> list[str]:
    """The tags with one more; one that differs only in its letter case is the same. Raises ValidationError."""
    if not tag or tag.casefold() in {known.casefold() for known in tags}:
        return tags
    if len(tags) >= MOST_TAGS:
        raise ValidationError(f"That is more than {MOST_TAGS} tags. Remove one first.")
    return [*tags, tag]


Choices = list[tuple[str, str | list[tuple[str, str]]]]


def region_choices(country: str) -> Choices:
    """States and provinces, the business's own country first."""
    home_first = sorted(REGIONS, key=lambda code: code != country)
    return [("", "Not known"), *((COUNTRIES[code], list(REGIONS[code].items())) for code in home_first)]


def zone_choices(business: Business, kept: str = "") -> Choices:
    """The business's own zone, then those of the US and Canada; and the one that is `kept` already, wherever it is."""
    home = business.time_zone
    known = {zone for zones in ZONES.values() for zone in zones}
    first = [("", "Not known"), (home, f"Same as yours: {zone_name(home)}")]
    if kept and kept not in known and kept != home:
        first.append((kept, zone_name(kept)))
    groups = sorted(ZONES, key=lambda code: code != business.country)
    return [
        *first,
        *(
            (COUNTRIES[code], [(zone, name) for zone, name in ZONES[code].items() if zone != home])
            for code in groups
        ),
    ]


def tell_open_pages(client: Client) -> None:
    """A client's name and tags are shown beside their conversation, on pages that others have open."""
    try:
        nudge(client.business_id, [client.conversation.pk])
    except ObjectDoesNotExist:
        pass


class ClientForm(forms.Form):
    """Add or edit a client of one business. `save()` may still find the number taken: it returns None then."""

    first_name = forms.CharField(
        label="First name",
        max_length=60,
        required=False,
        error_messages={"max_length": "A first name has at most 60 characters."},
    )
    last_name = forms.CharField(
        label="Last name",
        max_length=60,
        required=False,
        error_messages={"max_length": "A last name has at most 60 characters."},
    )
    phone = forms.CharField(
        label="Mobile", required=False, widget=forms.TextInput({"type": "tel", "inputmode": "tel"})
    )
    email = forms.CharField(
        label="Email",
        required=False,
        widget=forms.TextInput(
            {"type": "email", "inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    status = forms.ChoiceField(
        label="Status",
        choices=Client.Status.choices,
        required=False,
        error_messages={"invalid_choice": "Choose a status from the list."},
    )
    region = forms.ChoiceField(
        label="State or province",
        required=False,
        error_messages={"invalid_choice": "Choose a state or province from the list."},
    )
    postal_code = forms.CharField(label="ZIP or postal code", required=False)
    time_zone = forms.ChoiceField(
        label="Time zone",
        required=False,
        help_text="Where they live decides when marketing may reach them.",
        error_messages={"invalid_choice": "Choose a time zone from the list."},
    )
    language = forms.ChoiceField(
        label="Language",
        required=False,
        help_text="Of what Parley sends by itself.",
        error_messages={"invalid_choice": "Choose a language from the list."},
    )
    tags = forms.CharField(
        label="Tags", required=False, help_text="Put commas between them: Balayage, New mom"
    )
    good_to_know = forms.CharField(
        label="Good to know",
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text="For your team only. Clients never see it.",
    )

    def __init__(self, business: Business, data: Any = None, *, client: Client | None = None) -> None:
        self.business = business
        self.client = client
        initial = {"status": str(Client.Status.CLIENT)}
        if client:
            initial = {
                "first_name": client.first_name,
                "last_name": client.last_name,
                "phone": client.pretty_phone,
                "email": client.email,
                "status": client.status,
                "region": client.region,
                "postal_code": client.postal_code,
                "time_zone": client.time_zone,
                "language": client.language,
                "tags": ", ".join(client.tags),
                "good_to_know": client.good_to_know,
            }
        super().__init__(data, initial=initial)
        # A fresh list each time: a zone that somebody else's client is kept in is no choice here.
        self.fields["region"].choices = region_choices(business.country)  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = zone_choices(  # type: ignore[attr-defined]
            business, client.time_zone if client else ""
        )
        usual = Language(business.language or Language.EN).label
        self.fields["language"].choices = [  # type: ignore[attr-defined]
            ("", f"Same as all: {usual}"),
            *Language.choices,
        ]
        for field in self.fields.values():
            # The browser would offer the member's own name and number.
            field.widget.attrs["autocomplete"] = "off"

    def clean_first_name(self) -> str:
        return one_line(self.cleaned_data["first_name"])

    def clean_last_name(self) -> str:
        return one_line(self.cleaned_data["last_name"])

    def clean_phone(self) -> str:
        typed = self.cleaned_data["phone"]
        if self.client and typed == self.client.pretty_phone:
            # A number that texted in may be one that could not be typed in.
            return self.client.phone
        try:
            phone = parse(typed, cast(Country, self.business.country)) if typed else ""
        except BadNumber as bad:
            raise ValidationError(bad.words) from None
        if self.client and self.client.texting == Client.Texting.STOPPED and phone != self.client.phone:
            # The refusal belongs to the number (47 CFR 64.1200(a)(10)); a card without it would forget the refusal.
            raise ValidationError(
                f"{self.client.pretty_phone} asked you to stop texting, so it stays on this card. "
                "Add a client for the new number."
            )
        if phone and (other := self._who_has(phone)):
            raise self._taken(other)
        return phone

    def clean_email(self) -> str:
        email = self.cleaned_data["email"]
        if email:
            try:
                validate_email(email)
            except ValidationError:
                raise ValidationError(
                    "That isn’t a whole email address. One looks like maya@example.com."
                ) from None
            if len(email) > 254:
                raise ValidationError("That email address is too long to exist. The most is 254 characters.")
        return email

    def clean_status(self) -> str:
        """One that was not asked for stays."""
        kept = self.client.status if self.client else Client.Status.CLIENT
        return str(self.cleaned_data["status"] or kept)

    def clean_postal_code(self) -> str:
        typed = self.cleaned_data["postal_code"]
        if not typed:
            return ""
        if found := postal_code(typed):
            return found[0]
        if self.business.country == "CA":
            raise ValidationError(
                "That isn’t a whole postal code. One looks like V5K 0A1; a US ZIP code like 97201."
            )
        raise ValidationError(
            "That isn’t a whole ZIP code. One looks like 97201 or 97201-1234; a Canadian one like V5K 0A1."
        )

    def clean_tags(self) -> list[str]:
        tags: list[str] = []
        for typed in self.cleaned_data["tags"].split(","):
            tags = add_tag(tags, clean_tag(typed))
        return tags

    def clean_good_to_know(self) -> str:
        note = self.cleaned_data["good_to_know"].replace("\r\n", "\n")
        if len(note) > LONGEST_NOTE:
            raise ValidationError(f"This has {len(note):,} characters. The most is {LONGEST_NOTE:,}.")
        return note

    def clean(self) -> dict[str, Any]:
        kept = super().clean() or self.cleaned_data
        if not self.errors and not kept["phone"] and not kept["email"]:
            self.add_error("phone", "Add a mobile number or an email, so that you can reach them.")
        region, found = kept.get("region"), postal_code(kept.get("postal_code") or "")
        if region and found and region not in REGIONS[found[1]]:
            code = "a US ZIP code" if found[1] == "US" else "a Canadian postal code"
            self.add_error("postal_code", f"That is {code}, and {region_name(region)} is not there.")
        return kept

    def save(self) -> Client | None:
        """Write what was changed. None if somebody else took the number meanwhile: the form says so then."""
        client = self.client or Client(business=self.business)
        changed = [name for name, value in self.cleaned_data.items() if getattr(client, name) != value]
        if self.client and "phone" in changed and client.texting == Client.Texting.CANNOT:
            # It was the old number that could not get texts.
            client.texting, client.texting_changed_at = Client.Texting.OK, None
            changed += ["texting", "texting_changed_at"]
        for name, value in self.cleaned_data.items():
            setattr(client, name, value)
        try:
            with transaction.atomic():
                if self.client is None:
                    client.save(force_insert=True)
                elif changed:
                    client.save(update_fields=changed)
                    tell_open_pages(client)
        except IntegrityError:
            other = self._who_has(client.phone)
            if other is None:
                raise
            self.add_error("phone", self._taken(other))
            return None
        return client

    def _who_has(self, phone: str) -> Client | None:
        others = self.business.clients.filter(phone=phone)
        return (others.exclude(pk=self.client.pk) if self.client else others).first()

    @staticmethod
    def _taken(other: Client) -> ValidationError:
        whose = f"{other.name}’s number" if other.named else f"{pretty(other.phone)}, a client without a name"
        card = reverse("client", args=[other.pk])
        return ValidationError(format_html('This is {}. <a href="{}">Open their card</a>', whose, card))
