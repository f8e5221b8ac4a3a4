"""Two machines get another version, one process after another, while texts flow: is anything lost, or refused?

    python faults/upgrade.py [--before HEAD] [--seed 1]

The steps of docs/running.md: the version `--before` (a commit) runs `parley web`, `texts` and `jobs` twice; this tree
migrates the database, then each process in turn is taken out of the balancer, ended (SIGTERM) and started from this
tree, and waited for. Meanwhile carriers' webhooks, members' sends and pages come through the balancer, and receipts
from the sandbox. `misshown` counts requests that were refused (any answer but the right one), too, `lost` sends and
webhooks that got their answer and are not there. Without `--before` both versions are one: then it is the order of the
steps that is tried, and not the migrations.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import ground  # noqa: E402
from faults.judge import COUNTS, judge, tell, unsettled, until_none  # noqa: E402
from faults.webhooks import Caller, in_background, kept, texts, unread  # noqa: E402

TALKS = 50
# A second: webhooks, sends, pages; each by so many threads.
FLOWS = {"webhook": (40.0, 4), "send": (10.0, 2), "page": (5.0, 1)}
# Between two steps (seconds), so that something comes in each state that there is.
PAUSE = 3.0

# In the tree of the version before, on its own schema: a business that texts, and its owner's session.
SETTLE_IN = f"""
import json, django
django.setup()
from parley.messaging.sending import conversation_with
from parley.quota.ledger import balance
from parley.quota.models import Balance
from tests.live.test_events import session_of
from tests.people import make_house
house = make_house()
balance(house.business)
Balance.objects.filter(business=house.business).update(bought=100_000)
talks = [conversation_with(house.client("C", str(n), f"+1415{{2000000 + n}}")).pk for n in range({TALKS})]
print(json.dumps({{"session": session_of(house.owner), "talks": [str(talk) for talk in talks]}}))
"""
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


class Balancer(threading.Thread):
    """One address before several servers. Each request has a connection of its own, so that none is cut in two."""

    def __init__(self, port: int, behind: Sequence[int]) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._loop: Any = None
        self._listening: Any = None
        self._open = dict.fromkeys(behind, True)
        self._under_way: Counter[int] = Counter()
        self._turn = itertools.cycle(behind)
        self._up = threading.Event()

    def __enter__(self) -> Balancer:
        self.start()
        assert self._up.wait(10), "the balancer did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._listening.cancel)
        self.join(10)

    def take_out(self, server: int) -> None:
        """No more requests to this one; returns when it has answered those that it had."""
        from tests.waiting import until

        self._open[server] = False
        until(lambda: not self._under_way[server], 20, what="the last answers")

    def put_back(self, server: int) -> None:
        self._open[server] = True

    def run(self) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._listen())

    async def _listen(self) -> None:
        self._loop, self._listening = asyncio.get_running_loop(), asyncio.current_task()
        async with await asyncio.start_server(self._serve, "127.0.0.1", self._port) as server:
            self._up.set()
            await server.serve_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            fields = [
                field
                for field in head[:-4].split(b"\r\n")
                if not field.lower().startswith((b"connection:", b"keep-alive:"))
            ]
            length = next(
                (int(f[15:]) for f in fields if f.lower().startswith(b"content-length:")),
                0,
            )
            body = await reader.readexactly(length)
            server = next(one for one in self._turn if self._open[one])
            self._under_way[server] += 1
            try:
                their_reader, their_writer = await asyncio.open_connection("127.0.0.1", server)
                their_writer.write(b"\r\n".join([*fields, b"Connection: close", b"", b""]) + body)
                while some := await their_reader.read(65_536):
                    writer.write(some)
                await writer.drain()
                their_writer.close()
            finally:
                self._under_way[server] -= 1
        writer.close()


class Flow:
    """All that comes through the balancer until it is `over`; `refused` counts what did not get its answer."""

    def __init__(self, world: Any, house: Any, seed: int) -> None:
        self._world, self._house = world, house
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._coming = iter(texts(world, 20_000, seed=seed))
        self._caller = Caller(world.port)
        self.knocks: list[Any] = []
        self.sent: list[str] = []
        self.answers: dict[str, Counter[str]] = {kind: Counter() for kind in FLOWS}
        self.refused = 0
        self._threads = [
            in_background(lambda kind=kind, pause=threads / rate: self._flow(kind, pause))  # type: ignore[misc]
            for kind, (rate, threads) in FLOWS.items()
            for _ in range(threads)
        ]

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _flow(self, kind: str, pause: float) -> None:
        act: Callable[[], tuple[int, int]] = getattr(self, f"_{kind}")
        while not self._over.wait(pause):
            status, right = act()
            with self._lock:
                self.answers[kind][str(status or "none")] += 1
                self.refused += status != right

    def _webhook(self) -> tuple[int, int]:
        with self._lock:
            knock = next(self._coming)
            self.knocks.append(knock)
        return self._caller.post(knock), 200

    def _send(self) -> tuple[int, int]:
        key = str(uuid.uuid4())
        form = {"client_key": key, "channel": "sms", "subject": "", "body": f"Number {key}"}
        talk = self._house.talks[int(key[:4], 16) % TALKS]
        status = self._ask("POST", f"/inbox/{talk}/send", urlencode(form))
        if status == 204:
            with self._lock:
                self.sent.append(form["body"])
        return status, 204

    def _page(self) -> tuple[int, int]:
        return self._ask("GET", f"/inbox/{self._house.talks[0]}", None), 200

    def _ask(self, method: str, path: str, body: str | None) -> int:
        secret = "a" * 32
        headers = {
            "Host": self._world.url.removeprefix("http://"),
            "Cookie": f"csrftoken={secret}; sessionid={self._house.session}",
            "X-CSRFToken": secret,
            "HX-Request": "true",
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        line = http.client.HTTPConnection("127.0.0.1", self._world.port, timeout=20)
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            line.close()


@contextlib.contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """That version's files, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="parley-before-") as folder:
        packed = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, check=True, capture_output=True, timeout=60
        )
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True, timeout=60)
        yield Path(folder)


