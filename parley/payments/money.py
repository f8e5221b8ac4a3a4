"""Money: how people type it, and how it is written. Always whole cents of a currency (ISO 4217)."""

from __future__ import annotations

import re

from babel.numbers import format_currency

# More than anybody asks for by text: what is above is a slip of the finger.
MOST = 1_000_000_00
SIGNS = re.compile(
    r"[$€£]|\b(?:USD|CAD|US|CA|C)(?=[\s$\d]|$)|(?<=[\s\d$])(?:USD|CAD|US|CA|C)\b", re.IGNORECASE
)
SPACES = re.compile(r"[\s\u00a0\u202f'’]+")


class BadSum(ValueError):
    """What was typed is no sum. `words` say why, for whoever typed it."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def cents(typed: str) -> int:
    """The cents of "$1,250.50", "1250,50", "1 250,50 $" or "40". Raises BadSum.

    The last of two different marks is the decimal one. A single mark with three digits after it parts thousands if it
    is a comma ("1,250"); after a point that could be either, and is asked for anew.
    """
    plain = SPACES.sub("", SIGNS.sub("", typed))
    if not plain:
        raise BadSum("Enter an amount.")
    if plain.startswith(("-", "−")):
        raise BadSum("Enter an amount above zero.")
    marks = [c for c in plain if c in ".,"]
    if not re.fullmatch(r"[0-9.,]+", plain) or not any(c.isdigit() for c in plain):
        raise BadSum("Enter an amount in digits, like 40 or 1,250.50.")
    whole, decimals = plain, ""
    if marks and (marks.count(marks[-1]) == 1):
        before, _, after = plain.rpartition(marks[-1])
        alone = len(marks) == 1
        if len(after) <= 2:
            whole, decimals = before, after
        elif alone and marks[-1] == "." and len(after) == 3:
            raise BadSum("That can be read in two ways. Write it with cents, like 1,250.00 or 1.25.")
    groups = re.split(r"[.,]", whole)
    if len({c for c in whole if c in ".,"}) > 1 or (
        len(groups) > 1 and (not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:]))
    ):
        raise BadSum("Enter an amount with at most two digits of cents, like 40 or 1,250.50.")
    found = int("".join(groups) or "0") * 100 + int(decimals.ljust(2, "0"))
    if found <= 0:
        raise BadSum("Enter an amount above zero.")
    if found > MOST:
        raise BadSum("The most is 1,000,000.00.")
    return found


def typed(amount: int) -> str:
    """As it stands in a field: 1250.50."""
    return f"{amount // 100}.{amount % 100:02}"


def written(amount: int, currency: str, country: str = "US", locale: str = "") -> str:
    """$1,250.50, as people of that country, or of that locale, write it."""
    return format_currency(amount / 100, currency, locale=locale or ("en_CA" if country == "CA" else "en_US"))
