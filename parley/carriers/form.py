"""A posted form, as carriers' webhooks are: read once, and cheaply.

`urllib.parse.parse_qsl` cost more than the signature and the database together; this says the same (a test holds
them side by side), and looks only at what is escaped.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

MOST_FIELDS = 1000


def pairs(form: str) -> list[tuple[str, str]]:
    """Names and values in their order, blank ones too. Raises ValueError for more than MOST_FIELDS."""
    fields = form.split("&")
    if len(fields) > MOST_FIELDS:
        raise ValueError("too many fields")
    found = []
    for field in fields:
        if field:
            name, _, value = field.partition("=")
            if "%" in value or "+" in value:
                value = _plain(value)
            if "%" in name or "+" in name:
                name = _plain(name)
            found.append((name, value))
    return found


def _plain(text: str) -> str:
    text = text.replace("+", " ")
    return unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text
