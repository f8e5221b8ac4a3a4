"""Email goes out as real SMTP, once, with its subject; and says why when it does not."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest

from parley.messaging.models import Message
from parley.messaging.sending import send
from parley.messaging.tasks import send_email
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(web: World) -> World:
    web.afresh("sandbox", "jobs")
    return web


def mails(world: World) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{world.mailbox_url}/api/mails", timeout=10) as answer:
        found = json.load(answer)
    return list(found["mails"] if isinstance(found, dict) else found)


def test_an_email_arrives_once_with_its_subject(world: World, juniper: House) -> None:
    client = juniper.client(email="maya@okafor.example")
    message = send(
        juniper.owner, client, channel="email", subject="Balayage & care", body="Hi Maya,\n\nhere it is. ✨"
    )
    until(lambda: Message.objects.get().state == "sent", what="the email sent")
    [mail] = until(lambda: mails(world), what="the mail")
    assert mail["subject"] == "Balayage & care"
    assert "maya@okafor.example" in str(mail["to"])
    assert "hello@juniper.example" in str(mail["from"])
    # The job again, as after a worker's death: nothing is sent and nothing changes.
    send_email(message_id=str(message.id), business_id=str(message.business_id))
    assert Message.objects.get().state == "sent"
    assert len(mails(world)) == 1


def test_a_job_that_follows_a_dead_worker_does_not_send_a_second_copy(juniper: House) -> None:
    client = juniper.client(email="maya@okafor.example")
    message = send(juniper.owner, client, channel="email", subject="Hi", body="Hi")
    Message.objects.update(state="sending")
    send_email(message_id=str(message.id), business_id=str(message.business_id))
    message.refresh_from_db()
    assert (message.state, message.reason) == ("unconfirmed", "The mail server did not confirm it.")


def test_a_mail_server_that_is_away_is_waited_for(world: World, juniper: House) -> None:
    world.stop("sandbox")
    send(juniper.owner, juniper.client(email="m@o.example"), channel="email", subject="Later", body="Hi")
    waiting = until(lambda: Message.objects.exclude(reason="").first(), what="a reason")
    assert (waiting.state, waiting.reason) == ("queued", "The mail server can’t be reached.")
    world.start("sandbox")
    until(lambda: Message.objects.get().state == "sent", 40, what="the email sent")
    assert len(mails(world)) == 1


def test_an_email_of_another_business_is_not_to_be_had(juniper: House, alder: House) -> None:
    message = send(juniper.owner, juniper.client(email="m@o.example"), channel="email", subject="S", body="B")
    send_email(message_id=str(message.id), business_id=str(alder.business.id))
    message.refresh_from_db()
    assert message.state == "queued"
