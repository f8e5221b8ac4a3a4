"""What webhooks state, and who may say it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from parley.carriers.base import ReceiptArrived, Received
from parley.carriers.twilio import Twilio, signature, webhooks
from tests import witness
from tests.carriers.payloads import ACCOUNT, RECEIPTS, STATUS, TEXTS

VECTORS = json.loads((witness.ROOT / "tests/vectors/signature_vectors.json").read_text("utf-8"))["twilio"][
    "vectors"
]
URL = "https://parley.example.com/hooks/twilio/status/7"
FORM = list(STATUS.items())
CARRIER = Twilio(ACCOUNT, "12345", shared_keys={"webhooks_sharedkey_1": "shared-key-secret"})
SETTINGS = "X-Twilio-Webhooks-Signature-Settings"


@pytest.mark.parametrize(("form", "stated"), TEXTS.values(), ids=TEXTS.keys())
def test_texts(form: dict[str, str], stated: Received | None) -> None:
    assert CARRIER.read_text(list(form.items())) == stated


@pytest.mark.parametrize(("form", "stated"), RECEIPTS.values(), ids=RECEIPTS.keys())
def test_receipts(form: dict[str, str], stated: ReceiptArrived | None) -> None:
    assert CARRIER.read_receipt(list(form.items())) == stated


def test_the_first_of_two_values_counts() -> None:
    stated = CARRIER.read_receipt([*state("delivered"), ("MessageStatus", "failed"), ("ErrorCode", "30007")])
    assert stated is not None
    assert stated.status == "delivered"


def state(status: str) -> list[tuple[str, str]]:
    return list((STATUS | {"MessageStatus": status}).items())


fields = st.sampled_from(
    [*TEXTS["an SMS"][0], *STATUS, "MediaUrl0", "MediaContentType0", "ErrorCode", "NumMedia"]
)
values = st.text(st.characters(exclude_categories=[])) | st.sampled_from(
    ["received", "delivered", *STATUS.values()]
)
forms = st.lists(st.tuples(fields, values), max_size=30)


@given(forms)
def test_any_form_is_read_and_can_be_stored(form: list[tuple[str, str]]) -> None:
    for stated in (CARRIER.read_text(form), CARRIER.read_receipt(form)):
        told = repr(stated)
        assert stated is None or "\\x00" not in told
        if isinstance(stated, Received):
            (stated.sender + stated.recipient + stated.body).encode()
    CARRIER.authentic(URL, {"X-Twilio-Signature": "x"}, form)


@given(st.text(st.characters(exclude_categories=[])))
def test_clean_keeps_all_that_can_be_kept(text: str) -> None:
    cleaned = webhooks.clean(text)
    cleaned.encode()
    assert "\x00" not in cleaned
    assert webhooks.clean(cleaned) == cleaned


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_signature_vectors(vector: dict[str, Any]) -> None:
    form = [(name, value) for name, value in vector["params"] or []]
    body = vector["body"].encode() if vector["body"] else None
    algorithm, _ = signature.settings(vector.get("header", ""))
    told = signature.valid(
        vector["token"], vector["url"], form, vector["signature"], algorithm=algorithm, body=body
    )
    assert told is vector["valid"]


parameters = st.dictionaries(st.text(min_size=1), st.text(), max_size=8)
addresses = st.sampled_from(
    [URL, URL + "?a=1&b=", "http://p.example:8000/x", "https://p.example:443/", "http://[::1]/"]
)


@given(st.text(min_size=1), addresses, parameters, st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]))
def test_twilios_own_library_signs_alike(secret: str, url: str, form: dict[str, str], algorithm: str) -> None:
    theirs = RequestValidator(secret).compute_signature(url, form, algorithm)
    pairs = list(form.items())
    assert signature.sign(secret, url, pairs, algorithm) == theirs
    assert signature.valid(secret, url, pairs, theirs, algorithm=algorithm)
    assert not signature.valid(secret + "x", url, pairs, theirs, algorithm=algorithm)
    assert not signature.valid(secret, url, [*pairs, ("\x7fmore", "")], theirs, algorithm=algorithm)


@given(parameters)
def test_twilios_own_library_accepts_ours_with_the_port_or_without(form: dict[str, str]) -> None:
    for signed, seen in ((URL, URL.replace(".com/", ".com:443/")), (URL.replace(".com/", ".com:443/"), URL)):
        ours = signature.sign("12345", signed, list(form.items()))
        assert signature.valid("12345", seen, list(form.items()), ours)
        assert RequestValidator("12345").validate(seen, form, ours)


def headers(
    url: str = URL,
    form: list[tuple[str, str]] = FORM,
    secret: str = "12345",
    algorithm: str = "HMAC_SHA1",
) -> dict[str, str]:
    return {"X-Twilio-Signature": signature.sign(secret, url, form, algorithm)}


def test_authentic_whatever_the_case_of_the_header() -> None:
    told = headers()["X-Twilio-Signature"]
    assert CARRIER.authentic(URL, {"X-Twilio-Signature": told}, FORM)
    assert CARRIER.authentic(URL, {"x-twilio-signature": told}, FORM)
    assert CARRIER.authentic(URL, {"X-TWILIO-SIGNATURE": told, "Host": "elsewhere.example"}, FORM)


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"X-Twilio-Signature": ""},
        {"X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"X-Twilio-Signature": "é\ud800"},
        headers(secret="another"),
        headers(URL + "/"),
        headers(form=FORM[:-1]),
        headers(form=[*FORM, ("ErrorCode", "")]),
        headers(algorithm="HMAC_SHA256"),
        headers() | {SETTINGS: "algorithm=HMAC_MD5"},
        headers() | {SETTINGS: "algorithm=none"},
        headers() | {SETTINGS: "key=unknown,algorithm=HMAC_SHA1"},
        {"X-Twilio-Signature": "x", SETTINGS: "key=,algorithm="},
        headers(secret="shared-key-secret"),
        headers(secret="shared-key-secret", algorithm="HMAC_SHA256") | {SETTINGS: "algorithm=HMAC_SHA256"},
    ],
)
def test_forged(forged: dict[str, str]) -> None:
    assert CARRIER.authentic(URL, forged, FORM) is False


def test_a_shared_key_that_we_know() -> None:
    told = headers(secret="shared-key-secret", algorithm="HMAC_SHA256")
    assert CARRIER.authentic(URL, told | {SETTINGS: "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}, FORM)
    assert CARRIER.authentic(URL, headers() | {SETTINGS: ""}, FORM)


def test_an_empty_secret_vouches_for_nothing() -> None:
    empty = base64.b64encode(hmac.new(b"", URL.encode(), hashlib.sha1).digest()).decode()
    assert not signature.valid("", URL, [], empty)
    assert not CARRIER.authentic(URL, {"X-Twilio-Signature": empty, SETTINGS: "key=unknown"}, [])


def test_a_signed_body_must_be_shown() -> None:
    body = b'{"a": 1}'
    url = URL + "?" + urlencode({"bodySHA256": hashlib.sha256(body).hexdigest()})
    told = headers(url, [])
    assert CARRIER.authentic(url, told, [], body)
    assert not CARRIER.authentic(url, told, [], body + b" ")
    assert not CARRIER.authentic(url, told, [])
    assert not CARRIER.authentic(url, told, FORM)
