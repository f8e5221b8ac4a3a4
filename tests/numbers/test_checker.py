"""The checker: what cannot be sent, and what carriers are known to send back, each with how to mend it."""

from __future__ import annotations

from typing import Any

import pytest

from parley.businesses.models import Business
from parley.numbers import known_refusals as known
from parley.numbers.checker import contact_phone, findings, postal_code, registration_number
from parley.numbers.models import Registration
from parley.sms.addresses import REGIONS
from parley.sms.numbers import BadNumber
from tests.numbers.carrier import ANSWERS, filled

CANADIAN: dict[str, Any] = {
    "legal_name": "Physiothérapie Alder Ltée",
    "trade_name": "Alder Physio",
    "business_type": "corporation",
    "registration_number": "123456782",
    "website": "https://alder.example/fr",
    "region": "QC",
    "city": "Montréal",
    "postal_code": "H2X 1Y4",
    "contact_email": "sam@alder.example",
    "contact_phone": "+1 416 555 0118",
    "sample": "Alder Physio : rendez-vous jeudi à 14 h 30. Répondez ARRET pour arrêter les textos.",
}


def said(country: str = "US", **changes: Any) -> list[tuple[str, bool]]:
    answers = (CANADIAN if country == "CA" else {}) | changes
    registration = filled(Business(name="Juniper", country=country), **answers)
    found = findings(registration)
    assert all(finding.words and (finding.must or finding.mend) for finding in found)
    return [(finding.field, finding.must) for finding in found]


def test_nothing_stands_against_these() -> None:
    assert said() == []
    assert said("CA") == []
    assert (
        said(
            business_type="sole",
            legal_name="Nora Kim",
            registration_number="",
            trade_name="Juniper Hair Studio",
        )
        == []
    )
    assert (
        said(
            business_type="government", legal_name="City of Portland", sample="City of Portland: STOP to stop"
        )
        == []
    )
    assert said(opt_in="paper", opt_in_picture=b"x") == [("opt_in_picture", False)]
    assert (
        said(website="https://www.juniperhair.example/salon?a=1", contact_email="n@mail.juniperhair.example")
        == []
    )


def test_an_empty_one_lacks_everything() -> None:
    found = findings(Registration(business=Business(name="Juniper", country="US")))
    assert {finding.field for finding in found if finding.must} == set(ANSWERS)
    assert all(finding.must for finding in found)


@pytest.mark.parametrize("country", ["GB", "MX", ""])
def test_elsewhere_nobody_verifies(country: str) -> None:
    assert said(country) == [("", True)]


MUST = [
    ("US", {"legal_name": "  "}, "legal_name"),
    ("US", {"business_type": "guild"}, "business_type"),
    ("US", {"registration_number": ""}, "registration_number"),
    ("US", {"registration_number": "84-319000"}, "registration_number"),
    ("US", {"registration_number": "84-31900000"}, "registration_number"),
    ("US", {"registration_number": "843-19-0000"}, "registration_number"),
    ("US", {"registration_number": "E84319000"}, "registration_number"),
    (
        "US",
        {"business_type": "sole", "legal_name": "Nora Kim", "registration_number": "12"},
        "registration_number",
    ),
    ("CA", {"registration_number": "123456789"}, "registration_number"),
    ("CA", {"registration_number": "12345678"}, "registration_number"),
    ("CA", {"registration_number": "123456782RT1"}, "registration_number"),
    ("US", {"website": "juniperhair"}, "website"),
    ("US", {"website": "juniperhair.example"}, "website"),
    ("US", {"website": "http://juniperhair.example"}, "website"),
    ("US", {"website": "https://localhost/x"}, "website"),
    ("US", {"website": "https://127.0.0.1"}, "website"),
    ("US", {"website": "https://a b.example"}, "website"),
    ("US", {"website": "https://nora@juniperhair.example"}, "website"),
    ("US", {"website": "https://[::1]:99999/"}, "website"),
    ("US", {"street": ""}, "street"),
    ("US", {"city": ""}, "city"),
    ("US", {"region": "ON"}, "region"),
    ("CA", {"region": "OR"}, "region"),
    ("US", {"postal_code": "9721"}, "postal_code"),
    ("US", {"postal_code": "K1A 0B1"}, "postal_code"),
    ("CA", {"postal_code": "97214"}, "postal_code"),
    ("CA", {"postal_code": "D1A 0B1"}, "postal_code"),
    ("US", {"contact_first_name": ""}, "contact_first_name"),
    ("US", {"contact_last_name": ""}, "contact_last_name"),
    ("US", {"contact_role": ""}, "contact_role"),
    ("US", {"contact_email": "nora"}, "contact_email"),
    ("US", {"contact_phone": ""}, "contact_phone"),
    ("US", {"contact_phone": "555-0190"}, "contact_phone"),
    ("US", {"contact_phone": "+44 20 7946 0000"}, "contact_phone"),
    ("US", {"uses": []}, "uses"),
    ("US", {"uses": ["lottery"]}, "uses"),
    ("US", {"volume": None}, "volume"),
    ("US", {"volume": 7}, "volume"),
    ("US", {"sample": " "}, "sample"),
    ("US", {"opt_in": ""}, "opt_in"),
    ("US", {"agreed": False}, "agreed"),
]


