"""`parley web` in several processes on one port: who dies comes back, and nobody is left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.house.conftest import alive, words
from tests.live.test_events import page
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def several(transactional_db: None, tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.environment["PARLEY_WEB_PROCESSES"] = "2"
    try:
        world.start("web")
        yield world
    finally:
        world.close()


def first(world: World) -> psutil.Process:
    return psutil.Process(world.children["web"].pid)


def workers(world: World) -> list[psutil.Process]:
    """Those that serve; beside them Python keeps a small one that counts what is shared."""
    return [one for one in first(world).children() if alive(one) and "spawn_main" in words(one)]


def test_a_killed_process_is_started_again_and_others_serve_meanwhile(several: World) -> None:
    before = until(lambda: len(workers(several)) == 2 and workers(several), what="two processes")
    before[0].kill()
    healthy = f"{several.url}/healthz"
    until(lambda: {one.pid for one in workers(several)} - {one.pid for one in before}, what="another process")
    assert all(several.answers(healthy) for _ in range(20))
    for one in workers(several):
        one.kill()
    until(lambda: several.answers(healthy), 60, what="an answer after both were killed")


def test_a_killed_first_process_takes_the_others_along(several: World) -> None:
    family = first(several).children(recursive=True)
    assert len(workers(several)) == 2
    several.kill("web")
    until(lambda: not any(alive(one) for one in family), what="the end of every process")
    assert not several.answers(f"{several.url}/healthz")


async def test_open_pages_do_not_hold_up_the_end(several: World, juniper: House) -> None:
    async with page(several, juniper.owner) as one, page(several, juniper.owner) as two:
        began = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(several.stop, "web"))
        for each in (one, two):
            # On busy cores a line may live until its next sign of life.
            assert (await each.answer.content.read()).replace(b": ping\n\n", b"") == b""
        await stopping
        # Under the grace that a page which holds on would use up.
        assert time.monotonic() - began < 8
