"""The demo's meter: believable on any day of the month, and a ledger that adds up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import time_machine

from parley.businesses.models import Business
from parley.inbox.sample.load import load
from parley.messaging.models import Message
from parley.quota import ledger
from parley.quota.meter import Meter
from parley.quota.models import Entry
from tests.quota.conftest import add_up


@pytest.mark.django_db
def test_the_demos_texts() -> None:
    with time_machine.travel(datetime(2026, 11, 21, 7, 0, tzinfo=UTC), tick=False):
        business = load()
        seen = Meter.of(Business.objects.get(pk=business.pk))
        assert [share.used for share in seen.shares] == [702, 431, 151]
        assert seen.pace == "At this pace you’ll use about 1,930 before it starts over on December 1."
        assert add_up(business) == (716, 0)
        load()
        assert add_up(business) == (716, 0)
    shown = Entry.objects.filter(business=business, message_id__isnull=False)
    assert shown.count() > 20
    assert Message.objects.filter(pk__in=shown.values("message_id"), direction="out").count() == shown.count()
    months = Entry.objects.filter(business=business).order_by("id").values_list("month", flat=True)
    assert list(months) == sorted(months), "a month is a range of the ledger's numbers"
    assert ledger.begin_months(datetime(2026, 12, 1, 8, 0, tzinfo=UTC)) == 1
    assert add_up(business) == (2000, 0)
