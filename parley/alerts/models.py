"""Rules of automatic messages, and what they have planned."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from parley.appointments.models import Service
from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.clients.models import Client


class Rule(BusinessOwned):
    """How a business wants one kind of automatic message; with `service`, for that service alone.

    Where a business has no row for a kind, `kinds` says what holds; a service without a row does as all do.
    """

    class Unit(models.TextChoices):
        MINUTES = "minutes", "minutes"
        HOURS = "hours", "hours"
        DAYS = "days", "days"

    kind = models.CharField(max_length=24, help_text="See `kinds`.")
    service = models.ForeignKey(
        Service,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    on = models.BooleanField()
    sms = models.BooleanField()
    email = models.BooleanField()
    amount = models.PositiveSmallIntegerField(
        db_default=0, help_text="How long before or after, in `unit`; which of both is the kind’s own."
    )
    unit = models.CharField(max_length=7, choices=Unit.choices, db_default=Unit.HOURS)
    # By language (see `clients.languages`): where one is missing, Parley’s own words stand.
    texts = models.JSONField(default=dict, db_default={}, help_text="Liquid, by language.")
    subjects = models.JSONField(default=dict, db_default={}, help_text="Liquid, by language; of emails.")
    emails = models.JSONField(
        default=dict, db_default={}, help_text="Liquid, by language; empty: the text’s words."
    )
    confirms = models.BooleanField(
        db_default=True, help_text="An answer of C or Yes confirms the appointment."
    )
    stop_line = models.BooleanField(db_default=False, help_text="“Reply STOP to stop texts” is added.")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            TenantKey(field="service", name="rule_service_tenant"),
            models.UniqueConstraint(fields=["business", "kind"], condition=Q(service=None), name="rule_once"),
            models.UniqueConstraint(
                fields=["business", "kind", "service"],
                condition=Q(service__isnull=False),
                name="rule_once_per_service",
            ),
        ]

    def __str__(self) -> str:
        return self.kind


class Due(BusinessOwned):
    """One automatic message of one kind about one thing, at its time. Only `planning` and `clock` write it.

    ::

        waiting -> done      messages are written (sent or not sent: the messages say)
                -> dropped   what it was about has changed: `reason`
                -> late      its time had passed before it could be sent: told, not sent
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Planned"
        DONE = "done", "Done"
        DROPPED = "dropped", "Not sent"
        LATE = "late", "Not sent: too late"

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=24)
    about = models.CharField(max_length=11, help_text="appointment, payment, estimate, lead, text.")
    about_id = models.UUIDField()
    occasion = models.CharField(
        max_length=40,
        blank=True,
        db_default="",
        help_text="Which of several times: the appointment’s `moves`.",
    )
    at = models.DateTimeField(help_text="When it is to be sent.")
    late_after = models.DateTimeField(help_text="From then on it is not sent any more, but told.")
    state = models.CharField(max_length=7, choices=State.choices, db_default=State.WAITING)
    reason = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Why nothing was sent, for people."
    )
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            tenant_target("due_tenant"),
            TenantKey(field="client", name="due_client_tenant"),
            models.UniqueConstraint(fields=["business", "about_id", "kind", "occasion"], name="due_once"),
        ]
        indexes = [
            # The clock: whose turn it is, and then what of theirs is due.
            models.Index("at", "id", name="due_next", condition=Q(state="waiting")),
            models.Index("business", "at", "id", name="due_of_business", condition=Q(state="waiting")),
            models.Index("business", "client", F("at").desc(), name="due_of_client"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
