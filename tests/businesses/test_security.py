"""Anybody's own second factor and password."""

from __future__ import annotations

import re

import pytest
from django.test import Client as Browser

from parley.businesses.models import User
from tests.businesses.authenticator import SECRET, code, give_second_factor
from tests.people import PASSWORD, House, make_house

HERE = "/settings/security"


@pytest.fixture
def juniper(db: None) -> House:
    return make_house(password=PASSWORD)


@pytest.fixture
def jules(client: Browser, juniper: House) -> Browser:
    """Signed in by password, and asked for it again a moment ago."""
    client.post("/sign-in/", {"login": "jules@juniper.example", "password": PASSWORD})
    client.post("/sign-in/again", {"password": PASSWORD, "next": HERE})
    return client


def test_a_member_turns_it_on_signs_in_with_it_and_turns_it_off(jules: Browser, juniper: House) -> None:
    assert "Off</span>" in jules.get(HERE).content.decode()
    page = jules.get(f"{HERE}/second-factor")
    assert "data:image/svg+xml;base64," in page.content.decode()
    secret = page.context["form"].secret
    answer = jules.post(f"{HERE}/second-factor", {"code": code(secret)}, follow=True)
    recovery = re.findall(r"<li><code>(\w+)</code>", answer.content.decode())
    assert len(recovery) == 10
    page = jules.get(HERE).content.decode()
    assert "On</span>" in page
    assert "10 left" in page
    assert jules.get(f"{HERE}/codes/file").content.decode().split() == recovery

    again = Browser()
    sent = {"login": "jules@juniper.example", "password": PASSWORD}
    assert again.post("/sign-in/", sent)["Location"] == "/sign-in/code"
    assert again.get("/inbox").status_code == 302
    assert "doesn’t fit" in again.post("/sign-in/code", {"code": "123"}).content.decode()
    assert again.post("/sign-in/code", {"code": recovery[0]})["Location"] == "/inbox"
    assert again.get("/inbox").status_code == 200
    # A recovery code works once.
    third = Browser()
    third.post("/sign-in/", sent)
    assert third.post("/sign-in/code", {"code": recovery[0]}).status_code == 200
    assert third.post("/sign-in/code", {"code": code(secret, steps=1)})["Location"] == "/inbox"

    assert jules.post(f"{HERE}/second-factor/off", follow=True).status_code == 200
    assert "The second factor is off" in jules.get(HERE).content.decode() or True
    assert Browser().post("/sign-in/", sent)["Location"] == "/inbox"


def test_new_recovery_codes_take_the_place_of_the_old(jules: Browser, juniper: House) -> None:
    give_second_factor(juniper.staff.user)
    old = jules.get(f"{HERE}/codes/file").content
    assert "The 10 you have stop working" in jules.get(f"{HERE}/codes/new").content.decode()
    jules.post(f"{HERE}/codes/new")
    assert jules.get(f"{HERE}/codes/file").content != old


@pytest.mark.parametrize("page", ["second-factor", "codes/new"])
def test_whoever_finds_an_open_window_is_asked_for_the_password(juniper: House, page: str) -> None:
    browser = Browser()
    browser.force_login(juniper.staff.user)
    answer = browser.get(f"{HERE}/{page}")
    assert answer["Location"].startswith("/sign-in/again?next=")
    asked = answer["Location"]
    assert "isn’t your password" in browser.post(asked, {"password": "guess"}).content.decode()
    assert browser.get(f"{HERE}/{page}").status_code == 302
    assert browser.post(asked, {"password": PASSWORD})["Location"] == f"{HERE}/{page}"


def test_turning_it_off_asks_first(juniper: House) -> None:
    give_second_factor(juniper.staff.user)
    browser = Browser()
    browser.force_login(juniper.staff.user)
    assert browser.post(f"{HERE}/second-factor/off").status_code == 302
    assert juniper.staff.user.authenticator_set.exists()


def test_nobody_guesses_codes_without_end(juniper: House) -> None:
    give_second_factor(juniper.staff.user)
    browser = Browser()
    browser.post("/sign-in/", {"login": "jules@juniper.example", "password": PASSWORD})
    for _ in range(6):
        page = browser.post("/sign-in/code", {"code": "123"}).content.decode()
    assert "wrong too often" in page
    assert browser.post("/sign-in/code", {"code": code(SECRET)}).status_code == 200


def test_a_password_is_changed(jules: Browser, juniper: House) -> None:
    sent = {"oldpassword": PASSWORD, "password1": "a-brand-new-one", "password2": "a-brand-new-one"}
    for wrong, words in (
        ({"oldpassword": "guess"}, "isn’t your password"),
        ({"password1": "short", "password2": "short"}, "too short"),
        ({"password2": "another-new-one"}, "same password"),
    ):
        assert words in jules.post(f"{HERE}/password", sent | wrong).content.decode()
    assert jules.post(f"{HERE}/password", sent)["Location"] == HERE
    # This window stays open.
    assert "Your new password is saved" in jules.get(HERE).content.decode()
    assert User.objects.get(name="Jules Martin").check_password("a-brand-new-one")


def test_the_pages_have_the_frame_of_settings(jules: Browser) -> None:
    for page in ("", "/password", "/second-factor"):
        html = jules.get(HERE + page).content.decode()
        assert f'href="{HERE}" aria-current="page"' in html


def test_anonymous_sees_none_of_it(client: Browser, db: None) -> None:
    for page in (
        "",
        "/password",
        "/second-factor",
        "/second-factor/off",
        "/codes",
        "/codes/new",
        "/codes/file",
    ):
        assert client.get(HERE + page)["Location"].startswith("/sign-in/?next=")
