"""Juniper's calls: its stories' lines with these marks, and the combined app that took them.

`took:jules` a client's call that Jules took, `called:nora` one that Nora made, its length for words; `tried:jules` one
that nobody answered; `missed` a client whom nobody took; `voicemail:24` what such a one said, so many seconds long,
`voicemail:17 new` not heard yet. Rows are written as the road in would have left them: nothing rings, and nobody is told.
"""

from __future__ import annotations

import io
import math
import random
import uuid
import wave
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from parley.businesses.models import Business, Member
from parley.calls import recordings, words
from parley.calls.models import Answerer, Call, CallRules, Recording, Ring
from parley.clients.models import Client
from parley.messaging.models import Conversation, Message
from parley.notifications.models import Notification
from parley.numbers.models import PhoneNumber

MARKS = ("took", "called", "tried", "missed", "voicemail")
# The members' own phones, which the simulator has too.
PHONES = {"nora": "+15035550190", "jules": "+15035550191"}
INSTALLED = timedelta(days=58)
# How long it rings before somebody takes it, or nobody does.
ANSWERED, GAVE_UP = timedelta(seconds=7), timedelta(seconds=21)
RATE = 8000


@dataclass(slots=True)
class Told:
    """A call of the stories, and what the caller left."""

    message: Message
    call: Call
    voicemail: Recording | None = None


def marks(who: str) -> bool:
    """Is a line of the stories a call?"""
    return who.partition(":")[0] in MARKS


def call_of(
    business: Business,
    members: dict[str, Member],
    number: PhoneNumber,
    conversation: Conversation,
    line: tuple[str, str],
    at: datetime,
) -> Told:
    """The call of a line's mark and words, not saved yet."""
    what, _, name = line[0].partition(":")
    client, words_ = conversation.client, line[1]
    outbound = what in ("called", "tried")
    member = members[name] if what in ("took", "called", "tried") else None
    talked = _seconds(words_) if what in ("took", "called") else 0
    rang = ANSWERED if talked else GAVE_UP
    message = Message(
        business=business,
        conversation=conversation,
        direction=Message.Direction.OUT if outbound else Message.Direction.IN,
        channel=Message.Channel.CALL,
        state=Message.State.SENT if outbound else Message.State.RECEIVED,
        author=member if outbound else None,
        body="",
        number=number,
        their_address=client.phone,
        at=at,
        changed_at=at + rang + timedelta(seconds=talked),
    )
    call = Call(
        business=business,
        message=message,
        number=number,
        direction=message.direction,
        state=Call.State.ENDED if talked else Call.State.MISSED,
        their_number=client.phone,
        carrier=number.carrier,
        carrier_id=f"CA{uuid.uuid5(message.id, 'call').hex}",
        member=member,
        started_at=at,
        answered_at=at + rang if talked else None,
        ended_at=message.changed_at,
        seconds=talked,
    )
    if not outbound:
        everybody = [str(one.pk) for one in members.values()]
        message.why = {"call": {"taken": True, "turn": False, "members": everybody}}
    told = Told(message, call)
    if what == "voicemail":
        told.voicemail = _voicemail(business, call, name, words_)
    message.title, message.code = words.title(call, told.voicemail), call.state
    return told


