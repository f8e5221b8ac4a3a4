"""What came along with a text: said in a word, shown if it is a picture, handed over as a file if it is not."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from parley.businesses.access import MemberRequest, for_members
from parley.businesses.models import Member
from parley.messaging.media_types import ENDINGS, INLINE
from parley.messaging.models import Attachment, Message

KINDS = {"image": "Photo", "video": "Video", "audio": "Voice message"}
TYPES = {"text/vcard": "Contact card", "text/x-vcard": "Contact card", "application/pdf": "PDF"}


class Media(NamedTuple):
    """One item as the thread shows it: a photo, a file to download, or words (`says`) instead of it."""

    word: str
    attachment: Attachment | None = None
    photo: bool = False
    says: str = ""
    icon: str = "image"


def media_in(member: Member, messages: Iterable[Message]) -> dict[uuid.UUID, list[Media]]:
    """What came along with each of these messages. One query, or none if nothing did."""
    carrying = [m for m in messages if m.media]
    if not carrying:
        return {}
    kept: dict[uuid.UUID, dict[int, Attachment]] = defaultdict(dict)
    own = member.business.attachments.filter(message_id__in=[m.id for m in carrying]).defer("content")
    for attachment in own:
        kept[attachment.message_id][attachment.place] = attachment
    return {
        m.id: [_shown(item, kept[m.id].get(place)) for place, item in enumerate(m.media)] for m in carrying
    }


def media_words(stored: list[dict[str, Any]]) -> str:
    """Photo; 2 photos; Attachment: from what the carrier claimed, so that a list of conversations asks no more."""
    words = [_word(str(item.get("content_type", ""))) for item in stored]
    if not words:
        return ""
    word = words[0] if len(set(words)) == 1 else "Attachment"
    return word if len(words) == 1 else f"{len(words)} {word.lower()}s"


def _shown(item: dict[str, Any], attachment: Attachment | None) -> Media:
    claimed = _word(str(item.get("content_type", "")))
    if attachment is None:
        return Media(claimed, says=claimed)
    if attachment.state == Attachment.State.WAITING:
        return Media(claimed, says=f"{claimed} is on its way…")
    if attachment.state == Attachment.State.FAILED:
        return Media(claimed, says=attachment.reason, icon="alert")
    photo = attachment.content_type in INLINE
    return Media(_word(attachment.content_type), attachment, photo=photo, icon="clip")


def _word(content_type: str) -> str:
    content_type = content_type.lower()
    return TYPES.get(content_type) or KINDS.get(content_type.partition("/")[0], "Attachment")


@require_safe
@for_members
def media(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """The bytes of one item. They are a stranger's: a browser may show a picture, run nothing, and guess nothing."""
    item = get_object_or_404(
        request.member.business.attachments.select_related("message"), pk=id, state=Attachment.State.KEPT
    )
    name = f"{_word(item.content_type)} {item.message.at.astimezone(request.member.business.zone):%Y-%m-%d}"
    disposition = content_disposition_header(
        item.content_type not in INLINE, name + ENDINGS.get(item.content_type, "")
    )
    return HttpResponse(
        bytes(item.content or b""),
        content_type=item.content_type,
        headers={
            "Content-Disposition": disposition or "attachment",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            # Under its id are always the same bytes; but only its readers' browsers may keep them.
            "Cache-Control": "private, max-age=3600",
        },
    )
