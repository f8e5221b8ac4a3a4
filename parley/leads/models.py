"""The public lead form of a business, and who wrote in it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from parley.businesses.models import Business
from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.clients.models import Client


class LeadForm(models.Model):
    """The form on a page of its own, at /f/<slug>."""

    business = models.OneToOneField(
        Business, primary_key=True, on_delete=models.CASCADE, related_name="lead_form"
    )
    slug = models.SlugField(max_length=60, help_text="Its address.")
    on = models.BooleanField(db_default=True)
    title = models.CharField(
        max_length=80,
        blank=True,
        db_default="",
        help_text="Empty: Parley’s words, in the language of the form.",
    )
    intro = models.CharField(max_length=400, blank=True, db_default="")
    asks_marketing = models.BooleanField(
        db_default=False, help_text="It offers to agree to marketing too, unticked."
    )

    class Meta:
        constraints = [models.UniqueConstraint(Lower("slug"), name="lead_form_once_per_slug")]

    def __str__(self) -> str:
        return self.slug


class Lead(BusinessOwned):
    """Somebody who asked to be contacted. Only `writing_in` writes it."""

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="leads", db_constraint=False, db_index=False
    )
    message = models.TextField(blank=True, db_default="", max_length=2000)
    agreed_words = models.TextField(
        blank=True, db_default="", help_text="The words of consent beside the box they ticked."
    )
    new_client = models.BooleanField(db_default=True, help_text="Nobody had this number or address before.")
    source = models.CharField(
        max_length=8, blank=True, db_default="", help_text="The system that told it; empty: our form."
    )
    source_id = models.CharField(max_length=120, blank=True, db_default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            tenant_target("lead_tenant"),
            TenantKey(field="client", name="lead_client_tenant"),
            models.UniqueConstraint(
                fields=["business", "source", "source_id"],
                condition=~Q(source_id=""),
                name="lead_once_per_source",
            ),
        ]
        indexes = [models.Index("business", "client", F("created_at").desc(), name="leads_of_client")]

    def __str__(self) -> str:
        return f"Lead {self.id}"
