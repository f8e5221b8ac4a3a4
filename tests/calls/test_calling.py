"""A member calls a client: their own phone first, then the client's, once, and what became of it."""

from __future__ import annotations

import uuid
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parley.calls import answering, calling, settling
from parley.calls.models import Call, Ring
from parley.messaging.models import Conversation, Message
from tests.calls.conftest import MAYA, NORA_S, Answer, Line, Shelf, the_call
from tests.calls.test_webhooks import jobs, take, talked
from tests.people import House

pytestmark = pytest.mark.django_db


class Outgoing:
    """A member's call, as the carrier sees it: Nora's phone, and then Maya's."""

    def __init__(self, house: House, base: str, key: uuid.UUID | None = None) -> None:
        maya = house.business.clients.first() or house.client()
        self.call = calling.start(house.owner, maya, key or uuid.uuid4())
        self.own = Line(base, NORA_S, house.number.number)
        self.leg = Line(base, MAYA, house.number.number)

    def placed(self, shelf: Shelf) -> None:
        shelf.says("POST", "/Calls.json", {"sid": self.own.sid, "status": "queued"}, 201)
        calling.place(self.call.pk, self.call.business_id)
        self.ring = Ring.objects.get(call=self.call)

    def _url(self, what: str) -> str:
        return f"/voice/twilio/rings/{self.ring.pk}/{what}"

    def picked_up(self) -> Answer:
        return self.own.post(self._url("asks"), "in-progress")

    def pressed(self, key: str = "1") -> Answer:
        return self.own.post(self._url("key"), "in-progress", Digits=key)

    def own_phone(self, status: str, **more: str) -> Answer:
        return self.own.post(self._url("tells"), status, **more)

    def client(self, status: str, **more: str) -> Answer:
        url = f"/voice/twilio/calls/{self.call.pk}/leg"
        return self.leg.post(url, status, ParentCallSid=self.own.sid, **more)

    def after(self, status: str, **more: str) -> Answer:
        url = f"/voice/twilio/calls/{self.call.pk}/after"
        return self.own.post(url, "in-progress", DialCallStatus=status, DialCallSid=self.leg.sid, **more)

    def state(self) -> tuple[str, str]:
        self.call.refresh_from_db()
        return self.call.state, self.call.reason


@pytest.fixture
def outgoing(house: House, line: Line, shelf: Shelf) -> Outgoing:
    house.text(house.client(), "Call me?")
    placed = Outgoing(house, line.base)
    placed.placed(shelf)
    return placed


def test_the_member_s_phone_rings_first_and_the_client_sees_the_business(
    outgoing: Outgoing, house: House, shelf: Shelf
) -> None:
    assert shelf.asked == [("POST", "/Calls.json")]
    assert outgoing.call.message.state == "sent"
    talk = Conversation.objects.get()
    assert (talk.last_message, talk.waiting) == (outgoing.call.message, True), "they have not talked yet"
    asked = outgoing.picked_up()
    assert (asked.said, asked.verbs) == ("Press 1 to call Maya Okafor.", ["Gather", "Hangup"])
    script = outgoing.pressed()
    assert (script.phones, script.of("Dial", "callerId")) == ([MAYA], house.number.number)
    assert NORA_S not in script.body.decode()
    assert "url" not in next(script.root.iter("Number")).attrib, "nobody asks the client for a key"
    assert outgoing.state() == ("ringing", "")
    outgoing.client("in-progress")
    assert outgoing.state() == ("talking", "")
    talk.refresh_from_db()
    assert (talk.waiting, talk.unread, talk.assignee) == (False, 0, house.owner)
    assert outgoing.after("completed", DialCallDuration="123").verbs == ["Hangup"]
    outgoing.client("completed", CallDuration="123")
    outgoing.own_phone("completed", CallDuration="140")
    call = the_call()
    assert (call.state, call.seconds, call.member, call.carrier_id) == (
        "ended",
        123,
        house.owner,
        outgoing.leg.sid,
    )
    assert (call.message.title, call.message.author) == ("Outgoing call, 2:03", house.owner)


