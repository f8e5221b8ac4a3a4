"""What a search finds: people by name or number, and words in messages, the newest first.

An index of words knows nothing of time: all that it finds must be fetched before the newest can be told, and a common
word is in millions of messages. Whatever is common, though, is among the newest few. So the newest are read first,
the index is asked only for what they do not answer, and neither without a bound. A word in between, in too many for the
index and in too few of the newest, is taken from both: of all that hold it, only those among the last thousands are
fetched. All of it is one statement, planned once a connection, of which PostgreSQL runs only what is needed.
"""

from __future__ import annotations

import re
import uuid
from functools import cached_property

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from parley.businesses.models import Member
from parley.businesses.planned import rows
from parley.businesses.words import beginning_with, words_in
from parley.clients.search import MORE_PEOPLE, NOBODY, asked, candidates
from parley.inbox.doubts import with_doubt
from parley.inbox.listing import PAGE, Part, Row, row_of
from parley.inbox.reach import conversations_of
from parley.messaging.models import Message

# People are read by their conversations, the newest first, if an index has too many of them.
WALK = 500

# Read before the index is asked: a word in one of thirty messages fills the page from these.
NEWEST = 1_000
# A word in more of the newest than this is not asked of the index: only the others are.
COMMON = 50
# Fetched by the index at most.
MOST = 500
# Of a word that has more: how many messages to go back, at most, for what the index finds among them, and how many of
# those that hold it are enough for a page.
BACK = 30_000
ENOUGH = 2 * PAGE
# Where every word is common: how many more of the newest are read for them.
FURTHER = 3_000


def _by_last() -> str:
    return f"""{candidates()}, newest AS MATERIALIZED (
    -- Each side in the order of its own index.
    SELECT id, client_id, last_at FROM (
        (SELECT id, client_id, last_at FROM messaging_conversation
         WHERE (SELECT are FROM too_many) AND business_id = %(business)s AND closed_at IS NULL
         ORDER BY last_at DESC, id DESC LIMIT {WALK})
        UNION ALL
        (SELECT id, client_id, last_at FROM messaging_conversation
         WHERE (SELECT are FROM too_many) AND business_id = %(business)s AND closed_at IS NOT NULL
         ORDER BY last_at DESC, id DESC LIMIT {WALK})
    ) sides
    ORDER BY last_at DESC, id DESC LIMIT {WALK}
), among_newest AS MATERIALIZED (
    SELECT id, last_at FROM newest
    WHERE (SELECT search @@ (SELECT words FROM asked) FROM clients_client c
           WHERE c.business_id = %(business)s AND c.id = newest.client_id)
    LIMIT {PAGE} + 1
), named AS MATERIALIZED (
    SELECT id FROM (
        SELECT id, sort_name FROM clients_client
        WHERE (SELECT are FROM too_many) AND (SELECT count(*) FROM among_newest) <= {PAGE}
          AND business_id = %(business)s AND sort_name >= nullif(%(name)s::text, '')
        ORDER BY sort_name, id LIMIT {PAGE} + 1
    ) first
    WHERE starts_with(sort_name, %(name)s::text)
), others AS MATERIALIZED (
    SELECT v.id, v.last_at FROM (SELECT id FROM indexed UNION TABLE named) c, LATERAL (
        SELECT id, last_at FROM messaging_conversation
        WHERE business_id = %(business)s AND client_id = c.id LIMIT 1
    ) v
    WHERE (SELECT count(*) FROM among_newest) <= {PAGE}
)
SELECT id, (SELECT are FROM too_many) AND (SELECT count(*) FROM among_newest) <= {PAGE}
           AND (SELECT count(*) FROM newest) = {WALK}
FROM (TABLE among_newest UNION TABLE others) found
ORDER BY last_at DESC, id DESC LIMIT {PAGE} + 1
"""  # noqa: S608  our own numbers


