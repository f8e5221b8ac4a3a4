"""A client calls: who is rung, what the caller hears, what stands in the thread, whatever the order of what is told."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connections, transaction
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import Business
from parley.calls import answering, coming, texting_back
from parley.calls.models import Answerer, Call, CallRules, Recording, Ring
from parley.clients.models import Client
from parley.messaging import unread, why
from parley.messaging.models import Conversation, Message, Route
from parley.notifications.models import Letter, Notification
from parley.numbers.models import PhoneNumber
from tests.calls.conftest import JULES_S, MAYA, NORA_S, Answer, Line, the_call, with_calls
from tests.notifications.test_choices import enter
from tests.people import House

pytestmark = pytest.mark.django_db


def jobs(task: str) -> list[ProcrastinateJob]:
    # Jobs of businesses that other tests had may still be there.
    ours = [str(pk) for pk in Business.objects.values_list("pk", flat=True)]
    return list(ProcrastinateJob.objects.filter(task_name=task, args__business_id__in=ours))


def pick_up(line: Line, script: Answer, place: int = 0) -> Answer:
    return line.post(script.asks(place), "in-progress", ParentCallSid=line.sid, CallSid=line.leg(place))


def press(line: Line, asked: Answer, place: int = 0, key: str = "1") -> Answer:
    url = asked.of("Gather", "action")
    return line.post(url, "in-progress", ParentCallSid=line.sid, CallSid=line.leg(place), Digits=key)


def take(line: Line, script: Answer, place: int = 0) -> Answer:
    """Who is rung at this place picks up and presses 1."""
    return press(line, pick_up(line, script, place), place)


def talked(line: Line, script: Answer, place: int = 0, seconds: int = 252) -> Answer:
    return line.post(
        script.of("Dial", "action"),
        "in-progress",
        DialCallStatus="completed",
        DialCallSid=line.leg(place),
        DialCallDuration=str(seconds),
        DialBridged="true",
    )


def unanswered(line: Line, script: Answer, status: str = "no-answer") -> Answer:
    return line.post(
        script.of("Dial", "action"),
        "in-progress",
        DialCallStatus=status,
        DialCallSid=line.leg(0),
        DialBridged="false",
    )


def voicemail(line: Line, script: Answer, seconds: int = 24, sid: str = "RE" + "b" * 32) -> Answer:
    return line.post(
        script.of("Record", "recordingStatusCallback"),
        "in-progress",
        RecordingSid=sid,
        RecordingUrl=f"https://api.twilio.com/x/{sid}",
        RecordingStatus="completed",
        RecordingDuration=str(seconds),
    )


def test_all_are_rung_and_who_presses_the_key_gets_the_call(house: House, line: Line) -> None:
    maya = house.client()
    house.text(maya, "Can I call you?")
    script = line.rings()
    assert script.verbs == ["Dial"]
    assert script.phones == [NORA_S, JULES_S]
    assert (script.of("Dial", "callerId"), script.of("Dial", "timeout")) == (house.number.number, "20")
    asked = line.post(script.asks(1), "in-progress", CallSid=line.leg(1), ParentCallSid=line.sid)
    assert asked.said == "Maya Okafor is calling Juniper Hair Studio. Press 1 to take the call."
    assert asked.verbs == ["Gather", "Hangup"], "a private voicemail presses no key"
    call = the_call()
    assert (call.state, call.message.channel, call.message.direction) == ("ringing", "call", "in")
    assert take(line, script, 1).verbs == []
    call.refresh_from_db()
    assert (call.state, call.member) == ("talking", house.staff)
    assert dict(Ring.objects.values_list("member_id", "state")) == {
        house.owner.pk: "canceled",
        house.staff.pk: "taken",
    }
    late = line.post(script.asks(0), "in-progress", CallSid=line.leg(0))
    assert (late.said, late.verbs) == ("Somebody else has taken this call. Goodbye.", ["Say", "Hangup"])
    assert talked(line, script, 1).verbs == ["Hangup"]
    call = the_call()
    assert (call.state, call.seconds, call.member, call.message.title) == (
        "ended",
        252,
        house.staff,
        "Incoming call, 4:12",
    )
    talk = Conversation.objects.get()
    assert (talk.waiting, talk.unread, talk.assignee, talk.last_message) == (
        False,
        0,
        house.staff,
        call.message,
    )
    assert not Notification.objects.exists()


def test_two_who_press_the_key_at_once_are_not_both_put_through(house: House, line: Line) -> None:
    script = line.rings()
    asked = [pick_up(line, script, place) for place in (0, 1)]
    assert press(line, asked[1], 1).verbs == []
    assert press(line, asked[0], 0).verbs == ["Say", "Hangup"]
    assert press(line, asked[1], 1).verbs == [], "the same again"
    assert the_call().member == house.staff
    assert Ring.objects.get(member=house.owner).state == "canceled"


def test_nobody_answers_and_a_voicemail_is_left(house: House, line: Line) -> None:
    house.client()
    script = line.rings()
    left = unanswered(line, script)
    assert left.verbs == ["Say", "Record", "Hangup"]
    assert "after the beep" in left.said
    assert left.of("Record", "maxLength") == "120"
    call, talk = the_call(), Conversation.objects.get()
    assert (call.state, call.message.code, call.message.title) == ("missed", "missed", "Missed call")
    assert (talk.waiting, talk.unread) == (True, 1)
    told = Notification.objects.get()
    assert (told.kind, told.title, told.conversation_id) == ("call", "Missed call from Maya Okafor", talk.pk)
    assert len(jobs("write_if_unread") or jobs("parley.messaging.tasks.write_if_unread")) == 1
    voicemail(line, left)
    thanks = line.post(
        left.of("Record", "action"),
        "completed",
        RecordingSid="RE" + "b" * 32,
        RecordingDuration="24",
        Digits="hangup",
    )
    assert thanks.verbs == ["Say", "Hangup"]
    recording = Recording.objects.get()
    assert (recording.state, recording.seconds, recording.call) == ("waiting", 24, call)
    assert timedelta(days=364) < recording.delete_at - timezone.now() < timedelta(days=366)
    assert len(jobs("fetch_recording")) == 1
    told = Notification.objects.get()
    assert (told.title, told.words) == ("Maya Okafor left a voicemail", "0:24")
    assert the_call().message.title == "Missed call, voicemail 0:24"
    assert Conversation.objects.get().unread == 1


def test_the_same_request_again_changes_nothing_and_gets_the_same_script(house: House, line: Line) -> None:
    house.client()
    asked = [
        lambda: line.rings(),
        lambda: line.post(first.asks(), "in-progress", CallSid=line.leg(0), ParentCallSid=line.sid),
        lambda: line.post(first.tells(1), "no-answer", CallSid=line.leg(1)),
        lambda: unanswered(line, first),
        lambda: voicemail(line, left),
        lambda: line.hangs_up(),
    ]
    first = line.rings()
    left = Answer(0, b"")
    for place, ask in enumerate(asked):
        once = ask()
        if place == 3:
            left = once
        rows = snapshot()
        assert ask().body == once.body
        assert snapshot() == rows
    assert Call.objects.count() == Message.objects.count() == Recording.objects.count() == 1
    assert len(jobs("fetch_recording")) == 1
    CallRules.objects.update(ring="turn", greeting="Hi")
    Answerer.objects.all().delete()
    assert line.rings().phones == [NORA_S, JULES_S], "whatever was set otherwise meanwhile"


def snapshot() -> list[Any]:
    """All that pages show."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Call, Ring, Message, Conversation, Recording, Notification)
    ]


