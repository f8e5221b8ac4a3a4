"""What keeps the beats in order."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now
from procrastinate.contrib.django import app

from parley.pulse.models import Beat


@app.periodic(cron="23 * * * *")
@app.task(name="forget_old_beats", queueing_lock="forget_old_beats")
def forget_old_beats(timestamp: int) -> None:
    """A process that left no beat for a day is gone; the next one is another."""
    Beat.objects.filter(beat_at__lt=Now() - timedelta(days=1)).delete()
