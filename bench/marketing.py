"""A campaign, its marketing numbers, and its clients made in the database, many at once: for benches and faults.

What speaks against texting a client is told by their number alone (`WHY_OF`), so whoever judges need not ask Parley.
"""

from __future__ import annotations

from typing import Any

# By the last two digits of `n`, from 1 on: why they are not texted, of a campaign that spares whoever had one in the
# last 7 days; everyone else may be. Each comes by a row that says so, as FILL writes it.
WHY_OF = {
    1: "no_number",
    2: "opted_out",  # of everything
    3: "opted_out",  # of marketing
    4: "landline",
    5: "invalid",  # the network said so
    6: "no_consent",  # never said anything
    7: "in_doubt",
    8: "recently",
    9: "",  # had one 8 days ago
    10: "toll_free",
    11: "invalid",  # the card says so
    12: "no_consent",  # agreed to service texts alone
}
RESTED = 7

# Two millions of numbers of one area code (and toll-free ones), so that no two are the same.
FILL = """
    WITH n AS (
        SELECT i, gen_random_uuid() AS client,
               CASE WHEN %(mixed)s THEN (i - 1) %% 100 + 1 ELSE 100 END AS kind
        FROM generate_series(%(first)s::int, %(last)s::int) i
    ), who AS (
        SELECT n.*, CASE WHEN kind = 1 THEN ''
                         WHEN kind = 10 THEN '+1844' || lpad((2000000 + i)::text, 7, '0')
                         ELSE '+1503' || lpad((2000000 + i)::text, 7, '0') END AS phone
        FROM n
    ), client AS (
        INSERT INTO clients_client
            (id, business_id, first_name, last_name, phone, email, tags, good_to_know, texting, created_at, time_zone)
        SELECT client, %(business)s, 'Maya', 'No. ' || i, phone, '', '{}', '',
               CASE WHEN kind IN (2) THEN 'stopped' WHEN kind IN (4, 5, 11) THEN 'cannot' ELSE 'ok' END,
               now(), %(zone)s
        FROM who
    ), before AS (
        INSERT INTO campaigns_recipient
            (business_id, campaign_id, client_id, phone, place, variant, state, code, opens_at, segments, tries,
             queued_at)
        SELECT %(business)s, %(before)s, client, phone, i, 'a', 'delivered', '', now(), 1, 0,
               now() - CASE kind WHEN 8 THEN interval '6 days' ELSE interval '8 days' END
        FROM who WHERE kind IN (8, 9)
    )
    INSERT INTO clients_handset (business_id, phone, service, marketing, reach, changed_at)
    SELECT %(business)s, phone, CASE kind WHEN 2 THEN 'refused' WHEN 7 THEN 'doubtful' ELSE '' END,
           CASE kind WHEN 2 THEN 'refused' WHEN 3 THEN 'refused' WHEN 7 THEN 'doubtful' WHEN 12 THEN ''
                     ELSE 'agreed' END,
           CASE kind WHEN 4 THEN 'landline' WHEN 5 THEN 'invalid' ELSE '' END, now()
    FROM who WHERE kind NOT IN (1, 6, 11)
"""
# The card of kind 11 says that texts do not reach it, though its number agreed.
OF_CARD = """
    INSERT INTO clients_handset (business_id, phone, marketing, changed_at)
    SELECT business_id, phone, 'agreed', now() FROM clients_client
    WHERE business_id = %(business)s AND texting = 'cannot' AND phone <> ''
    ON CONFLICT DO NOTHING
"""
AT_ONCE = 50_000


def fill(house: Any, count: int, *, mixed: bool = True, zone: str = "") -> None:
    """So many clients: `mixed` as WHY_OF tells, else all may be texted. `zone` is that of their clocks."""
    from django.db import connection
    from django.utils import timezone

    from parley.campaigns.models import Campaign

    before = Campaign.objects.create(
        business=house.business, name="Before", wording="Hello", status="sent", changed_at=timezone.now()
    )
    given = {"business": house.business.pk, "before": before.pk, "mixed": mixed, "zone": zone}
    with connection.cursor() as cursor:
        # Neither triggers nor keys: what they would do is written here, and nothing of it is timed.
        cursor.execute("SET session_replication_role = replica")
        for first in range(1, count + 1, AT_ONCE):
            last = min(count, first + AT_ONCE - 1)
            cursor.execute(FILL, given | {"first": first, "last": last})
        if mixed:
            cursor.execute(OF_CARD, given)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")


def why(n: int) -> str:
    """Why client No. `n` of a mixed audience is not texted; empty if they are."""
    return WHY_OF.get((n - 1) % 100 + 1, "")


def numbers(*paces: float) -> list[Any]:
    """Marketing numbers with these paces (segments a second; 0: none)."""
    from django.utils import timezone

    from parley.numbers.models import PhoneNumber

    return [
        PhoneNumber.objects.create(
            number=f"+184455501{10 + place}", duty="marketing", pace=pace, approved_at=timezone.now()
        )
        for place, pace in enumerate(paces)
    ]


def a_campaign(
    house: Any, wording: str = "Hi {{client.first_name}}, color week is Dec 1 to 6.", **more: Any
) -> Any:
    """A draft to everyone, without a canary unless it is asked for."""
    from django.utils import timezone

    from parley.campaigns.models import Campaign

    values = {
        "name": "Color week",
        "changed_at": timezone.now(),
        "canary": False,
        "audience": {"who": "everyone"},
    }
    return Campaign.objects.create(business=house.business, wording=wording, **(values | more))


def noon() -> str:
    """A zone in whose clock it is about noon now."""
    from tests.messaging.test_revoking import where_it_is

    return where_it_is(12)
