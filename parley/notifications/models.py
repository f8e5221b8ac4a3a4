"""What members are told. One row an event; each member's `notifications_read_at` says how far they have read."""

from __future__ import annotations

from django.db import models

from parley.businesses.models import Member
from parley.businesses.tenancy import BusinessOwned, TenantKey


class Notification(BusinessOwned):
    """One line of the notification centre. It keeps its own words: the bell must not ask other rooms."""

    class Kind(models.TextChoices):
        TEXT = "text", "A client texted"
        FAILED = "failed", "A message did not arrive"
        NUMBER = "number", "News of our number and its registration"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    title = models.CharField(max_length=160)
    words = models.CharField(max_length=200, blank=True)
    conversation_id = models.UUIDField(null=True, help_text="Where a click leads.")
    address = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Where a click leads, if to no conversation."
    )
    managers_only = models.BooleanField(db_default=False, help_text="For owners and admins.")
    member = models.ForeignKey(
        Member,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Whose it is; nobody's is everybody's.",
    )
    initials = models.CharField(max_length=2, blank=True)
    tint = models.CharField(max_length=8, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [TenantKey(field="member", name="notification_member_tenant")]
        indexes = [models.Index(fields=["business", "-created_at", "-id"], name="notification_centre")]

    def __str__(self) -> str:
        return self.title
