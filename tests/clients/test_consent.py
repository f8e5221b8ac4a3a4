"""The ledger under the screens: what a member may undo, and what a card knows of its number from the start."""

from __future__ import annotations

from typing import Any

import pytest

from parley.clients import consent
from parley.clients.consent import Category, How, Says
from parley.clients.forms import ClientForm, zone_choices
from parley.clients.models import Client
from parley.sms.addresses import postal_code, region_name, zone_name
from tests.people import House

MAYA = "+15035550118"
TEAM = {"how": How.IN_PERSON, "says": Says.REFUSED}
CLIENT = {"how": How.TEXT, "says": Says.REFUSED}
START = {"how": How.TEXT, "says": Says.AGREED}
FORM = {"how": How.WEB_FORM, "says": Says.AGREED}
ALL, SERVICE, MARKETING = Category.ALL, Category.SERVICE, Category.MARKETING


# What is in the ledger, in order; what a member wants to record as agreed; whether they may (field.md 4.1, rule 4).
MAY_BE_UNDONE: list[tuple[list[tuple[Category, dict[str, Any]]], Category, bool]] = [
    ([], ALL, True),
    ([(ALL, TEAM)], ALL, True),
    ([(ALL, CLIENT)], ALL, False),
    ([(ALL, CLIENT)], SERVICE, False),
    ([(ALL, CLIENT)], MARKETING, False),
    ([(ALL, {"how": How.CARRIER, "says": Says.REFUSED})], SERVICE, False),
    ([(ALL, {"how": How.UNANSWERED, "says": Says.REFUSED})], SERVICE, False),
    # An opt-out that a member adds does not make the client's own a member's to undo.
    ([(ALL, CLIENT), (ALL, TEAM)], SERVICE, False),
    ([(MARKETING, CLIENT), (ALL, TEAM)], SERVICE, True),
    ([(MARKETING, CLIENT), (ALL, TEAM)], MARKETING, False),
    ([(MARKETING, CLIENT), (ALL, TEAM)], ALL, False),
    # What the client took back themselves is over.
    ([(ALL, CLIENT), (SERVICE, START), (ALL, TEAM)], SERVICE, True),
    ([(ALL, CLIENT), (SERVICE, START)], MARKETING, True),
    ([(ALL, CLIENT), (ALL, START), (MARKETING, TEAM)], MARKETING, True),
    ([(SERVICE, CLIENT), (MARKETING, START)], SERVICE, False),
    ([(MARKETING, FORM), (ALL, TEAM)], ALL, True),
]


def test_only_the_client_undoes_what_the_client_said(juniper: House) -> None:
    for n, (lines, wanted, may) in enumerate(MAY_BE_UNDONE):
        phone = f"+1503555{n:04}"
        for category, line in lines:
            consent.record(juniper.business, phone, category=category, **line)
        assert consent.may_be_undone(juniper.business, phone, wanted) is may, (lines, wanted)
        if not may:
            with pytest.raises(consent.OnlyTheClient):
                consent.record(juniper.business, phone, category=wanted, says=Says.AGREED, how=How.MEMBER)
            assert juniper.business.consents.filter(phone=phone).count() == len(lines)


def texting(client: Client) -> str:
    client.refresh_from_db()
    return client.texting


def test_a_refusal_holds_for_the_number_s_next_card_and_for_one_business_only(
    juniper: House, alder: House
) -> None:
    consent.record(juniper.business, MAYA, category=ALL, says=Says.REFUSED, how=How.TEXT, words="STOP")
    assert texting(juniper.client()) == "stopped"
    assert texting(alder.client()) == "ok"
    juniper.business.clients.get().delete()
    bound = ClientForm(juniper.business, {"first_name": "May", "phone": MAYA})
    assert bound.is_valid()
    again = bound.save()
    assert again
    assert texting(again) == "stopped"
    # And for a card whose number becomes that one.
    again.delete()
    other = juniper.client("Ana", "Lima", "+15035550190", texting="cannot")
    bound = ClientForm(juniper.business, {"phone": MAYA}, client=other)
    assert bound.is_valid()
    bound.save()
    assert texting(other) == "stopped"
    # From then on the refusal keeps the number on this card.
    bound = ClientForm(juniper.business, {"phone": "503 555 0190"}, client=other)
    assert not bound.is_valid()
    assert "asked you to stop texting" in str(bound.errors)


def test_marketing_refused_alone_leaves_texts_welcome(juniper: House) -> None:
    maya = juniper.client()
    consent.record(juniper.business, MAYA, category=MARKETING, says=Says.REFUSED, how=How.TEXT)
    assert texting(maya) == "ok"


POSTAL = [
    ("97201", ("97201", "US")),
    (" 97201-1234 ", ("97201-1234", "US")),
    ("972011234", ("97201-1234", "US")),
    ("97201 1234", ("97201-1234", "US")),
    ("v5k0a1", ("V5K 0A1", "CA")),
    ("V5K-0A1", ("V5K 0A1", "CA")),
    ("9720", None),
    ("97201-12", None),
    ("٩٧٢٠١", None),
    ("D1A 1A1", None),
    ("V5K 0O1", None),
    ("W1A 1A1", None),
    ("SW1A 1AA", None),
    ("", None),
]


def test_postal_codes() -> None:
    for typed, found in POSTAL:
        assert postal_code(typed) == found, typed
    assert (region_name("OR"), region_name("ON"), region_name("XX")) == ("Oregon", "Ontario", "")
    assert zone_name("America/Los_Angeles") == "Pacific (Los Angeles)"
    assert zone_name("Europe/Isle_of_Man") == "Isle of Man"


WRONG_HOMES = [
    ({"postal_code": "1234"}, "postal_code", "isn’t a whole ZIP code"),
    ({"postal_code": "V5K 0A1", "region": "OR"}, "postal_code", "a Canadian postal code, and Oregon"),
    ({"postal_code": "97201", "region": "ON"}, "postal_code", "a US ZIP code, and Ontario"),
    ({"region": "ZZ"}, "region", "from the list"),
    ({"time_zone": "Europe/Paris"}, "time_zone", "from the list"),
]


def test_where_a_client_lives(juniper: House, alder: House) -> None:
    for typed, field, words in WRONG_HOMES:
        bound = ClientForm(juniper.business, {"phone": MAYA, **typed})
        assert not bound.is_valid()
        assert words in str(bound.errors[field])
        assert all(bound[name].value() == value for name, value in typed.items())
    bound = ClientForm(alder.business, {"phone": MAYA, "postal_code": "V5K"})
    assert "isn’t a whole postal code" in str(bound.errors["postal_code"])
    home = {"region": "BC", "postal_code": "v5k 0a1", "time_zone": "America/Vancouver"}
    bound = ClientForm(juniper.business, {"phone": MAYA, **home})
    assert bound.is_valid(), bound.errors
    maya = bound.save()
    assert maya
    maya.refresh_from_db()
    assert (maya.region, maya.postal_code, maya.time_zone) == ("BC", "V5K 0A1", "America/Vancouver")
    # A zone that came from elsewhere is kept, and offered to nobody else.
    Client.objects.filter(pk=maya.pk).update(time_zone="Europe/Paris")
    maya.refresh_from_db()
    bound = ClientForm(juniper.business, {"phone": MAYA, "time_zone": "Europe/Paris"}, client=maya)
    assert bound.is_valid(), bound.errors
    offered = [choice for choice in zone_choices(juniper.business) if isinstance(choice[1], str)]
    assert offered == [
        ("", "Not known"),
        ("America/Los_Angeles", "Same as yours: Pacific (Los Angeles)"),
    ]
