"""The languages that Parley has words in for clients: see `businesses.languages`."""

from parley.businesses.languages import LOCALES, Language, known

__all__ = ["LOCALES", "Language", "known"]
