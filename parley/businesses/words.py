"""Words that are searched for: one GIN index for all businesses, in which none pays for another's words.

PostgreSQL looks a word up for the whole table. One that a large business writes daily would cost every other business
that asks for it; so the index holds each word behind its business's mark, and a search reads nothing else. Both sides
cut words alike, at whatever is neither a letter nor a digit. The function is in the migration `0007_words`.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db.models import F, Func


def words_in(text: str) -> list[str]:
    """The words of what somebody typed, in small letters, each once."""
    return list(dict.fromkeys(re.findall(r"[^\W_]+", text.lower())))


def mark_of(business_id: uuid.UUID) -> str:
    """What stands before each word of this business. Two businesses may share one; their rows are told apart anyhow."""
    return f"k{str(business_id)[-6:]}"


def beginning_with(business_id: uuid.UUID, words: list[str]) -> list[str]:
    """For `to_tsquery`: each asks an `OwnWords` for rows of this business with a word that begins so."""
    return [f"{mark_of(business_id)}{word}:*" for word in words]


class OwnWords(Func):
    """The words of a text of this row's business, for an index or a generated column."""

    function = "parley_words"

    def __init__(self, text: Any, **extra: Any) -> None:
        super().__init__(F("business_id"), text, output_field=SearchVectorField(), **extra)
