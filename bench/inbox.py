"""Do the Inbox and its neighbours cost the same with ten million messages as with a thousand? Prints one JSON line.

    python bench/inbox.py [--conversations 1000000] [--messages 10000000] [--rounds 200] [--pages thread,search]
                          [--keep FOLDER]

Fills 200 businesses of a database of its own: Large has three tenths of all, Small about 1,000 messages, the others
the rest. It asks the pages of Large and of Small in turn, through Django, in one process; and those of a second Small,
alone in a database of its own, in another. Every page asked is checked to hold what it must, and its rows are counted.
Like is compared with like: Small's lists (waiting, up to date, unread, closed) fill a page as Large's do; where a
search of Large fills one, Small is asked for something that does too; the names that are looked for are in no message
by chance, which would give Large's page a second list; a nudge is about one message that has just come.
Names that are nearly unique are each business's own. `--keep` leaves the filled database in a folder and finds it there
the next time: about 15 GB of disk while ten million messages are written.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.ground import ground, machine

BUSINESSES = 200
SMALL_CONVERSATIONS = 100
# The most pages of one name. So each is asked once before any is timed: what is timed is the work and not how much of
# ten million messages the machine happens to have in memory. The longest of those first ones is told as `first_ms`.
WARM_UP = 10
# So many names, or numbers, are looked for.
TYPED = 10
# In a third of all messages; in one of a thousand; in one of twenty messages of every business but the two measured;
# in five of each of the two; in none.
COMMON, BETWEEN, NEIGHBOURS, RARE, NOBODYS = "appointment", "mezzanine", "backhoe", "gazebo", "zyzzyva"
# The first name of one in eight clients; what everybody's number begins with, which fills a page of Small's too; and
# what everybody's email begins with, and words in many messages.
MARIA, EVERYBODY, EVERYTHING = "Maria", "2", "c"
# Two words that so many of Small's messages hold as fill a page.
EVERYWHERE = "the to"
# fmt: off
FIRST = [
    "Maria", "James", "Anna", "John", "Linda", "Robert", "Nora", "David", "Elena", "Michael", "Sofia",
    "Daniel", "Grace", "Thomas", "Julia", "Peter", "Rosa", "Paul", "Amara", "Kevin", "Yuki", "Brian", "Priya",
    "Steven", "Ines", "Mark", "Leila", "George",
]
# fmt: on
TABLES = (
    "clients_client",
    "clients_consent",
    "clients_handset",
    "messaging_conversation",
    "messaging_message",
)

CLIENTS = """
    INSERT INTO clients_client
        (id, business_id, first_name, last_name, phone, email, tags, good_to_know, texting, created_at)
    SELECT uuidv7(), b.id, f.names[1 + floor(power(array_length(f.names, 1), random()) - 1)::int],
           l.names[1 + floor(random() * array_length(l.names, 1))::int], '+1' || (2000000000 + 4999 * n::bigint),
           'c' || n || '@many.example', '{}', '', 'ok', now()
    FROM bench_business b CROSS JOIN LATERAL generate_series(1, b.conversations) n,
         (SELECT %(first)s::text[] AS names) f, (SELECT %(last)s::text[] AS names) l
"""
CONSENTS = """
    INSERT INTO clients_consent
        (business_id, phone, category, says, how, words, our_number, by_name, source, said_at, recorded_at)
    SELECT business_id, phone, 'all', 'agreed', 'in_person', '', '', '', '', now(), now() FROM clients_client
"""
HANDSETS = """
    INSERT INTO clients_handset (business_id, phone, marketing, service_by, marketing_by, changed_at)
    SELECT business_id, phone, 'agreed', id, id, now() FROM clients_consent
"""
CONVERSATIONS = """
    INSERT INTO messaging_conversation
        (id, business_id, client_id, assignee_id, last_at, unread, waiting, closed_at, created_at)
    SELECT uuidv7(), v.business_id, v.id, CASE WHEN random() < 0.4 THEN
               members[1 + floor(random() * array_length(members, 1))::int] END,
           now() - power(random(), 3) * interval '720 days', CASE WHEN open AND waits THEN 1 ELSE 0 END,
           open AND waits, CASE WHEN NOT open THEN now() END, now()
    FROM (
        SELECT c.*, b.members, CASE WHEN b.full_pages THEN n <= 65 ELSE random() < 0.4 END AS open,
               CASE WHEN b.full_pages THEN n <= 31 ELSE random() < 0.15 END AS waits
        FROM (SELECT *, row_number() OVER (PARTITION BY business_id ORDER BY id) AS n FROM clients_client) c
        JOIN bench_business b ON b.id = c.business_id
    ) v
