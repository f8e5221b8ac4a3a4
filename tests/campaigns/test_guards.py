"""What keeps a campaign from texting twice, from counting twice, and from whoever is not its business's."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from parley.campaigns import clock, tokens
from parley.campaigns.counting import Tally
from parley.campaigns.models import Minute, Recipient
from parley.clients.models import Client
from parley.messaging.models import Message, Outbox
from parley.quota.models import Entry
from tests.campaigns.conftest import Make, begin, people, states
from tests.messaging.test_routing import likes_marketing
from tests.people import House
from tests.plans import as_new

pytestmark = pytest.mark.django_db(transaction=True)


class Died(BaseException):
    """As a process that is no more: nobody handles it."""


def test_a_worker_that_dies_with_a_block_has_written_nothing_of_it(
    juniper: House, campaign: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(juniper, 3)
    one = begin(campaign(), juniper)

    def die(*_: Any) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(Tally, "write", die)
        with pytest.raises(Died):
            clock.write_some()
    assert not Message.objects.exists()
    assert not Outbox.objects.exists()
    assert not Entry.objects.filter(kind="spent").exists()
    clock.write_some()
    assert states(one) == {"queued": 3}
    assert Message.objects.count() == 3


def test_who_sleeps_is_not_written_to_yet(juniper: House, campaign: Make) -> None:
    awake, asleep = people(juniper, 2)
    # Somewhere where it is night while it is noon where the others are.
    Client.objects.filter(pk=asleep.pk).update(time_zone="Asia/Tokyo")
    one = begin(campaign(), juniper)
    clock.write_some()
    assert states(one) == {"queued": 1, "waiting": 1}
    assert Message.objects.get().their_address == awake.phone
    assert Recipient.objects.get(state="waiting").opens_at > timezone.now()
    one.refresh_from_db()
    assert one.status == "sending"
    assert not clock.write_some()


def test_what_is_told_twice_is_counted_once(juniper: House, campaign: Make) -> None:
    """Taken and sent are one state of a recipient; and receipts come in any order and number."""
    people(juniper, 1)
    one = begin(campaign(), juniper)
    clock.write_some()
    for state in ("accepted", "sent"):
        Message.objects.update(state=state, changed_at=timezone.now())
        assert states(one) == {"sent": 1}
    for state in ("delivered", "read"):
        Message.objects.update(state=state, changed_at=timezone.now())
    assert states(one) == {"delivered": 1}
    assert dict(Minute.objects.values_list("what", "number")) == {"sent": 1, "delivered": 1}


def test_a_token_that_we_did_not_make_names_nobody() -> None:
    token = tokens.token_of(4711)
    assert tokens.recipient_of(token) == 4711
    others = "".join(sorted(set("0123456789ABCabcxyz")))
    for place, letter in enumerate(token):
        for other in others:
            if other != letter:
                assert tokens.recipient_of(token[:place] + other + token[place + 1 :]) is None
    for made_up in ("", "0", "é", token + "0", "z" * 20, "z" * 10_000, token.swapcase()):
        assert tokens.recipient_of(made_up) is None


def test_nobody_of_another_business_and_nothing_they_said_there(
    juniper: House, alder: House, campaign: Make
) -> None:
    ours, also = people(juniper, 1)[0], juniper.client("Ana", "", "+15035550222")
    theirs = alder.client("Ana", "", also.phone)
    alder.client("Ben", "", "+15035550223")
    likes_marketing(alder, theirs.phone)
    one = begin(campaign(), juniper)
    assert sorted(Recipient.objects.values_list("client_id", "code")) == sorted(
        [(ours.pk, ""), (also.pk, "no_consent")]
    )
    clock.write_some()
    assert states(one) == {"queued": 1, "skipped:no_consent": 1}
    assert not alder.business.messages.exists()


def test_the_clock_finds_what_is_going_among_any_number_that_are_over() -> None:
    """It asks each second, so each half of its question has an index that holds only what it is about."""
    with transaction.atomic(), connection.cursor() as cursor:
        as_new("campaigns_campaign")
        # As planned for large tables.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {clock.GOING}", {"lately": clock.LEFT_OVER})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan, plan
    assert {"campaigns_going", "campaigns_halted"} <= set(re.findall(r"(?:using|Scan on) (\w+)", plan)), plan
