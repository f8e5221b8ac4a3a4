"""Many at once: each is written, refused and paid for as `send_automatic` does it for one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import Business
from parley.clients.models import Client, Consent
from parley.messaging import revoking
from parley.messaging.models import Conversation, Message, Outbox, Route
from parley.messaging.sending import LONGEST_TEXT, Automatic, CannotSend, send, send_automatic
from parley.messaging.sending_many import Became, send_many
from parley.numbers.models import PhoneNumber
from parley.quota.models import Balance, Entry
from tests.messaging.test_revoking import where_it_is
from tests.messaging.test_routing import likes_marketing, shared
from tests.people import House, make_house
from tests.quota.conftest import add_up, on_plan, paid_order

pytestmark = pytest.mark.django_db

TRANSACTIONAL, MARKETING = Message.Kind.TRANSACTIONAL, Message.Kind.MARKETING
ONES = {"id", "client_key", "conversation_id", "at", "changed_at", "their_address"}


def automatic(client: Client, body: str = "See you at 2:45.", **more: Any) -> Automatic:
    return Automatic(client, "Reminder", body, uuid.uuid4(), **more)


def written(message: Message) -> dict[str, Any]:
    """All that is to be seen of a message, but for what is one's own of each."""
    whole = Message.objects.filter(pk=message.pk).values()[0]
    row = {name: value for name, value in whole.items() if name not in ONES}
    for own in ("entry", "left"):
        row["why"].get("quota", {}).pop(own, None)
    row["why"].get("consent", {}).pop("line", None)
    place = Outbox.objects.filter(message=message).values().first() or {}
    entries = Entry.objects.filter(message_id=message.pk).values("kind", "monthly", "bought", "used_for")
    conversation = Conversation.objects.filter(pk=message.conversation_id)
    client = conversation.get().client
    for told in (row, row["why"].get("refused", {})):
        for name in ("reason", "words"):
            if name in told and client.phone:
                told[name] = told[name].replace(client.pretty_phone, "(their number)")
    return {
        "message": row,
        "outbox": {name: value for name, value in place.items() if name not in ("message_id", "recipient")},
        "late": place and place["run_at"] >= message.at,
        "routes": list(
            Route.objects.filter(phone=message.their_address)
            .order_by("number__number")
            .values("number_id", "business_id", "holds")
        ),
        "entries": list(entries),
        "conversation": conversation.values(
            "unread", "waiting", "closed_at", "last_message_id", "assignee_id"
        )[0],
    }


def one_by_one(house: House, kind: Message.Kind, text: Automatic) -> Any:
    given = asdict(text) | {"client": text.client}
    try:
        return written(send_automatic(house.business, kind=kind, **given))
    except CannotSend as refusal:
        return refusal.words


def together(house: House, kind: Message.Kind, texts: Sequence[Automatic]) -> list[Any]:
    became = send_many(house.business, kind, texts)
    found: list[Any] = []
    for text in texts:
        one = became[text.key]
        if one.message is None:
            assert not one.sent
            found.append(one.words)
            continue
        message = Message.objects.get(pk=one.message)
        assert message.client_key == text.key
        assert message.their_address == text.address
        assert message.conversation.client_id == text.client.pk
        assert one.sent == (message.state == "queued")
        found.append(written(message))
    return found


def nobody_texts(house: House, *clients: Client) -> None:
    Business.objects.filter(pk=house.business.pk).update(texting=False)
    house.business.refresh_from_db()


def a_shared_number(house: House, *clients: Client) -> None:
    house.number.delete()
    shared("+18885550101")


def no_texts_are_left(house: House, *clients: Client) -> None:
    on_plan(house.business, 0)


def they_may_have_opted_out(house: House, *clients: Client) -> None:
    for client in clients:
        revoking.record(
            house.business,
            client.phone,
            category=Consent.Category.ALL,
            says=Consent.Says.DOUBTFUL,
            how=Consent.How.TEXT,
        )


def they_opted_out(house: House, *clients: Client) -> None:
    for client in clients:
        revoking.record(
            house.business,
            client.phone,
            category=Consent.Category.ALL,
            says=Consent.Says.REFUSED,
            how=Consent.How.IN_PERSON,
            member=house.owner,
        )
        client.refresh_from_db()


def they_like_marketing(house: House, *clients: Client) -> None:
    shared("+18445550110", "marketing")
    for client in clients:
        likes_marketing(house, client.phone)


