"""The one place where a call's state changes, and what comes of it: its line in the thread, who is told, what waits.

What carriers say comes doubled, late and in any order, so states only climb, in an order of their own for each
direction: whatever was heard first, the highest stands in the end. The callers hold the call's row (`held`), in their
transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from parley.businesses.models import Business
from parley.calls import texting_back, words
from parley.calls.models import Call, Recording, Ring
from parley.clients.models import Client
from parley.live.nudges import nudge
from parley.messaging.models import Conversation, Message
from parley.messaging.patience import patience
from parley.messaging.sending import conversation_with
from parley.messaging.tasks import write_if_unread
from parley.notifications.models import Notification
from parley.notifications.push import push_news
from parley.numbers.models import PhoneNumber

State = Call.State
CLIMB: dict[str, tuple[str, ...]] = {
    # Who was talked to was not missed, whatever was heard before.
    Message.Direction.IN: (State.RINGING, State.TALKING, State.MISSED, State.ENDED),
    Message.Direction.OUT: (
        *(State.CALLING, State.RINGING, State.TALKING),
        *(State.CANCELED, State.MISSED, State.FAILED, State.BUSY, State.ENDED),
    ),
}
# A phone that rang while somebody else took the call, or that was declined, was not merely left to ring.
RINGS_CLIMB = (
    Ring.State.RINGING,
    Ring.State.PICKED_UP,
    Ring.State.MISSED,
    Ring.State.CANCELED,
    Ring.State.DECLINED,
    Ring.State.TAKEN,
)


def begin(
    business: Business,
    client: Client,
    number: PhoneNumber,
    direction: Message.Direction,
    state: Call.State,
    *,
    why: dict[str, Any] | None = None,
    **fields: Any,
) -> Call:
    """Write a call down, and its line in the conversation, which comes to the top; in the caller's transaction.

    `fields` are the call's own. Raises IntegrityError where the call is written already (its key, the carrier's id).
    """
    now = timezone.now()
    conversation = conversation_with(client)
    out = direction == Message.Direction.OUT
    message = Message.objects.create(
        business=business,
        conversation=conversation,
        direction=direction,
        channel=Message.Channel.CALL,
        state=Message.State.SENT if out else Message.State.RECEIVED,
        author=fields.get("member"),
        body="",
        number=number,
        their_address=fields["their_number"],
        why=why or {},
        at=now,
        changed_at=now,
    )
    call = Call.objects.create(
        business=business,
        message=message,
        number=number,
        direction=direction,
        state=state,
        carrier=number.carrier,
        started_at=now,
        ended_at=now if state in Call.ENDS else None,
        **fields,
    )
    Conversation.objects.filter(business=business, pk=conversation.pk).update(
        last_message_id=Case(
            When(Q(last_at__lte=now) | Q(last_message=None), then=message.pk), default=F("last_message_id")
        ),
        last_at=Greatest("last_at", now),
    )
    show(call)
    return call


def held(call_id: uuid.UUID) -> Call:
    """The call, its row locked until the transaction ends. Raises Call.DoesNotExist."""
    return (
        Call.objects.select_for_update(of=("self",))
        .select_related("business", "number", "message__conversation__client", "member__user")
        .get(pk=call_id)
    )


def climb(call: Call, state: str, *, seconds: int | None = None, reason: str = "") -> None:
    """Let a call be in `state`, unless it has come further. `seconds`: how long they talked, if the carrier says."""
    order = CLIMB[call.direction]
    before, now = call.state, timezone.now()
    changed = []
    if order.index(state) > order.index(before):
        call.state, changed = state, ["state"]
        if state in (State.TALKING, State.ENDED) and call.answered_at is None:
            call.answered_at = now
            changed.append("answered_at")
        if state in Call.ENDS and call.ended_at is None:
            call.ended_at = now
            changed.append("ended_at")
        if reason:
            call.reason = reason[:300]
            changed.append("reason")
    if call.state == State.ENDED:
        told = _length(call) if seconds is None and not call.seconds else seconds
        if told is not None and told != call.seconds:
            call.seconds = told
            changed.append("seconds")
    member_id = _whose(call)
    if call.member_id != member_id:
        call.member_id = member_id
        changed.append("member")
    if not changed:
        return
    call.save(update_fields=changed)
    show(call)
    if call.state != before:
        _follow(call, before)


def take(ring: Ring, call: Call) -> bool:
    """A member has pressed the key. False if somebody else was first; the phones of the others ring no more."""
    taken = call.rings.filter(business_id=call.business_id, state=Ring.State.TAKEN).first()
    if taken is not None and taken.pk != ring.pk:
        move(ring, Ring.State.CANCELED)
        return False
    move(ring, Ring.State.TAKEN)
    for other in call.rings.filter(business_id=call.business_id).exclude(pk=ring.pk):
        move(other, Ring.State.CANCELED)
    return True


def move(ring: Ring, state: Ring.State, carrier_id: str = "") -> None:
    """Let a phone's ring be in `state`, unless it has come further. `carrier_id`: the carrier's name for this leg."""
    changed = []
    if RINGS_CLIMB.index(state) > RINGS_CLIMB.index(Ring.State(ring.state)):
        ring.state = state
        changed.append("state")
    if carrier_id and not ring.carrier_id:
        ring.carrier_id = carrier_id
        changed.append("carrier_id")
    if changed:
        ring.save(update_fields=changed)


def show(call: Call) -> None:
    """Let the call's line in the thread say what is so, and every open page ask for it."""
    recording = None
    if call.state == State.MISSED:
        recording = voicemail_of(call)
    Message.objects.filter(business_id=call.business_id, pk=call.message_id).update(
        title=words.title(call, recording), code=call.state, reason=call.reason, changed_at=timezone.now()
    )
    nudge(call.business_id, [call.message.conversation_id])


