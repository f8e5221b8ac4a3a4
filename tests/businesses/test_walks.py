"""Signing in and out as a person does."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import LOOKS, Visit, assert_accessible
from tests.people import PASSWORD, House, make_house

pytestmark = pytest.mark.browser


@pytest.fixture
def juniper(transactional_db: None) -> House:
    return make_house(password=PASSWORD)


def test_in_and_out(visit: Visit, juniper: House) -> None:
    page = visit("/clients")
    page.get_by_label("Email").fill("nora@juniper.example")
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("don’t belong together")
    expect(page.get_by_label("Email")).to_have_value("nora@juniper.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Clients", exact=True)).to_be_visible()
    # A menu opens by a script, and that comes after the words.
    page.wait_for_load_state("load")
    page.get_by_role("button", name="Nora Kim").click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/clients")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_anybody_can_use_it(visit: Visit, juniper: House, size: str, theme: str) -> None:
    page = visit("/sign-in/", size=size, theme=theme)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_count(2)
    assert_accessible(page)
    for address in ("forgot", "forgot/sent", "forgot/1-nonsense", "forgot/done", "inactive"):
        page.goto(f"/sign-in/{address}")
        assert_accessible(page)