def they_like_marketing_but(happens: Callable[..., None]) -> Callable[..., None]:
    def both(house: House, *clients: Client) -> None:
        they_like_marketing(house, *clients)
        happens(house, *clients)

    return both


def nobody_can_be_texted_from(house: House, *clients: Client) -> None:
    PhoneNumber.objects.filter(duty="marketing").delete()


def known(house: House, clients: Sequence[Client], number: str, holds: str) -> None:
    """These handsets know that number by this business."""
    by = PhoneNumber.objects.get(number=number)
    for client in clients:
        Route.objects.create(
            number=by, phone=client.phone, business=house.business, holds=holds, used_at=timezone.now()
        )


def another_house() -> House:
    return make_house("Birch Dental", "+18555550188")


def they_know_the_second_number(house: House, *clients: Client) -> None:
    shared("+18445550111", "marketing")
    known(house, clients, "+18445550111", "alone")


def another_business_texts_them_too(house: House, *clients: Client) -> None:
    known(another_house(), clients, "+18445550110", "alone")


def several_businesses_text_them(house: House, *clients: Client) -> None:
    known(another_house(), clients, "+18445550110", "shared")


def several_text_them_and_the_last_was_ours(house: House, *clients: Client) -> None:
    known(house, clients, "+18445550110", "shared")


def another_business_talks_with_them(house: House, *clients: Client) -> None:
    known(another_house(), clients, "+18445550110", "conversation")


def another_business_talks_with_them_but_there_is_a_second_number(house: House, *clients: Client) -> None:
    another_business_talks_with_them(house, *clients)
    shared("+18445550111", "marketing")


def each_number_is_known_and_one_is_talked_on(house: House, *clients: Client) -> None:
    """The other one is shared."""
    shared("+18445550111", "marketing")
    other = another_house()
    known(other, clients, "+18445550110", "conversation")
    known(other, clients, "+18445550111", "alone")


def we_talk_with_them(house: House, *clients: Client) -> None:
    known(house, clients, "+18445550110", "conversation")


def a_number_is_paused(house: House, *clients: Client) -> None:
    shared("+18445550111", "marketing")
    PhoneNumber.objects.filter(number="+18445550110").update(paused="Twilio said so.")


def as_it_is(house: House, *clients: Client) -> None:
    pass


Case = tuple[str, Callable[..., None], dict[str, Any], dict[str, Any], Message.Kind]
CASES: list[Case] = [
    ("queued", as_it_is, {}, {}, TRANSACTIONAL),
    ("queued", as_it_is, {}, {"body": '  Two lines\r\nand ’ and \\ and " and {x}\x00 \n'}, TRANSACTIONAL),
    ("queued", as_it_is, {}, {"body": "Zażółć 💇 " * 30}, TRANSACTIONAL),
    ("canceled", as_it_is, {"texting": "stopped"}, {}, TRANSACTIONAL),
    ("canceled", as_it_is, {"texting": "cannot"}, {}, TRANSACTIONAL),
    ("canceled", they_opted_out, {}, {}, TRANSACTIONAL),
    ("canceled", they_may_have_opted_out, {}, {}, TRANSACTIONAL),
    ("canceled", as_it_is, {}, {"body": "a" * (LONGEST_TEXT + 1)}, TRANSACTIONAL),
    ("nothing", as_it_is, {}, {"body": " \n"}, TRANSACTIONAL),
    ("nothing", as_it_is, {"phone": ""}, {}, TRANSACTIONAL),
    ("canceled", nobody_texts, {}, {}, TRANSACTIONAL),
    ("queued", a_shared_number, {}, {}, TRANSACTIONAL),
    ("canceled", no_texts_are_left, {}, {}, TRANSACTIONAL),
    ("canceled", as_it_is, {}, {}, MARKETING),
    ("queued", they_like_marketing, {"time_zone": ""}, {}, MARKETING),
    ("queued", as_it_is, {}, {"channel": "email", "subject": "Your visit"}, TRANSACTIONAL),
    ("canceled", as_it_is, {}, {"channel": "email", "subject": " "}, TRANSACTIONAL),
    ("nothing", as_it_is, {"email": ""}, {"channel": "email", "subject": "Your visit"}, TRANSACTIONAL),
    ("nothing", as_it_is, {"phone": ""}, {}, MARKETING),
    ("queued", they_like_marketing, {}, {}, MARKETING),
    (
        "queued",
        they_like_marketing,
        {},
        {"body": '  Two lines\r\nand ’ and \\ and " and {x}\x00 \n'},
        MARKETING,
    ),
    ("queued", they_like_marketing, {}, {"body": "Zażółć 💇 " * 30}, MARKETING),
    ("queued", they_like_marketing, {"time_zone": where_it_is(3)}, {}, MARKETING),
    ("canceled", they_like_marketing, {"texting": "stopped"}, {}, MARKETING),
    ("canceled", they_like_marketing, {"texting": "cannot"}, {}, MARKETING),
    ("canceled", they_like_marketing, {}, {"body": "a" * (LONGEST_TEXT + 1)}, MARKETING),
    ("nothing", they_like_marketing, {}, {"body": " \n"}, MARKETING),
    ("queued", they_like_marketing, {}, {"channel": "email", "subject": "Color week"}, MARKETING),
    *(
        (state, they_like_marketing_but(happens), {}, {}, MARKETING)
        for state, happens in (
            ("canceled", they_opted_out),
            ("canceled", they_may_have_opted_out),
            ("canceled", nobody_texts),
            ("canceled", no_texts_are_left),
            ("canceled", nobody_can_be_texted_from),
            ("queued", they_know_the_second_number),
            ("queued", another_business_texts_them_too),
            ("queued", several_businesses_text_them),
            ("queued", several_text_them_and_the_last_was_ours),
            ("canceled", another_business_talks_with_them),
            ("queued", another_business_talks_with_them_but_there_is_a_second_number),
            ("queued", each_number_is_known_and_one_is_talked_on),
            ("queued", we_talk_with_them),
            ("queued", a_number_is_paused),
        )
    ),
]