@pytest.mark.parametrize(
    ("told", "state", "title"),
    [
        ([("client", "busy"), ("after", "busy"), ("own_phone", "completed")], "busy", "busy"),
        (
            [("client", "no-answer"), ("after", "no-answer"), ("own_phone", "completed")],
            "missed",
            "no answer",
        ),
        ([("client", "failed"), ("after", "failed")], "failed", "could not be connected"),
        ([("client", "canceled"), ("own_phone", "completed")], "canceled", "hung up"),
        ([("own_phone", "no-answer")], "canceled", "hung up"),
        ([("own_phone", "failed")], "failed", "could not be connected"),
    ],
)
def test_how_it_may_end(outgoing: Outgoing, told: list[tuple[str, str]], state: str, title: str) -> None:
    if told[0][0] != "own_phone":
        outgoing.picked_up()
        outgoing.pressed()
    for what, status in told:
        said = getattr(outgoing, what)(status)
        if what == "after":
            assert said.said.startswith("Maya Okafor ")
    assert outgoing.state()[0] == state
    assert the_call().message.title == f"Outgoing call, {title}"
    assert bool(the_call().reason) is (state == "failed" or told[0][0] == "own_phone")
    assert Conversation.objects.get().waiting


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_in_whatever_order_it_is_told_the_end_is_the_same(outgoing: Outgoing, data: st.DataObject) -> None:
    with transaction.atomic():
        outgoing.picked_up()
        told = [
            lambda: outgoing.pressed(),
            lambda: outgoing.own_phone("in-progress"),
            lambda: outgoing.own_phone("completed", CallDuration="80"),
            lambda: outgoing.client("ringing"),
            lambda: outgoing.client("in-progress"),
            lambda: outgoing.client("completed", CallDuration="63"),
            lambda: outgoing.after("completed", DialCallDuration="63"),
        ]
        for tell in data.draw(st.permutations(told + told[-2:])):
            assert tell().status == 200
        call = the_call()
        state = (call.state, call.seconds, call.message.title, Conversation.objects.get().waiting)
        rings = list(Ring.objects.values_list("state", flat=True))
        transaction.set_rollback(True)
    assert state == ("ended", 63, "Outgoing call, 1:03", False)
    assert rings in (["taken"], ["picked_up"], ["missed"])


def test_what_keeps_a_member_from_calling(house: House, line: Line) -> None:
    maya = house.client()

    def why(**changed: Any) -> str:
        for name, value in changed.items():
            setattr(maya, name, value)
        problem = calling.why_not(house.owner, maya)
        return f"{problem.where}: {problem.words}" if problem else ""

    assert why() == ""
    for emergency in ("911", "+1911", "988", "112"):
        assert why(phone=emergency).startswith("client: ")
        assert "is an emergency number" in why(phone=emergency)
    assert why(phone="") == "client: Maya has no phone number yet. Add one to their card."
    assert "your own phone" in why(phone=NORA_S)
    maya.phone = MAYA
    house.owner.phone = ""
    assert why().startswith("profile: We ring your own phone first")
    house.owner.phone = NORA_S
    house.number.paused = "The carrier has suspended it."
    house.number.save(update_fields=["paused"])
    assert "The carrier has suspended it." in why()
    type(house.number).objects.update(approved_at=None)
    assert "no approved number yet" in why()
    answering.remove(house.business)
    assert why().startswith("settings: Calls aren’t activated")
    with pytest.raises(calling.CannotCall):
        calling.start(house.owner, maya, uuid.uuid4())
    assert not Call.objects.exists()


def test_a_second_post_is_the_same_call_and_the_carrier_is_asked_once(
    house: House, line: Line, shelf: Shelf
) -> None:
    key = uuid.uuid4()
    first, second = Outgoing(house, line.base, key), Outgoing(house, line.base, key)
    assert first.call == second.call
    assert Message.objects.count() == len(jobs("place_call")) == 1
    with pytest.raises(calling.CannotCall, match="ringing for another call"):
        Outgoing(house, line.base)
    # No clear answer: it may ring, so nobody calls again. Then it rings.
    shelf.says("POST", "/Calls.json", {}, 500)
    for _ in range(3):
        calling.place(first.call.pk, first.call.business_id)
    assert shelf.asked == [("POST", "/Calls.json")]
    first.ring = Ring.objects.get()
    assert first.state() == ("calling", "")
    first.picked_up()
    assert Ring.objects.get().carrier_id == first.own.sid
    # A worker that died after its claim: the same.
    first.client("in-progress")
    assert first.state()[0] == "talking"


