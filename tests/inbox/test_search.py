"""Words in messages: the newest first, in bounded time, and nobody pays for or sees another business's."""

from __future__ import annotations

import re
import uuid

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from parley.businesses.models import Business
from parley.businesses.words import mark_of
from parley.inbox import search
from parley.inbox import thread as threads
from parley.inbox.search import Found
from parley.messaging.models import Message
from parley.numbers.models import PhoneNumber
from tests.inbox.conftest import SIGNED_IN
from tests.inbox.test_thread import HTMX, THREAD
from tests.people import House
from tests.plans import as_new


def found(house: House, words: str) -> tuple[list[str], str]:
    """The bodies that a search quotes, in order, and what is said below them."""
    for part in Found(house.owner, words).parts:
        if part.name == "words":
            return [re.sub("</?mark>", "", str(row.words)) for row in part.rows], part.note
    return [], ""


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a few messages reach."""
    for name, value in {
        "NEWEST": 6,
        "COMMON": 1,
        "MOST": 4,
        "BACK": 12,
        "ENOUGH": 4,
        "FURTHER": 6,
        "PAGE": 3,
    }.items():
        monkeypatch.setattr(search, name, value)


def write(house: House, *bodies: str) -> list[Message]:
    """A message each, of a client each, the first the oldest."""
    return [
        house.text(house.client(f"N{n}", "", f"+1503556{1000 + n}"), body, minutes_ago=len(bodies) - n)
        for n, body in enumerate(bodies)
    ]


def test_the_newest_are_found_whatever_is_common(juniper: House, narrow: None) -> None:
    bodies = [f"old gold{n}" for n in range(5)] + ["rare one", *(f"filler {n}" for n in range(6))]
    write(juniper, *bodies, "both soon", "soon 1", "soon 2", "soon 3", "soon 4", "last")
    cases = {
        # Among the newest six: the page is filled from them, and says that there are more.
        "soon": (["soon 4", "soon 3", "soon 2"], search.MORE_MESSAGES),
        "last": (["last"], ""),
        "both soon": (["both soon"], ""),
        # Older than those: the index has it.
        "rare": (["rare one"], ""),
        "rar on": (["rare one"], ""),
        # More than the index may fetch, the newest of them still near.
        "filler": (["filler 5", "filler 4", "filler 3"], search.MORE_MESSAGES),
        "filler 3": (["filler 3"], ""),
        # More than the index may fetch, and all long ago: some of them are shown rather than none.
        "old": (None, search.MORE_MESSAGES),
        # Every word too common to ask the index for, and never together.
        "soon s gone": ([], ""),
    }
    for words, (bodies_found, note) in cases.items():
        quoted, said = found(juniper, words)
        assert said == note, words
        if bodies_found is None:
            assert quoted == sorted(quoted, reverse=True)
            assert all(body.startswith("old gold") for body in quoted)
        else:
            assert quoted == bodies_found, words


def test_each_conversation_once_with_its_newest(juniper: House) -> None:
    maya = juniper.client()
    juniper.text(maya, "needle 1", minutes_ago=3)
    juniper.text(maya, "needle 2", minutes_ago=2)
    juniper.text(juniper.client("Theo", "Lind", "+15035550121"), "needle 3", minutes_ago=1)
    assert found(juniper, "needle") == (["needle 3", "needle 2"], "")


def test_whatever_was_written_is_found_by_its_words(juniper: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from the newest and asked of the index: both must cut words alike."""
    bodies = {
        "It’s $15.50 at noon": ["15.50", "$15", "it’s", "its noon 50", "NOON"],
        "See https://shop.example/a_b?q=3": ["shop.example", "example", "a_b", "b", "https"],
        "Write to maya@okafor.example": ["maya@okafor.example", "okafor"],
        "…¡Olé! naïve café 日本語": ["olé", "NAÏVE", "caf", "日本"],
        "12e45 and 007": ["12e4", "007", "7e"],
    }
    message = juniper.text(juniper.client(), "")
    for newest in (1_000, 0):
        monkeypatch.setattr(search, "NEWEST", newest)
        for body, all_typed in bodies.items():
            Message.objects.filter(pk=message.pk).update(body=body)
            for typed in all_typed:
                hit = typed not in ("its noon 50", "7e")
                assert bool(found(juniper, typed)[0]) == hit, (typed, newest)


