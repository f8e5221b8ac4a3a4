"""Webhooks as Twilio posts them, and what each states. Shapes: Twilio's messaging webhooks guide."""

from __future__ import annotations

from typing import Any

from parley.carriers.base import Again, Media, ReceiptArrived, Received

SM = "SM00000000000000000000000000000001"
MM = "MM00000000000000000000000000000002"
ACCOUNT = "AC00000000000000000000000000000003"

INBOUND = {
    "ToCountry": "US",
    "ToState": "",
    "SmsMessageSid": SM,
    "NumMedia": "0",
    "ToCity": "",
    "FromZip": "94016",
    "SmsSid": SM,
    "FromState": "CA",
    "SmsStatus": "received",
    "FromCity": "DALY CITY",
    "Body": "Hi, is 3 pm still free?",
    "FromCountry": "US",
    "To": "+18885550100",
    "ToZip": "",
    "NumSegments": "1",
    "MessageSid": SM,
    "AccountSid": ACCOUNT,
    "From": "+14155552345",
    "ApiVersion": "2010-04-01",
}
STATUS = {
    "SmsSid": SM,
    "SmsStatus": "delivered",
    "MessageStatus": "delivered",
    "To": "+14155552345",
    "MessageSid": SM,
    "AccountSid": ACCOUNT,
    "From": "+18885550100",
    "ApiVersion": "2010-04-01",
}
PICTURES = {
    "MessageSid": MM,
    "Body": "",
    "NumMedia": "2",
    "MediaUrl0": f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{MM}/Media/ME1",
    "MediaContentType0": "image/jpeg",
    "MediaUrl1": f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{MM}/Media/ME2",
}
TEN = {f"MediaUrl{n}": f"https://m.example/{n}" for n in range(12)}


def without(form: dict[str, str], *names: str) -> dict[str, str]:
    """`form` as it comes when fields are missing."""
    return {name: value for name, value in form.items() if name not in names}


def text(body: str = INBOUND["Body"], segments: int | None = 1) -> Received:
    """What INBOUND states, with another body."""
    return Received(SM, "+14155552345", "+18885550100", body, segments=segments)


TEXTS: dict[str, tuple[dict[str, str], Received | None]] = {
    "an SMS": (INBOUND, text()),
    "emoji, split in two": (INBOUND | {"Body": "👍🏽 ok — é", "NumSegments": "2"}, text("👍🏽 ok — é", 2)),
    "no words": (INBOUND | {"Body": ""}, text("")),
    "STOP, as Advanced Opt-Out marks it": (INBOUND | {"Body": "Stop", "OptOutType": "STOP"}, text("Stop")),
    "by way of a messaging service": (INBOUND | {"MessagingServiceSid": "MG" + "0" * 32}, text()),
    "fields of next year": (INBOUND | {"Mood": "good", "ChannelMetadata": '{"a": 1}'}, text()),
    "a NUL": (INBOUND | {"Body": "a\x00b"}, text("ab")),
    "half a pair": (INBOUND | {"Body": "a\ud83db"}, text("a\ufffdb")),
    "a pair in two halves": (INBOUND | {"Body": "\ud83d\ude00"}, text("😀")),
    "a short code": (
        INBOUND | {"From": "72645"},
        Received(SM, "72645", "+18885550100", text().body, segments=1),
    ),
    "no segments": (without(INBOUND, "NumSegments"), text(segments=None)),
    "segments in words": (INBOUND | {"NumSegments": "one"}, text(segments=None)),
    "segments beyond all reason": (INBOUND | {"NumSegments": "9" * 30}, text(segments=None)),
    "no state": (without(INBOUND, "SmsStatus"), text()),
    "pictures": (
        INBOUND | PICTURES,
        Received(
            MM,
            "+14155552345",
            "+18885550100",
            "",
            (
                Media(PICTURES["MediaUrl0"], "image/jpeg"),
                Media(PICTURES["MediaUrl1"], "application/octet-stream"),
            ),
            1,
        ),
    ),
    "pictures and no body at all": (
        without(INBOUND, "Body") | {"NumMedia": "1", "MediaUrl0": "https://m.example/0"},
        Received(
            SM,
            "+14155552345",
            "+18885550100",
            "",
            (Media("https://m.example/0", "application/octet-stream"),),
            1,
        ),
    ),
    "more pictures than there can be": (
        INBOUND | TEN | {"NumMedia": "12"},
        Received(
            SM,
            "+14155552345",
            "+18885550100",
            text().body,
            tuple(Media(f"https://m.example/{n}", "application/octet-stream") for n in range(10)),
            1,
        ),
    ),
    "a picture that is no address": (INBOUND | {"NumMedia": "1", "MediaUrl0": "file:///etc/passwd"}, text()),
    "fewer pictures than counted": (INBOUND | {"NumMedia": "3"}, text()),
    "pictures in words": (INBOUND | {"NumMedia": "some", "MediaUrl0": "https://m.example/0"}, text()),
    "no sid": (without(INBOUND, "MessageSid"), None),
    "a wrong sid": (INBOUND | {"MessageSid": "SM1; DROP TABLE"}, None),
    "no sender": (INBOUND | {"From": ""}, None),
    "no recipient": (without(INBOUND, "To"), None),
    "a status webhook": (STATUS, None),
    "a sent one's state": (INBOUND | {"SmsStatus": "sent"}, None),
    "neither body nor picture": (without(INBOUND, "Body"), None),
    "nothing": ({}, None),
}


