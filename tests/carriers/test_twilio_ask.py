"""Asking: the carrier's log, its numbers, and what kind of line a number is. An unusable answer proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from parley.carriers.base import (
    Doubt,
    Listed,
    Media,
    NotSent,
    Offer,
    ReceiptArrived,
    Received,
    Refused,
    Rented,
    Unavailable,
)
from parley.carriers.twilio import Twilio
from tests.carriers.test_twilio_send import ACCOUNT, SID, TEXT, message, refusal, twilio
from tests.carriers.wire import Turn, hangs_up, playing, resets, says, says_nothing

PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
SINCE = datetime(2026, 11, 23, 9, 7, 0, 400_000, tzinfo=UTC)
NUMBER_SID = "PN" + "0" * 31 + "9"


def page(rows: list[Any], following: str | None = None) -> dict[str, Any]:
    """One page of the message list as Twilio answers with it."""
    return {
        "end": len(rows),
        "first_page_uri": f"{PATH}?Page=0",
        "messages": rows,
        "next_page_uri": following,
        "page": 0,
        "page_size": 1000,
        "previous_page_uri": None,
        "start": 0,
        "uri": f"{PATH}?Page=0",
    }


def sid(n: int) -> str:
    return f"SM{n:032x}"


UNUSABLE: list[tuple[str, Turn]] = [
    ("500", says(500, refusal(20500, 500))),
    ("401", says(401, refusal(20003, 401))),
    ("429", says(429, refusal(20429, 429))),
    ("404 from a proxy", says(404, b"<html>Not Found</html>")),
    ("HTML", says(200, b"<html>Welcome to the hotel</html>")),
    ("nothing", says(200, b"")),
    ("a redirect", says(302, b"", Location="/elsewhere")),
    ("reset", resets),
    ("hung up", hangs_up),
    ("a list", says(200, [])),
    ("another thing", says(200, {"calls": []})),
    ("silence", says_nothing),
]


@pytest.mark.parametrize("turn", [turn for _, turn in UNUSABLE], ids=[name for name, _ in UNUSABLE])
async def test_an_unusable_answer_proves_nothing(turn: Turn) -> None:
    async with playing(turn) as wire, twilio(wire.url, timeout=0.5) as carrier:
        with pytest.raises(Unavailable) as caught:
            await carrier.fetch(SID)
        assert TEXT.recipient not in str(caught.value)
        with pytest.raises(Unavailable):
            await carrier.list_between(TEXT.sender, TEXT.recipient, SINCE)


async def test_no_carrier_proves_nothing() -> None:
    async with twilio("http://carrier.invalid") as carrier:
        with pytest.raises(Unavailable):
            await carrier.fetch(SID)


async def test_fetch() -> None:
    row = message(status="undelivered", error_code=30006, date_sent="Mon, 23 Nov 2026 09:07:02 +0000")
    async with playing(says(200, row)) as wire, twilio(wire.url) as carrier:
        found = await carrier.fetch(SID)
    assert wire.requests[0].target == f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json"
    words = "This number cannot get texts: it is a landline, or not in use. Call, or send an email."
    assert found == Listed(
        carrier_id=SID,
        sender=TEXT.sender,
        recipient=TEXT.recipient,
        body=TEXT.body,
        status="undelivered",
        direction="outbound",
        created_at=datetime(2026, 11, 23, 9, 7, tzinfo=UTC),
        code="30006",
        words=words,
        receipt=ReceiptArrived(SID, "undelivered", "30006", words, reach="landline"),
        segments=1,
    )


async def test_fetch_of_a_text_from_a_handset() -> None:
    row = message(direction="inbound", status="received", body="a\x00b\ud800")
    async with playing(says(200, row)) as wire, twilio(wire.url) as carrier:
        found = await carrier.fetch(SID)
    assert found is not None
    assert (found.direction, found.body, found.receipt) == ("inbound", "ab\ufffd", None)


async def test_fetch_of_what_they_do_not_know() -> None:
    async with playing(says(404, refusal(20404, 404))) as wire, twilio(wire.url) as carrier:
        assert await carrier.fetch(SID) is None
        assert await carrier.fetch("../../../elsewhere") is None
    assert len(wire.requests) == 1


async def test_a_question_is_asked_again_on_a_fresh_connection() -> None:
    async with (
        playing(says(200, message()), hangs_up, says(200, message())) as wire,
        twilio(wire.url) as carrier,
    ):
        await carrier.fetch(SID)
        assert await carrier.fetch(SID) is not None
    assert [r.connection for r in wire.requests] == [1, 1, 2]


async def test_list_reads_every_page_and_keeps_what_is_asked_for() -> None:
    second = f"{PATH}?To=%2B15035550118&From=%2B18885550100&PageSize=1000&Page=1&PageToken=PASM01"
    rows = [
        message(sid=sid(5), date_created="Mon, 23 Nov 2026 09:09:00 +0000", status="sent"),
        message(sid=sid(4), date_created="Mon, 23 Nov 2026 09:06:59 +0000"),
        message(sid=sid(3), to="+15035550119"),
    ]
    older = [
        message(sid=sid(2), date_created="Mon, 23 Nov 2026 04:07:00 -0500"),
        message(sid=sid(5), date_created="Mon, 23 Nov 2026 09:09:00 +0000", status="sent"),
        message(sid=sid(1), **{"from": "+18885550199"}),
    ]
    turns = says(200, page(rows, second)), says(200, page(older))
    async with playing(*turns) as wire, twilio(wire.url) as carrier:
        found = await carrier.list_between(TEXT.sender, TEXT.recipient, SINCE)
    assert [(row.carrier_id, row.status) for row in found] == [(sid(2), "queued"), (sid(5), "sent")]
    assert [r.target for r in wire.requests] == [
        f"{PATH}?To=%2B15035550118&From=%2B18885550100&PageSize=1000",
        second,
    ]


@pytest.mark.parametrize(
    "following",
    [
        f"{PATH}?To=%2B15035550118&From=%2B18885550100&PageSize=1000",
        "https://elsewhere.example/2010-04-01/x",
        "//elsewhere.example" + PATH,
        "@elsewhere.example" + PATH,
        "/2010-04-01/Accounts/AC0/Messages.json",
        7,
    ],
)
async def test_a_page_that_leads_astray_proves_nothing(following: Any) -> None:
    async with playing(says(200, page([message()], following))) as wire, twilio(wire.url) as carrier:
        with pytest.raises(Unavailable):
            await carrier.list_between(TEXT.sender, TEXT.recipient, SINCE)
    assert len(wire.requests) == 1


async def test_pages_without_end_prove_nothing() -> None:
    async def turn(wire: Any, request: Any, writer: Any) -> None:
        following = f"{PATH}?Page={len(wire.requests)}"
        await says(200, page([], following))(wire, request, writer)

    async with playing(turn) as wire, twilio(wire.url) as carrier:
        with pytest.raises(Unavailable):
            await carrier.list_between(TEXT.sender, TEXT.recipient, SINCE)
    assert len(wire.requests) <= 200


@pytest.mark.parametrize(
    "row",
    [
        None,
        {},
        message(sid=None),
        message(sid="XX"),
        message(date_created=None),
        message(date_created="yesterday"),
        message(date_created=7),
        {k: v for k, v in message().items() if k != "status"},
    ],
)
async def test_a_row_that_cannot_be_read_makes_the_list_prove_nothing(row: Any) -> None:
    async with playing(says(200, page([message(), row]))) as wire, twilio(wire.url) as carrier:
        with pytest.raises(Unavailable):
            await carrier.list_between(TEXT.sender, TEXT.recipient, SINCE)


async def test_an_address_may_have_a_path() -> None:
    turns = says(200, page([], f"{PATH}?Page=1")), says(200, page([message()]))
    async with playing(*turns) as wire, twilio(wire.url + "/carrier/") as carrier:
        assert len(await carrier.list_between(TEXT.sender, TEXT.recipient, SINCE)) == 1
    assert [r.target.split("?")[0] for r in wire.requests] == ["/carrier" + PATH] * 2


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ({"line_type_intelligence": {"type": "mobile"}}, "mobile"),
        ({"line_type_intelligence": {"type": "landline"}}, "landline"),
        ({"line_type_intelligence": {"type": "nonFixedVoip"}}, "voip"),
        ({"line_type_intelligence": {"type": "tollFree"}}, "toll-free"),
        ({"line_type_intelligence": {"type": "pager"}}, "other"),
        ({"line_type_intelligence": {"type": "unknown"}}, None),
        ({"line_type_intelligence": {"type": None, "error_code": 60600}}, None),
        ({"line_type_intelligence": None, "valid": False}, None),
        ({}, None),
    ],
)
async def test_lookup(answer: dict[str, Any], line: str | None) -> None:
    async with playing(says(200, answer)) as wire:
        carrier = Twilio(ACCOUNT, "token", api_url="http://127.0.0.1:9", lookups_url=wire.url)
        assert await carrier.lookup("+15035550118") == line
        await carrier.close()
    assert wire.requests[0].target == "/v2/PhoneNumbers/%2B15035550118?Fields=line_type_intelligence"


async def test_available() -> None:
    offered = [
        {"phone_number": "+18885550100", "region": None},
        {"phone_number": "+15035550100", "region": "OR"},
        {"phone_number": None},
        "nonsense",
    ]
    async with playing(says(200, {"available_phone_numbers": offered})) as wire, twilio(wire.url) as carrier:
        assert await carrier.available("CA", "toll-free", most=3) == [
            Offer("+18885550100"),
            Offer("+15035550100", "OR"),
        ]
        await carrier.available("US", "local")
    base = f"/2010-04-01/Accounts/{ACCOUNT}/AvailablePhoneNumbers"
    assert [r.target for r in wire.requests] == [
        f"{base}/CA/TollFree.json?SmsEnabled=true&PageSize=3",
        f"{base}/US/Local.json?SmsEnabled=true&PageSize=20",
    ]


async def test_available_where_there_are_none() -> None:
    turns = says(404, refusal(20404, 404)), says(200, {"available_phone_numbers": None})
    async with playing(*turns) as wire, twilio(wire.url) as carrier:
        assert await carrier.available("US", "local") == []
        with pytest.raises(Unavailable):
            await carrier.available("US", "local")


async def test_buy_update_release() -> None:
    rented = says(201, {"sid": NUMBER_SID, "phone_number": "+18885550100"})
    async with (
        playing(rented, says(200, {"sid": NUMBER_SID}), says(204, b"")) as wire,
        twilio(wire.url) as carrier,
    ):
        told = await carrier.buy("+18885550100", label="Parley 0197", sms_url="https://p.example/in")
        assert told == Rented(NUMBER_SID, "+18885550100", "Parley 0197")
        await carrier.update(NUMBER_SID, sms_url="https://p.example/in")
        await carrier.release(NUMBER_SID)
    bought, updated, released = wire.requests
    base = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers"
    assert (bought.method, bought.target) == ("POST", f"{base}.json")
    assert bought.form == [
        ("PhoneNumber", "+18885550100"),
        ("FriendlyName", "Parley 0197"),
        ("SmsUrl", "https://p.example/in#rc=5&rp=all"),
        ("SmsMethod", "POST"),
    ]
    assert (updated.method, updated.target) == ("POST", f"{base}/{NUMBER_SID}.json")
    assert updated.form == [("SmsUrl", "https://p.example/in#rc=5&rp=all"), ("SmsMethod", "POST")]
    assert (released.method, released.target, released.body) == ("DELETE", f"{base}/{NUMBER_SID}.json", b"")


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (says(400, refusal(21422)), Refused),
        (says(429, b""), NotSent),
        (says(500, b""), Doubt),
        (says(201, {"sid": "PN1"}), Doubt),
        (hangs_up, Doubt),
    ],
)
async def test_buying_fails_as_sending_does(turn: Turn, error: type[Exception]) -> None:
    async with playing(turn) as wire, twilio(wire.url) as carrier:
        with pytest.raises(error):
            await carrier.buy("+18885550100", label="Parley 0197", sms_url="https://p.example/in")
    assert len(wire.requests) == 1


async def test_releasing_what_is_gone_is_done() -> None:
    async with playing(says(404, refusal(20404, 404)), says(404, b"")) as wire, twilio(wire.url) as carrier:
        await carrier.release(NUMBER_SID)
        with pytest.raises(Doubt):
            await carrier.release(NUMBER_SID)


async def test_a_number_of_another_make_is_a_mistake_of_ours() -> None:
    async with twilio("http://127.0.0.1:9") as carrier:
        with pytest.raises(ValueError):
            await carrier.release("../Messages")


def rented(n: int, number: str = "+18885550100", label: str = "Parley 0197") -> dict[str, Any]:
    return {"sid": f"PN{n:032x}", "phone_number": number, "friendly_name": label}


def numbers(rows: list[Any], following: str | None = None) -> dict[str, Any]:
    return {"incoming_phone_numbers": rows, "next_page_uri": following}


async def test_our_numbers_by_label_and_by_number() -> None:
    base = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
    second = f"{base}?FriendlyName=Parley+0197&PageSize=1000&Page=1&PageToken=PAPN"
    # A filter that Twilio passed over, or took for a part of a longer number, must not show us others' numbers.
    turns = (
        says(200, numbers([rented(1), rented(2, label="The front desk")], second)),
        says(200, numbers([rented(3, number="+18885550101")])),
        says(200, numbers([rented(1), rented(4, number="+188855501001")])),
    )
    async with playing(*turns) as wire, twilio(wire.url) as carrier:
        found = await carrier.rented(label="Parley 0197")
        assert [row.number for row in found] == ["+18885550100", "+18885550101"]
        assert [row.carrier_id for row in await carrier.rented(number="+18885550100")] == [f"PN{1:032x}"]
    assert [r.target for r in wire.requests] == [
        f"{base}?FriendlyName=Parley+0197&PageSize=1000",
        second,
        f"{base}?PhoneNumber=%2B18885550100&PageSize=1000",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        numbers([{}]),
        numbers([rented(1) | {"sid": "PN1"}]),
        numbers([None]),
        numbers([rented(1)], "https://elsewhere.example/x"),
        numbers([rented(1)], PATH),
        {"messages": []},
        {},
    ],
)
async def test_a_list_of_numbers_that_cannot_be_read_proves_nothing(answer: dict[str, Any]) -> None:
    async with playing(says(200, answer)) as wire, twilio(wire.url) as carrier:
        with pytest.raises(Unavailable):
            await carrier.rented(label="Parley 0197")
    assert len(wire.requests) == 1


@pytest.mark.parametrize(("code", "taken"), [(21422, True), (21421, True), (21631, False), (20001, False)])
async def test_a_number_that_somebody_has(code: int, taken: bool) -> None:
    async with playing(says(400, refusal(code))) as wire, twilio(wire.url) as carrier:
        with pytest.raises(Refused) as caught:
            await carrier.buy("+18885550100", label="Parley 0197", sms_url="https://p.example/in")
    assert caught.value.taken is taken
    assert caught.value.verbatim == refusal(code)["message"]


def inbound(n: int, created: str, **more: Any) -> dict[str, Any]:
    """A text from a handset to our number."""
    parties = {"from": TEXT.recipient, "to": TEXT.sender, "direction": "inbound", "status": "received"}
    return message(sid=sid(n), date_created=f"Mon, 23 Nov 2026 {created} +0000", **parties | more)


async def test_what_came_to_a_number_is_read_until_a_page_is_older() -> None:
    second = f"{PATH}?To=%2B18885550100&Page=1&PageToken=PASM03"
    newest = [inbound(4, "09:09:00", num_media="2"), inbound(3, "09:07:00"), message(sid=sid(9))]
    older = [inbound(2, "09:06:59"), inbound(1, "08:00:00")]
    turns = says(200, page(newest, second)), says(200, page(older, f"{PATH}?Page=2"))
    async with playing(*turns) as wire, twilio(wire.url) as carrier:
        found = await carrier.list_since(TEXT.sender, SINCE)
    assert [(row.carrier_id, row.media) for row in found] == [(sid(3), 0), (sid(4), 2)]
    assert [request.target for request in wire.requests] == [
        f"{PATH}?To=%2B18885550100&DateSent%3E=2026-11-23T09:07:00Z&PageSize=1000",
        second,
    ]


async def test_what_left_is_read_further_back_than_any_text_can_wait() -> None:
    first = f"{PATH}?From=%2B18885550100&PageSize=1000"
    pages = [
        page([message(sid=sid(3), date_created="Mon, 23 Nov 2026 09:08:00 +0000")], f"{PATH}?Page=1"),
        # Made nine hours before; one that was made since may still come after it.
        page([message(sid=sid(2), date_created="Mon, 23 Nov 2026 00:07:00 +0000")], f"{PATH}?Page=2"),
        page([message(sid=sid(1), date_created="Sun, 22 Nov 2026 23:00:00 +0000")], f"{PATH}?Page=3"),
    ]
    async with playing(*(says(200, one) for one in pages)) as wire, twilio(wire.url) as carrier:
        found = await carrier.list_sent(TEXT.sender, SINCE)
    assert [row.carrier_id for row in found] == [sid(3)]
    assert [request.target for request in wire.requests] == [first, f"{PATH}?Page=1", f"{PATH}?Page=2"]


async def test_a_listed_text_reads_as_its_webhook() -> None:
    media = {"sid": "ME" + "7" * 32, "content_type": "image/jpeg", "parent_sid": sid(1)}
    answer = page([inbound(1, "09:09:00", num_media="1", num_segments="2", body="Look & see")])
    items = {"media_list": [media], "next_page_uri": None}
    async with playing(says(200, answer), says(200, items)) as wire, twilio(wire.url) as carrier:
        (row,) = await carrier.list_since(TEXT.sender, SINCE)
        text = carrier.read_text(parse_qsl(await carrier.as_webhook(row), keep_blank_values=True))
    picture = f"{wire.url}{PATH.removesuffix('.json')}/{sid(1)}/Media/{media['sid']}"
    assert text == Received(
        sid(1), TEXT.recipient, TEXT.sender, "Look & see", (Media(picture, "image/jpeg"),), segments=2
    )


@pytest.mark.parametrize("items", [{}, {"media_list": [None]}, {"media_list": [{"sid": "../../x"}]}])
async def test_media_that_cannot_be_read_prove_nothing(items: dict[str, Any]) -> None:
    answer = page([inbound(1, "09:09:00", num_media="1")])
    async with playing(says(200, answer), says(200, items)) as wire, twilio(wire.url) as carrier:
        (row,) = await carrier.list_since(TEXT.sender, SINCE)
        with pytest.raises(Unavailable):
            await carrier.as_webhook(row)