def end_state() -> tuple[Any, ...]:
    call = the_call()
    talk = Conversation.objects.get()
    return (
        *(call.state, call.seconds, call.member_id, call.message.title, talk.waiting, talk.unread),
        sorted(Ring.objects.values_list("state", flat=True)),
        sorted(Recording.objects.values_list("carrier_id", "state")),
        list(Notification.objects.values_list("title", "words")),
    )


@pytest.mark.parametrize("how", ["taken", "missed"])
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_in_whatever_order_it_is_told_the_end_is_the_same(
    house: House, line: Line, how: str, data: st.DataObject
) -> None:
    house.client() if not Client.objects.exists() else None
    with transaction.atomic():
        script = line.rings()
        told = [
            lambda: line.post(script.tells(0), "ringing", CallSid=line.leg(0)),
            lambda: line.post(script.tells(0), "in-progress", CallSid=line.leg(0)),
            lambda: line.post(script.tells(1), "busy", CallSid=line.leg(1)),
            lambda: line.hangs_up(),
        ]
        if how == "taken":
            asked = pick_up(line, script)
            told += [
                lambda: press(line, asked),
                lambda: talked(line, script),
                lambda: line.post(script.tells(0), "completed", CallSid=line.leg(0), CallDuration="252"),
            ]
        else:
            left = unanswered(line, script)
            told += [
                lambda: line.post(script.tells(0), "no-answer", CallSid=line.leg(0)),
                lambda: unanswered(line, script),
                lambda: voicemail(line, left),
                lambda: voicemail(line, left),
            ]
        for tell in data.draw(st.permutations(told)):
            assert tell().status == 200
        state = end_state()
        transaction.set_rollback(True)
    if how == "taken":
        assert state == (
            *("ended", 252, house.owner.pk, "Incoming call, 4:12", False, 0),
            *(["declined", "taken"], [], []),
        )
    else:
        assert state == (
            *("missed", 0, None, "Missed call, voicemail 0:24", True, 1),
            ["declined", "missed"],
            [("RE" + "b" * 32, "waiting")],
            [("Maya Okafor left a voicemail", "0:24")],
        )


