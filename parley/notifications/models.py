"""What members are told. One row an event; each member's `notifications_read_at` says how far they have read."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from parley.businesses.models import Member, User
from parley.businesses.tenancy import BusinessOwned, TenantKey, new_id

# How long the centre remembers.
KEPT = timedelta(days=30)


class NotificationQuerySet(models.QuerySet["Notification"]):
    def told_to(self, member: Member) -> NotificationQuerySet:
        """What this member is shown: theirs or everybody's, of the kinds they want in Parley, of the last 30 days."""
        found = self.filter(
            Q(member=None) | Q(member=member),
            business_id=member.business_id,
            created_at__gt=timezone.now() - KEPT,
        )
        if not member.manages:
            found = found.filter(managers_only=False)
        if muted := [kind for kind in Notification.Kind.values if f"{kind}:app" in member.muted]:
            found = found.exclude(kind__in=muted)
        return found


class Notification(BusinessOwned):
    """One line of the notification centre. It keeps its own words: the bell must not ask other rooms."""

    class Kind(models.TextChoices):
        TEXT = "text", "A client texted"
        CALL = "call", "A client called and was missed"
        FAILED = "failed", "A message did not arrive"
        NUMBER = "number", "News of our number and its registration"
        QUOTA = "quota", "Texts running low"
        LEAD = "lead", "Somebody new wrote"
        PAYMENT = "payment", "A client paid, or answered an estimate"
        CAMPAIGN = "campaign", "A campaign ended, or stopped by itself"
        IMPORT = "import", "An import ended"

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
        # A member who left cannot answer: what was theirs is everybody's.
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Whose it is; nobody's is everybody's.",
    )
    initials = models.CharField(max_length=2, blank=True)
    tint = models.CharField(max_length=8, blank=True)
    trouble = models.BooleanField(db_default=False, help_text="Bad news, that asks for something to be done.")
    key = models.CharField(
        max_length=100,
        blank=True,
        db_default="",
        help_text="Names an event that is told once, whoever tells it.",
    )
    created_at = models.DateTimeField()

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            TenantKey(field="member", name="notification_member_tenant"),
            models.UniqueConstraint(
                fields=["business", "key"], condition=~Q(key=""), name="notification_told_once"
            ),
        ]
        indexes = [models.Index(fields=["business", "-created_at", "-id"], name="notification_centre")]

    def __str__(self) -> str:
        return self.title

    def audience(self, channel: str) -> models.QuerySet[Member]:
        """The members to be told of it by push or email, as they chose; `told_to` asks the same from their side."""
        members = self.business.members.filter(user__is_active=True).exclude(
            muted__contains=[f"{self.kind}:{channel}"]
        )
        if self.managers_only:
            members = members.filter(role__in=Member.MANAGERS)
        return members.filter(pk=self.member_id) if self.member_id else members

    @property
    def link(self) -> str:
        """Where a click leads: a path of ours."""
        if self.conversation_id:
            return reverse("conversation", args=[self.conversation_id])
        return self.address or reverse("notifications")

    @property
    def alarming(self) -> bool:
        return self.trouble or self.kind == self.Kind.FAILED


class Letter(BusinessOwned):
    """One email to one member. Claimed before it is sent, so that no job that runs twice sends it twice."""

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"
        UNCONFIRMED = "unconfirmed"

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    key = models.CharField(max_length=100, help_text="What it is about: a member gets one letter of each.")
    subject = models.CharField(max_length=200)
    body = models.TextField()
    state = models.CharField(max_length=11, choices=State.choices, db_default=State.QUEUED)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            TenantKey(field="member", name="letter_member_tenant"),
            models.UniqueConstraint(fields=["business", "member", "key"], name="letter_once"),
        ]

    def __str__(self) -> str:
        return self.subject


class PushSubscription(models.Model):
    """One browser in which a user allowed notifications, and the keys that only that browser can decrypt with.

    It is the user's, not a business's: one browser has one subscription, and is told the news of every business
    that its user is a member of at that moment.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="push_subscriptions")
    endpoint = models.CharField(
        max_length=1000, unique=True, help_text="Who knows it can push to this browser."
    )
    p256dh = models.CharField(max_length=100, help_text="The browser's public key, base64url.")
    auth = models.CharField(max_length=40, help_text="The browser's authentication secret, base64url.")
    browser = models.CharField(max_length=60, help_text="For people: Chrome on Android.")
    refusals = models.PositiveSmallIntegerField(default=0, help_text="In a row, by the push service.")
    off = models.BooleanField(
        default=False, help_text="Turned off from another browser; kept until this one comes by and is told."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["created_at"]

    def __str__(self) -> str:
        return self.browser
