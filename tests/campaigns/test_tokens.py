"""The ends of a campaign's own addresses: nobody's but one recipient's, and nobody can make one up."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from parley.campaigns import tokens
from parley.config.logs import masked

ALPHABET = string.digits + string.ascii_letters
RECIPIENTS = st.integers(min_value=1, max_value=2**48 - 1)


@given(RECIPIENTS, RECIPIENTS)
def test_a_token_is_one_recipients(one: int, other: int) -> None:
    token = tokens.token_of(one)
    assert tokens.recipient_of(token) == one
    assert (token == tokens.token_of(other)) == (one == other)
    assert len(token) <= 17
    assert set(token) <= set(ALPHABET)


@given(RECIPIENTS, st.data())
def test_a_changed_one_is_nobodys(recipient: int, data: st.DataObject) -> None:
    token = tokens.token_of(recipient)
    place = data.draw(st.integers(0, len(token) - 1))
    instead = data.draw(st.sampled_from(ALPHABET.replace(token[place], "")))
    for other in (
        token[:place] + instead + token[place + 1 :],
        token[:place] + token[place + 1 :],
        token + instead,
        # The same number in other letters: limits are counted by the token.
        "0" + token,
        token + "\n",
        "-" + token,
        token[:place] + "é" + token[place + 1 :],
    ):
        assert tokens.recipient_of(other) is None


@given(st.text(max_size=25))
def test_anything_else_is_nobodys(words: str) -> None:
    assert tokens.recipient_of(words) is None


def test_addresses_do_not_reach_the_logs() -> None:
    for address in (tokens.own_page(7), tokens.short_link(7, 3)):
        token = address.rpartition("/")[2]
        assert token not in masked(f"GET {address} 200")
        assert token not in masked(f"Internal Server Error: /{address.split('/', 3)[3]}")