"""
# Conversations are of every length: most are short, a few have thousands of messages; each business has one of several
# pages. Messages are written in the
# order of time, as they are in life: by their place in the table, and by their ids.
MESSAGES = """
    INSERT INTO messaging_message
        (id, business_id, conversation_id, direction, channel, kind, title, author_id, subject, body, state, reason,
         code, number_id, their_address, segments, media, carrier_id, at, changed_at)
    SELECT uuidv7(at - now()), business_id, conversation_id, direction, 'sms', 'direct', '',
           CASE WHEN direction = 'out' THEN coalesce(assignee_id, members[1]) END, '',
           p.body || CASE WHEN random() < 0.001 THEN ' %(between)s' ELSE '' END
                  || CASE WHEN others AND random() < 0.05 THEN ' %(neighbours)s' ELSE '' END,
           CASE direction WHEN 'in' THEN 'received' ELSE 'delivered' END, '', '', number_id, phone, 1, '[]',
           'SM' || replace(gen_random_uuid()::text, '-', ''), at, at
    FROM (
        SELECT v.id AS conversation_id, v.business_id, v.assignee_id, b.members, b.number_id, b.others, c.phone,
               CASE WHEN n = 0 AND v.waiting OR n > 0 AND random() < 0.5 THEN 'in' ELSE 'out' END AS direction,
               v.last_at - n * interval '3 hours' * (0.9 + 0.1 * random()) AS at,
               1 + floor(random() * %(pool)s)::int AS words
        FROM (SELECT *, CASE WHEN row_number() OVER (PARTITION BY business_id ORDER BY id) = 1 THEN 150
                             ELSE least(3000, floor(%(scale)s / power(1 - random(), 1 / 1.3)))::int END AS length
              FROM messaging_conversation) v
        JOIN bench_business b ON b.id = v.business_id
        JOIN clients_client c ON c.id = v.client_id
        CROSS JOIN LATERAL generate_series(0, greatest(v.length, 1) - 1) n
    ) m
    JOIN bench_words p ON p.n = m.words
    ORDER BY at
"""
LAST = """
    UPDATE messaging_conversation v SET last_message_id = m.id
    FROM messaging_message m
    WHERE m.conversation_id = v.id AND m.business_id = v.business_id AND m.at = v.last_at
