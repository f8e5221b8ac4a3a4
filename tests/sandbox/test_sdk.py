"""Twilio's own library, with prism between it and the sandbox: not one answer may break Twilio's specification."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from parley.sandbox.account import ACCOUNT_SID, AUTH_TOKEN
from tests import witness
from tests.sandbox.conftest import MAYA, OURS, Receiver, Sandbox, wait_for

pytestmark = pytest.mark.witness


class LocalHttpClient(TwilioHttpClient):
    """Twilio's hosts are where `bases` says; everything else of the library stays as it is."""

    def __init__(self, bases: dict[str, str]) -> None:
        super().__init__(timeout=20)
        self.bases = bases
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        asked, base = urlsplit(url), urlsplit(self.bases[urlsplit(url).hostname or ""])
        return super().request(
            method, urlunsplit((base.scheme, base.netloc, asked.path, asked.query, "")), *args, **more
        )


@pytest.fixture(scope="module")
def proxies(_sandbox: Sandbox) -> Iterator[dict[str, str]]:
    with (
        witness.prism("proxy", "twilio_messages.json", _sandbox.url) as api,
        witness.prism("proxy", "twilio_tollfree.json", _sandbox.url) as messaging,
        witness.prism("proxy", "twilio_lookups.json", _sandbox.url) as lookups,
    ):
        yield {"api.twilio.com": api, "messaging.twilio.com": messaging, "lookups.twilio.com": lookups}


@pytest.fixture
def twilio(sandbox: Sandbox, proxies: dict[str, str]) -> Client:
    return Client(ACCOUNT_SID, AUTH_TOKEN, http_client=LocalHttpClient(proxies))


def test_messages(sandbox: Sandbox, twilio: Client) -> None:
    created = twilio.messages.create(
        to=MAYA,
        from_=OURS,
        body="hi é 👍",
        status_callback=f"{sandbox.url}/sandbox/nowhere?a=1",
        validity_period=600,
        smart_encoded=True,
    )
    assert (created.status, created.num_segments, created.error_code) == ("queued", "1", None)
    sandbox.ended(created.sid)
    fetched = twilio.messages(created.sid).fetch()
    assert fetched.status == "delivered"
    assert fetched.date_sent is not None
    since = datetime.now(UTC) - timedelta(minutes=5)
    listed = twilio.messages.list(to=MAYA, from_=OURS, date_sent_after=since)
    assert [m.sid for m in listed] == [created.sid]
    assert twilio.messages.list(date_sent_before=since) == []
    assert twilio.messages(created.sid).update(body="").body == ""
    assert twilio.messages(created.sid).feedback.create(outcome="confirmed").outcome == "confirmed"
    assert twilio.messages(created.sid).delete()


def test_a_failed_message(sandbox: Sandbox, twilio: Client) -> None:
    sandbox.weather(next="filtered")
    sid = twilio.messages.create(to=MAYA, from_=OURS, body="x").sid
    sandbox.ended(sid)
    message = twilio.messages(sid).fetch()
    assert (message.status, message.error_code, message.error_message) == (
        "undelivered",
        30007,
        "Message filtered",
    )


def test_media(sandbox: Sandbox, twilio: Client) -> None:
    one = twilio.messages.create(to=MAYA, from_=OURS, media_url=[f"{sandbox.url}/static/photo.png"])
    two = twilio.messages.create(
        to=MAYA, from_=OURS, body="x", media_url=[f"{sandbox.url}/static/photo.png"] * 2
    )
    sandbox.ended(one.sid)
    sandbox.ended(two.sid)
    assert len(twilio.messages(two.sid).media.list()) == 2
    sid = sandbox.text("look", media=["sample"])
    media = twilio.messages(sid).media.list()
    assert twilio.messages(sid).media(media[0].sid).fetch().content_type == "image/png"
    assert twilio.messages(sid).media(media[0].sid).delete()
    assert twilio.messages(sid).fetch().direction == "inbound"


