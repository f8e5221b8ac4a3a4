"""Answers to a marketing number: not in the Inbox, answered once with the business's own number, and counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client as Browser
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.appointments.models import Appointment
from parley.campaigns import clock, counting, tokens
from parley.campaigns.models import Change, Count, Recipient
from parley.campaigns.tasks import marketing_answered
from parley.carriers.base import Received
from parley.clients import consent
from parley.clients.languages import Language
from parley.messaging import receiving, words
from parley.messaging.line import Line
from parley.messaging.models import Conversation, Message, Outbox, Route
from parley.messaging.outcomes import Changes
from parley.messaging.patience import Patience
from parley.messaging.receiving import Arrived
from parley.messaging.tasks import NOBODY_READS, say_nobody_reads, say_who_texts
from parley.notifications.models import Notification
from parley.numbers.models import PhoneNumber
from parley.sms import segments
from tests.campaigns.conftest import NUMBER, Make, begin, people
from tests.messaging.signed import TWILIO
from tests.messaging.test_routing import likes_marketing
from tests.people import House

pytestmark = pytest.mark.django_db(transaction=True)

MAYA = "+15035550000"
Answer = Callable[..., Any]


@pytest.fixture
async def line(transactional_db: None) -> AsyncIterator[Line]:
    line = Line("test")
    yield line
    await line.close()
    await sync_to_async(connections.close_all)()


@pytest.fixture
def answer(line: Line) -> Answer:
    """A handset texts the marketing number, and what follows is done as `parley jobs` would."""

    async def answer(
        body: str, sender: str = MAYA, to: str = NUMBER, at: datetime | None = None
    ) -> list[str]:
        text = Received(carrier_id=f"SM{uuid4().hex}", sender=sender, recipient=to, body=body)
        arrived = Arrived(7, text, at or timezone.now(), TWILIO)
        await line.run(lambda db: receiving.receive(db, [arrived], Changes(), Patience()))
        return await done()

    return answer


@sync_to_async
def done() -> list[str]:
    """What was answered now: the jobs that wait are done."""
    before = set(Message.objects.values_list("pk", flat=True))
    for task in (say_nobody_reads, say_who_texts, marketing_answered):
        for job in ProcrastinateJob.objects.filter(task_name=task.name, status="todo").order_by("id"):
            task(**job.args)
    ProcrastinateJob.objects.filter(status="todo").delete()
    while counting.count_some():
        pass
    return list(Message.objects.exclude(pk__in=before).order_by("id").values_list("body", flat=True))


@sync_to_async
def counted(what: str) -> int:
    return sum(Count.objects.filter(what=what).values_list("number", flat=True))


@pytest.fixture
def sent(juniper: House, campaign: Make) -> Callable[[int], Any]:
    """One more campaign's text for each of so many clients, the first of them Maya."""

    @sync_to_async
    def sent(number: int) -> Recipient:
        if not juniper.business.clients.exists():
            people(juniper, number)
        one = begin(campaign(), juniper)
        clock.write_some()
        assert Recipient.objects.filter(campaign=one, state="queued").count() == number
        return Recipient.objects.get(campaign=one, phone=MAYA)

    ProcrastinateJob.objects.filter(status="todo").delete()
    return sent


SAID = "Juniper Hair Studio: nobody reads answers to this number. Text us at (855) 555-0142."


async def test_an_answer_is_answered_once_after_each_offer_and_counted(
    answer: Answer, sent: Any, juniper: House
) -> None:
    first = await sent(2)
    assert await answer("Nice! Is Tuesday free?") == [SAID]
    said = await Message.objects.select_related("number").aget(title=NOBODY_READS)
    assert (said.kind, said.number and said.number.number, said.their_address) == (
        "transactional",
        NUMBER,
        MAYA,
    )
    assert await Outbox.objects.filter(message=said, priority=1).aexists()
    # Nothing came into the Inbox.
    assert not await Message.objects.filter(direction="in").aexists()
    assert not await Notification.objects.aexists()
    conversation = await Conversation.objects.aget(client=first.client_id)
    assert (conversation.unread, conversation.waiting) == (0, False)
    assert await answer("Hello?") == []
    await first.arefresh_from_db()
    assert first.replied_at
    assert await counted("replied") == 1
    # Not again a day later either, for it has been said; but after the next offer.
    long_ago = timezone.now() - timedelta(hours=24, seconds=1)
    await Conversation.objects.aupdate(auto_replied_at=long_ago)
    assert await answer("Still nobody?") == []
    second = await sent(2)
    assert await answer("And this one?") == [SAID]
    # Within a day of the last time it is not said again, whatever was sent meanwhile.
    third = await sent(2)
    assert await answer("Hm?") == []
    for recipient in (second, third):
        await recipient.arefresh_from_db()
        assert recipient.replied_at
    assert await counted("replied") == 3
    # Somebody else's is another's.
    assert await answer("Me too", sender="+15035550001") == [SAID]


