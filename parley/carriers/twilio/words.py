"""What Twilio's error codes mean to a person, and what they allow.

Source: Twilio's error and warning dictionary (www.twilio.com/docs/api/errors) and its guidance on retries.
Reviewed 2026-11-25. Twilio splits and adds codes without notice (in July 2024 it split 21211, 21212, 21606
and 21614), so nothing may depend on a code being listed here: `refusal` and `failure` answer for all others.
"""

from __future__ import annotations

from typing import NamedTuple


class Reason(NamedTuple):
    """`words` are for people. `permanent`: the same text to the same number will fail again.

    `transient`: it may succeed later. A reason that is neither waits for somebody: a registration, an
    account. `opted_out` and `bad_number` are about the recipient, `account` is about us.
    """

    words: str
    permanent: bool = True
    transient: bool = False
    opted_out: bool = False
    bad_number: bool = False
    account: bool = False


def _later(words: str) -> Reason:
    return Reason(words, permanent=False, transient=True)


def _bad_number(words: str) -> Reason:
    return Reason(words, bad_number=True)


def _waits(words: str) -> Reason:
    return Reason(words, permanent=False)


def _account(words: str) -> Reason:
    return Reason(words, permanent=False, account=True)


TOO_MANY = 20429
_NOT_A_NUMBER = "This is not a working phone number. Check it with the client."
_NO_TEXTS = "This number cannot get texts: it is a landline, or not in use. Call, or send an email."
_SENDER = "The number this was sent from cannot send texts. An administrator must check it."
CREDENTIALS = "The carrier did not accept Parley's credentials. An administrator must check them."
_SUSPENDED = (
    "The carrier has suspended the account that sends texts. An administrator must contact the carrier."
)
_BUSY = "The carrier asked Parley to slow down."
_QUEUE = "Too many texts from this number are waiting at the carrier."
_PICTURE = "The carrier could not use the picture. Send a smaller one, or the text without it."
_TOLL_FREE = "This toll-free number is not verified yet, and the phone networks block its texts until it is."
_UNREGISTERED = "This number is not registered for business texting, and the phone networks block its texts."

REASONS: dict[int, Reason] = {
    20003: _account(CREDENTIALS),
    20005: _account(_SUSPENDED),
    20404: _account(
        "The carrier does not know the account that sends texts. An administrator must check it."
    ),
    TOO_MANY: _later(_BUSY),
    21211: _bad_number(_NOT_A_NUMBER),
    21212: Reason(_SENDER),
    21217: _bad_number(_NOT_A_NUMBER),
    21408: Reason(
        "The account may not send texts to this country. An administrator can allow it at the carrier."
    ),
    21421: Reason("The carrier does not know this number, so it cannot be had."),
    21422: Reason("This number is no longer available. Choose another."),
    21602: Reason("The text was empty. Write something and send it again."),
    21603: Reason(_SENDER),
    21606: Reason(_SENDER),
    21610: Reason("This client has texted STOP. They get texts again once they text START.", opted_out=True),
    21611: _later(_QUEUE),
    21612: Reason("The carrier has no way to send texts from this number to that one."),
    21614: _bad_number(_NO_TEXTS),
    21617: Reason("The text is longer than 1,600 characters. Shorten it, or send it as two."),
    21619: Reason("The text was empty. Write something and send it again."),
    21620: Reason(_PICTURE),
    21623: Reason("A text can hold 10 pictures at most. Send the rest in another."),
    21631: Reason("The carrier needs a business address before this number can be had."),
    21635: _bad_number(_NO_TEXTS),
    21649: Reason("The carrier needs registration documents before this number can be had."),
    21659: Reason(_SENDER),
    21660: Reason(_SENDER),
    21661: Reason(_SENDER),
    30001: _later(_QUEUE),
    30002: _account(_SUSPENDED),
    30003: _later("The phone was off or out of reach."),
    30004: Reason("The phone or its network blocked this text. Call, or send an email."),
    30005: _bad_number("The network does not know this number. Check it with the client."),
    30006: _bad_number(_NO_TEXTS),
    30007: Reason(
        "The phone network's spam filter stopped this text. Word it differently before sending it again."
    ),
    30008: _later("The phone network did not deliver this text and gave no reason."),
    30017: _later("The phone network is congested."),
    30019: Reason(_PICTURE),
    30022: _later("The phone networks let this number send only so many texts in a minute."),
    30023: _later(
        "The phone network's limit for today is reached. It starts anew after midnight, Pacific time."
    ),
    30032: _waits(_TOLL_FREE),
    30034: _waits(_UNREGISTERED),
    30035: _waits("This number's registration for business texting is still being checked."),
    30036: Reason("The text could not be delivered in time, so it was dropped."),
    30410: _later("The phone network did not take the picture in time."),
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
    return REASONS.get(code) or Reason("The carrier refused this. An administrator can look up the code.")


def failure(code: int) -> Reason:
    """Why a text was not delivered. A code not listed is never retried on our own account."""
    return REASONS.get(code) or Reason("The phone network did not deliver this text.")
