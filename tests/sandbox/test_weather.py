"""Misbehaving on cue. Each test drives the share to 1, so that nothing is left to chance."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from parley.sandbox.account import ACCOUNT_SID, AUTH_TOKEN
from tests.sandbox.conftest import MAYA, Receiver, Sandbox, wait_for


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"hail": 1}, "hail"),
        ({"fail_share": 3}, "fail_share"),
        ({"fail_share": True}, "fail_share"),
        ({"fail_code": 1}, "fail_code"),
        ({"fail_code": []}, "fail_code"),
        ({"delivery_seconds": 2}, "delivery_seconds"),
        ({"delivery_seconds": [3, 1]}, "delivery_seconds"),
        ({"slow": 0.6, "garbage": 0.6}, "more than 1"),
        ({"down": "yes"}, "down"),
        ({"next": "lost"}, "next"),
        ({"seed": "x"}, "seed"),
        ({"hang_seconds": -1}, "hang_seconds"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(sandbox: Sandbox, wishes: dict[str, Any], words: str) -> None:
    before = sandbox.own("GET", "weather").json()
    answer = sandbox.own("PUT", "weather", wishes)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert sandbox.own("GET", "weather").json() == before


def test_turned_away(sandbox: Sandbox) -> None:
    sandbox.weather(rate_limit=1)
    answer = sandbox.send()
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (429, 20429, "1")
    assert sandbox.truth() == []


def test_error_before_and_after_accepting(sandbox: Sandbox) -> None:
    sandbox.weather(error_before=1)
    assert sandbox.send(body="before").status_code == 500
    sandbox.weather(error_before=0, error_after=1)
    assert sandbox.send(body="after").status_code == 500
    assert [row["body"] for row in sandbox.truth()] == ["after"]


def test_accepted_and_cut_off(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.weather(reset_after=1)
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted"):
        sandbox.send(StatusCallback=f"{receiver.url}/status")
    row = sandbox.ended(sandbox.truth()[0]["sid"])
    assert row["status"] == "delivered"
    wait_for(lambda: len(receiver.calls) == 2)


def test_accepted_late(sandbox: Sandbox) -> None:
    sandbox.weather(slow=1, slow_seconds=[1.5, 1.5])
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{sandbox.account}/Messages.json",
            {"To": MAYA, "From": "+18555550142", "Body": "late"},
            auth=(sandbox.account.rpartition("/")[2], "sandbox0token0for0demos0and0tests"),
            timeout=0.1,
        )
    assert sandbox.truth() == []
    assert [row["body"] for row in wait_for(sandbox.truth)] == ["late"]
    sandbox.weather(slow_seconds=[0.4, 0.4])
    started = time.monotonic()
    assert sandbox.send().status_code == 201
    assert time.monotonic() - started >= 0.4


def test_an_answer_that_makes_no_sense(sandbox: Sandbox) -> None:
    sandbox.weather(garbage=1)
    answer = sandbox.send()
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert len(sandbox.truth()) == 1


def test_no_answer_at_all(sandbox: Sandbox) -> None:
    sandbox.weather(hang=1, hang_seconds=0.3)
    with pytest.raises(requests.ConnectionError):
        sandbox.send()
    assert sandbox.truth() == []


def test_down(sandbox: Sandbox) -> None:
    sandbox.weather(down="refuse")
    assert sandbox.send().status_code == 503
    assert sandbox.own("GET", "health").status_code == 200
    sandbox.weather(down="close")
    with pytest.raises(requests.ConnectionError):
        sandbox.rest("GET", "Messages.json")
    sandbox.weather(down="")
    assert sandbox.send().status_code == 201


def test_the_list_fails_and_lags(sandbox: Sandbox) -> None:
    sid = sandbox.send().json()["sid"]
    sandbox.weather(list_fails=1)
    assert sandbox.rest("GET", "Messages.json").status_code == 503
    sandbox.weather(list_fails=0, list_lag_seconds=60)
    assert sandbox.rest("GET", "Messages.json").json()["messages"] == []
    assert sandbox.rest("GET", f"Messages/{sid}.json").status_code == 200
    sandbox.weather(list_lag_seconds=1)
    wait_for(lambda: sandbox.rest("GET", "Messages.json").json()["messages"])


def test_callbacks_lost_doubled_reordered(sandbox: Sandbox, receiver: Receiver) -> None:
    def states(**weather: Any) -> list[str]:
        sandbox.own("DELETE", "weather")
        sandbox.weather(delivery_seconds=[0, 0], **weather)
        sid = sandbox.send(StatusCallback=f"{receiver.url}/status").json()["sid"]
        sandbox.ended(sid)
        wait_for(lambda: sandbox.own("GET", "health").json()["webhooks"]["waiting"] == 0)
        return [call.form["MessageStatus"] for call in receiver.of(sid)]

    assert states() == ["sent", "delivered"]
    assert states(callbacks_lost=1) == []
    assert states(callbacks_doubled=1) == ["sent", "sent", "delivered", "delivered"]
    assert states(callbacks_reordered=1) == ["delivered", "sent"]


def test_failures_have_the_share_and_the_code(sandbox: Sandbox) -> None:
    sandbox.weather(fail_share=1, fail_code=30007)
    row = sandbox.ended(sandbox.send().json()["sid"])
    assert (row["status"], row["error_code"], row["shown"]) == ("undelivered", 30007, 0)


@pytest.mark.parametrize(
    ("ordered", "status", "code", "shown"),
    [
        ("unreachable", "undelivered", 30003, 0),
        ("filtered", "undelivered", 30007, 0),
        ("twice", "delivered", None, 2),
    ],
)
def test_the_next_message(sandbox: Sandbox, ordered: str, status: str, code: int | None, shown: int) -> None:
    sandbox.weather(next=ordered)
    row = sandbox.ended(sandbox.send(body="this one").json()["sid"])
    assert (row["status"], row["error_code"], row["shown"]) == (status, code, shown)
    assert sandbox.screen() == ["this one"] * shown
    assert sandbox.own("GET", "weather").json()["next"] == ""
    assert sandbox.ended(sandbox.send().json()["sid"])["shown"] == 1


def test_a_seed_repeats_the_weather(sandbox: Sandbox) -> None:
    def answers() -> list[int]:
        sandbox.weather(seed=7, rate_limit=0.2, error_before=0.2, error_after=0.2)
        return [sandbox.send(body=str(n)).status_code for n in range(30)]

    first = answers()
    assert set(first) == {201, 429, 500}
    assert answers() == first


NUMBER = "+18335550177"
ASKED = {
    "BusinessName": "Alder Physio Inc.",
    "BusinessWebsite": "https://alder.example",
    "NotificationEmail": "texts@alder.example",
    "UseCaseCategories": "CUSTOMER_CARE",
    "UseCaseSummary": "Appointments",
    "ProductionMessageSample": "Your visit is at 2:45 PM.",
    "OptInImageUrls": "https://alder.example/opt-in",
    "OptInType": "WEB_FORM",
    "MessageVolume": "1,000",
}


def test_buying_verifying_and_releasing_are_under_the_same_sky(sandbox: Sandbox) -> None:
    numbers, verifications = (
        f"{sandbox.account}/IncomingPhoneNumbers",
        f"{sandbox.url}/v1/Tollfree/Verifications",
    )
    auth = (ACCOUNT_SID, AUTH_TOKEN)

    def bought() -> list[dict[str, Any]]:
        found = requests.get(f"{numbers}.json", {"PhoneNumber": NUMBER}, auth=auth, timeout=10).json()
        return list(found["incoming_phone_numbers"])

    def buy() -> requests.Response:
        wanted = {"PhoneNumber": NUMBER, "FriendlyName": "Alder"}
        return requests.post(f"{numbers}.json", wanted, auth=auth, timeout=10)

    sandbox.weather(error_before=1)
    assert buy().status_code == 500
    assert bought() == []
    sandbox.weather(error_before=0, error_after=1, list_lag_seconds=60)
    assert buy().status_code == 500
    assert bought() == []
    sandbox.weather(list_lag_seconds=0)
    [number] = bought()
    assert number["friendly_name"] == "Alder"
    assert (buy().status_code, buy().json()["code"]) == (400, 21422)

    asked = ASKED | {"TollfreePhoneNumberSid": number["sid"]}
    assert requests.post(verifications, asked, auth=auth, timeout=10).status_code == 500
    mine = {"TollfreePhoneNumberSid": number["sid"]}
    [made] = requests.get(verifications, mine, auth=auth, timeout=10).json()["verifications"]
    sandbox.own("POST", f"verifications/{made['sid']}/reject", {"reason": "name", "edit_seconds": 0})
    sandbox.weather(error_after=0, list_fails=1)
    edited = requests.post(f"{verifications}/{made['sid']}", {"BusinessName": "Alder"}, auth=auth, timeout=10)
    assert edited.json()["code"] == 30437
    assert requests.get(f"{numbers}.json", auth=auth, timeout=10).status_code == 503
    assert requests.get(verifications, auth=auth, timeout=10).status_code == 503
    wrong = sandbox.own("POST", f"verifications/{made['sid']}/reject", {"reason": "name", "edit_seconds": -1})
    assert wrong.status_code == 400
    sandbox.weather(list_fails=0, reset_after=1)
    with pytest.raises(requests.ConnectionError, match=r"reset|aborted"):
        requests.delete(f"{numbers}/{number['sid']}.json", auth=auth, timeout=10)
    assert bought() == []

    # Bought again it is another number to the carrier.
    sandbox.weather(reset_after=0)
    again = buy().json()
    assert again["sid"] != number["sid"]
    for left in (f"{numbers}/{again['sid']}.json", f"{verifications}/{made['sid']}"):
        assert requests.delete(left, auth=auth, timeout=10).status_code == 204
