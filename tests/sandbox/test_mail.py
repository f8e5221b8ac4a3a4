"""The mailbox: real SMTP in, JSON and pages out."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import Sandbox


@pytest.fixture
def mailbox(sandbox: Sandbox) -> str:
    url: str = sandbox.ports["mailbox"] + "/api/mails"
    requests.delete(url, timeout=10)
    return url


def send(sandbox: Sandbox, subject: str = "Your visit", to: str = "maya@example.com", html: str = "") -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Juniper <hi@juniper.example>", to, subject
    mail.set_content("Grüße, see you Friday.\n")
    if html:
        mail.add_alternative(html, subtype="html")
    with smtplib.SMTP("127.0.0.1", sandbox.ports["smtp_port"], timeout=10) as server:
        server.send_message(mail)


def read(url: str) -> Any:
    return requests.get(url, timeout=10).json()


def test_mails_are_kept_and_emptied(sandbox: Sandbox, mailbox: str) -> None:
    send(sandbox)
    send(sandbox, "Grüße 💚", "dan@example.com", "<p>Hi</p>")
    mails = read(mailbox)["mails"]
    assert [mail["subject"] for mail in mails] == ["Grüße 💚", "Your visit"]
    assert mails[1]["from"] == "Juniper <hi@juniper.example>"
    assert mails[1]["to"] == "maya@example.com"
    assert mails[1]["text"].strip() == "Grüße, see you Friday."
    assert [mail["subject"] for mail in read(f"{mailbox}?to=MAYA@")["mails"]] == ["Your visit"]
    whole = read(f"{mailbox}/{mails[0]['id']}")
    assert ["Subject", "Grüße 💚"] in whole["headers"]
    assert requests.delete(mailbox, timeout=10).json() == {"forgotten": 2}
    assert read(mailbox)["mails"] == []


def test_html_is_caged(sandbox: Sandbox, mailbox: str) -> None:
    send(sandbox, html="<script>alert(1)</script><img src='https://x.example/p.gif'>")
    mail = read(mailbox)["mails"][0]
    answer = requests.get(f"{mailbox}/{mail['id']}/html", timeout=10)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert requests.get(f"{mailbox}/{mail['id'] + 1}/html", timeout=10).status_code == 404


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: =?nonsense?B?????=\r\n\r\nhi",
        b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n<b>cut",
        b"From: \xff\xfe\r\nTo: undisclosed\r\nSubject: \xe9\r\n\r\n\xe9",
        b"Date: never\r\nTo: <<<>>>\r\nFrom: ,,,\r\n\r\nhi",
    ],
)
def test_mails_that_are_not_quite_mails(sandbox: Sandbox, mailbox: str, raw: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.ports["smtp_port"], timeout=10) as server:
        server.sendmail("a@example.com", ["b@example.com"], raw)
    mails = read(mailbox)["mails"]
    assert len(mails) == 1
    assert requests.get(f"{mailbox}/{mails[0]['id']}", timeout=10).status_code == 200


def test_mails_survive_a_restart(own_sandbox: Sandbox) -> None:
    send(own_sandbox, "kept", html="<p>é</p>")
    before = read(own_sandbox.ports["mailbox"] + "/api/mails")
    own_sandbox.stop()
    own_sandbox.start()
    url = own_sandbox.ports["mailbox"] + "/api/mails"
    assert read(url) == before
    requests.delete(url, timeout=10)
    own_sandbox.stop()
    own_sandbox.start()
    assert read(own_sandbox.ports["mailbox"] + "/api/mails")["total"] == 0
