"""Telephone calls: where they begin, from a phone or from the account.

A call that comes in:

    ringing --(first verb that speaks, or the Dial with answerOnBridge is connected)--> in-progress --> completed
       |-- the caller gives up, or <Reject> --> no-answer | busy
       `-- the TwiML cannot be had or read, nor the fallback's --> failed

What follows is the TwiML's (script.py), on legs (legs.py), and is reported (call_reports.py).
"""

from __future__ import annotations

import asyncio
import time

from parley.sandbox.call_reports import Reports
from parley.sandbox.legs import Legs
from parley.sandbox.lines import Line, Order
from parley.sandbox.records import Call, Number, new_sid
from parley.sandbox.script import Script
from parley.sandbox.weather import Sky
from parley.sandbox.webhooks import Webhooks
from parley.sandbox.world import World

# What stands for a number that its owner hides: https://www.twilio.com/docs/voice/twiml (From, "ANONYMOUS").
WITHHELD = "+266696687"
EVENTS = ("initiated", "ringing", "answered", "completed")


class Exchange:
    """The telephone exchange of the pretend carrier."""

    def __init__(self, world: World, sky: Sky, webhooks: Webhooks) -> None:
        self._world = world
        self._sky = sky
        self.reports = Reports(sky, webhooks)
        self.legs = Legs(world, self.reports)
        self._script = Script(world, self.legs, self.reports)

    def resume(self) -> None:
        """After a restart: what was under way has failed, and the account is told."""
        for call in list(self._world.calls.values()):
            if not call.is_final:
                self.reports.problem(call, 0, "the carrier restarted")
                self.legs.finish(call, "failed", 0)

    def close(self) -> None:
        """Stop in the middle of every call."""
        self.legs.close()

    def forget(self) -> None:
        """The calls are gone (World.forget_messages): nobody talks any more."""
        self.legs.forget()
        self.reports.forget()

    def call_us(self, handset: str, number: Number, withheld: bool) -> Call:
        """A phone calls one of the account's numbers. Returns the call; its webhook goes out."""
        self._world.put_handset(handset)
        call = Call(
            sid=new_sid("CA"),
            direction="inbound",
            sender=WITHHELD if withheld else handset,
            recipient=number.phone_number,
            handset=handset,
            ours=number.phone_number,
            created=time.time(),
            status="ringing",
            pace=self._sky.now.call_pace,
            fallback_url=number.voice_fallback_url,
            fallback_method=number.voice_fallback_method,
            callback=number.status_callback,
            callback_method=number.status_callback_method,
            callback_events=["completed"],
        )
        line = self.legs.open(call)
        self.legs.log(line, "calls", number.phone_number)
        self.legs.begin(self._script.converse(line, Order(number.voice_url, number.voice_method)))
        return call

    def place(self, call: Call) -> None:
        """The account calls a phone."""
        line = self.legs.open(call)
        self.legs.begin(self._outgoing(line, Order(call.url, call.method)))

    def redirect(self, line: Line, order: Order) -> None:
        """The leg gets other TwiML, in the middle of whatever it does."""
        line.redirect = order
        line.wake()

    async def _outgoing(self, line: Line, order: Order) -> None:
        call = line.call
        if not await self.legs.rings_until_answered(line, call.timeout):
            return
        asyncio.get_running_loop().call_later(line.real(call.time_limit), self.legs.hang_up, line)
        await self._script.converse(line, order)
