"""One webhook to a thousand open pages: how long to the last one, and what does a page cost? Prints one JSON line.

    python bench/fanout.py [--pages 1000] [--members 20] [--texts 60] [--a-second 2] [--asking 0.1] [--herd]

`parley web` and `parley texts` on a database of their own. The pages are connections to /events with the sessions of
members of one business. Signed webhooks come one by one at uneven moments; for each, the time from its POST to the
nudge at the last page, every page must hear of every text. `--asking`: so large a share of the pages asks /live after
each nudge, as a page does (the others are other tabs, which were put to sleep): within the time that the nudge says;
`--herd`: all at once, whatever it says. One page more shows the conversation, and asks at once: how long it waits is
told apart.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlencode

from ground import cpu_seconds, family, ground, machine

MAYA = "+15035550118"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--texts", type=int, default=60)
    parser.add_argument("--a-second", type=float, default=2.0)
    parser.add_argument("--asking", type=float, default=0.0)
    parser.add_argument("--herd", action="store_true")
    parser.add_argument("--processes", type=int, default=1, help="of `parley web`")
    wish = parser.parse_args()
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (wish.pages + 500, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    with ground(PARLEY_WEB_PROCESSES=str(wish.processes)) as folder:
        from tests.world import a_world

        with a_world(folder, "web", "texts", patience=1) as world:
            house, keys, talk = people(wish.members)
            result = asyncio.run(measure(wish, world, house.number.number, keys, talk))
    print(json.dumps(result | {"machine": machine()}))
    sys.exit(0 if result["exact"] else 1)


def people(members: int) -> tuple[Any, list[str], str]:
    """A business, a session for each of its members, and the conversation that will be texted."""
    from django.db import connection

    from parley.businesses.models import Member, User
    from tests.live.test_events import session_of
    from tests.people import make_house

    house = make_house()
    everybody = [house.owner, house.staff]
    for n in range(members - 2):
        user = User.objects.create(email=f"member{n}@juniper.example", name=f"Member {n}", password="!")
        everybody.append(Member.objects.create(business=house.business, user=user, role="staff"))
    talk = house.text(house.client(phone=MAYA), "Hello").conversation_id
    keys = [session_of(member) for member in everybody]
    connection.close()
    return house, keys, str(talk)


class Page(asyncio.Protocol):
    """A page's line, as a browser's EventSource opens it. `heard` is called with every change."""

    def __init__(self, host: str, session: str, heard: Any) -> None:
        self.head = f"GET /events HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n"
        self.session, self.heard = session, heard
        self.received = b""
        self.greeted = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(f"{self.head}Cookie: sessionid={self.session}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\n\n" in self.received:
            event, _, self.received = self.received.partition(b"\n\n")
            if b"event: change\n" in event:
                self.heard(self, json.loads(event.rpartition(b"data: ")[2]))
            elif b"event: hello\n" in event and not self.greeted.done():
                self.greeted.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.greeted.done():
            self.greeted.set_exception(error or ConnectionError("a page was not let in"))


async def measure(
    wish: argparse.Namespace, world: Any, number: str, keys: list[str], talk: str
) -> dict[str, Any]:
    loop, dice, host = asyncio.get_running_loop(), random.Random(7), f"localhost:{world.port}"
    web = world.children["web"].pid
    heard = [0] * wish.pages
    last, complete = 0.0, asyncio.Event()
    asked: list[float] = []
    looked: list[float] = []
    errands: set[asyncio.Task[None]] = set()
    place: dict[Page, int] = {}

    def hear(page: Page, change: dict[str, Any]) -> None:
        nonlocal last
        heard[place[page]] += 1
        if place[page] < wish.asking * wish.pages:
            errands.add(loop.create_task(ask(page.session, change)))
        if min(heard[place[page]], count) == count:
            count_in()

    def count_in() -> None:
        nonlocal last, missing
        missing -= 1
        last = time.perf_counter()
        if not missing:
            complete.set()

    async def ask(session: str, change: dict[str, Any]) -> None:
        if not wish.herd:
            await asyncio.sleep(dice.random() * change.get("s", 0) / 1000)
        asked.append(await live(world.port, host, session, {"c": change["c"], "list": "open", "rows": 20}))

    async def look() -> None:
        about = {"c": talk, "list": "open", "rows": 20, "thread": talk, "visible": talk}
        looked.append(await live(world.port, host, keys[0], about))

    before = rss(web)
    pages = []
    for n in range(wish.pages):
        _, page = await loop.create_connection(
            lambda n=n: Page(host, keys[n % len(keys)], hear), "127.0.0.1", world.port
        )
        place[page] = n
        pages.append(page)
        if n % 20 == 19:
            await asyncio.gather(*(page.greeted for page in pages[-20:]))
    await asyncio.gather(*(page.greeted for page in pages))
    await asyncio.sleep(1)
    each = (rss(web) - before) / wish.pages
    waits, busy = [], used(world)
    for count in range(1, wish.texts + 1):
        missing = sum(each < count for each in heard)
        complete.clear()
        began = time.perf_counter()
        status = await asyncio.to_thread(text, world, number, f"fan out {count}")
        if status != 200:
            raise SystemExit(f"the webhook was answered {status}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                await complete.wait()
        waits.append((last - began) * 1000)
        if wish.asking:
            await look()
        await asyncio.sleep(dice.uniform(0.2, 1.8) / wish.a_second)
    spent = {name: now - busy[name] for name, now in used(world).items()}
    if errands:
        await asyncio.wait(errands, timeout=60)
    for page in pages:
        page.transport.close()
    return {
        "bench": "fanout",
        "pages": wish.pages,
        "texts": wish.texts,
        "exact": set(heard) == {wish.texts} and all(not task.exception() for task in errands),
        "p50_ms": round(statistics.median(waits), 1),
        "p95_ms": round(statistics.quantiles(waits, n=20)[18], 1),
        "max_ms": round(max(waits), 1),
        "bytes_a_page": round(each),
        "cpu_ms_per_text": {name: round(each / wish.texts * 1000, 1) for name, each in spent.items()},
        "asked": len(asked),
        "asked_p95_ms": round(statistics.quantiles(asked, n=20)[18] * 1000) if len(asked) > 1 else None,
        "looking_p95_ms": round(statistics.quantiles(looked, n=20)[18] * 1000) if len(looked) > 1 else None,
    }


async def live(port: int, host: str, session: str, about: dict[str, Any]) -> float:
    """One question as a page asks it after a nudge; how long until the answer was whole, in seconds."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    query = urlencode(about, doseq=True)
    writer.write(
        f"GET /live?{query} HTTP/1.1\r\nHost: {host}\r\nHX-Request: true\r\nConnection: close\r\n"
        f"Cookie: sessionid={session}\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"/live was answered {answer[:60]!r}")
    return time.perf_counter() - began


def text(world: Any, number: str, body: str) -> int:
    """One inbound text, signed as the carrier signs."""
    from tests.messaging.signed import post, text_form

    return int(post(world, "/hooks/twilio/text", text_form(world, MAYA, number, body)))


def rss(pid: int) -> int:
    """Bytes of memory that `parley web` holds."""
    return sum(
        int(open(f"/proc/{each}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for each in family(pid)
    )


def used(world: Any) -> dict[str, float]:
    """Processor time so far, in seconds."""
    return {name: cpu_seconds(*family(world.children[name].pid)) for name in ("web", "texts")}


if __name__ == "__main__":
    main()
