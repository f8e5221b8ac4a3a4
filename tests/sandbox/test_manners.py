"""How networks behave on a good day: keywords, pace, landlines, unverified numbers."""

from __future__ import annotations

import pytest

from tests.sandbox.conftest import LANDLINE, LOCAL, MAYA, OURS, Receiver, Sandbox, wait_for


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop "])
def test_toll_free_stop_is_the_networks(sandbox: Sandbox, receiver: Receiver, word: str) -> None:
    sandbox.reset(sms_url=f"{receiver.url}/sms")
    sid = sandbox.text(word)
    assert sandbox.screen()[-1].startswith(f'NETWORK MSG: You replied with the word "{word.strip().lower()}"')
    assert wait_for(lambda: receiver.of(sid))[0].form["Body"] == word
    refused = sandbox.send()
    assert (refused.status_code, refused.json()["code"]) == (400, 21610)
    assert sandbox.send(sender=LOCAL).status_code == 201
    sandbox.text("unstop")
    assert sandbox.screen()[-1].startswith('NETWORK MSG: You have replied "unstop"')
    assert sandbox.send().status_code == 201


@pytest.mark.parametrize(
    "words",
    [
        "STOP please",
        "please stop",
        "S T O P",
        "arret",
        "revoke",
        "Stopall",
        "UNSUBSCRIBE",
        "Cancel",
        "END",
        "QUIT",
    ],
)
def test_more_than_the_word_blocks_nothing(sandbox: Sandbox, words: str) -> None:
    sandbox.text(words)
    assert sandbox.screen() == [words]
    assert sandbox.send().status_code == 201


@pytest.mark.parametrize(
    "word", ["STOP", "revoke", "OptOut", " Stopall ", "UNSUBSCRIBE", "Cancel", "END", "QUIT"]
)
def test_long_code_stop(sandbox: Sandbox, word: str) -> None:
    sandbox.text(word, to=LOCAL)
    assert sandbox.screen(ours=LOCAL)[-1].startswith("You have successfully been unsubscribed.")
    assert sandbox.send(sender=LOCAL).json()["code"] == 21610
    sandbox.text("HELP", to=LOCAL)
    assert sandbox.screen(ours=LOCAL)[-1] == "HELP"
    sandbox.text("yes", to=LOCAL)
    assert sandbox.screen(ours=LOCAL)[-1].startswith("You have successfully been re-subscribed")
    assert sandbox.send(sender=LOCAL).status_code == 201


def test_help(sandbox: Sandbox) -> None:
    sandbox.text("help")
    assert sandbox.screen()[-1] == "Reply STOP to unsubscribe. Msg&Data Rates May Apply."


def test_what_the_network_says_is_not_the_accounts(sandbox: Sandbox) -> None:
    sandbox.text("STOP")
    listed = sandbox.rest("GET", "Messages.json").json()["messages"]
    assert [message["direction"] for message in listed] == ["inbound"]
    assert [row["direction"] for row in sandbox.truth()] == ["inbound", "network"]
    network = sandbox.truth(direction="network")[0]["sid"]
    assert sandbox.rest("GET", f"Messages/{network}.json").status_code == 404


