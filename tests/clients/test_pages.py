"""The Clients list and the pages to add and edit: what a member sees, and what another business never does."""

from __future__ import annotations

import re
import uuid

import pytest
from django.test import Client as Browser

from parley.clients.models import Client
from tests.people import House

FOUND = {"HX-Request": "true", "HX-Target": "section#found"}
DIALOG = {"HX-Request": "true", "HX-Target": "dialog#dialog"}


@pytest.fixture
def nora(client: Browser, juniper: House) -> Browser:
    client.force_login(juniper.owner.user)
    return client


def names(html: bytes) -> list[str]:
    return re.findall(r"<b>(.*?)</b>", html.decode().split('id="found"')[1].split("</section>")[0])


def many(house: House, count: int) -> None:
    Client.objects.bulk_create(
        Client(business=house.business, first_name=f"Client {n:03}", phone=f"+1503555{n:04}")
        for n in range(count)
    )


def test_strangers_are_sent_to_sign_in(client: Browser, juniper: House) -> None:
    for address in ("/clients", "/clients/new", f"/clients/{juniper.client().pk}/edit"):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in/?next=/clients")


def test_the_list_is_by_name_and_people_without_one_come_last(nora: Browser, juniper: House) -> None:
    juniper.client("Zoë", "Abe", "+15035550101")
    juniper.client("", "", "+15035550102")
    juniper.client("ana", "Lima", "+15035550103")
    assert names(nora.get("/clients").content) == ["ana Lima", "Zoë Abe", "(503) 555-0102"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("may", ["Maya Okafor"]),
        ("okafor maya", ["Maya Okafor"]),
        ("0118", ["Maya Okafor"]),
        ("(503) 555-0118", ["Maya Okafor"]),
        ("priya@", ["Priya Raman"]),
        ("nobody", []),
        ("' & !:* | <", []),
        ("%", []),
    ],
)
def test_search(nora: Browser, juniper: House, typed: str, found: list[str]) -> None:
    juniper.client()
    juniper.client("Priya", "Raman", "+15035550164", email="priya@raman.example")
    answer = nora.get("/clients", {"q": typed}, headers=FOUND)
    assert names(answer.content) == found
    assert b"<html" not in answer.content
    if not found:
        assert b"Nobody found" in answer.content


def test_an_empty_list_says_how_to_fill_it(nora: Browser) -> None:
    assert "Your clients come here" in nora.get("/clients").content.decode()


def test_every_page_is_as_long_as_it_says_and_nobody_is_left_out(nora: Browser, juniper: House) -> None:
    many(juniper, 120)
    seen: list[str] = []
    address = "/clients"
    for _ in range(3):
        html = nora.get(address).content
        seen += names(html)
        more = re.search(r'hx-get="(.*?)" hx-target="#more"', html.decode())
        address = more[1].replace("&amp;", "&") if more else ""
    assert seen == [f"Client {n:03}" for n in range(120)]
    assert not address


@pytest.mark.parametrize("count", [3, 300])
def test_the_list_costs_the_same_for_few_and_many(
    nora: Browser, juniper: House, count: int, django_assert_num_queries: object
) -> None:
    many(juniper, count)
    for client in Client.objects.all():
        juniper.text(client, "Hello")
    with django_assert_num_queries(6):  # type: ignore[operator]
        nora.get("/clients")
    with django_assert_num_queries(4):  # type: ignore[operator]
        nora.get("/clients", {"q": "client"}, headers=FOUND)


def test_what_is_not_ours_is_as_absent_as_what_is_not(nora: Browser, juniper: House, alder: House) -> None:
    theirs = alder.client()
    for id in (theirs.pk, uuid.uuid4()):
        assert nora.get(f"/clients/{id}/edit").status_code == 404
        assert nora.post(f"/clients/{id}/edit", {"phone": "5035550100"}).status_code == 404
        assert nora.post(f"/clients/{id}/tags", {"add": "Mine"}).status_code == 404
        assert nora.get("/clients", {"after": id}).status_code == 404
    assert nora.get("/clients", {"after": "nonsense"}).status_code == 404
    assert b"Maya" not in nora.get("/clients?q=maya").content.split(b'id="found"')[1]
    theirs.refresh_from_db()
    assert (theirs.tags, theirs.phone) == ([], "+15035550118")


def test_adding_a_client_ends_on_their_card(nora: Browser, juniper: House) -> None:
    answer = nora.post("/clients/new", {"first_name": "Maya", "phone": "(503) 555-0118"})
    maya = Client.objects.get()
    assert answer["Location"] == f"/clients/{maya.pk}"
    assert maya.business == juniper.business


def test_a_refused_form_keeps_what_was_typed(nora: Browser) -> None:
    typed = {"first_name": "<Maya>", "phone": "12", "good_to_know": "Mild & kind"}
    answer = nora.post("/clients/new", typed)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="&lt;Maya&gt;"' in html
    assert 'value="12"' in html
    assert "Mild &amp; kind" in html
    assert 'aria-invalid="true"' in html


def test_the_dialog_gets_the_same_sheet_without_the_frame(nora: Browser) -> None:
    page = nora.get("/clients/new").content.decode()
    sheet = nora.get("/clients/new", headers=DIALOG).content.decode()
    assert "<html" in page
    assert "<html" not in sheet
    assert sheet.startswith("<section data-sheet>")
    form = re.search(r"<form.*?</form>", sheet, re.S)
    assert form
    without_tokens = re.sub(r'value="\w{64}"', "", form[0])
    assert without_tokens in re.sub(r'value="\w{64}"', "", page)
    saved = nora.post("/clients/new", {"phone": "5035550118"}, headers=DIALOG)
    assert saved["HX-Redirect"] == f"/clients/{Client.objects.get().pk}"


def test_a_new_client_can_be_written_to_at_once(nora: Browser) -> None:
    answer = nora.post("/clients/new?then=message", {"phone": "5035550118"})
    assert answer["Location"] == f"/send-message/{Client.objects.get().pk}"


def test_tags_are_added_once_and_removed(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    address = f"/clients/{maya.pk}/tags"
    for typed, tags in [("New mom", ["New mom"]), (" new  MOM ", ["New mom"]), ("<b>", ["New mom", "<b>"])]:
        answer = nora.post(address, {"add": typed}, headers={"HX-Request": "true"})
        maya.refresh_from_db()
        assert maya.tags == tags
    assert "&lt;b&gt;" in answer.content.decode()
    assert nora.post(address, {"remove": "New mom"})["Location"] == f"/clients/{maya.pk}"
    maya.refresh_from_db()
    assert maya.tags == ["<b>"]
    answer = nora.post(address, {"add": "x" * 41}, headers={"HX-Request": "true"})
    assert "too long for a tag" in answer.content.decode()
