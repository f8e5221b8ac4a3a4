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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

ReceiptStatus = Literal[
    "accepted", "queued", "sending", "sent", "delivered", "undelivered", "failed", "canceled", "read"
]

# What an answer says of the recipient's number: a landline; no number at all; or one that the network could not place
# this time (only the second such text in a row says something about the number).
Reach = Literal["", "landline", "invalid", "unreachable"]

# How much of a carrier's own words is shown.
LONGEST_QUOTE = 200


def quoting(words: str, code: str | None, verbatim: str) -> str:
    """A sentence with the carrier's own words, where we have no better: “…” (30999). For the business's own eyes."""
    said = " ".join(verbatim.split())
    if len(said) > LONGEST_QUOTE:
        said = said[: LONGEST_QUOTE - 1] + "…"
    quoted = f": “{said}”" if said else ""
    return f"{words.rstrip('.')}{quoted}{f' ({code})' if code else ''}."


@dataclass(frozen=True, slots=True)
class Again:
    """The same text may be handed over again, `most` times in all.

    Not before `wait` seconds have passed, nor before the next midnight in the zone `midnight` (IANA), if that is given.
    """

    most: int
    wait: float = 0.0
    midnight: str = ""


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
    """What became of one of ours (DLR). `code` is the carrier's own; `words` are for people of the business.

    `again`: the same text may get through later. `opted_out`, `reach` and `verbatim` are as in Refused.
    """

    carrier_id: str
    status: ReceiptStatus
    code: str | None = None
    words: str = ""
    again: Again | None = None
    opted_out: bool = False
    reach: Reach = ""
    verbatim: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the carrier's own log, outbound or inbound; `status` is its own word.

    `receipt` says the same as a status webhook would have; None for a text from a handset. `media`: how many things
    came along; `segments`: the carrier's own count.
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
    segments: int | None = None
    media: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A number that the carrier would let us have. `region` is a state or province, empty for toll-free."""

    number: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Rented:
    """A number that is ours to send from, under the carrier's own id for it. `label` is ours, kept by the carrier."""

    carrier_id: str
    number: str
    label: str = ""


