"""What nobody knows is found out, and never sent twice (rules R4, R5 and R8)."""

from __future__ import annotations

from typing import Any

import pytest

from parley.messaging.models import Attempt, Message
from parley.messaging.sending import send
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

CALM = {
    "delivery_seconds": [0.02, 0.05],
    "error_before": 0.0,
    "error_after": 0.0,
    "reset_after": 0.0,
    "garbage": 0.0,
    "hang": 0.0,
    "callbacks_lost": 0.0,
    "list_fails": 0.0,
    "list_lag_seconds": 0.0,
    "down": "",
}


@pytest.fixture
def world(web: World) -> World:
    """As elsewhere, but with the shortest waits that a slow machine still keeps."""
    web.afresh("sandbox", "texts", patience=0.025)
    return web


def message() -> Message:
    return Message.objects.get()


@pytest.mark.parametrize(
    ("weather", "sees", "attempts"),
    [
        # The carrier has it, and we were not told: found in its log or named by its receipt.
        ({"error_after": 1.0}, None, 1),
        ({"reset_after": 1.0}, None, 1),
        ({"garbage": 1.0}, None, 1),
        ({"error_after": 1.0, "callbacks_lost": 1.0}, "unknown", 1),
        # Its log is slow to show it: one listing without it would have been a second text.
        ({"error_after": 1.0, "callbacks_lost": 1.0, "list_lag_seconds": 4.0}, "unknown", 1),
        # The carrier never had it: proved by two listings, then sent again.
        ({"error_before": 1.0}, "unknown", 2),
        ({"hang": 1.0, "hang_seconds": 5.0}, "unknown", 2),
        # Accepted as it should be, but every receipt is lost: asked for.
        ({"callbacks_lost": 1.0}, "accepted", 1),
    ],
)
def test_doubt_ends_in_one_delivery(
    world: World, juniper: House, weather: dict[str, Any], sees: str | None, attempts: int
) -> None:
    world.add_number(juniper.number.number)
    world.weather(**CALM | weather)
    send(juniper.owner, juniper.client(), channel="sms", body="See you at 2:45!")
    if sees:
        until(lambda: message().state == sees, what=sees)
    else:
        until(lambda: Attempt.objects.exists(), what="an attempt")
    if attempts > 1:
        world.weather(**CALM)
    until(lambda: message().state == "delivered", 40, what="delivery")
    assert [row["body"] for row in world.truth()] == ["See you at 2:45!"]
    assert Attempt.objects.count() == attempts


def test_a_log_that_does_not_answer_proves_nothing(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    world.weather(**CALM | {"error_after": 1.0, "callbacks_lost": 1.0, "list_fails": 1.0})
    send(juniper.owner, juniper.client(), channel="sms", body="Once")
    until(lambda: message().state == "unknown", what="doubt")
    due = Attempt.objects.get().check_at
    # It has been asked, in vain, and will be asked again: nothing is sent meanwhile.
    until(lambda: Attempt.objects.get().check_at > due, 20, what="a question put off")
    assert (message().state, Attempt.objects.get().checks) == ("unknown", 0)
    world.weather(**CALM)
    until(lambda: message().state == "delivered", 30, what="delivery")
    assert len(world.truth()) == 1


def test_while_the_carrier_is_down_texts_wait_and_say_so(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    world.stop("sandbox")
    send(juniper.owner, juniper.client(), channel="sms", body="Later then")
    until(lambda: message().reason, what="a reason")
    assert (message().state, message().get_state_display()) == ("queued", "Waiting to send")
    world.start("sandbox")
    world.weather(**CALM)
    until(lambda: message().state == "delivered", 30, what="delivery")
    assert len(world.truth()) == 1


def test_one_worker_that_stops_finishes_what_it_began(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    world.weather(**CALM | {"slow": 1.0, "slow_seconds": [0.2, 0.25]})
    send(juniper.owner, juniper.client(), channel="sms", body="Mind the step")
    until(lambda: Attempt.objects.exists(), what="an attempt")
    world.stop("texts")
    assert message().state in ("accepted", "sent", "delivered")
