"""What clients answer to an appointment's message: who is confirmed, who is flagged, and who is bothered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.alerts import clock
from parley.alerts.models import Due
from parley.alerts.tasks import appointment_answered, tell_closed
from parley.appointments import booking
from parley.appointments.models import Appointment
from parley.businesses.models import Business
from parley.carriers.base import Received
from parley.clients.models import Client, Consent
from parley.messaging import receiving, sending
from parley.messaging.line import Line
from parley.messaging.models import Conversation, Message
from parley.messaging.outcomes import Changes
from parley.messaging.patience import Patience
from parley.messaging.receiving import Arrived
from parley.notifications.models import Notification
from tests.alerts.engine import HOUR, book, rule, turn
from tests.messaging.signed import TWILIO
from tests.people import House
from tests.world import forget_jobs

pytestmark = pytest.mark.django_db(transaction=True)

MAYA, OWN = "+15035550118", "+18555550142"
Text = Callable[..., Any]


@pytest.fixture
def text(line: Line) -> Text:
    """A text from a handset is read; returns the appointment that was asked about, as it is then."""

    async def text(body: str, *, minutes_ago: float = 0, sid: str = "", late: bool = False) -> None:
        said = Received(carrier_id=sid or f"SM{uuid4().hex}", sender=MAYA, recipient=OWN, body=body)
        at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
        await line.run(
            lambda db: receiving.receive(db, [Arrived(7, said, at, TWILIO, late)], Changes(), Patience())
        )

    return text


@sync_to_async
def asked(house: House, *, hours: float = 24, client: Client | None = None, **more: Any) -> Appointment:
    """An appointment in so many hours, of which a message has asked them to answer C."""
    client = client or house.business.clients.filter(phone=MAYA).first() or house.client()
    start = timezone.now() + hours * HOUR
    visit = book(house, client, start, **more)
    turn()
    Message.objects.update(at=timezone.now() - timedelta(minutes=10))
    Appointment.objects.filter(pk=visit.pk).update(asked_at=timezone.now() - timedelta(minutes=10))
    Conversation.objects.update(unread=0, waiting=False)
    return visit


@sync_to_async
def seen(visit: Appointment) -> tuple[str, int, bool, int]:
    """Confirmed or declined; unread, waiting, notifications."""
    visit.refresh_from_db()
    how = "confirmed" if visit.confirmed_at else "declined" if visit.declined_at else ""
    conversation = visit.client.conversation
    conversation.refresh_from_db()
    return how, conversation.unread, conversation.waiting, Notification.objects.filter(kind="text").count()


@sync_to_async
def do_jobs() -> list[str]:
    """Do the jobs, twice each, and all that is due. Returns the automatic texts that are queued for it."""
    before = set(Message.objects.values_list("pk", flat=True))
    for task in (appointment_answered, tell_closed):
        for job in ProcrastinateJob.objects.filter(task_name=task.name, status="todo").order_by("id"):
            for _ in range(2):
                task(**job.args)
            turn()
            for _ in range(2):
                task(**job.args)
    turn()
    new = Message.objects.exclude(pk__in=before).filter(direction="out").order_by("id")
    return [f"{message.title}: {message.body}" for message in new]


QUIET, READ = ("confirmed", 0, False, 0), ("confirmed", 1, True, 1)
FLAGGED, ORDINARY = ("declined", 1, True, 1), ("", 1, True, 1)


@pytest.fixture(autouse=True)
def _no_jobs(transactional_db: None) -> None:
    forget_jobs()


async def test_each_answer_and_whom_it_bothers(text: Text, juniper: House) -> None:
    visit = await asked(juniper)
    for body, becomes in (
        ("C", QUIET),
        ("yes please!", QUIET),
        ("👍", QUIET),
        ("Yes, can I bring my dog?", READ),
        ("I can't make it, sorry", FLAGGED),
        ("I have to cancel", FLAGGED),
        ("Is there parking?", ORDINARY),
        ("C?", ORDINARY),
    ):
        await text(body)
        assert await seen(visit) == becomes, body
        assert await Message.objects.filter(direction="in", body=body).acount() == 1
        await Conversation.objects.aupdate(unread=0, waiting=False)
        await Notification.objects.all().adelete()
        await Appointment.objects.aupdate(confirmed_at=None, declined_at=None)
    # What a client wrote is kept for whoever reads the flag.
    await text("Sorry, I can't make it")
    await visit.arefresh_from_db()
    assert visit.declined_words == "Sorry, I can't make it"


async def test_who_confirms_is_told_once_and_a_second_c_says_nothing_new(text: Text, juniper: House) -> None:
    visit = await asked(juniper)
    await text("C", sid="SM1")
    await text("C", sid="SM1")
    [told] = await do_jobs()
    assert told.startswith("Confirmed: ")
    assert "Maya" in told
    await text("Yes")
    assert await seen(visit) == QUIET
    assert await do_jobs() == []
    assert await Message.objects.filter(direction="in").acount() == 2


async def test_a_conversation_that_waits_goes_on_waiting_and_one_that_is_closed_stays_closed(
    text: Text, juniper: House
) -> None:
    visit = await asked(juniper)
    await text("Do you sell shampoo?")
    conversation = await Conversation.objects.aget()
    await text("C")
    assert await seen(visit) == READ
    assert (await Conversation.objects.aget()).last_message_id == conversation.last_message_id
    await Appointment.objects.aupdate(confirmed_at=None)
    await Conversation.objects.aupdate(closed_at=timezone.now(), unread=0, waiting=False)
    await text("C")
    assert (await Conversation.objects.aget()).closed_at is not None


async def test_where_it_is_in_doubt_what_a_yes_means_a_person_reads_it(text: Text, juniper: House) -> None:
    near = await asked(juniper, hours=24)
    # Nobody has asked about this one yet.
    far = await asked(juniper, hours=24 * 20)
    await Appointment.objects.filter(pk=far.pk).aupdate(asked_at=None)
    await text("C")
    assert (await seen(near))[0] == "confirmed"
    assert (await seen(far))[0] == ""
    # The far one was asked about last, and the near one is confirmed: it is the far one.
    await Appointment.objects.filter(pk=far.pk).aupdate(asked_at=timezone.now() - timedelta(minutes=1))
    await text("C")
    assert (await seen(far))[0] == "confirmed"
    # The far one was asked about last, and the near one waits too.
    await Appointment.objects.aupdate(confirmed_at=None)
    await text("C")
    assert await seen(near) == ORDINARY
    assert (await seen(far))[0] == ""
    # Asked about at the same moment: the next one.
    await Appointment.objects.aupdate(asked_at=timezone.now() - timedelta(minutes=1))
    await text("C")
    assert (await seen(near))[0] == "confirmed"
    assert (await seen(far))[0] == ""


async def test_two_on_the_same_day_are_a_person_s_to_tell_apart(text: Text, juniper: House) -> None:
    # Noon of the day after tomorrow, where Juniper is.
    noon = (timezone.now().astimezone(juniper.business.zone) + timedelta(days=2)).replace(hour=12, minute=0)
    hours = (noon - timezone.now()) / HOUR
    both = [await asked(juniper, hours=hours), await asked(juniper, hours=hours + 3)]
    for body in ("C", "I can't make it"):
        await text(body)
        for visit in both:
            assert (await seen(visit))[0] == ""
    assert (await seen(both[0]))[1:] == (2, True, 2)


async def test_once_a_member_has_written_yes_may_answer_the_member(text: Text, juniper: House) -> None:
    visit = await asked(juniper)
    client = await juniper.business.clients.aget()
    await sync_to_async(sending.send)(juniper.owner, client, channel="sms", body="Shall I add a mask?")
    await text("Yes")
    assert await seen(visit) == ORDINARY
    await text("C")
    assert await seen(visit) == ("confirmed", 2, True, 2)


async def test_what_nobody_asked_is_an_ordinary_text(text: Text, juniper: House) -> None:
    visit = await asked(juniper)
    for change in (
        {"asked_at": None},
        {"asked_at": timezone.now() - timedelta(days=15)},
        {"status": "cancelled"},
        {"status": "missed"},
        {"starts_at": timezone.now() - HOUR},
    ):
        was = {name: getattr(visit, name) for name in ("status", "starts_at")}
        await Appointment.objects.aupdate(**({"asked_at": timezone.now() - HOUR} | change))
        await text("C")
        assert (await seen(visit))[0] == "", change
        await Appointment.objects.aupdate(**was)
    assert (await Conversation.objects.aget()).unread == 5


async def test_a_late_text_does_not_confirm_what_was_moved_since(text: Text, juniper: House) -> None:
    visit = await asked(juniper)
    start = visit.starts_at + HOUR

    @sync_to_async
    def move() -> None:
        booking.edit(juniper.business, visit.pk, starts_at=start, ends_at=start + HOUR)
        turn()

    await text("C")
    assert (await seen(visit))[0] == "confirmed"
    await move()
    assert (await seen(visit))[0] == ""
    await text("C", minutes_ago=5, late=True)
    assert (await seen(visit))[0] == ""
    await text("C")
    assert (await seen(visit))[0] == "confirmed"


async def test_the_last_of_two_answers_that_are_read_together_holds(line: Line, juniper: House) -> None:
    visit = await asked(juniper)
    for n, (bodies, how) in enumerate(
        [(("C", "Sorry, I can't make it"), "declined"), (("I can't make it", "C"), "confirmed")]
    ):
        arrived = [
            Arrived(10 * n + place, Received(f"SM{uuid4().hex}", MAYA, OWN, body), datetime.now(UTC), TWILIO)
            for place, body in enumerate(bodies)
        ]
        await line.run(lambda db, arrived=arrived: receiving.receive(db, arrived, Changes(), Patience()))
        assert (await seen(visit))[:2] == (how, n + 1)
        await Appointment.objects.aupdate(confirmed_at=None, declined_at=None)


async def test_a_no_is_flagged_also_where_nobody_asked(text: Text, juniper: House) -> None:
    visit = await asked(juniper)
    await Appointment.objects.aupdate(asked_at=None)
    await text("I need to reschedule")
    assert await seen(visit) == FLAGGED
    far = timezone.now() + timedelta(days=30)
    await Appointment.objects.aupdate(declined_at=None, starts_at=far, ends_at=far + HOUR)
    await text("I need to reschedule")
    assert (await seen(visit))[0] == ""


async def test_where_nobody_reads_a_c_confirms_and_is_not_told_that_nobody_reads(
    text: Text, juniper: House
) -> None:
    visit = await asked(juniper)
    await Business.objects.aupdate(mode="do_not_reply")
    await text("C")
    assert await seen(visit) == QUIET
    assert not await ProcrastinateJob.objects.filter(task_name__endswith="say_nobody_reads").aexists()
    [told] = await do_jobs()
    assert told.startswith("Confirmed: ")
    await text("I can't make it")
    assert (await seen(visit))[0] == "declined"
    assert await ProcrastinateJob.objects.filter(task_name__endswith="say_nobody_reads").acount() == 1
    assert not await Message.objects.filter(direction="in").aexists()


async def test_a_yes_that_lifts_an_opt_out_is_that_and_no_more(text: Text, juniper: House) -> None:
    # A long code: there YES lifts a STOP.
    await sync_to_async(type(juniper.number).objects.update)(number="+15035550199")
    visit = await asked(juniper)

    async def say(body: str) -> None:
        said = Received(f"SM{uuid4().hex}", MAYA, "+15035550199", body)
        arrived = Arrived(7, said, datetime.now(UTC), TWILIO)
        line = Line("test")
        try:
            await line.run(lambda db: receiving.receive(db, [arrived], Changes(), Patience()))
        finally:
            await line.close()

    await say("STOP")
    await say("YES")
    assert (await juniper.business.clients.aget()).texting == "ok"
    assert [line.says async for line in Consent.objects.order_by("id")] == ["refused", "agreed"]
    assert (await seen(visit))[0] == ""
    await say("YES")
    assert (await seen(visit))[0] == "confirmed"


async def test_it_is_nobody_else_s(text: Text, juniper: House, alder: House) -> None:
    """The same handset has an appointment at another business."""
    theirs = await asked(alder)
    await sync_to_async(juniper.client)()
    await text("C")
    await theirs.arefresh_from_db()
    assert theirs.confirmed_at is None
    assert (await juniper.business.conversations.aget()).unread == 1


@pytest.mark.parametrize("how", ["planned", "just had", "cancelled", "nothing"])
async def test_a_bare_cancel_is_doubtful_where_there_is_something_to_cancel(
    text: Text, juniper: House, how: str
) -> None:
    await sync_to_async(juniper.client)()
    if how != "nothing":
        visit = await asked(juniper, hours=24 * 10)
        # No text speaks of it.
        await Message.objects.all().adelete()
        change = {"planned": {}, "cancelled": {"status": "cancelled"}}.get(
            how, {"starts_at": timezone.now() - timedelta(days=2), "ends_at": timezone.now()}
        )
        await Appointment.objects.filter(pk=visit.pk).aupdate(**change)
    await text("Cancel")
    line = await Consent.objects.aget()
    assert line.says == ("doubtful" if how in ("planned", "just had") else "refused")


OPEN_NEVER = {day: [] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
OPEN_ALWAYS = {day: [["00:00", "00:00"]] for day in OPEN_NEVER}


async def test_who_texts_while_it_is_closed_is_told_so_once(text: Text, juniper: House) -> None:
    await sync_to_async(rule)(juniper, "closed")
    visit = await asked(juniper)
    today = timezone.now().astimezone(juniper.business.zone)
    # Closed now; open again tomorrow, at this hour or so.
    opens = {(today + timedelta(days=1)).strftime("%a").lower(): [["08:00", "17:00"]]}
    jobs = ProcrastinateJob.objects.filter(task_name="tell_closed")
    for tells, hours, words, told in (
        (False, opens, "Hello?", 0),
        (True, {}, "Hello?", 0),
        (True, OPEN_ALWAYS, "Hello?", 0),
        (True, opens, "HELP", 0),
        (True, opens, "C", 0),
        (True, opens, "Hello?", 1),
        (True, opens, "Anybody?", 2),
    ):
        await Business.objects.aupdate(tells_closed=tells, hours=hours)
        await text(words)
        assert await jobs.acount() == told, (tells, words)
    said = [told for told in await do_jobs() if told.startswith("We got your message")]
    assert len(said) == 1
    [due] = [one async for one in Due.objects.filter(kind="closed")]
    assert (due.about, due.about_id) == ("text", visit.client_id)
    # The next night is another.
    await Due.objects.filter(pk=due.pk).aupdate(occasion="the night before")
    assert any(told.startswith("We got your message") for told in await do_jobs())
    assert await sync_to_async(clock.take)(set()) is None
