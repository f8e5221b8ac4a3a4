"""The clock of campaigns, in `parley jobs`: begins what is scheduled, and writes what the numbers can send.

Texts are written a few seconds ahead of the numbers' pace, a block in a transaction that takes its recipients from
`waiting`: so a worker that dies loses nothing and doubles nothing, a pause takes effect at once, and the queue of a
number never holds so much that a member's text has to be looked for in it. Every gate is asked anew when a text is
written, and the last of them once more when it is claimed (rule R6).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from parley.alerts.wording import Unfit
from parley.businesses import planned
from parley.businesses.models import Business
from parley.campaigns import brake, control, counting, preparing, wording
from parley.campaigns.counting import Tally
from parley.campaigns.models import Campaign, Recipient
from parley.clients.models import Client, Handset
from parley.live.nudges import nudge
from parley.messaging import columns, routing
from parley.messaging.models import Message
from parley.messaging.patience import patience
from parley.messaging.routing import NO_MARKETING_NUMBER as NO_NUMBER
from parley.messaging.routing import NoNumber
from parley.messaging.sending import ROOM_TO_ARRIVE, Automatic, place_of
from parley.messaging.sending_many import Became, send_many
from parley.pulse.hands import Hands
from parley.quota import ledger, reloading
from parley.sms import quiet_hours, segments
from parley.sms.numbers import is_toll_free

log = logging.getLogger(__name__)

Status, Phase, State = Campaign.Status, Campaign.Phase, Recipient.State

# Of a number's work so many seconds are written ahead; and of one without a pace so many texts.
AHEAD = 10.0
AHEAD_UNPACED = 3000
BLOCK = 500
# After so long (seconds) those of the first few who are not heard of are not waited for any more, nor before so many of
# them (in per cent) are heard of.
WATCHED = 600.0
HEARD = 90
# How often (seconds) it is asked who talks to the business now.
TALKING = 10.0
# How long (seconds) after it was halted a campaign is looked at for texts that somebody held just then.
LEFT_OVER = 86_400.0
# The second half of our advisory locks is the campaign's; the first is counting's.
LOCK = counting.LOCK + 1
# The same, of a business whose campaigns spare each other's people.
RESTS = LOCK + 1

# So long (seconds) it is waited for auto-reload to order texts. Once they are ordered, it is waited for the money.
ORDERED = 600.0
BUYING = "No texts are left, and more are being bought automatically. It goes on by itself as soon as they are here."

FAILED = "Something went wrong in Parley. Whoever runs Parley finds more in its log."


def clock() -> Hands:
    """The hands of one worker: one writes, one counts."""
    return Hands("campaigns", [write_some, _counter()])


def _counter() -> Any:
    next_look = 0.0

    def go() -> bool:
        nonlocal next_look
        found = counting.count_some()
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + TALKING * patience().scale
            counting.count_talking()
        return bool(found)

    return go


BEGIN = """
    UPDATE campaigns_campaign SET status = 'preparing', changed_at = now()
    WHERE status = 'scheduled' AND send_at <= now()
"""
GOING = """
    SELECT id FROM campaigns_campaign WHERE status IN ('preparing', 'sending')
    UNION ALL
    SELECT id FROM campaigns_campaign
    WHERE status IN ('paused', 'stopped') AND changed_at > now() - %(lately)s * interval '1 second'
      AND EXISTS (SELECT 1 FROM campaigns_recipient r JOIN messaging_outbox o ON o.message_id = r.message_id
                  WHERE r.campaign_id = campaigns_campaign.id AND r.state = 'queued')
