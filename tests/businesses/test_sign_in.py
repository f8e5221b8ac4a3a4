"""Signing in and out, and a forgotten password, by real email."""

from __future__ import annotations

import re

import pytest
from django.core.cache import cache
from django.test import Client as Browser

from parley.businesses.models import User
from tests.businesses.conftest import Post
from tests.people import PASSWORD, House, make_house
from tests.waiting import free_ports


@pytest.fixture
def juniper(db: None) -> House:
    return make_house(password=PASSWORD)


def sign_in(browser: Browser, email: str, password: str) -> tuple[int, str]:
    answer = browser.post("/sign-in/", {"login": email, "password": password})
    return answer.status_code, answer.content.decode() or answer["Location"]


def test_signing_in_goes_where_one_was_going(client: Browser, juniper: House) -> None:
    wanted = client.get("/clients")["Location"]
    page = client.get(wanted).content.decode()
    assert 'name="next" value="/clients"' in page
    answer = client.post(
        "/sign-in/", {"login": "NORA@juniper.example", "password": PASSWORD, "next": "/clients"}
    )
    assert answer["Location"] == "/clients"
    assert client.get("/clients").status_code == 200


def test_whoever_was_signed_out_comes_back_to_the_page_of_the_form(client: Browser, db: None) -> None:
    here = "http://testserver"
    assign = "/inbox/01a2176a-8024-7568-9c19-2ebccc408755/assign"
    for headers, back in [
        ({"Referer": f"{here}/settings/team?all=1"}, "/settings/team%3Fall%3D1"),
        ({"Referer": f"{here}/inbox", "HX-Request": "true"}, assign),
        ({"Referer": "http://elsewhere.example/settings/team"}, assign),
        ({"Referer": "//elsewhere.example"}, assign),
        ({}, assign),
    ]:
        assert client.post(assign, headers=headers)["Location"] == f"/sign-in/?next={back}", headers


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [
        ("nora@juniper.example", "wrong", "That email and password don’t belong together."),
        ("nobody@juniper.example", PASSWORD, "That email and password don’t belong together."),
        ("", PASSWORD, "Enter your email."),
        ("nora@", PASSWORD, "That isn’t a whole email address."),
        ("nora@juniper.example", "", "Enter your password."),
    ],
)
def test_what_is_wrong_is_said(
    client: Browser, juniper: House, email: str, password: str, words: str
) -> None:
    cache.clear()
    _, html = sign_in(client, email, password)
    assert words in html
    assert f'value="{email}"' in html or not email
    assert password not in html or not password
    assert client.get("/clients").status_code == 302


def test_guessing_is_stopped(client: Browser, juniper: House) -> None:
    cache.clear()
    for _ in range(5):
        sign_in(client, "nora@juniper.example", "wrong")
    _, html = sign_in(client, "nora@juniper.example", PASSWORD)
    assert "That was wrong too often." in html
    assert client.get("/clients").status_code == 302


def test_signing_out(client: Browser, juniper: House) -> None:
    client.force_login(juniper.owner.user)
    assert "Sign out?" in client.get("/sign-in/out").content.decode()
    assert client.get("/clients").status_code == 200
    assert client.post("/sign-in/out")["Location"] == "/sign-in/"
    assert client.get("/clients").status_code == 302


def test_a_forgotten_password_is_replaced_by_the_link_in_an_email(
    client: Browser, juniper: House, post: Post
) -> None:
    cache.clear()
    asked = client.post("/sign-in/forgot", {"email": "nora@juniper.example"})
    assert "Look in your email" in client.get(asked["Location"]).content.decode()
    (letter,) = post.letters
    assert letter["To"] == "nora@juniper.example"
    assert letter["Subject"] == "Choose a new password for Parley"
    words = letter.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert "Hello Nora Kim," in words
    link = re.search(r"http://testserver(/sign-in/forgot/\S+)", words)
    assert link
    form = client.get(link[1])["Location"]
    assert "Choose a new password" in client.get(form).content.decode()
    for typed, said in [
        (("short-1", "short-1"), "too short"),
        (("password123456", "password123456"), "too common"),
        (("a-brand-new-one", "another-new-one"), "same password"),
        (("", ""), "Enter a new password."),
    ]:
        answer = client.post(form, {"password1": typed[0], "password2": typed[1]})
        assert said in answer.content.decode()
    done = client.post(form, {"password1": "a-brand-new-one", "password2": "a-brand-new-one"})
    assert "Your new password is saved" in client.get(done["Location"]).content.decode()
    assert sign_in(client, "nora@juniper.example", "a-brand-new-one")[0] == 302
    # The link works once.
    assert "That link is used up" in Browser().get(link[1]).content.decode()


def test_an_unknown_address_gets_the_same_answer_and_no_email(
    client: Browser, juniper: House, post: Post
) -> None:
    cache.clear()
    asked = client.post("/sign-in/forgot", {"email": "stranger@elsewhere.example"})
    assert "Look in your email" in client.get(asked["Location"]).content.decode()
    assert post.letters == []


def test_a_mail_server_that_is_away_is_said(client: Browser, juniper: House, settings: object) -> None:
    cache.clear()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_ports(1)[0]  # type: ignore[attr-defined]
    answer = client.post("/sign-in/forgot", {"email": "nora@juniper.example"})
    assert answer.status_code == 503
    assert "The email didn’t go out" in answer.content.decode()


def test_somebody_without_a_business_is_told_whom_to_ask(client: Browser, db: None) -> None:
    client.force_login(User.objects.create_user("new@nowhere.example", name="New"))
    answer = client.get("/clients")
    assert answer.status_code == 403
    assert "new@nowhere.example" in answer.content.decode()


@pytest.mark.parametrize("demo", [True, False])
def test_the_open_door_is_only_in_the_demo(client: Browser, db: None, settings: object, demo: bool) -> None:
    settings.DEMO = demo  # type: ignore[attr-defined]
    house = make_house()
    User.objects.filter(pk=house.owner.user_id).update(email="nora@juniperhair.example")
    assert ("Open as the owner" in client.get("/sign-in/").content.decode()) is demo
    assert client.post("/demo/open-as-owner").status_code == (302 if demo else 404)
    assert client.get("/clients").status_code == (200 if demo else 302)


def test_a_door_of_the_demo_waits_for_whoever_is_behind_it(
    client: Browser, db: None, settings: object
) -> None:
    settings.DEMO = True  # type: ignore[attr-defined]
    assert client.get("/demo/loading")["Location"] == "/sign-in/"
    for door in ("open-as-owner", "open-a-new-business"):
        assert client.post(f"/demo/{door}")["Location"] == "/demo/loading"
    client.post("/demo/open-as-owner")
    page = client.get("/demo/loading").content.decode()
    assert "sample data is being loaded" in page
    assert 'http-equiv="refresh"' in page
    house = make_house()
    User.objects.filter(pk=house.owner.user_id).update(email="nora@juniperhair.example")
    # Nobody comes in by it who has not pressed a door.
    other = Browser()
    assert other.get("/demo/loading")["Location"] == "/sign-in/"
    assert client.get("/demo/loading")["Location"] == "/inbox"
    assert client.get("/clients").status_code == 200
    settings.DEMO = False  # type: ignore[attr-defined]
    assert client.get("/demo/loading").status_code == 404


@pytest.mark.parametrize(
    "address", ["signup/", "email/", "password/change/", "password/set/", "confirm-email/"]
)
def test_no_page_of_the_library_that_we_do_not_show(client: Browser, db: None, address: str) -> None:
    assert client.get(f"/sign-in/{address}").status_code == 404
