"""What came is read in its order; what cannot be read is set aside, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

import psycopg
import pytest
from asgiref.sync import sync_to_async

from parley.live.dsn import conninfo
from parley.messaging import receiving
from parley.messaging.events import SHARDS
from parley.messaging.line import Line
from parley.messaging.models import CarrierEvent, Message
from parley.messaging.patience import Patience
from parley.messaging.receiving import Pace, Receiving
from tests.messaging.signed import TWILIO, sid
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@sync_to_async
def came(shard: int, **form: str) -> str:
    """An event that waits to be read. Returns its key."""
    event = CarrierEvent.objects.create(
        carrier="twilio",
        kind="text",
        key=sid(),
        shard=shard,
        form=urlencode(form),
        received_at=NOON,
        trouble="",
    )
    return str(event.key)


async def test_what_came_at_one_moment_keeps_its_order(line: Line, juniper: House) -> None:
    to = juniper.number.number
    for n in range(5):
        await came(3, MessageSid=sid(), From="+15035550118", To=to, Body=f"{n}")
    await Receiving({"twilio": TWILIO}, Patience(1.0))._batch(line, Pace())
    read = Message.objects.order_by("at", "id").values_list("body", flat=True)
    assert [body async for body in read] == ["0", "1", "2", "3", "4"]


async def test_an_older_text_that_waits_elsewhere_is_not_set_aside_for_one_that_cannot_be_read(
    line: Line, juniper: House
) -> None:
    """Another reader has its shard, so it is not this reader's to judge."""

    to = juniper.number.number
    await came(0, MessageSid=sid(), From="+15035550118", To=to, Body="Hello")
    unreadable = await came(1, Something="new")
    await came(SHARDS - 1, MessageSid=sid(), From="+15035550119", To=to, Body="Hi")
    reader = Receiving({"twilio": TWILIO}, Patience(1.0))
    async with await psycopg.AsyncConnection.connect(conninfo("test")) as another:
        await another.execute("SELECT pg_advisory_xact_lock(%s, 0)", [receiving.LOCK])
        await reader._batch(line, Pace())
        aside = CarrierEvent.objects.exclude(trouble="").values_list("key", "trouble")
        assert [row async for row in aside] == [(unreadable, "it holds no text")]
        assert await Message.objects.values_list("body", flat=True).aget() == "Hi"
    await reader._batch(line, Pace())
    assert {body async for body in Message.objects.values_list("body", flat=True)} == {"Hello", "Hi"}
