"""What it costs to foretell a campaign to a million clients, and that it says what preparing then does.

    .venv/bin/python -m bench.foretelling [clients]

Wall and CPU time of this process and of PostgreSQL, for words without details, with a first name, and with a full name
(of which there are more than are counted one by one). Verified: who may be texted and who not, by reason.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import Any

from bench.ground import cpu_seconds, ground, machine

CLIENTS = 1_000_000
WORDS = {
    "none": "Color week is Dec 1 to 6. Book: https://juniper.example/color",
    "first_name": 'Hi {{ client.first_name | default: "there" }}, color week is Dec 1 to 6.',
    "full_name": "Dear {{ client.full_name }}, color week is Dec 1 to 6.",
}
PEOPLE = """
    INSERT INTO clients_client
        (id, business_id, first_name, last_name, phone, email, tags, good_to_know, texting, postal_code, region,
         time_zone, language, created_at)
    SELECT gen_random_uuid(), %(business)s, 'Name' || n %% 5000, 'Family' || n %% 60000,
           CASE WHEN n %% 50 = 0 THEN '' ELSE '+1' || (ARRAY['212','503','808','713','305','416'])[n %% 6 + 1] ||
               (2000000 + n)::text END,
           '', ARRAY[CASE WHEN n %% 2 = 0 THEN 'even' ELSE 'odd' END], '', 'ok',
           CASE WHEN n %% 3 = 0 THEN lpad((n %% 90000 + 1000)::text, 5, '0') ELSE '' END, '', '',
           '', now()
    FROM generate_series(1, %(clients)s) n
"""
HANDSETS = """
    INSERT INTO clients_handset (business_id, phone, service, marketing, reach, misses, changed_at)
    SELECT business_id, phone, '', CASE WHEN right(phone, 1) = '7' THEN '' ELSE 'agreed' END,
           CASE WHEN right(phone, 2) = '13' THEN 'landline' ELSE '' END, 0, now()
    FROM clients_client WHERE phone <> ''
"""


def run(clients: int) -> dict[str, Any]:
    """The figures, all verified."""
    from django.db import connection
    from django.utils import timezone

    from parley.campaigns import foretelling, preparing
    from parley.campaigns.models import Campaign, Count
    from parley.numbers.models import PhoneNumber
    from tests.people import make_house

    house = make_house()
    PhoneNumber.objects.create(number="+18445550110", duty="marketing", pace=25, approved_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, {"business": house.business.pk, "clients": clients})
        cursor.execute(HANDSETS)
        cursor.execute("VACUUM ANALYZE clients_client")
        cursor.execute("VACUUM ANALYZE clients_handset")
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    figures: dict[str, Any] = {}
    for name, words in WORDS.items():
        campaign = Campaign.objects.create(
            business=house.business,
            name=name,
            wording=words,
            wording_b=words + " Free gloss.",
            share_b=30,
            rest_days=7,
            changed_at=timezone.now(),
            status="preparing",
        )
        began, before = time.monotonic(), (cpu_seconds(os.getpid()), cpu_seconds(backend))
        told = foretelling.foretell(campaign)
        figures[name] = {
            "seconds": round(time.monotonic() - began, 2),
            "own_cpu_seconds": round(cpu_seconds(os.getpid()) - before[0], 2),
            "postgres_cpu_seconds": round(cpu_seconds(backend) - before[1], 2),
            "cpu_us_per_client": round(
                (cpu_seconds(os.getpid()) + cpu_seconds(backend) - sum(before)) * 1e6 / clients, 2
            ),
            "fit": told.fit,
            "texts": told.texts,
            "about": told.about,
            "ends": told.ends,
        }
        if name == "first_name":
            assert preparing.prepare(campaign)
            counted = dict(_counts(Count.objects.filter(campaign=campaign, what="skipped")))
            assert (campaign.fit, counted) == (told.fit, told.unfit), (campaign.fit, counted, told)
    figures["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def _counts(counts: Any) -> list[tuple[str, int]]:
    from django.db.models import Sum

    return list(counts.values_list("code").annotate(Sum("number")))


def main() -> None:
    clients = int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS
    with ground(durable=True):
        print(json.dumps({"bench": "foretelling", "clients": clients, **run(clients), "machine": machine()}))


if __name__ == "__main__":
    main()
