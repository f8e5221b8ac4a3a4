"""Do 50 senders at a balance of one send exactly one text? Prints one JSON line; the exit code is 1 if they do not.

    python bench/quota_race.py [--rounds 100] [--senders 50]

In a database of its own (dropped afterwards) on the embedded server. Every sender is a thread with a connection of
its own that walks the whole road out (`messaging.sending.send`). In every other round the one text is the month's,
else a bought one. After every round every row is verified: the ledger adds up to the balance, which is nothing, and
exactly the messages that were paid for were written, one more than in the round before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from typing import Any

from ground import ground, machine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--senders", type=int, default=50)
    wish = parser.parse_args()

    with ground(durable=False):
        result = race(wish)
    print(json.dumps(result))
    sys.exit(0 if result["exact"] else 1)


def race(wish: argparse.Namespace) -> dict[str, Any]:
    from django.utils import timezone

    from parley.businesses.models import Business, Member, Plan, User
    from parley.clients.models import Client
    from parley.numbers.models import PhoneNumber
    from parley.quota import ledger

    plan = Plan.objects.create(code="race", name="Race", monthly_texts=0)
    business = Business.objects.create(
        name="Race", email="hello@race.example", plan=plan, mode="texting", two_way=True
    )
    user = User.objects.create_user("owner@race.example", None, name="Olive Race")
    Member.objects.create(business=business, role="owner", user=user)
    PhoneNumber.objects.create(number="+18555550100", business=business, approved_at=timezone.now())
    clients = [
        Client.objects.create(business=business, first_name=f"Client {n}", phone=f"+1503555{2000 + n}")
        for n in range(wish.senders)
    ]
    sent, wrong, seconds = 0, [], []
    for round_ in range(1, wish.rounds + 1):
        if round_ % 2:
            ledger.give(business, 1, "one bought text")
        else:
            plan.monthly_texts += 1
            plan.save()
        began = time.perf_counter()
        outcomes = together(business.pk, clients)
        seconds.append(time.perf_counter() - began)
        sent += outcomes.count("sent")
        if outcomes.count("sent") != 1 or outcomes.count("refused") != wish.senders - 1:
            wrong.append(f"round {round_}: {sorted(set(outcomes))}, {outcomes.count('sent')} sent")
        wrong += [f"round {round_}: {problem}" for problem in verify(business, round_)]
    return {
        "bench": "quota_race",
        "rounds": wish.rounds,
        "senders": wish.senders,
        "sent": sent,
        "refused": wish.rounds * wish.senders - sent,
        "exact": not wrong and sent == wish.rounds,
        "wrong": wrong[:20],
        "round_ms": {
            "median": round(statistics.median(seconds) * 1000),
            "slowest": round(max(seconds) * 1000),
        },
        "machine": machine(),
    }


def together(business: Any, clients: list[Any]) -> list[str]:
    """One sender for each client, all let go at once. What came of each: sent, refused, or an exception's name."""
    from django.db import connection

    from parley.businesses.models import Member
    from parley.messaging.sending import CannotSend, send

    outcomes = [""] * len(clients)
    ready = threading.Barrier(len(clients))

    def run(place: int) -> None:
        try:
            member = Member.objects.select_related("user", "business__plan").get(business_id=business)
            ready.wait(60)
            send(member, clients[place], channel="sms", body="One of many")
            outcomes[place] = "sent"
        except CannotSend as refusal:
            outcomes[place] = "refused" if refusal.buy else refusal.words
        except Exception as error:
            outcomes[place] = type(error).__name__
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def verify(business: Any, rounds: int) -> list[str]:
    """What is wrong with the rows, in words."""
    from django.db.models import Sum

    from parley.messaging.models import Message, Outbox
    from parley.quota.models import Balance, Entry

    problems = []
    known = Balance.objects.get(business=business)
    sums = Entry.objects.aggregate(monthly=Sum("monthly"), bought=Sum("bought"))
    if (sums["monthly"], sums["bought"]) != (known.monthly, known.bought):
        problems.append(f"the ledger's sums are {sums}, the balance is {known.monthly} and {known.bought}")
    if known.left or known.used != rounds:
        problems.append(f"{known.left} left and {known.used} used")
    paid = sorted(Entry.objects.filter(kind="spent").values_list("message_id", flat=True))
    written = sorted(Message.objects.values_list("id", flat=True))
    queued = sorted(Outbox.objects.values_list("message_id", flat=True))
    if not paid == written == queued:
        problems.append(f"{len(paid)} paid, {len(written)} written, {len(queued)} queued")
    if len(paid) != rounds:
        problems.append(f"{len(paid)} texts after {rounds} rounds")
    return problems


if __name__ == "__main__":
    main()
