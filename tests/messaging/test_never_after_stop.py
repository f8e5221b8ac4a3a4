"""No text leaves to somebody who has opted out, by whatever road, in whatever order things happen.

A random walk over all roads, beside a model of what each client has said that is kept here, in Python.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction

from parley.carriers.base import Received
from parley.clients import consent
from parley.clients.consent import Category, How, Says
from parley.clients.models import Client
from parley.messaging import outcomes, revoking, sending, tasks
from parley.messaging.again import again_key
from parley.messaging.delivery import Claimed
from parley.messaging.doubt import Doubts
from parley.messaging.line import Line
from parley.messaging.models import Attempt, Message
from parley.messaging.outcomes import Changes, Fact, Outcome
from parley.messaging.patience import Patience
from parley.quota.models import Balance
from tests.messaging.signed import TWILIO
from tests.messaging.test_revoking import jobs, take, where_it_is
from tests.messaging.test_routing import shared
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)

OWN, CAMPAIGN = "+18555550142", "+18445550110"
STOPS = [
    "STOP",
    "stop it",
    "unsubscribe",
    "no mas",
    "Arrêtez",
    "please stop texting me",
    "take me off your list",
]
CHAT = ["Can we stop by at 5?", "yes", "See you then", "I'll be at the bus stop"]
STEPS = 250


@dataclass
class Walk:
    """What each client has said last, as a person would keep it; and the texts that were handed over."""

    house: House
    line: Line
    dice: random.Random
    stopped: set[str] = field(default_factory=set)
    by_team: set[str] = field(default_factory=set)
    likes: set[str] = field(default_factory=set)
    open: list[Claimed] = field(default_factory=list)
    left: int = 0
    refused: int = 0

    @sync_to_async
    def anybody(self) -> Client:
        return self.dice.choice(list(self.house.business.clients.order_by("phone")))

    # ---- Clients and members say something

    async def texts(self) -> None:
        client = await self.anybody()
        body = self.dice.choice([*STOPS, "START", "START", "UNSTOP", *CHAT])
        said = revoking.said_by(
            TWILIO, Received(f"SM{uuid4().hex}", client.phone, OWN, body), datetime.now(UTC)
        )
        if said:
            await self.line.run(lambda db: revoking.obey(db, [said], Changes(), wait=1.0))
        if body in STOPS:
            self.stopped.add(client.phone)
            self.by_team.discard(client.phone)
        elif body in ("START", "UNSTOP"):
            self.stopped.discard(client.phone)

    @sync_to_async
    def _record(self, client: Client, says: consent.Says, category: consent.Category) -> bool:  # type: ignore[valid-type]
        try:
            revoking.record(
                self.house.business,
                client.phone,
                category=category,
                says=says,
                how=How.BY_PHONE,
                words="Told us",
                member=self.house.owner,
            )
        except consent.OnlyTheClient:
            return False
        return True

    async def tells_a_member(self) -> None:
        client = await self.anybody()
        says = self.dice.choice([Says.REFUSED, Says.AGREED])
        category = self.dice.choice([Category.ALL, Category.MARKETING])
        done = await self._record(client, says, category)
        if says == Says.REFUSED:
            if category == Category.MARKETING:
                self.likes.discard(client.phone)
            if category == Category.ALL and client.phone not in self.stopped:
                self.stopped.add(client.phone)
                self.by_team.add(client.phone)
        elif done:
            self.likes.add(client.phone)
            if category == Category.ALL:
                assert client.phone not in self.stopped or client.phone in self.by_team
                self.stopped.discard(client.phone)

    # ---- The roads

    async def a_member_writes(self) -> None:
        await self._write(
            lambda client: sending.send(self.house.owner, client, channel="sms", body=f"Hi {uuid4()}")
        )

    async def an_automatic_text(self) -> None:
        kind = self.dice.choice([Message.Kind.TRANSACTIONAL, Message.Kind.MARKETING])
        await self._write(
            lambda client: sending.send_automatic(
                self.house.business, client, kind=kind, title="x", body=f"Auto {uuid4()}", key=uuid4()
            )
        )

    async def an_old_text_again(self) -> None:
        def repeat(client: Client) -> Message:
            old = self.house.business.messages.filter(their_address=client.phone).order_by("id").first()
            key = again_key(old.id) if old else uuid4()
            return sending.send(self.house.owner, client, channel="sms", body="Again", client_key=key)

        await self._write(repeat)

    async def _write(self, road: Callable[[Client], Message]) -> None:
        client = await self.anybody()

        def write() -> None:
            try:
                with transaction.atomic():
                    # As a page that was opened a while ago: the client's card is the one from then.
                    road(client)
            except sending.CannotSend:
                self.refused += 1

        await sync_to_async(write)()

    async def the_queue(self) -> None:
        for text in await take(self.line):
            self.left += 1
            confirms = await Message.objects.filter(
                attempts__id=text.attempt_id, why__has_key="confirms"
            ).aexists()
            if not confirms:
                assert text.recipient not in self.stopped, "a text left after a STOP"
                if text.sender == CAMPAIGN:
                    assert text.recipient in self.likes, "marketing left to somebody who had not agreed"
            self.open.append(text)

    async def the_carrier_answers(self) -> None:
        if not self.open:
            return
        text = self.open.pop(self.dice.randrange(len(self.open)))
        what = self.dice.choice(["taken", "not_sent", "refused", "lost", "absent"])
        patience = Patience(0.0001)
        if what in ("taken", "lost"):
            bound = Outcome(text.attempt_id, "bound", carrier_id=f"SM{uuid4().hex}")
            await outcomes.record(self.line, [bound], patience)
            if what == "lost":
                lost = Fact(bound.carrier_id, "undelivered", text.attempt_id, code="30003", words="Off.")
                await self.line.run(lambda db: outcomes.climb(db, [lost], Changes(), patience))  # type: ignore[arg-type]
        elif what == "absent":
            await outcomes.record(self.line, [Outcome(text.attempt_id, "unknown")], patience)
            attempt = await Attempt.objects.select_related("message").aget(pk=text.attempt_id)
            await self.line.run(lambda db: self._prove_absent(db, attempt, patience))
        else:
            await outcomes.record(self.line, [Outcome(text.attempt_id, what, words="No.")], patience)  # type: ignore[arg-type]

    @staticmethod
    async def _prove_absent(db: object, attempt: Attempt, patience: Patience) -> None:
        attempt.kind = attempt.message.kind  # type: ignore[attr-defined]
        attempt.message_age = 1.0  # type: ignore[attr-defined]
        attempt.confirms = "confirms" in attempt.message.why  # type: ignore[attr-defined]
        await Doubts({}, patience)._absent(db, attempt, Changes())  # type: ignore[arg-type]

    async def the_jobs(self) -> None:
        for job in await sync_to_async(jobs)(tasks.confirm_opt_out):
            await sync_to_async(tasks.confirm_opt_out)(**job)


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_road_leads_past_a_stop(line: Line, juniper: House, seed: int) -> None:
    await sync_to_async(shared)(CAMPAIGN, "marketing")
    for n in range(6):
        await sync_to_async(juniper.client)(f"C{n}", phone=f"+1503555010{n}", time_zone=where_it_is(12))
    walk = Walk(juniper, line, random.Random(seed))
    roads: list[tuple[Callable[[], Awaitable[None]], int]] = [
        (walk.texts, 3),
        (walk.tells_a_member, 2),
        (walk.a_member_writes, 4),
        (walk.an_automatic_text, 4),
        (walk.an_old_text_again, 1),
        (walk.the_queue, 5),
        (walk.the_carrier_answers, 6),
        (walk.the_jobs, 1),
    ]
    for _ in range(STEPS):
        [(step, _weight)] = walk.dice.choices(roads, [weight for _, weight in roads])
        await step()
    # Else nothing was tried.
    assert walk.left > 15
    assert walk.refused > 5
    assert (await Balance.objects.aget()).left > 0
