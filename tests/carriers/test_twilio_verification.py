"""Toll-free verification: what is posted, and what each answer states."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from parley.carriers.base import (
    Application,
    Doubt,
    NotSent,
    Paused,
    Reason,
    Refused,
    TooLate,
    Unavailable,
    Verification,
)
from parley.carriers.twilio import Twilio
from parley.carriers.twilio.words import MENDS
from tests import witness
from tests.carriers.test_twilio_send import ACCOUNT, TOKEN, refusal
from tests.carriers.wire import Turn, hangs_up, playing, resets, says

NUMBER_SID = "PN" + "0" * 31 + "9"
SID = "HH" + "0" * 31 + "7"
PATH = "/v1/Tollfree/Verifications"

APPLICATION = Application(
    reference="0197:1",
    country="US",
    legal_name="Juniper Hair Studio LLC",
    trade_name="Juniper",
    business_type="llc",
    registration_number="84-3190000",
    website="https://juniperhair.example",
    street="1418 SE Alder Street",
    street2="",
    city="Portland",
    region="OR",
    postal_code="97214",
    contact_first_name="Nora",
    contact_last_name="Kim",
    contact_email="nora@juniperhair.example",
    contact_phone="+15035550190",
    uses=("appointments", "conversations", "payments", "offers"),
    summary="Juniper texts its own clients.",
    sample="Hi Maya, you\u2019re booked with Jules. Reply STOP to stop texts. Juniper",
    monthly_texts=10_000,
    opt_in="web_form",
    evidence_urls=("https://p.example/opt-in/1/picture", "https://p.example/opt-in/1"),
)
CANADIAN = replace(
    APPLICATION,
    country="CA",
    business_type="sole",
    registration_number="",
    street2="Suite 2",
    region="ON",
    postal_code="K1A 0B1",
    uses=("conversations",),
    opt_in="via_text",
    more="Contact: the owner.",
)


def row(**changes: Any) -> dict[str, Any]:
    """A verification resource as Twilio answers with it."""
    return {
        "sid": SID,
        "account_sid": ACCOUNT,
        "tollfree_phone_number_sid": NUMBER_SID,
        "status": "PENDING_REVIEW",
        "external_reference_id": "0197:1",
        "rejection_reason": None,
        "rejection_reasons": None,
        "error_code": None,
        "edit_allowed": None,
        "edit_expiration": None,
        "date_created": "2026-11-25T10:00:00Z",
        "date_updated": "2026-11-25T10:00:00Z",
    } | changes


def twilio(url: str) -> Twilio:
    return Twilio(ACCOUNT, TOKEN, api_url="http://127.0.0.1:9", messaging_url=url)


async def test_what_is_posted() -> None:
    async with playing(says(201, row()), says(202, row())) as wire:
        carrier = twilio(wire.url)
        assert await carrier.apply(NUMBER_SID, APPLICATION) == Verification(
            SID, NUMBER_SID, "0197:1", "in_review"
        )
        await carrier.edit(SID, CANADIAN)
        await carrier.close()
    first, edit = wire.requests
    assert (first.method, first.target, edit.target) == ("POST", PATH, f"{PATH}/{SID}")
    told = dict(first.form)
    assert {
        "TollfreePhoneNumberSid": NUMBER_SID,
        "ExternalReferenceId": "0197:1",
        "BusinessType": "PRIVATE_PROFIT",
        "BusinessRegistrationNumber": "84-3190000",
        "BusinessRegistrationAuthority": "EIN",
        "BusinessRegistrationCountry": "US",
        "BusinessContactPhone": "+15035550190",
        "NotificationEmail": "nora@juniperhair.example",
        "MessageVolume": "10,000",
        "OptInType": "WEB_FORM",
    }.items() <= told.items()
    assert "BusinessStreetAddress2" not in told
    assert [v for k, v in first.form if k == "UseCaseCategories"] == [
        "ACCOUNT_NOTIFICATIONS",
        "CUSTOMER_CARE",
        "MARKETING",
    ]
    assert [v for k, v in first.form if k == "OptInImageUrls"] == list(APPLICATION.evidence_urls)
    mended = dict(edit.form)
    # Twilio takes no new number and no new reference with an edit.
    assert not {"TollfreePhoneNumberSid", "ExternalReferenceId"} & set(mended)
    assert not [name for name in mended if name.startswith("BusinessRegistration")]
    assert (mended["BusinessType"], mended["OptInType"]) == ("SOLE_PROPRIETOR", "VIA_TEXT")
    assert mended["EditReason"]
    if witness.missing() is None:
        spec = "twilio_tollfree.json"
        assert witness.objections(spec, "post", PATH, first.form) == []
        assert witness.objections(spec, "post", PATH + "/{Sid}", edit.form) == []


REJECTED = {"status": "TWILIO_REJECTED", "edit_allowed": True, "edit_expiration": "2026-12-02T10:00:00Z"}
UNTIL = datetime(2026, 12, 2, 10, tzinfo=UTC)
NAME = "The business name does not match the registration number."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, {"status": "in_review"}),
        ({"status": "IN_REVIEW", "external_reference_id": None}, {"status": "in_review", "reference": ""}),
        ({"status": "TWILIO_APPROVED", "edit_allowed": False}, {"status": "approved"}),
        (
            REJECTED
            | {"rejection_reasons": [{"reason": NAME, "code": 30484}, {"reason": "Else\x00", "code": "1"}]},
            {"reasons": (Reason("30484", NAME, MENDS[30484]), Reason("1", "Else")), "edit_until": UNTIL},
        ),
        (
            REJECTED | {"rejection_reasons": ["In plain words", {"code": 30475}, {}, None, 7]},
            {
                "reasons": (
                    Reason("", "In plain words"),
                    Reason("30475", "The carriers gave no reason in words.", MENDS[30475]),
                ),
                "edit_until": UNTIL,
            },
        ),
        (
            REJECTED | {"rejection_reason": NAME, "error_code": 30484},
            {"reasons": (Reason("30484", NAME, MENDS[30484]),), "edit_until": UNTIL},
        ),
        # The time is over, and so Twilio says it cannot be edited: a new one is taken.
        (REJECTED | {"edit_allowed": False}, {"edit_until": UNTIL, "may_resubmit": True}),
        # It never had one: closed for good.
        (REJECTED | {"edit_allowed": False, "edit_expiration": None}, {"may_resubmit": False}),
        (REJECTED | {"edit_allowed": None, "edit_expiration": "soon"}, {"may_resubmit": True}),
    ],
)
async def test_what_an_answer_states(changes: dict[str, Any], said: dict[str, Any]) -> None:
    expected = {"status": "rejected", "reference": "0197:1"} | said
    async with playing(says(200, row(**changes))) as wire:
        carrier = twilio(wire.url)
        assert await carrier.verification(SID) == Verification(SID, NUMBER_SID, **expected)
        await carrier.close()
    assert wire.requests[0].target == f"{PATH}/{SID}"


async def test_a_numbers_verifications_newest_first() -> None:
    other = row(sid="HH" + "1" * 32, date_created="2026-11-26T10:00:00Z")
    strange = row(sid="HH" + "2" * 32, tollfree_phone_number_sid="PN" + "1" * 32)
    async with playing(says(200, {"verifications": [row(), other, strange], "meta": {}})) as wire:
        carrier = twilio(wire.url)
        assert [one.carrier_id for one in await carrier.verifications(NUMBER_SID)] == [other["sid"], SID]
        await carrier.close()
    assert wire.requests[0].target == f"{PATH}?TollfreePhoneNumberSid={NUMBER_SID}&PageSize=50"


@pytest.mark.parametrize(
    "turn",
    [
        says(500, refusal(20500, 500)),
        says(404, b"<html>"),
        says(200, {"meta": {}}),
        says(200, {"verifications": [row(status="LOST")]}),
        says(200, row(status=None)),
        says(200, row(sid="HH1")),
        resets,
    ],
)
async def test_an_unusable_answer_proves_nothing(turn: Turn) -> None:
    async with playing(turn) as wire:
        carrier = twilio(wire.url)
        with pytest.raises(Unavailable):
            await carrier.verification(SID)
        with pytest.raises(Unavailable):
            await carrier.verifications(NUMBER_SID)
        await carrier.close()


async def test_one_they_do_not_know() -> None:
    async with playing(says(404, refusal(20404, 404))) as wire:
        carrier = twilio(wire.url)
        assert await carrier.verification(SID) is None
        with pytest.raises(ValueError):
            await carrier.verification("../Services")
        await carrier.close()


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (says(400, refusal(20001)), Refused),
        (says(400, refusal(30437)), TooLate),
        (says(401, refusal(20003, 401)), Paused),
        (says(429, b""), NotSent),
        (says(503, b""), Doubt),
        (says(201, {"sid": "HH1"}), Doubt),
        (says(201, row(status="LOST")), Doubt),
        (says(200, b"<html>"), Doubt),
        (hangs_up, Doubt),
        (resets, Doubt),
    ],
)
async def test_handing_over_fails_as_sending_does(turn: Turn, error: type[Exception]) -> None:
    async with playing(turn) as wire:
        carrier = twilio(wire.url)
        with pytest.raises(error) as caught:
            await carrier.apply(NUMBER_SID, APPLICATION)
        assert type(caught.value) is error
        assert "Juniper" not in str(caught.value)
        with pytest.raises(error):
            await carrier.edit(SID, APPLICATION)
        await carrier.close()
    assert len(wire.requests) == 2


@pytest.mark.witness
async def test_our_requests_and_answers_are_twilios() -> None:
    turns = (
        says(201, row()),
        says(202, row()),
        says(200, row(**REJECTED)),
        says(200, {"verifications": [], "meta": {}}),
    )
    async with playing(*turns) as wire:
        with witness.prism("proxy", "twilio_tollfree.json", wire.url) as url:
            carrier = twilio(url)
            assert (await carrier.apply(NUMBER_SID, APPLICATION)).carrier_id == SID
            assert (await carrier.edit(SID, CANADIAN)).status == "in_review"
            found = await carrier.verification(SID)
            assert found is not None
            assert found.status == "rejected"
            await carrier.verifications(NUMBER_SID)
            await carrier.close()


@pytest.mark.witness
async def test_the_mock_takes_our_requests() -> None:
    with witness.prism("mock", "twilio_tollfree.json") as url:
        carrier = twilio(url)
        assert (await carrier.apply(NUMBER_SID, CANADIAN)).carrier_id.startswith("HH")
        assert (await carrier.edit(SID, APPLICATION)).carrier_id.startswith("HH")
        assert await carrier.verification(SID) is not None
        await carrier.verifications(NUMBER_SID)
        await carrier.close()
