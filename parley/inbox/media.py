"""What came along with a text: said in a word, and linked to only where a link is safe."""

from __future__ import annotations

from typing import Any, NamedTuple

KINDS = {"image": "Photo", "video": "Video", "audio": "Voice message"}
TYPES = {"text/vcard": "Contact card", "text/x-vcard": "Contact card", "application/pdf": "PDF"}


class Media(NamedTuple):
    word: str
    url: str


def media_of(stored: list[dict[str, Any]]) -> list[Media]:
    """What a message carried. An address that is not of the web is dropped: it could run a script when clicked."""
    found = []
    for item in stored:
        type_ = str(item.get("content_type", "")).lower()
        url = str(item.get("url", ""))
        word = TYPES.get(type_) or KINDS.get(type_.partition("/")[0], "Attachment")
        found.append(Media(word, url if url.startswith(("https://", "http://")) else ""))
    return found


def media_words(stored: list[dict[str, Any]]) -> str:
    """Photo; 2 photos; Attachment."""
    media = media_of(stored)
    if not media:
        return ""
    word = media[0].word if len({m.word for m in media}) == 1 else "Attachment"
    return word if len(media) == 1 else f"{len(media)} {word.lower()}s"
