"""How many signed texts a second does `parley web` keep, and `parley texts` turn into messages? Prints one JSON line.

    python bench/inbound.py [--texts 20000] [--receipts 0] [--connections 64] [--processes 2] [--together]

Posts distinct texts as Twilio does (20 fields, signed beforehand) to several numbers of several businesses, from
clients and from handsets that nobody knows; the texts of one pair of numbers one after another. Then `parley texts`
reads what was kept (`--together`: while it is kept). `--receipts` posts two receipts for each of so many texts that
left earlier. Afterwards every answer and every row is compared with what was sent, and the order of each pair: where
one is missing, doubled or wrong there is no figure. The database commits as a business's does.

Rates are of this process, web, texts and PostgreSQL together; `cpu_us` is processor time an operation.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import uvloop
from ground import cpu_seconds, family, ground, machine

TEXT = "/hooks/twilio/text"
BODIES = (
    "Hi, is 3 pm still free on Thursday?",
    "Thanks so much, see you then!",
    "Running about ten minutes late, sorry. Traffic on the bridge is awful today",
    "Can I move my appointment to next week? Tuesday or Wednesday after 4 would be best for me",
    "ok",
    "Sí, mañana está bien 👍",
    "What do you charge for a cut and colour? My hair is shoulder length and I would like to go a bit lighter.",
    "Yes please",
    "I left my umbrella at your place yesterday, did you find it?",
    "Perfect. Do I need to bring anything, or is there something I should do before I come?",
)
AREAS = (212, 415, 503, 604, 312, 206)


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a handset's, and what must become of it."""

    sid: str
    sender: str
    number: str
    body: str
    form: str


@dataclass(frozen=True, slots=True)
class Pair:
    number: str
    handset: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--receipts", type=int, default=0, help="texts that left, with two receipts each")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--processes", type=int, default=2, help="of parley web")
    parser.add_argument("--businesses", type=int, default=12)
    parser.add_argument("--handsets", type=int, default=4_000)
    parser.add_argument("--new", type=float, default=0.1, help="share of the handsets that nobody knows")
    parser.add_argument("--together", action="store_true", help="read while webhooks come in")
    parser.add_argument("--seed", type=int, default=7)
    wish = parser.parse_args()
    with ground(durable=True, PARLEY_WEB_PROCESSES=str(wish.processes)) as folder:
        print(json.dumps(measure(wish, folder)))