def done_in(tree: Path, world: Any, *words: str) -> str:
    """Run Python in one version's tree. Returns what it printed; raises AssertionError with its complaint."""
    done = subprocess.run(
        [sys.executable, *words], cwd=tree, env=world.environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def upgrade(
    world: Any, balancer: Balancer, ports: Mapping[str, int], before: Path, seed: int
) -> dict[str, Any]:
    """From one version to the other. The database is empty; the sandbox runs; `ports` are those of `parley web`."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    from parley.businesses.models import Member
    from parley.messaging.models import Message
    from parley.numbers.models import PhoneNumber
    from tests.waiting import until

    def start(name: str, tree: Path) -> None:
        own = world.folder / f"machine{name.partition('#')[2] or '1'}"
        own.mkdir(exist_ok=True)
        world.tree = tree
        world.launch(name, PARLEY_DATA=str(own), PARLEY_PORT=str(ports.get(name, 0) or world.port))
        if name in ports:
            until(lambda: world.answers(f"http://127.0.0.1:{ports[name]}/healthz"), 60, what=name)

    def migrations() -> int:
        return MigrationRecorder(connection).migration_qs.count()

    done_in(before, world, "-m", "parley", "migrate")
    house = SimpleNamespace(**json.loads(done_in(before, world, "-c", SETTLE_IN)))
    names = (*ports, "texts", "texts#2", "jobs", "jobs#2")
    for name in names:
        start(name, before)
    were = migrations()
    flow = Flow(world, house, seed)
    try:
        time.sleep(PAUSE)
        done_in(ROOT, world, "-m", "parley", "migrate")
        for name in names:
            time.sleep(PAUSE)
            if name in ports:
                balancer.take_out(ports[name])
            world.stop(name)
            start(name, ROOT)
            if name in ports:
                balancer.put_back(ports[name])
        time.sleep(PAUSE)
    finally:
        flow.end()
    owner = Member.objects.select_related("user", "business").get(role="owner")
    house.owner, house.business = owner, owner.business
    house.number = PhoneNumber.objects.get(business=owner.business)
    until_none(unread, what="reading")
    until_none(lambda: unsettled(owner.business), what="a final state for every message")
    out, came = judge(world, house), kept(flow.knocks)
    written = set(Message.objects.filter(direction="out").values_list("body", flat=True))
    seen = {name: out[name] + came[name] for name in COUNTS}
    seen["lost"] += sum(body not in written for body in flow.sent)
    receipts = [call for row in world.truth(direction="outbound-api") for call in row["webhooks"]]
    refused = sum(not 200 <= call[1] < 300 for call in receipts)
    seen["misshown"] += flow.refused + refused
    return {
        "tried": sum(sum(kind.values()) for kind in flow.answers.values()),
        **seen,
        "answers": {kind: dict(count) for kind, count in flow.answers.items()},
        "receipts": len(receipts),
        "receipts_refused": refused,
        "migrations": migrations() - were,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--before", default="HEAD", help="the commit of the version that is upgraded from")
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    with ground(durable=True) as folder, tree_of(wish.before) as before:
        from django.db import connection

        from tests.waiting import free_ports
        from tests.world import a_world

        ports = dict(zip(("web", "web#2"), free_ports(2), strict=True))
        with (
            a_world(folder, "sandbox") as world,
            Balancer(world.port, list(ports.values())) as balancer,
        ):
            with connection.cursor() as cursor:
                cursor.execute(EMPTY)
            world.add_number("+18555550142")
            world.weather(delivery_seconds=[0.05, 0.4])
            began = time.monotonic()
            seen = upgrade(world, balancer, ports, before, wish.seed)
    tell("upgrade", seen, began, before=wish.before, seed=wish.seed)


if __name__ == "__main__":
    main()
