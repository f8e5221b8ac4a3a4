"""Parley: two-way business texting that a company can run itself."""

__version__ = "0.1.0"