@pytest.mark.django_db(transaction=True)
def test_two_pages_at_once_ring_the_member_s_phone_once(house: House, line: Line) -> None:
    maya, keys = house.client(), [uuid.uuid4(), uuid.uuid4()]
    together, refused = Barrier(4), []

    def ask(key: uuid.UUID) -> None:
        together.wait(20)
        try:
            calling.start(house.owner, maya, key)
        except calling.CannotCall as reason:
            refused.append(reason.words)
        finally:
            connections.close_all()

    # Each of them pressed twice.
    asking = [Thread(target=ask, args=(key,)) for key in keys * 2]
    for each in asking:
        each.start()
    for each in asking:
        each.join(30)
    assert (Call.objects.count(), len(jobs("place_call")), len(refused)) == (1, 1, 2)


def test_nobody_s_phone_rings_long_after(house: House, line: Line, shelf: Shelf) -> None:
    late = Outgoing(house, line.base)
    Call.objects.update(started_at=timezone.now() - timedelta(minutes=2))
    calling.place(late.call.pk, late.call.business_id)
    assert late.state() == ("failed", calling.WAITED)
    assert not shelf.asked


def test_what_the_carrier_refuses_is_said(house: House, line: Line, shelf: Shelf) -> None:
    for code, words in [
        (21215, "The account may not call this number. An administrator can allow it at the carrier."),
        (29999, "The carrier refused this call: “Nope” (29999)."),
    ]:
        refused = Outgoing(house, line.base)
        shelf.refuses("POST", "/Calls.json", code, "Nope")
        calling.place(refused.call.pk, refused.call.business_id)
        assert refused.state() == ("failed", words)
        assert Message.objects.get(call=refused.call).reason == words


def test_whose_end_nobody_told_is_asked_of_the_carrier(house: House, line: Line, shelf: Shelf) -> None:
    def row(sid: str, status: str, **more: Any) -> dict[str, Any]:
        told = {"sid": sid, "status": status, "from": line.to, "to": NORA_S, "duration": "63"}
        return told | {"start_time": None, "date_created": None} | more

    def settled() -> list[tuple[str, int]]:
        Call.objects.exclude(state__in=Call.ENDS).update(started_at=timezone.now() - timedelta(minutes=6))
        settling.settle()
        return list(Call.objects.order_by("pk").values_list("state", "seconds"))

    house.client()
    script = line.rings()
    take(line, script)
    settling.settle()
    assert not shelf.asked, "it is young"
    shelf.says("GET", f"/Calls/{line.sid}.json", row(line.sid, "in-progress"))
    assert settled() == [("talking", 0)]
    shelf.says("GET", f"/Calls/{line.sid}.json", row(line.sid, "completed"))
    shelf.says("GET", f"/Calls/{line.leg(0)}.json", row(line.leg(0), "completed", duration="252"))
    assert settled() == [("ended", 252)]
    # One that rang while Parley was away for good.
    other = Line(line.base, line.to)
    other.rings()
    assert settled()[1:] == [("missed", 0)], "the carrier knows none"
    # A member's: the answer was lost, its log has it, and it has ended.
    mine = Outgoing(house, line.base)
    shelf.says("POST", "/Calls.json", {}, 500)
    calling.place(mine.call.pk, mine.call.business_id)
    shelf.says("GET", "/Calls.json", {"calls": [row(mine.own.sid, "no-answer")], "next_page_uri": None})
    shelf.says("GET", f"/Calls/{mine.own.sid}.json", row(mine.own.sid, "no-answer"))
    assert settled()[2:] == [("canceled", 0)]
    # Its log has nothing of another: it never rang.
    lost = Outgoing(house, line.base)
    calling.place(lost.call.pk, lost.call.business_id)
    assert settled()[3:] == [("failed", 0)]
    assert lost.state()[1] == settling.NEVER_RANG
    assert shelf.asked.count(("POST", "/Calls.json")) == 2
    talked(line, script)
    assert settled()[0] == ("ended", 252)