def test_what_is_forged_changes_nothing(house: House, alder: House, line: Line) -> None:
    assert line.post("/voice/twilio/call", "ringing", token="another").status == 403
    assert line.post("/voice/nobody/call", "ringing").status == 404
    assert not Call.objects.exists()
    script = line.rings()
    for url in (script.asks(), script.tells(), script.of("Dial", "action")):
        assert line.post(url, "in-progress", token="another", DialCallStatus="completed").status == 403
    # Signed for one address, posted to another.
    other = Line(line.base, alder.number.number)
    assert other.post(
        script.of("Dial", "action"), "completed", DialCallStatus="completed", DialBridged="true"
    ).verbs == ["Hangup"]
    unknown = f"/voice/twilio/calls/{house.business.pk}/after"
    assert line.post(unknown, "in-progress").verbs == ["Hangup"]
    assert (the_call().state, Message.objects.count()) == ("ringing", 1)
    assert not Call.objects.filter(business=alder.business).exists()


def test_one_after_another(house: House, line: Line) -> None:
    with_calls(house, ring="turn", greeting="Hello from Juniper.")
    script = line.rings()
    assert (script.said, script.phones) == ("Hello from Juniper.", [NORA_S])
    # Nora's own voicemail picks up, and presses nothing.
    line.post(script.asks(), "in-progress", CallSid=line.leg(0))
    second = line.post(
        script.of("Dial", "action"),
        "in-progress",
        DialCallStatus="completed",
        DialCallSid=line.leg(0),
        DialCallDuration="9",
    )
    assert (second.verbs, second.phones) == (["Dial"], [JULES_S])
    assert unanswered(line, script).body == second.body, "the same again"
    assert line.rings().phones == [NORA_S]
    assert unanswered(line, second).verbs == ["Say", "Record", "Hangup"]
    assert unanswered(line, script).verbs == ["Say", "Record", "Hangup"], "not rung again"
    assert set(Ring.objects.values_list("state", flat=True)) == {"missed"}
    assert the_call().state == "missed"


def test_whoever_hangs_up_early_was_missed(house: House, line: Line) -> None:
    script = line.rings()
    line.hangs_up()
    assert (the_call().state, Conversation.objects.get().waiting) == ("missed", True)
    assert unanswered(line, script, "canceled").status == 200
    assert (the_call().state, Conversation.objects.get().unread) == ("missed", 1)
    assert set(Ring.objects.values_list("state", flat=True)) == {"canceled"}


def test_nobody_at_hand_is_the_voicemail_at_once(house: House, line: Line) -> None:
    day = timezone.now().astimezone(house.business.zone).strftime("%a").lower()
    Answerer.objects.update(hours={day: []})
    house.client(language="fr")
    script = line.rings()
    assert script.verbs == ["Say", "Record", "Hangup"]
    assert "après le bip" in script.said
    assert the_call().state == "missed"
    assert line.rings().body == script.body