def test_paging(sandbox: Sandbox, twilio: Client) -> None:
    sids = [sandbox.send(body=str(n)).json()["sid"] for n in range(5)]
    assert [m.sid for m in twilio.messages.list(page_size=2)] == sids[::-1]


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"to": "+1503555", "from_": OURS, "body": "x"}, 21211),
        ({"to": MAYA, "from_": "+18555550199", "body": "x"}, 21659),
        ({"to": MAYA, "from_": OURS, "body": "x" * 1601}, 21617),
    ],
)
def test_refusals_reach_the_library(twilio: Client, form: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        twilio.messages.create(**form)
    assert (refusal.value.status, refusal.value.code) == (400, code)


def test_numbers(twilio: Client) -> None:
    offers = twilio.available_phone_numbers("US").toll_free.list(area_code=844, sms_enabled=True, limit=2)
    assert offers[0].capabilities["sms"] is True
    assert twilio.available_phone_numbers("CA").local.list(in_region="ON", limit=2)[0].locality == "Toronto"
    bought = twilio.incoming_phone_numbers.create(
        phone_number=offers[0].phone_number,
        friendly_name="Parley 0197",
        sms_url="https://x.example/s",
        status_callback="https://x.example/cb",
    )
    assert bought.sms_url == "https://x.example/s"
    number = twilio.incoming_phone_numbers(bought.sid)
    assert number.update(sms_url="https://x.example/2", sms_method="POST").sms_url == "https://x.example/2"
    assert number.fetch().phone_number == offers[0].phone_number
    assert bought.sid in [n.sid for n in twilio.incoming_phone_numbers.list()]
    for one in ({"friendly_name": "Parley 0197"}, {"phone_number": offers[0].phone_number}):
        assert [n.sid for n in twilio.incoming_phone_numbers.list(**one)] == [bought.sid]
    assert twilio.incoming_phone_numbers.list(friendly_name="Parley") == []
    assert number.delete()


def test_toll_free_verification(sandbox: Sandbox, twilio: Client) -> None:
    offer = twilio.available_phone_numbers("US").toll_free.list(limit=1)[0]
    number = twilio.incoming_phone_numbers.create(phone_number=offer.phone_number)
    verifications = twilio.messaging.v1.tollfree_verifications
    asked = {
        "business_name": "Alder Physio Clinic Inc.",
        "business_website": "https://alder.example",
        "notification_email": "texts@alder.example",
        "use_case_categories": ["CUSTOMER_CARE", "ACCOUNT_NOTIFICATIONS"],
        "use_case_summary": "Appointments",
        "production_message_sample": "Your visit is at 2:45 PM.",
        "opt_in_image_urls": ["https://alder.example/opt-in.png"],
        "opt_in_type": "WEB_FORM",
        "message_volume": "1,000",
        "tollfree_phone_number_sid": number.sid,
        "external_reference_id": "0197-reference",
        "business_street_address2": "Suite 2",
        "business_registration_authority": "CBN",
        "business_registration_number": "800000000",
        "business_registration_country": "CA",
        "business_country": "CA",
        "business_type": "PRIVATE_PROFIT",
        "age_gated_content": False,
        "opt_in_keywords": ["START"],
    }
    created = verifications.create(**asked)
    assert (created.status, created.tollfree_phone_number) == ("PENDING_REVIEW", offer.phone_number)
    assert created.use_case_categories == ["CUSTOMER_CARE", "ACCOUNT_NOTIFICATIONS"]
    assert created.business_street_address2 == "Suite 2"
    assert [v.sid for v in verifications.list(external_reference_id="0197-reference")] == [created.sid]
    assert verifications.list(status="TWILIO_REJECTED", limit=2) == []

    sandbox.own("POST", f"verifications/{created.sid}/reject", {"reason": "name"})
    rejected = verifications(created.sid).fetch()
    assert (rejected.status, rejected.edit_allowed, rejected.error_code) == ("TWILIO_REJECTED", True, 30484)
    assert rejected.rejection_reasons == [{"reason": rejected.rejection_reason, "code": 30484}]
    assert rejected.edit_expiration > datetime.now(UTC) + timedelta(days=6)
    edited = verifications(created.sid).update(business_name="Alder Physio Clinic", edit_reason="Name fixed")
    assert (edited.status, edited.business_name) == ("PENDING_REVIEW", "Alder Physio Clinic")
    with pytest.raises(TwilioRestException):
        verifications.create(**asked)
    assert verifications(created.sid).delete()
    twilio.incoming_phone_numbers(number.sid).delete()


def test_lookup(twilio: Client) -> None:
    found = twilio.lookups.v2.phone_numbers("+15035550119").fetch(fields="line_type_intelligence")
    assert found.valid
    assert found.line_type_intelligence["type"] == "landline"


def test_calls_and_recordings(sandbox: Sandbox, twilio: Client, receiver: Receiver) -> None:
    sandbox.weather(call_pace=0.01)
    receiver.says["/answered"] = "<Response><Record timeout='2' action='/recorded'/></Response>"
    receiver.says["/recorded"] = "<Response><Dial timeout='1'>+15035550131</Dial></Response>"
    created = twilio.calls.create(
        to=MAYA,
        from_=OURS,
        url=f"{receiver.url}/answered",
        status_callback=f"{receiver.url}/steps",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
        timeout=500,
        time_limit=4000,
        machine_detection="Enable",
    )
    assert (created.status, created.direction, created.duration) == ("queued", "outbound-api", None)
    wait_for(lambda: twilio.calls(created.sid).fetch().status == "ringing")
    sandbox.own("POST", f"handsets/{MAYA}/calls/{created.sid}/answer")
    sandbox.own("POST", f"handsets/{MAYA}/calls/{created.sid}/speak", {"seconds": 3})
    wait_for(lambda: twilio.calls(created.sid).fetch().status == "completed")
    assert twilio.calls(created.sid).fetch().answered_by == "human"
    assert [call.status for call in twilio.calls.list(parent_call_sid=created.sid)] == ["no-answer"]
    steps = [call.form["CallStatus"] for call in receiver.at("/steps")]
    assert steps[:3] == ["initiated", "ringing", "in-progress"]
    since = datetime.now(UTC) - timedelta(minutes=5)
    assert created.sid in [c.sid for c in twilio.calls.list(to=MAYA, from_=OURS, start_time_after=since)]
    recordings = twilio.recordings.list(call_sid=created.sid)
    assert [(one.duration, one.source, one.status) for one in recordings] == [
        ("3", "RecordVerb", "completed")
    ]
    assert recordings[0].media_url == receiver.at("/recorded")[0].form["RecordingUrl"]
    assert twilio.recordings(recordings[0].sid).fetch().channels == 1
    assert twilio.recordings(recordings[0].sid).delete()
    assert twilio.recordings.list(call_sid=created.sid) == []

    ringing = twilio.calls.create(
        to=MAYA, from_=OURS, twiml="<Response><Pause length='3000'/></Response>", timeout=500
    )
    wait_for(lambda: twilio.calls(ringing.sid).fetch().status == "ringing")
    assert twilio.calls(ringing.sid).update(status="canceled").status == "canceled"
    talking = twilio.calls.create(
        to=MAYA, from_=OURS, twiml="<Response><Pause length='3000'/></Response>", timeout=500
    )
    wait_for(lambda: twilio.calls(talking.sid).fetch().status == "ringing")
    sandbox.own("POST", f"handsets/{MAYA}/calls/{talking.sid}/answer")
    wait_for(lambda: twilio.calls(talking.sid).fetch().status == "in-progress")
    assert (
        twilio.calls(talking.sid).update(twiml="<Response><Pause length='3000'/></Response>").sid
        == talking.sid
    )
    assert twilio.calls(talking.sid).update(status="completed").status == "completed"
    hidden = sandbox.own("POST", f"handsets/{MAYA}/calls", {"to": OURS, "withheld": True}).json()["sid"]
    assert twilio.calls(hidden).fetch().from_formatted
    for to, code in (("911", 21216), ("+447911123456", 21215)):
        with pytest.raises(TwilioRestException) as refusal:
            twilio.calls.create(to=to, from_=OURS, twiml="<Response/>")
        assert (refusal.value.status, refusal.value.code) == (400, code)