"""


@dataclass(frozen=True)
class Page:
    """An address, what its answer must hold, and with which headers it is asked."""

    address: str
    must: str
    headers: dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--pages", default="", help="only these, by their names, with commas between them")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--alone", action="store_true", help="be the second Small: asked by lines of input")
    wish = parser.parse_args()
    with ground(durable=False, folder=wish.keep):
        if wish.alone:
            serve_alone()
        else:
            print(json.dumps(measure(wish)))


def measure(wish: argparse.Namespace) -> dict[str, Any]:
    import parley.config.wsgi  # noqa: F401  garbage is collected as in `parley web`
    from parley.businesses.models import Business, Member

    started = time.monotonic()
    if not Business.objects.filter(name="Large").exists():
        fill(_sizes(wish.conversations), wish.messages / wish.conversations)
    filled = time.monotonic() - started
    owners = {
        name.lower(): Member.objects.select_related("business", "user").get(business__name=name, role="owner")
        for name in ("Small", "Large")
    }
    wanted = [name for name in wish.pages.split(",") if name]
    with Alone() as alone:
        askers: dict[str, Asker | Alone] = {name: Asker(owner) for name, owner in owners.items()}
        askers["alone"] = alone
        pages = {name: compare(name, askers, wish.rounds) for name in PAGES if not wanted or name in wanted}
    return {
        "bench": "inbox",
        "messages": {name: owner.business.messages.count() for name, owner in owners.items()}
        | {"all": _count("messaging_message")},
        "conversations": {name: owner.business.conversations.count() for name, owner in owners.items()}
        | {"all": _count("messaging_conversation")},
        "rounds": wish.rounds,
        "pages": pages,
        "fill_seconds": round(filled, 1),
        "machine": machine(),
    }


# ---- Filling


def fill(sizes: dict[str, int], length: float) -> None:
    """Businesses with so many conversations, of about that many messages each.

    Every row fits by construction; keys, triggers and indexes come after the rows.
    """
    from django.db import connection, transaction

    chance = random.Random(7)
    words = _words(chance)
    pool = [" ".join(_sentence(chance, words)) for _ in range(100_000)]
    with transaction.atomic(), connection.cursor() as cursor:
        houses = _houses(sizes)
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("SET LOCAL work_mem = '1GB'")
        cursor.execute("SET LOCAL maintenance_work_mem = '1GB'")
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute("CREATE UNLOGGED TABLE bench_words (n int, body text)")
        with cursor.copy("COPY bench_words FROM STDIN") as copy:
            for n, body in enumerate(pool, 1):
                copy.write_row((n, body))
        cursor.execute(
            "CREATE UNLOGGED TABLE bench_business "
            "(id uuid, conversations int, members uuid[], number_id uuid, others bool, full_pages bool)"
        )
        cursor.executemany("INSERT INTO bench_business VALUES (%s, %s, %s, %s, %s, %s)", houses)
        cursor.execute("ANALYZE bench_business, bench_words")
        with _without_indexes(cursor):
            names = {
                "first": FIRST + [_name(chance) for _ in range(250)],
                "last": [_name(chance) for _ in range(4000)],
            }
            cursor.execute(CLIENTS, names)
            cursor.execute(CONSENTS)
            cursor.execute(HANDSETS)
            cursor.execute(CONVERSATIONS)
            cursor.execute("ANALYZE clients_client, messaging_conversation")
            cursor.execute(
                MESSAGES
                % {
                    "between": BETWEEN,
                    "neighbours": NEIGHBOURS,
                    "pool": len(pool),
                    "scale": 0.28 * length,
                }
            )
            cursor.execute("ANALYZE messaging_message")
            cursor.execute(LAST)
            for business, others in ((row[0], row[4]) for row in houses):
                if not others:
                    _write_rare(cursor, business)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _words(chance: random.Random) -> list[str]:
    """A vocabulary by how common a word is: the first is in most messages, the last in hardly any."""
    common = ["the", "to", "you", "we", COMMON, "for", "at", "is", "on", "can", "it", "and", "this", "your"]
    made = {_name(chance).lower() for _ in range(30_000)} - {BETWEEN, NEIGHBOURS, RARE, NOBODYS}
    # A set's own order is another one in each process: without sorting it, each run would write other texts.
    words = sorted(made)
    chance.shuffle(words)
    return common + words


def _name(chance: random.Random) -> str:
    syllables = [
        chance.choice("bcdfghklmnprstvw") + chance.choice("aeiou") for _ in range(chance.randint(2, 4))
    ]
    return "".join(syllables).capitalize() + chance.choice(["", "n", "r", "s", "th"])


def _sentence(chance: random.Random, words: list[str]) -> Iterator[str]:
    for _ in range(chance.randint(3, 24)):
        yield words[int(len(words) ** chance.random()) - 1]


def _sizes(conversations: int) -> dict[str, int]:
    large = conversations * 3 // 10
    each = (conversations - large - SMALL_CONVERSATIONS) // (BUSINESSES - 2)
    sizes = {"Small": SMALL_CONVERSATIONS, "Large": large}
    return sizes | {f"Other {n}": each for n in range(BUSINESSES - 2)}


def _houses(sizes: dict[str, int]) -> list[tuple[uuid.UUID, int, list[uuid.UUID], uuid.UUID, bool, bool]]:
    """The businesses with five members and a number each, how many conversations each gets, and which is which."""
    from django.utils import timezone

    from parley.businesses.models import Business, Member, User
    from parley.notifications.models import Notification
    from parley.numbers.models import PhoneNumber
    from parley.quota.ledger import balance

    houses = []
    for n, (name, size) in enumerate(sizes.items()):
        business = Business.objects.create(
            name=name,
            email=f"b{n}@many.example",
            time_zone="America/Chicago",
            plan_id="business",
            mode="texting",
            two_way=True,
        )
        balance(business)
        members = [
            Member.objects.create(
                business=business,
                role="staff" if m else "owner",
                user=User.objects.create(email=f"m{m}@b{n}.example", name=f"Member{m} Of{n}", password="!"),
            )
            for m in range(5)
        ]
        number = PhoneNumber.objects.create(
            number=f"+1855{5_550_000 + n}", business=business, approved_at=business.created_at
        )
        Notification.objects.bulk_create(
            Notification(
                business=business, kind="text", title="Somebody", words="Hello", created_at=timezone.now()
            )
            for _ in range(20 if n else 5)
        )
        others = name not in ("Small", "Large")
        houses.append((business.id, size, [m.id for m in members], number.id, others, name == "Small"))
    return houses


@contextmanager
def _without_indexes(cursor: Any) -> Iterator[None]:
    """Indexes that no constraint stands on are built once, after the rows."""
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i "
        "WHERE indrelid = ANY(%s::regclass[]) "
        "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)",
        [list(TABLES)],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        cursor.execute(definition)


def _write_rare(cursor: Any, business: uuid.UUID) -> None:
    """Five messages of this business, from all its time, say the rare word."""
    cursor.execute("SELECT count(*) FROM messaging_message WHERE business_id = %s", [business])
    count = cursor.fetchone()[0]
    for tenth in (1, 3, 5, 7, 9):
        cursor.execute(
            "UPDATE messaging_message SET body = body || %s WHERE id = (SELECT id FROM messaging_message "
            "WHERE business_id = %s ORDER BY id LIMIT 1 OFFSET %s)",
            [f" by the {RARE}", business, count * tenth // 10],
        )


def _count(table: str) -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


# ---- Asking

HTMX = {"HX-Request": "true"}
Makes = Callable[[Any], list[Page]]


def _lists(show: str) -> Makes:
    def make(owner: Any) -> list[Page]:
        first = getattr(owner.business.conversations.all(), show)() if show else _open(owner)
        newest = first.select_related("client").order_by("-last_at", "-id")[0]
        return [Page(f"/inbox?show={show or 'open'}", str(newest.client), {})]

    return make


def _open(owner: Any) -> Any:
    return owner.business.conversations.open()


def _next_rows(owner: Any) -> list[Page]:
    """Thirty of those who are up to date, after the first three: Small has not many more."""
    from urllib.parse import quote

    from parley.inbox.listing import Row

    rest = _open(owner).filter(waiting=False).select_related("client").order_by("-last_at", "-id")
    key, first = Row(rest[2], "rest").key, rest[3]
    return [Page(f"/inbox?show=open&part=rest&before={quote(key)}", f"row-{first.id}", HTMX)]


def _long_conversations(owner: Any) -> list[Any]:
    """Ten from the whole of the business's time, each with more than two pages of messages."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conversation_id FROM messaging_message WHERE business_id = %s GROUP BY 1 "
            "HAVING count(*) BETWEEN 101 AND 400 ORDER BY md5(conversation_id::text) LIMIT 10",
            [owner.business_id],
        )
        ids = [id for (id,) in cursor.fetchall()]
    return list(owner.business.conversations.filter(pk__in=ids).select_related("client"))


