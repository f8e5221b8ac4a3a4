"""The beats of all processes."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Beat(models.Model):
    """One loop of one process: when it was last seen to go round (the database's clock)."""

    process = models.CharField(max_length=80, help_text="host:pid:start; never reused.")
    loop = models.CharField(max_length=20, help_text="web, delivery, receiving, doubt, backfill, jobs.")
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["process", "loop"], name="one_beat_per_loop")]
        indexes = [models.Index("loop", "beat_at", name="newest_beats")]

    def __str__(self) -> str:
        return f"{self.loop} of {self.process}"