def test_unverified_toll_free_reaches_nobody(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.own("PUT", "world", {"numbers": [{"phone_number": OURS, "verified": False}]})
    answer = sandbox.send(StatusCallback=f"{receiver.url}/status")
    assert answer.status_code == 201
    row = sandbox.ended(answer.json()["sid"])
    assert (row["status"], row["error_code"], row["shown"]) == ("undelivered", 30032, 0)
    call = wait_for(lambda: receiver.calls)[0]
    assert (call.form["MessageStatus"], call.form["ErrorCode"]) == ("undelivered", "30032")
    local = sandbox.own("PUT", "world", {"numbers": [{"phone_number": LOCAL, "verified": False}]})
    assert local.status_code == 200
    assert sandbox.ended(sandbox.send(sender=LOCAL).json()["sid"])["status"] == "delivered"


def test_the_desk_decides_who_is_verified(sandbox: Sandbox) -> None:
    number = sandbox.rest("POST", "IncomingPhoneNumbers.json", {"AreaCode": "877"}).json()
    ours = number["phone_number"]
    sandbox.own("PUT", "world", {"numbers": [{"phone_number": ours, "pace": 0}]})
    form = {
        "BusinessName": "Alder Physio",
        "BusinessWebsite": "https://alder.example",
        "NotificationEmail": "a@alder.example",
        "UseCaseCategories": "CUSTOMER_CARE",
        "UseCaseSummary": "Appointments",
        "ProductionMessageSample": "Your visit is at 2:45 PM.",
        "OptInImageUrls": "https://alder.example/i.png",
        "OptInType": "WEB_FORM",
        "MessageVolume": "1,000",
        "TollfreePhoneNumberSid": number["sid"],
    }
    missing = sandbox.rest("POST", "/v1/Tollfree/Verifications", {**form, "MessageVolume": ""})
    assert (missing.status_code, missing.json()["code"]) == (400, 20001)
    sid = sandbox.rest("POST", "/v1/Tollfree/Verifications", form).json()["sid"]

    def reaches() -> bool:
        sent: str = sandbox.send(sender=ours).json()["sid"]
        return bool(sandbox.ended(sent)["status"] == "delivered")

    assert not reaches()
    sandbox.own("POST", f"verifications/{sid}/approve")
    assert reaches()
    path = f"/v1/Tollfree/Verifications/{sid}"
    assert sandbox.rest("GET", path).json()["status"] == "TWILIO_APPROVED"
    assert sandbox.rest("POST", path, {"BusinessName": "Other"}).status_code == 400
    sandbox.own("POST", f"verifications/{sid}/take-back")
    assert sandbox.rest("GET", path).json()["status"] == "IN_REVIEW"
    assert not reaches()
    assert sandbox.own("POST", f"verifications/{sid}/reject", {}).status_code == 400
    sandbox.own("POST", f"verifications/{sid}/reject", {"reason": "cancelled"})
    rejected = sandbox.rest("GET", path).json()
    assert (rejected["error_code"], rejected["edit_allowed"]) == (30481, False)
    assert sandbox.own("POST", f"verifications/{sid}/shred").status_code == 404
    assert sandbox.rest("DELETE", path).status_code == 204
    sandbox.rest("DELETE", f"IncomingPhoneNumbers/{number['sid']}.json")


def test_a_landline_cannot_read(sandbox: Sandbox) -> None:
    row = sandbox.ended(sandbox.send(to=LANDLINE).json()["sid"])
    assert (row["status"], row["error_code"]) == ("undelivered", 30006)


def test_each_number_has_its_pace(sandbox: Sandbox) -> None:
    # Slow enough for a queue to be there, however long each request takes.
    sandbox.own("PUT", "world", {"numbers": [{"phone_number": OURS, "pace": 3}]})
    sids = [sandbox.send(body=str(n)).json()["sid"] for n in range(4)]
    waiting = [sandbox.send(body="x" * 400).json()["sid"], sandbox.send(body="after").json()["sid"]]
    other = sandbox.send(sender=LOCAL).json()["sid"]
    assert sandbox.ended(other)["status"] == "delivered"
    assert sandbox.row(waiting[1])["status"] == "queued"
    times = [sandbox.ended(sid)["sent_at"] for sid in sids]
    assert times == sorted(times)
    assert times[3] - times[0] >= 2.5 / 3
    long, after = (sandbox.ended(sid)["sent_at"] for sid in waiting)
    assert after - long >= 2.5 / 3


def test_nothing_waits_behind_what_was_forgotten(sandbox: Sandbox) -> None:
    sandbox.own("PUT", "world", {"numbers": [{"phone_number": OURS, "pace": 0.01}]})
    for n in range(3):
        sandbox.send(body=str(n))
    sandbox.own("DELETE", "truth")
    assert sandbox.ended(sandbox.send(body="afresh").json()["sid"])["status"] == "delivered"
    assert sandbox.screen() == ["afresh"]


def test_what_waits_longer_than_it_is_valid_fails(sandbox: Sandbox) -> None:
    sandbox.own("PUT", "world", {"numbers": [{"phone_number": OURS, "pace": 0.1}]})
    sandbox.ended(sandbox.send(body="first").json()["sid"])
    row = sandbox.ended(sandbox.send(ValidityPeriod="1").json()["sid"])
    assert (row["status"], row["error_code"]) == ("failed", 30036)
    assert sandbox.screen() == ["first"]


def test_a_phone_that_nobody_knew(sandbox: Sandbox) -> None:
    sandbox.ended(sandbox.send(to="+12125550155").json()["sid"])
    known = {handset["phone_number"] for handset in sandbox.own("GET", "world").json()["handsets"]}
    assert "+12125550155" in known
    fresh = sandbox.own("POST", "handsets").json()["phone_number"]
    assert fresh not in known
    sandbox.text("Hello from a new phone", handset=fresh)
    assert sandbox.screen(handset=fresh) == ["Hello from a new phone"]


def test_nobody_has_that_number(sandbox: Sandbox) -> None:
    answer = sandbox.own("POST", f"handsets/{MAYA}/texts", {"to": "+18005550100", "body": "Hi"})
    assert answer.status_code == 404
