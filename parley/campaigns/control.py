"""What a member may do with a campaign as a whole: let it begin, pause it, let it go on, stop it.

Each is one conditional change of its status in one transaction, so two who press at once do it once.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.campaigns import brake, news
from parley.campaigns.counting import Tally
from parley.campaigns.models import Campaign
from parley.live.nudges import nudge
from parley.messaging import columns
from parley.messaging.routing import TEXTING_OFF
from parley.quota import ledger

Status = Campaign.Status

# A campaign is planned no further ahead than a calendar is looked at.
MOST_AHEAD = timedelta(days=365)


class CannotChange(Exception):
    """It is not so any more that this could be done; `words` say what it is now."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


_NOW = {
    Status.DRAFT: "This campaign is a draft again.",
    Status.SCHEDULED: "This campaign waits for its time.",
    Status.PREPARING: "This campaign has begun.",
    Status.SENDING: "This campaign is being sent.",
    Status.PAUSED: "This campaign is paused.",
    Status.STOPPED: "This campaign was stopped.",
    Status.SENT: "This campaign has been sent.",
}


def schedule(campaign: Campaign, member: Member, at: datetime | None = None) -> None:
    """Let a draft begin: at once, or at `at`. Raises CannotChange."""
    now = timezone.now()
    _move(
        campaign,
        (Status.DRAFT, Status.SCHEDULED),
        status=Status.SCHEDULED,
        send_at=max(at, now) if at else now,
        started_by_id=member.pk,
        changed_by_id=member.pk,
    )


def unschedule(campaign: Campaign, member: Member) -> None:
    """A scheduled campaign is a draft again. Raises CannotChange."""
    _move(campaign, (Status.SCHEDULED,), status=Status.DRAFT, changed_by_id=member.pk)


@transaction.atomic
def pause(campaign: Campaign, why: str = "", *, braked: bool = False) -> None:
    """Hold everything back that has not left. Raises CannotChange.

    What stands in the queue is taken out of it, and goes out when the campaign goes on; so nothing leaves a paused
    campaign but what is being handed to the carrier right now. `why` is told to people; `braked`: Parley did it.
    """
    _move(campaign, (Status.SENDING,), status=Status.PAUSED, reason=why[:300], braked=braked)
    withdraw(campaign)
    if braked:
        news.tell_paused(campaign)


def resume(campaign: Campaign) -> None:
    """Let a paused campaign go on, with everybody who has had nothing yet. Raises CannotChange.

    Whoever lets a braked one go on has seen why: the brake counts anew from here. If it was the brake that spoke, the
    first few are done; a pause for want of texts or of a number says nothing of how they arrive.
    """
    changes: dict[str, Any] = {"status": Status.SENDING, "reason": "", "braked": False}
    if campaign.braked:
        seen = brake.seen(campaign)
        changes["braked_from"] = seen.kept
        if brake.why_brake(seen.since(campaign.braked_from)):
            changes |= {"phase": Campaign.Phase.REST, "phase_at": timezone.now()}
    _move(campaign, (Status.PAUSED,), **changes)


@transaction.atomic
def stop(campaign: Campaign) -> None:
    """End it for good: whoever has had nothing gets nothing. Raises CannotChange."""
    _move(
        campaign,
        (Status.SCHEDULED, Status.PREPARING, Status.SENDING, Status.PAUSED),
        status=Status.STOPPED,
        reason="",
        ended_at=timezone.now(),
    )
    withdraw(campaign)


@transaction.atomic
def end(campaign: Campaign) -> None:
    """All of it has left. Raises CannotChange."""
    _move(campaign, (Status.SENDING,), status=Status.SENT, reason="", ended_at=timezone.now())
    news.tell_sent(campaign)


def _move(campaign: Campaign, of: tuple[str, ...], **changes: Any) -> None:
    with transaction.atomic():
        moved = Campaign.objects.filter(
            business_id=campaign.business_id, pk=campaign.pk, status__in=of
        ).update(**changes, changed_at=timezone.now())
        if not moved:
            campaign.refresh_from_db()
            raise CannotChange(_NOW[Status(campaign.status)])
        for name, value in changes.items():
            setattr(campaign, name, value)
        nudge(campaign.business_id, [])


# What somebody holds just now (a claim, an opt-out, a receipt, the counter) is not waited for, so that nobody can wait
# for each other: it is leaving, or it is seen by the next look of the clock. What was never tried is taken back whole;
# what was is kept with its attempts, and its recipient gets another.
WITHDRAW = """
    WITH held AS (
        SELECT r.id, r.variant, o.message_id FROM campaigns_recipient r
        JOIN messaging_outbox o ON o.message_id = r.message_id
        JOIN messaging_message m ON m.id = o.message_id AND m.state = 'queued'
        WHERE r.campaign_id = %(campaign)s AND r.state = 'queued'
        FOR NO KEY UPDATE OF r SKIP LOCKED FOR UPDATE OF o, m SKIP LOCKED
    ), gone AS (
        DELETE FROM messaging_outbox WHERE message_id IN (SELECT message_id FROM held) RETURNING message_id
    ), back AS (
        UPDATE campaigns_recipient r SET state = 'waiting', message_id = NULL, queued_at = NULL, tries = tries + 1
        FROM held WHERE r.id = held.id
    )
    SELECT message_id, held.variant,
           EXISTS (SELECT 1 FROM messaging_attempt a WHERE a.message_id = gone.message_id)
    FROM gone JOIN held USING (message_id)
"""
CANCEL = """
    UPDATE messaging_message SET state = 'canceled', reason = 'The campaign was held back.',
        changed_at = clock_timestamp()
    WHERE id = ANY(%(messages)s::uuid[]) AND state = 'queued'
"""
DELETE = "DELETE FROM messaging_message WHERE id = ANY(%(messages)s::uuid[]) AND state = 'queued'"


def withdraw(campaign: Campaign) -> None:
    """Take back what has not left of a campaign that is halted; in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(WITHDRAW, {"campaign": campaign.pk})
        gone = cursor.fetchall()
        if not gone:
            return
        messages = [id for id, *_ in gone]
        tally = Tally()
        of = campaign.business_id, campaign.pk
        for _, variant, _ in gone:
            tally.add(of, variant, "queued", number=-1)
            tally.add(of, variant, "waiting")
        ledger.refund(messages)
        cursor.execute(CANCEL, {"messages": columns.uuids(id for id, _, tried in gone if tried)})
        cursor.execute(DELETE, {"messages": columns.uuids(id for id, _, tried in gone if not tried)})
    Campaign.objects.filter(pk=campaign.pk).update(queued=F("queued") - len(messages))
    tally.write()


def why_not_begin(business: Business) -> str:
    """What keeps any campaign of this business from being sent, in words; empty if nothing does."""
    return "" if business.texting else TEXTING_OFF
