"""/healthz and /metrics of a real `parley web`, with real loops beside it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from parley.messaging.sending import send
from parley.operating.watch import Watch
from parley.pulse.models import Beat
from tests.messaging.signed import post, text_form
from tests.people import House
from tests.waiting import SOMEBODY_WAITS, until
from tests.world import World, database_url

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "known-to-the-monitor-alone"
TEXTS = {"delivery", "receiving", "doubt", "backfill"}


@pytest.fixture
def world(transactional_db: None, tmp_path: Path) -> Iterator[World]:
    """Web with one thread for Django, and what a test starts beside it."""
    world = World(tmp_path)
    world.environment |= {
        "PARLEY_METRICS_TOKEN": TOKEN,
        "PARLEY_WEB_THREADS": "1",
        "PARLEY_LOG_FORMAT": "json",
    }
    world.start("web")
    yield world
    world.close()


def ask(world: World, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"{world.url}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def health(world: World, path: str = "/healthz") -> tuple[int, Any]:
    status, body = ask(world, path)
    return status, json.loads(body)


def metrics(world: World) -> dict[str, float]:
    """Every sample by its name and labels, as they are written."""
    status, body = ask(world, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    samples = {}
    for line in body.splitlines():
        if not line.startswith("#"):
            found = re.fullmatch(r'([a-z_]+(?:\{(?:[a-z]+="[^"]*",?)*\})) ([-+0-9.e]+|\+Inf)', line)
            assert found, line
            samples[found[1].replace("{}", "")] = float(found[2])
    return samples


def test_who_is_well_and_what_is_told_to_a_monitor(world: World, juniper: House) -> None:
    # No loop of `parley texts` runs: web is well all the same, and keeps its place behind the load balancer.
    until(lambda: health(world)[1]["lag"]["web"] is not None, what="the beat of web")
    status, told = health(world)
    assert (status, told["ok"], told["database"]) == (200, True, True)
    assert told.keys() == {"ok", "database", "lag", "away"}
    assert set(told["away"]) == TEXTS | {"jobs", "alerts", "campaigns"}
    assert told["lag"]["delivery"] is None
    status, told = health(world, "/healthz/all")
    assert (status, told["ok"]) == (503, False)

    # They start, and say so.
    world.start("sandbox", "texts", "jobs")
    world.add_number(juniper.number.number)
    until(lambda: health(world, "/healthz/all")[0] == 200, 30, what="every loop")
    assert health(world, "/healthz/all")[1]["away"] == []

    # What lies on this machine's disk is told, too.
    (world.folder / "journal").mkdir()
    (world.folder / "journal" / "events.1.journal").write_bytes(b"x" * 700)
    journal = re.compile(r'parley_journal_bytes\{machine="[^"]+"\}')
    until(
        lambda: [v for name, v in metrics(world).items() if journal.fullmatch(name)] == [700],
        what="the journal",
    )

    # A text out, one in, and one that nobody signed; all of it is counted, and none of it told.
    send(juniper.owner, juniper.client(), channel="sms", body="Do not repeat this")
    until(lambda: not connection.cursor().execute("SELECT 1 FROM messaging_outbox").fetchone(), what="sent")
    form = text_form(world, "+15035550118", juniper.number.number, "Nor this")
    assert post(world, "/hooks/twilio/text", form) == 200
    assert post(world, "/hooks/twilio/text", form, signature="forged") == 403
    assert ask(world, "/metrics")[0] == 401
    assert ask(world, "/metrics", Authorization="Bearer known-to-the-monitor-alon")[0] == 401
    assert ask(world, "/metrics", Authorization="Basic " + TOKEN)[0] == 401

    def counted() -> dict[str, float]:
        told = metrics(world)
        bound = told['parley_attempts_total{outcome="bound"}']
        return told if bound and told['parley_webhooks_total{status="403"}'] else {}

    told = until(counted, what="counts")
    assert told['parley_attempts_total{outcome="bound"}'] == 1
    assert told['parley_webhooks_total{status="403"}'] == 1
    assert told['parley_webhook_seconds_bucket{le="+Inf"}'] == told["parley_webhook_seconds_count"] >= 1
    assert told["parley_webhook_seconds_count"] == told['parley_webhooks_total{status="200"}']
    assert {
        loop
        for loop in [*TEXTS, "web", "jobs", "alerts", "campaigns"]
        if told[f'parley_loops_alive{{loop="{loop}"}}'] == 1
    } == {
        *TEXTS,
        "web",
        "jobs",
        "alerts",
        "campaigns",
    }
    assert told["parley_events_set_aside"] == 0
    processes = [name for name in told if name.startswith("parley_process_memory_bytes")]
    assert sorted(re.findall(r'process="(\w+)"', " ".join(processes))) == ["jobs", "texts", "web"]
    assert all(told[name] > 10_000_000 for name in processes)
    body = ask(world, "/metrics", Authorization=f"Bearer {TOKEN}")[1]
    for secret in ("5035550118", "8555550142", "repeat", "Nor this", "Maya", "Juniper", TOKEN):
        assert secret not in body

    # All of Django's threads wait for something: whoever watches is answered.
    with psycopg.connect(database_url()) as blocker:
        blocker.execute("LOCK TABLE django_session")
        stuck = threading.Thread(
            target=ask, args=(world, "/"), kwargs={"Cookie": "sessionid=abcdefghijklmnopqrstuvwxyz012345"}
        )
        stuck.start()
        until(lambda: blocker.execute(SOMEBODY_WAITS).fetchone() == (True,), what="a thread that waits")
        assert health(world, "/healthz/all")[0] == 200
        assert metrics(world)
    stuck.join()

    # `parley texts` is killed: web stays well, and whoever wakes people is told.
    world.kill("texts")
    Beat.objects.filter(loop__in=TEXTS).update(beat_at="2026-01-01T00:00Z")
    until(lambda: health(world, "/healthz/all")[0] == 503, what="the monitor's answer")
    assert set(health(world, "/healthz/all")[1]["away"]) == TEXTS
    assert health(world)[0] == 200
    assert metrics(world)['parley_loops_alive{loop="delivery"}'] == 0

    # Whoever ends as they should says so.
    world.start("texts")
    until(lambda: metrics(world)['parley_loops_alive{loop="delivery"}'] == 1, what="texts again")
    world.stop("texts")
    world.stop("jobs")
    ended = set(Beat.objects.filter(told__ended=1).values_list("loop", flat=True))
    assert ended == {*TEXTS, "jobs", "alerts", "campaigns"}
    assert metrics(world)['parley_loops_alive{loop="delivery"}'] == 0

    # Every log line of all of them is one of JSON.
    assert "webhook refused" in (world.folder / "web.log").read_text()
    for name in ("web", "texts", "jobs"):
        for line in (world.folder / f"{name}.log").read_text().splitlines():
            assert {"time", "level", "logger", "event"} <= json.loads(line).keys()


class Asked:
    """What an ASGI application answers one request."""

    def __init__(self) -> None:
        self.status, self.body = 0, b""

    async def send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


async def answer(watch: Watch, path: str, method: str = "GET", **headers: str) -> Asked:
    asked = Asked()
    given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def receive() -> Any:
        return {"type": "http.request"}

    await watch({"type": "http", "method": method, "path": path, "headers": given}, receive, asked.send)
    return asked


async def test_without_the_setting_there_are_no_metrics(tmp_path: Path) -> None:
    watch = Watch(lambda: 0, tmp_path, "")
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        assert (await answer(watch, "/metrics", **headers)).status == 404
    assert (await answer(watch, "/metrics", "POST")).status == 405
    await watch.close()


async def test_a_database_that_does_not_answer_is_said_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused at once, and taken but never answered: both are unwell, and neither keeps a load balancer waiting."""
    taken = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    for host, number in (("/nowhere", "5432"), ("127.0.0.1", str(port))):
        for key, value in (("HOST", host), ("PORT", number)):
            monkeypatch.setitem(connections["default"].settings_dict, key, value)
        watch = Watch(lambda: 0, tmp_path, TOKEN)
        began = time.monotonic()
        asked = await asyncio.gather(*(answer(watch, "/healthz") for _ in range(20)))
        assert {(one.status, one.body) for one in asked} == {(503, b'{"ok": false, "database": false}')}
        # Beside others on two cores; whoever waits for such a database waits for ever.
        assert time.monotonic() - began < 5
        await watch.close()
    monkeypatch.undo()
    taken.close()
