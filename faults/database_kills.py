"""A database that is killed while texts come and go: is a webhook lost that got its 200, or a text lost or doubled?

    python faults/database_kills.py [--texts 5000] [--kills 20] [--seed 1]

Real `parley web`, two `parley texts` and the sandbox on a durable database. `texts` come in as signed webhooks, each
repeated until it gets its 200, and as many are written by members, each repeated with its `client_key` until it is
committed. Spread over that work the postmaster gets SIGKILL `kills` times, and is started again as the supervisor
would; half-way between, one of its servants does, and the others with it. Every wait is a twentieth of life's. Judged
after everything has settled. `lost` counts webhooks with a 200 that are not in the database, too. One JSON line; exit
code 1 unless all counts are 0.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import sys
import threading
import time
import urllib.error
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.ground import a_house, ground  # noqa: E402
from faults.judge import COUNTS, asked, judge, tell, unsettled, until_none  # noqa: E402

CLIENTS = 500
WEATHER = {"delivery_seconds": [0.05, 0.4], "callbacks_lost": 0.02, "callbacks_doubled": 0.05}
WORKERS = ("texts", "texts#2")


class Load:
    """Texts in and out, from threads, however often the database is away."""

    def __init__(self, world: Any, house: Any, texts: int) -> None:
        self.world, self.house, self.texts = world, house, texts
        self.answered: dict[str, str] = {}
        self.answers: Counter[str] = Counter()
        self.written = 0
        self.broken: list[str] = []
        count = min(CLIENTS, texts)
        self._clients = [house.client(f"C{n}", phone=f"+1503{5550100 + n}") for n in range(count)]
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(take, n, 4 if take == self._come else 2))
            for take, count in ((self._come, 4), (self._leave, 2))
            for n in range(count)
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *failure: object) -> None:
        if kind is not None:
            # The database does not come back.
            self._enough.set()
        for thread in self._threads:
            thread.join()

    @property
    def done(self) -> int:
        return len(self.answered) + self.written

    @property
    def running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _work(self, act: Callable[[int], None], first: int, step: int) -> None:
        from django.db import connections

        try:
            for n in range(first, self.texts, step):
                if not self._enough.is_set():
                    act(n)
        except Exception as error:
            self.broken.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    def _come(self, n: int) -> None:
        from tests.messaging.signed import post, text_form

        form = text_form(
            self.world,
            f"+1415{5550100 + n % len(self._clients)}",
            self.house.number.number,
            f"Inbound number {n}",
        )
        while not self._enough.is_set():
            try:
                status = str(post(self.world, "/hooks/twilio/text", form))
            except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
                status = type(error).__name__
            with self._lock:
                self.answers[status] += 1
                if status == "200":
                    self.answered[form["MessageSid"]] = form["Body"]
                    return
            time.sleep(0.05)

    def _leave(self, n: int) -> None:
        from django.db import Error, connections

        from parley.messaging.sending import send

        key = uuid.uuid4()
        while not self._enough.is_set():
            try:
                send(
                    self.house.owner,
                    self._clients[n % len(self._clients)],
                    channel="sms",
                    body=f"Text number {n}",
                    client_key=key,
                )
            except Error:
                connections.close_all()
                time.sleep(0.05)
                continue
            with self._lock:
                self.written += 1
            return


class Sessions:
    """A server that may not be killed, for others use it: what Parley sees of its death is the end of its sessions."""

    def kill(self) -> None:
        """All sessions of this database but this one."""
        self._end("")

    def kill_one(self) -> None:
        self._end("ORDER BY random() LIMIT 1")

    @staticmethod
    def _end(some: str) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = current_database() AND pid <> pg_backend_pid() {some}"
            )


class Database:
    """The server that `ground` started, from its first death on ours to keep running. For the main thread only."""

    def __init__(self, folder: Path, seed: int) -> None:
        from parley.config.embedded_postgres import EmbeddedPostgres

        self._server = EmbeddedPostgres(folder / "postgres").start()
        self._dice = random.Random(seed)

    def kill(self) -> None:
        """SIGKILL to the postmaster; then up again."""
        os.kill(self._postmaster, signal.SIGKILL)
        while self._server.running():
            time.sleep(0.005)
        self._server.start()

    def kill_one(self) -> None:
        """SIGKILL to one client's servant: PostgreSQL ends all others and recovers by itself."""
        servants = [
            int(status.parent.name)
            for status in Path("/proc").glob("[0-9]*/stat")
            for parent, title in [_seen(status)]
            if parent == self._postmaster and b"[local]" in title
        ]
        # One may end by itself meanwhile.
        with contextlib.suppress(ProcessLookupError, IndexError):
            os.kill(self._dice.choice(servants), signal.SIGKILL)

    def stop(self) -> None:
        self._server.stop()

    @property
    def _postmaster(self) -> int:
        return int((self._server.data / "postmaster.pid").read_text().split()[0])


