"""Balances, the ledger they are the sum of, and orders of more texts."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from parley.businesses.models import Business
from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target


def dollars(cents: int) -> str:
    """$1,250.00"""
    return f"${cents / 100:,.2f}"


class Balance(models.Model):
    """What a business may still send, in segments. Changed only by one conditional UPDATE beside its ledger line.

    The month's texts are used first and end with the month; bought ones never expire.
    """

    business = models.OneToOneField(
        Business, primary_key=True, on_delete=models.CASCADE, related_name="balance"
    )
    month = models.DateField(help_text="The first of the month it stands for, in the business's zone.")
    allowance = models.PositiveIntegerField(help_text="What was credited for this month.")
    monthly = models.PositiveIntegerField(help_text="Left of the month's.")
    bought = models.PositiveIntegerField(db_default=0, help_text="Left of those that were bought.")
    used_direct = models.PositiveIntegerField(db_default=0, help_text="Used this month, by kind.")
    used_automatic = models.PositiveIntegerField(db_default=0)
    used_marketing = models.PositiveIntegerField(db_default=0)
    refused = models.PositiveIntegerField(
        db_default=0, help_text="Automatic texts not sent this month, for want of texts."
    )

    # Auto-reload: buy `reload_pack` when fewer than `reload_below` are left, at most `reload_most` times a month.
    reload = models.BooleanField(db_default=False)
    reload_below = models.PositiveIntegerField(db_default=100)
    reload_pack = models.ForeignKey(
        "Pack", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    reload_most = models.PositiveSmallIntegerField(db_default=2)
    reloads = models.PositiveSmallIntegerField(db_default=0, help_text="Bought so this month.")
    reload_trouble = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Why it was switched off, for people."
    )
    # The payment provider's own names for the payer and the card; no card number ever comes here.
    customer = models.CharField(max_length=64, blank=True, db_default="")
    card = models.CharField(max_length=64, blank=True, db_default="")
    card_words = models.CharField(max_length=60, blank=True, db_default="", help_text="Visa ending in 4242")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(monthly__gte=0) & Q(bought__gte=0), name="balance_not_negative"
            )
        ]

    def __str__(self) -> str:
        return f"Balance of {self.business_id}"

    @property
    def left(self) -> int:
        return self.monthly + self.bought

    @property
    def used(self) -> int:
        return self.used_direct + self.used_automatic + self.used_marketing


class Entry(models.Model):
    """One line of the ledger: appended, never changed (the database refuses it). Both pots' sums are the balance."""

    class Kind(models.TextChoices):
        MONTH = "month", "The month’s texts"
        LAPSED = "lapsed", "Not used last month"
        PLAN = "plan", "Another plan"
        SPENT = "spent", "Sent"
        REFUND = "refund", "Not sent after all"
        BOUGHT = "bought", "Bought"
        GIVEN = "given", "Given by whoever runs Parley"

    id = models.BigAutoField(primary_key=True)
    business = models.ForeignKey(Business, on_delete=models.PROTECT, related_name="entries", db_index=False)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    month = models.DateField(help_text="The month that the monthly part belongs to.")
    monthly = models.IntegerField(help_text="Change of the month's texts.")
    bought = models.IntegerField(help_text="Change of the bought ones.")
    message_id = models.UUIDField(null=True)
    used_for = models.CharField(
        max_length=9,
        blank=True,
        db_default="",
        help_text="direct, automatic or marketing: as the meter tells them apart.",
    )
    order = models.ForeignKey(
        "Order", null=True, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    note = models.CharField(max_length=200, blank=True, db_default="")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            TenantKey(field="order", name="entry_order_tenant"),
            models.UniqueConstraint(
                fields=["message_id", "kind"],
                condition=Q(message_id__isnull=False),
                name="entry_once_per_message",
            ),
            models.UniqueConstraint(
                fields=["order"], condition=Q(order__isnull=False), name="entry_once_per_order"
            ),
            models.UniqueConstraint(
                fields=["business", "month"], condition=Q(kind="month"), name="entry_once_per_month"
            ),
        ]
        indexes = [models.Index("business", models.F("id").desc(), name="entries_of_business")]
        verbose_name = "line of the ledger of texts"
        verbose_name_plural = "ledger of texts"

    def __str__(self) -> str:
        return f"Entry {self.id}"


class Pack(models.Model):
    """Texts that can be bought. Packs are the operator's data: the back office changes them."""

    code = models.SlugField(primary_key=True, max_length=20)
    texts = models.PositiveIntegerField(help_text="Segments.", validators=[MinValueValidator(1)])
    # https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts: half a dollar is the least.
    cents = models.PositiveIntegerField(
        help_text="Price in US cents, 50 or more.",
        validators=[MinValueValidator(50), MaxValueValidator(99_999_999)],
    )
    position = models.PositiveSmallIntegerField(default=0)
    offered = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return f"{self.texts:,} texts for {self.price}"

    @property
    def price(self) -> str:
        return dollars(self.cents)

    @property
    def each(self) -> str:
        """What one text costs: 2.8¢."""
        return f"{self.cents / self.texts:.2f}".rstrip("0").rstrip(".") + "¢"


class Order(BusinessOwned):
    """One purchase. Its id is the provider's idempotency key: however often it is asked for, it is paid once."""

    class State(models.TextChoices):
        OPEN = "open", "Waiting for payment"
        PAID = "paid", "Paid"
        FAILED = "failed", "Not paid"
        EXPIRED = "expired", "Not paid in time"

    texts = models.PositiveIntegerField()
    cents = models.PositiveIntegerField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    automatic = models.BooleanField(default=False, help_text="Bought by auto-reload.")
    keep_card = models.BooleanField(default=False, help_text="Whoever pays agreed that the card is kept.")
    provider_id = models.CharField(
        max_length=120, blank=True, help_text="The provider's checkout or payment."
    )
    by_id = models.UUIDField(null=True, help_text="The member who ordered.")
    by_name = models.CharField(max_length=120, blank=True)
    trouble = models.CharField(max_length=300, blank=True, help_text="Why it was not paid, for people.")
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            tenant_target("order_tenant"),
            models.UniqueConstraint(
                fields=["provider_id"], condition=~Q(provider_id=""), name="order_once_per_payment"
            ),
            # Whatever runs beside it: one need is never charged twice.
            models.UniqueConstraint(
                fields=["business"], condition=Q(automatic=True, state="open"), name="order_one_open_reload"
            ),
        ]
        indexes = [
            models.Index("business", models.F("created_at").desc(), name="orders_of_business"),
            # The hourly look at what nobody told us of.
            models.Index(fields=["created_at"], condition=Q(state="open"), name="orders_open"),
        ]

    def __str__(self) -> str:
        return f"Order {self.id}"

    @property
    def price(self) -> str:
        return dollars(self.cents)