def _threads(owner: Any) -> list[Page]:
    return [Page(f"/inbox/{c.id}", f"m-{c.last_message_id}", {}) for c in _long_conversations(owner)]


def _earlier(owner: Any) -> list[Page]:
    pages = []
    for conversation in _long_conversations(owner):
        newest = conversation.messages.filter(business=owner.business).order_by("-at", "-id")
        pages.append(
            Page(f"/inbox/{conversation.id}/earlier?before={newest[49].id}", f"m-{newest[60].id}", HTMX)
        )
    return pages


def _cards(owner: Any) -> list[Page]:
    return [Page(f"/clients/{c.client_id}", c.client.pretty_phone, {}) for c in _long_conversations(owner)]


def _clients(owner: Any) -> list[Page]:
    first = owner.business.clients.order_by("sort_name", "id")[0]
    return [Page("/clients", f"/clients/{first.id}", {})]


def _next_clients(owner: Any) -> list[Page]:
    ordered = owner.business.clients.order_by("sort_name", "id")
    last, next = ordered[49], ordered[50]
    return [Page(f"/clients?after={last.id}", f"/clients/{next.id}", HTMX | {"HX-Target": "li#more"})]


def _live(owner: Any) -> list[Page]:
    """What an open page asks for after a nudge: the newest message of the conversation it shows has just come."""
    from urllib.parse import quote

    pages = []
    for conversation in _long_conversations(owner):
        newest = conversation.messages.filter(business=owner.business).order_by("-at", "-id")
        asked = (
            f"c={conversation.id}&list=open&rows=30&thread={conversation.id}&oldest={newest[49].id}"
            f"&since={quote(newest[0].changed_at.isoformat())}"
        )
        pages.append(Page(f"/live?{asked}", f"m-{newest[0].id}", HTMX))
    return pages


