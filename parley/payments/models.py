"""Payment requests and estimates."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.clients.models import Client
from parley.payments import money


def new_token() -> str:
    """For the address of a page that needs no sign-in: 128 random bits."""
    return secrets.token_urlsafe(16)


class Asked(BusinessOwned):
    """What both have. Money is in cents of `currency`; the client's page is reached by `token`."""

    # The name of the client's page in `urls`.
    page_name: str

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="%(class)ss", db_constraint=False, db_index=False
    )
    title = models.CharField(max_length=160, help_text="What it is for.")
    details = models.TextField(blank=True, db_default="", max_length=4000)
    cents = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, help_text="ISO 4217, as the business’s country has it.")
    link = models.URLField(
        max_length=500, blank=True, db_default="", help_text="Where it can be paid or read elsewhere."
    )
    token = models.CharField(max_length=32, default=new_token, unique=True, editable=False)
    viewed_at = models.DateTimeField(null=True, help_text="When its page was first opened.")
    closed_at = models.DateTimeField(null=True, help_text="When it was paid, answered or cancelled.")
    source = models.CharField(
        max_length=8, blank=True, db_default="", help_text="The system that told it; empty: Parley."
    )
    source_id = models.CharField(max_length=120, blank=True, db_default="")
    source_at = models.DateTimeField(
        null=True, help_text="When that system last said something of it: what it said before comes too late."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.title

    @property
    def page(self) -> str:
        """The path of the client's page."""
        return reverse(self.page_name, args=[self.token])

    @property
    def address(self) -> str:
        """The whole address of the client's page. Whoever has it may read it: it is no more secret than a letter."""
        return settings.PUBLIC_URL + self.page

    @property
    def sum(self) -> str:
        """As members read it: $40.00."""
        return money.written(self.cents, self.currency, self.business.country)


class PaymentRequest(Asked):
    """A sum that a client is asked for. Only `asking` writes it."""

    page_name = "payment_page"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        PAID = "paid", "Paid"
        CANCELLED = "cancelled", "Cancelled"

    status = models.CharField(max_length=9, choices=Status.choices, db_default=Status.OPEN)
    due_on = models.DateField(null=True, blank=True, help_text="In the business’s zone; empty: no hurry.")
    paid_how = models.CharField(
        max_length=60, blank=True, db_default="", help_text="Cash, card, a bank transfer."
    )

    class Meta:
        constraints = [
            tenant_target("paymentrequest_tenant"),
            TenantKey(field="client", name="paymentrequest_client_tenant"),
            models.CheckConstraint(condition=Q(cents__gt=0), name="paymentrequest_asks"),
            models.UniqueConstraint(
                fields=["business", "source", "source_id"],
                condition=~Q(source_id=""),
                name="paymentrequest_once_per_source",
            ),
        ]
        indexes = [
            models.Index("business", "status", F("created_at").desc(), F("id").desc(), name="payments_page"),
            models.Index("business", F("created_at").desc(), F("id").desc(), name="payments_all"),
            models.Index("business", "due_on", "id", name="payments_overdue", condition=Q(status="open")),
            models.Index("business", "client", F("created_at").desc(), name="payments_of_client"),
        ]


class Estimate(Asked):
    """What something would cost. Only `asking` writes it."""

    page_name = "estimate_page"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        ACCEPTED = "accepted", "Accepted"
        DECLINED = "declined", "Declined"
        CANCELLED = "cancelled", "Withdrawn"

    status = models.CharField(max_length=9, choices=Status.choices, db_default=Status.OPEN)
    expires_on = models.DateField(
        null=True, blank=True, help_text="The last day on which it holds, in the business’s zone."
    )

    class Meta:
        constraints = [
            tenant_target("estimate_tenant"),
            TenantKey(field="client", name="estimate_client_tenant"),
            models.UniqueConstraint(
                fields=["business", "source", "source_id"],
                condition=~Q(source_id=""),
                name="estimate_once_per_source",
            ),
        ]
        indexes = [
            models.Index("business", "status", F("created_at").desc(), F("id").desc(), name="estimates_page"),
            models.Index("business", F("created_at").desc(), F("id").desc(), name="estimates_all"),
            models.Index("business", "client", F("created_at").desc(), name="estimates_of_client"),
        ]
