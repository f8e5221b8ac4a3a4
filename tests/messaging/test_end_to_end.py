"""The main job, on real parts: Parley's own processes, the sandbox, and what the carrier's truth log says."""

from __future__ import annotations

import pytest

from parley.messaging.models import Conversation, Message
from parley.messaging.sending import send
from parley.notifications.models import Notification
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

MAYA = "+15035550118"


def state(body: str) -> str | None:
    return Message.objects.filter(body=body).values_list("state", flat=True).first()


def test_a_text_goes_out_and_the_reply_comes_back(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    client = juniper.client()
    send(juniper.owner, client, channel="sms", body="See you at 2:45!")
    until(lambda: state("See you at 2:45!") == "delivered", what="delivery")
    [row] = world.truth()
    assert row["body"] == "See you at 2:45!"

    world.texts_from(MAYA, juniper.number.number, "You’re the best 💚")
    reply = until(lambda: Message.objects.filter(direction="in").first(), what="the reply")
    assert (reply.body, reply.state, reply.their_address) == ("You’re the best 💚", "received", MAYA)
    conversation = Conversation.objects.get()
    assert (conversation.client, conversation.unread, conversation.waiting) == (client, 1, True)
    assert Notification.objects.get().title == "Maya Okafor"


def test_an_unknown_number_becomes_a_client_with_that_number(
    world: World, juniper: House, alder: House
) -> None:
    world.add_number(juniper.number.number)
    world.texts_from("+15035550175", juniper.number.number, "Anything on Saturday?")
    until(lambda: Message.objects.exists(), what="the text")
    client = juniper.business.clients.get()
    assert (client.name, client.phone) == ("(503) 555-0175", "+15035550175")
    assert not alder.business.clients.exists()
    assert not alder.business.conversations.exists()