"""
# Blocks of one business wait for each other, as they do at its balance: who had another campaign's text a moment ago is
# seen only once that is committed.
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(%s, hashtext(%s::text))"
TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s::text))"


def write_some() -> bool:
    """One round: of every campaign that is going as much as there is room for. Did it write anything?"""
    with connection.cursor() as cursor:
        cursor.execute(BEGIN)
        cursor.execute(GOING, {"lately": LEFT_OVER})
        going = [id for (id,) in cursor.fetchall()]
    written = False
    for id in going:
        try:
            written |= _one(id, len(going))
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # One that cannot go on holds up no other: it is paused, and says so.
            log.error("a campaign could not go on, and is paused: %s", type(error).__name__)
            _give_up(id)
    return written


def _one(id: uuid.UUID, of: int) -> bool:
    """A campaign's turn; nothing if another worker has it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(TRY_LOCK, [LOCK, id])
            if not cursor.fetchone()[0]:
                return False
        campaign = Campaign.objects.select_related("business__plan").filter(pk=id).first()
        if campaign is not None and campaign.status == Status.PREPARING:
            return preparing.prepare(campaign)
        # Held until the block is in: whoever pauses it waits for that, and then takes it back.
        held = Campaign.objects.select_for_update(of=("self",), no_key=True).select_related("business__plan")
        campaign = held.filter(pk=id).first()
        if campaign is not None and campaign.status in (Status.PAUSED, Status.STOPPED):
            control.withdraw(campaign)
        if campaign is None or campaign.status != Status.SENDING:
            return False
        return _go_on(campaign, of)


def _give_up(id: uuid.UUID) -> None:
    campaign = Campaign.objects.filter(pk=id).first()
    if campaign is None:
        return
    if campaign.status == Status.PREPARING:
        Campaign.objects.filter(pk=id, status=Status.PREPARING).update(
            status=Status.DRAFT, reason=FAILED, changed_at=timezone.now()
        )
    else:
        try:
            control.pause(campaign, FAILED, braked=True)
        except control.CannotChange:
            return


