"""Calls in Twilio's notation: scripts as TwiML, and what its requests about calls and recordings say.

Sources: Twilio's guides to TwiML for voice (Say, Dial, Number, Gather, Record), to voice webhooks, and to the Calls and
Recordings resources; its list of the numbers that stand for a withheld one. Reviewed 2026-11-26.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args
from xml.etree import ElementTree as ET

from parley.carriers.base import Unavailable
from parley.carriers.twilio.webhooks import clean, fields, moment, whole
from parley.carriers.voice import (
    AskKey,
    CallSaid,
    CallStatus,
    Connect,
    HangUp,
    Phone,
    Record,
    RecordingSaid,
    Reject,
    Say,
    Step,
    TranscriptSaid,
)

CALL = re.compile(r"CA[0-9a-fA-F]{32}")
RECORDING = re.compile(r"RE[0-9a-fA-F]{32}")
SCRIPT_TYPE = "text/xml; charset=utf-8"
# Twilio writes down what it hears in English alone, and at most two minutes of it.
WRITES_DOWN: tuple[str, ...] = ("en",)
# It rings ten phones at once at the most.
MOST_PHONES = 10

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# What Twilio puts in the place of a number that is withheld: a word, or its letters on a keypad.
_WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
_STATUSES: dict[str, CallStatus] = {status: status for status in get_args(CallStatus)}
_YES_NO = {"true": True, "false": False}
_VOICES = {"en": ("en-US", "Polly.Joanna"), "fr": ("fr-CA", "Polly.Chantal"), "es": ("es-US", "Polly.Lupe")}
# XML 1.0 has no place for these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STEPS = "initiated ringing answered completed"
_SILENCE = 5
_UNREADABLE = "The carrier's records could not be read."


def script(steps: Sequence[Step]) -> bytes:
    """The steps as TwiML."""
    response = ET.Element("Response")
    for step in steps:
        _write(response, step)
    written: bytes = ET.tostring(response, encoding="utf-8", xml_declaration=True)
    return written


def _write(parent: ET.Element, step: Step) -> None:
    match step:
        case Say():
            language, voice = _VOICES.get(step.language, _VOICES["en"])
            said = ET.SubElement(parent, "Say", language=language, voice=voice)
            said.text = _NOT_XML.sub(" ", step.words)
        case Connect():
            # The caller hears it ring, and pays nothing, until somebody takes it; unless something was said before.
            dial = ET.SubElement(
                parent,
                "Dial",
                timeout=str(step.seconds),
                callerId=step.shows,
                action=step.after,
                method="POST",
                answerOnBridge="true",
                timeLimit=str(step.longest_seconds),
            )
            for phone in step.phones[:MOST_PHONES]:
                _write_phone(dial, phone)
        case AskKey():
            gather = ET.SubElement(
                parent,
                "Gather",
                input="dtmf",
                numDigits="1",
                timeout=str(step.seconds),
                action=step.after,
                method="POST",
            )
            _write(gather, step.say)
        case Record():
            record = ET.SubElement(
                parent,
                "Record",
                maxLength=str(step.longest_seconds),
                timeout=str(_SILENCE),
                playBeep="true",
                trim="trim-silence",
                action=step.after,
                method="POST",
                recordingStatusCallback=step.tells,
                recordingStatusCallbackMethod="POST",
                recordingStatusCallbackEvent="completed absent",
            )
            if step.writes_down:
                record.set("transcribe", "true")
                record.set("transcribeCallback", step.writes_down)
        case HangUp():
            ET.SubElement(parent, "Hangup")
        case Reject():
            ET.SubElement(parent, "Reject", reason="busy" if step.busy else "rejected")


def _write_phone(dial: ET.Element, phone: Phone) -> None:
    number = ET.SubElement(
        dial, "Number", statusCallback=phone.tells, statusCallbackMethod="POST", statusCallbackEvent=_STEPS
    )
    if phone.asks:
        number.set("url", phone.asks)
        number.set("method", "POST")
    number.text = phone.number


def read_call(form: Sequence[tuple[str, str]]) -> CallSaid | None:
    """What a request about a call says; None if it says nothing of one."""
    told = fields(form)
    sid, status = told.get("CallSid", ""), _STATUSES.get(told.get("CallStatus", ""))
    if not CALL.fullmatch(sid) or status is None:
        return None
    leg_status = _leg_status(told)
    return CallSaid(
        carrier_id=sid,
        caller=_number(told.get("From", "")),
        called=_number(told.get("To", "")),
        status=status,
        parent_id=_sid(told.get("ParentCallSid")),
        seconds=whole(told.get("CallDuration")),
        leg_status=leg_status,
        leg_id=_sid(told.get("DialCallSid")),
        leg_seconds=whole(told.get("DialCallDuration")) if leg_status else None,
        bridged=_YES_NO.get(told.get("DialBridged", "")),
        key=told.get("Digits", ""),
        sequence=whole(told.get("SequenceNumber")),
        at=moment(told.get("Timestamp")),
    )


def _leg_status(told: dict[str, str]) -> CallStatus | None:
    said = told.get("DialCallStatus", "")
    return "completed" if said == "answered" else _STATUSES.get(said)


def read_recording(form: Sequence[tuple[str, str]]) -> RecordingSaid | None:
    """What a request about a recording says; None if it says nothing of one.

    `Record` asks what follows with the recording's name too, and then without a status: that is one as well.
    """
    told = fields(form)
    sid, call, status = told.get("RecordingSid", ""), told.get("CallSid", ""), told.get("RecordingStatus", "")
    if not RECORDING.fullmatch(sid) or not CALL.fullmatch(call) or status not in ("", "completed", "absent"):
        return None
    seconds = whole(told.get("RecordingDuration")) or 0
    return RecordingSaid(
        carrier_id=sid,
        call_id=call,
        url=told.get("RecordingUrl", ""),
        seconds=seconds,
        absent=status == "absent" or (not status and seconds == 0),
    )


def read_transcript(form: Sequence[tuple[str, str]]) -> TranscriptSaid | None:
    """What a request about a transcript says; None if it says nothing of one."""
    told = fields(form)
    sid, status = told.get("RecordingSid", ""), told.get("TranscriptionStatus", "")
    if not RECORDING.fullmatch(sid) or status not in ("completed", "failed"):
        return None
    return TranscriptSaid(sid, told.get("TranscriptionText", "").strip() if status == "completed" else "")


def listed(row: object) -> CallSaid:
    """A call resource as what is said of it. Raises Unavailable if it lacks what proves something."""
    if isinstance(row, dict):
        sid, status = row.get("sid"), _STATUSES.get(str(row.get("status")))
        if isinstance(sid, str) and CALL.fullmatch(sid) and status:
            return CallSaid(
                carrier_id=sid,
                caller=_number(_text(row, "from")),
                called=_number(_text(row, "to")),
                status=status,
                parent_id=_sid(row.get("parent_call_sid")),
                seconds=whole(row.get("duration")),
                at=moment(row.get("start_time")) or moment(row.get("date_created")),
            )
    raise Unavailable(_UNREADABLE)


def _text(row: dict[str, Any], name: str) -> str:
    return clean(str(row.get(name) or ""))


def _number(told: str) -> str:
    """E.164; empty where it is withheld, or no number that could be called back."""
    return told if _E164.fullmatch(told) and told not in _WITHHELD else ""


def _sid(told: object) -> str:
    return told if isinstance(told, str) and CALL.fullmatch(told) else ""