def test_what_becomes_of_one_becomes_of_many(juniper: House) -> None:
    for place, (state, happens, client, text, kind) in enumerate(CASES):
        with time_machine.travel(timezone.now(), tick=False), transaction.atomic():
            juniper.business = Business.objects.select_related("plan").get(pk=juniper.business.pk)
            card = {"email": "m@okafor.example", "time_zone": where_it_is(12)} | client
            people = [juniper.client(**({"phone": f"+1503555{place:02}{n:02}"} | card)) for n in range(3)]
            happens(juniper, *people)
            alone = one_by_one(juniper, kind, automatic(people[0], **text))
            many = together(juniper, kind, [automatic(one, **text) for one in people[1:]])
            assert many == [alone, alone], CASES[place]
            told = alone["message"]["state"] if isinstance(alone, dict) else "nothing"
            assert told == state, CASES[place]
            transaction.set_rollback(True)


def test_offers_go_by_the_numbers_pace_and_each_handset_keeps_its_own(juniper: House) -> None:
    """What waits at a number already counts, and its texts' segments."""
    slow, fast = shared("+18445550110", "marketing"), shared("+18445550111", "marketing")
    for number, pace in ((slow, 1.0), (fast, 3.0)):
        PhoneNumber.objects.filter(pk=number.pk).update(pace=pace)
    people = [juniper.client(f"C{n}", phone=f"+15035{n:06}", time_zone=where_it_is(12)) for n in range(40)]
    for client in people:
        likes_marketing(juniper, client.phone)
    sends = [[automatic(client, f"No. {n}") for client in people] for n in range(2)]
    send_many(juniper.business, MARKETING, sends[0][:20])
    send_many(juniper.business, MARKETING, sends[0][20:])
    by = dict(Message.objects.values_list("their_address", "number__number"))
    assert list(by.values()).count("+18445550111") == 30
    send_many(juniper.business, MARKETING, sends[1])
    again = Message.objects.filter(body="No. 1").values_list("their_address", "number__number")
    assert dict(again) == by


def test_one_who_is_refused_keeps_nobody_else_from_being_written_to(juniper: House) -> None:
    people = [juniper.client(f"C{n}", phone=f"+150355501{n:02}") for n in range(20)]
    people[7].texting = "stopped"
    texts = [automatic(client, f"No. {n}") for n, client in enumerate(people)]
    became = send_many(juniper.business, TRANSACTIONAL, texts)
    assert [n for n, text in enumerate(texts) if not became[text.key].sent] == [7]
    assert Outbox.objects.count() == 19
    # Again, with some that are new: each once.
    again = [*texts[:10], automatic(people[0], "New")]
    later = send_many(juniper.business, TRANSACTIONAL, again)
    assert {key: later[key] for key in list(later) if key in became} == {
        text.key: became[text.key] for text in texts[:10]
    }
    assert Outbox.objects.count() == 20
    add_up(juniper.business)


