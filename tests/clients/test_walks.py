"""Clients as a person walks through them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from parley.clients.models import Client
from tests.browser import LOOKS, Visit, assert_accessible, quick_actions
from tests.people import House
from tests.world import World, forget_jobs

pytestmark = pytest.mark.browser


def test_adding_a_client(visit: Visit, juniper: House) -> None:
    juniper.client()
    page = visit("/clients", juniper.owner.user)
    page.keyboard.press("c")
    form = page.get_by_role("dialog", name="Add client")
    form.get_by_label("First name").fill("Ana")
    form.get_by_label("Mobile").fill("(503) 555-0118")
    form.get_by_label("Tags").fill("New mom, Balayage")
    form.get_by_role("button", name="Add client").click()
    expect(form.get_by_role("alert")).to_contain_text("This is Maya Okafor’s number.")
    expect(form.get_by_label("Mobile")).to_be_focused()
    expect(form.get_by_label("First name")).to_have_value("Ana")
    page.keyboard.press("Escape")
    expect(form).to_be_hidden()
    quick_actions(page, "Add client")
    expect(form.get_by_label("First name")).to_have_value("Ana")
    form.get_by_label("Mobile").fill("(503) 555-0190")
    form.get_by_role("button", name="Add client").click()
    expect(page.get_by_role("heading", name="Ana")).to_be_visible()
    ana = Client.objects.get(first_name="Ana")
    assert (ana.phone, ana.tags) == ("+15035550190", ["New mom", "Balayage"])
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("dialog").get_by_label("Last name").fill("Lima")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Ana Lima")).to_be_visible()
    # What was added is no draft any more.
    page.goto("/clients/new")
    expect(page.get_by_label("First name")).to_have_value("")


def test_searching_as_one_types_and_showing_more(visit: Visit, juniper: House) -> None:
    Client.objects.bulk_create(
        Client(business=juniper.business, first_name=f"Client {n:03}", phone=f"+1503555{n:04}")
        for n in range(120)
    )
    juniper.client(phone="+15035559999")
    page = visit("/clients", juniper.owner.user)
    rows = page.locator(".client-row")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Show more").click()
    expect(rows).to_have_count(100)
    page.get_by_label("Find a client").press_sequentially("may oka")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(f"{page.url.split('/clients')[0]}/clients?q=may+oka")
    # The address of what was found is the page's too: going back shows the page, not what was asked for by htmx.
    page.locator("#found").get_by_role("link", name="Maya Okafor").click()
    expect(page.get_by_role("heading", name="Maya Okafor", level=1)).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Find a client")).to_have_value("may oka")
    page.get_by_label("Find a client").fill("nobody")
    expect(page.get_by_role("heading", name="Nobody found")).to_be_visible()
    expect(page.get_by_label("Find a client")).to_be_focused()
    page.get_by_label("Find a client").fill("")
    expect(rows).to_have_count(50)


def test_importing_a_list(visit: Visit, web: World, juniper: House) -> None:
    forget_jobs()
    web.start("jobs")
    juniper.client()
    page = visit("/clients", juniper.owner.user)
    page.get_by_role("link", name="Import").click()
    file = page.get_by_label("Choose a CSV file")
    file.set_input_files({"name": "list.xlsx", "mimeType": "", "buffer": b"PK\x03\x04 xl/"})
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("This is an Excel file.")
    assert_accessible(page)
    rows = "Prénom,Portable,Infos\nMaya,5035550118,VIP\nZoë,5035550119,VIP\nNobody,12,\n".encode()
    file.set_input_files({"name": "list.csv", "mimeType": "text/csv", "buffer": rows})
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Portable", exact=True)).to_have_value("phone")
    page.get_by_label("Infos", exact=True).select_option("Tags")
    page.get_by_label("Yes").check()
    page.get_by_role("button", name="Import 3 rows").click()
    expect(page.get_by_text("Say when they agreed.")).to_be_visible()
    expect(page.get_by_label("Infos", exact=True)).to_have_value("tags")
    assert_accessible(page)
    page.get_by_label("How they agreed").select_option("On paper")
    page.get_by_label("When they agreed").fill("2026-03-31")
    page.get_by_label("The exact words").fill("Yes, text me offers.")
    page.get_by_label("I have proof").check()
    page.get_by_role("button", name="Import 3 rows").click()
    expect(page.get_by_text("All 3 rows are done.")).to_be_visible()
    assert_accessible(page)
    expect(page.get_by_role("row", name="Zoë")).to_contain_text("Added")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download report").click()
    with open(download.value.path(), encoding="utf-8-sig") as report:
        assert "4,Nobody,12,Not imported," in report.read()
    zoe = juniper.business.clients.get(first_name="Zoë")
    assert (zoe.tags, juniper.business.consents.count()) == (["VIP"], 2)
    page.get_by_role("link", name="Zoë").click()
    expect(page.get_by_role("heading", name="Zoë")).to_be_visible()


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_anybody_can_use_it(visit: Visit, juniper: House, size: str, theme: str) -> None:
    page = visit("/clients", juniper.owner.user, size=size, theme=theme)
    assert_accessible(page)
    juniper.client(email="maya@okafor.example")
    juniper.client("Aisha", "Farah", "+15035550112", texting="stopped")
    juniper.client("Theo", "L" * 60, "+15035550113", texting="cannot")
    juniper.client("", "", "", email=f"{'long' * 12}@example.com")
    page.goto("/clients")
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    quick_actions(page, "Add client")
    page.get_by_role("dialog").get_by_role("button", name="Add client").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    page.goto("/clients/new")
    assert_accessible(page)
