"""Why a message was sent, held or not sent, in facts and in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.clients import consent
from parley.clients.models import Client, Consent, Handset
from parley.messaging import why
from parley.messaging.models import Attempt, CarrierEvent, Message
from parley.messaging.sending import send, send_automatic
from parley.messaging.why import Fact, explain
from parley.numbers.models import PhoneNumber, Registration
from parley.quota import ledger
from parley.sms.quiet_hours import Window
from tests.people import House

pytestmark = pytest.mark.django_db


# The year is said of a day of another year: of these days it is not.
NOVEMBER = time_machine.travel(datetime(2026, 11, 26, 20, 0, tzinfo=UTC))


def told(message: Message, about: str) -> list[Fact]:
    found = Message.objects.select_related("business", "author__user", "number", "conversation__client")
    return [fact for fact in explain(found.get(pk=message.pk)) if fact.about == about]


def words(message: Message, about: str) -> str:
    return " ".join(fact.words for fact in told(message, about))


def shared(duty: str, number: str) -> PhoneNumber:
    return PhoneNumber.objects.create(number=number, duty=duty, approved_at=timezone.now())


def automatic(house: House, client: Client, kind: str, **more: PhoneNumber) -> Message:
    key = new_id()
    return send_automatic(
        house.business, client, kind=Message.Kind(kind), title="Booked", body="Booked.", key=key, **more
    )


# The table "Which number" (docs/architecture.md), cell by cell: what is sent, how the business stands, the rule.
CELLS = [
    ("direct", "on", "own", "(855) 555-0142. Your own number."),
    (
        "transactional",
        "on",
        "own_automatic",
        "(855) 555-0142. Your own number: automatic texts leave from it too.",
    ),
    ("direct", "waiting", "system_waiting", "(888) 555-0101. A shared number, until yours is approved."),
    (
        "transactional",
        "waiting",
        "system_automatic",
        "(888) 555-0101. A shared number: automatic texts leave",
    ),
    ("marketing", "on", "marketing_pool", "(888) 555-0102. A shared number for marketing."),
    ("answering", "on", "answering", "(855) 555-0142. The number they had texted."),
]


def test_every_cell_of_the_table_says_which_number_and_why(juniper: House) -> None:
    shared("system", "+18885550101")
    shared("marketing", "+18885550102")
    maya = juniper.client()
    consent.record(
        juniper.business,
        maya.phone,
        category=Consent.Category.MARKETING,
        says=Consent.Says.AGREED,
        how=Consent.How.WEB_FORM,
    )
    for kind, stands, rule, says in CELLS:
        approved = timezone.now() if stands == "on" else None
        PhoneNumber.objects.filter(pk=juniper.number.pk).update(approved_at=approved)
        if stands == "waiting":
            Registration.objects.get_or_create(business=juniper.business, defaults={"status": "in_review"})
        business = Business.objects.get(pk=juniper.business.pk)
        house = House(business, business.members.get(role="owner"), juniper.staff, juniper.number)
        if kind == "direct":
            message = send(house.owner, maya, channel="sms", body="Hi")
        elif kind == "answering":
            message = automatic(house, maya, "transactional", answering=juniper.number)
        else:
            message = automatic(house, maya, kind)
        assert message.why["number"]["rule"] == rule
        [fact] = told(message, "from")
        assert (fact.code, fact.words.startswith(says)) == (rule, True), fact.words
        message.refresh_from_db()
        assert set(message.why) >= {"number", "quota"}, "written with the message"
        if kind == "marketing":
            assert words(message, "consent").startswith(
                "They had agreed to marketing. Agreed (marketing) on a web form"
            )
            assert "in Los Angeles. That is told from the area code of their number" in words(
                message, "quiet"
            )


def test_what_it_is_and_who_wrote_it(juniper: House) -> None:
    maya = juniper.client(email="maya@example.com")
    for message, says in [
        (juniper.text(maya, "Hi"), "A text from Maya."),
        (juniper.text(maya, "Hi", inbound=False), "A text that Nora Kim wrote."),
        (juniper.text(maya, "Hi", inbound=False, author=None), "A text that somebody of your team wrote."),
        (
            juniper.text(maya, "Hi", inbound=False, kind="transactional", title="Booked"),
            "An automatic text: Booked.",
        ),
        (juniper.text(maya, "Hi", inbound=False, kind="marketing", title="Spring"), "Marketing: Spring."),
    ]:
        assert words(message, "what") == says
    email = send(juniper.owner, maya, channel="email", subject="Prices", body="Dear Maya")
    assert words(email, "what") == "An email that Nora Kim wrote."
    assert words(email, "from") == "hello@juniper.example. Emails leave from your business’s own address."
    assert words(email, "to") == "maya@example.com"


def test_a_message_of_before_says_what_is_known_of_it(juniper: House) -> None:
    maya = juniper.client()
    old = juniper.text(maya, "Hi", inbound=False)
    assert old.why == {}
    assert [fact.about for fact in explain(old)] == ["what", "from", "to", "step", "now"]
    assert words(old, "from") == "(855) 555-0142. Your own number."
    maya.phone = "+15035550190"
    maya.save()
    assert words(old, "to") == "(503) 555-0118, their number then. Now it is (503) 555-0190."


@NOVEMBER
def test_consent_is_told_with_its_line(juniper: House, alder: House) -> None:
    maya = juniper.client()
    said_at = datetime(2026, 3, 3, 18, 5, tzinfo=UTC)
    consent.record(
        juniper.business,
        maya.phone,
        category=Consent.Category.MARKETING,
        says=Consent.Says.AGREED,
        how=Consent.How.ON_PAPER,
        words="Yes, text me offers",
        member=juniper.owner,
        said_at=said_at,
    )
    known = consent.handset(juniper.business, maya.phone)
    message = juniper.text(maya, "Offer", inbound=False, kind="marketing")
    message.why = {"consent": why.consent(known, "agreed", marketing=True)}
    message.save()
    assert words(message, "consent") == (
        "They had agreed to marketing. "
        "Agreed (marketing) on paper, Tue, Mar 3, 10:05 AM: “Yes, text me offers”. Recorded by Nora Kim."
    )
    # A line of another business's is not to be had by its number.
    theirs = alder.text(alder.client(), "Offer", inbound=False, kind="marketing", why=message.why)
    assert words(theirs, "consent") == "They had agreed to marketing."
    assert why._listed("ABCDE") == "A, B, C and 2 more"
    for decided, says in [
        ({"number": {}, "confirms": True}, "This is the one text that tells them that they are opted out."),
        ({"consent": {"service": "", "marketing": "agreed", "line": None}}, "They had agreed to marketing."),
        ({"refused": why.refused("channel", "No.")}, ""),
    ]:
        message.why = decided
        assert " ".join(fact.words for fact in why._consent(message)) == says
    assert why.consent(None, "wrote_first") == {
        "service": "",
        "marketing": "",
        "line": None,
        "basis": "wrote_first",
    }


@NOVEMBER
def test_quiet_hours_are_told_by_their_clock(juniper: House) -> None:
    opens = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
    one = Window(
        opens, opens + timedelta(hours=12), frozenset({"America/Chicago"}), "place", "Texas: 9 AM to 9 PM"
    )
    two = Window(
        opens + timedelta(hours=1),
        opens + timedelta(hours=12),
        frozenset({"America/Boise", "America/Los_Angeles"}),
        "number",
        "Federal: 8 AM to 9 PM",
    )
    maya = juniper.client()
    message = juniper.text(maya, "Offer", inbound=False, kind="marketing", why={"quiet": why.quiet(one)})
    assert words(message, "quiet") == (
        "It may reach them Wed, Nov 25, from 9:00 AM to 9:00 PM in Chicago. That is told from their address. "
        "Texas: 9 AM to 9 PM."
    )
    message = juniper.text(maya, "Offer", inbound=False, kind="marketing", why={"quiet": why.quiet(two)})
    assert words(message, "quiet") == (
        "It may reach them Wed, Nov 25, from 8:00 AM to 7:00 PM your time, so that it suits every clock that may be "
        "theirs: Boise and Los Angeles. That is told from the area code of their number, which may be out of date. "
        "Federal: 8 AM to 9 PM."
    )


def test_what_it_cost_and_that_it_was_given_back(juniper: House) -> None:
    maya = juniper.client()
    left = ledger.balance(juniper.business).left
    message = send(juniper.owner, maya, channel="sms", body="x" * 200)
    assert words(message, "cost") == f"2 segments, from this month’s texts. {left - 2:,} were left then."
    ledger.refund([message.id])
    [fact] = told(message, "cost")
    assert (fact.code, fact.words.endswith("Given back, because it was not sent.")) == ("refunded", True)
    message.why["quota"] |= {"monthly": 1, "bought": 1, "left": 1}
    message.save()
    assert words(message, "cost").startswith(
        "2 segments, 1 from this month’s texts and 1 from those you bought. 1 was left then."
    )


def test_each_try_and_each_receipt_in_the_order_they_came(juniper: House, alder: House) -> None:
    maya = juniper.client()
    message = juniper.text(maya, "Hi", inbound=False, state="delivered", minutes_ago=100, carrier_id="SM2")
    start = message.at

    def tried(n: int, state: str, **more: object) -> Attempt:
        at = start + timedelta(minutes=10 * n)
        return Attempt.objects.create(
            id=new_id(),
            business_id=message.business_id,
            message=message,
            number=juniper.number,
            recipient=maya.phone,
            try_number=n,
            state=state,
            started_at=at,
            answered_at=at + timedelta(seconds=1),
            **more,
        )

    def heard(attempt: Attempt, status: str, code: str, seconds: int) -> None:
        CarrierEvent.objects.create(
            carrier="twilio",
            kind="receipt",
            key=f"{attempt.carrier_id}:{status}:{code}",
            attempt_id=attempt.id,
            shard=0,
            form="",
            received_at=attempt.started_at + timedelta(seconds=seconds),
        )

    busy = {"code": "20429", "words": "The carrier asked Parley to slow down."}
    off = {"code": "30003", "words": "The phone was off or out of reach."}
    tried(1, "not_sent", **busy)
    lost = tried(2, "lost", carrier_id="SM1", **off)
    bound = tried(3, "bound", carrier_id="SM2")
    heard(lost, "sent", "", 2)
    heard(lost, "undelivered", "30003", 4)
    heard(bound, "delivered", "", 3)
    heard(bound, "sent", "", 2)
    steps = [(fact.code, fact.words, fact.detail) for fact in told(message, "step")]
    assert steps == [
        ("written", "Written.", ""),
        ("handed_over", "Handed to the carrier.", ""),
        ("not_sent", f"It did not get through to the carrier. {busy['words']}", "Code 20429"),
        ("handed_over", "Handed to the carrier, try 2.", ""),
        ("lost", "The carrier took it.", "SM1"),
        ("sent", "The carrier passed it to the phone network.", ""),
        ("undelivered", f"The phone network did not deliver it. {off['words']}", "Code 30003"),
        ("handed_over", "Handed to the carrier, try 3.", ""),
        ("bound", "The carrier took it.", "SM2"),
        ("sent", "The carrier passed it to the phone network.", ""),
        ("delivered", "It reached the phone.", ""),
    ]
    # Somebody else's webhook under the same key says nothing of ours.
    CarrierEvent.objects.update(attempt_id=new_id())
    assert [fact.code for fact in told(message, "step")].count("sent") == 0


NEXT = [
    ({"state": "queued"}, {}, "Nothing: it leaves by itself."),
    ({"state": "unknown"}, {}, "Nothing yet."),
    ({"state": "sent"}, {}, "Nothing. Some phone networks never confirm"),
    ({"state": "unconfirmed"}, {}, "Ask them whether it came"),
    ({"state": "undelivered"}, {}, "Send it again from the conversation"),
    ({"state": "failed", "kind": "transactional"}, {}, "It is not sent again by itself."),
    ({"state": "failed"}, {"service": "refused"}, "They opted out of texts."),
    ({"state": "failed"}, {"reach": "landline"}, "Ask them for a mobile number"),
    ({"state": "failed"}, {"reach": "invalid"}, "Ask them for a mobile number"),
    ({"state": "failed"}, {"reach": "unreachable", "misses": 2}, "Send it again from the conversation"),
    ({"state": "delivered"}, {}, ""),
]


def test_what_came_of_it_and_what_one_can_do(juniper: House) -> None:
    maya = juniper.client()
    for state, holds, says in NEXT:
        Handset.objects.all().delete()
        if holds:
            Handset.objects.create(
                business=juniper.business, phone=maya.phone, changed_at=timezone.now(), **holds
            )
        message = juniper.text(maya, "Hi", inbound=False, **state)
        assert words(message, "next").startswith(says), (state, holds)
        assert bool(words(message, "next")) == bool(says)
    failed = juniper.text(
        maya, "Hi", inbound=False, state="failed", reason="The phone was off.", code="30003"
    )
    [now] = told(failed, "now")
    assert (now.words, now.detail) == ("Not delivered. The phone was off.", "Code 30003")
    unsent = juniper.text(
        maya,
        "Hi",
        inbound=False,
        state="failed",
        why={"refused": why.refused("channel", "All texts are used.")},
    )
    assert words(unsent, "now") == "Not delivered. All texts are used."