def test_the_lines_are_those_of_one_after_another(juniper: House, alder: House) -> None:
    """From the month's texts into the bought ones, in the middle of a text."""
    from parley.quota import ledger

    sums = {}
    for house, many in ((juniper, True), (alder, False)):
        on_plan(house.business, 7)
        ledger.credit_order(paid_order(house.business, 100))
        people = [house.client(f"C{n}", phone=f"+150355502{n:02}") for n in range(6)]
        texts = [automatic(client, "x" * (170 if n % 2 else 10)) for n, client in enumerate(people)]
        if many:
            send_many(house.business, TRANSACTIONAL, texts)
        else:
            for text in texts:
                send_automatic(
                    house.business, text.client, kind=TRANSACTIONAL, title="R", body=text.body, key=text.key
                )
        add_up(house.business)
        spent = Entry.objects.filter(business=house.business, kind="spent").order_by("id")
        whys = [Message.objects.get(pk=entry.message_id).why["quota"] | {"same": True} for entry in spent]
        assert [why.pop("entry") for why in whys] == [entry.pk for entry in spent]
        balance = Balance.objects.get(business=house.business)
        jobs = ProcrastinateJob.objects.filter(
            task_name="tell_of_texts", args__business_id=str(house.business.pk)
        )
        sums[many] = (
            list(spent.values_list("monthly", "bought", "used_for")),
            whys,
            (balance.monthly, balance.bought, balance.used_automatic),
        )
        assert jobs.filter(args__level="used").exists()
    assert sums[True] == sums[False]
    assert sums[True][0][4] == (-1, 0, "automatic")
    assert (-0, -2, "automatic") in sums[True][0]


def test_when_the_texts_run_out_the_rest_says_so(juniper: House) -> None:
    on_plan(juniper.business, 3)
    texts = [automatic(juniper.client(f"C{n}", phone=f"+150355502{n:02}")) for n in range(5)]
    became = send_many(juniper.business, TRANSACTIONAL, texts)
    assert [became[text.key].sent for text in texts] == [True, True, True, False, False]
    assert became[texts[4].key].words.startswith("No texts are left.")
    assert Balance.objects.get().refused == 2
    assert add_up(juniper.business) == (0, 0)


def test_the_first_of_the_month_credits_it(juniper: House) -> None:
    assert not Balance.objects.exists()
    became = send_many(juniper.business, TRANSACTIONAL, [automatic(juniper.client())])
    assert [one.sent for one in became.values()] == [True]


def test_a_text_known_from_the_carrier_s_records_is_this_one(juniper: House) -> None:
    maya, ana = juniper.client(), juniper.client("Ana", phone="+15035550121")
    left = juniper.text(
        maya, "See you at 2:45.", inbound=False, author=None, why={"records": True}, minutes_ago=5
    )
    texts = [automatic(maya), automatic(ana)]
    became = send_many(juniper.business, TRANSACTIONAL, texts)
    assert became[texts[0].key] == Became(left.pk, True)
    assert Outbox.objects.count() == 1


def test_a_key_that_somebody_writes_meanwhile(juniper: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the first look had come too early: the unique key says "duplicate", and nothing is paid twice."""
    from parley.messaging import sending_many

    client = juniper.client()
    text, other = automatic(client), automatic(juniper.client("Ana", phone="+15035550121"))
    send_many(juniper.business, TRANSACTIONAL, [text])
    monkeypatch.setattr(sending_many, "_sent_before", lambda *_: {})
    send_many(juniper.business, TRANSACTIONAL, [text, other])
    assert Outbox.objects.count() == Entry.objects.filter(kind="spent").count() == 2
    add_up(juniper.business)


def test_nobody_s_but_the_business_s_own(juniper: House, alder: House) -> None:
    """The same number at another business, who opted out there: it says nothing here."""
    theirs, ours = alder.client(), juniper.client()
    they_opted_out(alder, theirs)
    became = send_many(juniper.business, TRANSACTIONAL, [automatic(ours)])
    assert [one.sent for one in became.values()] == [True]
    assert not alder.business.messages.exists()
    send(juniper.owner, ours, channel="sms", body="By hand")


def test_many_cost_few_statements(juniper: House) -> None:
    texts = [automatic(juniper.client(f"C{n}", phone=f"+1503555{n:04}")) for n in range(300)]
    send_many(juniper.business, TRANSACTIONAL, texts[:1])
    with CaptureQueriesContext(connection) as asked:
        send_many(juniper.business, TRANSACTIONAL, texts[1:])
    assert len(asked) <= 13, [query["sql"][:70] for query in asked.captured_queries]
    assert Outbox.objects.count() == 300
