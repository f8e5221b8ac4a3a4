"""The public lead form: who writes in it, what is kept, and what programs get out of it (nothing)."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone

from parley.clients.models import Consent
from parley.leads.forms import SOONEST, TRAP, new_key
from parley.leads.models import Lead, LeadForm
from parley.messaging.models import Message
from parley.notifications.models import Notification
from tests.people import House

MAYA = {
    "first_name": "Maya",
    "last_name": "Okafor",
    "phone": "(503) 555-0118",
    "email": "maya@example.com",
    "message": "Do you do weddings?",
    "agree": "on",
}


@pytest.fixture
def form(juniper: House) -> LeadForm:
    cache.clear()
    return LeadForm.objects.create(business=juniper.business, slug="juniper", asks_marketing=True)


def a_key(seconds_ago: float = SOONEST + 1) -> str:
    with time_machine.travel(timezone.now().timestamp() - seconds_ago, tick=False):
        return new_key()


def send(browser: Browser, told: dict[str, str], *, key: str = "", lang: str = "en", **more: Any) -> Any:
    return browser.post(f"/f/juniper?lang={lang}", told | {"key": key or a_key()}, **more)


def test_what_somebody_writes_is_kept_with_the_words_they_agreed_to(
    client: Browser, juniper: House, form: LeadForm
) -> None:
    answer = send(client, MAYA | {"marketing": "on"})
    assert answer.status_code == 200
    assert "Thank you, Maya" in answer.content.decode()
    lead = juniper.business.leads.get()
    maya = lead.client
    assert (maya.name, maya.phone, maya.email, maya.language) == (
        "Maya Okafor",
        "+15035550118",
        "maya@example.com",
        "en",
    )
    assert "may text me about my request" in lead.agreed_words
    lines = {(line.category, line.says, line.how) for line in juniper.business.consents.all()}
    assert lines == {("service", "agreed", "web_form"), ("marketing", "agreed", "web_form")}
    assert all(juniper.business.name in line.words for line in Consent.objects.all())
    message = Message.objects.get()
    assert (message.direction, message.channel, message.body) == ("in", "email", "Do you do weddings?")
    conversation = message.conversation
    assert (conversation.unread, conversation.waiting, conversation.last_message) == (1, True, message)
    news = Notification.objects.get()
    assert (news.kind, news.title) == ("lead", "Maya Okafor wrote in your lead form")
    assert str(conversation.pk) in news.address


def test_without_the_box_there_is_no_consent(client: Browser, juniper: House, form: LeadForm) -> None:
    told = {name: value for name, value in MAYA.items() if name != "agree"}
    assert "Thank you" in send(client, told).content.decode()
    assert Lead.objects.get().agreed_words == ""
    assert not Consent.objects.exists()
    # A box that the form does not show cannot be ticked.
    LeadForm.objects.update(asks_marketing=False)
    send(client, MAYA | {"marketing": "on"})
    assert {line.category for line in Consent.objects.all()} == {"service"}


def test_two_presses_are_one_lead(client: Browser, juniper: House, form: LeadForm) -> None:
    key = a_key()
    for _ in range(3):
        assert "Thank you" in send(client, MAYA, key=key).content.decode()
    assert (Lead.objects.count(), Message.objects.count(), Notification.objects.count()) == (1, 1, 1)


def test_a_known_client_is_not_overwritten_by_a_stranger(
    client: Browser, juniper: House, form: LeadForm
) -> None:
    known = juniper.client("Mia", "Okafor", "+15035550118", email="mia@example.com")
    send(client, MAYA | {"first_name": "Mallory", "email": "mallory@evil.example"})
    known.refresh_from_db()
    assert (known.first_name, known.email) == ("Mia", "mia@example.com")
    assert Lead.objects.get().client == known
    assert not Lead.objects.get().new_client


def test_an_opt_out_by_text_is_not_undone_by_a_form(client: Browser, juniper: House, form: LeadForm) -> None:
    known = juniper.client()
    juniper.business.consents.create(
        phone=known.phone,
        category="all",
        says="refused",
        how="text",
        said_at=timezone.now(),
        recorded_at=timezone.now(),
    )
    juniper.business.handsets.create(
        phone=known.phone, service="refused", marketing="refused", changed_at=timezone.now()
    )
    assert "Thank you" in send(client, MAYA).content.decode()
    assert juniper.business.handsets.get().service == "refused"
    assert juniper.business.consents.count() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"first_name": " "}, "Enter your name."),
        ({"phone": "", "email": "", "agree": ""}, "Enter a mobile number or an email"),
        ({"phone": "911"}, "That is no mobile number"),
        ({"email": "maya@"}, "That is no email address"),
        ({"phone": ""}, "Enter your mobile number too"),
        ({"message": "x" * 2001}, "The most is 2000 characters"),
        ({"first_name": "x" * 61}, "The most is 60 characters"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(
    client: Browser, form: LeadForm, change: dict[str, str], words: str
) -> None:
    answer = send(client, MAYA | change)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    for name, value in (MAYA | change).items():
        assert name == "agree" or value in page, name
    assert 'name="agree" checked' in page or not (MAYA | change)["agree"]
    assert not Lead.objects.exists()


def test_programs_are_thanked_and_nothing_is_kept(client: Browser, form: LeadForm) -> None:
    for told, key in (
        (MAYA | {TRAP: "https://spam.example"}, a_key()),
        (MAYA, a_key(0.1)),
        (MAYA, "00000000-0000-0000-0000-000000000000:1:forged"),
    ):
        answer = send(client, told, key=key)
        assert (answer.status_code, "Thank you" in answer.content.decode()) == (200, True)
    assert not Lead.objects.exists()


def test_a_page_that_was_open_for_days_is_good_at_the_next_press(client: Browser, form: LeadForm) -> None:
    answer = send(client, MAYA, key=a_key(3 * 24 * 3600))
    assert answer.status_code == 422
    assert "Press Send once more" in answer.content.decode()
    with time_machine.travel(timezone.now().timestamp() + 60, tick=False):
        assert "Thank you" in send(client, MAYA, key=answer.context["form"].key).content.decode()
    assert Lead.objects.count() == 1


def test_nobody_writes_without_end(client: Browser, form: LeadForm) -> None:
    answers = [send(client, MAYA).status_code for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2
    assert Lead.objects.count() == 10
    # Nothing typed is lost by it.
    assert "Do you do weddings?" in send(client, MAYA).content.decode()


def test_it_speaks_the_clients_language(client: Browser, juniper: House, form: LeadForm) -> None:
    page = client.get("/f/juniper?lang=fr").content.decode()
    assert '<html lang="fr">' in page
    assert "Numéro de cellulaire" in page
    send(client, MAYA, lang="fr")
    assert juniper.business.clients.get().language == "fr"
    assert "Répondez ARRET" in Lead.objects.get().agreed_words
    juniper.business.language = "es"
    juniper.business.save()
    assert "Número de celular" in client.get("/f/juniper").content.decode()


def test_only_an_open_form_is_there(client: Browser, form: LeadForm) -> None:
    assert client.get("/f/JUNIPER").status_code == 200
    assert client.get("/f/nobody").status_code == 404
    LeadForm.objects.update(on=False)
    assert client.get("/f/juniper").status_code == 404
    assert send(client, MAYA).status_code == 404


def test_managers_decide_about_the_form(
    client: Browser, juniper: House, alder: House, django_assert_num_queries: Any
) -> None:
    client.force_login(juniper.owner.user)
    assert 'value="juniper-hair-studio"' in client.get("/settings/lead-form").content.decode()
    client.post("/settings/lead-form", {"on": "on", "slug": "juniper", "title": "", "intro": ""})
    cache.clear()
    for n in range(3):
        send(client, MAYA | {"phone": f"(503) 555-010{n}", "email": ""})
    page = client.get("/settings/lead-form").content.decode()
    assert "/f/juniper" in page
    assert page.count("Do you do weddings?") == 3
    with django_assert_num_queries(7):
        client.get("/settings/lead-form")
    client.force_login(alder.owner.user)
    taken = client.post("/settings/lead-form", {"on": "on", "slug": "Juniper"})
    assert taken.status_code == 422
    assert "Another business has this address." in taken.content.decode()
    assert "Do you do weddings?" not in client.get("/settings/lead-form").content.decode()
    client.force_login(juniper.staff.user)
    assert client.get("/settings/lead-form").status_code == 403