def _go_on(campaign: Campaign, of: int) -> bool:
    business = campaign.business
    if why := control.why_not_begin(business):
        control.pause(campaign, why, braked=True)
        return False
    seen = brake.seen(campaign)
    if _braked(campaign, seen):
        return False
    most = _allowed(campaign, seen.known)
    if most == 0:
        return False
    pool = routing.marketing_pool()
    if not pool:
        control.pause(campaign, NO_NUMBER, braked=True)
        return False
    room = sum(map(_room, pool))
    most = min(most, BLOCK, max(1, room // of) if room else 0)
    if not most:
        return False
    block = Block(campaign, most)
    return block.write() or _ended(campaign)


# ---- How much may be written


def _braked(campaign: Campaign, seen: brake.Seen) -> bool:
    if why := brake.why_brake(seen.since(campaign.braked_from)):
        control.pause(campaign, why, braked=True)
    return bool(why)


def _allowed(campaign: Campaign, known: int) -> int:
    """For how many more a text may be written just now, if of so many it is known whether they got it."""
    if campaign.phase == Phase.WATCHING and campaign.queued < campaign.first_few:
        # A pause has taken some of them back.
        _enter(campaign, Phase.CANARY)
    if campaign.phase == Phase.CANARY:
        if campaign.queued < campaign.first_few:
            return campaign.first_few - campaign.queued
        _enter(campaign, Phase.WATCHING)
    if campaign.phase == Phase.WATCHING:
        assert campaign.phase_at
        waited = (timezone.now() - campaign.phase_at).total_seconds()
        if known * 100 < campaign.queued * HEARD and waited < WATCHED * patience().scale:
            return 0
        _enter(campaign, Phase.REST)
    return BLOCK


def _enter(campaign: Campaign, phase: Campaign.Phase) -> None:
    campaign.phase, campaign.phase_at = phase, timezone.now()
    campaign.save(update_fields=["phase", "phase_at"])


def _room(number: routing.Pooled) -> int:
    """How many texts this number can take just now."""
    if not number.pace:
        return max(0, AHEAD_UNPACED - number.texts)
    return max(0, int(number.pace * AHEAD - number.segments))


def _ended(campaign: Campaign) -> bool:
    """End it when nobody waits any more and nothing is on its way. Always False: nothing was written."""
    left = Recipient.objects.filter(campaign=campaign, state__in=(State.WAITING, State.QUEUED))
    if not left.exists():
        control.end(campaign)
    return False


# ---- One block


@dataclass
class Block:
    """The next few of a campaign that is held: who of them is texted now, who later, and who not."""

    campaign: Campaign
    most: int
    skipped: dict[int, str] = field(default_factory=dict)
    later: dict[int, datetime] = field(default_factory=dict)
    texts: dict[uuid.UUID, tuple[Recipient, Automatic, int]] = field(default_factory=dict)

    def write(self) -> bool:
        """Write their texts. False if nobody's turn had come."""
        with connection.cursor() as cursor:
            cursor.execute(ONE_AT_A_TIME, [RESTS, self.campaign.business_id])
        now = timezone.now()
        recipients = self._next(now)
        if not recipients:
            return False
        self._judge(recipients, now)
        became = self._send()
        tally = Tally()
        if became is None:
            self.texts.clear()
        elif became and self.campaign.reason:
            self._say("")
        self._record(recipients, became or {}, tally, now)
        tally.write()
        return became is not None

    @property
    def business(self) -> Business:
        return self.campaign.business

    def _next(self, now: datetime) -> Sequence[Recipient]:
        waiting = Recipient.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        return list(
            waiting.filter(campaign=self.campaign, state=State.WAITING, opens_at__lte=now).order_by(
                "opens_at", "place"
            )[: self.most]
        )

    def _judge(self, recipients: Sequence[Recipient], now: datetime) -> None:
        business, words = self.business, wording.of(self.campaign)
        asked = Client.objects.filter(business=business, pk__in=[each.client_id for each in recipients])
        clients = {client.pk: client for client in asked.defer("search")}
        numbers = [client.phone for client in clients.values() if client.phone]
        handsets = {one.phone: one for one in business.handsets.filter(phone__in=numbers)}
        rested = self._texted_lately(numbers)
        for recipient in recipients:
            client = clients.get(recipient.client_id)
            # Their card has another number now: nobody said that this one may be texted.
            if client is None or client.phone != recipient.phone:
                self.skipped[recipient.pk] = "removed" if client is None else "no_number"
                continue
            if why := why_not(client, handsets.get(client.phone)):
                self.skipped[recipient.pk] = why
                continue
            if client.phone in rested:
                self.skipped[recipient.pk] = "recently"
                continue
            try:
                window = quiet_hours.next_window(now + ROOM_TO_ARRIVE, place_of(client))
            except quiet_hours.NoWindow:
                self.skipped[recipient.pk] = "no_hours"
                continue
            if window.opens_at > now:
                self.later[recipient.pk] = window.opens_at
                continue
            try:
                body = words.compose(client, recipient.pk, recipient.variant)
            except Unfit as unfit:
                self.skipped[recipient.pk] = wording.why_unfit(unfit)
                continue
            key = uuid.uuid5(self.campaign.pk, f"{recipient.pk}:{recipient.tries}")
            text = Automatic(client, self.campaign.name, body, key)
            self.texts[key] = recipient, text, segments.count(body).segments

    def _texted_lately(self, phones: Sequence[str]) -> set[str]:
        """Who of these had another campaign's text in the days that this one spares them, also since it began."""
        if not self.campaign.rest_days:
            return set()
        given = {
            "business": self.campaign.business_id,
            "campaign": self.campaign.pk,
            "rest_days": self.campaign.rest_days,
            "phones": columns.texts(phones),
        }
        return {phone for (phone,) in planned.rows(TEXTED_LATELY, given)}

    def _send(self) -> Any:
        """What became of each text; None if there are too few texts left, or no number: it is paused, or it waits."""
        while self.texts:
            left = ledger.balance(self.business).left
            costs = accumulate(cost for *_, cost in self.texts.values())
            fits = sum(spent <= left for spent in costs)
            if not fits and self._waits_for_texts():
                return None
            if not fits:
                why = f"{ledger.none_left(self.business)} Buy more, and let it go on."
                control.pause(self.campaign, why, braked=True)
                return None
            self.texts = dict(list(self.texts.items())[:fits])
            texts = [text for _, text, _ in self.texts.values()]
            try:
                return send_many(self.business, Message.Kind.MARKETING, texts, all_paid=True)
            except ledger.NoTexts:
                # Somebody else of the business has paid with them meanwhile: so it is looked anew.
                continue
            except NoNumber:
                # It was there when the room was asked.
                control.pause(self.campaign, NO_NUMBER, braked=True)
                return None
        return {}

    def _waits_for_texts(self) -> bool:
        """Is auto-reload buying texts? Whoever turned it on wants nothing to stop for want of them."""
        if reloading.ordered(self.business):
            known = True
        elif reloading.due(self.business):
            waited = (timezone.now() - self.campaign.changed_at).total_seconds()
            known = self.campaign.reason != BUYING or waited < ORDERED * patience().scale
        else:
            return False
        if known and self.campaign.reason != BUYING:
            reloading.take_up(self.business.pk)
            self._say(BUYING)
        return known

    def _say(self, reason: str) -> None:
        """Tell those who look at it why it doesn't go on; how fast it goes is counted anew from here."""
        self.campaign.reason, self.campaign.changed_at = reason, timezone.now()
        self.campaign.save(update_fields=["reason", "changed_at"])
        nudge(self.campaign.business_id, [])

    def _why_unsent(self, became: Mapping[uuid.UUID, Became]) -> dict[str, str]:
        """Why some got nothing after all, by their numbers: an opt-out that came since they were judged, mostly."""
        unsent = {
            text.client.phone: text.client for key, (_, text, _) in self.texts.items() if not became[key].sent
        }
        if not unsent:
            return {}
        handsets = {one.phone: one for one in self.business.handsets.filter(phone__in=unsent)}
        return {phone: why_not(client, handsets.get(phone)) or "not_sent" for phone, client in unsent.items()}

    def _record(self, recipients: Sequence[Recipient], became: Any, tally: Tally, now: datetime) -> None:
        of = self.campaign.business_id, self.campaign.pk
        rows: list[tuple[int, str, str, datetime, uuid.UUID | None, int]] = []
        written = {recipient.pk: (became[key], cost) for key, (recipient, _, cost) in self.texts.items()}
        why_unsent = self._why_unsent(became)
        queued = 0
        for recipient in recipients:
            state, code, opens_at, message, cost = State.WAITING, "", recipient.opens_at, None, 0
            if recipient.pk in self.skipped:
                state, code = State.SKIPPED, self.skipped[recipient.pk]
            elif recipient.pk in self.later:
                opens_at = self.later[recipient.pk]
            elif recipient.pk in written:
                one, cost = written[recipient.pk]
                message = one.message
                state, code = (State.QUEUED, "") if one.sent else (State.SKIPPED, why_unsent[recipient.phone])
                queued += one.sent
            else:
                continue
            rows.append((recipient.pk, state, code, opens_at, message, cost))
            if state != State.WAITING:
                tally.add(of, recipient.variant, State.WAITING, number=-1)
                tally.add(of, recipient.variant, state, code)
        if not rows:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                RECORD,
                {
                    "now": now,
                    "ids": columns.integers(row[0] for row in rows),
                    "states": columns.texts(row[1] for row in rows),
                    "codes": columns.texts(row[2] for row in rows),
                    "opens": columns.moments(row[3] for row in rows),
                    "messages": columns.uuids(row[4] for row in rows),
                    "costs": columns.integers(row[5] for row in rows),
                },
            )
        if queued:
            self.campaign.queued += queued
            self.campaign.save(update_fields=["queued"])


TEXTED_LATELY = """
    SELECT phone FROM campaigns_recipient
    WHERE business_id = %(business)s AND phone = ANY(%(phones)s::text[]) AND phone <> '' AND campaign_id <> %(campaign)s
      AND queued_at > now() - %(rest_days)s * interval '1 day' AND state <> 'skipped'
"""
RECORD = """
    UPDATE campaigns_recipient r
    SET state = t.state, code = t.code, opens_at = t.opens_at, message_id = t.message_id, segments = t.segments,
        queued_at = CASE WHEN t.state = 'queued' THEN %(now)s::timestamptz END
    FROM unnest(%(ids)s::bigint[], %(states)s::text[], %(codes)s::text[], %(opens)s::timestamptz[],
                %(messages)s::uuid[], %(costs)s::int[]) AS t (id, state, code, opens_at, message_id, segments)
    WHERE r.id = t.id
"""


def why_not(client: Client, known: Handset | None) -> str:
    """Why this client may not be texted now, as `audience.WHY_NOT` names it; empty if nothing speaks against it.

    As `audience.judged` asks it of all, and `sending.check` of one.
    """
    if not client.phone:
        return "no_number"
    if known is None:
        return "no_consent"
    said = (known.service, known.marketing)
    if "refused" in said:
        return "opted_out"
    if "doubtful" in said:
        return "in_doubt"
    if known.reach == Handset.Reach.LANDLINE:
        return "landline"
    if known.reach == Handset.Reach.INVALID or client.texting == Client.Texting.CANNOT:
        return "invalid"
    if is_toll_free(client.phone):
        return "toll_free"
    return "" if known.marketing == Handset.Marketing.AGREED else "no_consent"
