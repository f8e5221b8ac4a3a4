"""What the carrier answers, as a table: the request, the status, Twilio's code."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests

from parley.sandbox.account import ACCOUNT_SID
from tests.sandbox.conftest import LOCAL, MAYA, OURS, Sandbox, wait_for

GOOD = {"To": MAYA, "From": OURS, "Body": "Hello"}

REFUSED: list[tuple[str, dict[str, Any], int, int]] = [
    ("no recipient", {"To": None}, 400, 21604),
    ("empty recipient", {"To": ""}, 400, 21604),
    ("recipient is no number", {"To": "Maya"}, 400, 21211),
    ("recipient is too short", {"To": "+1503555"}, 400, 21211),
    ("recipient abroad", {"To": "+447911123456"}, 400, 21408),
    ("recipient in Jamaica, which is +1 too", {"To": "+18765550100"}, 400, 21408),
    ("no sender", {"From": None}, 400, 21603),
    ("sender is no number", {"From": "Juniper"}, 400, 21212),
    ("sender is somebody else's", {"From": "+18555550199"}, 400, 21659),
    ("sender is the recipient", {"To": OURS}, 400, 21266),
    (
        "a messaging service we do not have",
        {"From": None, "MessagingServiceSid": "MG" + "a" * 32},
        404,
        21701,
    ),
    (
        "scheduled, which needs such a service",
        {"ScheduleType": "fixed", "SendAt": "2027-01-01T00:00:00Z"},
        400,
        35118,
    ),
    ("no words", {"Body": None}, 400, 21602),
    ("empty words", {"Body": ""}, 400, 21602),
    ("too many words", {"Body": "é" * 1601}, 400, 21617),
    ("callback is no address", {"StatusCallback": "nowhere"}, 400, 21609),
    ("picture is no address", {"MediaUrl": "file:///etc/passwd"}, 400, 21620),
    ("eleven pictures", {"MediaUrl": [f"https://x.example/{n}.png" for n in range(11)]}, 400, 21623),
    ("valid for no time", {"ValidityPeriod": "0"}, 400, 20001),
    ("valid for too long", {"ValidityPeriod": "36001"}, 400, 20001),
]


@pytest.mark.parametrize(
    ("change", "status", "code"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_create_refused(sandbox: Sandbox, change: dict[str, Any], status: int, code: int) -> None:
    form = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    answer = sandbox.rest("POST", "Messages.json", form)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["status"] == status
    assert answer.json()["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert sandbox.truth() == []


def test_created(sandbox: Sandbox) -> None:
    answer = sandbox.send(body="Grüße, 👍", Unheard="of", StatusCallback="")
    assert answer.status_code == 201
    message = answer.json()
    assert re.fullmatch("SM[0-9a-f]{32}", message["sid"])
    assert message["status"] == "queued"
    assert message["date_sent"] is None
    assert message["num_segments"] == "1"
    assert message["body"] == "Grüße, 👍"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000", message["date_created"])
    sandbox.ended(message["sid"])
    fetched = sandbox.rest("GET", f"Messages/{message['sid']}.json").json()
    assert fetched["status"] == "delivered"
    assert fetched["date_sent"]


def test_a_national_number_is_understood(sandbox: Sandbox) -> None:
    assert sandbox.send(to="(503) 555-0118").json()["to"] == MAYA


@pytest.mark.parametrize("login", [None, (ACCOUNT_SID, "wrong"), ("AC" + "0" * 32, "wrong")])
def test_without_the_account_nothing_is_told(sandbox: Sandbox, login: tuple[str, str] | None) -> None:
    answer = requests.get(f"{sandbox.account}/Messages.json", auth=login, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


ABSENT = [
    ("GET", f"Messages/SM{'0' * 32}.json", 404, 20404),
    ("DELETE", f"Messages/SM{'0' * 32}.json", 404, 20404),
    ("GET", f"IncomingPhoneNumbers/PN{'0' * 32}.json", 404, 20404),
    ("GET", f"/v1/Tollfree/Verifications/HH{'0' * 32}", 404, 20404),
    ("GET", f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json", 404, 20404),
    ("GET", "AvailablePhoneNumbers/FR/Local.json", 404, 20404),
    ("PUT", "Messages.json", 405, 20004),
    ("GET", "Messages.json?PageSize=none", 400, 20001),
    ("GET", "Messages.json?PageSize=" + "9" * 5000, 400, 20001),
    ("GET", "Messages.json?DateSent=yesterday", 400, 20001),
]


@pytest.mark.parametrize(("method", "path", "status", "code"), ABSENT)
def test_not_there(sandbox: Sandbox, method: str, path: str, status: int, code: int) -> None:
    answer = sandbox.rest(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_list_by_people_and_dates(sandbox: Sandbox) -> None:
    to_maya = sandbox.send().json()["sid"]
    to_dan = sandbox.send(to="+15035550131").json()["sid"]
    from_local = sandbox.send(sender=LOCAL).json()["sid"]
    from_maya = sandbox.text("Hi")
    for sid in (to_maya, to_dan, from_local):
        sandbox.ended(sid)

    def listed(**query: str) -> list[str]:
        return [m["sid"] for m in sandbox.rest("GET", "Messages.json", params=query).json()["messages"]]

    today = sandbox.rest("GET", f"Messages/{to_maya}.json").json()["date_sent"]
    assert listed() == [from_maya, from_local, to_dan, to_maya]
    assert listed(To=MAYA) == [from_local, to_maya]
    assert listed(To=MAYA, From=OURS) == [to_maya]
    assert listed(From=MAYA) == [from_maya]
    assert listed(**{"To": MAYA, "DateSent>": "2001-01-01T00:00:00Z"}) == [from_local, to_maya]
    assert listed(**{"DateSent<": "2001-01-01"}) == []
    assert listed(**{"DateSent>": "2100-01-01"}) == []
    assert today


def test_pages_do_not_shift_when_something_new_comes(sandbox: Sandbox) -> None:
    sids = [sandbox.send(body=f"No. {n}").json()["sid"] for n in range(7)]
    page = sandbox.rest("GET", "Messages.json?PageSize=3").json()
    seen = [message["sid"] for message in page["messages"]]
    assert page["previous_page_uri"] is None
    sandbox.send(body="in between")
    while page["next_page_uri"]:
        page = sandbox.rest("GET", page["next_page_uri"]).json()
        seen += [message["sid"] for message in page["messages"]]
    assert seen == sids[::-1]
    assert page["page"] == 2
    assert page["page_size"] == 3


def test_redact_and_delete(sandbox: Sandbox) -> None:
    sid = sandbox.send(body="secret").json()["sid"]
    sandbox.ended(sid)
    assert sandbox.rest("POST", f"Messages/{sid}.json", {"Body": "other"}).json()["code"] == 20001
    assert sandbox.rest("POST", f"Messages/{sid}.json", {"Body": ""}).json()["body"] == ""
    assert sandbox.rest("DELETE", f"Messages/{sid}.json").status_code == 204
    assert sandbox.rest("GET", f"Messages/{sid}.json").status_code == 404
    assert sandbox.row(sid)["body"] == "secret"


def test_what_has_not_left_can_be_taken_back(sandbox: Sandbox) -> None:
    sandbox.own("PUT", "world", {"numbers": [{"phone_number": OURS, "pace": 0.01}]})
    sandbox.ended(sandbox.send(body="first").json()["sid"])
    sid = sandbox.send(body="second").json()["sid"]
    assert sandbox.rest("DELETE", f"Messages/{sid}.json").json()["code"] == 20009
    assert sandbox.rest("POST", f"Messages/{sid}.json", {"Status": "canceled"}).json()["status"] == "canceled"
    assert sandbox.rest("POST", f"Messages/{sid}.json", {"Status": "canceled"}).json()["code"] == 30409
    assert sandbox.screen() == ["first"]


def test_a_number_is_found_bought_changed_and_released(sandbox: Sandbox) -> None:
    offers = sandbox.rest("GET", "AvailablePhoneNumbers/CA/TollFree.json?AreaCode=888&PageSize=5").json()
    wanted = offers["available_phone_numbers"][0]["phone_number"]
    assert len(offers["available_phone_numbers"]) == 5
    assert wanted.startswith("+1888")
    url = "http://127.0.0.1:9/hooks?x=1"
    bought = sandbox.rest("POST", "IncomingPhoneNumbers.json", {"PhoneNumber": wanted, "SmsUrl": url})
    assert bought.status_code == 201
    number = bought.json()
    assert (number["sms_url"], number["phone_number"], number["type"]) == (url, wanted, "toll-free")
    again = sandbox.rest("POST", "IncomingPhoneNumbers.json", {"PhoneNumber": wanted})
    assert (again.status_code, again.json()["code"]) == (400, 21422)
    listed = sandbox.rest("GET", "IncomingPhoneNumbers.json", params={"PhoneNumber": wanted}).json()
    assert [n["sid"] for n in listed["incoming_phone_numbers"]] == [number["sid"]]
    path = f"IncomingPhoneNumbers/{number['sid']}.json"
    assert sandbox.rest("POST", path, {"SmsMethod": "PUT"}).json()["code"] == 20001
    assert sandbox.rest("POST", path, {"SmsUrl": "nowhere"}).json()["code"] == 21502
    assert sandbox.rest("POST", path, {"FriendlyName": "Front desk"}).json()["friendly_name"] == "Front desk"
    assert sandbox.rest("DELETE", path).status_code == 204
    assert sandbox.rest("GET", path).status_code == 404


def test_local_numbers_are_found_by_place(sandbox: Sandbox) -> None:
    offers = sandbox.rest("GET", "AvailablePhoneNumbers/CA/Local.json?InRegion=BC").json()
    assert {n["locality"] for n in offers["available_phone_numbers"]} == {"Vancouver"}
    bought = sandbox.rest("POST", "IncomingPhoneNumbers.json", {"AreaCode": "206"}).json()
    assert bought["phone_number"].startswith("+1206")
    sandbox.rest("DELETE", f"IncomingPhoneNumbers/{bought['sid']}.json")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"PhoneNumber": "+15035551234"}, 21422),
        ({"PhoneNumber": "here"}, 21421),
        ({"AreaCode": "999"}, 21452),
        ({}, 20001),
    ],
)
def test_numbers_that_cannot_be_had(sandbox: Sandbox, form: dict[str, str], code: int) -> None:
    assert sandbox.rest("POST", "IncomingPhoneNumbers.json", form).json()["code"] == code


def test_a_picture_from_a_handset(sandbox: Sandbox) -> None:
    sid = sandbox.text("", media=["sample"])
    assert sid.startswith("MM")
    media = sandbox.rest("GET", f"Messages/{sid}/Media.json").json()["media_list"]
    assert [m["content_type"] for m in media] == ["image/png"]
    path = f"Messages/{sid}/Media/{media[0]['sid']}"
    redirect = sandbox.rest("GET", path, allow_redirects=False)
    assert redirect.status_code == 307
    picture = requests.get(redirect.headers["Location"], timeout=10)
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    assert requests.get(f"{sandbox.account}/{path}", timeout=10).status_code == 401
    assert sandbox.rest("DELETE", path + ".json").status_code == 204
    assert sandbox.rest("GET", path + ".json").status_code == 404
    assert requests.get(redirect.headers["Location"], timeout=10).status_code == 404


def test_a_picture_to_a_handset_is_fetched(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/static/photo.png"
    sid = sandbox.send(body="The side door", MediaUrl=url).json()["sid"]
    assert sid.startswith("MM")
    assert sandbox.ended(sid)["status"] == "delivered"
    shown = sandbox.own("GET", f"handsets/{MAYA}").json()["texts"][-1]
    assert requests.get(sandbox.url + shown["pictures"][0], timeout=10).headers["Content-Type"] == "image/png"


@pytest.mark.parametrize(("path", "code"), [("/static/none.png", 11200), ("/static/page.js", 12300)])
def test_a_picture_that_cannot_be_fetched(sandbox: Sandbox, path: str, code: int) -> None:
    row = sandbox.ended(sandbox.send(MediaUrl=sandbox.url + path).json()["sid"])
    assert (row["status"], row["error_code"]) == ("failed", code)


def test_lookup(sandbox: Sandbox) -> None:
    def looked_up(number: str) -> Any:
        return sandbox.rest("GET", f"/v2/PhoneNumbers/{number}?Fields=line_type_intelligence").json()

    assert looked_up(MAYA)["line_type_intelligence"]["type"] == "mobile"
    assert looked_up("+15035550119")["line_type_intelligence"]["type"] == "landline"
    assert looked_up(OURS)["line_type_intelligence"]["type"] == "tollFree"
    assert looked_up("503555")["validation_errors"] == ["TOO_SHORT"]
    assert looked_up("hello")["valid"] is False


def test_beyond_the_request_limit(sandbox: Sandbox) -> None:
    sandbox.weather(request_limit=3)
    answers = [sandbox.send() for _ in range(5)]
    assert [a.status_code for a in answers] == [201, 201, 201, 429, 429]
    assert answers[-1].json()["code"] == 20429
    assert answers[-1].headers["Retry-After"] == "1"
    wait_for(lambda: sandbox.send().status_code == 201)
