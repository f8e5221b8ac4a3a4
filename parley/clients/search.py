"""Finding people: by words that begin so in their name, number or email. Every page that looks for people asks here.

An index of words knows no order: all that it finds must be fetched before the first can be told, and thousands may
share a first name. So it is asked only for what few bear, and no further than MOST; a few clients, from all the time of
the business, say what that is. Whatever many bear is met soon by whoever reads people in the order of the screen: by
name here, by their last message in the Inbox. So that is done for the others, as far as WALK, and the next page goes on
there.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from parley.businesses.models import Business
from parley.businesses.planned import row
from parley.businesses.words import beginning_with, words_in
from parley.clients.models import Client

# So many say what is common, taken from so many times of the business: a word that was common once may be none now.
# What more of them bear than this is not asked of the index. A business that has no more clients asks it for any word.
SAMPLE = 300
PROBES = 12
COMMON = 12
# Fetched by the index at most.
MOST = 300
# Read in the order of the screen at most, for one page.
WALK = 1_000

NOBODY = uuid.UUID(int=0)
# Two sentences, each on a line of its own.
MORE_PEOPLE = "More people match.\nType more of the name, number or email."


@dataclass(frozen=True, slots=True)
class People:
    """A page of those who were found, in order; `more` is the client whom the next page comes after."""

    clients: list[Client]
    more: uuid.UUID | None = None


def asked(business: Business, typed: str) -> dict[str, Any] | None:
    """What `candidates` is given; None if there is no word in what was typed."""
    name = " ".join(typed.lower().split())
    if any(c.isalpha() for c in typed):
        words = words_in(typed)
    else:
        digits = "".join(c for c in typed if c.isdigit())
        name, words = "", [digits[1:] if len(digits) == 11 and digits[0] == "1" else digits]
    if not any(words):
        return None
    terms = beginning_with(business.id, words)
    return {"business": business.id, "terms": terms, "all": " & ".join(terms), "name": name}


def candidates() -> str:
    """The beginning of a statement: `indexed` are all that match, unless there are `too_many` for that."""
    return f"""
