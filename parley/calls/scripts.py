"""What a carrier is told to do with a call: the steps, and the addresses at which it asks for the next ones."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.urls import reverse

from parley.calls import speech, words
from parley.calls.models import Call, CallRules, Ring
from parley.carriers.voice import AskKey, Connect, HangUp, Phone, Record, Say, Step, Voice
from parley.clients.languages import language_of
from parley.messaging.models import Message

# How long (seconds) whoever picks up may take to press the key.
KEY_SECONDS = 10
# How long a client's phone rings when a member calls.
CLIENT_RINGS = 30
LONGEST_VOICEMAIL = 120
TAKE = "1"

Steps = list[Step]


def address(call: Call, what: str, ring: Ring | None = None) -> str:
    """Where the carrier asks or tells about this call, or about one phone that rings for it."""
    if ring is not None:
        path = reverse("voice_ring", args=[call.carrier, ring.pk, what])
    else:
        path = reverse("voice_call", args=[call.carrier, call.pk, what])
    return settings.PUBLIC_URL + path


def hang_up(say: Say | None = None) -> Steps:
    """The end, with some words before it or none."""
    return [say, HangUp()] if say else [HangUp()]


def ringing(call: Call, rings: Sequence[Ring], rules: CallRules, *, greets: bool) -> Steps:
    """Ring these members' phones. `greets`: the caller hears the business's greeting first."""
    connect = Connect(
        phones=tuple(
            Phone(ring.member.phone, address(call, "asks", ring), address(call, "tells", ring))
            for ring in rings
        ),
        seconds=rules.ring_seconds,
        # A client's own number could be shown only where the carrier has verified it as theirs to show; the name is
        # said instead, to whoever picks up.
        shows=call.number.number,
        after=address(call, "after", rings[0]),
    )
    if not (greets and rules.greeting):
        return [connect]
    # A business's own words are in its own language.
    return [Say(rules.greeting, language_of(call.business)), connect]


def voicemail(call: Call, rules: CallRules, voice: Voice) -> Steps:
    """The greeting, the beep, and what is said into it."""
    language = language_of(call.business, call.message.conversation.client)
    writes = rules.transcribes and speech.by_carrier() and language in voice.writes_down
    return [
        words.voicemail(call.business, rules.voicemail_words, language),
        Record(
            LONGEST_VOICEMAIL,
            after=address(call, "voicemail"),
            tells=address(call, "recording"),
            writes_down=address(call, "transcript") if writes else "",
        ),
        HangUp(),
    ]


def asking(call: Call, ring: Ring) -> Steps:
    """For a member who picks up: a private voicemail presses no key, so it never gets a client."""
    client = call.message.conversation.client
    inbound = call.direction == Message.Direction.IN
    say = words.asking(client, call.business) if inbound else Say(f"Press 1 to call {client.name}.")
    return [AskKey(say, KEY_SECONDS, address(call, "key", ring)), HangUp()]


def calling(call: Call) -> Steps:
    """A member has pressed the key: ring the client, who sees the business's number."""
    phone = Phone(call.their_number, asks="", tells=address(call, "leg"))
    return [Connect((phone,), CLIENT_RINGS, call.number.number, address(call, "after"))]
