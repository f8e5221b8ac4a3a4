"""The form fields that describe a business: its name, its country, its time zone."""

from __future__ import annotations

import zoneinfo
from collections import defaultdict
from functools import cache
from typing import Any

from django import forms
from django_countries import countries

# The rest of the list are other names for these, and offsets without summer time.
REGIONS = frozenset(
    "Africa America Antarctica Arctic Asia Atlantic Australia Europe Indian Pacific".split()  # noqa: SIM905
)
Group = tuple[str, list[tuple[str, str]]]


@cache
def time_zones() -> list[Group]:
    """Every time zone, by region, as a select shows them: ("America", [("America/New_York", "New York"), …])."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for zone in sorted(zoneinfo.available_timezones()):
        region, _, place = zone.partition("/")
        if region in REGIONS:
            groups[region].append((zone, place.replace("_", " ").replace("/", ", ")))
    return [*groups.items(), ("Everywhere", [("UTC", "UTC")])]


def business_name_field() -> forms.CharField:
    return forms.CharField(
        label="Business name",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": "Enter the name your clients know."},
    )


def country_field(**more: Any) -> forms.ChoiceField:
    """Every country, those with two-way texting first."""
    return forms.ChoiceField(
        label="Country",
        choices=lambda: list(countries),
        initial="US",
        error_messages={"required": "Choose a country.", "invalid_choice": "Choose a country from the list."},
        **more,
    )


def time_zone_field() -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Time zone",
        choices=time_zones,
        initial="America/New_York",
        error_messages={
            "required": "Choose a time zone.",
            "invalid_choice": "Choose a time zone from the list.",
        },
    )
