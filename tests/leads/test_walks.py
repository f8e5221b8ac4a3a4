"""Somebody new writes in the form on their phone; the team has it in the Inbox at once."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import expect

from parley.leads.forms import SOONEST
from parley.leads.models import Lead, LeadForm
from tests.browser import Visit, assert_accessible
from tests.people import House
from tests.waiting import until

pytestmark = pytest.mark.browser


def test_a_lead_in_french_reaches_the_inbox(visit: Visit, juniper: House) -> None:
    page = visit("/settings/lead-form", juniper.owner.user)
    assert_accessible(page)
    page.get_by_label("Address", exact=True).fill("juniper")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Its address")).to_have_value(
        LeadForm.objects.get() and page.url.split("/settings")[0] + "/f/juniper"
    )
    page.goto(page.url.split("/settings")[0] + "/inbox")
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()

    theirs = visit("/f/juniper", size="phone")
    theirs.get_by_role("link", name="Français").click()
    expect(theirs.get_by_role("heading", name="Écrivez-nous")).to_be_visible()
    assert_accessible(theirs)
    # A person is slower than a program, and the form knows it.
    begun = time.monotonic()
    until(lambda: time.monotonic() - begun > SOONEST, what="as long as a person needs")
    theirs.get_by_label("Prénom").fill("Aline")
    theirs.get_by_label("Numéro de cellulaire").fill("514 555")
    theirs.get_by_label("Comment").fill("Faites-vous les mariages?")
    theirs.get_by_role("checkbox").check()
    theirs.get_by_role("button", name="Envoyer").click()
    expect(theirs.get_by_role("alert")).to_contain_text("Ce n’est pas un numéro")
    assert_accessible(theirs)
    theirs.get_by_label("Numéro de cellulaire").fill("514 555-0118")
    theirs.get_by_role("button", name="Envoyer").click()
    expect(theirs.get_by_role("heading", name="Merci, Aline")).to_be_visible()
    until(lambda: Lead.objects.exists(), what="the lead")

    # Nobody pressed anything on the other side.
    row = page.get_by_role("link", name="Aline")
    expect(row.first).to_be_visible()
    row.first.click()
    expect(page.get_by_text("Faites-vous les mariages?").last).to_be_visible()
    assert_accessible(page)
