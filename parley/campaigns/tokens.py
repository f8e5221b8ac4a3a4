"""The ends of a campaign's own addresses: short, for every character is paid for, and nobody can make one up.

`/o/<token>` is a recipient's own page, where they say what they want to hear; `/l/<place><token>` is a link of the
campaign's words. A token is the recipient's number with a part of its MAC (48 bits: a guess in 10^14, and the pages are
limited), so it needs no row, names nobody, and is another for every recipient.
"""

from __future__ import annotations

from django.conf import settings
from django.core.signing import b62_decode, b62_encode
from django.utils.crypto import constant_time_compare, salted_hmac

_SALT = "parley.campaigns.tokens"
_MAC_BYTES = 6
_NUMBER_BYTES = 6
# Longer than any token that there is.
_LONGEST = 20


def token_of(recipient: int) -> str:
    """The token of the recipient with this id."""
    number = recipient.to_bytes(_NUMBER_BYTES, "big")
    return b62_encode(int.from_bytes(number + _mac(number), "big"))


def recipient_of(token: str) -> int | None:
    """The id of the recipient that a token names; None if we did not make it."""
    if not (token.isascii() and token.isalnum() and len(token) <= _LONGEST):
        return None
    try:
        whole = b62_decode(token)
        raw = whole.to_bytes(_NUMBER_BYTES + _MAC_BYTES, "big")
    except (OverflowError, ValueError):
        return None
    number, mac = raw[:_NUMBER_BYTES], raw[_NUMBER_BYTES:]
    # One spelling alone, without noughts before it: what is limited is limited by its token.
    if not constant_time_compare(mac, _mac(number)) or b62_encode(whole) != token:
        return None
    return int.from_bytes(number, "big")


def own_page(recipient: int) -> str:
    """The address of a recipient's own page."""
    return f"{settings.PUBLIC_URL}/o/{token_of(recipient)}"


def short_link(recipient: int, place: int) -> str:
    """The address that leads a recipient to the campaign's link of this place (0 to 9)."""
    return f"{settings.PUBLIC_URL}/l/{place}{token_of(recipient)}"


def _mac(number: bytes) -> bytes:
    return salted_hmac(_SALT, number, algorithm="sha256").digest()[:_MAC_BYTES]
