"""What a carrier tells Parley, and what Parley asks of a carrier.

A carrier states facts and decides nothing. `send` returns what the carrier accepted, or raises one of the
errors below; which one it is decides what may happen next (docs/life-of-a-message.md, rule R4):

    NotSent   certainly never reached the carrier   -> try again later
    Paused    our account or credentials are at fault -> the connection waits, the message is not at fault
    Refused   the carrier said no, and why          -> final for this message
    Doubt     nobody knows                          -> never sent again before absence is proved

A question has two errors of its own: Unavailable (no usable answer, ask again) and Unfetchable (a final no).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

ReceiptStatus = Literal[
    "accepted", "queued", "sending", "sent", "delivered", "undelivered", "failed", "canceled", "read"
]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One text on its way to a carrier. Numbers are E.164; `attempt_id` is ours (rule R2)."""

    attempt_id: str
    sender: str
    recipient: str
    body: str
    status_callback: str
    media_urls: tuple[str, ...] = ()
    validity_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The carrier took it and will answer for it under `carrier_id`. `segments` is the carrier's own count."""

    carrier_id: str
    status: ReceiptStatus
    segments: int | None = None


@dataclass(frozen=True, slots=True)
class Media:
    url: str
    content_type: str


@dataclass(frozen=True, slots=True)
class Received:
    """A text from a handset (MO)."""

    carrier_id: str
    sender: str
    recipient: str
    body: str
    media: tuple[Media, ...] = ()
    segments: int | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReceiptArrived:
    """What became of one of ours (DLR). `code` is the carrier's own; `words` are for people.

    `transient`: the same text may get through later. `opted_out` and `bad_number` are as in Refused.
    """

    carrier_id: str
    status: ReceiptStatus
    code: str | None = None
    words: str = ""
    transient: bool = False
    opted_out: bool = False
    bad_number: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the carrier's own log, outbound or inbound; `status` is its own word.

    `receipt` says the same as a status webhook would have; None for a text from a handset.
    """

    carrier_id: str
    sender: str
    recipient: str
    body: str
    status: str
    direction: Literal["inbound", "outbound"]
    created_at: datetime
    code: str | None = None
    words: str = ""
    receipt: ReceiptArrived | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A number that the carrier would let us have. `region` is a state or province, empty for toll-free."""

    number: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Rented:
    """A number that is ours to send from, under the carrier's own id for it."""

    carrier_id: str
    number: str


LineType = Literal["mobile", "landline", "voip", "toll-free", "other"]


class SendError(Exception):
    """`words` say to a person what happened and what to do; they never hold numbers or message text."""

    def __init__(self, words: str, *, code: str | None = None) -> None:
        super().__init__(words if code is None else f"{words} ({code})")
        self.words = words
        self.code = code


class NotSent(SendError):
    """Certain: DNS, connection refused, TLS failure, or 429. `retry_after` is in seconds, if the carrier said."""

    def __init__(self, words: str, *, code: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(words, code=code)
        self.retry_after = retry_after


class Paused(SendError):
    """Our account or credentials were refused (401, 403, suspended): everything on this connection waits."""


class Refused(SendError):
    """Certain and final: the carrier answered with an error for this message.

    `opted_out`: the recipient has sent STOP to this sender (Twilio 21610).
    `bad_number`: this number cannot get texts (landline, unassigned); the client card should say so.
    """

    def __init__(
        self, words: str, *, code: str | None = None, opted_out: bool = False, bad_number: bool = False
    ) -> None:
        super().__init__(words, code=code)
        self.opted_out = opted_out
        self.bad_number = bad_number


class Doubt(SendError):
    """Time-out after the first byte, reset, 5xx, an answer that makes no sense: the outcome is unknown."""


class Unavailable(SendError):
    """A question (fetch, list) got no usable answer. It proves nothing."""


class Unfetchable(SendError):
    """Final for this picture: it is gone, too large, or not at the carrier's own address. Asking again helps nobody."""


# A text with all that comes along is at most this large at every carrier (MMS); nothing larger is held in memory.
MOST_MEDIA_BYTES = 5 * 1024 * 1024


class Carrier(Protocol):
    """What every carrier folder offers."""

    name: str

    async def send(self, text: Outgoing) -> Accepted:
        """Hand one text over. Raises NotSent, Paused, Refused or Doubt."""

    async def fetch(self, carrier_id: str) -> Listed | None:
        """The carrier's row for one of its ids; None if it knows none. Raises Unavailable."""

    async def list_between(self, sender: str, recipient: str, since: datetime) -> Sequence[Listed]:
        """Every row from `sender` to `recipient` created at or after `since`. Raises Unavailable."""

    async def fetch_media(self, url: str) -> tuple[str, bytes]:
        """What came along with a text: the type that was claimed for it (unproved) and its bytes.

        At most MOST_MEDIA_BYTES. Our credentials go to the carrier's own hosts alone. Raises Unavailable (try later)
        or Unfetchable (final), whose words are a sentence about "it".
        """

    def authentic(self, url: str, headers: Mapping[str, str], form: Sequence[tuple[str, str]]) -> bool:
        """Was this webhook signed by the carrier? `url` is the configured public address plus path and query."""

    def read_text(self, form: Sequence[tuple[str, str]]) -> Received | None:
        """The text that an inbound webhook states; None if it states none."""

    def read_receipt(self, form: Sequence[tuple[str, str]]) -> ReceiptArrived | None:
        """The receipt that a status webhook states; None if it states none."""

    async def close(self) -> None:
        """Give back connections."""