def measure(wish: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from tests.world import World

    chance = random.Random(wish.seed)
    pairs = a_town(wish, chance)
    world = World(folder, patience=1.0)
    requests, texts = texts_of(wish, chance, pairs, world)
    receipts = receipts_of(wish, pairs, world)
    postgres = server_pid()
    result: dict[str, Any] = {
        "bench": "inbound",
        "texts": wish.texts,
        "receipts": 2 * wish.receipts,
        "connections": wish.connections,
        "processes": wish.processes,
        "together": wish.together,
    }
    reader = 0
    try:
        world.start("web", "texts")
        wait_until_reading()
        web, reader = pid_of(world, "web"), pid_of(world, "texts")
        if not wish.together:
            os.kill(reader, signal.SIGSTOP)
        watch = Watch(web=web, postgres=postgres, texts=reader)
        latencies, seconds = uvloop.run(post(world.port, [*requests, receipts]))
        busy = watch.stop()
        webhooks = wish.texts + 2 * wish.receipts
        assert len(latencies) == webhooks, f"{webhooks - len(latencies)} were not answered"
        verify_kept(texts, 2 * wish.receipts)
        latencies.sort()
        result |= {
            "accepted_per_second": round(webhooks / seconds),
            "p50_ms": round(latencies[len(latencies) // 2] * 1000, 1),
            "p99_ms": round(latencies[len(latencies) * 99 // 100] * 1000, 1),
            "accept_cpu_us": per(busy, webhooks),
        }
        if not wish.together:
            watch = Watch(postgres=postgres, texts=reader)
            os.kill(reader, signal.SIGCONT)
        wait_until_read(webhooks)
        busy = watch.stop()
    finally:
        if reader:
            os.kill(reader, signal.SIGCONT)
        world.close()
    verify_read(texts, wish.receipts)
    return result | {
        "read_per_second": reading_rate(webhooks),
        "read_cpu_us": per(busy, webhooks),
        "verified_rows": webhooks,
        "machine": machine(),
    }


# ---- The town


def a_town(wish: argparse.Namespace, chance: random.Random) -> list[Pair]:
    """Businesses, each with its number, and who texts them. Returns each handset with the number it writes to."""
    from parley.clients.models import Client
    from tests.people import make_house

    houses = [make_house(f"House{n} Hair", f"+1855555{n:04}") for n in range(wish.businesses)]
    pairs, clients = [], []
    for n in range(wish.handsets):
        house = chance.choice(houses)
        handset = f"+1{AREAS[n % len(AREAS)]}{2_000_000 + n}"
        pairs.append(Pair(house.number.number, handset))
        if chance.random() >= wish.new:
            clients.append(
                Client(business=house.business, phone=handset, first_name="Client", last_name=f"{n}")
            )
    Client.objects.bulk_create(clients)
    return pairs


def texts_of(
    wish: argparse.Namespace, chance: random.Random, pairs: Sequence[Pair], world: Any
) -> tuple[list[list[bytes]], list[Text]]:
    """Each connection's requests, and the texts in them in the order of their pairs."""
    requests: list[list[bytes]] = [[] for _ in range(wish.connections)]
    texts = []
    for n in range(wish.texts):
        place = chance.randrange(len(pairs))
        pair = pairs[place]
        sid = f"SM{chance.getrandbits(128):032x}"
        body = f"{BODIES[n % len(BODIES)]} ({n})"
        fields = {
            "ToCountry": "US",
            "ToState": "",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "ToCity": "",
            "FromZip": "94016",
            "SmsSid": sid,
            "FromState": "CA",
            "SmsStatus": "received",
            "FromCity": "DALY CITY",
            "Body": body,
            "FromCountry": "US",
            "To": pair.number,
            "ToZip": "",
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": world.account_sid,
            "From": pair.handset,
            "ApiVersion": "2010-04-01",
            "MessagingServiceSid": "MG" + "0" * 32,
        }
        form = urlencode(fields)
        requests[place % wish.connections].append(signed(world, TEXT, fields, form))
        texts.append(Text(sid, pair.handset, pair.number, body, form))
    return requests, texts


def receipts_of(wish: argparse.Namespace, pairs: Sequence[Pair], world: Any) -> list[bytes]:
    """Texts that left earlier, as rows; and what the carrier says of them: sent, then delivered."""
    if not wish.receipts:
        return []
    from django.utils import timezone

    from parley.clients.models import Client
    from parley.messaging.models import Attempt, Conversation, Message
    from parley.numbers.models import PhoneNumber

    now = timezone.now()
    numbers = {number.number: number for number in PhoneNumber.objects.all()}
    clients = list(Client.objects.all()[: wish.receipts])
    numbers_of = {number.business_id: number for number in numbers.values()}
    conversations = Conversation.objects.bulk_create(
        [Conversation(business_id=c.business_id, client=c, last_at=now) for c in clients]
    )
    messages, attempts, requests = [], [], []
    for n in range(wish.receipts):
        conversation = conversations[n % len(conversations)]
        client, number = clients[n % len(clients)], numbers_of[conversation.business_id]
        sid = f"SM{n:032x}"
        message = Message(
            business_id=conversation.business_id,
            conversation=conversation,
            direction="out",
            body="See you at three.",
            state="accepted",
            number=number,
            their_address=client.phone,
            segments=1,
            carrier_id=sid,
            at=now,
            changed_at=now,
        )
        attempt = Attempt(
            id=uuid4(),
            business_id=message.business_id,
            message=message,
            number=number,
            recipient=client.phone,
            state="bound",
            started_at=now,
            carrier_id=sid,
        )
        messages.append(message)
        attempts.append(attempt)
        for status in ("sent", "delivered"):
            fields = {
                "SmsSid": sid,
                "SmsStatus": status,
                "MessageStatus": status,
                "To": client.phone,
                "MessageSid": sid,
                "AccountSid": world.account_sid,
                "From": number.number,
                "ApiVersion": "2010-04-01",
            }
            path = f"/hooks/twilio/receipt/{attempt.id.hex}"
            requests.append(signed(world, path, fields, urlencode(fields)))
    Message.objects.bulk_create(messages, 1000)
    Attempt.objects.bulk_create(attempts, 1000)
    return requests


def signed(world: Any, path: str, fields: dict[str, str], form: str) -> bytes:
    """One request as Twilio's proxies send it. Signed here, not by our own checker."""
    said = world.url + path + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(world.auth_token.encode(), said.encode(), hashlib.sha1)
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost:{world.port}\r\nUser-Agent: TwilioProxy/1.1\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nAccept: */*\r\n"
        "X-Home-Region: us1\r\nI-Twilio-Idempotency-Token: 4c0b1e66-9c4f-4cf0-8d77-1d2b6a5b8a7e\r\n"
        f"X-Twilio-Signature: {base64.b64encode(mac.digest()).decode()}\r\n"
        f"Content-Length: {len(form)}\r\n\r\n{form}"
    ).encode()


# ---- The load


async def post(port: int, requests: Sequence[Sequence[bytes]]) -> tuple[list[float], float]:
    """Each row of requests over a connection of its own. Returns how long each answer took, and all, in seconds."""
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    posters = []
    for row in requests:
        if row:
            _, poster = await loop.create_connection(
                lambda row=row: Poster(iter(row), latencies), "127.0.0.1", port
            )
            posters.append(poster)
    started = time.perf_counter()
    for poster in posters:
        poster.next()
    await asyncio.gather(*(poster.over for poster in posters))
    return latencies, time.perf_counter() - started


class Poster(asyncio.Protocol):
    """One connection: a request, its 200, the next. A client library would cost more than the server."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float]) -> None:
        self.requests, self.latencies = requests, latencies
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.received = b""

    def next(self) -> None:
        following = next(self.requests, None)
        if following is None:
            self.over.set_result(None)
            self.transport.close()
        else:
            self.began = time.perf_counter()
            self.transport.write(following)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.received.endswith(b"<Response/>"):
            if not self.received.startswith(b"HTTP/1.1 200 "):
                self.over.set_exception(AssertionError(self.received[:200]))
                return
            self.received = b""
            self.latencies.append(time.perf_counter() - self.began)
            self.next()
        elif self.received.endswith(b"\r\n\r\n") and not self.received.startswith(b"HTTP/1.1 200 "):
            self.over.set_exception(AssertionError(self.received[:200]))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("the connection was closed"))


# ---- The clock


class Watch:
    """Processor time of processes with all their children, and of this one, from now on."""

    def __init__(self, **pids: int) -> None:
        self._pids = pids
        self._own = time.process_time()
        self._before = self._now()

    def _now(self) -> dict[str, float]:
        return {name: cpu_seconds(*family(pid)) for name, pid in self._pids.items()}

    def stop(self) -> dict[str, float]:
        """Seconds since it began; `load` is this process."""
        spent = {name: seconds - self._before[name] for name, seconds in self._now().items()}
        return spent | {"load": time.process_time() - self._own}


def per(spent: dict[str, float], operations: int) -> dict[str, int]:
    return {name: round(seconds * 1_000_000 / operations) for name, seconds in spent.items()}


def pid_of(world: Any, name: str) -> int:
    return int(world.children[name].pid)


def server_pid() -> int:
    """PostgreSQL's first process, of which all its others are children."""
    ((backend,),) = query("SELECT pg_backend_pid()")
    return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])


def query(sql: str, *values: Any) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def wait_until_reading() -> None:
    """Until its loops are there; what it costs to start is no text's cost."""
    from tests.waiting import until

    asked = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'parley receiving'"
    until(lambda: query(asked), 30, what="parley texts")


def wait_until_read(events: int) -> None:
    deadline = time.monotonic() + 60 + events / 200
    while query("SELECT 1 FROM messaging_carrierevent WHERE done_at IS NULL AND trouble = '' LIMIT 1"):
        assert time.monotonic() < deadline, "not all events were read"
        time.sleep(0.1)


def reading_rate(events: int) -> int:
    """Events a second from the end of the first transaction to the end of the last, without the first one's."""
    ((seconds, first),) = query(
        """
        WITH read AS (SELECT date_trunc('milliseconds', done_at) AS at, count(*) AS n
                      FROM messaging_carrierevent GROUP BY 1)
        SELECT extract(epoch FROM max(at) - min(at))::float8, (array_agg(n ORDER BY at))[1] FROM read
        """
    )
    return round((events - first) / seconds)


# ---- The proof


def verify_kept(texts: Sequence[Text], receipts: int) -> None:
    """Every text that was answered is an event, once, in its own words."""
    kept = query("SELECT key, form FROM messaging_carrierevent WHERE kind = 'text'")
    assert len(kept) == len(texts), f"{len(kept)} events for {len(texts)} texts"
    assert dict(kept) == {text.sid: text.form for text in texts}, "an event is not what was sent"
    ((found,),) = query("SELECT count(DISTINCT key) FROM messaging_carrierevent WHERE kind = 'receipt'")
    assert found == receipts, f"{found} events for {receipts} receipts"


def verify_read(texts: Sequence[Text], receipts: int) -> None:
    """Every text is one message of the right business and client, and each pair's are in the order they were sent."""
    assert not query("SELECT 1 FROM messaging_carrierevent WHERE trouble <> ''"), "an event was set aside"
    # Without it the joins below took 20 s for 15,000 texts: nothing has told PostgreSQL yet that the tables have grown.
    query("ANALYZE")
    rows = query(
        """
        SELECT m.carrier_id, n.number, c.phone, m.their_address, m.body, m.state, m.direction
        FROM messaging_message m
        JOIN numbers_phonenumber n ON n.id = m.number_id AND n.business_id = m.business_id
        JOIN messaging_conversation v ON v.id = m.conversation_id AND v.business_id = m.business_id
        JOIN clients_client c ON c.id = v.client_id AND c.business_id = v.business_id
        WHERE m.direction = 'in' ORDER BY m.at, m.id
        """
    )
    assert len(rows) == len(texts), f"{len(rows)} messages for {len(texts)} texts"
    came: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for sid, number, phone, address, body, state, _ in rows:
        assert (address, state) == (phone, "received")
        came.setdefault((number, phone), []).append((sid, body))
    sent: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for text in texts:
        sent.setdefault((text.number, text.sender), []).append((text.sid, text.body))
    assert came == sent, "a message is not what was sent, or out of order"
    shown = query(
        """
        SELECT n.number, c.phone, v.unread, m.carrier_id FROM messaging_conversation v
        JOIN clients_client c ON c.id = v.client_id
        JOIN messaging_message m ON m.id = v.last_message_id JOIN numbers_phonenumber n ON n.id = m.number_id
        WHERE m.direction = 'in' AND v.waiting
        """
    )
    assert {(number, phone): (unread, sid) for number, phone, unread, sid in shown} == {
        pair: (len(row), row[-1][0]) for pair, row in sent.items()
    }, "a conversation does not show what came"
    ((told,),) = query("SELECT count(*) FROM notifications_notification WHERE kind = 'text'")
    assert told == len(texts), f"{told} notifications for {len(texts)} texts"
    ((looks,),) = query("SELECT count(*) FROM procrastinate_jobs WHERE task_name LIKE '%%write_if_unread%%'")
    assert looks == len(sent), f"{looks} looks after unread texts for {len(sent)} conversations"
    ((delivered,),) = query(
        "SELECT count(*) FROM messaging_message WHERE direction = 'out' AND state = 'delivered'"
    )
    assert delivered == receipts, f"{delivered} of {receipts} texts are delivered"


if __name__ == "__main__":
    main()
