"""The push service takes what the RFCs allow, and says no to the rest."""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from py_vapid import Vapid02

from tests.sandbox.conftest import Sandbox


class Browser:
    """Its keys, the sender's, and a push that is right unless told otherwise."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.sender, self.other = Vapid02(), Vapid02()
        self.sender.generate_keys()
        self.other.generate_keys()
        self.key, self.secret = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        made = sandbox.own("POST", "push", {"key": public(self.sender.public_key)})
        assert made.status_code == 201
        self.endpoint, self.id = made.json()["endpoint"], made.json()["id"]

    def push(
        self, words: bytes = b"Hi", *, body: bytes | None = None, signer: Vapid02 | None = None, **more: Any
    ) -> Any:
        claims = {
            "aud": self.sandbox.url,
            "sub": "mailto:ops@parley.example",
            "exp": int(time.time()) + 600,
        } | more.pop("claims", {})
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        own = ec.generate_private_key(ec.SECP256R1())
        sealed = http_ece.encrypt(
            words, private_key=own, dh=point, auth_secret=self.secret, version="aes128gcm"
        )
        headers = {"TTL": "60", "Content-Encoding": "aes128gcm"} | (signer or self.sender).sign(claims)
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        return self.sandbox.http.post(
            self.endpoint,
            data=sealed if body is None else body,
            headers={name: value for name, value in headers.items() if value is not None},
            timeout=10,
        )

    def got(self) -> list[dict[str, Any]]:
        return list(self.sandbox.own("GET", f"push/{self.id}").json()["pushes"])


def public(key: ec.EllipticCurvePublicKey) -> str:
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


@pytest.fixture
def browser(sandbox: Sandbox) -> Browser:
    return Browser(sandbox)


def test_a_push_is_kept_as_it_came(browser: Browser) -> None:
    answer = browser.push(b"Running late", Urgency="high", Topic="maya")
    assert answer.status_code == 201
    assert answer.headers["Location"].startswith(f"{browser.endpoint}/")
    [push] = browser.got()
    assert (push["ttl"], push["urgency"], push["topic"]) == (60, "high", "maya")
    opened = http_ece.decrypt(
        base64.b64decode(push["body"]),
        private_key=browser.key,
        auth_secret=browser.secret,
        version="aes128gcm",
    )
    assert opened == b"Running late"
    browser.push(b"Here", Topic="maya")
    browser.push(b"Apart")
    assert [push["topic"] for push in browser.got()] == ["maya", ""]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"TTL": None}, 400),
        ({"TTL": "soon"}, 400),
        ({"Urgency": "very"}, 400),
        ({"Topic": "x" * 33}, 400),
        ({"Topic": "a b"}, 400),
        ({"Content_Encoding": None}, 400),
        ({"Content_Encoding": "aesgcm"}, 400),
        ({"body": b""}, 400),
        ({"body": bytes(200)}, 400),
        ({"body": bytes(4097)}, 413),
        ({"Authorization": None}, 401),
        ({"Authorization": "Bearer x"}, 401),
        ({"Authorization": "vapid t=x"}, 401),
        ({"Authorization": "vapid t=a.b.c, k=AAAA"}, 403),
        ({"claims": {"aud": "https://elsewhere.example"}}, 403),
        ({"claims": {"exp": 1_000_000_000}}, 403),
        ({"claims": {"exp": 9_000_000_000}}, 403),
    ],
)
def test_what_is_wrong_is_refused(browser: Browser, wrong: dict[str, Any], status: int) -> None:
    answer = browser.push(**wrong)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
    assert browser.got() == []


def test_only_whom_the_browser_subscribed_to_may_push(browser: Browser) -> None:
    assert browser.push(signer=browser.other).status_code == 403
    token = (
        browser.other.sign(
            {"aud": browser.sandbox.url, "sub": "mailto:a@b.example", "exp": int(time.time()) + 60}
        )["Authorization"]
        .split("t=")[1]
        .split(",")[0]
    )
    forged = f"vapid t={token}, k={public(browser.sender.public_key)}"
    assert browser.push(Authorization=forged).status_code == 403
    _, claims, signature = token.split(".")
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).rstrip(b"=").decode()
    forged = f"vapid t={unsigned}.{claims}.{signature}, k={public(browser.sender.public_key)}"
    assert browser.push(Authorization=forged).status_code == 403


def test_a_browser_that_is_gone_and_one_that_never_was(browser: Browser) -> None:
    assert browser.sandbox.own("DELETE", f"push/{browser.id}").status_code == 200
    assert browser.push().status_code == 410
    browser.endpoint += "x"
    assert browser.push().status_code == 404
    assert browser.sandbox.own("GET", "push/nobody").status_code == 404


def test_the_next_answers_can_be_set(browser: Browser) -> None:
    wishes = {"answers": [429, 503], "headers": {"Retry-After": "7"}}
    assert browser.sandbox.own("PUT", f"push/{browser.id}", wishes).status_code == 200
    busy = browser.push()
    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "7")
    assert browser.push().status_code == 503
    assert browser.push().status_code == 201
    assert browser.sandbox.own("PUT", f"push/{browser.id}", {"answers": ["x"]}).status_code == 400
