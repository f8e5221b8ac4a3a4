"""What carriers ask and tell about calls. The answer is a script, so these are Django's, each in one transaction.

Signed as texts are, by the configured public address; what is not is refused (403), counted, and changes nothing. The
same request again changes nothing either and gets the same script: a call is known by the carrier's id, and all states
only climb (`outcomes`). What is signed but speaks of nothing that we know gets a script that hangs up.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from parley.calls import coming, outcomes, recordings, scripts, words
from parley.calls.answering import rules_of
from parley.calls.models import Call, Ring
from parley.carriers.directory import voices
from parley.carriers.form import pairs
from parley.carriers.voice import ENDED, CallSaid, CallStatus, Say, Voice
from parley.clients.languages import language_of
from parley.messaging.models import Message
from parley.pulse import tallies

log = logging.getLogger(__name__)

MOST_BODY = 64 * 1024
Form = Sequence[tuple[str, str]]
State = Call.State

RING_OF: dict[CallStatus, Ring.State] = {
    "in-progress": Ring.State.PICKED_UP,
    "completed": Ring.State.MISSED,
    "no-answer": Ring.State.MISSED,
    "failed": Ring.State.MISSED,
    "busy": Ring.State.DECLINED,
    "canceled": Ring.State.CANCELED,
}
LEG_OF: dict[CallStatus, str] = {
    "initiated": State.RINGING,
    "ringing": State.RINGING,
    "in-progress": State.TALKING,
    "completed": State.ENDED,
    "busy": State.BUSY,
    "no-answer": State.MISSED,
    "failed": State.FAILED,
    "canceled": State.CANCELED,
}
UNREACHED = "The carrier could not reach this number. Check it with the client."
OWN_PHONE = {
    "completed": "The call was ended before anybody was connected.",
    "no-answer": "Your phone did not answer.",
    "busy": "Your phone was busy.",
    "canceled": "The call was ended before anybody was connected.",
    "failed": "The carrier could not reach your phone. Check your number under Settings.",
}
TAKEN_ALREADY = Say("Somebody else has taken this call. Goodbye.")


def from_carrier(view: Callable[..., scripts.Steps]) -> Callable[..., HttpResponse]:
    """A view that gets the carrier's name, its voice and the form it posted, if it is the carrier who did."""

    @csrf_exempt
    @require_POST
    def checked(request: HttpRequest, carrier: str, **more: object) -> HttpResponse:
        voice = voices().get(carrier)
        if voice is None:
            return HttpResponse(status=404)
        if int(request.headers.get("Content-Length") or 0) > MOST_BODY:
            return _answered(413)
        try:
            form = pairs(request.body.decode())
        except ValueError:
            form = []
        url = settings.PUBLIC_URL + request.get_full_path()
        if not form or not voice.authentic(url, request.headers, form):
            log.warning("a webhook about a call was refused: not signed by %s", carrier)
            return _answered(403)
        try:
            steps = view(carrier, voice, form, **more)
        except (Call.DoesNotExist, Ring.DoesNotExist):
            steps = scripts.hang_up()
        except (OperationalError, InterfaceError) as error:
            log.error("a webhook about a call waits for the database: %s", type(error).__name__)
            return _answered(503)
        return _answered(200, voice.script(steps), voice.script_type)

    return checked


def _answered(status: int, body: bytes = b"", content_type: str = "text/plain") -> HttpResponse:
    tallies.count("webhooks", str(status))
    return HttpResponse(body, status=status, content_type=content_type)


@from_carrier
def came(carrier: str, voice: Voice, form: Form) -> scripts.Steps:
    """Somebody calls a number of ours."""
    said = voice.read_call(form)
    return coming.answer(carrier, voice, said) if said else scripts.hang_up()


@from_carrier
def ended(carrier: str, voice: Voice, form: Form) -> scripts.Steps:
    """A call to a number of ours has ended: who hung up while it rang was missed."""
    said = voice.read_call(form)
    if said is None or said.status not in ENDED:
        return []
    with transaction.atomic():
        found = Call.objects.filter(
            carrier=carrier, carrier_id=said.carrier_id, direction=Message.Direction.IN
        )
        if id := found.values_list("pk", flat=True).first():
            caller_gone(outcomes.held(id))
    return []


def caller_gone(call: Call) -> None:
    """A client's call is over, and nothing more is known of it."""
    if call.state == State.TALKING:
        outcomes.climb(call, State.ENDED)
    elif call.state == State.RINGING:
        for ring in call.rings.filter(business_id=call.business_id):
            outcomes.move(ring, Ring.State.CANCELED)
        outcomes.climb(call, State.MISSED)


@from_carrier
def about_ring(carrier: str, voice: Voice, form: Form, id: uuid.UUID, what: str) -> scripts.Steps:
    """About a member's phone that rings: it was picked up (asks), a key was pressed (key), a step (tells), or all that
    rang with it have been tried (after).
    """
    said = voice.read_call(form)
    if said is None:
        return scripts.hang_up()
    with transaction.atomic():
        call_id = Ring.objects.values_list("call_id", flat=True).get(pk=id, call__carrier=carrier)
        call = outcomes.held(call_id)
        ring = Ring.objects.select_related("member").get(pk=id, business_id=call.business_id)
        inbound = call.direction == Message.Direction.IN
        match what:
            case "asks":
                outcomes.move(ring, Ring.State.PICKED_UP, said.carrier_id)
                return (
                    scripts.asking(call, ring) if _still_open(call, ring) else scripts.hang_up(TAKEN_ALREADY)
                )
            case "key" if said.key != scripts.TAKE:
                outcomes.move(ring, Ring.State.DECLINED, said.carrier_id)
                return scripts.hang_up()
            case "key":
                return _take(call, ring, said) if inbound else _go_on(call, ring, said)
            case "tells":
                outcomes.move(ring, RING_OF.get(said.status, Ring.State.RINGING), said.carrier_id)
                if not inbound:
                    _own_phone(call, said)
                return []
            case "after" if inbound:
                return _rung(call, ring, said, voice)
    return scripts.hang_up()


