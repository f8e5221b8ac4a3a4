"""Reading what other systems told, one event of an address at a time."""

from __future__ import annotations

import logging
import uuid

from django.db import Error, transaction
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from parley.connectors.models import Endpoint, Event
from parley.connectors.systems import SYSTEMS
from parley.connectors.told import Unreadable

log = logging.getLogger(__name__)

SOMETHING_WRONG = "Parley could not read it. Whoever runs Parley finds why in the log."


@app.task(queue="connectors", retry=RetryStrategy(max_attempts=10, exponential_wait=2))
def read_event(event_id: str, business_id: str) -> None:
    """Read one event, once. What cannot be read says why on the page, and can be tried again there."""
    read(uuid.UUID(business_id), uuid.UUID(event_id))


def read(business_id: uuid.UUID, event_id: uuid.UUID, *, again: bool = False) -> None:
    """Read one event that nobody has read yet; `again`: one that was in trouble."""
    with transaction.atomic():
        event = Event.objects.get(business_id=business_id, pk=event_id)
        # One at a time: two events of one booking must not each find that there is none yet.
        endpoint = (
            Endpoint.objects.select_for_update(of=("self",))
            .select_related("business__plan")
            .get(business_id=business_id, pk=event.endpoint_id)
        )
        event.refresh_from_db()
        if event.done_at is not None and not (again and event.trouble):
            return
        event.became = event.trouble = ""
        try:
            with transaction.atomic():
                event.became = SYSTEMS[endpoint.source].read(endpoint, event.kind, event.body)
        except Unreadable as wrong:
            event.trouble = wrong.words
        except Error:
            raise
        except Exception as error:
            log.error("an event of %s could not be read: %s", endpoint.source, type(error).__name__)
            event.trouble = SOMETHING_WRONG
        event.done_at = timezone.now()
        event.save(update_fields=["became", "trouble", "done_at"])
