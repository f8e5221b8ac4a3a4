"""What the roads ask for every text costs the same however much a business has.

PostgreSQL keeps a plan for any values (a "generic" one) in a session, and makes no use of what the values are: so an
index that holds only some rows must be asked for in words, and no other may look as good.
"""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection

from parley.messaging import receiving, revoking
from tests.people import make_house

BY_PHONE = {"one_client_per_phone", "clients_of_phone"}
# What PostgreSQL itself asks when a conversation's newest message is another one.
IS_ITS_MESSAGE = """
    SELECT 1 FROM ONLY messaging_message x WHERE business_id = %s::uuid AND id = %s::uuid FOR KEY SHARE OF x
"""
# As in a new database: what autovacuum happened to count while other tests ran is for no plan to go by.
FORGET = """
    DELETE FROM pg_statistic WHERE starelid IN ('clients_client'::regclass, 'messaging_message'::regclass);
    UPDATE pg_class SET relpages = 0, reltuples = -1
    WHERE oid IN ('clients_client'::regclass, 'messaging_message'::regclass)
"""
# Of few messages reading all of a business's costs no more than asking for one.
MANY_A_PAGE = """
    UPDATE pg_class SET relpages = 1, reltuples = 1000 WHERE oid = 'messaging_message'::regclass
"""
MORE_MESSAGES = """
    INSERT INTO messaging_message
    SELECT (jsonb_populate_record(m, jsonb_build_object('id', gen_random_uuid()))).*
    FROM messaging_message m, generate_series(1, 2000)
"""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "found_by"),
    [
        (receiving.KNOWN_CLIENTS, BY_PHONE),
        (revoking.WHOSE_PAGES, BY_PHONE),
        (revoking.SPOKEN_LATELY, BY_PHONE),
        (IS_ITS_MESSAGE, {"message_tenant", "messaging_message_pkey"}),
    ],
    ids=["the client of a text", "whose pages", "what was spoken of", "the newest message"],
)
def test_a_plan_for_any_values_goes_by_the_row_itself(asked: str, found_by: set[str]) -> None:
    names: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        # Each %s is another one; a name is the same each time.
        return f"${names.setdefault(match[0] if match[1] else f'{match.start()}', len(names) + 1)}"

    query = re.sub(r"%(?:\((\w+)\))?s", numbered, asked)
    house = make_house()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO clients_client"
            " (id, business_id, first_name, last_name, phone, email, tags, good_to_know, texting, created_at)"
            " SELECT gen_random_uuid(), %s, 'Bob', '', '+1503' || 2000000 + i, '', '{}', '', 'ok', now()"
            " FROM generate_series(1, 2000) i",
            [house.business.pk],
        )
        if asked == IS_ITS_MESSAGE:
            house.text(house.client(), "Hello")
            cursor.execute(MORE_MESSAGES)
        cursor.execute(FORGET)
        if asked == IS_ITS_MESSAGE:
            cursor.execute(MANY_A_PAGE)
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(f"PREPARE asked AS {query}")
        try:
            cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE asked ({', '.join(['NULL'] * len(names))})")
            plan = json.dumps(cursor.fetchone()[0])
        finally:
            cursor.execute("DEALLOCATE asked")
    used = set(re.findall(r'"Index Name": "(\w+)"', plan))
    assert used & found_by, f"found by {used}"
    assert "message_once_per_client_key" not in used


@pytest.mark.django_db
def test_a_reader_looks_at_what_it_takes_and_not_at_all_that_waits() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_carrierevent (carrier, kind, key, shard, form, received_at, trouble)"
            " SELECT 'twilio', 'text', i::text, i % 16, '', now(), '' FROM generate_series(1, 1600) i"
        )
        for asked, values, most in (
            (receiving.TAKE_SHARDS, [4], 16),
            (receiving.READ, {"shards": [1, 2, 3, 4], "most": 5}, 20),
        ):
            cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + asked, values)
            ((plan,),) = cursor.fetchall()
            assert 0 < _rows_read((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]) <= most
        cursor.execute(receiving.READ, {"shards": [1, 2, 3, 4], "most": 5})
        assert [int(row[3]) for row in cursor.fetchall()] == [1, 2, 3, 4, 17]


def _rows_read(node: dict[str, object]) -> float:
    """Rows of the events' table that were looked at, in this node and below."""
    own = 0.0
    if node.get("Relation Name") == "messaging_carrierevent":
        rows = float(str(node["Actual Rows"])) + float(str(node.get("Rows Removed by Filter", 0)))
        own = rows * float(str(node["Actual Loops"]))
    below = node.get("Plans", [])
    assert isinstance(below, list)
    return own + sum(_rows_read(each) for each in below)
