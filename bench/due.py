"""Appointments of several businesses, made in the database and planned by `alerts.planning`: for benches and faults.

Every business has a number of its own and clients whom nobody has written to; every reminder is due now.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

FILL = """
    WITH n AS (
        SELECT i, gen_random_uuid() AS client, '+1503' || lpad((2000000 + i)::text, 7, '0') AS phone
        FROM generate_series(1, %(each)s) i
    ), client AS (
        INSERT INTO clients_client
            (id, business_id, first_name, last_name, phone, email, tags, good_to_know, texting, created_at)
        SELECT client, %(business)s, 'Maya', 'No. ' || i, phone, '', '{}', '', 'ok', now() FROM n
    )
    INSERT INTO appointments_appointment
        (id, business_id, client_id, title, with_name, location, note, starts_at, ends_at, status, source, source_id,
         source_before, declined_words, created_at, changed_at)
    SELECT gen_random_uuid(), %(business)s, client, 'Visit ' || i, '', '', '',
           now() + interval '23 hours 40 minutes' + i * interval '1 microsecond', now() + interval '25 hours', 'booked',
           '', '', '{}', '', now(), now() FROM n
"""


def businesses(count: int, texts: int) -> list[Any]:
    """So many houses, each with so many texts to send."""
    from parley.quota.ledger import balance
    from parley.quota.models import Balance
    from tests.people import make_house

    houses = [make_house(f"B{n} Studio", f"+1855{2000000 + n}") for n in range(count)]
    for house in houses:
        balance(house.business)
    Balance.objects.update(bought=texts)
    return houses


def fill(houses: list[Any], each: int) -> None:
    """Give each house so many clients with an appointment each, of which the reminder is due."""
    from django.db import connection, transaction
    from django.utils import timezone

    from parley.alerts.planning import plan_many
    from parley.appointments.models import Appointment

    for house in houses:
        with connection.cursor() as cursor:
            cursor.execute(FILL, {"each": each, "business": house.business.pk})
        with transaction.atomic():
            booked = Appointment.objects.filter(business=house.business).iterator(2000)
            # As if they had been booked yesterday: today it would be too late to remind of them.
            planned = plan_many(house.business, booked, now=timezone.now() - timedelta(days=1))
        assert planned == each, f"{planned} reminders were planned, not {each}"


def wrong(houses: list[Any], each: int) -> Iterator[str]:
    """What is missing, doubled or wrong, of every reminder; nothing if all is as it should be."""
    from django.db import connection
    from django.db.models import Sum

    from parley.alerts.models import Due
    from parley.quota.models import Balance, Entry

    for house in houses:
        with connection.cursor() as cursor:
            cursor.execute(VERIFY, [house.business.pk])
            counts = dict(zip(("rows", "right", "queued", "paid"), cursor.fetchone(), strict=True))
        yield from (f"{house.business}: {name} is {seen}" for name, seen in counts.items() if seen != each)
        sums = Entry.objects.filter(business=house.business).aggregate(Sum("monthly"), Sum("bought"))
        balance = Balance.objects.get(business=house.business)
        spent = Entry.objects.filter(business=house.business, kind="spent").count()
        # The texts that the bench gave have no line.
        if (balance.used_automatic, spent) != (each, each) or sums["monthly__sum"] != balance.monthly:
            yield f"{house.business}: the ledger says {spent}, the balance {balance.used_automatic}"
    if waiting := Due.objects.exclude(state="done").count():
        yield f"{waiting} are not done"


# Each reminder with the one message of its client, in the words that are right for it.
VERIFY = """
    SELECT count(m.id),
           count(DISTINCT d.id) FILTER (WHERE m.their_address = c.phone AND m.segments = 1 AND m.kind = 'transactional'
               AND m.body LIKE 'Hi Maya, %%' AND m.title = 'Appointment reminder' AND a.asked_at IS NOT NULL),
           count(DISTINCT o.message_id), count(DISTINCT e.message_id)
    FROM alerts_due d
    JOIN appointments_appointment a ON a.id = d.about_id
    JOIN clients_client c ON c.id = d.client_id
    LEFT JOIN messaging_conversation v ON v.client_id = c.id
    LEFT JOIN messaging_message m ON m.conversation_id = v.id AND m.business_id = v.business_id
    LEFT JOIN messaging_outbox o ON o.message_id = m.id
    LEFT JOIN quota_entry e ON e.message_id = m.id AND e.kind = 'spent'
    WHERE d.business_id = %s
"""
