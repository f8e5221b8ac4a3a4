"""Appointments, and the services they are for."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from parley.businesses.models import Member
from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.clients.models import Client


class Service(BusinessOwned):
    """What a business does for its clients, and how long that takes. One no longer offered stays as a row."""

    name = models.CharField(max_length=80)
    minutes = models.PositiveSmallIntegerField(help_text="How long it usually takes.")
    location = models.CharField(
        max_length=160, blank=True, db_default="", help_text="Where, if not where all else is."
    )
    offered = models.BooleanField(db_default=True)

    class Meta:
        constraints = [
            tenant_target("service_tenant"),
            models.UniqueConstraint("business", Lower("name"), name="service_once_per_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Appointment(BusinessOwned):
    """When a client is seen. Only `booking` writes it."""

    class Status(models.TextChoices):
        REQUESTED = "requested", "Requested"
        BOOKED = "booked", "Booked"
        CANCELLED = "cancelled", "Cancelled"
        MISSED = "missed", "Didn’t come"

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="appointments", db_constraint=False, db_index=False
    )
    service = models.ForeignKey(
        Service,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    member = models.ForeignKey(
        Member,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    title = models.CharField(max_length=160, help_text="What it is for: the service’s name at first.")
    with_name = models.CharField(
        max_length=120,
        blank=True,
        db_default="",
        help_text="Who sees them, where that is no member: as told.",
    )
    location = models.CharField(max_length=300, blank=True, db_default="")
    note = models.TextField(blank=True, db_default="", max_length=2000, help_text="For the business alone.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    status = models.CharField(max_length=9, choices=Status.choices, db_default=Status.BOOKED)
    moves = models.PositiveSmallIntegerField(
        db_default=0,
        help_text="How often its time changed: what was planned for an earlier time is not of this one.",
    )
    confirmed_at = models.DateTimeField(
        null=True, help_text="When the client said they come, since it was last moved."
    )
    asked_at = models.DateTimeField(
        null=True,
        help_text="When a text last asked the client to answer C, since it was last moved: kept by `alerts`.",
    )
    declined_at = models.DateTimeField(
        null=True, help_text="When the client said they may not come, and nobody has acted."
    )
    declined_words = models.CharField(max_length=300, blank=True, db_default="")
    source = models.CharField(
        max_length=8, blank=True, db_default="", help_text="The system that told it; empty: Parley."
    )
    source_id = models.CharField(max_length=120, blank=True, db_default="", help_text="Its name there.")
    source_before = ArrayField(
        models.CharField(max_length=120), default=list, blank=True, help_text="Its former names there."
    )
    source_at = models.DateTimeField(
        null=True, help_text="When that system last said something of it: what it said before comes too late."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            tenant_target("appointment_tenant"),
            TenantKey(field="client", name="appointment_client_tenant"),
            TenantKey(field="service", name="appointment_service_tenant"),
            TenantKey(field="member", name="appointment_member_tenant"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="appointment_lasts"),
            models.UniqueConstraint(
                fields=["business", "source", "source_id"],
                condition=~Q(source_id=""),
                name="appointment_once_per_source",
            ),
        ]
        indexes = [
            models.Index("business", "starts_at", "id", name="calendar"),
            models.Index("business", "client", "starts_at", name="appointments_of_client"),
            GinIndex("source_before", name="appointments_renamed", condition=~Q(source_before=[])),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def lasts(self) -> timedelta:
        return self.ends_at - self.starts_at

    @property
    def holds(self) -> bool:
        """It is to take place, as far as the business knows."""
        return self.status in (self.Status.REQUESTED, self.Status.BOOKED)

    def over(self, at: datetime) -> bool:
        return self.ends_at <= at
