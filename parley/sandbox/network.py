"""The networks between the carrier and the handsets: pace, weather, delivery, keywords, webhooks.

A message that the account sends:

    queued --(its number's pace)--> sent --(delivery_seconds)--> delivered | undelivered
       |-- longer than its validity in the queue --> failed 30036
       |-- toll-free number not verified --> undelivered 30032
       `-- its picture cannot be fetched --> failed

Callbacks go out for everything after queued, in this order, unless the weather reorders, loses or doubles
them.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from parley.sandbox import keywords
from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.changes import Changes
from parley.sandbox.media import MediaFailure, MediaFetcher
from parley.sandbox.numbering import country, is_toll_free
from parley.sandbox.records import Message, Number, Picture, new_sid
from parley.sandbox.segments import segments
from parley.sandbox.weather import Next, Sky
from parley.sandbox.webhooks import Webhooks
from parley.sandbox.world import World

API_VERSION = "2010-04-01"
_NEXT_FAILS = {"unreachable": 30003, "filtered": 30007}


class Network:
    """`base_url` is where webhooks' receivers can fetch media from."""

    def __init__(
        self, world: World, sky: Sky, webhooks: Webhooks, media: MediaFetcher, changes: Changes
    ) -> None:
        self._changes = changes
        self._world = world
        self._sky = sky
        self._webhooks = webhooks
        self._media = media
        self.base_url = ""
        self._ordered: dict[str, Next] = {}
        self._free_at: dict[str, float] = {}
        self._held: dict[str, tuple[str, list[tuple[str, str]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def resume(self) -> None:
        """After a restart: take up what had not arrived."""
        for message in list(self._world.messages.values()):
            if message.direction != "inbound" and not message.is_final:
                self._enter(message)

    def close(self) -> None:
        """Stop fetching pictures."""
        for task in self._tasks:
            task.cancel()

    # From the account to a handset

    def accept(self, message: Message) -> None:
        """The account handed a message over, and the carrier said yes."""
        ordered = self._sky.take_next()
        if ordered:
            self._ordered[message.sid] = ordered
            self._changes.tell("weather")
        self._world.add_message(message)
        self._enter(message)

    def _enter(self, message: Message) -> None:
        if message.media_urls and not message.pictures:
            task = asyncio.get_running_loop().create_task(self._fetch_pictures(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        self._queue(message)

    async def _fetch_pictures(self, message: Message) -> None:
        try:
            found = await self._media.fetch(message.media_urls)
        except MediaFailure as failure:
            self._end(message, "failed", failure.code)
            return
        if message.sid not in self._world.messages:
            return
        sids = []
        for content_type, content in found:
            picture = Picture(new_sid("ME"), message.sid, content_type, len(content), time.time())
            self._world.add_picture(picture, content)
            sids.append(picture.sid)
        self._world.mark(message, pictures=sids)
        self._queue(message)

    def _queue(self, message: Message) -> None:
        number = self._world.numbers.get(message.sender)
        pace = number.pace if number else 0
        now = self.now
        leaves = now
        if pace:
            leaves = max(now, self._free_at.get(message.sender, 0.0))
            self._free_at[message.sender] = leaves + message.segments / pace
        loop = asyncio.get_running_loop()
        if leaves - now > message.validity:
            loop.call_at(now + message.validity, self._end, message, "failed", 30036)
        elif leaves > now:
            loop.call_at(leaves, self._leave, message)
        else:
            # Not before the answer to the request is written; a callback may still overtake it, as in life.
            loop.call_soon(self._leave, message)

    def pace_changed(self, number: Number) -> None:
        """The number is no longer as slow, or fast, as its queue was planned for."""
        self._free_at.pop(number.phone_number, None)

    def forget(self) -> None:
        """The messages are gone (World.forget_messages): nothing waits behind them any more."""
        self._free_at.clear()
        self._ordered.clear()
        self._held.clear()

    def _leave(self, message: Message) -> None:
        if message.is_final or message.sid not in self._world.messages:
            return
        number = self._world.numbers.get(message.sender)
        if number is not None and not number.may_reach_handsets:
            self._end(message, "undelivered", 30032)
            return
        if message.status != "sent":
            self._world.set_state(message, "sent")
            self._status_callback(message)
        delay = self._sky.seconds(self._sky.now.delivery_seconds)
        loop = asyncio.get_running_loop()
        ordered = self._ordered.pop(message.sid, None)
        failing = self._sky.happens(self._sky.now.fail_share)
        handset = self._world.put_handset(message.recipient)
        if handset.line_type == "landline":
            loop.call_later(delay, self._end, message, "undelivered", 30006)
        elif ordered in _NEXT_FAILS:
            loop.call_later(delay, self._end, message, "undelivered", _NEXT_FAILS[ordered])
        elif ordered is None and failing:
            loop.call_later(delay, self._end, message, "undelivered", self._sky.now.fail_code)
        else:
            loop.call_later(delay, self._end, message, "delivered", None, 2 if ordered == "twice" else 1)

    def _end(self, message: Message, status: str, code: int | None = None, shown: int = 0) -> None:
        if message.is_final or message.sid not in self._world.messages:
            return
        self._world.set_state(message, status, code, shown)
        self._status_callback(message)

    def cancel(self, message: Message) -> None:
        """The account took back a message that had not left."""
        self._end(message, "canceled")

    def _status_callback(self, message: Message) -> None:
        if not message.callback:
            return
        form = [
            ("AccountSid", ACCOUNT_SID),
            ("ApiVersion", API_VERSION),
            ("From", message.sender),
            ("MessageSid", message.sid),
            ("MessageStatus", message.status),
            ("SmsSid", message.sid),
            ("SmsStatus", message.status),
            ("To", message.recipient),
        ]
        if message.code is not None:
            form.append(("ErrorCode", str(message.code)))
        if message.status in ("delivered", "undelivered"):
            form.append(
                ("RawDlrDoneDate", datetime.fromtimestamp(message.updated, UTC).strftime("%y%m%d%H%M"))
            )
        weather = self._sky.now
        if not message.is_final and self._sky.happens(weather.callbacks_reordered):
            self._webhooks.counts["reordered"] += 1
            self._held[message.sid] = (message.status, form)
            return
        self._call_back(message, message.status, form)
        if message.is_final and message.sid in self._held:
            self._call_back(message, *self._held.pop(message.sid))

    def _call_back(self, message: Message, status: str, form: list[tuple[str, str]]) -> None:
        weather = self._sky.now
        if self._sky.happens(weather.callbacks_lost):
            self._webhooks.counts["lost"] += 1
            message.calls.append([status, "lost"])
            return
        times = 1
        if self._sky.happens(weather.callbacks_doubled):
            self._webhooks.counts["doubled"] += 1
            times = 2
        for _ in range(times):
            self._webhooks.call(
                message.sid,
                "POST",
                message.callback,
                form,
                lambda http_status, _body: message.calls.append([status, http_status]),
            )

    # From a handset to the account

    def text(self, handset: str, number: Number, body: str, pictures: list[tuple[str, bytes]]) -> Message:
        """A client texts one of the account's numbers. Returns the message; its webhook goes out."""
        self._world.put_handset(handset)
        now = time.time()
        message = Message(
            sid=new_sid("MM" if pictures else "SM"),
            order=0,
            direction="inbound",
            sender=handset,
            recipient=number.phone_number,
            body=body,
            segments=max(1, segments(body)),
            created=now,
            status="received",
            sent=now,
            ended=now,
        )
        for content_type, content in pictures:
            picture = Picture(new_sid("ME"), message.sid, content_type, len(content), now)
            self._world.add_picture(picture, content)
            message.pictures.append(picture.sid)
        self._world.add_message(message)
        self._react(message, toll_free=is_toll_free(number.phone_number))
        if number.sms_url:
            self._inbound_webhook(message, number)
        return message

    def _react(self, message: Message, *, toll_free: bool) -> None:
        reaction = keywords.reaction(message.body, toll_free=toll_free)
        if reaction is None:
            return
        pair = (message.recipient, message.sender)
        if reaction.effect == "stop":
            self._world.block(*pair)
        elif reaction.effect == "start":
            self._world.unblock(*pair)
        elif pair in self._world.blocked:
            return  # HELP is not answered to somebody who opted out
        self._world.add_message(
            Message(
                sid=new_sid("SM"),
                order=0,
                direction="network",
                sender=message.recipient,
                recipient=message.sender,
                body=reaction.words,
                segments=segments(reaction.words),
                created=time.time(),
                status="delivered",
                shown=1,
            )
        )

    def _inbound_webhook(self, message: Message, number: Number) -> None:
        form = [
            ("AccountSid", ACCOUNT_SID),
            ("ApiVersion", API_VERSION),
            ("Body", message.body),
            ("From", message.sender),
            ("FromCity", ""),
            ("FromCountry", country(message.sender)),
            ("FromState", ""),
            ("FromZip", ""),
            ("MessageSid", message.sid),
            ("NumMedia", str(len(message.pictures))),
            ("NumSegments", str(message.segments)),
            ("SmsMessageSid", message.sid),
            ("SmsSid", message.sid),
            ("SmsStatus", "received"),
            ("To", message.recipient),
            ("ToCity", ""),
            ("ToCountry", number.country),
            ("ToState", ""),
            ("ToZip", ""),
        ]
        for place, sid in enumerate(message.pictures):
            path = f"/{API_VERSION}/Accounts/{ACCOUNT_SID}/Messages/{message.sid}/Media/{sid}"
            form.append((f"MediaUrl{place}", self.base_url + path))
            form.append((f"MediaContentType{place}", self._world.pictures[sid].content_type))

        def done(http_status: int, _body: bytes) -> None:
            message.calls.append(["received", http_status])
            if not 200 <= http_status < 300 and number.sms_fallback_url:
                self._webhooks.call(
                    message.sid,
                    number.sms_fallback_method,
                    number.sms_fallback_url,
                    [*form, ("ErrorCode", "11200"), ("ErrorUrl", number.sms_url)],
                    lambda status, _body: message.calls.append(["fallback", status]),
                )

        self._webhooks.call(message.sid, number.sms_method, number.sms_url, form, done)
