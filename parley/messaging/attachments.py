"""What came along with a text, fetched from the carrier and kept: its address there asks for our credentials.

Every item is settled once, by a conditional UPDATE, so a job that runs twice changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import uuid

from django.db import transaction
from django.db.models.functions import Now

from parley.carriers.base import Unavailable, Unfetchable
from parley.carriers.directory import configured
from parley.live.nudges import nudge
from parley.messaging.media_types import sniff
from parley.messaging.models import Attachment, Message

log = logging.getLogger(__name__)


def fetch(message_id: uuid.UUID, business_id: uuid.UUID, *, last: bool) -> bool:
    """Fetch what a message waits for. False if something must be tried again; after the `last` try nothing is."""
    waiting = (
        Attachment.objects.filter(
            business_id=business_id, message_id=message_id, state=Attachment.State.WAITING
        )
        .select_related("message__number")
        .order_by("place")
    )
    done = True
    for item in waiting:
        try:
            content = asyncio.run(_ask(item))
        except Unfetchable as error:
            _settle(item, Attachment.State.FAILED, reason=f"{_not_fetched(item)} {error.words}")
        except Exception as error:
            if not isinstance(error, Unavailable):
                log.error("what came with a text was not fetched: %s", type(error).__name__)
            if last:
                _settle(item, Attachment.State.FAILED, reason=_not_fetched(item))
            else:
                done = False
        else:
            _settle(item, Attachment.State.KEPT, content=content, content_type=sniff(content))
    return done


async def _ask(item: Attachment) -> bytes:
    carriers = configured()
    try:
        if item.message.number is None or item.message.number.carrier not in carriers:
            raise Unavailable("No carrier is set up for this number.")
        carrier = carriers[item.message.number.carrier]
        return (await carrier.fetch_media(item.message.media[item.place]["url"]))[1]
    finally:
        for carrier in carriers.values():
            await carrier.close()


def _not_fetched(item: Attachment) -> str:
    claimed = str(item.message.media[item.place].get("content_type", ""))
    return f"The {'picture' if claimed.startswith('image/') else 'attachment'} could not be fetched."


def _settle(
    item: Attachment,
    state: Attachment.State,
    *,
    content: bytes | None = None,
    content_type: str = "",
    reason: str = "",
) -> None:
    with transaction.atomic():
        if Attachment.objects.filter(pk=item.pk, state=Attachment.State.WAITING).update(
            state=state, content=content, content_type=content_type, reason=reason
        ):
            # An open page asks for what has changed since it last asked.
            Message.objects.filter(pk=item.message_id).update(changed_at=Now())
            nudge(item.business_id, [item.message.conversation_id])