BusinessType = Literal["llc", "corporation", "partnership", "public", "sole", "non_profit", "government"]
Use = Literal["appointments", "conversations", "payments", "offers"]
OptIn = Literal["web_form", "paper", "via_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """What carriers want to know of a business before its toll-free number may text.

    `reference` is ours, and comes back with the verification. `country` is US or CA, `region` a state or province in
    two letters, `contact_phone` E.164. `evidence_urls` are public pages or pictures that show how people agree.
    """

    reference: str
    country: str
    legal_name: str
    trade_name: str
    business_type: BusinessType
    registration_number: str
    website: str
    street: str
    street2: str
    city: str
    region: str
    postal_code: str
    contact_first_name: str
    contact_last_name: str
    contact_email: str
    contact_phone: str
    uses: tuple[Use, ...]
    summary: str
    sample: str
    monthly_texts: int
    opt_in: OptIn
    evidence_urls: tuple[str, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why carriers said no: their own words, as they said them. `mend`, if we know it, is what helps."""

    code: str
    words: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Verification:
    """Where the carriers stand with an application.

    `edit_until`: a rejected one that is mended by then keeps its place in the queue. `may_resubmit` is False if the
    carriers closed it for good.
    """

    carrier_id: str
    number_id: str
    reference: str
    status: Literal["in_review", "approved", "rejected"]
    reasons: tuple[Reason, ...] = ()
    edit_until: datetime | None = None
    may_resubmit: bool = True


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
    `reach`: what this says of the recipient's number; the client card should say so.
    `taken`: the number that was asked for cannot be had, because somebody has it: we ourselves, perhaps.
    `verbatim`: what the carrier said, for whoever asked. It may repeat what we sent, so it is never logged.
    `unlisted`: the code is new to us, so `told` says what the carrier said.
    """

    def __init__(
        self,
        words: str,
        *,
        code: str | None = None,
        opted_out: bool = False,
        reach: Reach = "",
        taken: bool = False,
        verbatim: str = "",
        unlisted: bool = False,
    ) -> None:
        super().__init__(words, code=code)
        self.opted_out = opted_out
        self.reach: Reach = reach
        self.taken = taken
        self.verbatim = verbatim
        self.unlisted = unlisted

    @property
    def told(self) -> str:
        """What members of the business are told of a text: for a code that is new to us, the carrier's own words.

        Never logged.
        """
        if not self.unlisted:
            return self.words
        return quoting("The carrier refused this text", self.code, self.verbatim)


class TooLate(Refused):
    """A rejected application can no longer be edited: it has to be handed in anew."""


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

    async def send(
        self,
        text: Outgoing,
        written: Callable[[], None] = lambda: None,
        why_not: Callable[[], str] = lambda: "",
    ) -> Accepted:
        """Hand one text over. Raises NotSent, Paused, Refused or Doubt.

        `why_not` is asked right before the first byte, when the connection is there: if it says anything, nothing is
        written, and these are the words of NotSent. `written` is called when the whole request has been handed to the
        network: from then on it is on its way.
        """

    async def fetch(self, carrier_id: str) -> Listed | None:
        """The carrier's row for one of its ids; None if it knows none. Raises Unavailable."""

    async def list_between(self, sender: str, recipient: str, since: datetime) -> Sequence[Listed]:
        """Every row from `sender` to `recipient` created at or after `since`. Raises Unavailable."""

    async def list_since(self, number: str, since: datetime) -> Sequence[Listed]:
        """Every text from a handset to our `number` created at or after `since`, oldest first. Raises Unavailable."""

    async def list_sent(self, number: str, since: datetime) -> Sequence[Listed]:
        """Every text of ours from `number` created at or after `since`, oldest first. Raises Unavailable."""

    async def as_webhook(self, listed: Listed) -> str:
        """The body that the webhook of this text from a handset had, or would have had. Raises Unavailable."""

    async def fetch_media(self, url: str) -> tuple[str, bytes]:
        """What came along with a text: the type that was claimed for it (unproved) and its bytes.

        At most MOST_MEDIA_BYTES. Our credentials go to the carrier's own hosts alone. Raises Unavailable (try later)
        or Unfetchable (final), whose words are a sentence about "it".
        """

    async def available(
        self, country: Literal["US", "CA"], kind: Literal["toll-free", "local"], *, most: int = 20
    ) -> Sequence[Offer]:
        """Numbers that can text and could be rented. Raises Unavailable."""

    async def rented(self, *, number: str = "", label: str = "") -> Sequence[Rented]:
        """Those of our numbers that are this number, or bear this label. Raises Unavailable."""

    async def buy(
        self, number: str, *, label: str, sms_url: str, voice_url: str = "", ended_url: str = ""
    ) -> Rented:
        """Rent this very number, and have told what comes to it as `update` does.

        Raises NotSent, Paused, Refused or Doubt.
        A number can be rented once, so asking for the same one again never rents a second: it is refused as `taken`.
        """

    async def update(self, number_id: str, *, sms_url: str, voice_url: str = "", ended_url: str = "") -> None:
        """Have a rented number's texts told to `sms_url`, and what becomes of its calls asked of `voice_url`.

        `ended_url` is told how each call ended. Empty: it stays as it is. Raises NotSent, Paused, Refused or Doubt.
        """

    async def release(self, number_id: str) -> None:
        """Give a rented number back, or find it given back. Raises NotSent, Paused, Refused or Doubt."""

    async def apply(self, number_id: str, application: Application) -> Verification:
        """Ask for a toll-free number to be verified. Raises NotSent, Paused, Refused or Doubt."""

    async def edit(self, carrier_id: str, application: Application) -> Verification:
        """Mend a rejected application. Raises NotSent, Paused, TooLate, Refused or Doubt."""

    async def verification(self, carrier_id: str) -> Verification | None:
        """Where the carriers stand with one; None if they know none. Raises Unavailable."""

    async def verifications(self, number_id: str) -> Sequence[Verification]:
        """All of one number's, the newest first. Raises Unavailable."""

    def authentic(self, url: str, headers: Mapping[str, str], form: Sequence[tuple[str, str]]) -> bool:
        """Was this webhook signed by the carrier? `url` is the configured public address plus path and query."""

    def read_text(self, form: Sequence[tuple[str, str]]) -> Received | None:
        """The text that an inbound webhook states; None if it states none."""

    def answers(self, number: str, body: str) -> bool:
        """Does the carrier or the network itself answer whoever texts this keyword to our `number` (E.164)?"""

    def blocks(self, number: str, body: str) -> bool:
        """Does it keep texts of our `number` from whoever texts this to it, from now on?"""

    def read_receipt(self, form: Sequence[tuple[str, str]]) -> ReceiptArrived | None:
        """The receipt that a status webhook states; None if it states none."""

    async def close(self) -> None:
        """Give back connections."""