@pytest.mark.parametrize(("country", "changes", "field"), MUST)
def test_what_cannot_be_sent(country: str, changes: dict[str, Any], field: str) -> None:
    assert (field, True) in said(country, **changes)
    assert [f for f in said(country, **changes) if f[1]] == [(field, True)]


ADVICE = [
    ("US", {"legal_name": "Juniper Hair Studio"}, "legal_name"),
    ("US", {"business_type": "corporation", "legal_name": "Juniper Hair Studio"}, "legal_name"),
    ("US", {"business_type": "public", "legal_name": "Juniper Hair"}, "legal_name"),
    ("US", {"business_type": "corporation"}, "business_type"),
    ("US", {"legal_name": "Juniper Hair Studio, Inc."}, "business_type"),
    ("US", {"business_type": "sole"}, "legal_name"),
    ("CA", {"legal_name": "Alder Physio"}, "legal_name"),
    ("CA", {"business_type": "llc"}, "business_type"),
    ("US", {"registration_number": "07-3190000"}, "registration_number"),
    ("US", {"website": "https://www.facebook.com/juniper"}, "website"),
    ("US", {"website": "https://linktr.ee/juniper"}, "website"),
    ("US", {"website": "https://m.instagram.com/juniper"}, "website"),
    ("US", {"street": "PO Box 12"}, "street"),
    ("US", {"street": "P.O. Box 12"}, "street"),
    ("CA", {"postal_code": "V6B 1A1"}, "postal_code"),
    ("US", {"contact_email": "nora@gmail.com"}, "contact_email"),
    ("US", {"contact_email": "nora@another.example"}, "contact_email"),
    ("US", {"contact_phone": "(855) 555-0142"}, "contact_phone"),
    ("US", {"sample": "Your visit is at 2. Reply STOP to stop."}, "sample"),
    ("US", {"sample": "Juniper Hair Studio: your visit is at 2."}, "sample"),
    ("US", {"sample": "Juniper Hair Studio: see https://bit.ly/x. Reply STOP to stop."}, "sample"),
    ("US", {"opt_in": "paper"}, "opt_in_picture"),
    ("US", {"opt_in": "via_text"}, "opt_in_picture"),
]


@pytest.mark.parametrize(("country", "changes", "field"), ADVICE)
def test_what_carriers_are_known_to_refuse(country: str, changes: dict[str, Any], field: str) -> None:
    assert said(country, **changes) == [(field, False)]


@pytest.mark.parametrize(
    "name",
    ["Juniper L.L.C.", "Juniper, LLC", "Juniper llc.", "Juniper Limited Liability Company", "Juniper PLLC"],
)
def test_legal_endings_in_every_writing(name: str) -> None:
    assert said(legal_name=name, sample="Juniper: hi. STOP to stop.") == []


def test_an_ending_alone_is_no_name() -> None:
    assert ("legal_name", False) in said(legal_name="LLC")


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("843190000", "US", "84-3190000"),
        (" 84 319 0000 ", "US", "84-3190000"),
        ("84–3190000", "US", "84-3190000"),
        ("٨٤٣١٩٠٠٠٠", "US", None),
        ("12345 6782 rt0001", "CA", "123456782"),
        ("123456782RC0002", "CA", "123456782"),
        ("123456783", "CA", None),
    ],
)
def test_registration_numbers(text: str, country: str, number: str | None) -> None:
    assert registration_number(text, country) == number


def test_codes_and_phones() -> None:
    assert postal_code("k1a0b1", "CA") == "K1A 0B1"
    assert postal_code("97214-0001", "US") == "97214-0001"
    assert contact_phone("1-855-555-0142", "US") == "+18555550142"
    with pytest.raises(BadNumber):
        contact_phone("855-055-0142", "US")


def test_the_tables_are_whole() -> None:
    assert (len(REGIONS["US"]), len(REGIONS["CA"])) == (56, 13)
    assert {region for regions in known.POSTAL_LETTERS.values() for region in regions} == set(REGIONS["CA"])
    assert "84" in known.EIN_PREFIXES
    assert not {"00", "07", "89"} & known.EIN_PREFIXES