def receipt(status: str, code: str | None = None, words: str = "", **more: Any) -> ReceiptArrived:
    """A receipt for SM."""
    return ReceiptArrived(SM, status, code, words, **more)  # type: ignore[arg-type]


def state(status: str, **more: str) -> dict[str, str]:
    """STATUS with another state."""
    return STATUS | {"SmsStatus": status, "MessageStatus": status} | more


OFF = "The phone was off or out of reach."
LANDLINE = "This number cannot get texts: it is a landline, or not in use. Call, or send an email."
FILTERED = "The phone network's spam filter stopped this text. Word it differently before sending it again."
UNVERIFIED = "This toll-free number is not verified yet, and the phone networks block its texts until it is."
STOPPED = "This client has texted STOP. They get texts again once they text START."

RECEIPTS: dict[str, tuple[dict[str, str], ReceiptArrived | None]] = {
    **{
        status: (state(status), receipt(status))
        for status in ("accepted", "queued", "sending", "sent", "delivered", "canceled", "read")
    },
    "undelivered": (state("undelivered"), receipt("undelivered")),
    "failed": (state("failed"), receipt("failed")),
    "scheduled": (state("scheduled"), receipt("accepted")),
    "partially delivered": (state("partially_delivered"), receipt("sent")),
    "off": (
        state("undelivered", ErrorCode="30003"),
        receipt("undelivered", "30003", OFF, again=Again(most=3, wait=1800)),
    ),
    "landline": (
        state("undelivered", ErrorCode="30006"),
        receipt("undelivered", "30006", LANDLINE, reach="landline"),
    ),
    "filtered": (state("failed", ErrorCode="30007"), receipt("failed", "30007", FILTERED)),
    "not verified": (state("undelivered", ErrorCode="30032"), receipt("undelivered", "30032", UNVERIFIED)),
    "opted out": (state("failed", ErrorCode="21610"), receipt("failed", "21610", STOPPED, opted_out=True)),
    "a code of next year": (
        state("failed", ErrorCode="39999"),
        receipt("failed", "39999", "The carrier did not deliver this text (39999)."),
    ),
    "delivered, though with a code": (
        state("delivered", ErrorCode="30008"),
        receipt(
            "delivered",
            "30008",
            "The phone network did not deliver this text and gave no reason.",
            again=Again(most=2, wait=600),
        ),
    ),
    "a code of next year, in their words": (
        state("failed", ErrorCode="39999", ErrorMessage="Moon in the way"),
        receipt(
            "failed",
            "39999",
            "The carrier did not deliver this text: “Moon in the way” (39999).",
            verbatim="Moon in the way",
        ),
    ),
    "a code that is none": (state("failed", ErrorCode=""), receipt("failed")),
    "a code in words": (state("failed", ErrorCode="none"), receipt("failed")),
    "zero for a code": (state("delivered", ErrorCode="0"), receipt("delivered")),
    "when the handset said so": (state("delivered", RawDlrDoneDate="2611230907"), receipt("delivered")),
    "fields of next year": (state("delivered", Mood="good"), receipt("delivered")),
    "the old name of the state": (without(state("sent"), "MessageStatus"), receipt("sent")),
    "an inbound text": (INBOUND, None),
    "a state of next year": (state("teleported"), None),
    "no state": (without(STATUS, "MessageStatus", "SmsStatus"), None),
    "no sid": (without(STATUS, "MessageSid"), None),
    "a wrong sid": (STATUS | {"MessageSid": "SM\x00"}, None),
    "nothing": ({}, None),
}
