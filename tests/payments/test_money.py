"""Money as people type it and read it."""

from __future__ import annotations

import pytest

from parley.payments.money import BadSum, cents, typed, written

READ = [
    ("40", 4000),
    ("$40", 4000),
    (" 40.5 ", 4050),
    ("40,5", 4050),
    ("$1,250.50", 125050),
    ("1250,50", 125050),
    ("1 250,50 $", 125050),
    ("1\u202f250,50\u00a0$", 125050),
    ("1.250,50", 125050),
    ("1,250", 125000),
    ("1,250,000.00", None),
    ("1,000,000.00", 100_000_000),
    ("1.000.000,00", 100_000_000),
    ("1,000,000", 100_000_000),
    ("1,000,000.01", None),
    ("CA$40", 4000),
    ("40 CAD", 4000),
    ("USD 40.00", 4000),
    ("US$1,250", 125000),
    (".50", 50),
    ("0.01", 1),
    ("5.", 500),
    ("007", 700),
    # What can be read in two ways, or in none, is asked for anew.
    ("1.250", None),
    ("12,50,00", None),
    ("1,25.000", None),
    ("1.2.3", None),
    ("1,2345", None),
    ("10.999", None),
    ("0", None),
    ("0.00", None),
    ("-5", None),
    ("−5", None),
    ("", None),
    ("$", None),
    (".", None),
    ("forty", None),
    ("4e3", None),
    ("４０", None),
    ("40 50 EUR", None),
    ("9" * 400, None),
]


def test_what_people_type() -> None:
    for said, meant in READ:
        if meant is None:
            with pytest.raises(BadSum) as bad:
                cents(said)
            assert bad.value.words.endswith("."), said
        else:
            assert cents(said) == meant, said


def test_what_is_written_is_read_as_the_same() -> None:
    for amount in (1, 99, 100, 4000, 125050, 99_999_999, 100_000_000):
        assert cents(typed(amount)) == amount
        for country in ("US", "CA"):
            assert cents(written(amount, {"US": "USD", "CA": "CAD"}[country], country)) == amount
        assert cents(written(amount, "CAD", "CA", "fr_CA")) == amount


def test_the_currency_of_another_country_is_named() -> None:
    assert written(4000, "USD", "US") == "$40.00"
    assert written(4000, "CAD", "CA") == "$40.00"
    assert written(4000, "CAD", "US") == "CA$40.00"
    assert written(125050, "CAD", "CA", "fr_CA") == "1\u00a0250,50\u00a0$"
