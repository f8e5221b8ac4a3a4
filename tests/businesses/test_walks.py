"""Signing up, in and out, and a team that grows, as people do it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from parley.businesses.models import Business, Member
from tests.browser import LOOKS, Visit, assert_accessible
from tests.businesses.authenticator import code
from tests.businesses.conftest import Post
from tests.businesses.test_sign_up import code_in
from tests.businesses.test_team import link_in
from tests.people import PASSWORD, House, make_house

pytestmark = pytest.mark.browser


@pytest.fixture
def juniper(transactional_db: None) -> House:
    return make_house(password=PASSWORD)


def test_in_and_out(visit: Visit, juniper: House) -> None:
    other = make_house("Second Chair", "+18555550188")
    Member.objects.create(business=other.business, user=juniper.owner.user, role="staff")
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
    page.get_by_role("menuitem", name="Second Chair").click()
    expect(page.get_by_role("button", name="Nora Kim Second Chair")).to_be_visible()
    page.wait_for_load_state("load")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("button", name="Quick Actions").click()
    page.get_by_role("menuitem", name="Juniper Hair Studio").click()
    page.set_viewport_size({"width": 1440, "height": 900})
    me = page.get_by_role("button", name="Nora Kim Juniper Hair Studio")
    expect(me).to_be_visible()
    page.wait_for_load_state("load")
    page.evaluate("localStorage.setItem('parley draft of a letter', 'Hi')")
    me.click()
    page.get_by_role("menuitem", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    # Whoever sits here next finds no half letter.
    assert page.evaluate("Object.keys(localStorage)") == []
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


def test_from_signing_up_to_a_team_of_two(visit: Visit, web_post: Post) -> None:
    page = visit("/sign-in/", timezone_id="Europe/London")
    page.get_by_role("link", name="Sign up your business").click()
    # The browser knows where it is; the country says what there is.
    expect(page.get_by_label("Time zone")).to_have_value("Europe/London")
    no_texting = page.get_by_text("Two way texting is for businesses in the United States and Canada.")
    expect(no_texting).to_be_hidden()
    page.get_by_label("Country").select_option("United Kingdom")
    expect(no_texting).to_be_visible()
    page.get_by_label("Country").select_option("Canada")
    expect(no_texting).to_be_hidden()
    page.get_by_label("Time zone").select_option("America/Toronto")
    page.get_by_label("Business name").fill("Marlow Books")
    page.get_by_label("Your name").fill("Ida Marlow")
    page.get_by_label("Email").fill("ida@marlow.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    page.get_by_label("Code").fill(code_in(web_post))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Ida Marlow")).to_be_visible()

    page.wait_for_load_state("load")
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Business", exact=True).click()
    expect(page.get_by_label("Business name")).to_have_value("Marlow Books")
    page.get_by_role("link", name="Team").click()
    page.get_by_label("Email").fill("ben@marlow.example")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_text("Invitation sent to ben@marlow.example")).to_be_visible()

    other = visit(link_in(web_post), size="phone")
    other.get_by_label("Your name").fill("Ben Hart")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Join").click()
    expect(other.get_by_text("Welcome to Marlow Books")).to_be_visible()
    other.wait_for_load_state("load")
    other.get_by_role("link", name="Settings").click()
    expect(other.get_by_role("link", name="Sign-in and security")).to_be_visible()
    expect(other.get_by_role("link", name="Team")).to_have_count(0)

    page.reload()
    page.get_by_role("link", name="Change Ben Hart").click()
    sheet = page.get_by_role("dialog", name="Ben Hart")
    sheet.get_by_label("Admin").check()
    sheet.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Ben Hart is an admin now")).to_be_visible()
    other.reload()
    expect(other.get_by_role("link", name="Team")).to_be_visible()
    # Who leaves the team sees nothing of it from then on.
    page.get_by_role("link", name="Change Ben Hart").click()
    sheet.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Ben Hart is off the team")).to_be_visible()
    assert Member.objects.get(business=Business.objects.get()).user.name == "Ida Marlow"
    other.reload()
    expect(other.get_by_role("heading", name="You belong to no business yet")).to_be_visible()


def test_anybody_can_set_things(visit: Visit, web_post: Post, juniper: House) -> None:
    page = visit("/sign-up/", size="phone", theme="dark")
    page.get_by_label("Country").select_option("GB")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("alert")).to_have_count(4)
    assert_accessible(page)
    page.goto("/sign-in/")
    page.get_by_label("Email").fill("nora@juniper.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
    page.goto("/settings/team")
    page.get_by_label("Email").fill("ben@marlow.example")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("button", name="Withdraw")).to_be_visible()
    for address in (
        "/settings",
        "/settings/team",
        "/settings/business",
        "/settings/security",
        link_in(web_post),
    ):
        page.goto(address)
        assert_accessible(page)
    page.goto("/settings/team")
    page.get_by_role("link", name="Change Jules Martin").click()
    expect(page.get_by_role("dialog", name="Jules Martin")).to_be_visible()
    assert_accessible(page)
    page.goto("/settings/security/second-factor")
    page.get_by_label("Password").fill(PASSWORD)
    assert_accessible(page)
    page.keyboard.press("Enter")
    secret = page.locator(".secret").inner_text()
    assert_accessible(page)
    page.get_by_label("Code from the app").fill(code(secret))
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".codes li")).to_have_count(10)
    assert_accessible(page)


def test_the_office_in_a_browser(visit: Visit, juniper: House) -> None:
    """Django's pages live under our policy: what it forbade would fail `visit`."""
    page = visit("/sign-in/")
    page.get_by_role("button", name="Open as the operator").click()
    page.get_by_role("link", name="Businesses", exact=True).click()
    page.get_by_role("link", name="Juniper Hair Studio").click()
    page.get_by_label("Plan").select_option("Free")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert Business.objects.get().plan_id == "free"
    # The admin's own scripts ran.
    expect(page.locator("html")).to_have_attribute("data-theme", "auto")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
