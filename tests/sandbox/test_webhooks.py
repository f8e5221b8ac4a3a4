"""What the carrier tells us, and how: signed, in order, tried again only as agreed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.webhooks import Manners, manners, signature
from tests.sandbox.conftest import MAYA, OURS, Receiver, Sandbox, wait_for

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "signature_vectors.json").read_text("utf-8"))
VALID = [
    vector
    for vector in VECTORS["twilio"]["vectors"]
    if vector["valid"] and vector["body"] is None and "algorithm" not in json.dumps(vector).lower()
]


@pytest.mark.parametrize("vector", VALID, ids=[vector["name"] for vector in VALID])
def test_signature_vectors(vector: dict[str, Any]) -> None:
    form = [(name, value) for name, value in vector["params"] or ()]
    # A verifier must try the address with and without its port; a signer signs what it was given.
    url = urlsplit(vector["url"])
    hosts = {url.netloc, url.hostname or "", f"{url.hostname}:{443 if url.scheme == 'https' else 80}"}
    signed = {signature(vector["token"], url._replace(netloc=host).geturl(), form) for host in hosts}
    assert vector["signature"] in signed


def test_a_text_from_a_handset(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.reset(sms_url=f"{receiver.url}/hooks/twilio?n=1#rc=2&rp=all")
    sid = sandbox.text("Könnten wir früher? 🙈")
    call = wait_for(lambda: receiver.of(sid))[0]
    assert call.signed
    assert call.path == "/hooks/twilio?n=1"
    assert call.headers["I-Twilio-Idempotency-Token"]
    assert call.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert call.form == {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "Body": "Könnten wir früher? 🙈",
        "From": MAYA,
        "FromCity": "",
        "FromCountry": "US",
        "FromState": "",
        "FromZip": "",
        "MessageSid": sid,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": OURS,
        "ToCity": "",
        "ToCountry": "US",
        "ToState": "",
        "ToZip": "",
    }


def test_a_photo_from_a_handset(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.reset(sms_url=f"{receiver.url}/sms")
    sid = sandbox.text("", media=["sample"])
    form = wait_for(lambda: receiver.of(sid))[0].form
    assert (form["NumMedia"], form["MediaContentType0"]) == ("1", "image/png")
    assert form["MediaUrl0"].startswith(f"{sandbox.account}/Messages/{sid}/Media/ME")
    assert sandbox.rest("GET", form["MediaUrl0"].removeprefix(sandbox.url)).content.startswith(b"\x89PNG")


def test_receipts_in_order(sandbox: Sandbox, receiver: Receiver) -> None:
    sids = [
        sandbox.send(body=str(n), StatusCallback=f"{receiver.url}/status/{n}").json()["sid"]
        for n in range(10)
    ]
    wait_for(lambda: len(receiver.calls) == 20)
    for place, sid in enumerate(sids):
        calls = receiver.of(sid)
        assert [call.form["MessageStatus"] for call in calls] == ["sent", "delivered"]
        assert {call.path for call in calls} == {f"/status/{place}"}
        assert all(call.signed for call in calls)
        assert "ErrorCode" not in calls[1].form
        assert len(calls[1].form["RawDlrDoneDate"]) == 10
        assert calls[0].form["SmsStatus"] == "sent"
        assert calls[0].form["SmsSid"] == sid


def test_a_failure_names_its_code(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.weather(next="unreachable")
    sid = sandbox.send(StatusCallback=f"{receiver.url}/status").json()["sid"]
    calls = wait_for(lambda: c if len(c := receiver.of(sid)) == 2 else None)
    assert (calls[1].form["MessageStatus"], calls[1].form["ErrorCode"]) == ("undelivered", "30003")


@pytest.mark.parametrize(
    ("fragment", "answers", "calls"),
    [
        ("", [503], 1),
        ("", [0], 1),
        ("#rc=1&rp=5xx", [503], 2),
        ("#rc=3&rp=all", [503, 404, 0], 4),
        ("#rc=2&rp=4xx", [503], 1),
        ("#rc=0&rp=all", [503], 1),
    ],
)
def test_tried_again_only_as_agreed(
    sandbox: Sandbox, receiver: Receiver, fragment: str, answers: list[int], calls: int
) -> None:
    sandbox.reset(sms_url=f"{receiver.url}/sms{fragment}")
    receiver.answers = list(answers)
    sid = sandbox.text("Hi")
    wait_for(lambda: sandbox.row(sid)["webhooks"])
    assert len(receiver.of(sid)) == calls
    assert len({call.headers["I-Twilio-Idempotency-Token"] for call in receiver.of(sid)}) == 1


def test_a_failed_connection_is_tried_once_more_and_then_the_fallback(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    sandbox.reset(sms_url="http://127.0.0.1:9/nobody")
    # Those of other tests may be tried again too.
    wait_for(lambda: sandbox.own("GET", "health").json()["webhooks"]["waiting"] == 0)
    before = sandbox.own("GET", "health").json()["webhooks"].get("retried", 0)
    numbers = [{"phone_number": OURS, "sms_fallback_url": f"{receiver.url}/fallback"}]
    sandbox.own("PUT", "world", {"numbers": numbers})
    sid = sandbox.text("Hi")
    call = wait_for(lambda: receiver.of(sid))[0]
    assert call.signed
    assert (call.path, call.form["ErrorCode"]) == ("/fallback", "11200")
    assert sandbox.own("GET", "health").json()["webhooks"]["retried"] == before + 1
    assert wait_for(lambda: w if len(w := sandbox.row(sid)["webhooks"]) == 2 else None) == [
        ["received", 0],
        ["fallback", 204],
    ]


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [
        ("", Manners()),
        ("rc=9&ct=1&rt=99999", Manners(retries=5, connect=0.1)),
        ("ct=2000&rt=5000&tt=7000", Manners(connect=2, read=5, total=7)),
        ("rc=many&rp=", Manners(retry_on=frozenset({"ct"}))),
    ],
)
def test_wishes_in_the_fragment(fragment: str, expected: Manners) -> None:
    assert manners(fragment) == expected