def save(business: Business, members: dict[str, Member], told: Iterable[Told]) -> None:
    """Write the calls, whose messages are written, and what takes them."""
    now = max(one.call.started_at for one in told)
    CallRules.objects.create(
        business=business, installed_at=now - INSTALLED, texts_back=True, transcribes=True
    )
    for place, (name, phone) in enumerate(PHONES.items(), 1):
        member = members[name]
        member.phone = phone
        member.save(update_fields=["phone"])
        Answerer.objects.create(business=business, member=member, place=place)
    texts = business.messages.filter(title="Missed-call text").values_list("conversation_id", "at")
    texted = dict(texts)
    for one in told:
        if one.call.direction == Message.Direction.IN and one.call.state == Call.State.MISSED:
            one.call.texted_back_at = texted.get(one.message.conversation_id)
    Call.objects.bulk_create(one.call for one in told)
    rings = [
        Ring(business=business, call=one.call, member=member, state=_rang(one.call, member))
        for one in told
        for member in members.values()
        if one.call.direction == Message.Direction.IN or one.call.member == member
    ]
    Ring.objects.bulk_create(rings)
    left = [one.voicemail for one in told if one.voicemail]
    # They say by themselves that they came just now.
    came = {recording.pk: recording.at for recording in left}
    Recording.objects.bulk_create(left)
    for id, at in came.items():
        Recording.objects.filter(business=business, pk=id).update(at=at)


def news_of(told: Told, client: Client) -> Notification:
    """What the members were told of a voicemail that nobody has heard."""
    assert told.voicemail
    return Notification(
        business=told.call.business,
        kind=Notification.Kind.CALL,
        key=f"call {told.call.pk}",
        title=f"{client.name} left a voicemail",
        words=words.length(told.voicemail.seconds),
        conversation_id=told.message.conversation_id,
        initials=client.initials,
        tint=client.tint,
        created_at=told.voicemail.at,
    )


def _rang(call: Call, member: Member) -> Ring.State:
    if call.member is None:
        return Ring.State.MISSED
    return Ring.State.TAKEN if call.member == member else Ring.State.CANCELED


def _seconds(words_: str) -> int:
    """Of "6:41"."""
    minutes, _, seconds = words_.partition(":")
    return int(minutes) * 60 + int(seconds)


def _voicemail(business: Business, call: Call, name: str, said: str) -> Recording:
    seconds, _, new = name.partition(" ")
    assert call.ended_at
    call.ended_at += timedelta(seconds=int(seconds))
    content = _wav(int(seconds))
    sound = recordings.listen(content)
    return Recording(
        business=business,
        call=call,
        carrier_id=f"RE{uuid.uuid5(call.id, 'voicemail').hex}",
        # It was deleted at the carrier long ago.
        url="",
        state=Recording.State.KEPT,
        seconds=sound.seconds,
        content=content,
        content_type=recordings.CONTENT_TYPE,
        wave=sound.bars,
        heard_at=None if new else call.ended_at + timedelta(minutes=4),
        transcript=said,
        transcript_state=Recording.Transcript.DONE,
        at=call.ended_at,
        delete_at=call.ended_at + timedelta(days=365),
    )


def _wav(seconds: int) -> bytes:
    """Sound as if somebody spoke, in words and pauses: 8 kHz, mono, 16 bit."""
    dice = random.Random(seconds)  # noqa: S311  sound, not a secret
    samples = array("h")
    samples.extend([0] * (RATE // 2))
    while len(samples) < seconds * RATE:
        start, loud = dice.randrange(len(_murmur()) // 2), dice.uniform(0.25, 1)
        phrase = _murmur()[start : start + round(dice.uniform(0.4, 1.5) * RATE)]
        samples.extend(int(loud * sample) for sample in phrase)
        samples.extend([0] * round(dice.uniform(0.08, 0.45) * RATE))
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples[: seconds * RATE].tobytes())
    return file.getvalue()


@cache
def _murmur() -> array[int]:
    """Four seconds of syllables, each a tone that swells and fades."""
    dice = random.Random(42)  # noqa: S311  sound, not a secret
    samples = array("h")
    while len(samples) < 4 * RATE:
        length, pitch, loud = dice.randrange(900, 2200), dice.uniform(120, 210), dice.uniform(2500, 8000)
        step = 2 * math.pi * pitch / RATE
        samples.extend(
            int(
                loud
                * math.sin(math.pi * n / length)
                * (math.sin(n * step) + 0.4 * math.sin(3 * n * step))
                / 1.4
            )
            for n in range(length)
        )
    return samples
