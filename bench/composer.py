"""How many sends of signed-in members does Parley take a second, over HTTP? Prints one JSON line.

    python bench/composer.py [--sends 4000] [--businesses 8] [--members 4] [--conversations 40] [--connections 16]
                             [--processes 1]

A durable database of its own (dropped afterwards) and `parley web`, which serves as it does for a business. Every
member has a session of their own and posts the composer's form as the page does, with the headers of the page's
script, over connections that stay open; every text has words of its own. Afterwards every answer is held against the
rows: one message, one place in the queue and one line of the ledger for each 204, and not a row more. Processor time
is told apart by who used it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from ground import cpu_seconds, family, ground, machine

WARM = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sends", type=int, default=4000)
    parser.add_argument("--businesses", type=int, default=8)
    parser.add_argument("--members", type=int, default=4, help="of each business")
    parser.add_argument("--conversations", type=int, default=40, help="of each business")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--processes", type=int, default=1, help="of `parley web`")
    wish = parser.parse_args()
    with ground(PARLEY_WEB_PROCESSES=str(wish.processes)) as folder:
        from tests.world import a_world

        with a_world(folder, "web") as world:
            result = measure(wish, world, folder)
    print(json.dumps(result))
    sys.exit(0 if result["exact"] else 1)


@dataclass(slots=True)
class Send:
    """One form to be posted, and what came of it."""

    key: str
    member: str
    conversation: str
    body: str
    request: bytes
    status: int = 0
    seconds: float = 0.0


def measure(wish: argparse.Namespace, world: Any, folder: Path) -> dict[str, Any]:
    from django.db import connection

    writers = people(wish)
    sends = [prepare(world.url, *writers[n % len(writers)], n) for n in range(WARM + wish.sends)]
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()
    web, postgres = world.children["web"].pid, postmaster(folder)
    runs = [sends[:WARM], sends[WARM:]]
    for run in runs:
        before = used(web, postgres)
        began = time.perf_counter()
        asyncio.run(load(world.port, run, wish.connections))
        seconds = time.perf_counter() - began
        spent = {name: now - before[name] for name, now in used(web, postgres).items()}
    waits = sorted(send.seconds * 1000 for send in runs[-1])
    wrong = verify(sends)
    micros = {name: round(each / wish.sends * 1e6) for name, each in spent.items()}
    return {
        "bench": "composer",
        "sends": wish.sends,
        "members": wish.businesses * wish.members,
        "connections": wish.connections,
        "processes": wish.processes,
        "exact": not wrong,
        "wrong": wrong[:20],
        "per_second": None if wrong else round(wish.sends / seconds),
        "p50_ms": round(statistics.median(waits), 1),
        "p99_ms": round(statistics.quantiles(waits, n=100)[98], 1),
        "cpu_us_per_send": micros | {"all": sum(micros.values())},
        "machine": machine(),
    }


def people(wish: argparse.Namespace) -> list[tuple[Any, str, str]]:
    """Members with their sessions, each many times over with the conversations of their business, in turn."""
    from parley.messaging.sending import conversation_with
    from parley.quota import ledger
    from parley.quota.models import Balance
    from tests.live.test_events import session_of
    from tests.people import make_house

    houses = []
    for n in range(wish.businesses):
        house = make_house(f"House{n} of Many", f"+1855555{1000 + n}")
        ledger.balance(house.business)
        Balance.objects.filter(business=house.business).update(bought=10 * (WARM + wish.sends))
        members = [house.owner, house.staff, *(newcomer(house, m) for m in range(2, wish.members))]
        sessions = [session_of(member) for member in members[: wish.members]]
        talks = []
        for m in range(wish.conversations):
            client = house.client("Client", str(m), f"+1503{2000000 + 1000 * n + m}")
            talks.append(str(conversation_with(client).pk))
            house.text(client, f"Hello, it is {m}")
        houses.append((members, sessions, talks))
    turns = range(max(wish.members, wish.conversations) * wish.members)
    return [
        (members[t % len(sessions)], sessions[t % len(sessions)], talks[t % len(talks)])
        for t in turns
        for members, sessions, talks in houses
    ]


def newcomer(house: Any, n: int) -> Any:
    from parley.businesses.models import Member, User

    email = f"member{n}@{house.business.id.hex}.example"
    user = User.objects.create(email=email, name=f"Member {n}", password="!")
    return Member.objects.create(business=house.business, user=user, role="staff")


def prepare(url: str, member: Any, session: str, conversation: str, n: int) -> Send:
    """The composer's form as `composer.js` posts it from Chromium."""
    from django.middleware.csrf import _get_new_csrf_string, _mask_cipher_secret

    key, body, secret = (
        str(uuid4()),
        f"Number {n}: your visit is on Thursday at 2:45 PM",
        _get_new_csrf_string(),
    )
    form = urlencode({"client_key": key, "channel": "sms", "subject": "", "body": body}).encode()
    head = {
        "Host": url.removeprefix("http://"),
        "Connection": "keep-alive",
        "Content-Length": str(len(form)),
        "sec-ch-ua-platform": '"Linux"',
        "X-CSRFToken": _mask_cipher_secret(secret),
        "sec-ch-ua": '"Chromium";v="142", "Not_A Brand";v="99"',
        "sec-ch-ua-mobile": "?0",
        "HX-Request": "true",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0",
        "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
        "Accept": "*/*",
        "Origin": url,
        "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "cors",
        "Sec-Fetch-Dest": "empty",
        "Referer": f"{url}/inbox/{conversation}",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "en-US,en;q=0.9",
        "Cookie": f"csrftoken={secret}; sessionid={session}",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    request = f"POST /inbox/{conversation}/send HTTP/1.1\r\n{lines}\r\n".encode() + form
    return Send(key, str(member.pk), conversation, body, request)


class Browser(asyncio.Protocol):
    """One connection: a form, its answer, the next. A client library would cost more than the server."""

    def __init__(self, sends: Iterator[Send]) -> None:
        self.sends = sends
        self.received = b""
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.next()

    def next(self) -> None:
        following = next(self.sends, None)
        if following is None:
            self.over.set_result(None)
            self.transport.close()
            return
        self.send, self.began = following, time.perf_counter()
        self.transport.write(following.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        self.send.status = int(head[9:12])
        if self.send.status != 204:
            self.over.set_exception(RuntimeError(f"a send was answered {head[:40]!r} {body[:300]!r}"))
            self.transport.close()
            return
        self.send.seconds = time.perf_counter() - self.began
        self.received = b""
        self.next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("the server closed the connection"))


async def load(port: int, sends: list[Send], connections: int) -> None:
    left, loop = iter(sends), asyncio.get_running_loop()
    browsers = [
        (await loop.create_connection(lambda: Browser(left), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(browser.over for browser in browsers))


def verify(sends: list[Send]) -> list[str]:
    """What is wrong with the rows, in words."""
    from parley.messaging.models import Message, Outbox
    from parley.quota.models import Balance, Entry

    taken = {send.key: (send.conversation, send.member, send.body) for send in sends if send.status == 204}
    written: dict[str, tuple[str, ...]] = {}
    ids = []
    rows = Message.objects.filter(direction="out").values_list(
        "client_key", "conversation_id", "author_id", "body", "id"
    )
    for key, *about, id in rows:
        written[str(key)] = tuple(map(str, about))
        ids.append(id)
    problems = []
    if len(taken) != len(sends):
        problems.append(f"{len(taken)} of {len(sends)} answered 204")
    if written != taken or len(ids) != len(taken):
        problems.append(f"{len(taken)} answered, {len(ids)} written, or not the same")
    if sorted(Outbox.objects.values_list("message_id", flat=True)) != sorted(ids):
        problems.append("the queue and the messages differ")
    if sorted(Entry.objects.filter(kind="spent").values_list("message_id", flat=True)) != sorted(ids):
        problems.append("the ledger and the messages differ")
    problems += [
        f"the balance of {known.business_id} is not its ledger's sum"
        for known in Balance.objects.all()
        if known.left
        != sum(e.monthly + e.bought for e in Entry.objects.filter(business=known.business_id))
        + 10 * len(sends)
    ]
    return problems


def used(web: int, postgres: int) -> dict[str, float]:
    """Processor time so far, in seconds: of Parley, of PostgreSQL, of this load generator."""
    return {
        "web": cpu_seconds(*family(web)),
        "postgres": cpu_seconds(*family(postgres)),
        "generator": cpu_seconds(os.getpid()),
    }


def postmaster(folder: Path) -> int:
    """The process that all of the embedded server's descend from."""
    return int(next(folder.glob("postgres/**/postmaster.pid")).read_text().split()[0])


if __name__ == "__main__":
    main()
