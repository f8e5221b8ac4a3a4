"""What a search finds: people by name or number, and words in messages, the newest first.

An index of words knows nothing of time: all that it finds must be fetched before the newest can be told, and a common
word is in millions of messages. Whatever is common, though, is among the newest few. So the newest are read first,
the index is asked only for what they do not answer, and neither without a bound. All of it is one statement, of which
PostgreSQL runs only what is needed.
"""

from __future__ import annotations

import re
import uuid
from functools import cached_property
from typing import Any

from django.db import connection
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from parley.businesses.models import Member
from parley.businesses.words import mark_of, words_in
from parley.inbox.doubts import with_doubt
from parley.inbox.listing import PAGE, Part, Row, row_of
from parley.inbox.reach import clients_of, conversations_of
from parley.messaging.models import Message

# Read before the index is asked: a word in one of thirty messages fills the page from these.
NEWEST = 1_000
# A word in more of the newest than this is not asked of the index: only the others are.
COMMON = 50
# Fetched by the index at most. A word that has more is looked for in the newest FURTHER messages instead.
MOST = 3_000
FURTHER = 20_000

# The ids of UUIDv7 are in the order of writing, and `message_tenant` has a business's own in that order.
WORDS = """
WITH newest AS MATERIALIZED (
    SELECT id, conversation_id, at, lower(body) AS words FROM messaging_message
    WHERE business_id = %(business)s ORDER BY id DESC LIMIT %(newest)s
), among_newest AS MATERIALIZED (
    SELECT id, conversation_id, at FROM newest WHERE words ~ ALL(%(patterns)s)
), answered AS MATERIALIZED (
    SELECT (SELECT count(*) FROM newest) < %(newest)s AS whole,
           (SELECT count(DISTINCT conversation_id) FROM among_newest) > %(page)s AS filled
), uncommon AS MATERIALIZED (
    SELECT to_tsquery('simple', string_agg(%(mark)s || word || ':*', ' & ')) AS words
    FROM unnest(%(terms)s::text[], %(patterns)s::text[]) term (word, pattern)
    WHERE (SELECT count(*) FROM newest WHERE words ~ pattern) <= %(common)s
), indexed AS MATERIALIZED (
    -- OFFSET 0: the index finds the rows, whatever the planner believes of the business.
    SELECT id, conversation_id, at FROM (
        SELECT id, business_id, conversation_id, at, body FROM messaging_message
        WHERE (SELECT NOT whole AND NOT filled FROM answered)
          AND parley_words(business_id, body) @@ (SELECT words FROM uncommon)
        OFFSET 0
    ) found
    WHERE business_id = %(business)s AND lower(body) ~ ALL(%(patterns)s) LIMIT %(most)s + 1
), too_many AS MATERIALIZED (
    SELECT NOT whole AND NOT filled
       AND ((SELECT words FROM uncommon) IS NULL OR (SELECT count(*) FROM indexed) > %(most)s) AS are
    FROM answered
), further AS MATERIALIZED (
    SELECT id, conversation_id, at FROM (
        SELECT id, conversation_id, at, body FROM messaging_message
        WHERE (SELECT are FROM too_many) AND business_id = %(business)s ORDER BY id DESC LIMIT %(further)s
    ) found
    WHERE lower(body) ~ ALL(%(patterns)s)
)
SELECT id, are FROM (
    SELECT DISTINCT ON (conversation_id) id, at FROM (
        TABLE among_newest UNION ALL TABLE further UNION ALL
        SELECT * FROM indexed WHERE NOT (SELECT are FROM too_many) OR NOT EXISTS (TABLE further)
    ) found
    ORDER BY conversation_id, at DESC, id DESC
) latest, too_many
ORDER BY at DESC, id DESC LIMIT %(page)s + 1
"""

OTHERS_WROTE_IT = "More conversations have these words. Add a word to find older ones."


class Found:
    """What a search found. Three queries, whatever is stored."""

    show = ""

    def __init__(self, member: Member, words: str) -> None:
        self.member = member
        self.words = words.replace("\x00", "").strip()[:100]

    @cached_property
    def parts(self) -> list[Part]:
        return [part for part in (self._people(), self._in_messages()) if part.rows]

    def _people(self) -> Part:
        part = Part("people", "People")
        clients = clients_of(self.member).matching(self.member.business, self.words)
        conversations = conversations_of(self.member).filter(client__in=clients)
        part.rows = [row_of(c, self.member, part.name) for c in with_doubt(conversations.for_list())[:PAGE]]
        return part

    def _in_messages(self) -> Part:
        part = Part("words", "In messages")
        terms = words_in(self.words)
        if not terms:
            return part
        ids, more = self._newest_with(terms)
        found = self.member.business.messages.select_related(
            "conversation__client", "conversation__assignee__user"
        ).in_bulk(ids)
        for message in (found[id] for id in ids if id in found):
            message.conversation.last_at = message.at
            row = Row(message.conversation, part.name, words=excerpt(message.body, terms))
            row.message_id = message.id
            row.icon = "mail" if message.channel == Message.Channel.EMAIL else ""
            part.rows.append(row)
        part.note = OTHERS_WROTE_IT if more else ""
        return part

    def _newest_with(self, terms: list[str]) -> tuple[list[uuid.UUID], bool]:
        """Of each conversation the newest message with all the words, and whether there are more than these."""
        asked: dict[str, Any] = {
            "business": self.member.business_id,
            "terms": terms,
            "patterns": [rf"(^|[^[:alnum:]]){term}" for term in terms],
            "mark": mark_of(self.member.business_id),
            "newest": NEWEST,
            "page": PAGE,
            "common": COMMON,
            "most": MOST,
            "further": FURTHER,
        }
        with connection.cursor() as cursor:
            cursor.execute(WORDS, asked)
            rows = cursor.fetchall()
        return [id for id, _ in rows[:PAGE]], len(rows) > PAGE or any(too_many for _, too_many in rows)


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
