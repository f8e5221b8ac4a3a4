"""Phone numbers as people write them, and the words they get back."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.sms import places, regions
from parley.sms.numbers import BadNumber, country, is_toll_free, parse, pretty


@pytest.mark.parametrize(
    "written",
    [
        "5035550118",
        "(503) 555-0118",
        "503.555.0118",
        "503 555 0118",
        "1-503-555-0118",
        "+1 503 555 0118",
        "+15035550118",
        "(+1) 503-555-0118",
        "  503–555–0118\t",
        "\u202a+1 (503) 555\u20110118\u202c",
        "５０３５５５０１１８",
        "011 1 503 555 0118",
        "tel:+1-503-555-0118",
    ],
)
def test_written_many_ways(written: str) -> None:
    assert parse(written) == "+15035550118"
    assert parse(written, "CA") == "+15035550118"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "Enter a phone number. A US number has 10 digits, like (503) 555-0118."),
        (" \u200b ", "Enter a phone number. A US number has 10 digits, like (503) 555-0118."),
        ("()", "Enter a phone number. A US number has 10 digits, like (503) 555-0118."),
        ("555-0118", "That number is too short. A US number has 10 digits, like (503) 555-0118."),
        ("+1 503 555", "That number is too short. A US number has 10 digits, like (503) 555-0118."),
        ("503 555 01180", "That is too long for a phone number. A US number has 10 digits"),
        ("503-555-0118, 503-555-0119", "A phone number has digits only."),
        ("5035550118 5035550119", "That is too long for a phone number."),
        (" " * 5000 + "x", "Enter|That|A phone number has digits only."),
        ("5" * 5000, "That is too long for a phone number."),
        ("1-800-FLOWERS", "A phone number has digits only."),
        ("Ana", "A phone number has digits only."),
        ("503-555-0118 ext. 12", "A text cannot go to an extension."),
        ("503-555-0118x12", "A text cannot go to an extension."),
        ("503-555-0118 #12", "A text cannot go to an extension."),
        ("911", "That is an emergency number."),
        ("411", "That is a service number"),
        ("72645", "Parley cannot text short codes."),
        ("503", "That number is too short."),
        (
            "+44 20 7946 0018",
            "That is a number in the United Kingdom. Parley texts numbers in the US and Canada",
        ),
        ("011 52 55 1234 5678", "That is a number in Mexico."),
        (
            "+5035550118",
            "That is a number in El Salvador. Parley texts numbers in the US and Canada only. If",
        ),
        ("+999 5550118", "There is no country with that code."),
        ("(876) 555-0118", "That is a number in Jamaica. Parley texts numbers in the US and Canada only."),
        ("(242) 555-0118", "That is a number in the Bahamas."),
        ("888 555 0118", "That is a toll-free number"),
        ("900 555 0118", "That is a premium-rate number"),
        ("500 555 0006", "That number belongs to no phone that can get texts."),
        ("999 555 0118", "There is no area code 999."),
        ("123 555 0118", "There is no area code 123."),
        ("503 155 0118", "There is no such number: after the area code comes a digit from 2 to 9."),
    ],
)
def test_words_for_what_is_wrong(written: str, words: str) -> None:
    with pytest.raises(BadNumber) as caught:
        parse(written)
    assert any(caught.value.words.startswith(w) or w in caught.value.words for w in words.split("|"))
    assert str(caught.value) == caught.value.words


def test_the_example_is_from_home() -> None:
    with pytest.raises(BadNumber, match=r"A Canadian number has 10 digits, like \(416\) 555-0118\."):
        parse("555-0118", "CA")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+15035550118", "(503) 555-0118"),
        ("+18885550100", "(888) 555-0100"),
        ("+442079460018", "+44 20 7946 0018"),
        ("72645", "72645"),
        ("ACME", "ACME"),
        ("", ""),
    ],
)
def test_pretty(number: str, shown: str) -> None:
    assert pretty(number) == shown


@pytest.mark.parametrize(
    ("number", "where"),
    [
        ("+15035550118", "US"),
        ("+14165550118", "CA"),
        ("+17875550118", "US"),
        ("+13405550118", "US"),
        ("+16845550118", "US"),
        ("+14365550118", "US"),
        ("+18765550118", None),
        ("+18885550100", None),
        ("+19005550100", None),
        ("+442079460018", None),
        ("72645", None),
    ],
)
def test_country(number: str, where: str | None) -> None:
    assert country(number) == where


def test_the_tables_agree_with_libphonenumber() -> None:
    home = {"US", "PR", "VI", "GU", "AS", "MP"}
    for area in map(str, range(200, 1000)):
        number = phonenumbers.PhoneNumber(1, int(f"{area}2345678"))
        region, kind = phonenumbers.region_code_for_number(number), phonenumbers.number_type(number)
        personal = kind == phonenumbers.PhoneNumberType.PERSONAL_NUMBER and region == "US"
        assert (region == "CA") == (area in places.CANADA), area
        assert (region is not None and region not in home | {"CA"}) == (area in places.ELSEWHERE), area
        assert (kind == phonenumbers.PhoneNumberType.TOLL_FREE) == (area in places.TOLL_FREE), area
        assert (kind == phonenumbers.PhoneNumberType.PREMIUM_RATE) == (area in places.PREMIUM), area
        assert personal == (area in places.PERSONAL), area
        assert is_toll_free(f"+1{area}5550100") == (area in places.TOLL_FREE), area


def test_every_calling_code_has_a_name() -> None:
    codes = {c for c, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items() if regions != ("001",)}
    assert set(places.CALLING_CODES) == codes - {1}
    assert all(places.CALLING_CODES.values())


def test_every_area_code_of_the_us_and_canada_is_taken() -> None:
    # libphonenumber knows only a few exchanges of 340 and 684, and some overlays late.
    for area in regions.AREAS:
        assert parse(f"({area}) 555-0118") == f"+1{area}5550118"


@given(st.text(max_size=80) | st.from_regex(r"[+\d\s().\-x#]{0,30}", fullmatch=True))
def test_anything_is_a_number_or_words(text: str) -> None:
    try:
        number = parse(text)
    except BadNumber:
        return
    assert phonenumbers.is_possible_number(phonenumbers.parse(number))
    assert country(number) in ("US", "CA")
    assert parse(pretty(number)) == number
    assert parse(number) == number
