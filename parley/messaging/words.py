"""Texts that Parley itself owes to clients."""

from __future__ import annotations


def opted_out(business: str) -> str:
    """The one text that may follow an opt-out; nothing in it may sell (47 CFR 64.1200(a)(12))."""
    return f"{business}: you won't get any more texts from us. To get them again, text START."


def help_words(business: str, email: str) -> str:
    """Who texts, where to get help, and how to stop (CTIA; field.md 4.2, row 7)."""
    return f"{business}: for help, write to {email}. To stop texts, text STOP."
