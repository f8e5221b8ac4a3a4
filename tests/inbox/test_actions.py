"""What people do in a conversation: send, try again, read, assign, close."""

from __future__ import annotations

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client as Browser

from parley.clients.models import Client
from parley.messaging.models import Conversation, Message, Outbox
from parley.messaging.sending import send
from tests.inbox.conftest import SignIn
from tests.people import House

HTMX = {"HX-Request": "true"}


@pytest.fixture
def maya(juniper: House) -> Client:
    return juniper.client(email="maya@example.com")


@pytest.fixture
def hello(juniper: House, maya: Client) -> Message:
    return juniper.text(maya, "Hello?")


def form(body: str = "Hi Maya", channel: str = "sms", **more: str) -> dict[str, str]:
    return {"body": body, "channel": channel, "client_key": str(uuid.uuid4()), **more}


def test_a_form_without_scripts_sends_and_comes_back(nora: Browser, hello: Message) -> None:
    at = f"/inbox/{hello.conversation_id}"
    answer = nora.post(f"{at}/send", form())
    assert (answer.status_code, answer.headers["Location"]) == (302, at)
    sent = Message.objects.get(direction="out")
    assert (sent.body, sent.state, sent.author.first_name) == ("Hi Maya", "queued", "Nora")
    assert "Waiting to send" in nora.get(at).content.decode()
    conversation = Conversation.objects.get()
    assert (conversation.unread, conversation.waiting) == (0, False)


def test_one_key_is_one_message(nora: Browser, hello: Message) -> None:
    words = form()
    for _ in range(2):
        assert nora.post(f"/inbox/{hello.conversation_id}/send", words, headers=HTMX).status_code == 204
    assert Message.objects.filter(direction="out").count() == Outbox.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_tap_at_the_same_moment_is_one_message(
    nora: Browser, hello: Message, juniper: House, sign_in: SignIn
) -> None:
    words, taps = form(), [sign_in(juniper.owner) for _ in range(4)]

    def tap(browser: Browser) -> int:
        try:
            return browser.post(f"/inbox/{hello.conversation_id}/send", words, headers=HTMX).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tap, taps)) == [204] * 4
    assert Message.objects.filter(direction="out").count() == Outbox.objects.count() == 1


@pytest.mark.parametrize(
    ("words", "field", "says"),
    [
        (form(" "), "body", "Write a message first."),
        (form("x" * 1601), "body", "This text has 1,601 characters, 1 more than the 1,600 a text can hold."),
        (form(channel="email"), "subject", "Write a subject"),
        (form(channel="pigeon"), "channel", "Choose SMS or Email."),
    ],
)
def test_what_cannot_be_sent_is_said_at_its_field_and_kept(
    nora: Browser, hello: Message, words: dict[str, str], field: str, says: str
) -> None:
    at = f"/inbox/{hello.conversation_id}/send"
    refused = nora.post(at, words, headers=HTMX)
    assert refused.status_code == 422
    assert refused.json()["field"] == field
    assert says in refused.json()["words"]
    page = nora.post(at, words)
    html = page.content.decode()
    assert page.status_code == 422
    assert says in html
    assert f">{words['body']}</textarea>" in html
    assert not Message.objects.filter(direction="out").exists()


@pytest.mark.parametrize(
    ("facts", "says", "sms", "email"),
    [
        ({"texting": "stopped", "email": "m@x.example"}, "asked you to stop texting", "no", "yes"),
        ({"texting": "cannot", "email": "m@x.example"}, "can’t get texts", "no", "yes"),
        ({"phone": "", "email": "m@x.example"}, "has no mobile number yet", "no", "yes"),
        ({"texting": "stopped"}, "asked you to stop texting", "no", "no"),
        ({}, "", "yes", "no"),
    ],
)
def test_the_composer_says_why_texts_are_not_possible(
    juniper: House, nora: Browser, facts: dict[str, str], says: str, sms: str, email: str
) -> None:
    message = juniper.text(juniper.client(**facts), "Hi")
    html = nora.get(f"/inbox/{message.conversation_id}").content.decode()
    assert f'id="can-send" data-sms="{sms}" data-email="{email}"' in html
    assert says in html
    picked = "email" if sms == "no" and email == "yes" else "sms"
    assert re.search(rf'name="channel" value="{picked}" checked', html)
    assert ("data-closed" in html) == (sms == email == "no")


def test_without_a_number_only_email_is_offered(juniper: House, nora: Browser, hello: Message) -> None:
    juniper.business.numbers.update(approved_at=None)
    html = nora.get(f"/inbox/{hello.conversation_id}").content.decode()
    assert "Your business has no texting number yet." in html
    assert 'data-sms="no"' in html


