"""What the composer and the dialog say of texting: why it is not offered, or that delivery isn't guaranteed."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from parley.businesses.models import Business
from parley.messaging.sending import conversation_with
from parley.numbers.models import Registration
from tests.inbox.conftest import SignIn
from tests.messaging.test_routing import shared
from tests.people import House

NOTE = "Delivery isn’t guaranteed."


@pytest.fixture
def pages(juniper: House) -> list[str]:
    """The two places where a text is written."""
    client = juniper.client(email="maya@okafor.example")
    return [f"/inbox/{conversation_with(client).pk}", f"/send-message/{client.pk}"]


def html(browser: Browser, address: str) -> str:
    return browser.get(address).content.decode()


def test_it_is_said_only_while_the_business_waits(nora: Browser, juniper: House, pages: list[str]) -> None:
    for page in pages:
        assert NOTE not in html(nora, page)
    shared("+18885550101")
    juniper.number.delete()
    Registration.objects.create(business=juniper.business, status="in_review")
    for page in pages:
        assert html(nora, page).count(NOTE) == 1


def test_where_no_shared_number_is_free_it_says_so(nora: Browser, juniper: House, pages: list[str]) -> None:
    juniper.number.delete()
    Registration.objects.create(business=juniper.business, status="in_review")
    for page in pages:
        assert "No shared number is free for this client" in html(nora, page)
        assert "Open Settings" not in html(nora, page)


def test_off_says_why_and_leads_managers_to_the_settings(
    nora: Browser, juniper: House, sign_in: SignIn, pages: list[str]
) -> None:
    Business.objects.filter(pk=juniper.business.pk).update(mode="do_not_reply")
    for page in pages:
        owners, staffs = html(nora, page), html(sign_in(juniper.staff), page)
        for seen in (owners, staffs):
            assert "Two way texting is off. Turn it on to text clients, or send an email." in seen
        assert "Open Settings" in owners
        assert "Open Settings" not in staffs
        assert "Ask an owner or admin to set it up." not in owners
        assert "Ask an owner or admin to set it up." in staffs


def test_email_still_goes(nora: Browser, juniper: House, pages: list[str]) -> None:
    Business.objects.filter(pk=juniper.business.pk).update(mode="do_not_reply")
    letter = {"subject": "Hello", "body": "By email then", "channel": "email"}
    assert nora.post(pages[1], letter).status_code == 302
    assert juniper.business.messages.get().channel == "email"
    refused = nora.post(pages[1], letter | {"channel": "sms", "body": "By text"})
    assert refused.status_code == 422
    assert "By text" in refused.content.decode()
    assert juniper.business.messages.count() == 1
