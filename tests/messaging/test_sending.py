"""The road out, first half: what is refused and in which words, and what one transaction writes."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from parley.messaging.models import Conversation, Message, Outbox
from parley.messaging.sending import CannotSend, send
from tests.people import House, make_house
from tests.quota.conftest import on_plan


def test_a_text_is_written_queued_and_shown_in_one_go(juniper: House) -> None:
    client = juniper.client()
    juniper.text(client, "Could we start at 2:45?")
    message = send(juniper.owner, client, channel="sms", body="  Of course!\r\nSee you. ", subject="Moved")
    message.refresh_from_db()
    assert (message.state, message.body, message.subject) == ("queued", "Of course!\nSee you.", "Moved")
    assert (message.their_address, message.segments) == ("+15035550118", 1)
    outbox = Outbox.objects.get()
    assert (outbox.message_id, outbox.number_id, outbox.recipient, outbox.priority) == (
        message.id,
        juniper.number.id,
        "+15035550118",
        0,
    )
    conversation = Conversation.objects.get()
    assert (conversation.unread, conversation.waiting, conversation.last_message_id) == (0, False, message.id)
    assert conversation.assignee == juniper.owner


@pytest.mark.parametrize(
    ("client", "draft", "field", "words"),
    [
        ({}, {"body": "   "}, "body", "Write a message first."),
        ({}, {"body": "a" * 1601}, "body", "This text has 1,601 characters, 1 more than the 1,600"),
        ({"phone": ""}, {"body": "Hi"}, "channel", "no mobile number yet"),
        ({"texting": "stopped"}, {"body": "Hi"}, "channel", "Maya asked you to stop texting."),
        ({"texting": "cannot"}, {"body": "Hi"}, "channel", "Send an email instead."),
        ({"phone": "+18005550199"}, {"body": "Hi"}, "channel", "toll-free"),
        ({}, {"body": "Hi", "channel": "email", "subject": "Hi"}, "channel", "no email address yet"),
        ({"email": "m@o.example"}, {"body": "Hi", "channel": "email"}, "subject", "an email needs one"),
        (
            {"email": "m@o.example"},
            {"channel": "email", "subject": "S", "body": ""},
            "body",
            "Write a message first.",
        ),
        ({}, {"body": "Hi", "subject": "s" * 201}, "subject", "201 characters"),
        ({}, {"body": "Hi", "channel": "pigeon"}, "channel", "Choose SMS or Email."),
    ],
)
def test_what_the_sender_must_mend_is_said_at_its_field(
    juniper: House, client: dict[str, str], draft: dict[str, str], field: str, words: str
) -> None:
    with pytest.raises(CannotSend) as refused:
        send(juniper.owner, juniper.client(**client), **({"channel": "sms"} | draft))
    assert refused.value.field == field
    assert words in refused.value.words
    assert not Message.objects.exists()


def test_a_business_without_a_number_is_told_so(juniper: House) -> None:
    juniper.number.approved_at = None
    juniper.number.save()
    with pytest.raises(CannotSend, match="no texting number yet"):
        send(juniper.owner, juniper.client(), channel="sms", body="Hi")


def test_one_key_is_one_message_even_from_many_hands_at_once(juniper: House, transactional_db: None) -> None:
    client, key = juniper.client(), uuid.uuid4()

    def once(_: int) -> uuid.UUID:
        try:
            return send(juniper.owner, client, channel="sms", body="Hi", client_key=key).id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as hands:
        ids = set(hands.map(once, range(24)))
    assert len(ids) == 1
    assert Message.objects.count() == Outbox.objects.count() == 1


def test_nothing_is_queued_when_the_transaction_fails(juniper: House) -> None:
    client = juniper.client()
    with pytest.raises(RuntimeError), transaction.atomic():
        send(juniper.owner, client, channel="sms", body="Hi")
        raise RuntimeError
    assert not Message.objects.exists()
    assert not Outbox.objects.exists()


def test_the_database_refuses_a_message_in_another_business_s_conversation(
    juniper: House, alder: House
) -> None:
    theirs = juniper.text(juniper.client(), "Hello").conversation
    with pytest.raises(IntegrityError, match="message_conversation_tenant"), transaction.atomic():
        Message.objects.create(
            business=alder.business,
            conversation=theirs,
            direction="in",
            body="Not yours",
            at=theirs.last_at,
            changed_at=theirs.last_at,
        )
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize("field", ["client", "assignee", "last_message"])
def test_the_database_refuses_a_conversation_that_refers_to_another_business(
    juniper: House, alder: House, field: str
) -> None:
    message = juniper.text(juniper.client(), "Hello")
    other = alder.text(alder.client(phone="+15035550199"), "Hello").conversation
    theirs = {
        "client": juniper.client(phone="+15035550198"),
        "assignee": juniper.owner,
        "last_message": message,
    }[field]
    with (
        pytest.raises(IntegrityError, match=f"conversation_{field.replace('last_', '')}_tenant"),
        transaction.atomic(),
    ):
        Conversation.objects.filter(pk=other.pk).update(**{field: theirs})
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_of_a_text_that_cannot_be_paid_for() -> None:
    house = make_house()
    on_plan(house.business, 0)
    client = house.client()
    for known in (None, "theirs"):
        conversation = house.text(client, "Hello").conversation if known else None
        with pytest.raises(CannotSend, match="No texts are left"):
            send(house.owner, client, channel="sms", body="Hi", conversation=conversation)
        assert not Message.objects.filter(direction="out").exists()
        assert not Outbox.objects.exists()
        assert Conversation.objects.count() == bool(known)