@from_carrier
def about_call(carrier: str, voice: Voice, form: Form, id: uuid.UUID, what: str) -> scripts.Steps:
    """About a call: its voicemail (voicemail, recording, transcript), or the client's phone that a member has rung
    (leg, after).
    """
    with transaction.atomic():
        call = outcomes.held(id)
        if call.carrier != carrier:
            return scripts.hang_up()
        inbound = call.direction == Message.Direction.IN
        match what:
            case "voicemail" | "recording" if inbound:
                if (recording := voice.read_recording(form)) and recording.call_id == call.carrier_id:
                    recordings.told(call, recording, voice)
                if what == "recording":
                    return []
                language = language_of(call.business, call.message.conversation.client)
                return scripts.hang_up(Say(words.THANKS[language], language))
            case "transcript" if inbound:
                if transcript := voice.read_transcript(form):
                    recordings.written_down(call, transcript)
                return []
            case "leg" | "after" if not inbound:
                if said := voice.read_call(form):
                    return _leg(call, said) if what == "leg" else _client_rung(call, said)
    return scripts.hang_up()


def _still_open(call: Call, ring: Ring) -> bool:
    """May who picked up take it? Nobody else has, and it is not over; the same request again hears the same."""
    return ring.state == Ring.State.TAKEN or call.state in (State.CALLING, State.RINGING)


def _take(call: Call, ring: Ring, said: CallSaid) -> scripts.Steps:
    again, over = ring.state == Ring.State.TAKEN, call.state in Call.ENDS
    outcomes.move(ring, Ring.State.PICKED_UP, said.carrier_id)
    if not outcomes.take(ring, call):
        return scripts.hang_up(TAKEN_ALREADY)
    outcomes.climb(call, State.TALKING)
    # The end of what they hear puts them through, if the caller is there still.
    return scripts.hang_up() if over and not again else []


def _rung(call: Call, ring: Ring, said: CallSaid, voice: Voice) -> scripts.Steps:
    """The phones have rung: they talked, or the next one rings, or the caller may leave a voicemail."""
    if said.carrier_id != call.carrier_id:
        return scripts.hang_up()
    rings = list(call.rings.filter(business_id=call.business_id))
    taken = any(each.state == Ring.State.TAKEN for each in rings)
    # Who pressed no key was not put through, whatever the carrier calls it.
    if said.leg_status == "completed" and said.bridged is not False and (said.bridged or taken):
        if not taken and (
            leg := next((each for each in rings if said.leg_id == each.carrier_id != ""), None)
        ):
            outcomes.take(leg, call)
        outcomes.climb(call, State.ENDED, seconds=said.leg_seconds)
        return scripts.hang_up()
    if call.state == State.ENDED:
        return scripts.hang_up()
    gone = said.status in ENDED
    rules = rules_of(call.business)
    if not gone and call.state != State.MISSED and (following := coming.next_in_turn(call, ring)):
        outcomes.move(ring, Ring.State.MISSED)
        return scripts.ringing(call, [following], rules, greets=False)
    for each in rings:
        outcomes.move(each, Ring.State.CANCELED if gone else Ring.State.MISSED)
    outcomes.climb(call, State.MISSED)
    return scripts.hang_up() if gone else scripts.voicemail(call, rules, voice)


def _go_on(call: Call, ring: Ring, said: CallSaid) -> scripts.Steps:
    """A member has pressed the key on their own phone: the client's rings."""
    if call.state in Call.ENDS:
        return scripts.hang_up()
    outcomes.move(ring, Ring.State.TAKEN, said.carrier_id)
    outcomes.climb(call, State.RINGING)
    return scripts.calling(call)


def _own_phone(call: Call, said: CallSaid) -> None:
    """A step of the phone of the member who calls. When it hangs up, so does everybody."""
    if said.status not in ENDED:
        return
    if call.state == State.TALKING:
        outcomes.climb(call, State.ENDED)
    elif call.state not in Call.ENDS:
        state = State.FAILED if said.status == "failed" else State.CANCELED
        outcomes.climb(call, state, reason=OWN_PHONE[said.status])


def _leg(call: Call, said: CallSaid) -> scripts.Steps:
    """A step of the client's phone."""
    if not call.carrier_id:
        call.carrier_id = said.carrier_id
        call.save(update_fields=["carrier_id"])
    if said.carrier_id == call.carrier_id and (state := LEG_OF.get(said.status)):
        outcomes.climb(call, state, seconds=said.seconds, reason=UNREACHED if said.status == "failed" else "")
    return []


def _client_rung(call: Call, said: CallSaid) -> scripts.Steps:
    """The client's phone has rung: what the member hears, if they are there still."""
    status = said.leg_status
    if status is None:
        return scripts.hang_up()
    outcomes.climb(
        call,
        LEG_OF.get(status, State.FAILED),
        seconds=said.leg_seconds,
        reason=UNREACHED if status == "failed" else "",
    )
    told = words.NOT_ANSWERED.get(status)
    return scripts.hang_up(Say(told.format(name=call.message.conversation.client.name)) if told else None)
