"""The things of the pretend world. Times are seconds since 1970, UTC."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

from parley.sandbox.numbering import is_toll_free

# A status is final when nothing can follow it.
FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "received"})
FINAL_OF_CALLS = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})


def new_sid(prefix: str) -> str:
    """An id as the carrier makes them: two letters and 32 hex digits."""
    return prefix + os.urandom(16).hex()


@dataclass(slots=True)
class Number:
    """A number of the account. `pace`: segments a second, 0 for no limit. `verified` matters to toll-free."""

    sid: str
    phone_number: str
    created: float
    updated: float
    friendly_name: str = ""
    owner: str = ""
    country: str = "US"
    verified: bool = False
    pace: float = 0.0
    sms_url: str = ""
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"

    def as_dict(self) -> dict[str, Any]:
        """Everything, for the journal and the console."""
        return asdict(self)

    @property
    def may_reach_handsets(self) -> bool:
        """Networks block a toll-free number that is not verified (Twilio error 30032)."""
        return self.verified or not is_toll_free(self.phone_number)


@dataclass(slots=True)
class Handset:
    """A client's phone, or a member's.

    `when_called`: it rings, is busy, or cannot be reached ("failed"). `voicemail_after`: its owner's own voicemail
    picks up after so many seconds of ringing (0: there is none). `withheld`: it hides its number when it calls.
    """

    phone_number: str
    name: str = ""
    line_type: str = "mobile"
    when_called: str = "rings"
    voicemail_after: float = 0.0
    withheld: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Everything, for the journal and the console."""
        return asdict(self)


@dataclass(slots=True)
class Picture:
    """A file in a message. Its bytes lie in the media folder under its sid."""

    sid: str
    parent: str
    content_type: str
    size: int
    created: float
    deleted: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Everything, for the journal."""
        return asdict(self)


@dataclass(slots=True)
class Message:
    """One text.

    `direction` is Twilio's, or "network" for what the network itself shows on a handset (its answer to
    STOP). `form` is the request as it came. `shown` counts how often the handset showed it. `calls` is what
    became of its webhooks: [what, HTTP status or 0], in the order they ended.
    """

    sid: str
    order: int
    direction: str
    sender: str
    recipient: str
    body: str
    segments: int
    created: float
    status: str
    form: str = ""
    callback: str = ""
    validity: float = 36000.0
    code: int | None = None
    updated: float = 0.0
    sent: float | None = None
    ended: float | None = None
    shown: int = 0
    pictures: list[str] = field(default_factory=list)
    media_urls: list[str] = field(default_factory=list)
    redacted: bool = False
    deleted: bool = False
    calls: list[list[Any]] = field(default_factory=list)

    def as_record(self) -> dict[str, Any]:
        """For the journal: what differs from the defaults."""
        record: dict[str, Any] = {
            "sid": self.sid,
            "order": self.order,
            "direction": self.direction,
            "sender": self.sender,
            "recipient": self.recipient,
            "body": self.body,
            "segments": self.segments,
            "created": self.created,
            "status": self.status,
            "form": self.form,
            "callback": self.callback,
            "validity": self.validity,
        }
        for name in (
            "code",
            "updated",
            "sent",
            "ended",
            "shown",
            "pictures",
            "media_urls",
            "redacted",
            "deleted",
            "calls",
        ):
            value = getattr(self, name)
            if value:
                record[name] = value
        return record

    @property
    def is_final(self) -> bool:
        """Can nothing follow?"""
        return self.status in FINAL


@dataclass(slots=True)
class Call:
    """One leg of a call: between the carrier and one phone.

    `direction` is Twilio's. `sender` is the number that is shown, `handset` the phone that it is about, `ours` the
    account's number. `log` is what happened on the line, as the person at the phone hears and does it: [when, what,
    words]. `problems` are the lines of the carrier's debugger: [code, words]. `calls` is what became of its webhooks:
    [what, HTTP status or 0]. `pace`: how long a second of this call lasts, in real seconds.
    """

    sid: str
    direction: str
    sender: str
    recipient: str
    handset: str
    ours: str
    created: float
    status: str
    pace: float = 1.0
    order: int = 0
    parent: str = ""
    form: str = ""
    url: str = ""
    method: str = "POST"
    twiml: str = ""
    fallback_url: str = ""
    fallback_method: str = "POST"
    callback: str = ""
    callback_method: str = "POST"
    callback_events: list[str] = field(default_factory=list)
    timeout: float = 60.0
    time_limit: float = 14400.0
    detect: bool = False
    record: bool = False
    recording_callback: str = ""
    sequence: int = 0
    answered_by: str = ""
    answered: float | None = None
    ended: float | None = None
    updated: float = 0.0
    duration: int | None = None
    deleted: bool = False
    log: list[list[Any]] = field(default_factory=list)
    problems: list[list[Any]] = field(default_factory=list)
    calls: list[list[Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for the journal."""
        return asdict(self)

    @property
    def is_final(self) -> bool:
        """Has it ended?"""
        return self.status in FINAL_OF_CALLS


@dataclass(slots=True)
class Recording:
    """What was recorded of a call; `status` is completed, or absent where there was only silence.

    Its bytes (a WAV) lie in the media folder under its sid. `seconds` is its length.
    """

    sid: str
    call: str
    source: str
    status: str
    seconds: float
    started: float
    created: float
    deleted: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Everything, for the journal."""
        return asdict(self)

    @property
    def duration(self) -> int:
        """Whole seconds, as the API says it; a short one is not nothing."""
        return max(round(self.seconds), 1) if self.status == "completed" else 0


@dataclass(slots=True)
class Verification:
    """A toll-free verification; `asked` holds the applicant's answers by their names in the API's answer."""

    sid: str
    number_sid: str
    phone_number: str
    status: str
    created: float
    updated: float
    asked: dict[str, Any]
    rejection_reason: str | None = None
    rejection_code: int | None = None
    edit_until: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Everything, for the journal and the console."""
        return asdict(self)


@dataclass(slots=True)
class OldText:
    """A text of the past, shown on a handset and never sent."""

    sender: str
    recipient: str
    body: str
    at: float
    status: str

    def as_dict(self) -> dict[str, Any]:
        """Everything, for the journal and the console."""
        return asdict(self)
