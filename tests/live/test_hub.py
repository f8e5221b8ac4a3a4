"""The hub by itself: order, who is cut, and that a crowd of pages is told to take its time."""

from __future__ import annotations

import json
import uuid
from contextlib import ExitStack
from typing import Any

from parley.live import nudges
from parley.live.hub import BREATH, CROWD, EACH_MS, QUEUE, Hub, Listener


def said(heard: bytes) -> list[dict[str, Any]]:
    return [json.loads(event.partition(b"data: ")[2]) for event in heard.split(b"\n\n") if event]


async def test_a_crowd_is_told_over_how_long_to_ask_and_a_few_are_not() -> None:
    hub = Hub()
    for count, more in ((CROWD, {}), (3 * BREATH, {"s": (3 * BREATH - CROWD) * EACH_MS})):
        with ExitStack() as pages:
            listeners = [pages.enter_context(hub.subscribed("juniper")) for _ in range(count)]
            stranger = pages.enter_context(hub.subscribed("alder"))
            for n in range(2):
                await hub.publish("juniper", {"c": [str(n)], "n": True})
            for listener in listeners:
                heard = said(await listener.hear())
                assert heard == [{"c": [str(n)], "n": True} | more for n in range(2)], "in order, each once"
            stranger.cut()
            assert await stranger.hear() == b"", "nothing of another business"
        assert not len(hub)


async def test_a_page_that_cannot_keep_up_is_cut() -> None:
    listener = Listener()
    for _ in range(QUEUE):
        listener.put(b"x")
    assert await listener.hear() == b"x" * QUEUE
    for _ in range(QUEUE + 1):
        listener.put(b"x")
    assert await listener.hear() == b""


def test_whose_a_nudge_is_can_be_told_without_reading_it() -> None:
    business = uuid.uuid4()
    for conversations in ([], [uuid.uuid4()]):
        assert nudges.whose(nudges.payload(business, conversations, news=True)) == str(business)
