"""Messages and their media, as https://www.twilio.com/docs/messaging/api/message-resource has them."""

from __future__ import annotations

import os
import time
from typing import Any

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.errors import FAILURES, Refusal
from parley.sandbox.network import API_VERSION, Network
from parley.sandbox.numbering import country, e164
from parley.sandbox.records import Message, Picture, new_sid
from parley.sandbox.rest import COUNTRIES, V2010, Page, dates, is_web_url, listed_2010, rfc2822, whole_number
from parley.sandbox.segments import segments
from parley.sandbox.weather import Sky
from parley.sandbox.web import Request, Response, answer
from parley.sandbox.world import World

BODY_LIMIT = 1600
MEDIA_LIMIT = 10
VALIDITY_LIMIT = 36000
MEDIA_LINK_SECONDS = 4 * 3600


class Messages:
    """The handlers. Which numbers may be texted, and how, is decided at create; the rest is the network's."""

    def __init__(self, world: World, sky: Sky, network: Network) -> None:
        self._world = world
        self._sky = sky
        self._network = network
        self._links: dict[str, tuple[float, Picture]] = {}

    def create(self, request: Request) -> Response:
        """POST Messages.json"""
        return answer(as_resource(self._accept(request)), 201)

    def _accept(self, request: Request) -> Message:
        recipient = self._recipient(request)
        sender = self._sender(request)
        if sender == recipient:
            raise Refusal(21266, recipient)
        body = request.value("Body") or ""
        media_urls = [url for url in request.form.get("MediaUrl", ()) if url]
        if not body and not media_urls:
            raise Refusal(21602)
        if len(body) > BODY_LIMIT:
            raise Refusal(21617)
        if len(media_urls) > MEDIA_LIMIT:
            raise Refusal(21623)
        for url in media_urls:
            if not is_web_url(url):
                raise Refusal(21620, url)
        callback = request.value("StatusCallback") or ""
        if callback and not is_web_url(callback):
            raise Refusal(21609, callback)
        validity = whole_number(request.value("ValidityPeriod") or str(VALIDITY_LIMIT))
        if validity is None or not 1 <= validity <= VALIDITY_LIMIT:
            raise Refusal(20001, f"ValidityPeriod must be between 1 and {VALIDITY_LIMIT}")
        if (sender, recipient) in self._world.blocked:
            raise Refusal(21610)
        message = Message(
            sid=new_sid("MM" if media_urls else "SM"),
            order=0,
            direction="outbound-api",
            sender=sender,
            recipient=recipient,
            body=body,
            segments=segments(body) if body else 1,
            created=time.time(),
            status="queued",
            form=request.body.decode("utf-8", "replace"),
            callback=callback,
            validity=float(validity),
            media_urls=media_urls,
        )
        self._network.accept(message)
        return message

    def _recipient(self, request: Request) -> str:
        text = request.value("To")
        if not text:
            raise Refusal(21604)
        recipient = e164(text)
        if recipient is None:
            raise Refusal(21211, text)
        if country(recipient) not in COUNTRIES:
            raise Refusal(21408, recipient)
        return recipient

    def _sender(self, request: Request) -> str:
        text = request.value("From")
        if request.value("ScheduleType") or request.value("SendAt"):
            raise Refusal(35118)
        if not text:
            raise Refusal(21701 if request.value("MessagingServiceSid") else 21603)
        sender = e164(text)
        if sender is None:
            raise Refusal(21212, text)
        if sender not in self._world.numbers:
            raise Refusal(21659, sender)
        return sender

    def fetch(self, request: Request, sid: str) -> Response:
        """GET Messages/{sid}.json"""
        return answer(as_resource(self._found(request, sid)))

    def list_messages(self, request: Request) -> Response:
        """GET Messages.json, newest first. A message not sent yet is dated by its creation."""
        self._sky.before_list()
        page = Page.asked(request)
        sender, recipient = request.query.get("From"), request.query.get("To")
        earliest, latest = dates(request.query, "DateSent")
        lag = self._sky.now.list_lag_seconds
        if lag:
            latest = min(latest, time.time() - lag)
        found: list[Message] = []
        for message in self._world.newest_first(*(party for party in (sender, recipient) if party)):
            if message.created < earliest - VALIDITY_LIMIT:
                break  # nothing waits longer than that to be sent
            at = message.sent or message.created
            if (
                not message.deleted
                and message.direction != "network"
                and earliest <= at <= latest
                and (not lag or message.created <= latest)
                and (not sender or message.sender == sender)
                and (not recipient or message.recipient == recipient)
            ):
                found.append(message)
        places = {message.sid: place for place, message in enumerate(found)} if page[2] else {}
        rows, more = page.cut(found, places)
        return listed_2010(request, "messages", [as_resource(message) for message in rows], page, more)

    def update(self, request: Request, sid: str) -> Response:
        """POST Messages/{sid}.json: redact (Body=) or cancel (Status=canceled)."""
        message = self._found(request, sid)
        status, body = request.value("Status"), request.value("Body")
        if status is not None:
            if status != "canceled":
                raise Refusal(20001, f"Invalid parameter Status: {status}")
            if message.status != "queued":
                raise Refusal(30409)
            self._network.cancel(message)
        elif body is not None:
            if body:
                raise Refusal(20001, "Body can only be set to an empty string")
            if not message.is_final:
                raise Refusal(20009, "redact")
            self._world.mark(message, redacted=True)
        return answer(as_resource(message))

    def delete(self, request: Request, sid: str) -> Response:
        """DELETE Messages/{sid}.json"""
        message = self._found(request, sid)
        if not message.is_final:
            raise Refusal(20009, "delete")
        self._world.mark(message, deleted=True)
        return Response(204, content_type=b"")

    def feedback(self, request: Request, sid: str) -> Response:
        """POST Messages/{sid}/Feedback.json"""
        message = self._found(request, sid)
        outcome = request.value("Outcome") or "unconfirmed"
        if outcome not in ("confirmed", "unconfirmed"):
            raise Refusal(20001, f"Invalid parameter Outcome: {outcome}")
        now = rfc2822(time.time())
        return answer(
            {
                "account_sid": ACCOUNT_SID,
                "date_created": now,
                "date_updated": now,
                "message_sid": message.sid,
                "outcome": outcome,
                "uri": f"{V2010}/Messages/{message.sid}/Feedback.json",
            }
        )

    def _found(self, request: Request, sid: str) -> Message:
        message = self._world.messages.get(sid)
        if message is None or message.deleted or message.direction == "network":
            raise Refusal(20404, request.path)
        return message

    # Media

    def list_media(self, request: Request, sid: str) -> Response:
        """GET Messages/{sid}/Media.json"""
        message = self._found(request, sid)
        page = Page.asked(request)
        pictures = [p for p in (self._world.pictures[key] for key in message.pictures) if not p.deleted]
        rows, more = page.cut(pictures, {picture.sid: place for place, picture in enumerate(pictures)})
        return listed_2010(
            request, "media_list", [_picture_resource(picture) for picture in rows], page, more
        )

    def fetch_media(self, request: Request, sid: str, media_sid: str) -> Response:
        """GET Messages/{sid}/Media/{media_sid}.json"""
        return answer(_picture_resource(self._picture(request, sid, media_sid)))

    def delete_media(self, request: Request, sid: str, media_sid: str) -> Response:
        """DELETE Messages/{sid}/Media/{media_sid}.json"""
        self._world.delete_picture(self._picture(request, sid, media_sid))
        return Response(204, content_type=b"")

    def redirect_to_bytes(self, request: Request, sid: str, media_sid: str) -> Response:
        """GET Messages/{sid}/Media/{media_sid}: to a link that needs no password and lives four hours."""
        picture = self._picture(request, sid, media_sid)
        now = time.time()
        self._links = {link: entry for link, entry in self._links.items() if entry[0] > now}
        link = os.urandom(16).hex()
        self._links[link] = (now + MEDIA_LINK_SECONDS, picture)
        return Response(307, b"", b"", ((b"location", f"{request.origin}/media/{link}".encode("latin-1")),))

    def picture_bytes(self, request: Request, link: str) -> Response:
        """GET /media/{link}"""
        expires, picture = self._links.get(link, (0.0, None))
        if picture is None or expires < time.time() or picture.deleted:
            raise Refusal(20404, request.path)
        content = self._world.picture_path(picture).read_bytes()
        return Response(200, content, picture.content_type.encode("latin-1", "replace"))

    def _picture(self, request: Request, sid: str, media_sid: str) -> Picture:
        message = self._found(request, sid)
        picture = self._world.pictures.get(media_sid)
        if picture is None or picture.deleted or picture.sid not in message.pictures:
            raise Refusal(20404, request.path)
        return picture


def as_resource(message: Message) -> dict[str, Any]:
    """The message as the API says it."""
    uri = f"{V2010}/Messages/{message.sid}"
    return {
        "account_sid": ACCOUNT_SID,
        "api_version": API_VERSION,
        "body": "" if message.redacted else message.body,
        "date_created": rfc2822(message.created),
        "date_sent": rfc2822(message.sent) if message.sent else None,
        "date_updated": rfc2822(message.updated),
        "direction": message.direction,
        "error_code": message.code,
        "error_message": FAILURES.get(message.code) if message.code else None,
        "from": message.sender,
        "messaging_service_sid": None,
        "num_media": str(len(message.pictures) or len(message.media_urls)),
        "num_segments": str(message.segments),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": uri + "/Media.json"},
        "to": message.recipient,
        "uri": uri + ".json",
    }


def _picture_resource(picture: Picture) -> dict[str, Any]:
    return {
        "account_sid": ACCOUNT_SID,
        "content_type": picture.content_type,
        "date_created": rfc2822(picture.created),
        "date_updated": rfc2822(picture.created),
        "parent_sid": picture.parent,
        "sid": picture.sid,
        "uri": f"{V2010}/Messages/{picture.parent}/Media/{picture.sid}.json",
    }
