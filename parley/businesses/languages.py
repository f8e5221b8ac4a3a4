"""The languages that Parley has words in for clients."""

from __future__ import annotations

from django.db import models


class Language(models.TextChoices):
    EN = "en", "English"
    FR = "fr", "French"
    ES = "es", "Spanish"


# How dates, times and money are written (CLDR): French is Canada's, for that is where our French clients are.
LOCALES = {Language.EN: "en_US", Language.FR: "fr_CA", Language.ES: "es_US"}


def known(told: str) -> str:
    """The language of a tag that another system tells, "fr-CA" or "es"; empty if we have no words in it."""
    short = told.replace("_", "-").split("-")[0].lower()
    return short if short in Language.values else ""
