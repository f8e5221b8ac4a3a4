"""The demo's campaigns: what is counted of them is so, and the one that is being sent goes on by itself."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import Sum
from django.db.models.functions import Now

from parley.campaigns import clock
from parley.campaigns.foretelling import foretell
from parley.campaigns.models import Campaign, Count, Minute, Recipient
from parley.inbox.sample.load import load
from parley.messaging.models import Conversation, Message
from parley.numbers.models import PhoneNumber


@pytest.mark.django_db(transaction=True)
def test_the_demos_campaigns(at_noon: None) -> None:
    business = load()
    statuses = Counter(business.campaigns.values_list("status", flat=True))
    assert statuses == {"sent": 3, "sending": 1, "scheduled": 1, "draft": 1}
    for one in business.campaigns.all():
        people = Recipient.objects.filter(campaign=one)
        counted = dict(
            Count.objects.filter(campaign=one).values_list("what").annotate(total=Sum("number")).order_by()
        )
        found = dict(Counter(people.values_list("state", flat=True)))
        found |= {
            what: number
            for what in ("replied", "talked", "opted_out", "clicked")
            if (number := people.exclude(**{f"{what}_at": None}).count())
        }
        assert counted == found, one.name
        waits = one.status == Campaign.Status.SCHEDULED
        assert one.fit == (foretell(one).fit if waits else people.exclude(state="skipped").count())
        delivered = Minute.objects.filter(campaign=one, what="delivered").aggregate(total=Sum("number"))
        assert delivered["total"] == found.get("delivered")
    going = Campaign.objects.get(status="sending")
    texts = Message.objects.filter(kind="marketing", title=going.name)
    before = texts.count()
    assert before == going.queued
    # Nobody who opted out of one campaign is in a later one, and nobody's reply is left without an answer.
    gone = Recipient.objects.filter(campaign__status="sent").exclude(opted_out_at=None)
    assert not Recipient.objects.filter(
        campaign=going, phone__in=gone.values("phone"), message_id__isnull=False
    ).exists()
    assert not Conversation.objects.filter(client__tags__contains=["Color club"], waiting=True).exists()
    # By the clock of the database its Monday may have come.
    business.campaigns.filter(status="scheduled").update(send_at=Now() + timedelta(days=9))
    PhoneNumber.objects.filter(duty="marketing").update(pace=1.0)
    clock.write_some()
    assert texts.count() == before + 10
    load()
    assert business.campaigns.count() == 6
