"""Numbers that Parley can send from, and the registration by which a business gets its own."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from parley.businesses.models import Business
from parley.businesses.tenancy import BusinessOwned, new_id, tenant_target
from parley.sms.numbers import pretty


class PhoneNumber(models.Model):
    """A number and its duty. A system or marketing number is shared and belongs to no business.

    A number that was given back stays as a row, because messages name it, and is used for nothing.
    """

    class Duty(models.TextChoices):
        BUSINESS = "business", "One business's own"
        SYSTEM = "system", "System, shared"
        MARKETING = "marketing", "Marketing, shared"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.CharField(max_length=16, help_text="E.164")
    duty = models.CharField(max_length=9, choices=Duty.choices, default=Duty.BUSINESS)
    business = models.ForeignKey(
        Business, null=True, blank=True, on_delete=models.PROTECT, related_name="numbers"
    )
    carrier = models.CharField(max_length=16, default="twilio")
    carrier_id = models.CharField(
        max_length=64, blank=True, db_default="", help_text="The carrier's own id for the number."
    )
    pace = models.FloatField(
        default=3.0, help_text="Segments a second; 0 is no limit. Toll-free: 3 (carriers.md)."
    )
    approved_at = models.DateTimeField(null=True, blank=True, help_text="When the carriers verified it.")
    paused = models.CharField(
        max_length=200, blank=True, help_text="Why nothing leaves from it now, in words."
    )
    asks_at = models.CharField(
        max_length=300,
        blank=True,
        db_default="",
        help_text="Where the carrier was last told to ask what becomes of its calls.",
    )
    releasing_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when it is being given back: nothing new leaves from it."
    )
    released_at = models.DateTimeField(null=True, blank=True, help_text="When the carrier took it back.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(duty="business", business__isnull=False)
                | (~Q(duty="business") & Q(business__isnull=True)),
                name="own_numbers_have_a_business",
            ),
            models.UniqueConstraint(
                fields=["number"], condition=Q(released_at=None), name="number_once_while_ours"
            ),
        ]

    def __str__(self) -> str:
        return pretty(self.number)

    @property
    def pretty(self) -> str:
        return pretty(self.number)


class Registration(BusinessOwned):
    """A business's request to use a toll-free number, as the carriers verify it.

    ::

        draft -> submitted -> in_review -> approved
          ^          |            |
          |          v            v
          +------ rejected <------+      (editing sends it again: rejected -> submitted)

    `submitted` is ours to do: the number is bought and the request handed to the carrier, by a job that survives a
    crash at any step (`provisioning`). `in_review` and after are the carrier's words. The answers below are saved
    as they are typed, so all may be empty while it is a draft; `forms` and `checker` say what is missing.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Submitted"
        IN_REVIEW = "in_review", "In review"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Not approved yet"

    class BusinessType(models.TextChoices):
        LLC = "llc", "Limited liability company"
        CORPORATION = "corporation", "Corporation"
        PARTNERSHIP = "partnership", "Partnership"
        PUBLIC = "public", "Publicly traded company"
        SOLE = "sole", "Sole proprietor"
        NON_PROFIT = "non_profit", "Non-profit"
        GOVERNMENT = "government", "Government"

    class Use(models.TextChoices):
        APPOINTMENTS = "appointments", "Appointments and reminders"
        CONVERSATIONS = "conversations", "Questions and conversations"
        PAYMENTS = "payments", "Payments and receipts"
        OFFERS = "offers", "Offers and news"

    class OptIn(models.TextChoices):
        WEB_FORM = "web_form", "On the online booking form"
        PAPER = "paper", "On paper or in person"
        VIA_TEXT = "via_text", "They text us first"

    VOLUMES = (
        (100, "Up to 100"),
        (1_000, "Up to 1,000"),
        (10_000, "1,000 to 10,000"),
        (100_000, "More than 10,000"),
    )

    business = models.OneToOneField(Business, on_delete=models.CASCADE, related_name="registration")
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.DRAFT)

    # The answers.
    legal_name = models.CharField("Legal business name", max_length=255, blank=True)
    trade_name = models.CharField("Name your clients know, if another", max_length=255, blank=True)
    business_type = models.CharField(max_length=11, choices=BusinessType.choices, blank=True)
    registration_number = models.CharField(max_length=40, blank=True, help_text="EIN, or Business Number.")
    website = models.CharField(max_length=500, blank=True)
    street = models.CharField("Street address", max_length=255, blank=True)
    street2 = models.CharField("Suite, unit or floor", max_length=255, blank=True)
    city = models.CharField(max_length=120, blank=True)
    region = models.CharField(max_length=2, blank=True, help_text="State or province, two letters.")
    postal_code = models.CharField(max_length=10, blank=True)
    contact_first_name = models.CharField("First name", max_length=60, blank=True)
    contact_last_name = models.CharField("Last name", max_length=60, blank=True)
    contact_role = models.CharField("Role", max_length=60, blank=True)
    contact_email = models.CharField("Work email", max_length=254, blank=True)
    contact_phone = models.CharField("Phone", max_length=30, blank=True)
    uses = ArrayField(models.CharField(max_length=13, choices=Use.choices), default=list, blank=True)
    volume = models.PositiveIntegerField(
        null=True, blank=True, choices=VOLUMES, validators=[MaxValueValidator(10_000_000)]
    )
    sample = models.CharField("One text you\u2019d send", max_length=1000, blank=True)
    opt_in = models.CharField("How clients agree", max_length=8, choices=OptIn.choices, blank=True)
    opt_in_picture = models.BinaryField(
        null=True, blank=True, help_text="JPEG or PNG, shown on the evidence page."
    )
    opt_in_picture_type = models.CharField(max_length=32, blank=True)
    agreed = models.BooleanField(
        default=False, help_text="Allowed to register, and will only text who agreed."
    )

    # The number: chosen first, then bought, so that a purchase whose answer was lost is found by its number.
    wanted = models.CharField(max_length=16, blank=True, help_text="The number we set out to buy, E.164.")
    tried_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When a purchase or a request went out whose outcome is not known yet.",
    )
    number = models.OneToOneField(
        PhoneNumber, null=True, blank=True, on_delete=models.SET_NULL, related_name="registration"
    )

    # What the carrier was told and what it said.
    verification_id = models.CharField(max_length=64, blank=True, help_text="The carrier's own id.")
    sent = models.JSONField(
        null=True, blank=True, help_text="The answers as they were sent: [[label, answer]]."
    )
    submissions = models.PositiveSmallIntegerField(default=0, help_text="How often it was sent.")
    trouble = models.CharField(
        max_length=300, blank=True, help_text="Why handing it over is stuck, for people. We keep trying."
    )
    reasons = models.JSONField(
        default=list, blank=True, help_text="[{code, words, mend}] of the last rejection."
    )
    edit_until = models.DateTimeField(null=True, blank=True, help_text="Until then an edit keeps its place.")
    may_resubmit = models.BooleanField(default=True)
    saved_at = models.DateTimeField(null=True, blank=True, help_text="When the draft was last saved.")
    submitted_at = models.DateTimeField(null=True, blank=True, help_text="When it was last sent.")
    decided_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When the carrier was last asked.")
    overdue_told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            tenant_target("registration_tenant"),
            models.CheckConstraint(
                condition=~Q(status="approved") | Q(number__isnull=False), name="approved_has_a_number"
            ),
        ]
        indexes = [
            models.Index(
                "checked_at", name="registrations_to_ask", condition=Q(status__in=["submitted", "in_review"])
            )
        ]

    def __str__(self) -> str:
        return f"Registration of {self.business_id}"