def test_two_businesses_with_one_mark_see_their_own(juniper: House, narrow: None) -> None:
    """The mark in the index keeps costs apart; what keeps businesses apart is the row's own business."""
    id = uuid.UUID(str(uuid.uuid4())[:-6] + str(juniper.business.id)[-6:])
    twin = Business.objects.create(id=id, name="Twin", email="t@twin.example", plan_id="business")
    assert mark_of(twin.id) == mark_of(juniper.business.id)
    member = twin.members.create(user=juniper.staff.user, role="owner")
    number = PhoneNumber.objects.create(number="+18555550177", business=twin)
    other = House(twin, member, member, number)
    for house, name in ((other, "Twin"), (juniper, "Juniper")):
        write(house, *(f"needle {n} of {name}" for n in range(3)), *(f"filler {n}" for n in range(8)))
    # Both together are more than the index may fetch.
    for house, name in ((juniper, "Juniper"), (other, "Twin")):
        assert found(house, "needle") == ([f"needle {n} of {name}" for n in (2, 1, 0)], "")
        assert found(house, "needle 1") == ([f"needle 1 of {name}"], "")


def test_words_are_looked_up_in_their_index(juniper: House) -> None:
    """A table of two rows is read whole; where that is made dear, the statements must fit the indexes."""
    as_new("clients_client", "messaging_message")
    write(juniper, "needle", "needle")
    plans: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if "too_many" not in sql:
            return execute(sql, params, many, context)
        with connection.connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + sql, params)
            plans.append("\n".join(line for (line,) in cursor))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        found(juniper, "needle")
    people, words = plans
    assert people.count("clients_search") == 1
    assert words.count("inbox_words") == 1


def test_a_search_reads_no_more_however_many_match(juniper: House, narrow: None) -> None:
    """Rows of the table of messages that were fetched, as PostgreSQL counts them; and as many queries for none."""
    as_new("clients_client", "messaging_message")
    bodies = [f"needle pin{n} {'between' if n < 60 else ''} every{n % 2}" for n in range(80)]
    write(juniper, *bodies)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE messaging_message; SET LOCAL enable_seqscan = off")

    def fetched() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'messaging_message'"
            )
            return int(cursor.fetchone()[0])

    queries = set()
    for words in (
        "needle",
        "between",
        "needle every1",
        "every0 every1",
        "pin7",
        "pin7 between",
        "nobody",
        "n",
    ):
        before = fetched()
        with CaptureQueriesContext(connection) as captured:
            bodies_found, _ = found(juniper, words)
        queries.add(len(captured))
        # The newest, what the index may fetch, how far it goes back (twice: to find where that is), how far one reads
        # where all is common; and the last messages of the people found, and the page itself.
        assert fetched() - before <= 6 + 5 + 2 * 12 + 6 + 3 + 3, words
        assert len(bodies_found) <= 3, words
    assert len(queries) == 1


def test_a_conversation_opens_at_the_message_found(
    juniper: House,
    alder: House,
    nora: Browser,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries,
) -> None:
    monkeypatch.setattr(threads, "MOST_SHOWN", 60)
    maya = juniper.client()
    texts = [juniper.text(maya, f"Text {n}", minutes_ago=600 - n) for n in range(100)]
    address = f"/inbox/{texts[0].conversation_id}"

    def shown(at: object, **more: dict[str, str]) -> tuple[str, list[str]]:
        html = nora.get(f"{address}?at={at}", **more).content.decode()
        return html, re.findall(r' id="m-([-0-9a-f]+)"', html)

    newest_page = [str(text.id) for text in texts[50:]]
    old, new, oldest = texts[45], texts[95], texts[10]
    assert f'hx-get="{address}?at={new.id}"' in nora.get("/inbox?q=text+95").content.decode()
    # No pictures here to ask for; the message, and how many came after it.
    with django_assert_num_queries(SIGNED_IN + THREAD - 1 + 2):
        html, ids = shown(old.id, headers=HTMX)
    assert f'data-found="m-{old.id}"' in html
    assert ids == [str(text.id) for text in texts[20:]], "some before it, and on to the end"
    assert f"/earlier?before={texts[20].id}" in html
    html, ids = shown(new.id)
    assert f'data-found="m-{new.id}"' in html
    assert ids == newest_page

    html, ids = shown(oldest.id)
    assert "too far back to open here" in html
    assert "data-found" not in html
    assert ids == newest_page
    elsewhere = alder.text(alder.client("Eve", "Stranger", "+15035550199"), "Secret")
    for id in (elsewhere.id, uuid.uuid4(), "nonsense"):
        html, ids = shown(id)
        assert ids == newest_page
        assert "data-found" not in html
        assert "Secret" not in html
        assert "too far back" not in html
