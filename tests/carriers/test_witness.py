"""The witness itself: it must object to what the carrier would refuse, and leave nothing running."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from urllib.parse import urlencode, urlsplit

import pytest

from tests import witness
from tests.waiting import free_ports

SID = "AC" + "a" * 32
MESSAGES = f"/2010-04-01/Accounts/{SID}/Messages.json"


def post(url: str, form: dict[str, str]) -> int:
    request = urllib.request.Request(url, urlencode(form).encode(), {"Authorization": "Basic QUM6eA=="})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.mark.witness
def test_prism_takes_what_twilio_takes_and_refuses_the_rest() -> None:
    with witness.prism("mock", "twilio_messages.json") as base:
        good = {"To": "+15035550118", "From": "+18885550100", "Body": "Hi"}
        assert post(base + MESSAGES, good) == 201
        assert post(base + MESSAGES, {"To": "+15035550118", "Body": "no sender"}) == 422
        assert post(base + MESSAGES, good | {"ValidityPeriod": "soon"}) == 422
        port = urlsplit(base).port
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=5)


@pytest.mark.witness
def test_a_port_that_somebody_took_is_no_obstacle_and_an_exception_ends_it_and_hears_what_it_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ports = [other.getsockname()[1], *free_ports(1)]
        monkeypatch.setattr(witness, "free_ports", lambda count: [ports.pop(0)])
        with pytest.raises(ZeroDivisionError) as caught, witness.prism("mock", "twilio_lookups.json") as base:
            raise ZeroDivisionError
    assert ports == []
    assert f"Prism is listening on {base}" in caught.value.__notes__[0]
    with pytest.raises(OSError):
        urllib.request.urlopen(base, timeout=5)


def test_missing_files_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "SPECS", witness.ROOT / "nowhere")
    reason = witness.missing()
    assert reason is not None
    assert "\n" not in reason
    assert "PARLEY_SPECS" in reason


def test_in_ci_a_missing_witness_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "SPECS", witness.ROOT / "nowhere")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception):
        witness.need()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception):
        witness.need()