def test_try_again_is_one_new_message_for_everybody(
    juniper: House, nora: Browser, maya: Client, sign_in: SignIn
) -> None:
    failed = juniper.text(maya, "See you", inbound=False, state="failed", reason="The carrier was down.")
    at = f"/inbox/{failed.conversation_id}"
    assert nora.post(f"{at}/again/{failed.id}", headers=HTMX).status_code == 204
    assert sign_in(juniper.staff).post(f"{at}/again/{failed.id}").status_code == 302
    again = Message.objects.exclude(pk=failed.pk).get()
    assert (again.body, again.state) == ("See you", "queued")
    html = nora.get(at).content.decode()
    assert "Try again" not in html, "it was tried again"
    assert nora.post(f"{at}/again/{again.id}").status_code == 404, "it has not failed"


def test_try_again_that_cannot_be_is_said(juniper: House, nora: Browser, maya: Client) -> None:
    failed = juniper.text(maya, "See you", inbound=False, state="failed")
    Client.objects.update(texting="stopped")
    at = f"/inbox/{failed.conversation_id}"
    assert "Try again" not in nora.get(at).content.decode()
    toast = nora.post(f"{at}/again/{failed.id}", headers=HTMX).content.decode()
    assert "asked you to stop texting" in toast
    page = nora.post(f"{at}/again/{failed.id}")
    assert page.status_code == 422
    assert ">See you</textarea>" in page.content.decode()


def test_send_by_email_brings_the_words_along(juniper: House, nora: Browser, maya: Client) -> None:
    failed = juniper.text(maya, "See <you>", inbound=False, state="failed")
    html = nora.get(f"/inbox/{failed.conversation_id}", {"via": "email", "from": failed.id}).content.decode()
    assert ">See &lt;you&gt;</textarea>" in html
    assert re.search(r'value="email" checked', html)


def test_reading_is_said_by_the_page_and_only_up_to_what_it_shows(
    juniper: House, nora: Browser, hello: Message, maya: Client
) -> None:
    at = f"/inbox/{hello.conversation_id}"
    nora.get(at)
    assert Conversation.objects.get().unread == 1, "fetching a page, as a prefetch does, reads nothing"
    juniper.text(maya, "Are you there?", minutes_ago=0)
    assert nora.post(f"{at}/read", {"seen": hello.id}).status_code == 204
    assert Conversation.objects.get().unread == 1, "the second has not been seen"
    seen = Message.objects.order_by("at").last()
    nora.post(f"{at}/read", {"seen": seen.id})
    assert Conversation.objects.get().unread == 0
    assert Conversation.objects.get().waiting, "it is read, but nobody has answered"
    assert nora.post(f"{at}/read", {"seen": "x"}).status_code == 404


def test_assign_close_and_open_again(juniper: House, alder: House, nora: Browser, hello: Message) -> None:
    at = f"/inbox/{hello.conversation_id}"
    assert nora.post(f"{at}/assign", {"member": juniper.staff.id}).status_code == 302
    assert Conversation.objects.get().assignee == juniper.staff
    assert nora.post(f"{at}/assign", {"member": alder.owner.id}).status_code == 404, "not of this business"
    assert nora.post(f"{at}/assign", {"member": ""}).status_code == 302
    assert Conversation.objects.get().assignee is None
    toast = nora.post(f"{at}/close", headers=HTMX).content.decode()
    assert "Conversation closed" in toast
    assert "Undo" in toast
    assert Conversation.objects.get().closed_at
    assert "Open again" in nora.get(at).content.decode()
    assert nora.post(f"{at}/open", headers=HTMX).status_code == 204
    assert Conversation.objects.get().closed_at is None


def test_changes_are_made_by_post_alone(nora: Browser, hello: Message) -> None:
    for verb in ("send", "read", "assign", "close", "open", f"again/{hello.id}"):
        assert nora.get(f"/inbox/{hello.conversation_id}/{verb}").status_code == 405


def test_every_page_forbids_scripts_of_others(nora: Browser, hello: Message) -> None:
    policy = nora.get(f"/inbox/{hello.conversation_id}").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    html = nora.get(f"/inbox/{hello.conversation_id}").content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"\son\w+=", html)


def test_a_text_behind_one_in_doubt_says_so_and_may_go_ahead(
    juniper: House, alder: House, nora: Browser, maya: Client
) -> None:
    juniper.text(maya, "See you at 2", inbound=False, state="unknown")
    other = send(juniper.owner, maya, channel="sms", body="Ring the side bell")
    same = send(juniper.owner, maya, channel="sms", body="See you at 2")
    page = nora.get(f"/inbox/{other.conversation_id}").content.decode()
    assert page.count("the carrier is still being asked about the text before it.") == 2
    # Never past the very same words: the carrier's log could not tell the two apart.
    assert page.count("Send it now") == 1
    assert nora.post(f"/inbox/{other.conversation_id}/now/{other.id}").status_code == 302
    assert Outbox.objects.get(message=other).past
    assert not Outbox.objects.get(message=same).past
    stranger = Browser()
    stranger.force_login(alder.owner.user)
    assert stranger.post(f"/inbox/{same.conversation_id}/now/{same.id}").status_code == 404
    assert not Outbox.objects.get(message=same).past
