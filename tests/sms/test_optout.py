"""Opt-out words: whole messages only, however they are typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.sms.optout import HELP, START, STOP, keyword


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        ("STOP", "stop"),
        ("stop", "stop"),
        (" Stop. ", "stop"),
        ("“STOP”", "stop"),
        ("'stop!!'", "stop"),
        ("STOP\r\n", "stop"),
        ("ｓｔｏｐ", "stop"),
        ("STOP\u200b", "stop"),
        ("st\u00adop", "stop"),
        ("STOP\x00", "stop"),
        ("stop 🛑", "stop"),
        ("Opt-Out", "stop"),
        ("optout", "stop"),
        ("stop all", "stop"),
        ("Arrêt", "stop"),
        ("ARRE\u0302T", "stop"),
        ("¡No más!", "stop"),
        ("revoke", "stop"),
        ("START", "start"),
        ("Unstop", "start"),
        ("yes", "start"),
        ("NONARRET", "start"),
        ("Help?", "help"),
        ("info", "help"),
        ("aide", "help"),
        ("please stop by at noon", None),
        ("STOP PLEASE", None),
        ("don't stop", None),
        ("cancel my 3pm", None),
        ("yes please", None),
        ("", None),
        ("\ud800", None),
        ("🛑", None),
        ("stop" + " " * 300, "stop"),
        ("stop" + "!" * 300, None),
    ],
)
def test_what_a_message_asks_for(body: str, asks: str | None) -> None:
    assert keyword(body) == asks


def test_no_word_means_two_things() -> None:
    assert not STOP & START
    assert not START & HELP
    assert not STOP & HELP


@given(
    st.sampled_from(sorted(STOP | START | HELP)),
    st.text(" \t\n.,!?\"'“”’*-()…", max_size=6),
    st.text(" \t\n.,!?\"'“”’*-()…", max_size=6),
    st.booleans(),
)
def test_dress_does_not_matter(word: str, before: str, after: str, small: bool) -> None:
    dressed = before + (word.lower() if small else word) + after
    assert keyword(dressed) == keyword(word) is not None


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_is_answered(body: str) -> None:
    assert keyword(body) in ("stop", "start", "help", None)
