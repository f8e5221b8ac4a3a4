"""Clocks, members, clients and the counter at one campaign at the same time: nothing doubled, nobody left out, and
nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.db.models.functions import Now
from django.utils import timezone

from parley.campaigns import clock, control, counting
from parley.campaigns.models import Campaign, Count, Recipient
from parley.carriers.base import Received
from parley.clients.models import Client
from parley.live.dsn import conninfo
from parley.messaging import revoking
from parley.messaging.models import Message, Outbox
from parley.messaging.outcomes import Changes
from parley.messaging.sending_many import send_many
from parley.quota import ledger
from parley.quota.models import Balance
from tests.campaigns.conftest import NUMBER, Make, begin, people, states
from tests.messaging.signed import TWILIO, sid
from tests.people import House
from tests.waiting import SOMEBODY_WAITS, until

pytestmark = pytest.mark.django_db(transaction=True)


def together(*acts: Callable[[], object]) -> None:
    """Do all of these at once, each on a connection of its own. Raises what the first of them raised."""
    ready = threading.Barrier(len(acts))
    wrong: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '10s'")
            ready.wait()
            act()
        except BaseException as error:
            wrong.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def somebody_waits() -> bool:
    """Does any session wait for a lock that another holds?"""
    with connection.cursor() as cursor:
        cursor.execute(SOMEBODY_WAITS)
        return bool(cursor.fetchone()[0])


def stop(phones: Sequence[str]) -> None:
    """A STOP of each, in one transaction as a webhook's batch is, on a connection of its own."""
    wanted = [
        revoking.said_by(TWILIO, Received(sid(), phone, NUMBER, "STOP"), datetime.now(UTC))
        for phone in phones
    ]

    async def obey() -> None:
        # Leaving it commits.
        async with await psycopg.AsyncConnection.connect(conninfo("hooks")) as db:
            await revoking.obey(db, [said for said in wanted if said], Changes(), wait=5.0)

    asyncio.run(obey())


def once_each(campaign: Campaign) -> None:
    """Each who is queued has one text in the queue, of their own, and paid for; nobody else has."""
    queued = Recipient.objects.filter(campaign=campaign, state="queued")
    texts = dict(Message.objects.filter(state="queued").values_list("pk", "their_address"))
    assert dict(queued.values_list("message_id", "phone")) == texts
    assert set(Outbox.objects.values_list("message_id", flat=True)) == set(texts)
    assert len(set(texts.values())) == len(texts)
    campaign.refresh_from_db()
    # Also those that were canceled in the queue.
    written = Recipient.objects.filter(campaign=campaign, message_id__isnull=False)
    assert campaign.queued == written.count()


ROUNDS = 12


def test_whoever_pauses_stops_counts_and_writes_at_once_waits_for_nobody_for_ever(
    juniper: House, campaign: Make
) -> None:
    """An opt-out takes texts out of the queue while a pause takes them back: a deadlock would be raised here."""
    clients = people(juniper, 2 * ROUNDS + 10)
    one = begin(campaign(wording_b="Book a chair.", share_b=40), juniper)
    before = ledger.balance(juniper.business).left
    stopping = [client.phone for client in clients[: 2 * ROUNDS]]

    def pause() -> None:
        # So many opt-outs make it pause by itself.
        with contextlib.suppress(control.CannotChange):
            control.pause(one)

    for place in range(ROUNDS):
        clock.write_some()
        together(
            pause,
            lambda: stop(stopping[2 * place : 2 * place + 2]),  # noqa: B023  done at once
            clock.write_some,
            clock.write_some,
            counting.count_some,
        )
        one.refresh_from_db()
        control.resume(one)
        together(clock.write_some, clock.write_some, counting.count_some)
        # The last opt-outs may be counted only after it went on, and make it pause once more.
        while counting.count_some():
            pass
        one.refresh_from_db()
        if one.status == "paused":
            control.resume(one)
    while clock.write_some():
        pass
    assert states(one) == {"queued": 10, "skipped:opted_out": 2 * ROUNDS}
    once_each(one)
    left = Balance.objects.get().left
    assert before - left == sum(Message.objects.filter(state="queued").values_list("segments", flat=True))


def test_two_clocks_write_each_text_once(
    juniper: House, campaign: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "BLOCK", 7)
    people(juniper, 60)
    one = begin(campaign(), juniper)

    def write() -> None:
        for _ in range(12):
            clock.write_some()

    together(write, write, write)
    while clock.write_some():
        pass
    assert states(one) == {"queued": 60}
    once_each(one)


