"""Adding and editing a client: what is refused, in which words, and what is kept."""

from __future__ import annotations

from typing import Any

import pytest

from parley.clients.forms import ClientForm
from parley.clients.models import Client
from tests.people import House


def form(house: House, typed: dict[str, str], client: Client | None = None) -> ClientForm:
    return ClientForm(house.business, typed, client=client)


def said(bound: ClientForm, field: str) -> str:
    return " ".join(str(words) for words in bound.errors.get(field, []))


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"first_name": "Maya"}, "phone", "Add a mobile number or an email, so that you can reach them."),
        ({"phone": "555-0118"}, "phone", "too short"),
        ({"phone": "(503) 555-0118 ext 12"}, "phone", "without it"),
        ({"phone": "(855) 555-0142"}, "phone", "toll-free"),
        ({"phone": "+44 20 7946 0018"}, "phone", "United Kingdom"),
        ({"phone": "(876) 555-0118"}, "phone", "Jamaica"),
        ({"phone": "911"}, "phone", "emergency"),
        ({"phone": "call me"}, "phone", "digits only"),
        ({"email": "maya@"}, "email", "That isn’t a whole email address."),
        ({"email": "maya okafor@example.com"}, "email", "That isn’t a whole email address."),
        ({"email": f"{'m' * 60}@{'o' * 60}.{'k' * 60}.{'a' * 60}.{'f' * 60}.com"}, "email", "address"),
        ({"phone": "5035550118", "tags": "x" * 41}, "tags", "too long for a tag"),
        ({"phone": "5035550118", "tags": ",".join(map(str, range(21)))}, "tags", "more than 20 tags"),
        ({"phone": "5035550118", "good_to_know": "x" * 2001}, "good_to_know", "2,001 characters"),
        ({"phone": "5035550118", "first_name": "x" * 61}, "first_name", "at most 60"),
    ],
)
def test_what_cannot_be_kept_is_said_at_its_field(
    juniper: House, typed: dict[str, str], field: str, words: str
) -> None:
    bound = form(juniper, typed)
    assert not bound.is_valid()
    assert words in said(bound, field)
    # What was typed is still there to be mended.
    assert all(bound[name].value() == value for name, value in typed.items())


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"phone": "503.555.0118"}, {"phone": "+15035550118"}),
        ({"phone": "+1 (503) 555-0118"}, {"phone": "+15035550118"}),
        ({"email": " maya@okafor.example "}, {"email": "maya@okafor.example"}),
        (
            {"email": "a@b.example", "first_name": " Zoë \n", "last_name": "van  der Berg"},
            {"first_name": "Zoë", "last_name": "van der Berg"},
        ),
        ({"email": "a@b.example", "tags": "New mom, , Balayage,new  MOM"}, {"tags": ["New mom", "Balayage"]}),
        ({"email": "a@b.example", "first_name": "Ana 🌷"}, {"first_name": "Ana 🌷"}),
    ],
)
def test_what_is_kept(juniper: House, typed: dict[str, str], kept: dict[str, Any]) -> None:
    bound = form(juniper, typed)
    assert bound.is_valid(), bound.errors
    client = bound.save()
    assert client
    client.refresh_from_db()
    assert client.business == juniper.business
    assert {name: getattr(client, name) for name in kept} == kept


def test_a_number_belongs_to_one_client_and_the_words_lead_there(juniper: House) -> None:
    maya = juniper.client(first="Maya <b>", last="")
    bound = form(juniper, {"phone": "503 555 0118"})
    assert not bound.is_valid()
    assert "Maya &lt;b&gt;’s number" in said(bound, "phone")
    assert f'href="/clients/{maya.pk}"' in said(bound, "phone")
    # Two clients may share an email: families do.
    assert form(juniper, {"email": "family@okafor.example"}).is_valid()


def test_another_business_may_serve_the_same_person(juniper: House, alder: House) -> None:
    juniper.client()
    assert form(alder, {"phone": "(503) 555-0118"}).is_valid()


def test_a_number_taken_while_the_form_was_checked_is_said_too(juniper: House) -> None:
    bound = form(juniper, {"phone": "5035550118"})
    assert bound.is_valid()
    juniper.client()
    assert bound.save() is None
    assert "This is Maya Okafor’s number." in said(bound, "phone")


def test_editing_writes_only_what_changed(juniper: House) -> None:
    maya = juniper.client(email="maya@okafor.example", tags=["Balayage"])
    typed = {"first_name": "Maya", "last_name": "Okafor-Lind", "phone": "(503) 555-0118",
             "email": "maya@okafor.example", "tags": "Balayage"}  # fmt: skip
    bound = form(juniper, typed, maya)
    Client.objects.filter(pk=maya.pk).update(texting="stopped")
    assert bound.is_valid(), bound.errors
    assert bound.save()
    maya = Client.objects.get()
    assert (maya.last_name, maya.texting) == ("Okafor-Lind", "stopped")


def test_a_number_that_asked_to_stop_stays_on_its_card(juniper: House) -> None:
    maya = juniper.client(texting="stopped")
    for phone in ("(503) 555-0199", ""):
        bound = form(juniper, {"phone": phone, "email": "maya@okafor.example"}, maya)
        assert "(503) 555-0118 asked you to stop texting" in said(bound, "phone")


def test_a_new_number_in_place_of_a_landline_can_get_texts(juniper: House) -> None:
    maya = juniper.client(texting="cannot")
    bound = form(juniper, {"phone": "(503) 555-0199"}, maya)
    assert bound.is_valid()
    assert bound.save()
    maya.refresh_from_db()
    assert (maya.phone, maya.texting) == ("+15035550199", "ok")


def test_a_client_whose_number_nobody_could_type_can_still_be_given_a_name(juniper: House) -> None:
    bank = juniper.client(first="", last="", phone="+18005550100")
    bound = form(juniper, {"phone": "(800) 555-0100", "first_name": "The bank"}, bank)
    assert bound.is_valid(), bound.errors
