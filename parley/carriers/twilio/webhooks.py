"""What Twilio's webhooks say: a text that came in, or what became of one of ours.

Forms grow without notice and fields go missing, so what is not understood is passed over: None, or a field
left out. Fields: Twilio's messaging webhooks guide. Reviewed 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import get_args

from parley.carriers.base import Media, ReceiptArrived, ReceiptStatus, Received, quoting
from parley.carriers.twilio import words

SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")

# RCS and WhatsApp have two more; Parley sends neither, but a Messaging Service may upgrade a text.
_OTHER_STATUSES: dict[str, ReceiptStatus] = {"scheduled": "accepted", "partially_delivered": "sent"}
_STATUSES: dict[str, ReceiptStatus] = {status: status for status in get_args(ReceiptStatus)} | _OTHER_STATUSES
_MOST_MEDIA = 10


def read_text(form: Sequence[tuple[str, str]]) -> Received | None:
    """The text that an inbound webhook states; None if it states none."""
    told = fields(form)
    if "MessageStatus" in told or told.get("SmsStatus", "received") not in ("received", "receiving"):
        return None
    sid, sender, recipient = told.get("MessageSid", ""), told.get("From", ""), told.get("To", "")
    if not (SID.fullmatch(sid) and sender and recipient) or not ("Body" in told or "MediaUrl0" in told):
        return None
    return Received(
        carrier_id=sid,
        sender=sender,
        recipient=recipient,
        body=told.get("Body", ""),
        media=tuple(_media(told)),
        segments=whole(told.get("NumSegments")),
    )


def read_receipt(form: Sequence[tuple[str, str]]) -> ReceiptArrived | None:
    """The receipt that a status webhook states; None if it states none."""
    told = fields(form)
    sid, status = (
        told.get("MessageSid", ""),
        receipt_status(told.get("MessageStatus") or told.get("SmsStatus")),
    )
    if not SID.fullmatch(sid) or status is None:
        return None
    return receipt(sid, status, whole(told.get("ErrorCode")), told.get("ErrorMessage", ""))


def receipt(sid: str, status: ReceiptStatus, code: int | None, said: str = "") -> ReceiptArrived:
    """The receipt for a status and Twilio's error code and its words for it, if it gave any."""
    if not code:
        return ReceiptArrived(carrier_id=sid, status=status)
    reason = words.failure(code)
    return ReceiptArrived(
        carrier_id=sid,
        status=status,
        code=str(code),
        words=quoting(reason.words, str(code), said) if reason.family == "unlisted" else reason.words,
        again=reason.again,
        opted_out=reason.opted_out,
        reach=reason.reach,
        verbatim=said,
    )


def receipt_status(told: object) -> ReceiptStatus | None:
    """Twilio's word for the state of one of ours, in Parley's; None for any other (an inbound one's)."""
    return _STATUSES.get(told) if isinstance(told, str) else None


def whole(told: object) -> int | None:
    """A count or a code, which Twilio writes sometimes as text; None if it is neither, or absurd."""
    if isinstance(told, bool) or not isinstance(told, (int, str)):
        return None
    try:
        number = int(told)
    except ValueError:
        return None
    return number if 0 <= number < 1_000_000 else None


def moment(told: object) -> datetime | None:
    """A time as mail and HTTP headers write it (RFC 2822), which Twilio's 2010 API does too; None if it is none."""
    if not isinstance(told, str):
        return None
    try:
        when = parsedate_to_datetime(told)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def clean(text: str) -> str:
    """`text` as PostgreSQL can hold it: without NUL, and with U+FFFD where half a surrogate pair stood."""
    text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def fields(form: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The first value of each field, as PostgreSQL can hold it."""
    told = dict(reversed(form))
    # Hardly any form holds what has to be cleaned away, so all of it is looked at in one go.
    values = "".join(told.values())
    if clean(values) != values:
        return {name: clean(value) for name, value in told.items()}
    return told


def _media(told: dict[str, str]) -> list[Media]:
    named = min(whole(told.get("NumMedia")) or 0, _MOST_MEDIA)
    return [
        Media(url, told.get(f"MediaContentType{n}", "application/octet-stream"))
        for n in range(named)
        if (url := told.get(f"MediaUrl{n}", "")).startswith(("https://", "http://"))
    ]