def _search(words: str, must: str = "In messages", address: str = "/inbox", small: str = "") -> Makes:
    """`small`: what Small is asked instead, to fill a page."""

    def make(owner: Any) -> list[Page]:
        asked = small if small and owner.business.name == "Small" else words
        return [Page(f"{address}?q={asked}", must, {})]

    return make


def _in_a_message(owner: Any, typed: str) -> bool:
    """Does a word of a message begin so, by chance? Then the page has a second list, which Small's has not."""
    from parley.inbox.search import Found

    return any(part.name == "words" for part in Found(owner, typed).parts)


def _search_client(field: str, address: str = "/inbox", small: str = "") -> Makes:
    def make(owner: Any) -> list[Page]:
        if small and owner.business.name == "Small":
            return [Page(f"{address}?q={small}", "", {})]
        pages: list[Page] = []
        recent = _open(owner).select_related("client").order_by("-last_at")
        if field == "first":
            # The common ones.
            recent = recent.filter(client__first_name__in=FIRST)
        for conversation in recent[20:220]:
            client = conversation.client
            typed = {
                "first": client.first_name,
                "last": client.last_name,
                "whole": client.name,
                "phone": client.phone[-4:],
            }[field]
            if not (small and _in_a_message(owner, typed)):
                pages.append(Page(f"{address}?q={typed}", typed if field != "phone" else "People", {}))
            if len(pages) == TYPED:
                break
        return pages

    return make


PAGES: dict[str, Makes] = {
    "inbox": _lists(""),
    "unread": _lists("unread"),
    "closed": _lists("closed"),
    "next rows": _next_rows,
    "thread": _threads,
    "earlier messages": _earlier,
    "live": _live,
    "client card": _cards,
    "clients": _clients,
    "next clients": _next_clients,
    "clients by first name": _search(MARIA, "client-row", "/clients", small=EVERYBODY),
    "clients by last name": _search_client("last", "/clients", small=EVERYBODY),
    "send to first name": _search(MARIA, "<b>", "/send-message", small=EVERYBODY),
    "search first name": _search_client("first", small=EVERYBODY),
    "search last name": _search_client("last", small=EVERYBODY),
    "search phone": _search_client("phone", small=EVERYBODY),
    "search area code": _search(EVERYBODY, "People"),
    "search one letter": _search("a", "People", small=EVERYTHING),
    "search everything": _search(EVERYTHING, "People"),
    "search whole name": _search_client("whole"),
    "search common": _search(COMMON),
    "search common pair": _search(f"{COMMON} your", small=EVERYWHERE),
    "search between": _search(BETWEEN, "In messages", small=COMMON),
    "search rare": _search(RARE),
    "search neighbours’": _search(NEIGHBOURS, "Nothing found"),
    "search nobody’s": _search(NOBODYS, "Nothing found"),
}


