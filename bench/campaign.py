"""How long until a campaign to a million is prepared, and how fast are its texts written? Prints one JSON line.

    python bench/campaign.py [--recipients 1000000] [--write 20000] [--folder DIR]

On a database of its own that commits to disk, as `parley jobs` does it, on one thread. First what the preview asks:
how many may be texted, and why not the others. Then the campaign is prepared: a row for each client, their turn, their
wording, or why they get nothing; then every row is held against what its client's number says. With `--write` so many
texts are written, on a number without a pace; what waits is taken out of the queue between two rounds, which is not
timed. Then each text is held against its recipient: one, in order, its words and own page, its line of the ledger, its
place among the counts; and the campaign is paused, which takes back what still waits. A figure is printed only if all
agree. `--folder` keeps the database for the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench import marketing  # noqa: E402
from bench.ground import a_house, cpu_seconds, ground, machine  # noqa: E402

# So many texts wait at the most on a number without a pace (`clock.AHEAD_UNPACED`).
AHEAD = 3000
# Seconds on two cores.
BOUND = 60.0
SHARE_B = 30
WORDINGS = {
    "a": "Hi {{client.first_name}}, color week is Dec 1 to 6: https://juniper.example/color",
    "b": "{{client.first_name}}, we kept a chair for you: https://juniper.example/color",
}
_WAY_OUT = r" http\S+/l/0(\w+)\nReply STOP to opt out, or http\S+/o/(\w+)"
READ = {
    "a": re.compile(r"Juniper Hair Studio: Hi Maya, color week is Dec 1 to 6:" + _WAY_OUT),
    "b": re.compile(r"Juniper Hair Studio: Maya, we kept a chair for you:" + _WAY_OUT),
}


class Timed:
    """Wall and processor time (seconds) of what is done in it, ours and that of our session's backend."""

    def __init__(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (self._backend,) = cursor.fetchone()
        self.secs = self.jobs = self.postgres = 0.0

    def run(self, work: Callable[[], Any]) -> Any:
        began, jobs, postgres = time.monotonic(), time.process_time(), cpu_seconds(self._backend)
        try:
            return work()
        finally:
            self.secs += time.monotonic() - began
            self.jobs += time.process_time() - jobs
            self.postgres += cpu_seconds(self._backend) - postgres

    def line(self, count: int) -> dict[str, Any]:
        """Of so many rows or texts."""
        return {
            "secs": round(self.secs, 2),
            "per_second": round(count / self.secs),
            "cpu_us": {
                "jobs": round(1e6 * self.jobs / count, 1),
                "postgres": round(1e6 * self.postgres / count, 1),
            },
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipients", type=int, default=1_000_000)
    parser.add_argument("--write", type=int, default=0, help="so many texts")
    parser.add_argument("--folder", type=Path, help="where the database is kept")
    wish = parser.parse_args()
    with ground(folder=wish.folder):
        result = measure(wish.recipients, wish.write)
    print(json.dumps(result | {"machine": machine()}))
    sys.exit(1 if result["prepared"]["secs"] >= BOUND else 0)


def measure(recipients: int, write: int) -> dict[str, Any]:
    from django.db import connection

    from parley.campaigns import audience, clock, control
    from parley.campaigns.models import Campaign

    house = _house(recipients, write)
    campaign = marketing.a_campaign(
        house, WORDINGS["a"], wording_b=WORDINGS["b"], share_b=SHARE_B, rest_days=marketing.RESTED
    )
    judged, given = audience.judged(campaign)
    preview = Timed()

    def ask() -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT why, count(*) FROM ({judged}) j GROUP BY why", given)
            return list(cursor.fetchall())

    told = dict(preview.run(ask))
    expected = Counter(marketing.why(n) for n in range(1, recipients + 1))
    assert told == expected, (told, expected)
    control.schedule(campaign, house.owner)
    prepared = Timed()
    assert prepared.run(clock.write_some)
    campaign.refresh_from_db()
    assert campaign.status == Campaign.Status.SENDING, campaign.reason
    wrong = wrongly_prepared(campaign, expected)
    assert not wrong, wrong
    result = {
        "bench": "campaign",
        "recipients": recipients,
        "fit": campaign.fit,
        "preview": preview.line(recipients),
        "prepared": prepared.line(recipients),
        "verified_rows": recipients,
    }
    if write:
        result["written"] = write_texts(house, campaign, min(write, campaign.fit))
    # So that the next run on this database is as this one.
    Campaign.objects.filter(pk=campaign.pk).update(status="stopped")
    return result


def _house(recipients: int, write: int) -> Any:
    """The house with its clients; of a database that was kept, those that are there."""
    from parley.businesses.models import Business, Member
    from parley.numbers.models import PhoneNumber
    from parley.quota.models import Balance
    from tests.people import House

    business = Business.objects.select_related("plan").first()
    if business is None:
        house = a_house(10 * write)
        marketing.numbers(0)
        marketing.fill(house, recipients, zone="")
        return house
    assert business.clients.count() == recipients, "another number of clients was kept"
    owner, staff = (Member.objects.get(business=business, role=role) for role in ("owner", "staff"))
    _forget(business)
    Balance.objects.filter(business=business).update(bought=10 * write)
    return House(business, owner, staff, PhoneNumber.objects.get(business=business))


def _forget(business: Any) -> None:
    """The campaigns of earlier runs, and all that was written of them."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "DELETE FROM campaigns_recipient r USING campaigns_campaign c"
            " WHERE c.id = r.campaign_id AND c.name <> 'Before'"
        )
        for table in ("campaigns_count", "campaigns_change", "campaigns_minute", "campaigns_link"):
            cursor.execute(f"DELETE FROM {table}")
        for table in ("messaging_message", "messaging_outbox", "messaging_conversation", "messaging_route"):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("DELETE FROM campaigns_campaign WHERE name <> 'Before'")
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


WRONGLY_PREPARED = """
    WITH mine AS (
        SELECT c.id, ltrim(c.last_name, 'No. ')::int AS n, c.phone, r.id AS recipient, r.phone AS to_phone, r.place,
               r.variant, r.state, r.code, r.message_id
        FROM clients_client c
        FULL JOIN (SELECT * FROM campaigns_recipient WHERE campaign_id = %(campaign)s) r ON r.client_id = c.id
    )
    SELECT n, code, state, count(*),
           count(DISTINCT id), count(DISTINCT recipient), count(*) FILTER (WHERE phone = to_phone),
           min(place), max(place), count(DISTINCT place),
           count(*) FILTER (WHERE variant = 'b'),
           count(*) FILTER (WHERE message_id IS NOT NULL)
    FROM (SELECT (n - 1) %% 100 + 1 AS n, code, state, id, recipient, phone, to_phone, place, variant, message_id
          FROM mine) m
    GROUP BY GROUPING SETS ((n, code, state), (state))
"""


def wrongly_prepared(campaign: Any, expected: Counter[str]) -> list[str]:
    """What is missing, doubled or wrong of any row."""
    from django.db import connection

    from parley.campaigns.models import Count

    wrong = []
    kinds: Counter[str] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(WRONGLY_PREPARED, {"campaign": campaign.pk})
        for (
            n,
            code,
            state,
            rows,
            clients,
            recipients,
            same,
            first,
            last,
            places,
            b,
            texts,
        ) in cursor.fetchall():
            if not rows == clients == recipients == same or texts:
                wrong.append(f"kind {n}, {state}: {rows} rows, {clients}, {recipients}, {same}, {texts}")
            if n is None:
                if (first, last, places) != (1, rows, rows):
                    wrong.append(f"{state}: places {first} to {last}, {places} of {rows}")
                if b != rows * SHARE_B // 100:
                    wrong.append(f"{state}: {b} of {rows} have the second wording")
                continue
            kinds[code] += rows
            if code != marketing.why(n) or state != ("skipped" if code else "waiting"):
                wrong.append(f"kind {n}: {code} {state}")
    if kinds != expected:
        wrong.append(f"{kinds} instead of {expected}")
    counted: Counter[str] = Counter()
    for count in Count.objects.filter(campaign=campaign):
        counted[count.code] += count.number
    fit = expected[""]
    if counted != expected or (campaign.fit, campaign.unfit) != (fit, sum(expected.values()) - fit):
        wrong.append(f"the counts say {counted}, {campaign.fit} and {campaign.unfit}")
    return wrong


def write_texts(house: Any, campaign: Any, most: int) -> dict[str, Any]:
    """Write at least so many texts. Each is looked at."""
    from django.db import connection

    from parley.campaigns import clock
    from parley.campaigns.models import Recipient
    from parley.clients.models import Client
    from parley.messaging.models import Outbox

    # Of those whose turn will come, and a few more.
    next_ones = Recipient.objects.filter(campaign=campaign, state="waiting", place__lte=most + 2 * AHEAD)
    whose = Client.objects.filter(business=house.business, pk__in=next_ones.values("client"))
    whose.update(time_zone=marketing.noon())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    left = house_balance(house)
    timed, rounds, gone = Timed(), 0, 0
    if profile := os.environ.get("PROFILE"):
        import cProfile

        profiler = cProfile.Profile()
        profiler.enable()
    while gone + Outbox.objects.count() < most:
        if timed.run(clock.write_some):
            rounds += 1
        else:
            # As if they had left.
            waiting = Outbox.objects.count()
            assert waiting >= AHEAD, f"it stopped at {waiting}"
            gone += Outbox.objects.all().delete()[0]
    if profile:
        profiler.disable()
        profiler.dump_stats(profile)
    campaign.refresh_from_db()
    written = list(
        Recipient.objects.filter(campaign=campaign, state="queued")
        .order_by("place")
        .values_list("id", "place", "variant", "phone", "message_id", "segments")
    )
    assert [place for _, place, *_ in written] == list(range(1, len(written) + 1)), "not in their turns"
    assert campaign.queued == len(written) >= most
    wrong = wrongly_written(house, campaign, written)
    spent = sum(row[-1] for row in written)
    assert left - house_balance(house) == spent, (left, house_balance(house), spent)
    assert not wrong, wrong[:5]
    from parley.campaigns.models import Count

    queued = sum(Count.objects.filter(campaign=campaign, what="queued").values_list("number", flat=True))
    waiting = sum(Count.objects.filter(campaign=campaign, what="waiting").values_list("number", flat=True))
    assert (queued, waiting) == (len(written), campaign.fit - len(written)), (queued, waiting)
    return timed.line(len(written)) | {
        "texts": len(written),
        "rounds": rounds,
        "paused": pause(house, campaign, written),
    }


def pause(house: Any, campaign: Any, written: list[Any]) -> dict[str, Any]:
    """Pause it: what waits in the queue is taken back, and paid back."""
    from parley.campaigns import control
    from parley.campaigns.models import Recipient
    from parley.messaging.models import Message, Outbox

    waiting, left = Outbox.objects.count(), house_balance(house)
    cost = sum(Message.objects.filter(pk__in=Outbox.objects.values("pk")).values_list("segments", flat=True))
    timed = Timed()
    timed.run(lambda: control.pause(campaign))
    queued = Recipient.objects.filter(campaign=campaign, state="queued").count()
    assert (queued, Outbox.objects.count()) == (len(written) - waiting, 0), queued
    assert house_balance(house) - left == cost
    assert Message.objects.filter(kind="marketing").count() == queued
    return timed.line(waiting) | {"texts": waiting}


def house_balance(house: Any) -> int:
    from parley.quota.ledger import balance

    return balance(house.business).left


def wrongly_written(house: Any, campaign: Any, written: list[Any]) -> list[str]:
    """What is missing, doubled or wrong of any text."""
    from parley.campaigns import tokens
    from parley.messaging.models import Message
    from parley.quota.models import Entry
    from parley.sms import segments

    texts: dict[Any, list[Any]] = {
        id: rest
        for id, *rest in Message.objects.filter(business=house.business, kind="marketing").values_list(
            "id", "their_address", "body", "state", "segments", "conversation__client__phone"
        )
    }
    paid = Counter(
        Entry.objects.filter(business=house.business, kind="spent").values_list("message_id", flat=True)
    )
    wrong = []
    if len(texts) != len(written):
        wrong.append(f"{len(texts)} texts for {len(written)} recipients")
    for id, place, variant, phone, message, cost in written:
        address, body, state, counted, whose = texts.get(message) or ["", "", "", 0, ""]
        read = READ[variant].fullmatch(body)
        if (
            not (address == phone == whose and state == "queued" and paid[message] == 1)
            or read is None
            or [tokens.recipient_of(token) for token in read.groups()] != [id, id]
            or not cost == counted == segments.count(body).segments
        ):
            wrong.append(f"No. {place}: {state}, paid {paid[message]} times")
    return wrong


if __name__ == "__main__":
    main()
