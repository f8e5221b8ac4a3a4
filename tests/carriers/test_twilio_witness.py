"""The carrier's own specification as a witness: of what we ask for, and of the answers these tests make up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from parley.carriers.base import Doubt, Unavailable
from parley.carriers.twilio import Twilio
from parley.carriers.voice import OutgoingCall
from tests import witness
from tests.carriers.test_twilio_ask import NUMBER_SID, PATH, page
from tests.carriers.test_twilio_send import ACCOUNT, SID, TEXT, TOKEN, message, refusal, twilio
from tests.carriers.wire import playing, says

pytestmark = pytest.mark.witness

CALL, RECORDING = f"CA{0xC0FFEE:032x}", f"RE{0xC0FFEE:032x}"
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
NUMBERS = "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers.json"
NUMBER = "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json"
PICTURES = replace(
    TEXT, media_urls=("https://p.example/1.jpg", "https://p.example/2.jpg"), validity_seconds=600
)


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    with witness.prism("mock", "twilio_messages.json") as url:
        yield url


async def test_our_requests_are_twilios(mock: str) -> None:
    async with twilio(mock) as carrier:
        for text in (TEXT, PICTURES, replace(PICTURES, body="")):
            assert (await carrier.send(text)).carrier_id.startswith(("SM", "MM"))
        assert await carrier.fetch(SID) is not None
        assert await carrier.available("US", "toll-free")
        assert await carrier.available("CA", "local", most=3)
        bought = await carrier.buy("+18885550100", label="Parley 0197", sms_url="https://p.example/in")
        assert bought.carrier_id.startswith("PN")
        await carrier.update(NUMBER_SID, sms_url="https://p.example/in")
        await carrier.release(NUMBER_SID)
        # The mock's examples are other numbers than the ones that are looked for.
        assert await carrier.rented(number="+18885550100", label="Parley 0197") == []


async def test_our_requests_about_calls_are_twilios(mock: str) -> None:
    about = "https://p.example/voice/twilio"
    call = OutgoingCall("+15035550118", "+18885550100", f"{about}/asks", f"{about}/tells")
    async with twilio(mock) as carrier:
        assert (await carrier.call(call)).startswith("CA")
        await carrier.end_call(CALL)
        assert await carrier.fetch_call(CALL) is not None
        await carrier.delete_recording(RECORDING)


async def test_a_wrong_request_is_noticed(mock: str) -> None:
    async with twilio(mock) as carrier:
        with pytest.raises(Doubt) as caught:
            await carrier.send(replace(TEXT, status_callback="not an address"))
        assert caught.value.code == "422"


async def test_our_lookup_is_twilios() -> None:
    """Through a proxy: the file's own examples break its own schema, so a mock objects to itself."""
    line = {"type": "mobile", "carrier_name": "A Mobile"}
    async with playing(says(200, {"valid": True, "line_type_intelligence": line})) as wire:
        with witness.prism("proxy", "twilio_lookups.json", wire.url) as url:
            carrier = Twilio(ACCOUNT, TOKEN, lookups_url=url)
            try:
                assert await carrier.lookup("+15035550118") == "mobile"
            finally:
                await carrier.close()


async def test_the_answers_these_tests_make_up_are_twilios() -> None:
    turns = (
        says(201, message()),
        says(200, message(status="undelivered", error_code=30006)),
        says(200, page([message()], f"{PATH}?Page=1&PageToken=PASM1")),
        says(200, page([])),
        says(404, refusal(20404, 404)),
        says(200, page([])),
        says(200, page([message()])),
    )
    async with playing(*turns) as wire:
        with witness.prism("proxy", "twilio_messages.json", wire.url) as url:
            async with twilio(url) as carrier:
                assert (await carrier.send(TEXT)).carrier_id == SID
                found = await carrier.fetch(SID)
                assert found is not None
                assert found.code == "30006"
                listed = await carrier.list_between(
                    TEXT.sender, TEXT.recipient, datetime(2026, 11, 1, tzinfo=UTC)
                )
                assert [row.carrier_id for row in listed] == [SID]
                assert await carrier.fetch(SID) is None
                since = datetime(2026, 11, 1, tzinfo=UTC)
                assert await carrier.list_since(TEXT.sender, since) == []
                assert [row.carrier_id for row in await carrier.list_sent(TEXT.sender, since)] == [SID]
    assert len(wire.requests) == 7


async def test_an_answer_that_is_not_twilios_is_noticed() -> None:
    async with playing(says(200, message(num_segments=1))) as wire:
        with witness.prism("proxy", "twilio_messages.json", wire.url) as url:
            async with twilio(url) as carrier:
                with pytest.raises(Unavailable):
                    await carrier.fetch(SID)


async def test_no_field_is_misspelt() -> None:
    witness.need()
    async with (
        playing(says(201, message(sid=SID)), says(201, message()), says(201, {"sid": NUMBER_SID})) as wire,
        twilio(wire.url) as carrier,
    ):
        await carrier.send(PICTURES)
        await carrier.send(replace(PICTURES, body=""))
        await carrier.buy("+18885550100", label="Parley 0197", sms_url="https://p.example/in")
        await carrier.update(NUMBER_SID, sms_url="https://p.example/in")
    for request, path in zip(wire.requests, (MESSAGES, MESSAGES, NUMBERS, NUMBER), strict=True):
        assert witness.objections("twilio_messages.json", "post", path, request.form) == []


def test_a_misspelt_field_is_noticed() -> None:
    witness.need()
    form = [
        ("To", "+15035550118"),
        ("From", "+18885550100"),
        ("Body", "hi"),
        ("StatusCalback", "https://p/r"),
    ]
    (objection,) = witness.objections("twilio_messages.json", "post", MESSAGES, form)
    assert "StatusCalback" in objection
    assert witness.objections("twilio_messages.json", "post", MESSAGES, form[:2]) != []
    assert witness.objections("twilio_messages.json", "post", MESSAGES, [*form[:3], form[0]]) == [
        "To: given twice"
    ]
