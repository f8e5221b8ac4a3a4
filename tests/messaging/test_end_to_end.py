"""The main job, on real parts: Parley's own processes, the sandbox, and what the carrier's truth log says."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.utils import timezone

from parley.clients.models import Handset
from parley.messaging.models import Conversation, Message, Outbox
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


def test_a_landline_is_found_out_and_remembered(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    world.sandbox(
        "PUT",
        "/sandbox/world",
        {"handsets": [{"phone_number": MAYA, "name": "Maya", "line_type": "landline"}]},
    )
    client = juniper.client()
    send(juniper.owner, client, channel="sms", body="Hello")
    until(lambda: state("Hello") in ("undelivered", "failed"), what="the refusal")
    message = Message.objects.get()
    assert message.code == "30006"
    assert "landline" in message.reason
    client.refresh_from_db()
    assert client.texting == "cannot"
    told = Notification.objects.get()
    assert (told.kind, told.title) == ("failed", "A text to Maya didn’t arrive")


def test_a_phone_that_was_off_gets_its_text_when_it_is_on_again(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    world.weather(next="unreachable", delivery_seconds=[0.0, 0.05])
    message = send(juniper.owner, juniper.client(), channel="sms", body="Your table is ready")
    waiting = until(lambda: Outbox.objects.filter(tries=1).first(), what="the second try in the queue")
    message.refresh_from_db()
    assert (message.state, message.code) == ("queued", "30003")
    assert "Trying again" in message.reason
    assert waiting.run_at > timezone.now()
    Outbox.objects.update(run_at=timezone.now())
    until(lambda: state("Your table is ready") == "delivered", what="delivery")
    assert [row["status"] for row in world.truth()] == ["undelivered", "delivered"]
    assert not Notification.objects.exists()
    spent = juniper.business.entries.get(message_id=message.id)
    assert (spent.kind, -spent.monthly) == ("spent", 1)


def test_a_stop_is_answered_by_the_network_and_later_texts_are_refused(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    client = juniper.client()
    world.texts_from(MAYA, juniper.number.number, "STOP")
    until(lambda: Message.objects.filter(direction="in").exists(), what="the word passed on")
    client.refresh_from_db()
    assert client.texting == "stopped"
    # The network holds the block itself: even a text that slipped past us is refused, and we take its word.
    Handset.objects.update(service="", marketing="")
    client.refresh_from_db()
    send(juniper.owner, client, channel="sms", body="Still there?")
    until(lambda: state("Still there?") == "failed", what="the refusal")
    assert Message.objects.get(body="Still there?").code == "21610"
    client.refresh_from_db()
    assert client.texting == "stopped"


def test_an_unverified_number_is_refused_on_delivery(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number, verified=False)
    send(juniper.owner, juniper.client(), channel="sms", body="Hello")
    until(lambda: state("Hello") in ("undelivered", "failed"), what="the refusal")
    assert Message.objects.get().code == "30032"


def test_a_paced_number_sends_at_its_pace(world: World, juniper: House) -> None:
    juniper.number.pace = 10
    juniper.number.save()
    world.add_number(juniper.number.number)
    world.weather(delivery_seconds=[0.0, 0.01])
    for n in range(25):
        send(juniper.owner, juniper.client(phone=f"+1503{5550100 + n}"), channel="sms", body=f"Text {n}")
    until(lambda: Message.objects.filter(state="delivered").count() == 25, what="25 deliveries")
    times = sorted(row["accepted_at"] for row in world.truth())
    # 25 texts of one segment at 10 a second: the last leaves 2.4 s after the first.
    seconds = [parse(t) for t in times]
    # Beside others on two cores it may be later, but not as late as at half the pace: 4.8 s.
    assert 2.2 <= seconds[-1] - seconds[0] <= 4.6


def parse(moment: str | float) -> float:
    return moment if isinstance(moment, float | int) else datetime.fromisoformat(moment).timestamp()
