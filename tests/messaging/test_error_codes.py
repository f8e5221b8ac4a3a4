"""Carriers' error codes, each from Twilio's own words to what the member, the queue and the number hear of it.

The table is field.md 4.6 (with carriers.md 1 for the rest), reviewed 2026-11-25.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from parley.carriers.base import Again
from parley.carriers.twilio import webhooks
from parley.carriers.twilio.words import REASONS
from parley.clients.models import Client, Consent, Handset
from parley.messaging import outcomes
from parley.messaging.again import again_key
from parley.messaging.delivery import Claimed, Delivery
from parley.messaging.line import Line
from parley.messaging.models import Attempt, Message, Outbox
from parley.messaging.outcomes import Changes, Fact, Outcome
from parley.messaging.patience import Patience
from parley.messaging.sending import send, send_automatic
from parley.notifications.models import Notification
from parley.quota.models import Entry
from tests.carriers.test_twilio_send import TEXT, refusal, twilio
from tests.carriers.wire import playing, says
from tests.messaging.test_delivery import take
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)

MINUTES = 60


class Row(NamedTuple):
    """What a receipt with this code comes to: minutes until the next try and tries in all, and what the number is."""

    code: int
    again: tuple[float, int] | None = None
    reach: str = ""
    texting: str = "ok"


TABLE = [
    Row(21211, reach="invalid", texting="cannot"),
    Row(21217, reach="invalid", texting="cannot"),
    Row(21610, texting="stopped"),
    Row(21611, (15, 3)),
    Row(21614, reach="invalid", texting="cannot"),
    Row(21635, reach="landline", texting="cannot"),
    Row(30001, (15, 3)),
    Row(30002),
    Row(30003, (30, 3)),
    Row(30004),
    Row(30005),
    Row(30006, reach="landline", texting="cannot"),
    Row(30007),
    Row(30008, (10, 2)),
    Row(30017, (5, 3)),
    Row(30019),
    Row(30022, (5, 3)),
    Row(30032),
    Row(30034),
    Row(30035),
    Row(30036),
    Row(30410, (10, 2)),
    Row(30999),
]


def receipt(text: Claimed, status: str, code: int | None = None, said: str = "") -> Fact:
    """As the webhook states it: Twilio's form, read by Twilio's folder."""
    form = [("MessageSid", f"SM{text.attempt_id.hex}"), ("MessageStatus", status)]
    if code:
        form += [("ErrorCode", str(code)), ("ErrorMessage", said)]
    told = webhooks.read_receipt(form)
    assert told is not None
    return Fact.of(told, text.attempt_id)


async def hear(line: Line, *facts: Fact) -> None:
    async def work(db: Any) -> None:
        changes = Changes()
        await outcomes.climb(db, facts, changes, Patience(1.0))
        await outcomes.tell(db, changes)

    await line.run(work)


@sync_to_async
def write(house: House, body: str = "See you at 3", phone: str = "+15035550118", **more: Any) -> Message:
    client = house.business.clients.filter(phone=phone).first() or house.client(phone=phone)
    if more:
        return send_automatic(
            house.business, client, title="Reminder", body=body, key=again_key(client.id), **more
        )
    return send(house.owner, client, channel="sms", body=body)


async def handed_over(line: Line) -> Claimed:
    """The one text that is due leaves, and the carrier takes it."""
    [text] = await take(line)
    sid = f"SM{text.attempt_id.hex}"
    await outcomes.record(line, [Outcome(text.attempt_id, "bound", carrier_id=sid)], Patience(1.0))
    return text


async def due_now() -> None:
    """The wait is over."""
    assert await Outbox.objects.aupdate(run_at=timezone.now()) == 1


async def state() -> tuple[str, str]:
    message = await Message.objects.aget()
    return message.state, message.code


async def test_every_code_of_the_table(juniper: House, line: Line) -> None:
    for n, row in enumerate(TABLE):
        phone = f"+1503{5550100 + n}"
        message = await write(juniper, phone=phone)
        text = await handed_over(line)
        before = timezone.now()
        await hear(line, receipt(text, "undelivered", row.code, "Their own words"))
        await message.arefresh_from_db()
        waiting = await Outbox.objects.filter(message=message).afirst()
        if row.again is None:
            assert (message.state, waiting) == ("undelivered", None), row
            assert await Notification.objects.acount() == 1, row
        else:
            minutes, most = row.again
            assert message.state == "queued", row
            assert waiting is not None
            assert abs((waiting.run_at - before).total_seconds() - minutes * MINUTES) < 30, row
            assert REASONS[row.code].again == Again(most=most, wait=minutes * MINUTES)
            assert not await Notification.objects.aexists(), row
        assert message.code == str(row.code)
        assert message.reason.startswith(
            REASONS[row.code].words
            if row.code in REASONS
            else "The carrier did not deliver this text: “Their own words” (30999)."
        ), row
        handset = await Handset.objects.filter(phone=phone).afirst()
        assert (handset.reach if handset else "") == row.reach, row
        assert (await Client.objects.aget(phone=phone)).texting == row.texting, row
        for leftover in (Outbox, Notification):
            await leftover.objects.all().adelete()
    assert await Entry.objects.filter(kind="spent").acount() == len(TABLE), "paid for once each"


def test_the_table_has_every_code_of_a_text() -> None:
    told = {row.code for row in TABLE} | {30023}
    renting_or_refused = {code for code in REASONS if 20000 <= code < 21000}
    renting_or_refused |= {c for c, r in REASONS.items() if r.family in ("renting", "sender", "text")}
    of_calls = {21214, 21220}
    assert set(REASONS) <= told | renting_or_refused | of_calls
    assert all(REASONS[code].again is None for code in renting_or_refused - {20429})


async def test_a_phone_that_was_off_is_tried_three_times_and_told_of_once(juniper: House, line: Line) -> None:
    message = await write(juniper)
    for tried in (1, 2):
        text = await handed_over(line)
        await hear(line, receipt(text, "sent"), receipt(text, "undelivered", 30003))
        await hear(line, receipt(text, "failed", 30003))
        waiting = await Outbox.objects.aget()
        local = waiting.run_at.astimezone(juniper.business.zone)
        clock = f"{local.hour % 12 or 12}:{local.minute:02} {'AM' if local.hour < 12 else 'PM'}"
        day = (
            "" if local.date() == timezone.now().astimezone(juniper.business.zone).date() else f"{local:%a} "
        )
        await message.arefresh_from_db()
        assert message.reason == f"The phone was off or out of reach. Trying again {day}at {clock}."
        assert (waiting.tries, await take(line)) == (tried, [])
        assert not await Notification.objects.aexists()
        await due_now()
    text = await handed_over(line)
    await hear(line, receipt(text, "undelivered", 30003))
    assert await state() == ("undelivered", "30003")
    assert not await Outbox.objects.aexists()
    assert await Notification.objects.acount() == 1
    tries = [row async for row in Attempt.objects.order_by("try_number").values_list("try_number", "state")]
    assert tries == [(1, "lost"), (2, "lost"), (3, "bound")]
    assert await Entry.objects.filter(kind="spent").acount() == 1


async def test_the_daily_limit_waits_for_midnight_on_the_pacific(juniper: House, line: Line) -> None:
    pacific = ZoneInfo("America/Los_Angeles")
    message = await write(juniper)
    text = await handed_over(line)
    midnight = timezone.now().astimezone(pacific).replace(
        hour=0, minute=0, second=0, microsecond=0
    ) + timedelta(days=1)
    await hear(line, receipt(text, "failed", 30023))
    assert (await Outbox.objects.aget()).run_at == midnight
    await message.arefresh_from_db()
    assert message.reason.endswith(f"Trying again {midnight:%a} at 12:00 AM.")
    # Written yesterday at noon: at midnight nobody expects it any more.
    await Outbox.objects.all().adelete()
    await Message.objects.aupdate(state="sent", at=midnight - timedelta(hours=36))
    await Attempt.objects.aupdate(state="bound")
    await hear(line, receipt(text, "failed", 30023))
    assert await state() == ("failed", "30023")


async def test_what_is_never_tried_again(juniper: House, line: Line) -> None:
    """Each of these would be, but for one thing."""

    async def stopped(message: Message) -> None:
        await Handset.objects.acreate(
            business=juniper.business,
            phone=message.their_address,
            service="refused",
            changed_at=timezone.now(),
        )

    async def old(message: Message) -> None:
        await Message.objects.filter(pk=message.pk).aupdate(
            at=timezone.now() - timedelta(hours=23, minutes=45)
        )

    async def by_hand(message: Message) -> None:
        await Message.objects.filter(pk=message.pk).aupdate(state="unconfirmed")
        client = await Client.objects.aget(phone=message.their_address)
        await sync_to_async(send)(
            juniper.owner, client, channel="sms", body=message.body, client_key=again_key(message.id)
        )

    async def confirms(message: Message) -> None:
        await Message.objects.filter(pk=message.pk).aupdate(why={"confirms": True})

    async def marketing(message: Message) -> None:
        await Message.objects.filter(pk=message.pk).aupdate(kind="marketing")

    async def nothing(message: Message) -> None:
        pass

    for n, but in enumerate((stopped, old, by_hand, confirms, marketing, nothing)):
        message = await write(juniper, phone=f"+1503{5550100 + n}")
        text = await handed_over(line)
        await but(message)
        await hear(line, receipt(text, "undelivered", 30003))
        await message.arefresh_from_db()
        tried_again = await Outbox.objects.filter(message=message).aexists()
        assert (message.state == "queued", tried_again) == (but is nothing, but is nothing), but.__name__
        await Outbox.objects.all().adelete()


async def test_what_is_said_of_a_try_after_the_next_has_begun_changes_nothing(
    juniper: House, line: Line
) -> None:
    await write(juniper)
    first = await handed_over(line)
    await hear(line, receipt(first, "undelivered", 30003))
    late = (receipt(first, "sent"), receipt(first, "failed", 30008), receipt(first, "undelivered", 30003))
    await hear(line, *late)
    assert await state() == ("queued", "30003")
    assert await Outbox.objects.acount() == 1
    await due_now()
    [second] = await take(line)
    for fact in late:
        await hear(line, fact)
    assert await state() == ("sending", "")
    assert await Attempt.objects.acount() == 2
    sid = f"SM{second.attempt_id.hex}"
    await outcomes.record(line, [Outcome(second.attempt_id, "bound", carrier_id=sid)], Patience(1.0))
    # Both in one batch: what the later one says counts.
    await hear(line, receipt(first, "failed", 30008), receipt(second, "sent"))
    message = await Message.objects.aget()
    assert (message.state, message.carrier_id) == ("sent", "")
    await hear(line, receipt(second, "delivered"), receipt(first, "failed", 30008))
    assert await state() == ("delivered", "")


async def test_a_text_that_arrived_after_all_does_not_leave_again(juniper: House, line: Line) -> None:
    await write(juniper)
    first = await handed_over(line)
    await hear(line, receipt(first, "undelivered", 30003))
    await due_now()
    await hear(line, receipt(first, "delivered"))
    assert await state() == ("delivered", "")
    assert await take(line) == []
    assert not await Outbox.objects.aexists()
    assert await Attempt.objects.acount() == 1


async def test_a_text_that_waits_for_a_phone_holds_up_no_other(juniper: House, line: Line) -> None:
    await write(juniper, "one")
    first = await handed_over(line)
    await hear(line, receipt(first, "undelivered", 30003))
    await write(juniper, "two")
    second = await handed_over(line)
    assert second.body == "two"
    await write(juniper, "three")
    await Outbox.objects.aupdate(run_at=timezone.now())
    assert (await handed_over(line)).body == "one", "in their order again, once its time has come"
    assert (await handed_over(line)).body == "three"


# In answer to the call itself: what the message and the number come to.
ANSWERS = [
    (21211, "failed", "This is not a working phone number. Check it with the client.", "invalid"),
    (21610, "failed", REASONS[21610].words, ""),
    (21611, "queued", "Too many texts from this number are waiting at the carrier.", ""),
    (21635, "failed", REASONS[21635].words, "landline"),
    (30999, "failed", "The carrier refused this text: “The 'To' number +15035550118 is wrong; ", ""),
]


async def test_what_the_carrier_answers_to_the_call(
    juniper: House, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for n, (code, state, words, reach) in enumerate(ANSWERS):
        message = await write(juniper, phone=f"+1503{5550140 + n}")
        [text] = await take(line)
        async with playing(says(400, refusal(code))) as wire, twilio(wire.url) as carrier:
            # What is to be tried again is not due before the last of them, however slow they are.
            delivery = Delivery({"twilio": carrier}, Patience(MINUTES))
            outcome = await delivery._outcome(text, lambda: "")
        for _ in range(2):
            await outcomes.record(line, [outcome], Patience(1.0))
        await message.arefresh_from_db()
        assert (message.state, message.code) == (state, str(code))
        assert message.reason.startswith(words)
        attempt = await Attempt.objects.aget(message=message)
        assert attempt.words == message.reason
        assert attempt.answered_at is not None
        handset = await Handset.objects.filter(phone=message.their_address).afirst()
        assert (handset.reach if handset else "") == reach
        assert (handset.service if handset else "") == ("refused" if code == 21610 else "")
    assert await Notification.objects.acount() == 4
    assert TEXT.recipient not in caplog.text


async def test_two_misses_in_a_row_are_shown_and_one_that_arrives_clears_them(
    juniper: House, line: Line
) -> None:
    async def missed() -> tuple[str, int, str]:
        await write(juniper)
        text = await handed_over(line)
        # The same miss in two statuses is one miss.
        await hear(line, receipt(text, "undelivered", 30005))
        await hear(line, receipt(text, "failed", 30005), receipt(text, "undelivered", 30005))
        handset = await Handset.objects.aget()
        return handset.reach, handset.misses, (await Client.objects.aget()).texting

    assert await missed() == ("", 1, "ok")
    assert await missed() == ("unreachable", 2, "ok"), "shown, and still texted"
    await write(juniper)
    await hear(line, receipt(await handed_over(line), "delivered"))
    handset = await Handset.objects.aget()
    assert (handset.reach, handset.misses) == ("", 0)
    assert await missed() == ("", 1, "ok")


async def test_the_carriers_word_that_they_opted_out_is_a_line_of_the_ledger(
    juniper: House, alder: House, line: Line
) -> None:
    await write(juniper)
    [text] = await take(line)
    refused = Outcome(
        text.attempt_id,
        "refused",
        words=REASONS[21610].words,
        code="21610",
        opted_out=True,
        verbatim="Attempt to send to unsubscribed recipient",
    )
    for _ in range(2):
        await outcomes.record(line, [refused], Patience(1.0))
    kept = await Consent.objects.aget()
    assert (kept.business_id, kept.phone, kept.category, kept.says, kept.how) == (
        juniper.business.id,
        "+15035550118",
        "all",
        "refused",
        "carrier",
    )
    assert (kept.words, kept.our_number, kept.source) == (
        "Attempt to send to unsubscribed recipient",
        "+18555550142",
        f"carrier:{text.attempt_id}",
    )
    handset = await Handset.objects.aget()
    assert (handset.service, handset.marketing, handset.service_by) == ("refused", "refused", kept.id)
    assert (await Client.objects.aget()).texting == "stopped"
    assert not await Outbox.objects.aexists(), "no second confirmation"
    # A receipt can say it too, and names the attempt only by the carrier's id.
    await Client.objects.aupdate(texting="ok")
    await write(juniper, phone="+15035550119")
    other = await handed_over(line)
    await hear(
        line, Fact(f"SM{other.attempt_id.hex}", "failed", None, "21610", "They stopped.", opted_out=True)
    )
    assert await Consent.objects.acount() == 2
    assert not await Consent.objects.filter(business=alder.business).aexists()


async def test_a_try_that_was_given_up_says_nothing_of_the_next_but_that_it_arrived(
    juniper: House, line: Line
) -> None:
    for arrives in (False, True):
        message = await write(juniper, phone=f"+150355501{arrives:02}")
        [first] = await take(line)
        # It counted as never sent, and the carrier had it after all.
        given_up = Outcome(first.attempt_id, "not_sent", words="Refused.", wait=0.0)
        await outcomes.record(line, [given_up], Patience(1.0))
        [second] = await take(line)
        await hear(line, receipt(first, "delivered" if arrives else "failed", None if arrives else 30007))
        await message.arefresh_from_db()
        assert message.state == ("delivered" if arrives else "sending")
        sid = f"SM{second.attempt_id.hex}"
        await outcomes.record(line, [Outcome(second.attempt_id, "bound", carrier_id=sid)], Patience(1.0))
        await message.arefresh_from_db()
        assert message.state == ("delivered" if arrives else "accepted")
