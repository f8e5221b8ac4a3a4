"""“Details” of a message: for members of its business, in a dialog and on a page, at one price."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone
from playwright.sync_api import expect

from parley.businesses.tenancy import new_id
from parley.clients import consent
from parley.clients.models import Consent
from parley.messaging import why
from parley.messaging.models import Attempt, CarrierEvent, Message
from tests.browser import Visit, assert_accessible
from tests.inbox.conftest import FRAME, SIGNED_IN, SignIn
from tests.people import House

# The message with all that belongs to it, the line of the ledger, the refund, the tries, the receipts, the handset.
DETAILS = 6
DIALOG = {"HX-Request": "true", "HX-Target": "dialog#dialog"}


def address(message: Message) -> str:
    return f"/inbox/{message.conversation_id}/details/{message.id}"


def troubled(house: House, tries: int) -> Message:
    """A reminder that was tried so often, and did not arrive."""
    maya = house.client(email="maya@example.com")
    consent.record(
        house.business,
        maya.phone,
        category=Consent.Category.SERVICE,
        says=Consent.Says.AGREED,
        how=Consent.How.WEB_FORM,
        words="Text me about my visits",
    )
    known = consent.handset(house.business, maya.phone)
    message = house.text(
        maya,
        "See you tomorrow at 2:45 PM!",
        inbound=False,
        minutes_ago=200,
        state="undelivered",
        code="30003",
        reason="The phone was off or out of reach.",
        why={
            "number": why.number(house.number, "own"),
            "consent": why.consent(known, "no_refusal"),
            "quota": {"entry": 1, "monthly": 1, "bought": 0, "left": 715},
        },
    )
    for n in range(1, tries + 1):
        at = message.at + timedelta(minutes=35 * (n - 1), seconds=1)
        attempt = Attempt.objects.create(
            id=new_id(),
            business_id=message.business_id,
            message=message,
            number=house.number,
            recipient=maya.phone,
            try_number=n,
            state="lost" if n < tries else "bound",
            started_at=at,
            answered_at=at + timedelta(milliseconds=400),
            carrier_id=f"SM{n:032x}",
            code="30003",
            words="The phone was off or out of reach.",
        )
        for seconds, status, code in ((1, "sent", ""), (4, "undelivered", "30003")):
            CarrierEvent.objects.create(
                carrier="twilio",
                kind="receipt",
                key=f"{attempt.carrier_id}:{status}:{code}",
                attempt_id=attempt.id,
                shard=0,
                form="",
                received_at=at + timedelta(seconds=seconds),
                done_at=timezone.now(),
            )
    return message


@pytest.mark.parametrize("tries", [1, 12])
def test_details_cost_the_same_for_1_try_and_for_12(
    juniper: House, nora: Browser, tries: int, django_assert_num_queries
) -> None:
    message = troubled(juniper, tries)
    with django_assert_num_queries(SIGNED_IN + DETAILS):
        html = nora.get(address(message), headers=DIALOG).content.decode()
    assert html.count("Handed to the carrier") == tries
    assert html.count("Code 30003") == tries + 1
    with django_assert_num_queries(SIGNED_IN + FRAME + DETAILS):
        page = nora.get(address(message)).content.decode()
    assert "<html" in page
    assert "<html" not in html


def test_they_say_it_all_in_order(juniper: House, nora: Browser) -> None:
    message = troubled(juniper, 2)
    html = nora.get(address(message), headers=DIALOG).content.decode()
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    places = [
        text.index(said)
        for said in (
            "A text that Nora Kim wrote.",
            "(855) 555-0142. Your own number.",
            "(503) 555-0118",
            "They had not opted out of texts. Agreed (service texts) on a web form",
            "1 segment, from this month’s texts. 715 were left then.",
            "Written.",
            "Handed to the carrier.",
            "The carrier took it. SM00000000000000000000000000000001",
            "The phone network did not deliver it. The phone was off or out of reach. Code 30003",
            "Handed to the carrier, try 2.",
            "Not delivered. The phone was off or out of reach. Code 30003",
            "What you can do: Send it again from the conversation, send an email, or call.",
        )
    ]
    assert places == sorted(places)
    assert f'href="/clients/{message.conversation.client_id}"' in html


def test_only_members_of_the_business_and_only_in_its_conversation(
    juniper: House, alder: House, sign_in: SignIn
) -> None:
    message = juniper.text(juniper.client(), "Hi")
    other = juniper.text(juniper.client("Theo", "Lind", "+15035550121"), "Hi")
    assert sign_in(juniper.staff).get(address(message)).status_code == 200
    assert sign_in(alder.owner).get(address(message)).status_code == 404
    assert Browser().get(address(message)).status_code == 302
    elsewhere = f"/inbox/{other.conversation_id}/details/{message.id}"
    assert sign_in(juniper.owner).get(elsewhere).status_code == 404


def test_every_message_leads_to_its_details(juniper: House, nora: Browser) -> None:
    maya = juniper.client(email="maya@example.com")
    messages = [
        juniper.text(maya, "One", minutes_ago=9),
        juniper.text(maya, "Two", minutes_ago=8),
        juniper.text(maya, "Three", inbound=False, minutes_ago=7),
        juniper.text(maya, "Four", inbound=False, minutes_ago=6, kind="transactional", author=None),
        juniper.text(maya, "Five", inbound=False, minutes_ago=5, channel="email", state="sent"),
    ]
    for page in (f"/inbox/{messages[0].conversation_id}", f"/clients/{maya.id}"):
        html = nora.get(page).content.decode()
        for message in messages:
            assert html.count(f'href="{address(message)}"') == 1, (page, message.body)
    for message in messages:
        assert nora.get(address(message)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_dialog(visit: Visit, juniper: House) -> None:
    message = troubled(juniper, 3)
    first = juniper.text(message.conversation.client, "On my way", minutes_ago=3)
    juniper.text(message.conversation.client, "Five minutes", minutes_ago=2)
    for size, theme in (("desk", "light"), ("phone", "dark")):
        page = visit(f"/inbox/{message.conversation_id}", juniper.owner.user, size=size, theme=theme)
        page.locator(f"#m-{message.id}").get_by_role("link", name="Details").click()
        dialog = page.locator("dialog[open]")
        expect(dialog).to_contain_text("Handed to the carrier, try 3.")
        assert_accessible(page)
        dialog.get_by_role("link", name="Close").click()
        expect(dialog).to_have_count(0)
        # In a run there are no words to put the link beside.
        page.locator(f"#m-{first.id}").hover()
        page.locator(f"#m-{first.id} .details-mark").click()
        expect(page.locator("dialog[open]")).to_contain_text("A text from Maya.")