def _words() -> str:
    """The ids of UUIDv7 are in the order of writing, and `message_tenant` has a business's own in that order.

    Written as ranges of that index: of a large business PostgreSQL would else read everybody's newest, and throw away.
    """
    matching = "words LIKE ALL(%(likes)s::text[]) AND words ~ ALL(%(patterns)s::text[])"
    return f"""
WITH newest AS MATERIALIZED (
    SELECT id, conversation_id, at, lower(body) AS words FROM messaging_message
    WHERE business_id BETWEEN %(business)s AND %(business)s ORDER BY business_id DESC, id DESC LIMIT {NEWEST}
), among_newest AS MATERIALIZED (
    SELECT id, conversation_id, at FROM newest WHERE {matching}
), answered AS MATERIALIZED (
    SELECT (SELECT count(*) FROM newest) < {NEWEST} AS whole,
           (SELECT count(DISTINCT conversation_id) FROM among_newest) > {PAGE} AS filled
), uncommon AS MATERIALIZED (
    SELECT to_tsquery('simple', string_agg(term, ' & ')) AS words
    FROM unnest(%(terms)s::text[], %(likes)s::text[], %(patterns)s::text[]) asked (term, part, pattern)
    WHERE (SELECT count(*) FROM newest WHERE words LIKE part AND words ~ pattern) <= {COMMON}
), fetched AS MATERIALIZED (
    -- OFFSET 0: the index finds the rows, whatever the planner believes of the business.
    SELECT * FROM (
        SELECT id, business_id, conversation_id, at, body FROM messaging_message
        WHERE (SELECT NOT whole AND NOT filled FROM answered)
          AND parley_words(business_id, body) @@ (SELECT words FROM uncommon)
        OFFSET 0
    ) found LIMIT {MOST} + 1
), indexed AS MATERIALIZED (
    SELECT id, conversation_id, at FROM fetched
    WHERE business_id = %(business)s AND lower(body) ~ ALL(%(patterns)s::text[])
), too_many AS MATERIALIZED (
    SELECT NOT whole AND NOT filled
       AND ((SELECT words FROM uncommon) IS NULL OR (SELECT count(*) FROM fetched) > {MOST}) AS are
    FROM answered
), back AS MATERIALIZED (
    SELECT coalesce((
        SELECT id FROM messaging_message
        WHERE (SELECT are FROM too_many) AND (SELECT words FROM uncommon) IS NOT NULL
          AND business_id BETWEEN %(business)s AND %(business)s ORDER BY business_id DESC, id DESC
        OFFSET (SELECT least({BACK}, {NEWEST * ENOUGH} / greatest(1, count(*))) FROM among_newest) LIMIT 1
    ), '{NOBODY}') AS id
), last_ones AS MATERIALIZED (
    -- Both ends of a range: two indexes are read for it and only what stands in both is fetched.
    SELECT id, conversation_id, at FROM (
        SELECT id, conversation_id, at, body FROM messaging_message
        WHERE (SELECT are FROM too_many) AND (SELECT words FROM uncommon) IS NOT NULL
          AND parley_words(business_id, body) @@ (SELECT words FROM uncommon)
          AND business_id = %(business)s
          AND id BETWEEN (SELECT id FROM back) AND (SELECT id FROM newest ORDER BY id DESC LIMIT 1)
        OFFSET 0
    ) found
    WHERE lower(body) ~ ALL(%(patterns)s::text[])
), further AS MATERIALIZED (
    SELECT id, conversation_id, at, lower(body) AS words FROM messaging_message
    WHERE (SELECT are FROM too_many) AND (SELECT words FROM uncommon) IS NULL
      AND business_id >= %(business)s
      AND (business_id, id) < (%(business)s, (SELECT id FROM newest ORDER BY id LIMIT 1))
    ORDER BY business_id DESC, id DESC LIMIT {FURTHER}
), among_further AS MATERIALIZED (
    SELECT id, conversation_id, at FROM further WHERE {matching}
    LIMIT greatest(0, {ENOUGH} - (SELECT count(*) FROM among_newest))
)
SELECT id, CASE
    WHEN NOT (SELECT are FROM too_many) THEN false
    WHEN (SELECT words FROM uncommon) IS NOT NULL THEN (SELECT id FROM back) > '{NOBODY}'
    ELSE (SELECT count(*) FROM among_newest) + (SELECT count(*) FROM among_further) >= {ENOUGH}
        OR (SELECT count(*) FROM further) = {FURTHER} END
FROM (
    SELECT DISTINCT ON (conversation_id) id, at FROM (
        TABLE among_newest UNION ALL TABLE last_ones UNION ALL TABLE among_further UNION ALL
        SELECT * FROM indexed WHERE NOT (SELECT are FROM too_many) OR NOT EXISTS (TABLE last_ones)
    ) found
    ORDER BY conversation_id, at DESC, id DESC
) latest
ORDER BY at DESC, id DESC LIMIT {PAGE} + 1
"""  # noqa: S608  our own numbers


