"""A member calls a client: Parley rings the member's own phone, then the client's, which sees the business's number.

The carrier has no key that makes calling safe to repeat, so the member's `Ring` is committed before it is asked: who
finds one there, and does not know what came of it, asks the carrier's log (`settling`) and never calls again.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from procrastinate.contrib.django import app

from parley.businesses.models import Member
from parley.calls import outcomes, scripts
from parley.calls.answering import rules_of, takes_calls
from parley.calls.models import Call, Ring
from parley.carriers.base import Doubt, Refused, SendError, quoting
from parley.carriers.directory import ask_voice
from parley.carriers.voice import OutgoingCall
from parley.clients.models import Client
from parley.messaging.models import Message
from parley.numbers.texting import own_number
from parley.sms.numbers import is_emergency, pretty

State = Call.State
# The job, by the name that `tasks` gives it.
PLACE = "place_call"
# Who asked for a call longer ago does not expect their phone to ring any more; a database from a backup asks again.
TOO_LATE = timedelta(seconds=60)
WAITED = "Nobody was called: it took Parley too long. Try again."
# A second call while the member's phone still rings for the first would ring it twice.
RINGS_ALREADY = timedelta(seconds=40)


class CannotCall(Exception):
    """Nobody was called. `words` say why; `where` it can be mended: profile (the member's phone), client, settings."""

    def __init__(self, words: str, where: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.where = where


def why_not(member: Member, client: Client) -> CannotCall | None:
    """What keeps this member from calling this client; None if nothing does."""
    business = member.business
    if client.phone and is_emergency(client.phone):
        return CannotCall(
            f"{pretty(client.phone)} is an emergency number. Call it from your own phone: Parley can’t connect you, "
            "and nobody would know where you are.",
            "client",
        )
    if not takes_calls(business, rules_of(business)):
        return CannotCall(
            "Calls aren’t activated. Install calls in the Calls and Texting app first.", "settings"
        )
    number = own_number(business)
    if number is None:
        return CannotCall(
            "Your business has no approved number yet, and calls leave from that one only.", "settings"
        )
    if number.paused:
        return CannotCall(f"Nothing leaves from your number just now. {number.paused}", "settings")
    if not client.phone:
        return CannotCall(f"{client.calls} has no phone number yet. Add one to their card.", "client")
    if not member.phone:
        return CannotCall(
            "We ring your own phone first, and don’t know its number. Type it, and call again.",
            "profile",
        )
    if client.phone in (member.phone, number.number):
        whose = "your own phone" if client.phone == member.phone else "your business’s own number"
        return CannotCall(f"{client.pretty_phone} is {whose}.", "client")
    return None


def start(member: Member, client: Client, client_key: uuid.UUID) -> Call:
    """Begin a call. `client_key` is the page's own id: a second one with it is the first call. Raises CannotCall."""
    business = member.business
    if first := business.calls.filter(client_key=client_key).first():
        return first
    if problem := why_not(member, client):
        raise problem
    try:
        return _begin(member, client, client_key)
    except IntegrityError:
        if first := business.calls.filter(client_key=client_key).first():
            return first
        raise


@transaction.atomic
def _begin(member: Member, client: Client, client_key: uuid.UUID) -> Call:
    business = member.business
    # Held, so that of two pages which ask at once the second finds the first one's call.
    Member.objects.select_for_update(no_key=True).get(business=business, pk=member.pk)
    if first := business.calls.filter(client_key=client_key).first():
        return first
    now = timezone.now()
    busy = business.calls.filter(
        member=member,
        direction=Message.Direction.OUT,
        state__in=(State.CALLING, State.RINGING),
        started_at__gt=now - RINGS_ALREADY,
    )
    if busy.exists():
        raise CannotCall(
            "Your phone is ringing for another call already. Take that one, or let it end first."
        )
    number = own_number(business)
    assert number is not None
    call = outcomes.begin(
        business,
        client,
        number,
        Message.Direction.OUT,
        State.CALLING,
        their_number=client.phone,
        member=member,
        client_key=client_key,
    )
    app.configure_task(PLACE, allow_unknown=False).defer(call_id=str(call.pk), business_id=str(business.pk))
    return call


def place(call_id: uuid.UUID, business_id: uuid.UUID) -> None:
    """Have the carrier ring the member's phone: once, whatever dies here."""
    with transaction.atomic():
        try:
            call = outcomes.held(call_id)
        except Call.DoesNotExist:
            return
        if call.business_id != business_id or call.state != State.CALLING or call.member is None:
            return
        if timezone.now() - call.started_at > TOO_LATE:
            outcomes.climb(call, State.FAILED, reason=WAITED)
            return
        ring, new = Ring.objects.get_or_create(business_id=business_id, call=call, member=call.member)
    if not new:
        return
    outgoing = OutgoingCall(
        to=call.member.phone,
        shows=call.number.number,
        asks=scripts.address(call, "asks", ring),
        tells=scripts.address(call, "tells", ring),
    )
    try:
        carrier_id = ask_voice(call.carrier, lambda voice: voice.call(outgoing))
    except Doubt:
        # Their phone may ring, and then the carrier asks what to say; else its log is asked.
        return
    except SendError as error:
        words = error.words
        if isinstance(error, Refused) and error.unlisted:
            words = quoting("The carrier refused this call", error.code, error.verbatim)
        with transaction.atomic():
            outcomes.climb(outcomes.held(call_id), State.FAILED, reason=words)
        return
    Ring.objects.filter(business_id=business_id, pk=ring.pk, carrier_id="").update(carrier_id=carrier_id)


def hang_up(member: Member, call_id: uuid.UUID) -> None:
    """End a call of the member's own that is under way. Raises Call.DoesNotExist, and what the carrier's errors are."""
    call = member.business.calls.get(pk=call_id, member=member, direction=Message.Direction.OUT)
    ring = call.rings.filter(business_id=call.business_id).exclude(carrier_id="").first()
    if call.state not in Call.ENDS and ring is not None:
        carrier_id = ring.carrier_id
        ask_voice(call.carrier, lambda voice: voice.end_call(carrier_id))
