"""Where other systems tell a business's events, and what they told."""

from __future__ import annotations

import secrets

from django.db import models
from django.db.models import F, Q

from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.clients.models import Client


def new_secret() -> str:
    """What both sides sign with: 256 random bits."""
    return secrets.token_urlsafe(32)


class Endpoint(BusinessOwned):
    """The address that one system of a business tells its events to: /in/<id>. `secret` is what it signs with."""

    class Source(models.TextChoices):
        CALCOM = "calcom", "Cal.com"
        STRIPE = "stripe", "Stripe"
        OWN = "own", "Your own program"

    source = models.CharField(max_length=8, choices=Source.choices)
    secret = models.CharField(
        max_length=120, blank=True, db_default="", help_text="Stripe makes its own; ours for others."
    )
    on = models.BooleanField(db_default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            tenant_target("endpoint_tenant"),
            models.UniqueConstraint(fields=["business", "source"], name="endpoint_once_per_source"),
        ]

    def __str__(self) -> str:
        return self.get_source_display()


class Person(BusinessOwned):
    """Whom a system means by a name of its own, where its events say only that name."""

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    source_id = models.CharField(max_length=120)
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        constraints = [
            TenantKey(field="endpoint", name="person_endpoint_tenant"),
            TenantKey(field="client", name="person_client_tenant"),
            models.UniqueConstraint(fields=["business", "endpoint", "source_id"], name="person_once"),
        ]

    def __str__(self) -> str:
        return f"Person {self.id}"


class Event(BusinessOwned):
    """What a system told, as it came: stored under its own key before the answer, so the same one twice is once."""

    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.CASCADE, related_name="events", db_constraint=False, db_index=False
    )
    key = models.CharField(
        max_length=120, help_text="Its id there, or the digest of its body where it has none."
    )
    kind = models.CharField(
        max_length=80, help_text="What it is called there: BOOKING_CREATED, invoice.paid."
    )
    body = models.JSONField()
    received_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    became = models.CharField(
        max_length=120, blank=True, db_default="", help_text="What came of it, for people."
    )
    trouble = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Why nothing came of it, for people."
    )

    class Meta:
        constraints = [
            TenantKey(field="endpoint", name="told_endpoint_tenant"),
            models.UniqueConstraint(fields=["business", "endpoint", "key"], name="told_once"),
        ]
        indexes = [
            models.Index("business", "endpoint", F("received_at").desc(), name="told_page"),
            models.Index("received_at", name="told_to_read", condition=Q(done_at=None)),
        ]

    def __str__(self) -> str:
        return f"Event {self.id}"
