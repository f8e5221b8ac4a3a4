"""`parley manage replay_events`: read again what could not be read, once whatever was wrong is mended."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.db.models import Count

from parley.live.nudges import CAME_IN, TEXTS_CHANNEL
from parley.messaging.models import CarrierEvent


class Command(BaseCommand):
    help = "Have `parley texts` read the carriers' webhooks again that it set aside. Reading one twice changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "events", nargs="*", type=int, help="their ids; without any, all that were set aside"
        )
        parser.add_argument("--list", action="store_true", help="only say what was set aside, and why")

    def handle(self, *args: Any, **options: Any) -> None:
        aside = CarrierEvent.objects.filter(done_at=None).exclude(trouble="")
        if options["events"]:
            aside = aside.filter(id__in=options["events"])
        if options["list"]:
            for kind in aside.values("kind", "trouble").annotate(count=Count("id")).order_by("-count"):
                self.stdout.write(f"{kind['count']} {kind['kind']}: {kind['trouble']}")
            for event in aside.order_by("id")[:50]:
                self.stdout.write(f"  {event.id} {event.kind} of {event.received_at:%Y-%m-%d %H:%M} UTC")
            return
        with transaction.atomic(), connection.cursor() as cursor:
            count = aside.update(trouble="")
            cursor.execute("SELECT pg_notify(%s, %s)", [TEXTS_CHANNEL, CAME_IN])
        self.stdout.write(f"{count} will be read again.")