class Asker:
    """Asks the pages of one business, as its owner."""

    def __init__(self, owner: Any) -> None:
        from django.db import connection
        from django.test import Client

        self.owner = owner
        self.browser = Client()
        self.browser.force_login(owner.user, backend="django.contrib.auth.backends.ModelBackend")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.backend = cursor.fetchone()[0]
        self.made: dict[str, list[Page]] = {}

    def ask(self, name: str, round_: int) -> tuple[float, float, int]:
        """Wall and processor time of one page in milliseconds, and how many rows it has.

        SystemExit if it is not the page.
        """
        if name not in self.made:
            self.made[name] = PAGES[name](self.owner)
        page = self.made[name][round_ % len(self.made[name])]
        worked, began = time.thread_time() + _ran(self.backend), time.perf_counter()
        answer = self.browser.get(page.address, headers=page.headers)
        wall, work = time.perf_counter() - began, time.thread_time() + _ran(self.backend) - worked
        html = answer.content.decode()
        if answer.status_code != 200 or page.must not in html:
            raise SystemExit(
                f"{name} of {self.owner.business}: status {answer.status_code}, or it lacks {page.must!r}"
            )
        return wall * 1000, work * 1000, sum(html.count(row) for row in ROWS)

    def queries(self, name: str) -> int:
        """How many statements the page asks."""
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        page = self.made[name][0]
        with CaptureQueriesContext(connection) as captured:
            self.browser.get(page.address, headers=page.headers)
        return len(captured)


class Alone:
    """The second Small, in a process and a database of its own: asked by a line, answers by a line."""

    def __enter__(self) -> Alone:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--alone"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *error: object) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait(60)

    def _answer(self, *line: object) -> Any:
        print(json.dumps(line), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())  # type: ignore[union-attr]

    def ask(self, name: str, round_: int) -> tuple[float, float, int]:
        """As `Asker.ask`."""
        return tuple(self._answer(name, round_))  # type: ignore[return-value]

    def queries(self, name: str) -> int:
        """As `Asker.queries`."""
        return int(self._answer(name))


def serve_alone() -> None:
    """Fill and answer until the input ends."""
    import parley.config.wsgi  # noqa: F401
    from parley.businesses.models import Member

    fill({"Small": SMALL_CONVERSATIONS}, 10)
    asker = Asker(Member.objects.select_related("business", "user").get(business__name="Small", role="owner"))
    for line in sys.stdin:
        name, *round_ = json.loads(line)
        print(json.dumps(asker.ask(name, *round_) if round_ else asker.queries(name)), flush=True)


# What a row of any list begins with.
ROWS = ('class="conversation"', 'class="client-row"', 'name="contact"')


def compare(name: str, askers: dict[str, Asker | Alone], rounds: int) -> dict[str, Any]:
    """Ask a page of all in turn, so that the machine's moods fall on all alike."""
    walls: dict[str, list[float]] = {owner: [] for owner in askers}
    works: dict[str, list[float]] = {owner: [] for owner in askers}
    counts: dict[str, list[float]] = {owner: [] for owner in askers}
    firsts: dict[str, list[float]] = {owner: [] for owner in askers}
    for round_ in range(-WARM_UP, rounds):
        for owner, asker in askers.items():
            wall, work, count = asker.ask(name, round_)
            if round_ < 0:
                firsts[owner].append(wall)
            else:
                walls[owner].append(wall)
                works[owner].append(work)
                counts[owner].append(count)
    wall95 = {owner: statistics.quantiles(times, n=20)[18] for owner, times in walls.items()}
    cpu = {owner: statistics.fmean(times) for owner, times in works.items()}
    cpu95 = {owner: statistics.quantiles(times, n=20)[18] for owner, times in works.items()}
    return {
        "queries": {owner: asker.queries(name) for owner, asker in askers.items()},
        "rows": _rounded({owner: statistics.fmean(count) for owner, count in counts.items()}),
        "first_ms": _rounded({owner: max(times) for owner, times in firsts.items()}),
        "p50_ms": _rounded({owner: statistics.median(times) for owner, times in walls.items()}),
        "p95_ms": _rounded(wall95),
        "cpu_ms": _rounded(cpu),
        "p95_cpu_ms": _rounded(cpu95),
        "p95_ratio": round(wall95["large"] / wall95["small"], 2),
        "p95_cpu_ratio": round(cpu95["large"] / cpu95["small"], 2),
        "cpu_ratio": round(cpu["large"] / cpu["small"], 2),
        "p95_ratio_alone": round(wall95["large"] / wall95["alone"], 2),
        "p95_cpu_ratio_alone": round(cpu95["large"] / cpu95["alone"], 2),
        "cpu_ratio_alone": round(cpu["large"] / cpu["alone"], 2),
    }


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}


def _ran(pid: int) -> float:
    """Seconds that this process has had a processor: the scheduler's own count, in nanoseconds."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
