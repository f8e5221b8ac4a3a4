"""A form is read as `urllib.parse` reads it, only cheaper."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.carriers.form import MOST_FIELDS, pairs

words = st.text(st.sampled_from("ab=&+%;é😀\x00 0C3a9F\ud83d"), max_size=12)


@given(
    words
    | st.lists(st.sampled_from(["a", "b=", "=c", "%C3%A9", "%c3", "%zz", "+", "&", "=", "é", "%"])).map(
        "".join
    )
)
def test_it_says_what_the_standard_library_says(form: str) -> None:
    form = form.encode("utf-8", "replace").decode()
    assert pairs(form) == parse_qsl(form, keep_blank_values=True)


def test_what_was_written_is_read_in_its_order() -> None:
    told = [("Body", "Sí & no = 50% + \n😀"), ("To", "+18885550100"), ("", ""), ("Body", "")]
    assert pairs(urlencode(told)) == told


def test_more_fields_than_any_webhook_has() -> None:
    with pytest.raises(ValueError, match="too many"):
        pairs("&" * MOST_FIELDS)
