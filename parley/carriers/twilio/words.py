"""What Twilio's error codes mean to a person, and what they allow: a table, for codes change and code should not.

Sources: Twilio's error and warning dictionary (www.twilio.com/docs/api/errors) and its guidance on retries; the
retry rules and what a code says of the number are the table of field.md 4.6. Reviewed 2026-11-25.

Twilio splits and adds codes without notice (in July 2024 it split 21211, 21212, 21606 and 21614), so nothing may
depend on a code being listed here: `refusal` and `failure` answer for all others, and those are never tried again.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from parley.carriers.base import Again, Reach

Family = Literal[
    "account",  # ours, at the carrier: everything waits until somebody mends it
    "busy",  # too much at once, at the carrier or in the networks
    "phone",  # the client's phone, today
    "number",  # the client's number, for good
    "stopped",  # the client said STOP
    "filter",  # the networks' spam filter
    "text",  # what was written or attached
    "sender",  # the number it left from, or where it may text to
    "registration",  # the number's registration for business texting
    "renting",  # a number that was asked for
    "unlisted",  # no row here
]


class Reason(NamedTuple):
    """One row. `words` are for people. `again`: when the same text may be handed over once more; never, if None.

    `reach` is what the code says of the recipient's number.
    """

    words: str
    family: Family
    again: Again | None = None
    reach: Reach = ""

    @property
    def transient(self) -> bool:
        """The same text may succeed later, by itself."""
        return self.again is not None

    @property
    def permanent(self) -> bool:
        """The same text to the same number will fail again; what is neither waits for somebody to mend something."""
        return not self.transient and self.family not in ("account", "registration")

    @property
    def opted_out(self) -> bool:
        return self.family == "stopped"

    @property
    def account(self) -> bool:
        return self.family == "account"


TOO_MANY = 20429
CALL_ENDED = 21220
_NOT_A_NUMBER = "This is not a working phone number. Check it with the client."
_NO_TEXTS = "This number cannot get texts: it is a landline, or not in use. Call, or send an email."
_SENDER = "The number this was sent from cannot send texts. An administrator must check it."
_CALLER = "Calls cannot leave from this number. An administrator must check it at the carrier."
CREDENTIALS = "The carrier did not accept Parley's credentials. An administrator must check them."
_SUSPENDED = (
    "The carrier has suspended the account that sends texts. An administrator must contact the carrier."
)
_NO_ACCOUNT = "The carrier does not know the account that sends texts. An administrator must check it."
_BUSY = "The carrier asked Parley to slow down."
_QUEUE = "Too many texts from this number are waiting at the carrier."
_STOPPED = "This client has texted STOP. They get texts again once they text START."
_EMPTY = "The text was empty. Write something and send it again."
_PICTURE = "The carrier could not use the picture. Send a smaller one, or the text without it."
_COUNTRY = "The account may not send texts to this country. An administrator can allow it at the carrier."
_TOO_LONG = "The text is longer than 1,600 characters. Shorten it, or send it as two."
_FILTERED = "The phone network's spam filter stopped this text. Word it differently before sending it again."
_TODAY = "The phone network's limit for today is reached. It starts anew after midnight, Pacific time."
_TOLL_FREE = "This toll-free number is not verified yet, and the phone networks block its texts until it is."
_UNREGISTERED = "This number is not registered for business texting, and the phone networks block its texts."
_CHECKED = "This number's registration for business texting is still being checked."

_MINUTES = 60.0
# A queue that is too long needs time; a busy network needs less.
_SLOWER = Again(most=3, wait=15 * _MINUTES)
_SOON = Again(most=3, wait=5 * _MINUTES)
# "30 min or more later, at most 3", and "once" (field.md 4.6).
_WHEN_ON = Again(most=3, wait=30 * _MINUTES)
_ONCE = Again(most=2, wait=10 * _MINUTES)
# T-Mobile counts a brand's texts by the Pacific day.
_TOMORROW = Again(most=2, midnight="America/Los_Angeles")

# code: words for the member, family, when it may be tried again, what it says of the number
REASONS: dict[int, Reason] = {
    20003: Reason(CREDENTIALS, "account"),
    20005: Reason(_SUSPENDED, "account"),
    20404: Reason(_NO_ACCOUNT, "account"),
    TOO_MANY: Reason(_BUSY, "busy", _SOON),
    21211: Reason(_NOT_A_NUMBER, "number", None, "invalid"),
    21212: Reason(_SENDER, "sender"),
    21217: Reason(_NOT_A_NUMBER, "number", None, "invalid"),
    21210: Reason(_CALLER, "sender"),
    21214: Reason("This number cannot be called. Check it with the client.", "number"),
    21215: Reason(
        "The account may not call this number. An administrator can allow it at the carrier.", "sender"
    ),
    21216: Reason(
        "The account may not call this number. An administrator can allow it at the carrier.", "sender"
    ),
    21219: Reason("The account is on trial and may only call numbers that it has verified.", "sender"),
    CALL_ENDED: Reason("This call has ended already.", "number"),
    21408: Reason(_COUNTRY, "sender"),
    21421: Reason("The carrier does not know this number, so it cannot be had.", "renting"),
    21422: Reason("This number is no longer available. Choose another.", "renting"),
    21602: Reason(_EMPTY, "text"),
    21603: Reason(_SENDER, "sender"),
    21606: Reason(_SENDER, "sender"),
    21610: Reason(_STOPPED, "stopped"),
    21611: Reason(_QUEUE, "busy", _SLOWER),
    21612: Reason("The carrier has no way to send texts from this number to that one.", "sender"),
    21614: Reason(_NO_TEXTS, "number", None, "invalid"),
    21617: Reason(_TOO_LONG, "text"),
    21619: Reason(_EMPTY, "text"),
    21620: Reason(_PICTURE, "text"),
    21623: Reason("A text can hold 10 pictures at most. Send the rest in another.", "text"),
    21631: Reason("The carrier needs a business address before this number can be had.", "renting"),
    21635: Reason(_NO_TEXTS, "number", None, "landline"),
    21649: Reason("The carrier needs registration documents before this number can be had.", "renting"),
    21659: Reason(_SENDER, "sender"),
    21660: Reason(_SENDER, "sender"),
    21661: Reason(_SENDER, "sender"),
    30001: Reason(_QUEUE, "busy", _SLOWER),
    30002: Reason(_SUSPENDED, "account"),
    30003: Reason("The phone was off or out of reach.", "phone", _WHEN_ON),
    30004: Reason("The phone or its network blocked this text. Call, or send an email.", "phone"),
    30005: Reason(
        "The network does not know this number. Check it with the client.", "phone", None, "unreachable"
    ),
    30006: Reason(_NO_TEXTS, "number", None, "landline"),
    30007: Reason(_FILTERED, "filter"),
    30008: Reason("The phone network did not deliver this text and gave no reason.", "phone", _ONCE),
    30017: Reason("The phone network is congested.", "busy", _SOON),
    30019: Reason(_PICTURE, "text"),
    30022: Reason("The phone networks let this number send only so many texts in a minute.", "busy", _SOON),
    30023: Reason(_TODAY, "busy", _TOMORROW),
    30032: Reason(_TOLL_FREE, "registration"),
    30034: Reason(_UNREGISTERED, "registration"),
    30035: Reason(_CHECKED, "registration"),
    30036: Reason("The text could not be delivered in time, so it was dropped.", "busy"),
    30410: Reason("The phone network did not take the picture in time.", "busy", _ONCE),
}

# The number that was asked for is somebody's.
TAKEN = frozenset({21421, 21422})
# A rejected verification can no longer be edited; a new one is taken (30437, and 30824 since 2026).
TOO_LATE = frozenset({30437, 30824})

_FORBIDDEN = "Carriers allow no texts about this on toll-free numbers."
_CONSENT = (
    "Show where people agree, in words beside the phone field that name text messages and say how to stop."
)

# Why a toll-free verification was rejected: what helps. The carrier's own words are always shown first, and new
# codes turn up without notice, so nothing depends on one being listed.
MENDS: dict[int, str] = {
    30436: "Whoever runs Parley must look at the number.",
    30440: "Compare every answer with your official papers, and send it again.",
    30441: _FORBIDDEN,
    30442: _FORBIDDEN,
    30451: "Write the address as the post office has it, with the suite or unit in its own field.",
    30460: _FORBIDDEN,
    30464: _FORBIDDEN,
    30466: _FORBIDDEN,
    30472: "Write name, address and website exactly as public records have them, and see that the website opens.",
    30474: "Name your own business everywhere, not the software you use.",
    30475: _CONSENT,
    30481: "It cannot be sent again. Ask whoever runs Parley.",
    30482: "Give an email address at your own website’s domain.",
    30483: "Name somebody who works for the business, and their role.",
    30484: "Write the legal name exactly as on the letter that gave you the number: LLC, Inc. and commas count.",
    30485: "Check the registration number and the country it was given out in.",
    30487: "Give the name and EIN under which the organization is tax-exempt.",
    30488: "Give the name your clients know beside the legal name.",
    30511: "Write down the very words that people hear before they agree.",
    30513: _CONSENT,
    30527: "Check the registration number against the letter that gave it to you.",
    30551: "The words people agree to must name text messages or SMS.",
    30831: _CONSENT,
    30841: _CONSENT,
    30842: "Add a picture of the form where people agree, or the address of the page.",
    30879: "Whoever runs Parley must look at the number.",
}


def refusal(code: int) -> Reason:
    """Why a request was refused. A code not listed counts as permanent: the answer was an answer."""
    return REASONS.get(code) or Reason(
        "The carrier refused this. An administrator can look up the code.", "unlisted"
    )


def failure(code: int) -> Reason:
    """Why a text was not delivered. A code not listed is never retried on our own account."""
    return REASONS.get(code) or Reason("The carrier did not deliver this text.", "unlisted")
