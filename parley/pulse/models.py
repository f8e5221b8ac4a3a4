"""The beats of all processes, and what they counted."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class Beat(models.Model):
    """One loop of one process: when it was last seen to go round (the database's clock)."""

    process = models.CharField(max_length=80, help_text="host:pid:start; never reused.")
    loop = models.CharField(max_length=20, help_text="web, delivery, receiving, doubt, backfill, jobs.")
    started_at = models.DateTimeField(db_default=Now())
    beat_at = models.DateTimeField(db_default=Now())
    told = models.JSONField(
        default=dict,
        db_default={},
        help_text="What the process says of itself: cpu (seconds), memory (bytes), …",
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["process", "loop"], name="one_beat_per_loop")]
        indexes = [models.Index("loop", "beat_at", name="newest_beats")]

    def __str__(self) -> str:
        return f"{self.loop} of {self.process}"


class Tally(models.Model):
    """A count that only grows, over all processes and restarts: see `tallies`."""

    name = models.CharField(max_length=40)
    label = models.CharField(max_length=40, blank=True, help_text="A bucket's bound, a status, a state.")
    total = models.FloatField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "label"], name="one_tally")]

    def __str__(self) -> str:
        return f"{self.name} {self.label}"


class Reading(models.Model):
    """A figure that is dear to count, kept for whoever asks next: see `operating.figures`."""

    name = models.CharField(primary_key=True, max_length=40)
    rows = models.JSONField()
    read_at = models.DateTimeField()
    took = models.FloatField(help_text="Seconds that counting took.")

    def __str__(self) -> str:
        return self.name