def test_where_calls_are_not_installed_callers_hear_how_to_reach_the_business(
    house: House, line: Line
) -> None:
    for change in ("removed", "texting"):
        Call.objects.all().delete()
        Message.objects.all().delete()
        if change == "removed":
            answering.remove(house.business)
        else:
            answering.install(house.business)
            Business.objects.update(mode="texting")
        script = line.rings()
        assert script.verbs == ["Say", "Hangup"]
        assert "text us on this same number" in script.said
        line.hangs_up()
        call, talk = the_call(), Conversation.objects.get()
        assert (call.state, call.message.title, talk.waiting, talk.unread) == (
            "ended",
            "Incoming call",
            False,
            0,
        )
        assert "not activated" in call.reason
    assert not Notification.objects.exists()
    house.number.refresh_from_db()
    assert (house.number.approved_at is not None, house.number.paused) == (True, "")


def test_a_withheld_number_is_an_unknown_caller(house: House, line: Line) -> None:
    for caller in ("+266696687", "anonymous", ""):
        hidden = Line(line.base, line.to, caller)
        script = hidden.rings()
        asked = hidden.post(script.asks(), "in-progress", CallSid=hidden.leg(0))
        assert "Somebody whose number is withheld is calling" in asked.said
        unanswered(hidden, script)
    card = Client.objects.get()
    assert (card.name, card.phone, card.business) == ("Unknown caller", "", house.business)
    assert set(Call.objects.values_list("their_number", "state")) == {("", "missed")}
    assert coming.unknown_caller(house.business) == card
    assert not jobs("text_back")
    nora = Browser()
    nora.force_login(house.owner.user)
    page = nora.get(f"/inbox/{card.conversation.pk}").content.decode()
    assert "Whoever hides their number" in page
    assert "Open card" not in page


def test_shared_numbers_take_no_calls(house: House, line: Line) -> None:
    shared = PhoneNumber.objects.create(number="+18555550199", duty="system", approved_at=timezone.now())
    other = Line(line.base, shared.number)
    assert other.rings().said == "Nobody answers calls on this number. Goodbye."
    Route.objects.create(
        number=shared, phone=MAYA, business=house.business, holds="conversation", used_at=timezone.now()
    )
    assert "You have reached Juniper Hair Studio" in other.rings().said
    assert Line(line.base, "+18005550000").rings().verbs == ["Say", "Hangup"]
    assert not Call.objects.exists()


def test_a_missed_call_is_told_to_whose_it_is_and_mailed_if_nobody_looks(house: House, line: Line) -> None:
    maya = house.client()
    text = house.text(maya, "Hi", inbound=False)
    Conversation.objects.update(assignee=house.staff)
    unanswered(line, line.rings())
    assert Notification.objects.get().member == house.staff
    Message.objects.update(at=timezone.now() - timedelta(hours=1))
    assert unread.write_if_unread(text.conversation_id, house.business.pk) is None
    letter = Letter.objects.get()
    assert (letter.member, letter.subject) == (house.staff, "Maya Okafor called")
    assert "(missed call)" in letter.body


def test_missed_callers_get_a_text_once(house: House, line: Line) -> None:
    with_calls(house, texts_back=True, text_back_hours=12)
    maya = house.client()
    unanswered(line, line.rings())
    [job] = jobs("text_back")
    assert set(job.args) == {"call_id", "business_id"}
    again = Line(line.base, line.to)
    unanswered(again, again.rings())
    first, second = Call.objects.order_by("started_at")
    for call in (first, first, second):
        texting_back.text_back(call.pk, house.business.pk)
    [text] = Message.objects.exclude(channel="call")
    assert (text.body, text.kind, text.state, text.conversation.client) == (
        "Sorry we missed your call. Text us here and we'll get back to you. Juniper Hair Studio",
        *("transactional", "queued", maya),
    )
    # Long after, and in words of their own; then they have opted out, which the thread says.
    Call.objects.update(texted_back_at=timezone.now() - timedelta(hours=13))
    CallRules.objects.update(text_back="We’ll be back, {{ client.first_name }}")
    third = Line(line.base, line.to)
    unanswered(third, third.rings())
    call = Call.objects.get(texted_back_at=None)
    Client.objects.filter(pk=maya.pk).update(texting="stopped")
    texting_back.text_back(call.pk, house.business.pk)
    [unsent] = Message.objects.exclude(channel="call").exclude(pk=text.pk)
    assert (unsent.state, unsent.body) == ("canceled", "We'll be back, Maya")
    assert "asked you to stop texting" in unsent.reason