WITH asked AS MATERIALIZED (
    SELECT to_tsquery('simple', %(all)s) AS words
), few AS MATERIALIZED (
    SELECT count(*) <= {SAMPLE} AS are FROM (
        SELECT FROM clients_client WHERE business_id = %(business)s LIMIT {SAMPLE} + 1
    ) counted
), ends AS MATERIALIZED (
    -- The ids of UUIDv7 begin with the milliseconds of writing.
    SELECT ('x' || left(replace(min(id::text), '-', ''), 12))::bit(48)::bigint AS first,
           ('x' || left(replace(max(id::text), '-', ''), 12))::bit(48)::bigint AS last
    FROM (
        (SELECT id FROM clients_client WHERE NOT (SELECT are FROM few)
         AND business_id BETWEEN %(business)s AND %(business)s ORDER BY business_id, id LIMIT 1)
        UNION ALL
        (SELECT id FROM clients_client WHERE NOT (SELECT are FROM few)
         AND business_id BETWEEN %(business)s AND %(business)s ORDER BY business_id DESC, id DESC LIMIT 1)
    ) both_ends
), sample AS MATERIALIZED (
    -- Ranges of `client_tenant`: of a large business PostgreSQL would else read everybody's, and throw away.
    SELECT search FROM ends, generate_series(1, {PROBES}) n, LATERAL (
        SELECT search FROM clients_client
        WHERE (business_id, id) <= (%(business)s,
              rpad(lpad(to_hex(first + (last - first) * n / {PROBES}), 12, '0'), 32, 'f')::uuid)
          AND business_id >= %(business)s
        ORDER BY business_id DESC, id DESC LIMIT {SAMPLE // PROBES}
    ) taken
), uncommon AS MATERIALIZED (
    SELECT to_tsquery('simple', string_agg(term, ' & ')) AS words FROM unnest(%(terms)s::text[]) term
    WHERE (SELECT are FROM few)
       OR (SELECT count(*) FROM sample WHERE search @@ to_tsquery('simple', term)) <= {COMMON}
), fetched AS MATERIALIZED (
    -- OFFSET 0: the index finds the rows, whatever the planner believes of the business.
    SELECT * FROM (
        SELECT id, business_id, sort_name, search FROM clients_client
        WHERE search @@ (SELECT words FROM uncommon) OFFSET 0
    ) found LIMIT {MOST} + 1
), indexed AS MATERIALIZED (
    SELECT id, sort_name FROM fetched
    WHERE business_id = %(business)s AND search @@ (SELECT words FROM asked)
), too_many AS MATERIALIZED (
    SELECT (SELECT words FROM uncommon) IS NULL OR (SELECT count(*) FROM fetched) > {MOST} AS are
)"""  # noqa: S608  our own numbers


def _by_name(page: int) -> str:
    """Whose whole name begins with what was typed, then the others; the last name that was looked at, if more follow.

    Too many are read by name, from where what was typed stands to the end and then up to there; so all that begin so
    come first here too.
    """
    return f"""{candidates()}, known AS MATERIALIZED (
    SELECT id FROM (
        SELECT id, sort_name, NOT starts_with(sort_name, %(name)s::text) AS later FROM indexed
    ) found
    WHERE NOT (SELECT are FROM too_many)
      AND (%(after)s::uuid IS NULL OR (later, sort_name, id)
          > (NOT starts_with(%(start)s::text, %(name)s::text), %(start)s::text, %(after)s::uuid))
    ORDER BY later, sort_name, id LIMIT {page} + 1
), turned AS MATERIALIZED (
    SELECT %(after)s::uuid IS NOT NULL AND %(start)s::text < %(name)s::text AS is
), to_the_end AS MATERIALIZED (
    SELECT id, sort_name, search FROM clients_client
    WHERE (SELECT are FROM too_many) AND NOT (SELECT turned.is FROM turned)
      AND business_id = %(business)s
      AND (sort_name, id) > (%(start)s::text, coalesce(%(after)s::uuid, '{NOBODY}'))
    ORDER BY sort_name, id LIMIT {WALK}
), first_found AS MATERIALIZED (
    SELECT id FROM to_the_end WHERE search @@ (SELECT words FROM asked) LIMIT {page} + 1
), from_the_start AS MATERIALIZED (
    SELECT id, sort_name, search FROM clients_client
    WHERE (SELECT are FROM too_many)
      AND (SELECT count(*) FROM first_found) <= {page} AND (SELECT count(*) FROM to_the_end) < {WALK}
      AND business_id = %(business)s AND sort_name < %(name)s::text
      AND (sort_name, id) > (CASE WHEN (SELECT turned.is FROM turned) THEN %(start)s::text ELSE '' END,
           CASE WHEN (SELECT turned.is FROM turned) THEN %(after)s::uuid ELSE '{NOBODY}' END)
    ORDER BY sort_name, id LIMIT {WALK}
), second_found AS MATERIALIZED (
    SELECT id FROM from_the_start WHERE search @@ (SELECT words FROM asked) LIMIT {page} + 1
)
SELECT ARRAY(TABLE known) || ARRAY(TABLE first_found) || ARRAY(TABLE second_found),
       -- Each is counted only if the page is not full, or all of it would be read for nothing.
       CASE WHEN NOT (SELECT are FROM too_many)
             OR (SELECT count(*) FROM first_found) + (SELECT count(*) FROM second_found) > {page} THEN NULL
            WHEN (SELECT count(*) FROM to_the_end) = {WALK}
            THEN (SELECT id FROM to_the_end ORDER BY sort_name DESC, id DESC LIMIT 1)
            WHEN (SELECT count(*) FROM from_the_start) = {WALK}
            THEN (SELECT id FROM from_the_start ORDER BY sort_name DESC, id DESC LIMIT 1) END
"""  # noqa: S608  our own numbers


def people(business: Business, typed: str, page: int, after: Client | None = None) -> People:
    """The business's clients whose name, number or email holds words that begin as those typed, in any order.

    One page of them, after the client `after`, in two queries.
    """
    given = asked(business, typed)
    ids: list[uuid.UUID] = []
    seen = None
    if given:
        start = {"start": after.sort_name if after else given["name"], "after": after.pk if after else None}
        ids, seen = row(_by_name(page), given | start, for_any_values=True) or ([], None)
    if len(ids) > page:
        seen = ids[page - 1]
    found = {c.pk: c for c in business.clients.select_related("conversation").filter(pk__among=ids[:page])}
    return People([found[id] for id in ids if id in found], seen)
