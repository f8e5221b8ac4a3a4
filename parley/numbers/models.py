"""Numbers that Parley can send from."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.sms.numbers import pretty


class PhoneNumber(models.Model):
    """A number and its duty. A system or marketing number is shared and belongs to no business."""

    class Duty(models.TextChoices):
        BUSINESS = "business", "One business's own"
        SYSTEM = "system", "System, shared"
        MARKETING = "marketing", "Marketing, shared"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.CharField(max_length=16, unique=True, help_text="E.164")
    duty = models.CharField(max_length=9, choices=Duty.choices, default=Duty.BUSINESS)
    business = models.ForeignKey(
        Business, null=True, blank=True, on_delete=models.PROTECT, related_name="numbers"
    )
    carrier = models.CharField(max_length=16, default="twilio")
    pace = models.FloatField(
        default=3.0, help_text="Segments a second; 0 is no limit. Toll-free: 3 (carriers.md)."
    )
    approved_at = models.DateTimeField(null=True, blank=True, help_text="When the carriers verified it.")
    paused = models.CharField(
        max_length=200, blank=True, help_text="Why nothing leaves from it now, in words."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(duty="business", business__isnull=False)
                | (~Q(duty="business") & Q(business__isnull=True)),
                name="own_numbers_have_a_business",
            )
        ]

    def __str__(self) -> str:
        return pretty(self.number)

    @property
    def pretty(self) -> str:
        return pretty(self.number)