async def test_stop_and_help_always_work_and_are_no_answers(
    answer: Answer, sent: Any, juniper: House
) -> None:
    await sent(3)
    # The network answers STOP by itself; help in Spanish, and plain words, are Parley's to answer and to obey.
    assert await answer("STOP") == []
    assert (await juniper.business.clients.aget(phone=MAYA)).texting == "stopped"
    assert not await Outbox.objects.filter(recipient=MAYA).aexists()
    other = "+15035550001"
    assert await answer("AYUDA", sender=other) == [
        words.help_words("Juniper Hair Studio", "hello@juniper.example")
    ]
    assert await answer("stop sending me offers please", sender=other) == []
    handset = await juniper.business.handsets.aget(phone=other)
    assert (handset.service, handset.marketing) == ("", "refused")
    assert await counted("replied") == 0
    assert await counted("opted_out") == 2
    # Who has stopped everything is told nothing more.
    assert await answer("Why do you write?") == []


async def test_a_yes_to_an_offer_confirms_no_appointment(answer: Answer, sent: Any, juniper: House) -> None:
    recipient = await sent(1)
    now = timezone.now()
    appointment = await Appointment.objects.acreate(
        business=juniper.business,
        client_id=recipient.client_id,
        title="Color",
        starts_at=now + timedelta(days=2),
        ends_at=now + timedelta(days=2, hours=1),
        status="booked",
        asked_at=now - timedelta(hours=1),
    )
    assert await answer("Yes") == [SAID]
    await appointment.arefresh_from_db()
    assert appointment.confirmed_at is None
    assert await counted("replied") == 1


async def test_how_a_business_is_reached(answer: Answer, sent: Any, juniper: House) -> None:
    await sent(7)

    @sync_to_async
    def change(**to: Any) -> None:
        juniper.business.__class__.objects.filter(pk=juniper.business.pk).update(**to)

    named = "Juniper Hair Studio"
    for place, (to, said) in enumerate(
        [
            (
                {"language": "fr"},
                f"{named}: personne ne lit les réponses à ce numéro. Textez-nous au (855) 555-0142.",
            ),
            (
                {"language": "es"},
                f"{named}: nadie lee las respuestas a este teléfono. Mande su mensaje al (855) 555-0142.",
            ),
            (
                {"language": "en", "two_way": False},
                f"{named}: nobody reads answers to this number. Write to us at hello@juniper.example.",
            ),
            (
                {"email": "", "address": "12 Oak St"},
                f"{named}: nobody reads answers to this number. Find us at 12 Oak St.",
            ),
            ({"auto_reply": "Call us: (503) 555-0100"}, f"{named}: Call us: (503) 555-0100"),
            (
                {"auto_reply": "JUNIPER HAIR STUDIO is at (503) 555-0100"},
                "JUNIPER HAIR STUDIO is at (503) 555-0100",
            ),
        ]
    ):
        await change(**to)
        assert await answer("Hello?", sender=f"+150355500{place:02}") == [said]
    # What the business's own number is answered where nobody reads it is no answer to the offer.
    assert await answer("Hello?", sender="+15035550006", to=juniper.number.number)
    assert await counted("replied") == 6


async def test_of_two_that_share_the_number_the_last_that_texted_answers(
    answer: Answer, sent: Any, juniper: House, alder: House, campaign: Make
) -> None:
    await sent(1)

    @sync_to_async
    def theirs() -> None:
        alder.client("Same", phone=MAYA)
        likes_marketing(alder, MAYA)
        one = campaign()
        one.business, one.changed_by = alder.business, None
        one.save()
        begin(one, alder)
        clock.write_some()
        assert Recipient.objects.get(campaign=one).state == "queued"

    assert await answer("To Juniper") == [SAID]
    await theirs()
    assert await answer("To Alder") == [
        "Alder Physio: nobody reads answers to this number. Text us at (855) 555-0167."
    ]
    replied = {r.business_id async for r in Recipient.objects.filter(replied_at__isnull=False)}
    assert replied == {juniper.business.pk, alder.business.pk}
    # A stranger to the number means nobody, and is not answered.
    assert await answer("Who is this?", sender="+15035557777") == []


