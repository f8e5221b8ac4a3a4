"""Whom a campaign goes to, written down: a row for each client who is meant, with their turn, or why they get nothing.

One transaction: whatever dies, it is done again from the beginning, and nobody is texted before it is whole.
"""

from __future__ import annotations

import math
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from parley.businesses.tenancy import new_id
from parley.campaigns import audience, wording
from parley.campaigns.models import Campaign, Link
from parley.live.nudges import nudge

# The first few: as many as make a failure show that is worth stopping for, and of a large audience one in fifty.
FEWEST_FIRST = 10
FIRST_SHARE = 0.02
# A smaller audience than this is sent whole: its first few would be most of it.
WORTH_A_CANARY = 100

NOBODY = "None of the people in this campaign may be texted. The list below says why."

# The turns are given by a hash of the client's id, another for each campaign: an order that says nothing of them, and
# nobody is always among the first few. Each hundred of turns holds as many of the second wording as its share says.
PLACE = "(row_number() OVER (PARTITION BY why = '' ORDER BY uuid_hash_extended(id, %(seed)s), id))::int"
VARIANT = "CASE WHEN place * %(share_b)s / 100 > (place - 1) * %(share_b)s / 100 THEN 'b' ELSE 'a' END"
_WRITE = """
    WITH judged AS ({judged}), placed AS (
        SELECT id, phone, why, {place} AS place FROM judged
    ), written AS (
        INSERT INTO campaigns_recipient
            (business_id, campaign_id, client_id, phone, place, variant, state, code, opens_at, segments, tries)
        SELECT %(business)s, %(campaign)s, id, phone, place, {variant},
               CASE WHEN why = '' THEN 'waiting' ELSE 'skipped' END, why, %(now)s, 0, 0
        FROM placed ORDER BY place
        RETURNING variant, state, code
    ), counted AS (
        INSERT INTO campaigns_count (business_id, campaign_id, variant, what, code, number)
        SELECT %(business)s, %(campaign)s, variant, state, code, count(*) FROM written GROUP BY variant, state, code
        RETURNING what, number
    )
    SELECT coalesce(sum(number) FILTER (WHERE what = 'waiting'), 0)::int,
           coalesce(sum(number) FILTER (WHERE what = 'skipped'), 0)::int
    FROM counted
"""


class _Halted(Exception):
    """A member stopped it meanwhile."""


def prepare(campaign: Campaign) -> bool:
    """Write down whom it goes to, and let it begin. False if it is not to be prepared any more."""
    try:
        with transaction.atomic():
            _prepare(campaign)
    except _Halted:
        return False
    return True


def _prepare(campaign: Campaign) -> None:
    now = timezone.now()
    _write_links(campaign)
    judged, given = audience.judged(campaign)
    with connection.cursor() as cursor:
        # A hash join of all clients with all numbers wants more than a page's few megabytes.
        cursor.execute("SET LOCAL work_mem = '128MB'")
        given |= turns(campaign) | {"now": now}
        cursor.execute(_WRITE.format(judged=judged, place=PLACE, variant=VARIANT), given)
        fit, unfit = cursor.fetchone()
    few = first_few(campaign, fit)
    changes = {
        "status": Campaign.Status.SENDING if fit else Campaign.Status.STOPPED,
        "reason": "" if fit else NOBODY,
        "phase": Campaign.Phase.CANARY if few else Campaign.Phase.REST,
        "phase_at": now,
        "first_few": few,
        "fit": fit,
        "unfit": unfit,
        "started_at": now,
        "ended_at": None if fit else now,
        "changed_at": now,
    }
    # Not held while it is written, for that takes a while: so it is asked now whether it still holds.
    waiting = Campaign.objects.filter(pk=campaign.pk, status=Campaign.Status.PREPARING)
    if not waiting.update(**changes):
        raise _Halted
    for name, value in changes.items():
        setattr(campaign, name, value)
    nudge(campaign.business_id, [])


def turns(campaign: Campaign) -> dict[str, Any]:
    """What PLACE and VARIANT are given."""
    return {
        "share_b": campaign.share_b if campaign.wording_b else 0,
        "seed": campaign.pk.int % 2**31,
    }


def first_few(campaign: Campaign, fit: int) -> int:
    """How many go first, of so many; 0 if all go at once."""
    if not campaign.canary or fit < WORTH_A_CANARY:
        return 0
    return max(FEWEST_FIRST, math.ceil(fit * FIRST_SHARE))


def links(campaign: Campaign) -> list[Link]:
    """The links of its words, as they will be written."""
    urls = wording.links_in([campaign.wording, *([campaign.wording_b] if campaign.share_b else [])])
    return [
        Link(id=new_id(), business_id=campaign.business_id, campaign=campaign, place=place, url=url)
        for place, url in enumerate(urls[: wording.MOST_LINKS])
    ]


def _write_links(campaign: Campaign) -> None:
    Link.objects.bulk_create(links(campaign))
