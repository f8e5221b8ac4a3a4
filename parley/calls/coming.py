"""A client calls: found or made, written down, and what is done with them, in one transaction.

What is decided at the first request stands in `Message.why`, so that the same request again gets the same answer,
whatever was set otherwise meanwhile.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from parley.businesses.models import Business
from parley.calls import outcomes, scripts, words
from parley.calls.answering import at_hand, rules_of, takes_calls
from parley.calls.models import Call, CallRules, Ring
from parley.carriers.voice import CallSaid, Say, Voice
from parley.clients.languages import language_of
from parley.clients.models import Client
from parley.messaging.models import Message, Route
from parley.numbers.models import PhoneNumber


def answer(carrier: str, voice: Voice, said: CallSaid) -> scripts.Steps:
    """What to do with a call that has just come in."""
    number = (
        PhoneNumber.objects.filter(number=said.called, carrier=carrier, released_at=None)
        .select_related("business__plan")
        .first()
    )
    if number is None or number.business is None:
        return scripts.hang_up(_elsewhere(number, said.caller))
    business = number.business
    call_id = _known(business, carrier, said)
    if call_id is None:
        try:
            call_id = _begin(business, number, said)
        except IntegrityError:
            # The same request, twice at once: the other one has written it.
            call_id = _known(business, carrier, said)
            if call_id is None:
                raise
    with transaction.atomic():
        return _script(outcomes.held(call_id), voice)


def next_in_turn(call: Call, ring: Ring) -> Ring | None:
    """Where phones ring one after another: whose is next, their ring begun; None if everybody has been rung."""
    plan = call.message.why.get("call", {})
    members: list[str] = plan.get("members", []) if plan.get("turn") else []
    after = members.index(str(ring.member_id)) + 1 if str(ring.member_id) in members else len(members)
    return next((ring for member in members[after:] for ring in _rings(call, [member])), None)


def unknown_caller(business: Business) -> Client:
    """The one card of all who withhold their number: their calls and voicemails have a conversation too."""
    client, _ = Client.objects.get_or_create(
        pk=uuid.uuid5(business.pk, words.UNKNOWN),
        business=business,
        defaults={"first_name": words.UNKNOWN},
    )
    return client


def is_unknown(client: Client) -> bool:
    """Is this the card of all who withhold their number? Not once somebody has given it one, or an address."""
    return client.pk == uuid.uuid5(client.business_id, words.UNKNOWN) and not (client.phone or client.email)


def _known(business: Business, carrier: str, said: CallSaid) -> uuid.UUID | None:
    return (
        business.calls.filter(carrier=carrier, carrier_id=said.carrier_id)
        .values_list("pk", flat=True)
        .first()
    )


@transaction.atomic
def _begin(business: Business, number: PhoneNumber, said: CallSaid) -> uuid.UUID:
    if said.caller:
        # Of a client as of a number there is one; whoever is unknown gets a card that has only the number.
        client, _ = business.clients.get_or_create(business=business, phone=said.caller)
    else:
        client = unknown_caller(business)
    rules, now = rules_of(business), timezone.now()
    taken = takes_calls(business, rules)
    members = [str(row.member_id) for row in at_hand(business, now)] if taken else []
    turn = rules.ring == CallRules.Ring.TURN
    call = outcomes.begin(
        business,
        client,
        number,
        Message.Direction.IN,
        Call.State.RINGING if taken else Call.State.ENDED,
        why={"call": {"taken": taken, "turn": turn, "members": members}},
        their_number=said.caller,
        carrier_id=said.carrier_id,
        reason="" if taken else words.HOW_TO_REACH,
    )
    if taken and not members:
        outcomes.climb(call, Call.State.MISSED)
    _rings(call, members[: 1 if turn else None])
    return call.pk


def _script(call: Call, voice: Voice) -> scripts.Steps:
    """What the caller meets first."""
    plan: dict[str, Any] = call.message.why.get("call", {})
    language = language_of(call.business, call.message.conversation.client)
    rules = rules_of(call.business)
    if not plan.get("taken"):
        return scripts.hang_up(words.how_to_reach(call.business, language))
    members: list[str] = plan["members"]
    rings = _rings(call, members[: 1 if plan["turn"] else None])
    if not rings:
        return scripts.voicemail(call, rules, voice)
    return scripts.ringing(call, rings, rules, greets=True)


def _rings(call: Call, members: list[str]) -> list[Ring]:
    """A ring for each of these members, in this order, begun unless it was."""
    known = {
        str(ring.member_id): ring
        for ring in call.rings.filter(business_id=call.business_id, member_id__in=members).select_related(
            "member"
        )
    }
    # Who has left meanwhile, or has taken their phone off their profile, has none that could ring.
    new = call.business.members.exclude(phone="").filter(pk__in=set(members) - known.keys())
    for member in new:
        known[str(member.pk)] = Ring.objects.create(business_id=call.business_id, call=call, member=member)
    return [ring for member in members if (ring := known.get(member)) and ring.member.phone]


def _elsewhere(number: PhoneNumber | None, caller: str) -> Say:
    """For who calls a shared number: of the business by which they know it, if there is only one."""
    route = (
        Route.objects.filter(number=number, phone=caller)
        .exclude(holds=Route.Holds.SHARED)
        .select_related("business__plan")
        .first()
        if number is not None and caller and number.duty == PhoneNumber.Duty.SYSTEM
        else None
    )
    if route is None:
        return Say(words.NOBODY["en"])
    language = language_of(route.business)
    reads = route.holds == Route.Holds.CONVERSATION
    return words.how_to_reach(route.business, language, same_number=reads)