def voicemail_of(call: Call) -> Recording | None:
    """The voicemail that was left with this call, if there is one still."""
    found: Iterable[Recording] = (
        call.recordings.filter(business_id=call.business_id)
        .exclude(state=Recording.State.DELETED)
        .defer("content", "wave")
        .order_by("-seconds", "id")[:1]
    )
    return next(iter(found), None)


def tell(call: Call) -> None:
    """Tell the members whom it concerns that a client was missed, or left a voicemail: one notification a call."""
    conversation = call.message.conversation
    client, recording = conversation.client, voicemail_of(call)
    title = f"{client.name} left a voicemail" if recording else f"Missed call from {client.name}"
    notification, _ = Notification.objects.update_or_create(
        business=call.business,
        key=_key(call),
        defaults={
            "kind": Notification.Kind.CALL,
            "title": title[:160],
            "words": words.length(recording.seconds) if recording and recording.seconds else "",
            "conversation_id": conversation.pk,
            # A conversation that is somebody's is theirs to know of; any other is everybody's.
            "member_id": Conversation.objects.values_list("assignee_id", flat=True).get(pk=conversation.pk),
            "initials": client.initials,
            "tint": client.tint,
            "created_at": timezone.now(),
        },
    )
    push_news.defer(notification_id=str(notification.pk), business_id=str(call.business_id))
    nudge(call.business_id, [conversation.pk], news=True)


def _follow(call: Call, before: str) -> None:
    """What a new state means for the conversation."""
    if call.direction == Message.Direction.IN and call.state == State.MISSED:
        _missed(call)
    elif call.state in (State.TALKING, State.ENDED) and before not in (State.TALKING, State.ENDED):
        _answered(call)
        if before == State.MISSED:
            Notification.objects.filter(business_id=call.business_id, key=_key(call)).delete()


def _missed(call: Call) -> None:
    own = Conversation.objects.filter(business_id=call.business_id, pk=call.message.conversation_id)
    own.update(unread=F("unread") + 1, waiting=True, closed_at=None)
    tell(call)
    if own.filter(unread=1).exists():
        due = timezone.now() + timedelta(seconds=patience().unread)
        write_if_unread.configure(schedule_at=due).defer(
            conversation_id=str(call.message.conversation_id), business_id=str(call.business_id)
        )
    texting_back.plan(call)


def _answered(call: Call) -> None:
    """Talking with a client is answering them, as a text is: it reads the conversation, and takes it over if it is
    nobody's.
    """
    Conversation.objects.filter(business_id=call.business_id, pk=call.message.conversation_id).update(
        unread=0,
        waiting=False,
        closed_at=None,
        assignee_id=Coalesce(F("assignee_id"), Value(call.member_id, Conversation._meta.pk)),
    )


def _whose(call: Call) -> uuid.UUID | None:
    """Who took a client's call; a member's own call is theirs from the start."""
    if call.direction == Message.Direction.OUT:
        return call.member_id
    if call.state not in (State.TALKING, State.ENDED):
        return None
    taken = call.rings.filter(business_id=call.business_id, state=Ring.State.TAKEN).first()
    return taken.member_id if taken else call.member_id


def _length(call: Call) -> int:
    """How long they talked as far as we saw it, where the carrier has not said."""
    if call.answered_at is None or call.ended_at is None:
        return 0
    return max(0, round((call.ended_at - call.answered_at).total_seconds()))


def _key(call: Call) -> str:
    return f"call {call.pk}"
