"""`parley manage load_sample`: the demo's business, and the pretend world around it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from parley.inbox.sample.load import load, set_up_world


class Command(BaseCommand):
    help = "Load the sample business of the demo. Doing it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The sample business belongs to the demo: set PARLEY_DEMO=1 if this is one.")
        business = load()
        if settings.SANDBOX_URL:
            try:
                set_up_world(settings.SANDBOX_URL, business)
            except OSError as error:
                raise CommandError(
                    f"The sandbox at {settings.SANDBOX_URL} does not answer: {error}"
                ) from None