def test_a_pause_waits_for_the_block_that_is_being_written_and_takes_it_back(
    juniper: House, campaign: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(juniper, 3)
    one = begin(campaign(), juniper)
    pausing = threading.Thread(target=lambda: together(lambda: control.pause(one)))

    def meanwhile(*given: object, **more: object) -> object:
        pausing.start()
        until(lambda: somebody_waits() or not pausing.is_alive(), what="the pause")
        return send_many(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(clock, "send_many", meanwhile)
    assert clock.write_some()
    pausing.join()
    assert states(one) == {"waiting": 3}
    assert not Outbox.objects.exists()


def test_a_campaign_that_is_stopped_while_it_is_prepared_has_nobody(juniper: House, campaign: Make) -> None:
    people(juniper, 3)
    one = campaign(wording="See https://juniper.example/color")
    control.schedule(one, juniper.owner)
    with transaction.atomic(), connection.cursor() as cursor:
        # It waits here, when all is written but the last.
        cursor.execute("LOCK TABLE campaigns_count IN SHARE MODE")
        preparing = threading.Thread(target=lambda: together(clock.write_some))
        preparing.start()
        until(somebody_waits, what="preparing")
        together(lambda: control.stop(one))
    preparing.join()
    one.refresh_from_db()
    assert (one.status, one.fit) == ("stopped", 0)
    assert not Recipient.objects.exists()
    assert not Count.objects.exists()
    assert not one.links.exists()
    assert not clock.write_some()


def test_what_somebody_is_changing_is_left_for_the_next_look(juniper: House, campaign: Make) -> None:
    """A recipient who is held keeps nobody else waiting, neither for their text nor for a pause."""
    held = people(juniper, 3)[0]
    one = begin(campaign(), juniper)
    with transaction.atomic():
        list(Recipient.objects.select_for_update().filter(phone=held.phone))
        together(clock.write_some)
        assert Outbox.objects.count() == 2
    clock.write_some()
    assert states(one) == {"queued": 3}
    with transaction.atomic():
        list(Recipient.objects.select_for_update().filter(phone=held.phone))
        together(lambda: control.pause(one))
        assert Outbox.objects.get().recipient == held.phone
    # By the clock of the database, which is not at noon.
    Campaign.objects.update(changed_at=Now())
    clock.write_some()
    assert states(one) == {"waiting": 3}
    assert not Message.objects.exists()


def test_a_text_that_was_tried_is_kept_and_another_follows(juniper: House, campaign: Make) -> None:
    """A second text under the first one's key would be the first one, which was canceled."""
    people(juniper, 2)
    one = begin(campaign(), juniper)
    clock.write_some()
    tried = Message.objects.order_by("their_address")[0]
    tried.attempts.create(
        id=tried.pk,
        business_id=tried.business_id,
        number_id=tried.number_id,
        recipient=tried.their_address,
        state="not_sent",
        started_at=datetime.now(UTC),
    )
    control.pause(one)
    assert Message.objects.get().state == "canceled"
    control.resume(one)
    clock.write_some()
    assert states(one) == {"queued": 2}
    once_each(one)
    assert Message.objects.filter(their_address=tried.their_address).count() == 2


def test_texts_that_somebody_else_uses_up_meanwhile_pause_it(
    juniper: House, campaign: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is left out because the balance was less than it seemed: it goes on when there are texts again."""
    people(juniper, 3)
    one = begin(campaign(), juniper)
    ledger.balance(juniper.business)
    Balance.objects.update(monthly=0, bought=6)

    def meanwhile(*given: object, **more: object) -> object:
        Balance.objects.filter(bought=6).update(bought=1)
        return send_many(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(clock, "send_many", meanwhile)
    while clock.write_some():
        pass
    one.refresh_from_db()
    assert (one.status, one.braked) == ("paused", True)
    assert one.reason.startswith("No texts are left.")
    assert "skipped:not_sent" not in states(one)
    Balance.objects.update(bought=100)
    control.resume(one)
    clock.write_some()
    assert states(one) == {"queued": 3}
    once_each(one)


def test_whoever_opts_out_while_their_block_is_written_is_told_to_have_opted_out(
    juniper: House, campaign: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = people(juniper, 2)[0]
    one = begin(campaign(), juniper)

    def meanwhile(*given: object, **more: object) -> object:
        together(lambda: stop([gone.phone]))
        return send_many(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(clock, "send_many", meanwhile)
    assert clock.write_some()
    assert states(one) == {"queued": 1, "skipped:opted_out": 1}


def test_whoever_changed_their_number_or_had_another_campaign_since_is_spared(
    juniper: House, campaign: Make
) -> None:
    moved, _ = people(juniper, 2)
    both = campaign(rest_days=7), campaign(rest_days=7)
    for one in both:
        control.schedule(one, juniper.owner)
    # Both are prepared before either wrote anything.
    clock.write_some()
    Client.objects.filter(pk=moved.pk).update(phone="+15035559999")
    clock.write_some()
    seen = [states(one) for one in both]
    assert {"queued": 1, "skipped:no_number": 1} in seen
    assert {"skipped:recently": 1, "skipped:no_number": 1} in seen


def test_two_campaigns_at_once_spare_each_other_s_people(
    juniper: House, campaign: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers, each with one campaign: neither sees what the other has not committed yet."""
    people(juniper, 3)
    both = campaign(rest_days=7), campaign(rest_days=7)
    for one in both:
        control.schedule(one, juniper.owner)
    clock.write_some()
    other = threading.Thread(target=lambda: together(clock.write_some))

    def meanwhile(*given: object, **more: object) -> object:
        if other.ident is None:
            other.start()
            until(lambda: somebody_waits() or not other.is_alive(), what="the other campaign")
        return send_many(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(clock, "send_many", meanwhile)
    clock.write_some()
    other.join()
    assert Message.objects.count() == 3
    seen = [states(one) for one in both]
    assert {"queued": 3} in seen
    assert {"skipped:recently": 3} in seen


def test_a_client_or_a_campaign_that_goes_keeps_nobody_else_waiting(
    juniper: House, alder: House, campaign: Make
) -> None:
    gone, kept = people(juniper, 2)
    one = begin(campaign(), juniper)
    people(alder, 1)
    theirs = Campaign.objects.create(
        business=alder.business, name="Spring", wording="Come by.", changed_at=timezone.now()
    )
    begin(theirs, alder)
    together(clock.write_some, lambda: Client.objects.get(pk=gone.pk).delete())
    clock.write_some()
    one.refresh_from_db()
    assert one.status == "sending", one.reason
    assert Message.objects.filter(their_address=kept.phone).exists()
    together(one.delete, clock.write_some)
    clock.write_some()
    theirs.refresh_from_db()
    assert theirs.status == "sending"
    assert states(theirs) == {"queued": 1}
