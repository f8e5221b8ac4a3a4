"""People are found the same way everywhere: the best first, each once, in bounded time, and nobody sees another's."""

from __future__ import annotations

import itertools
import json
import re
import time
import uuid

import pytest
from django.db import connection
from uuid_utils.compat import uuid7

from parley.businesses import tenancy
from parley.businesses.models import Business
from parley.businesses.words import mark_of, words_in
from parley.clients import search
from parley.clients.models import Client
from parley.clients.search import people
from parley.inbox import search as inbox_search
from parley.inbox.search import Found
from parley.numbers.models import PhoneNumber
from tests.people import House
from tests.plans import as_new


@pytest.fixture(autouse=True)
def a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made is made at an even pace, as the ids tell: the sample is taken by time, and this machine pauses."""
    moments = itertools.count(time.time_ns(), 1_000_000_000)
    monkeypatch.setattr(tenancy, "uuid7", lambda: uuid7(nanoseconds=next(moments)))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a few clients reach."""
    for name, value in {"SAMPLE": 6, "PROBES": 3, "COMMON": 1, "MOST": 3, "WALK": 5}.items():
        monkeypatch.setattr(search, name, value)
    for name, value in {"WALK": 9, "PAGE": 3}.items():
        monkeypatch.setattr(inbox_search, name, value)


# In the order they were added: the last are the newest.
FEW = [
    ("Ann", "Marie Lee", "+15035550101", "ann@lee.example"),
    ("Lee", "Maro", "+15035550102", ""),
    ("Bo", "Maro", "+15035550103", "maro@bo.example"),
    ("", "", "+15035550104", "lee@nobody.example"),
    ("maria", "O’Lee", "+14155550105", ""),
    ("Zoë", "Ång", "+14155550106", "zoe@example.org"),
]


def fill(house: House) -> None:
    """Marias by the dozen among others, some of whom bear it as their last name."""
    crowd = [("Maria", f"Lee{n:02}", f"+1503666{n:04}", f"m{n}@lee.example") for n in range(14)]
    crowd += [(f"{name} Jo", "Maria", f"+1503777{n:04}", "") for n, name in enumerate("AMNZ")]
    Client.objects.bulk_create(
        Client(business=house.business, first_name=first, last_name=last, phone=phone, email=email)
        for first, last, phone, email in [*FEW[:3], *crowd, *FEW[3:]]
    )


def begin_so(client: Client, typed: str) -> bool:
    """What finding means, said plainly."""
    digits = client.phone[2:]
    if typed.replace(" ", "").isdigit():
        parts = {digits, digits[-7:], digits[-4:]}
        return any(part.startswith(typed.replace(" ", "")) for part in parts)
    own = words_in(f"{client.first_name} {client.last_name} {client.email} {digits}")
    return all(any(word.startswith(asked) for word in own) for asked in words_in(typed))


def read_through(house: House, typed: str, page: int) -> list[Client]:
    """All pages of what is found, one after the other."""
    found: list[Client] = []
    after = None
    for _ in range(40):
        answer = people(house.business, typed, page, after)
        assert len(answer.clients) <= page
        found += answer.clients
        if answer.more is None:
            return found
        after = house.business.clients.get(pk=answer.more)
    raise AssertionError("the pages never end")


TYPED = (
    *("maria", "mari", "m", "maro", "lee", "lee m", "m lee", "maria lee", "maria lee03", "jo", "jo maria"),
    *("example", "ann", "zoë", "z", "bo@maro", "503", "5036", "0104", "666", "1", "nobody here", "’", "~"),
)


@pytest.mark.parametrize("page", [2, 50])
def test_each_is_met_once_and_the_best_first(
    juniper: House, alder: House, page: int, request: pytest.FixtureRequest
) -> None:
    fill(juniper)
    fill(alder)
    everybody = list(juniper.business.clients.all())
    for bounds in ("as they are", "narrow"):
        if bounds == "narrow":
            request.getfixturevalue("narrow")
        for typed in TYPED:
            found = read_through(juniper, typed, page)
            assert len(found) == len(set(found)), (typed, bounds)
            assert set(found) == {c for c in everybody if words_in(typed) and begin_so(c, typed)}, (
                typed,
                bounds,
            )
            best = [c.sort_name.startswith(typed) for c in found]
            assert best == sorted(best, reverse=True), (typed, bounds)
            if bounds == "as they are":
                by_name = sorted(found, key=lambda c: (not c.sort_name.startswith(typed), c.sort_name))
                assert [c.sort_name for c in found] == [c.sort_name for c in by_name], typed


def in_inbox(house: House, typed: str) -> tuple[list[str], str]:
    """The people of an Inbox search, and what is said below them."""
    for part in Found(house.owner, typed).parts:
        if part.name == "people":
            return [str(row.conversation.client) for row in part.rows], part.note
    return [], ""


