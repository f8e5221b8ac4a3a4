"""The demo's calls: of each kind, as the road in leaves them, and nothing that would ring or be told anew."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.calls import recordings, settling, words
from parley.calls.answering import at_hand, rules_of, takes_calls
from parley.calls.models import Call
from parley.inbox.sample.load import load
from parley.messaging.models import Conversation
from parley.notifications.models import Notification


@pytest.mark.django_db
def test_the_demos_calls() -> None:
    business = load()
    assert takes_calls(business, rules_of(business))
    assert len(at_hand(business)) == 2
    calls = list(
        business.calls.select_related("message__conversation__client", "member").order_by("started_at")
    )
    kinds = {(call.direction, call.state) for call in calls}
    assert kinds == {("in", "ended"), ("in", "missed"), ("out", "ended"), ("out", "missed")}
    for call in calls:
        left = call.recordings.first()
        assert call.message.title == words.title(call, left)
        assert call.message.code == call.state
        talked = call.state == "ended"
        assert (call.seconds > 0, call.answered_at is not None) == (talked, talked)
        if (call.direction, call.state) == ("in", "missed"):
            text = call.message.conversation.messages.filter(title="Missed-call text", at__gt=call.started_at)
            assert text.get().at == call.texted_back_at
        if left:
            # The bytes are what the row says, and are at no carrier any more.
            sound = recordings.listen(bytes(left.content))
            assert (left.seconds, left.wave, left.url) == (sound.seconds, sound.bars, "")
            assert left.at == call.ended_at
    new = [call for call in calls if call.recordings.filter(heard_at=None).exists()]
    assert len(new) == 1
    talk = Conversation.objects.get(pk=new[0].message.conversation_id)
    assert (talk.unread, talk.waiting) == (1, True)
    assert Notification.objects.get(business=business, kind="call").key == f"call {new[0].pk}"
    # Nothing of it is still to be done.
    settling.settle()
    recordings.look_after()
    for what in ("call", "recording"):
        jobs = ProcrastinateJob.objects.filter(status="todo", task_name__contains=what)
        assert not jobs.filter(args__business_id=str(business.pk)).exists()
    before = Call.objects.count()
    load()
    assert Call.objects.count() == before
    nora = Browser()
    nora.force_login(business.members.get(role="owner").user)
    for address in ("/apps/calls", "/apps/calls/voicemail", f"/inbox/{new[0].message.conversation_id}"):
        assert "Marcus Hill" in nora.get(address).content.decode(), address