# Two sentences, each on a line of its own.
MORE_MESSAGES = "More conversations match.\nAdd a word to find older ones."


class Found:
    """What a search found. Four queries, whatever is stored and whatever is found."""

    show = ""

    def __init__(self, member: Member, words: str) -> None:
        self.member = member
        self.words = words.replace("\x00", "").strip()[:100]

    @cached_property
    def parts(self) -> list[Part]:
        return [part for part in (self._people(), self._in_messages()) if part.rows]

    def _people(self) -> Part:
        part = Part("people", "People")
        given = asked(self.member.business, self.words)
        if given is None:
            return part
        ids, more = _page(rows(_by_last(), given, for_any_values=True))
        found = conversations_of(self.member).filter(pk__among=ids)
        part.rows = [row_of(c, self.member, part.name) for c in with_doubt(found.for_list())]
        part.note = MORE_PEOPLE if more else ""
        return part

    def _in_messages(self) -> Part:
        part = Part("words", "In messages")
        terms = words_in(self.words)
        if not terms:
            return part
        business = self.member.business
        given = {
            "business": business.id,
            "terms": beginning_with(business.id, terms),
            # Says no to most messages for a tenth of what the pattern costs.
            "likes": [f"%{term}%" for term in terms],
            "patterns": [rf"(^|[^[:alnum:]]){term}" for term in terms],
        }
        ids, more = _page(rows(_words(), given, for_any_values=True))
        found = {
            message.pk: message
            for message in business.messages.filter(pk__among=ids).select_related(
                "conversation__client", "conversation__assignee__user"
            )
        }
        for message in (found[id] for id in ids if id in found):
            message.conversation.last_at = message.at
            row = Row(message.conversation, part.name, words=excerpt(message.body, terms))
            row.message_id = message.id
            row.icon = "mail" if message.channel == Message.Channel.EMAIL else ""
            part.rows.append(row)
        part.note = MORE_MESSAGES if more else ""
        return part


def _page(found: list[tuple[uuid.UUID, bool]]) -> tuple[list[uuid.UUID], bool]:
    """The ids of one page, and whether there are more."""
    return [id for id, _ in found[:PAGE]], len(found) > PAGE or any(more for _, more in found)


def excerpt(body: str, terms: list[str], width: int = 60) -> SafeString:
    """The words around the first match, the matches marked. `body` is a stranger's: everything is escaped."""
    body = " ".join(body.split())
    found = re.compile(r"(?<![^\W_])(" + "|".join(map(re.escape, terms)) + r")", re.IGNORECASE)
    first = found.search(body)
    start = body.rfind(" ", 0, max(0, first.start() - 12)) + 1 if first else 0
    cut = ("…" if start else "") + body[start : start + width] + ("…" if start + width < len(body) else "")
    pieces = found.split(cut)
    marked = (
        format_html("<mark>{}</mark>", p) if i % 2 else conditional_escape(p) for i, p in enumerate(pieces)
    )
    return mark_safe("".join(marked))  # noqa: S308  every piece was escaped above