async def test_what_counts_as_due_to_a_campaign(answer: Answer, sent: Any, juniper: House) -> None:
    recipient = await sent(2)

    async def replied() -> bool:
        await recipient.arefresh_from_db()
        return recipient.replied_at is not None

    assert recipient.queued_at
    await answer("Early", at=recipient.queued_at - timedelta(seconds=1))
    assert not await replied()
    await answer("Late", at=recipient.queued_at + timedelta(days=7, seconds=1))
    assert not await replied()
    await answer("In time", at=recipient.queued_at + timedelta(days=6))
    assert await replied()
    assert recipient.replied_at == recipient.queued_at + timedelta(days=6)
    # Twice done is once counted.
    job = {"business_id": str(juniper.business.pk), "phone": MAYA, "at": datetime.now(UTC).isoformat()}
    for _ in range(2):
        await sync_to_async(marketing_answered)(**job)
    assert await Change.objects.filter(what="replied").acount() == 2
    await done()
    assert await counted("replied") == 1


async def test_who_goes_on_to_talk_is_counted(answer: Answer, sent: Any, juniper: House) -> None:
    recipient = await sent(2)
    talk = sync_to_async(counting.count_talking)
    # Whoever texts the own number without having answered has not come by it.
    await answer("Hello", sender="+15035550001", to=juniper.number.number)
    await answer("Hello", to=juniper.number.number)
    await talk()
    assert await counted("talked") == 0
    await answer("Is Tuesday free?")
    await talk()
    assert await counted("talked") == 0
    await answer("Is Tuesday free?", to=juniper.number.number)
    await talk()
    await talk()
    assert await counted("talked") == 1
    await recipient.arefresh_from_db()
    assert recipient.talked_at
    assert recipient.replied_at
    assert recipient.talked_at > recipient.replied_at


async def test_start_brings_back_what_the_own_page_stopped(
    answer: Answer, sent: Any, juniper: House, alder: House, campaign: Make
) -> None:
    """As the page says it does."""
    await sent(4)
    own = juniper.number.number
    first, second, third, fourth = [r async for r in Recipient.objects.order_by("phone")]

    @sync_to_async
    def press(recipient: Recipient, stop: str) -> str:
        address = f"/o/{tokens.token_of(recipient.pk)}"
        return Browser().post(address, {"stop": stop}, follow=True).content.decode()

    async def holds(recipient: Recipient) -> tuple[str, str]:
        handset = await juniper.business.handsets.aget(phone=recipient.phone)
        return handset.service, handset.marketing

    await press(first, "all")
    assert await holds(first) == ("refused", "refused")
    await answer("START", sender=first.phone, to=own)
    assert await holds(first) == ("", "agreed")
    # Offers alone: a member may note again that they want them, once they have said START.
    await press(second, "offers")
    with pytest.raises(consent.OnlyTheClient):
        await sync_to_async(likes_marketing)(juniper, second.phone)
    await answer("START", sender=second.phone, to=own)
    await sync_to_async(likes_marketing)(juniper, second.phone)
    assert await holds(second) == ("", "agreed")
    # Without a number of its own, and where another business shares the campaign's: by the text's number.
    await PhoneNumber.objects.filter(pk=juniper.number.pk).aupdate(released_at=timezone.now())
    for shared in (third, fourth):
        await sync_to_async(alder.client)("Same", phone=shared.phone)
        await Route.objects.filter(phone=shared.phone).aupdate(holds="shared")
    assert "Text START to (844) 555-0110." in await press(third, "all")
    await answer("START", sender=third.phone)
    assert await holds(third) == ("", "agreed")
    assert "Text START to (844) 555-0110, then ask" in await press(fourth, "offers")
    # One that was texted before they stopped, and was found late, takes nothing back.
    await answer("START", sender=fourth.phone, at=timezone.now() - timedelta(minutes=5))
    with pytest.raises(consent.OnlyTheClient):
        await sync_to_async(likes_marketing)(juniper, fourth.phone)
    await answer("START", sender=fourth.phone)
    await sync_to_async(likes_marketing)(juniper, fourth.phone)
    assert await holds(fourth) == ("", "agreed")
    assert not await alder.business.consents.aexists()


def test_what_is_said_is_one_segment_in_every_language() -> None:
    assert set(words.NOBODY_READS) == set(words.TEXT_US) == set(words.WRITE_TO_US) == set(Language)
    for language in Language.values:
        for way in (
            {"number": "(855) 555-0142"},
            {"email": "somebody@juniper-hair-studio.example"},
            {"address": "12 Oak Street, Portland"},
            {},
        ):
            said = words.nobody_reads_offers("Juniper Hair Studios", language, **way)
            counted = segments.count(said)
            assert (counted.encoding, counted.segments) == ("GSM-7", 1), said