def test_the_inbox_shows_whom_one_spoke_with_last(juniper: House, alder: House, narrow: None) -> None:
    for house in (juniper, alder):
        for minute, name in enumerate(
            ("Ann Old", "Maria Old", *(f"Maria N{n}" for n in range(8)), "Bo New", "Cy New")
        ):
            first, last = name.split()
            house.text(house.client(first, last, f"+1503555{1000 + minute}"), "Hi", minutes_ago=60 - minute)
    conversation = juniper.business.conversations.get(client__last_name="N6")
    conversation.closed_at = conversation.last_at
    conversation.save()
    cases = {
        # Many: read by their conversations, open and closed.
        "maria": (["Maria N7", "Maria N6", "Maria N5"], search.MORE_PEOPLE),
        # Few: the index knows all.
        "ol": (["Maria Old", "Ann Old"], ""),
        "cy": (["Cy New"], ""),
        "maria o": (["Maria Old"], ""),
        "n6 maria": (["Maria N6"], ""),
        "1003": (["Maria N1"], ""),
        "nobody": ([], ""),
    }
    for typed, expected in cases.items():
        assert in_inbox(juniper, typed) == expected, typed
    juniper.business.clients.filter(last_name__startswith="N").exclude(last_name__in=["N0", "New"]).update(
        first_name="Mona"
    )
    # Too many Monas to know all, too few of them lately: those who were found, and that there are more.
    juniper.business.conversations.filter(client__first_name="Mona").update(last_at="2020-01-01T00:00Z")
    for n in range(9):
        juniper.text(juniper.client("Di", f"Last{n}", f"+1503555{2000 + n}"), "Hi")
    found, note = in_inbox(juniper, "mona")
    assert len(found) == 3
    assert all(name.startswith("Mona") for name in found)
    assert note == search.MORE_PEOPLE


def test_a_search_reads_no_more_however_many_match(juniper: House, narrow: None) -> None:
    """Rows of a table that were fetched, as PostgreSQL counts them."""
    as_new("clients_client", "messaging_conversation")
    for n in range(60):
        juniper.text(juniper.client("Maria", f"Lee{n}", f"+1503556{n:04}"), f"needle {n}")
    Client.objects.bulk_create(
        Client(business=juniper.business, first_name="Cy", last_name=f"Late{n}", phone=f"+1503557{n:04}")
        for n in range(40)
    )

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE clients_client, messaging_conversation; SET LOCAL enable_seqscan = off")
        # A hundred rows are sorted sooner than an index is read in order.
        cursor.execute("SET LOCAL enable_sort = off")

    def fetched(table: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables "
                "WHERE relname = %s",
                [table],
            )
            return int(cursor.fetchone()[0])

    for typed in ("maria", "m", "lee", "maria lee", "5035", "late", "nobody"):
        before = fetched("clients_client")
        answer = people(juniper.business, typed, 3)
        # Whether there are more than a sample, its ends and itself, who begin so, what the index may fetch, two walks,
        # and the page.
        assert fetched("clients_client") - before <= 7 + 2 + 6 + 4 + 4 + 2 * 5 + 3, typed
        assert len(answer.clients) <= 3
        before, conversations = fetched("clients_client"), fetched("messaging_conversation")
        in_inbox(juniper, typed)
        assert fetched("clients_client") - before <= 7 + 2 + 6 + 4 + 4 + 9 + 4 + 3, typed
        assert fetched("messaging_conversation") - conversations <= 3 * 9 + 4 + 3, typed


def test_a_name_that_many_bear_is_not_asked_of_the_index_of_words(
    juniper: House, narrow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whatever the sample holds of it, it is not called common.
    monkeypatch.setattr(search, "COMMON", search.SAMPLE)
    monkeypatch.setattr(search, "MOST", 8)
    for n in range(12):
        juniper.text(juniper.client("Maria", f"Lee{n:02}", f"+1503556{n:04}"), "Hi", minutes_ago=60 - n)
    # The newest conversations are with others, but for two: added last, so that the sample has them.
    for n in range(inbox_search.WALK):
        first, last = ("Maria", f"Lee9{n}") if n >= inbox_search.WALK - 2 else ("Cy", "Lee")
        juniper.text(juniper.client(first, last, f"+1503557{n:04}"), "Hi", minutes_ago=20 - n)

    def by_index(typed: str) -> int:
        """How many entries the index of words gave."""
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {inbox_search._by_last()}",
                search.asked(juniper.business, typed),
            )
            plan = json.dumps(cursor.fetchone()[0])
        nodes = re.findall(r'"Index Name": "clients_search".*?"Actual Rows": ([0-9.]+)', plan)
        assert len(nodes) == 1
        return int(float(nodes[0]))

    assert by_index("maria") == 0
    # The two of the newest; then, of those by name who were read instead, whom one spoke with last.
    assert in_inbox(juniper, "maria") == (["Maria Lee98", "Maria Lee97", "Maria Lee08"], search.MORE_PEOPLE)
    # Their last name says nothing of it, and of all that match it must be asked.
    assert by_index("lee") > search.MOST
    assert by_index("maria lee") == 0


def test_two_businesses_with_one_mark_find_their_own(juniper: House, narrow: None) -> None:
    """The mark in the index keeps costs apart; what keeps businesses apart is the row's own business."""
    id = uuid.UUID(str(uuid.uuid4())[:-6] + str(juniper.business.id)[-6:])
    twin = Business.objects.create(id=id, name="Twin", email="t@twin.example", plan_id="business")
    assert mark_of(twin.id) == mark_of(juniper.business.id)
    member = twin.members.create(user=juniper.staff.user, role="owner")
    other = House(twin, member, member, PhoneNumber.objects.create(number="+18555550177", business=twin))
    for house, name in ((juniper, "Juniper"), (other, "Twin")):
        for n in range(2):
            house.text(house.client(f"Nell{n}", name, f"+150355510{n}0"), "Hi", minutes_ago=n)
    for house, name in ((juniper, "Juniper"), (other, "Twin")):
        assert [str(c) for c in read_through(house, "nell", 1)] == [f"Nell0 {name}", f"Nell1 {name}"]
        assert [str(c) for c in read_through(house, "nell0", 1)] == [f"Nell0 {name}"]
        assert in_inbox(house, "nell") == ([f"Nell0 {name}", f"Nell1 {name}"], "")
