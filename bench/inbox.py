"""Do the Inbox and a thread cost the same with a million messages as with the sample? Prints one JSON line.

    python bench/inbox.py [--conversations 100000] [--messages 1000000] [--rounds 60]

Fills one business of a database of its own (dropped afterwards) on the embedded server, and asks the pages of it and
of the sample business in turn, through Django, in one process. Every page asked is checked to hold what it must.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FILL = """
    INSERT INTO clients_client
        (id, business_id, first_name, last_name, phone, email, tags, good_to_know, texting, created_at)
    SELECT gen_random_uuid(), %(business)s, 'First' || n %% 977, 'Last' || n, '+1503' || (2000000 + n),
           'c' || n || '@many.example', '{}', '', 'ok', now()
    FROM generate_series(1, %(conversations)s) n;

    INSERT INTO messaging_conversation
        (id, business_id, client_id, assignee_id, last_at, unread, waiting, closed_at, created_at)
    SELECT gen_random_uuid(), business_id, id, CASE WHEN random() < 0.5 THEN %(member)s::uuid END,
           now() - random() * interval '90 days', (random() < 0.2)::int, random() < 0.2,
           CASE WHEN random() < 0.3 THEN now() END, now()
    FROM clients_client WHERE business_id = %(business)s;

    INSERT INTO messaging_message
        (id, business_id, conversation_id, direction, channel, kind, title, author_id, subject, body, state, reason,
         code, number_id, their_address, segments, media, carrier_id, at, changed_at)
    SELECT gen_random_uuid(), v.business_id, v.id, CASE WHEN n %% 2 = 0 THEN 'in' ELSE 'out' END, 'sms', 'direct', '',
           CASE WHEN n %% 2 = 0 THEN NULL ELSE %(member)s::uuid END, '',
           'Message ' || n || ' about the appointment on Thursday and the parking behind the studio',
           CASE WHEN n %% 2 = 0 THEN 'received' ELSE 'delivered' END, '', '', %(number)s, c.phone, 1, '[]', '',
           v.last_at - n * interval '1 hour', now()
    FROM messaging_conversation v
    JOIN clients_client c ON c.id = v.client_id
    CROSS JOIN generate_series(0, %(each)s - 1) n
    WHERE v.business_id = %(business)s;

    UPDATE messaging_conversation v SET last_message_id = m.id
    FROM messaging_message m
    WHERE m.conversation_id = v.id AND m.business_id = v.business_id AND m.at = v.last_at
      AND v.business_id = %(business)s;
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=100_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=60)
    wish = parser.parse_args()

    from parley.config.embedded_postgres import EmbeddedPostgres

    with (
        tempfile.TemporaryDirectory(prefix="parley-bench-") as folder,
        EmbeddedPostgres(Path(folder) / "postgres", fast=True) as server,
    ):
        os.environ |= {
            "DATABASE_URL": server.url,
            "PARLEY_DATA": folder,
            "PARLEY_SECRET_KEY": "only-for-this-bench-and-known-to-everybody",
            "PARLEY_DEMO": "1",
            "DJANGO_SETTINGS_MODULE": "parley.config.settings",
        }
        import django

        django.setup()
        print(json.dumps(measure(wish)))
        from django.db import connections

        connections.close_all()


def measure(wish: argparse.Namespace) -> dict[str, Any]:
    from django.core.management import call_command
    from django.db import connection

    from parley.businesses.models import Business, Member, User
    from parley.inbox.sample.load import load
    from parley.numbers.models import PhoneNumber

    call_command("migrate", verbosity=0)
    small = load()
    large = Business.objects.create(
        name="Large",
        email="hello@large.example",
        time_zone="America/Chicago",
        plan_id="business",
        mode="texting",
        two_way=True,
    )
    owner = Member.objects.create(
        business=large,
        role="owner",
        user=User.objects.create_user("owner@large.example", None, name="Olive Large"),
    )
    number = PhoneNumber.objects.create(number="+18555550100", business=large, approved_at=large.created_at)
    started = time.monotonic()
    each = max(1, wish.messages // wish.conversations)
    with connection.cursor() as cursor:
        parameters = {
            "business": large.id,
            "member": owner.id,
            "number": number.id,
            "conversations": wish.conversations,
            "each": each,
        }
        # The rows fit by construction; three million checks of foreign keys would be most of the wait.
        cursor.execute("SET session_replication_role = replica")
        for statement in FILL.split(";\n"):
            if statement.strip():
                cursor.execute(statement, parameters)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")
    filled = time.monotonic() - started

    houses = {"sample": small.members.select_related("user").get(role="owner"), "large": owner}
    pages: dict[str, dict[str, Any]] = {}
    for page in ("inbox", "thread", "clients", "client card", "search"):
        pages[page] = compare(page, houses, wish.rounds)
    counted = {name: member.business.messages.count() for name, member in houses.items()}
    return {
        "bench": "inbox",
        "messages": counted,
        "conversations": {name: member.business.conversations.count() for name, member in houses.items()},
        "pages": pages,
        "fill_seconds": round(filled, 1),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "arch": platform.machine()},
    }


def compare(page: str, houses: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Ask a page of both businesses in turn, so that the machine's moods fall on both alike."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    browsers, addresses, must = {}, {}, {}
    for name, member in houses.items():
        browser = Client()
        browser.force_login(member.user, backend="django.contrib.auth.backends.ModelBackend")
        browsers[name] = browser
        own = member.business.conversations.open().filter(client__texting="ok")
        conversation = own.select_related("client").order_by("-last_at")[20]
        addresses[name] = {
            "inbox": "/inbox",
            "thread": f"/inbox/{conversation.id}",
            "clients": "/clients",
            "client card": f"/clients/{conversation.client.id}",
            "search": f"/inbox?q={conversation.client.last_name}",
        }[page]
        must[name] = {"inbox": "Waiting on you", "clients": "Clients"}.get(
            page, conversation.client.last_name
        )
    times: dict[str, list[float]] = {name: [] for name in houses}
    queries: dict[str, int] = {}
    for round_ in range(rounds + 5):
        for name, browser in browsers.items():
            began = time.perf_counter()
            answer = browser.get(addresses[name])
            took = time.perf_counter() - began
            if answer.status_code != 200 or must[name] not in answer.content.decode():
                raise SystemExit(f"{page} of {name}: status {answer.status_code}, or it lacks {must[name]!r}")
            if round_ >= 5:
                times[name].append(took)
    for name, browser in browsers.items():
        with CaptureQueriesContext(connection) as captured:
            browser.get(addresses[name])
        queries[name] = len(captured)
    median = {name: statistics.median(values) * 1000 for name, values in times.items()}
    p95 = {name: statistics.quantiles(values, n=20)[18] * 1000 for name, values in times.items()}
    return {
        "queries": queries,
        "median_ms": {name: round(value, 1) for name, value in median.items()},
        "p95_ms": {name: round(value, 1) for name, value in p95.items()},
        "ratio": round(median["large"] / median["sample"], 2),
    }


if __name__ == "__main__":
    main()
