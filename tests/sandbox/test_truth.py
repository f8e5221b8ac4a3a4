"""The truth log, the world's set-up, and what is left after a restart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import LOCAL, MAYA, OURS, ROOT, Receiver, Sandbox, wait_for

VERIFICATION = {
    "BusinessName": "Alder Physio",
    "BusinessWebsite": "https://alder.example",
    "NotificationEmail": "a@alder.example",
    "UseCaseCategories": ["CUSTOMER_CARE", "MARKETING"],
    "UseCaseSummary": "Appointments",
    "ProductionMessageSample": "Your visit is at 2:45 PM.",
    "OptInImageUrls": "https://alder.example/i.png",
    "OptInType": "WEB_FORM",
    "MessageVolume": "1,000",
}


def test_a_row_tells_all(sandbox: Sandbox) -> None:
    answer = sandbox.send(body="Grüße & Küsse", StatusCallback="http://127.0.0.1:9/r/1?a=b")
    sid = answer.json()["sid"]
    row = sandbox.ended(sid)
    assert row["form"] == {
        "To": [MAYA],
        "From": [OURS],
        "Body": ["Grüße & Küsse"],
        "StatusCallback": ["http://127.0.0.1:9/r/1?a=b"],
    }
    assert row["accepted_at"] <= row["sent_at"] <= row["delivered_at"]
    assert (row["status"], row["shown"], row["shown_text"]) == ("delivered", 1, "Grüße & Küsse")
    assert wait_for(lambda: w if len(w := sandbox.row(sid)["webhooks"]) == 2 else None) == [
        ["sent", 0],
        ["delivered", 0],
    ]


def test_filters_and_lines(sandbox: Sandbox) -> None:
    first = sandbox.send(body="one").json()["sid"]
    between = sandbox.ended(first)["ended_at"]
    second = sandbox.send(body="two", to="+15035550131", sender=LOCAL).json()["sid"]
    third = sandbox.text("three")

    def sids(**query: str) -> list[str]:
        return [row["sid"] for row in sandbox.truth(**query)]

    assert sids() == [first, second, third]
    assert sids(since=str(between)) == [second, third]
    assert sids(since="2100-01-01T00:00:00Z") == []
    assert sids(to=MAYA) == [first]
    assert sids(**{"from": MAYA}) == [third]
    assert sids(direction="outbound-api") == [first, second]
    lines = sandbox.http.get(f"{sandbox.url}/sandbox/truth?format=jsonl", timeout=10).text.splitlines()
    assert [json.loads(line)["sid"] for line in lines] == [first, second, third]
    assert sandbox.own("GET", "truth?until=now").status_code == 400
    assert sandbox.own("GET", "truth?since=soon").status_code == 400
    assert sandbox.own("GET", "health").json()["accepted"] == 2
    assert sandbox.own("DELETE", "truth").json() == {"forgotten": 3}
    assert sids() == []
    assert sandbox.own("GET", "health").json()["accepted"] == 0


def test_setting_up_twice_is_setting_up_once(sandbox: Sandbox) -> None:
    world: dict[str, Any] = {
        "numbers": [
            {"phone_number": OURS, "country": "US", "owner": "Juniper Hair Studio", "verified": True}
        ],
        "handsets": [{"phone_number": "(212) 555-0177", "name": "Noor", "line_type": "landline"}],
        "history": [
            {
                "from": "+12125550177",
                "to": OURS,
                "body": "Old",
                "at": "2026-01-01T10:00:00Z",
                "status": "received",
            },
            {"from": OURS, "to": "+12125550177", "body": "Older", "at": "2026-01-01T09:00:00+00:00"},
        ],
    }
    once = sandbox.own("PUT", "world", world).json()
    twice = sandbox.own("PUT", "world", world).json()
    assert len(once["history"]) == len(twice["history"])
    assert [n["sid"] for n in once["numbers"]] == [n["sid"] for n in twice["numbers"]]
    assert sandbox.screen(handset="+12125550177") == ["Older", "Old"]
    assert sandbox.truth() == []
    dump = sandbox.own("GET", "world").json()
    del dump["blocked"]
    assert sandbox.own("PUT", "world", dump).status_code == 200


@pytest.mark.parametrize(
    ("world", "words"),
    [
        ({"people": []}, "people"),
        ({"numbers": {}}, "list of objects"),
        ({"numbers": [{"phone_number": OURS, "colour": "red"}]}, "colour"),
        ({"numbers": [{"phone_number": "here"}]}, "here"),
        ({"numbers": [{"phone_number": OURS, "verified": "yes"}]}, "verified"),
        ({"numbers": [{"phone_number": OURS, "pace": -1}]}, "pace"),
        ({"numbers": [{"phone_number": OURS, "sms_url": "nowhere"}]}, "sms_url"),
        ({"handsets": [{"phone_number": MAYA, "line_type": "satellite"}]}, "line_type"),
        ({"history": [{"from": OURS, "to": MAYA, "body": "x", "at": "yesterday"}]}, "yesterday"),
    ],
)
def test_a_world_that_makes_no_sense(sandbox: Sandbox, world: dict[str, Any], words: str) -> None:
    before = sandbox.own("GET", "world").json()
    answer = sandbox.own("PUT", "world", {"handsets": [{"phone_number": MAYA, "name": "Changed"}], **world})
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert sandbox.own("GET", "world").json() == before


def test_another_site_may_not_play_with_the_world(sandbox: Sandbox) -> None:
    answer = requests.delete(
        f"{sandbox.url}/sandbox/truth", headers={"Sec-Fetch-Site": "cross-site"}, timeout=10
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_forgets_nothing(own_sandbox: Sandbox, receiver: Receiver, how: signal.Signals) -> None:
    sandbox = own_sandbox
    sandbox.text("STOP", handset="+15035550131")
    old = {"from": MAYA, "to": OURS, "body": "Old", "at": "2026-01-01T10:00:00Z"}
    sandbox.own("PUT", "world", {"history": [old]})
    kept = sandbox.rest("POST", "IncomingPhoneNumbers.json", {"AreaCode": "833"}).json()
    released = sandbox.rest("POST", "IncomingPhoneNumbers.json", {"AreaCode": "833"}).json()
    sandbox.rest("DELETE", f"IncomingPhoneNumbers/{released['sid']}.json")
    form = {**VERIFICATION, "TollfreePhoneNumberSid": kept["sid"]}
    verification = sandbox.rest("POST", "/v1/Tollfree/Verifications", form).json()["sid"]
    sandbox.own("POST", f"verifications/{verification}/reject", {"reason": "name"})
    verified = sandbox.rest("GET", f"/v1/Tollfree/Verifications/{verification}").json()
    redacted = sandbox.ended(sandbox.send(body="secret").json()["sid"])["sid"]
    sandbox.rest("POST", f"Messages/{redacted}.json", {"Body": ""})
    done = sandbox.ended(sandbox.send(body="done").json()["sid"])
    photo = sandbox.text("", media=["sample"])
    sandbox.weather(delivery_seconds=[600, 600])
    flying = sandbox.send(body="under way", StatusCallback=f"{receiver.url}/status").json()["sid"]
    wait_for(lambda: sandbox.row(flying)["status"] == "sent")
    world = sandbox.own("GET", "world").json()
    sandbox.stop(how)
    with (sandbox.data / "sandbox" / "journal.jsonl").open("a") as journal:
        journal.write('{"k":"message","sid":"SMhalf')  # as a kill in the middle of a write would leave it

    sandbox.start()
    assert sandbox.own("GET", "world").json() == world
    assert {key: value for key, value in sandbox.row(done["sid"]).items() if key != "webhooks"} == {
        key: value for key, value in done.items() if key != "webhooks"
    }
    assert sandbox.send(to="+15035550131").json()["code"] == 21610
    assert sandbox.screen()[0] == "Old"
    assert sandbox.rest("GET", f"Messages/{redacted}.json").json()["body"] == ""
    again = sandbox.rest("GET", f"/v1/Tollfree/Verifications/{verification}").json()
    assert {**again, "url": ""} == {**verified, "url": ""}
    assert len(sandbox.rest("GET", f"Messages/{photo}/Media.json").json()["media_list"]) == 1
    row = sandbox.ended(flying)
    assert (row["status"], row["shown"]) == ("delivered", 1)
    wait_for(lambda: receiver.calls and receiver.calls[-1].form["MessageStatus"] == "delivered")
    sandbox.stop()
    sandbox.start()
    assert sandbox.row(flying)["status"] == "delivered"


def test_a_journal_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    (folder / "journal.jsonl").write_text('{"k":"number","shape":"another"}\n')
    done = start_and_fail(
        {"PARLEY_SANDBOX_PORT": "0", "PARLEY_MAILBOX_PORT": "0", "PARLEY_DATA": str(tmp_path)}
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"sandbox: line 1 of {folder / 'journal.jsonl'} cannot be read")


def test_a_hundred_thousand_messages_come_back_fast(own_sandbox: Sandbox) -> None:
    sandbox = own_sandbox
    template = sandbox.ended(sandbox.send().json()["sid"])["sid"]
    sandbox.stop()
    path = sandbox.data / "sandbox" / "journal.jsonl"
    lines = path.read_text().splitlines()
    message = next(line for line in lines if '"k":"message"' in line)
    states = [line for line in lines if '"k":"state"' in line]
    with path.open("a") as journal:
        for n in range(100_000):
            sid = f"SM{n:032x}"
            for line in (message, *states):
                journal.write(line.replace(template, sid).replace('"order":1', f'"order":{n + 2}') + "\n")
    started = time.monotonic()
    sandbox.start()
    seconds = time.monotonic() - started
    assert sandbox.own("GET", "health").json()["delivered"] == 100_001
    # Two seconds where nothing else runs; a test beside another one on two cores is no stopwatch.
    assert seconds < 60, f"{seconds:.1f} s"
    with sandbox.http.get(f"{sandbox.url}/sandbox/truth?format=jsonl", stream=True, timeout=30) as answer:
        assert sum(1 for _ in answer.iter_lines()) == 100_001
    sandbox.stop()
    assert sum(1 for _ in path.open()) < 100_100, "it was not compacted"


def test_stops_at_once_whoever_listens(own_sandbox: Sandbox) -> None:
    own_sandbox.weather(hang=1)
    with (
        requests.get(f"{own_sandbox.url}/sandbox/events", stream=True, timeout=10) as events,
        requests.get(f"{own_sandbox.ports['mailbox']}/api/events", stream=True, timeout=10) as mails,
    ):
        assert next(events.iter_lines()).startswith(b"retry")
        assert next(mails.iter_lines()).startswith(b"retry")
        started = time.monotonic()
        assert own_sandbox.stop() == 0
        # A tenth of a second where nothing else runs. It waits for nobody who listens: that would be a minute.
        assert time.monotonic() - started < 4


@pytest.mark.parametrize("name", ["PARLEY_SANDBOX_PORT", "PARLEY_MAILBOX_PORT", "PARLEY_SMTP_PORT"])
def test_a_taken_port_is_said_plainly(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    ports = {"PARLEY_SANDBOX_PORT": "0", "PARLEY_MAILBOX_PORT": "0", "PARLEY_SMTP_PORT": "0"}
    done = start_and_fail({**ports, name: str(sandbox.ports["port"]), "PARLEY_DATA": str(tmp_path)})
    assert done.returncode == 2
    assert (
        done.stderr
        == f"sandbox: cannot listen on 127.0.0.1:{sandbox.ports['port']}: Address already in use\n"
    )


def test_a_taken_folder_and_a_port_that_is_none(sandbox: Sandbox) -> None:
    ports = {"PARLEY_SANDBOX_PORT": "0", "PARLEY_MAILBOX_PORT": "0", "PARLEY_SMTP_PORT": "0"}
    done = start_and_fail({**ports, "PARLEY_DATA": str(sandbox.data)})
    assert (done.returncode, "another sandbox is using" in done.stderr) == (2, True)
    done = start_and_fail({"PARLEY_SANDBOX_PORT": "http"})
    assert (done.returncode, "PARLEY_SANDBOX_PORT" in done.stderr) == (2, True)


def start_and_fail(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "parley.sandbox"],
        cwd=ROOT,
        env={**os.environ, "PARLEY_BIND": "127.0.0.1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
