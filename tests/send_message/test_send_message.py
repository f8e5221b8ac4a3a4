"""Send Message without a browser: who it can be for, what is refused where, and that one press is one message."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import connections
from django.test import Client as Browser

from parley.clients.models import Client
from parley.messaging.models import Message, Outbox
from parley.numbers.models import PhoneNumber
from tests.people import House

DIALOG = {"HX-Request": "true", "HX-Target": "dialog#dialog"}
LIST = {"HX-Request": "true", "HX-Target": "div#contacts"}


@pytest.fixture
def nora(client: Browser, juniper: House) -> Browser:
    client.force_login(juniper.owner.user)
    return client


def offered(html: bytes) -> list[tuple[str, str]]:
    """Name and what is said below it, as step 1 lists them."""
    rows = re.findall(r"<b>(.*?)</b><small>(.*?)</small>", html.decode())
    return [(name, re.sub(r"<.*?>", "", small)) for name, small in rows]


def letter(client: Client, **typed: str) -> dict[str, str]:
    return {"subject": "", "body": "Hi!", "channel": "sms", "client_key": str(uuid.uuid4())} | typed


def test_step_one_offers_whom_one_spoke_with_last_and_then_everybody(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    juniper.client("Abe", "Zander", "+15035550101")
    aisha = juniper.client("Aisha", "Farah", "+15035550112", texting="stopped", email="aisha@farah.example")
    juniper.client("Theo", "Lindqvist", "+15035550113", texting="cannot")
    juniper.client("Eve", "Mail", "", email="eve@mail.example")
    juniper.client("", "", "+15035550175")
    juniper.text(aisha, "STOP", minutes_ago=60 * 24 * 400)
    juniper.text(maya, "Hello")
    rows = offered(nora.get("/send-message", headers=DIALOG).content)
    assert [name for name, _ in rows] == [
        "Maya Okafor", "Aisha Farah", "Abe Zander", "Eve Mail", "Theo Lindqvist", "(503) 555-0175",
    ]  # fmt: skip
    below = dict(rows)
    assert re.fullmatch(r"\(503\) 555-0118, wrote \d+:\d\d|.*wrote Yesterday", below["Maya Okafor"])
    assert below["Abe Zander"] == "(503) 555-0101"
    assert below["Aisha Farah"] == "Asked to stop texts, email only"
    assert below["Theo Lindqvist"] == "Can’t get texts"
    assert below["Eve Mail"] == "Email only, eve@mail.example"


def test_search_finds_by_name_number_and_email(nora: Browser, juniper: House) -> None:
    juniper.client(email="maya@okafor.example")
    juniper.client("Priya", "Raman", "+15035550164")
    for typed in ("may", "0118", "okafor.example"):
        answer = nora.get("/send-message", {"q": typed}, headers=LIST)
        assert [name for name, _ in offered(answer.content)] == ["Maya Okafor"]
        assert answer.content.startswith(b'<div id="contacts">')
    assert "Nobody found" in nora.get("/send-message", {"q": "zz"}, headers=LIST).content.decode()


def test_continue_without_a_choice_says_so_at_the_list(nora: Browser, juniper: House) -> None:
    juniper.client()
    for nothing in ({}, {"contact": ""}, {"contact": "nonsense"}):
        answer = nora.get("/send-message", {"continue": "1", **nothing})
        assert answer.status_code == 422
        assert "Choose who it is for." in answer.content.decode()


def test_continue_leads_to_the_letter(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    answer = nora.get("/send-message", {"continue": "1", "contact": maya.pk})
    assert answer["Location"] == f"/send-message/{maya.pk}"
    html = nora.get(answer["Location"]).content.decode()
    assert "Maya sees only the message. The subject is for your own records." in html
    assert "Goes out from hello@juniper.example." in html
    assert "Texts welcome" in html
    assert 'aria-label="Send text"' in html


def test_a_text_is_queued_and_its_subject_stays_with_us(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    answer = nora.post(
        f"/send-message/{maya.pk}", letter(maya, subject="Your visit", body="See you at 2:45.")
    )
    message = Message.objects.get()
    assert (message.subject, message.body, message.channel) == ("Your visit", "See you at 2:45.", "sms")
    assert (message.author, message.state) == (juniper.owner, "queued")
    assert Outbox.objects.get().recipient == "+15035550118"
    assert answer["Location"] == f"/inbox/{message.conversation_id}"


def test_the_dialog_closes_with_a_toast_that_says_how_it_went(nora: Browser, juniper: House) -> None:
    maya = juniper.client(first="<Maya>", email="maya@okafor.example")
    answer = nora.post(f"/send-message/{maya.pk}", letter(maya), headers=DIALOG)
    html = answer.content.decode()
    assert answer["HX-Trigger"] == "parley:done"
    assert "Sent to &lt;Maya&gt;" in html
    assert "As a text from (855) 555-0142" in html
    assert f'href="/inbox/{Message.objects.get().conversation_id}"' in html
    by_email = nora.post(
        f"/send-message/{maya.pk}", letter(maya, channel="email", subject="Hi"), headers=DIALOG
    )
    assert "As an email from hello@juniper.example" in by_email.content.decode()


@pytest.mark.parametrize(
    ("who", "typed", "words"),
    [
        ({}, {"body": "  "}, "Write a message first."),
        ({}, {"body": "a" * 1601}, "1,601 characters, 1 more than the 1,600"),
        ({}, {"subject": "s" * 201}, "The subject has 201 characters. The most is 200."),
        ({}, {"channel": "pigeon"}, "Choose SMS or Email."),
        ({"email": "m@o.example"}, {"channel": "email"}, "Write a subject: an email needs one."),
        ({}, {"channel": "email", "subject": "Hi"}, "Maya has no email address yet."),
        ({"texting": "stopped"}, {}, "Maya asked you to stop texting."),
        ({"texting": "cannot"}, {}, "(503) 555-0118 can’t get texts"),
        ({"phone": "", "email": "m@o.example"}, {}, "Maya has no mobile number yet."),
    ],
)
def test_what_cannot_be_sent_is_said_and_everything_typed_is_kept(
    nora: Browser, juniper: House, who: dict[str, str], typed: dict[str, str], words: str
) -> None:
    maya = juniper.client(**who)
    sent = letter(maya, **({"subject": "Your <visit>"} if typed.get("channel") != "email" else {}) | typed)
    answer = nora.post(f"/send-message/{maya.pk}", sent, headers=DIALOG)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert words in html
    assert f'name="client_key" value="{sent["client_key"]}"' in html
    assert sent["subject"].replace("<", "&lt;").replace(">", "&gt;") in html
    assert f"\n{sent['body']}</textarea>" in html
    assert not Message.objects.exists()


def test_a_landline_starts_with_email_and_offers_it_without_sending(nora: Browser, juniper: House) -> None:
    maya = juniper.client(texting="cannot", email="maya@okafor.example")
    html = nora.get(f"/send-message/{maya.pk}").content.decode()
    assert re.search(r'value="email" checked', html)
    typed = letter(maya, by_email="1", subject="Hi", body="Hello")
    html = nora.post(f"/send-message/{maya.pk}", typed).content.decode()
    assert re.search(r'value="email" checked', html)
    assert "\nHello</textarea>" in html
    assert not Message.objects.exists()


def test_without_a_number_of_its_own_a_business_writes_emails(nora: Browser, juniper: House) -> None:
    PhoneNumber.objects.update(approved_at=None)
    maya = juniper.client(email="maya@okafor.example")
    html = nora.get(f"/send-message/{maya.pk}").content.decode()
    assert "Your business has no texting number yet." in html
    assert re.search(r'value="email" checked', html)


def test_pressing_twice_is_one_message(nora: Browser, juniper: House) -> None:
    maya = juniper.client()
    typed = letter(maya)
    first, second = (nora.post(f"/send-message/{maya.pk}", typed) for _ in range(2))
    assert Message.objects.count() == Outbox.objects.count() == 1
    assert first["Location"] == second["Location"]


@pytest.mark.django_db(transaction=True)
def test_pressing_twice_at_once_is_one_message(juniper: House) -> None:
    from concurrent.futures import ThreadPoolExecutor

    maya = juniper.client()
    typed = letter(maya)

    def press(_: int) -> int:
        browser = Browser()
        browser.force_login(juniper.owner.user)
        try:
            return browser.post(f"/send-message/{maya.pk}", typed).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(press, range(8))) == [302] * 8
    assert Message.objects.count() == Outbox.objects.count() == 1


def test_what_is_not_ours_is_absent(nora: Browser, juniper: House, alder: House) -> None:
    theirs = alder.client("Secret", "Person")
    assert b"Secret" not in nora.get("/send-message").content
    assert b"Secret" not in nora.get("/send-message", {"q": "secret"}, headers=LIST).content
    for id in (theirs.pk, uuid.uuid4()):
        assert nora.get(f"/send-message/{id}").status_code == 404
        assert nora.post(f"/send-message/{id}", letter(theirs)).status_code == 404
        assert nora.get("/send-message", {"continue": "1", "contact": id}, follow=True).status_code == 404
    assert not Message.objects.exists()


def test_strangers_are_sent_to_sign_in(client: Browser, juniper: House) -> None:
    for address in ("/send-message", f"/send-message/{juniper.client().pk}"):
        assert client.get(address)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("count", [3, 300])
def test_both_steps_cost_the_same_for_few_and_many(
    nora: Browser, juniper: House, count: int, django_assert_num_queries: object
) -> None:
    Client.objects.bulk_create(
        Client(business=juniper.business, first_name=f"Client {n:03}", phone=f"+1503555{n:04}")
        for n in range(count)
    )
    for client in Client.objects.all():
        juniper.text(client, "Hello")
    with django_assert_num_queries(4):  # type: ignore[operator]
        nora.get("/send-message", headers=DIALOG)
    with django_assert_num_queries(5):  # type: ignore[operator]
        nora.get(f"/send-message/{client.pk}", headers=DIALOG)
