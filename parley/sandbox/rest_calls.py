"""Calls, as https://www.twilio.com/docs/voice/api/call-resource has them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.errors import Refusal
from parley.sandbox.exchange import EVENTS, Exchange
from parley.sandbox.lines import Order
from parley.sandbox.network import API_VERSION
from parley.sandbox.numbering import country, e164, is_emergency, national
from parley.sandbox.records import Call, new_sid
from parley.sandbox.rest import (
    COUNTRIES,
    V2010,
    Page,
    choice_parameter,
    dates,
    is_web_url,
    listed_2010,
    rfc2822,
    url_parameter,
    whole_number,
)
from parley.sandbox.twiml import Unreadable, read
from parley.sandbox.weather import Sky
from parley.sandbox.web import Request, Response, answer
from parley.sandbox.world import World

_METHODS = ("GET", "POST")
_TIMEOUT_LIMIT = 600
_TIME_LIMIT = 14400
_TWIML_LIMIT = 4000
_ENDING_SECONDS = 1.0


class Calls:
    """The handlers. Whom the account may call is decided at create; the rest is the exchange's."""

    def __init__(self, world: World, sky: Sky, exchange: Exchange) -> None:
        self._world = world
        self._sky = sky
        self._exchange = exchange

    def create(self, request: Request) -> Response:
        """POST Calls.json"""
        recipient, sender = self._recipient(request), self._sender(request)
        url, document = self._instructions(request)
        events = [word for value in request.form.get("StatusCallbackEvent", ()) for word in value.split()]
        call = Call(
            sid=new_sid("CA"),
            direction="outbound-api",
            sender=sender,
            recipient=recipient,
            handset=recipient,
            ours=sender,
            created=time.time(),
            status="queued",
            pace=self._sky.now.call_pace,
            form=request.body.decode("utf-8", "replace"),
            url=url,
            method=choice_parameter(request, "Method", _METHODS) or "POST",
            twiml=document,
            fallback_url=url_parameter(request, "FallbackUrl", 21205) or "",
            fallback_method=choice_parameter(request, "FallbackMethod", _METHODS) or "POST",
            callback=url_parameter(request, "StatusCallback", 21609) or "",
            callback_method=choice_parameter(request, "StatusCallbackMethod", _METHODS) or "POST",
            callback_events=[event for event in events if event in EVENTS] or ["completed"],
            timeout=float(_seconds(request, "Timeout", 60, _TIMEOUT_LIMIT)),
            time_limit=float(_seconds(request, "TimeLimit", _TIME_LIMIT, _TIME_LIMIT)),
            detect=request.value("MachineDetection") in ("Enable", "DetectMessageEnd"),
            record=(request.value("Record") or "").lower() == "true",
            recording_callback=url_parameter(request, "RecordingStatusCallback", 21609) or "",
        )
        self._exchange.place(call)
        return answer(self._resource(call), 201)

    def _recipient(self, request: Request) -> str:
        text = request.value("To")
        if not text:
            raise Refusal(21201)
        if is_emergency(text):
            raise Refusal(21216, text)
        recipient = e164(text)
        if recipient is None:
            raise Refusal(21211, text)
        if country(recipient) not in COUNTRIES:
            raise Refusal(21215, recipient)
        return recipient

    def _sender(self, request: Request) -> str:
        text = request.value("From")
        if not text:
            raise Refusal(21213)
        sender = e164(text)
        if sender is None:
            raise Refusal(21212, text)
        if sender not in self._world.numbers:
            raise Refusal(21210, sender)
        return sender

    def _instructions(self, request: Request) -> tuple[str, str]:
        """Where the TwiML is, or the TwiML."""
        url, document = request.value("Url") or "", request.value("Twiml") or ""
        if request.value("ApplicationSid"):
            raise Refusal(21218, request.value("ApplicationSid") or "")
        if url:
            if not is_web_url(url):
                raise Refusal(21205, url)
            return url, ""
        if not document:
            raise Refusal(21205)
        if len(document) > _TWIML_LIMIT:
            raise Refusal(20001, f"Twiml may have {_TWIML_LIMIT} characters")
        return "", document

    def fetch(self, request: Request, sid: str) -> Response:
        """GET Calls/{sid}.json"""
        return answer(self._resource(self._found(request, sid)))

    def list_calls(self, request: Request) -> Response:
        """GET Calls.json, newest first. A call that was not answered is dated by its creation."""
        self._sky.before_list()
        page = Page.asked(request)
        query = request.query
        earliest, latest = dates(query, "StartTime")
        wanted = {
            "recipient": query.get("To"),
            "sender": query.get("From"),
            "status": query.get("Status"),
            "parent": query.get("ParentCallSid"),
        }
        found = [
            call
            for call in reversed(self._world.calls.values())
            if not call.deleted
            and self._sky.lists(call.created)
            and earliest <= (call.answered or call.created) <= latest
            and all(not value or getattr(call, name) == value for name, value in wanted.items())
        ]
        rows, more = page.cut(found, {call.sid: place for place, call in enumerate(found)})
        return listed_2010(request, "calls", [self._resource(call) for call in rows], page, more)

    async def update(self, request: Request, sid: str) -> Response:
        """POST Calls/{sid}.json: end it (Status), or give it other TwiML (Url, Twiml)."""
        call = self._found(request, sid)
        status = choice_parameter(request, "Status", ("canceled", "completed"))
        line = self._exchange.legs.line(sid)
        if line is None:
            raise Refusal(21220)
        if status is not None:
            if status == "canceled" and call.answered is not None:
                raise Refusal(21220)
            self._exchange.legs.hang_up(line, "canceled")
            try:
                await asyncio.wait_for(line.over.wait(), _ENDING_SECONDS)
            except TimeoutError:
                pass
        elif request.value("Url") or request.value("Twiml"):
            if call.answered is None:
                raise Refusal(21220)
            url, document = self._instructions(request)
            method = choice_parameter(request, "Method", _METHODS) or "POST"
            try:
                order = Order(url, method, read(document) if document else None)
            except Unreadable as error:
                raise Refusal(20001, f"Invalid parameter Twiml: {error}") from error
            self._exchange.redirect(line, order)
        return answer(self._resource(call))

    def delete(self, request: Request, sid: str) -> Response:
        """DELETE Calls/{sid}.json"""
        call = self._found(request, sid)
        if not call.is_final:
            raise Refusal(21220)
        call.deleted = True
        self._world.put_call(call)
        return Response(204, content_type=b"")

    def _found(self, request: Request, sid: str) -> Call:
        call = self._world.calls.get(sid)
        if call is None or call.deleted:
            raise Refusal(20404, request.path)
        return call

    def _resource(self, call: Call) -> dict[str, Any]:
        uri = f"{V2010}/Calls/{call.sid}"
        ours = self._world.numbers.get(call.ours)
        answered_by = {"person": "human", "voicemail": "machine_start"}.get(call.answered_by)
        return {
            "account_sid": ACCOUNT_SID,
            "answered_by": answered_by if call.detect else None,
            "api_version": API_VERSION,
            "caller_name": None,
            "date_created": rfc2822(call.created),
            "date_updated": rfc2822(call.updated),
            "direction": call.direction,
            "duration": None if call.duration is None else str(call.duration),
            "end_time": rfc2822(call.ended) if call.ended else None,
            "forwarded_from": None,
            "from": call.sender,
            "from_formatted": national(call.sender),
            "group_sid": None,
            "parent_call_sid": call.parent or None,
            "phone_number_sid": ours.sid if ours else None,
            "price": None,
            "price_unit": "USD",
            "queue_time": "0",
            "sid": call.sid,
            "start_time": rfc2822(call.answered or call.created) if call.status != "queued" else None,
            "status": call.status,
            "subresource_uris": {"recordings": f"{uri}/Recordings.json"},
            "to": call.recipient,
            "to_formatted": national(call.recipient),
            "trunk_sid": None,
            "uri": f"{uri}.json",
        }


def _seconds(request: Request, name: str, default: int, limit: int) -> int:
    text = request.value(name)
    if text is None:
        return default
    seconds = whole_number(text)
    if not seconds or seconds > limit:
        raise Refusal(20001, f"{name} must be between 1 and {limit}")
    return seconds