def _seen(status: Path) -> tuple[int, bytes]:
    """A process's parent and its title; nothing if it has just ended."""
    with contextlib.suppress(OSError):
        parent = int(status.read_text().rpartition(")")[2].split()[1])
        return parent, (status.parent / "cmdline").read_bytes()
    return 0, b""


def moments(total: int, kills: int) -> Iterator[tuple[int, bool]]:
    """After how much work what is to die: the postmaster (True), or one of its servants half-way to the next."""
    for n in range(1, 2 * kills):
        yield total * n // (2 * kills), bool(n % 2)


def run(
    world: Any,
    house: Any,
    database: Database | Sessions,
    *,
    texts: int,
    kills: int,
    workers: Sequence[str] = WORKERS,
    pages: int = 100,
) -> dict[str, Any]:
    """Let `texts` come and as many leave while the database dies `kills` times; judge when all has settled."""
    from parley.messaging.models import CarrierEvent, Message
    from tests.waiting import until

    restarts = 0

    def kept() -> set[str]:
        return set(CarrierEvent.objects.filter(kind="text").values_list("key", flat=True))

    def supervise() -> None:
        nonlocal restarts
        for name in workers:
            if not world.running(name):
                restarts += 1
                world.start(name)

    died: Counter[bool] = Counter()
    with Load(world, house, texts) as load:
        for due, postmaster in moments(2 * texts, kills):
            while load.running and load.done < due:
                time.sleep(0.01)
                supervise()
            if postmaster:
                database.kill()
            else:
                database.kill_one()
            died[postmaster] += 1
    assert not load.broken, load.broken
    again(lambda: until_none(lambda: unsettled(house.business), what="a final state for every message"))
    with contextlib.suppress(AssertionError):
        # What came while the database was away comes in from the journal; what is missing then is lost.
        until(lambda: load.answered.keys() <= kept(), 60)
    until_none(CarrierEvent.objects.filter(done_at=None).count, what="events read")
    seen = judge(world, house, pages=pages)
    events = kept()
    came = list(Message.objects.filter(direction="in").values_list("carrier_id", "body"))
    read = dict(came)
    inbound = {
        "tried": len(load.answered),
        "lost": sum(sid not in events for sid in load.answered),
        "duplicated": len(came) - len(set(came)),
        "let_in": len(set(read) - set(load.answered)),
        "misshown": sum(read.get(sid) != body for sid, body in load.answered.items()),
    }
    return {name: seen[name] + inbound[name] for name in ("tried", *COUNTS)} | {
        "postmasters_killed": died[True],
        "servants_killed": died[False],
        "restarts": restarts,
        "answers": dict(load.answers),
    }


def again(act: Callable[[], Any]) -> Any:
    """Our own connection died with the database, and Django notices only when it is used."""
    from django.db import Error, connections

    try:
        return act()
    except Error:
        connections.close_all()
        return act()


def main() -> None:
    wish = asked(__doc__, texts=5_000, kills=20)
    with ground(durable=True) as folder:
        from tests.world import a_world

        database = Database(folder, wish.seed)
        try:
            with a_world(folder, "sandbox", "web", *WORKERS) as world:
                house = a_house(10 * wish.texts)
                world.add_number(house.number.number)
                world.weather(seed=wish.seed, **WEATHER)
                began = time.monotonic()
                seen = run(world, house, database, texts=wish.texts, kills=wish.kills)
        finally:
            database.stop()
    tell("database_kills", seen, began, seed=wish.seed)


if __name__ == "__main__":
    main()
