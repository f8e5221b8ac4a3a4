"""Recordings, as https://www.twilio.com/docs/voice/api/recording has them. Their sound needs the account's password."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.call_reports import Reports
from parley.sandbox.errors import Refusal
from parley.sandbox.network import API_VERSION
from parley.sandbox.records import Recording
from parley.sandbox.rest import V2010, Page, dates, listed_2010, rfc2822
from parley.sandbox.weather import Sky
from parley.sandbox.web import Request, Response, answer
from parley.sandbox.world import World


class Recordings:
    """The handlers."""

    def __init__(self, world: World, sky: Sky, reports: Reports) -> None:
        self._world = world
        self._sky = sky
        self._reports = reports

    def list_recordings(self, request: Request, call_sid: str = "") -> Response:
        """GET Recordings.json, GET Calls/{call_sid}/Recordings.json: newest first."""
        self._sky.before_list()
        page = Page.asked(request)
        wanted = call_sid or request.query.get("CallSid")
        earliest, latest = dates(request.query, "DateCreated")
        found = [
            one
            for one in reversed(self._world.recordings.values())
            if not one.deleted
            and (not wanted or one.call == wanted)
            and earliest <= one.created <= latest
            and self._sky.lists(one.created)
        ]
        rows, more = page.cut(found, {one.sid: place for place, one in enumerate(found)})
        return listed_2010(request, "recordings", [self._resource(one) for one in rows], page, more)

    def fetch(self, request: Request, sid: str) -> Response:
        """GET Recordings/{sid}.json"""
        return answer(self._resource(self._found(request, sid)))

    def delete(self, request: Request, sid: str) -> Response:
        """DELETE Recordings/{sid}.json"""
        self._world.delete_recording(self._found(request, sid))
        return Response(204, content_type=b"")

    async def sound(self, request: Request, name: str) -> Response:
        """GET Recordings/{sid} and Recordings/{sid}.wav. An mp3 cannot be had here: 406."""
        sid, _, kind = name.partition(".")
        recording = self._found(request, sid)
        if recording.status != "completed" or kind not in ("", "wav", "mp3"):
            raise Refusal(20404, request.path)
        if kind == "mp3":
            return answer({"error": "this carrier has recordings as wav only"}, 406)
        if time.time() < recording.created + self._sky.now.recording_late_seconds:
            raise Refusal(20404, request.path)
        if self._sky.happens(self._sky.now.recording_garbage):
            return Response(200, b"<html><body><h1>It works!</h1></body></html>", b"text/html")
        content = await asyncio.to_thread(self._world.recording_path(recording).read_bytes)
        return Response(200, content, b"audio/x-wav")

    def _found(self, request: Request, sid: str) -> Recording:
        recording = self._world.recordings.get(sid)
        if recording is None or recording.deleted:
            raise Refusal(20404, request.path)
        return recording

    def _resource(self, recording: Recording) -> dict[str, Any]:
        uri = f"{V2010}/Recordings/{recording.sid}"
        return {
            "account_sid": ACCOUNT_SID,
            "api_version": API_VERSION,
            "call_sid": recording.call,
            "channels": 1,
            "conference_sid": None,
            "date_created": rfc2822(recording.created),
            "date_updated": rfc2822(recording.created),
            "duration": str(recording.duration),
            "encryption_details": None,
            "error_code": None,
            "media_url": self._reports.url_of(recording),
            "price": None,
            "price_unit": "USD",
            "sid": recording.sid,
            "source": recording.source,
            "start_time": rfc2822(recording.started),
            "status": recording.status,
            "subresource_uris": {
                "add_on_results": f"{uri}/AddOnResults.json",
                "transcriptions": f"{uri}/Transcriptions.json",
            },
            "uri": f"{uri}.json",
        }