def test_nobody_is_texted_who_was_talked_to_since(house: House, line: Line) -> None:
    with_calls(house, texts_back=True)
    maya = house.client()
    unanswered(line, line.rings())
    missed = the_call()
    again = Line(line.base, line.to)
    script = again.rings()
    take(again, script)
    talked(again, script)
    texting_back.text_back(missed.pk, house.business.pk)
    assert not Message.objects.exclude(channel="call").exists()
    Call.objects.exclude(pk=missed.pk).delete()
    house.text(maya, "I’m here now", inbound=False, minutes_ago=-0.1)
    texting_back.text_back(missed.pk, house.business.pk)
    assert Message.objects.exclude(channel="call").count() == 1


def test_a_key_is_needed_and_another_key_declines(house: House, line: Line) -> None:
    script = line.rings()
    asked = line.post(script.asks(), "in-progress", CallSid=line.leg(0))
    assert line.post(asked.of("Gather", "action"), "in-progress", CallSid=line.leg(0), Digits="3").verbs == [
        "Hangup"
    ]
    assert Ring.objects.get(member=house.owner).state == "declined"
    # What the carrier calls completed was a voicemail that picked up: nobody was put through.
    left = line.post(
        script.of("Dial", "action"), "in-progress", DialCallStatus="completed", DialCallDuration="11"
    )
    assert left.verbs == ["Say", "Record", "Hangup"]
    assert the_call().state == "missed"


@pytest.mark.django_db(transaction=True)
def test_the_same_call_twice_at_once_is_one(house: House, line: Line) -> None:
    answers: list[Answer] = []
    together = Barrier(4)

    def ask() -> None:
        together.wait(20)
        try:
            answers.append(line.rings())
        finally:
            connections.close_all()

    asking = [Thread(target=ask) for _ in range(4)]
    for each in asking:
        each.start()
    for each in asking:
        each.join(30)
    assert {(each.status, each.body) for each in answers} == {(200, answers[0].body)}
    assert answers[0].phones == [NORA_S, JULES_S]
    assert (Call.objects.count(), Message.objects.count(), Ring.objects.count()) == (1, 1, 2)
    assert Client.objects.count() == Conversation.objects.count() == 1


def test_what_a_plan_no_longer_pays_for(house: House, line: Line) -> None:
    Business.objects.update(plan_id="free")
    assert line.rings().verbs == ["Say", "Hangup"]


def test_details_of_a_call(house: House, line: Line) -> None:
    house.client()
    unanswered(line, line.rings())
    hidden = Line(line.base, line.to, "anonymous")
    hidden.rings()
    told = [
        [fact.words for fact in why.explain(message)]
        for message in Message.objects.select_related("conversation__client", "number", "business").order_by(
            "at"
        )
    ]
    assert told == [
        ["A call from Maya.", "(503) 555-0118", "(855) 555-0142", "Called."],
        ["A call from Unknown caller.", "A number that was withheld.", "(855) 555-0142", "Called."],
    ]


def test_reading_counts_only_what_asks_to_be_read(house: House, line: Line) -> None:
    first = house.text(house.client(), "Hi")
    reader = enter(house.owner)
    for removed in (False, True):
        if removed:
            answering.remove(house.business)
        call = Line(line.base, line.to)
        script = call.rings()
        if not removed:
            unanswered(call, script)
        reader.post(f"/inbox/{first.conversation_id}/read", {"seen": str(first.pk)})
        assert Conversation.objects.get().unread == 1, (
            "the call that was missed, not the one that heard a greeting"
        )
