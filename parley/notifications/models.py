"""What members are told. One row an event; each member's `notifications_read_at` says how far they have read."""

from __future__ import annotations

from django.db import models

from parley.businesses.tenancy import BusinessOwned


class Notification(BusinessOwned):
    """One line of the notification centre. It keeps its own words: the bell must not ask other rooms."""

    class Kind(models.TextChoices):
        TEXT = "text", "A client texted"
        FAILED = "failed", "A message did not arrive"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    title = models.CharField(max_length=160)
    words = models.CharField(max_length=200, blank=True)
    conversation_id = models.UUIDField(null=True, help_text="Where a click leads.")
    initials = models.CharField(max_length=2, blank=True)
    tint = models.CharField(max_length=8, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["business", "-created_at", "-id"], name="notification_centre")]

    def __str__(self) -> str:
        return self.title
