"""Calls whose end nobody told: the carrier's log says how they ended.

A webhook may be lost, or come while Parley is away for good; then a call would ring, or talk, for ever.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from parley.calls import outcomes
from parley.calls.calling import WAITED
from parley.calls.models import Call, Ring
from parley.calls.webhooks import LEG_OF, OWN_PHONE, caller_gone
from parley.carriers.base import SendError, Unavailable
from parley.carriers.directory import ask_voice
from parley.carriers.voice import ENDED, CallSaid
from parley.messaging.models import Message

log = logging.getLogger(__name__)

State = Call.State
# A call that is open so long is asked about: it may go on.
OPEN_FOR = timedelta(minutes=5)
# No call is longer (carriers.voice.Connect); of what is open longer nothing will be heard any more.
LOST_AFTER = timedelta(hours=6)
LOST = "What became of this call is not known: the carrier never said."
NEVER_RANG = "The carrier does not know of this call. Try again."


def settle() -> None:
    """Ask the carriers about every call that has been open for long. Two at once do no harm."""
    before = timezone.now() - OPEN_FOR * settings.PATIENCE
    found = Call.objects.exclude(state__in=Call.ENDS).filter(started_at__lt=before)
    for call in found.select_related("number", "member").order_by("started_at")[:200]:
        try:
            _settle(call)
        except (Unavailable, SendError) as error:
            log.warning("a call was not asked about: %s", type(error).__name__)
        except Exception as error:
            # One that cannot be settled must not keep the others waiting.
            log.error("a call was not settled: %s", type(error).__name__)


def _settle(call: Call) -> None:
    lost = timezone.now() - call.started_at > LOST_AFTER
    if call.direction == Message.Direction.IN:
        said = _ask(call, call.carrier_id)
        if said is not None and said.status not in ENDED and not lost:
            return
        _end_inbound(call)
        return
    _settle_outbound(call, lost)


def _end_inbound(call: Call) -> None:
    taken = (
        call.rings.filter(business_id=call.business_id, state=Ring.State.TAKEN).exclude(carrier_id="").first()
    )
    leg = _ask(call, taken.carrier_id) if taken else None
    with transaction.atomic():
        held = outcomes.held(call.pk)
        if held.state == State.TALKING and leg is not None and leg.seconds:
            outcomes.climb(held, State.ENDED, seconds=leg.seconds)
        else:
            caller_gone(held)


def _settle_outbound(call: Call, lost: bool) -> None:
    ring = call.rings.filter(business_id=call.business_id).first()
    own_id = ring.carrier_id if ring else ""
    if ring is not None and not own_id:
        own_id = _find(call)
        Ring.objects.filter(business_id=call.business_id, pk=ring.pk, carrier_id="").update(carrier_id=own_id)
    leg = _ask(call, call.carrier_id)
    own = _ask(call, own_id)
    with transaction.atomic():
        held = outcomes.held(call.pk)
        if leg is not None and leg.status in ENDED:
            outcomes.climb(held, LEG_OF[leg.status], seconds=leg.seconds)
        elif own is not None and own.status in ENDED:
            if held.state == State.TALKING:
                outcomes.climb(held, State.ENDED)
            else:
                outcomes.climb(held, State.CANCELED, reason=OWN_PHONE[own.status])
        elif own is None and leg is None:
            outcomes.climb(held, State.FAILED, reason=NEVER_RANG if ring else WAITED)
        elif lost:
            outcomes.climb(held, State.FAILED, reason=LOST)


def _ask(call: Call, carrier_id: str) -> CallSaid | None:
    return ask_voice(call.carrier, lambda voice: voice.fetch_call(carrier_id)) if carrier_id else None


def _find(call: Call) -> str:
    """The carrier's name for the member's leg, whose answer was lost; empty if its log has none."""
    member = call.member
    if member is None:
        return ""
    known = set(
        Ring.objects.filter(business_id=call.business_id, member=member)
        .exclude(carrier_id="")
        .values_list("carrier_id", flat=True)
    )
    made = ask_voice(
        call.carrier,
        lambda voice: voice.calls_between(call.number.number, member.phone, call.started_at),
    )
    return next((one.carrier_id for one in made if one.carrier_id not in known), "")
