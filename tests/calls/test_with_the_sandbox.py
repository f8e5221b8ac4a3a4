"""Calls between phones of the pretend world and real processes of Parley, while what is told comes doubled and late."""

from __future__ import annotations

import io
import uuid
import wave
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from parley.calls import calling, settling
from parley.calls.models import Answerer, Call, CallRules, Recording
from parley.messaging.models import Conversation, Message
from parley.notifications.models import Notification
from tests.calls.conftest import JULES_S, MAYA, NORA_S, with_calls
from tests.people import House
from tests.waiting import until
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


class Phones:
    """What the people do who hold the phones."""

    def __init__(self, world: World) -> None:
        self.world = world

    def set_up(self, phone: str, **facts: Any) -> None:
        handset = {"phone_number": phone} | facts
        self.world.sandbox("PUT", "/sandbox/world", {"numbers": [], "handsets": [handset], "history": []})

    def calls(self, phone: str) -> list[dict[str, Any]]:
        return list(self.world.sandbox("GET", f"/sandbox/handsets/{phone}/calls")["calls"])

    def call(self, phone: str, to: str, **more: Any) -> str:
        return str(self.world.sandbox("POST", f"/sandbox/handsets/{phone}/calls", {"to": to, **more})["sid"])

    def act(self, phone: str, sid: str, act: str, **more: Any) -> None:
        self.world.sandbox("POST", f"/sandbox/handsets/{phone}/calls/{sid}/{act}", more)

    def rings(self, phone: str) -> dict[str, Any]:
        def ringing() -> dict[str, Any] | None:
            return next((c for c in self.calls(phone) if not c["mine"] and c["status"] == "ringing"), None)

        return until(ringing, what=f"ringing of {phone}")

    def heard(self, phone: str, sid: str, words: str) -> None:
        def said() -> bool:
            return any(
                words in f"{one['what']} {one['words']}"
                for c in self.calls(phone)
                if c["sid"] == sid
                for one in c["heard"]
            )

        until(said, what=f"“{words}”")


def truth(world: World, sid: str) -> dict[str, Any]:
    return next(row for row in world.sandbox("GET", "/sandbox/truth/calls")["calls"] if row["sid"] == sid)


def in_state(state: str, **which: Any) -> Call:
    return until(lambda: Call.objects.filter(state=state, **which).first(), what=state)


def test_a_client_calls_and_is_called(world: World, juniper: House, settings: Any) -> None:
    settings.PUBLIC_URL = world.url
    settings.TWILIO = {"account_sid": world.account_sid, "auth_token": world.auth_token} | dict.fromkeys(
        ("api_url", "messaging_url", "lookups_url"), world.sandbox_url
    )
    world.add_number(juniper.number.number)
    world.start("jobs")
    ours, phones = juniper.number.number, Phones(world)
    house = with_calls(juniper, texts_back=True)
    juniper.client()
    # Installing has the carrier ask us: nothing else of the number changes.
    until(lambda: type(juniper.number).objects.exclude(asks_at="").exists(), what="the carrier was told")
    world.weather(
        call_pace=0.2,
        callbacks_doubled=0.5,
        callbacks_reordered=0.5,
        recording_callbacks_lost=1.0,
        recording_late_seconds=0.3,
    )

    # Nora takes it, and a text comes on the same number meanwhile.
    sid = phones.call(MAYA, ours)
    nora, jules = phones.rings(NORA_S), phones.rings(JULES_S)
    assert nora["with"] == ours
    phones.act(NORA_S, nora["sid"], "answer")
    phones.heard(NORA_S, nora["sid"], "Maya Okafor is calling Juniper Hair Studio")
    phones.act(NORA_S, nora["sid"], "digits", digits="1")
    in_state("talking")
    phones.heard(MAYA, sid, "connected")
    world.texts_from(MAYA, ours, "Texting while we talk")
    until(lambda: Message.objects.filter(body="Texting while we talk").exists(), what="the text")
    phones.act(MAYA, sid, "hangup")
    talk = in_state("ended")
    assert talk.member == house.owner
    until(lambda: truth(world, jules["sid"])["status"] == "canceled", what="Jules’s phone is quiet")

    # Nobody does: a voicemail, though the carrier's word of it is lost.
    sid = phones.call(MAYA, ours)
    for phone in (NORA_S, JULES_S):
        phones.act(phone, phones.rings(phone)["sid"], "decline")
    phones.heard(MAYA, sid, "after the beep")
    phones.act(MAYA, sid, "speak", seconds=3)
    phones.act(MAYA, sid, "hangup", after_speaking=True)
    missed = in_state("missed")
    kept = until(lambda: Recording.objects.filter(state="kept").first(), what="the voicemail")
    with wave.open(io.BytesIO(bytes(kept.content))) as sound:
        assert round(sound.getnframes() / sound.getframerate()) in (3, 4)
    assert max(kept.wave) == 100
    until(lambda: all(one["deleted"] for one in truth(world, sid)["recordings"]), what="gone there")
    assert Notification.objects.get(kind="call").title == "Maya Okafor left a voicemail"
    until(lambda: Message.objects.filter(title="Missed-call text").exists(), what="the text back")
    assert Conversation.objects.get().waiting
    assert Call.objects.count() == 2, "whatever came twice"

    # Nora calls back.
    back = calling.start(house.owner, missed.message.conversation.client, uuid.uuid4())
    nora = phones.rings(NORA_S)
    phones.act(NORA_S, nora["sid"], "answer")
    phones.heard(NORA_S, nora["sid"], "Press 1 to call Maya Okafor.")
    phones.act(NORA_S, nora["sid"], "digits", digits="1")
    maya = phones.rings(MAYA)
    assert maya["with"] == ours, "the member's own number is never shown"
    phones.act(MAYA, maya["sid"], "answer")
    phones.heard(MAYA, maya["sid"], "connected")
    phones.act(NORA_S, nora["sid"], "hangup")
    in_state("ended", pk=back.pk)
    assert not Conversation.objects.get().waiting

    # Nora's private voicemail answers, and gets nobody.
    CallRules.objects.update(ring="turn")
    Answerer.objects.filter(member=house.staff).delete()
    phones.set_up(NORA_S, voicemail_after=1)
    sid = phones.call(MAYA, ours)
    phones.heard(MAYA, sid, "after the beep")
    assert not in_state("missed", carrier_id=sid).recordings.exists()

    # Parley dies while a phone rings, and hears nothing of how it ended: the carrier's log says it.
    phones.set_up(NORA_S, voicemail_after=0)
    sid = phones.call(MAYA, ours)
    phones.rings(NORA_S)
    world.kill("web")
    phones.act(MAYA, sid, "hangup")
    until(lambda: truth(world, sid)["ended_at"], what="the end of the call")
    world.start("web")
    Call.objects.filter(carrier_id=sid).update(started_at=timezone.now() - timedelta(minutes=6))
    settling.settle()
    in_state("missed", carrier_id=sid)
    juniper.number.refresh_from_db()
    assert (juniper.number.paused, juniper.number.approved_at is not None) == ("", True)
