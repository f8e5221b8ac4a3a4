"""Every message ends in one true state, and the carrier's truth log shows each exactly once, whatever dies."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from parley.clients.models import Client
from parley.messaging.models import Attempt, Message
from parley.messaging.sending import send
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

# 10 % of the carrier's answers are bad, each in its own way; receipts are lost, doubled and shuffled too.
BAD_WEATHER = {
    "delivery_seconds": [0.05, 0.4],
    "rate_limit": 0.015,
    "hang": 0.01,
    "error_before": 0.015,
    "error_after": 0.015,
    "reset_after": 0.015,
    "slow": 0.015,
    "garbage": 0.015,
    "slow_seconds": [0.2, 0.8],
    "hang_seconds": 2.0,
    "fail_share": 0.03,
    # Not one that is tried again after half an hour.
    "fail_code": 30005,
    "callbacks_lost": 0.05,
    "callbacks_doubled": 0.10,
    "callbacks_reordered": 0.10,
    "list_fails": 0.1,
    "list_lag_seconds": 0.5,
}
FINAL = {"delivered", "undelivered", "failed"}
SENDS, CLIENTS, KILLS = 500, 250, 10


def write(house: House, clients: list[Client], numbers: range) -> None:
    for n in numbers:
        send(house.owner, clients[n % CLIENTS], channel="sms", body=f"Text number {n}")


def judge(world: World, house: House) -> dict[str, int]:
    """What the carrier's truth says against what Parley shows, after everything has settled."""
    truth = [row for row in world.truth() if row["direction"].startswith("outbound")]
    accepted = Counter(row["body"] for row in truth)
    status = {row["body"]: row["status"] for row in truth}
    shown = dict(Message.objects.filter(business=house.business).values_list("body", "state"))
    return {
        "lost": sum(1 for body, state in shown.items() if state != "failed" and body not in accepted),
        "duplicated": sum(count - 1 for count in accepted.values()),
        "misshown": sum(1 for body, state in shown.items() if status.get(body, "failed") != state),
        "unsettled": sum(1 for state in shown.values() if state not in FINAL),
        "strange": len(set(accepted) - set(shown)),
    }


def test_ten_kills_and_bad_weather_lose_and_double_nothing(world: World, juniper: House) -> None:
    world.add_number(juniper.number.number)
    world.weather(seed=11, **BAD_WEATHER)
    chance = random.Random(11)
    clients = [juniper.client(first=f"C{n}", phone=f"+1503{5550100 + n}") for n in range(CLIENTS)]
    share = SENDS // KILLS
    for kill in range(KILLS):
        seen = Attempt.objects.count()
        enough = seen + chance.randint(1, share // 2)
        write(juniper, clients, range(kill * share, (kill + 1) * share))
        until(lambda: Attempt.objects.count() > enough, 30, what=f"work for worker {kill}")  # noqa: B023
        world.kill("texts")
        world.start("texts")
    until(
        lambda: not Message.objects.exclude(state__in=FINAL).exists(),
        120,
        what="a final state for every message",
    )
    assert judge(world, juniper) == {"lost": 0, "duplicated": 0, "misshown": 0, "unsettled": 0, "strange": 0}
    ends = Counter(Attempt.objects.values_list("state", flat=True))
    # Else nothing went wrong, and the test proves nothing.
    assert ends["absent"] >= 5, ends
    assert ends["not_sent"] >= 1, ends
    assert Attempt.objects.filter(state="bound").exclude(checks=0).exists()
