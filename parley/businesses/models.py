"""Businesses, the people who work for them, and how those people sign in."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property

from parley.businesses.tenancy import BusinessOwned, TenantKey, new_id, tenant_target

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager


def initials(name: str) -> str:
    """Two letters for an avatar: of the first and last word, or the first of a single one."""
    words = [w for w in name.split() if w[0].isalpha()]
    return "".join(w[0] for w in (words[:1] + words[1:][-1:])).upper()


def check_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError("Choose a time zone from the list.")


class Users(BaseUserManager["User"]):
    """Users are known by their email address, whatever its letter case."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """Somebody who can sign in. What they may do is said by their memberships."""

    username = None  # type: ignore[assignment]
    email = models.EmailField("email address")
    name = models.CharField(max_length=120)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = Users()  # type: ignore[assignment,misc]

    if TYPE_CHECKING:
        from parley.notifications.models import PushSubscription

        memberships: RelatedManager[Member]
        push_subscriptions: RelatedManager[PushSubscription]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="one_user_per_email")]

    def __str__(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return str(self)

    @cached_property
    def works_for(self) -> list[Member]:
        """Their memberships, the oldest first, with business and plan. `signed_in` brings them along."""
        return list(self.memberships.select_related("business__plan").order_by("id"))


class Plan(models.Model):
    """What a business pays for. Plans are the operator's data: the back office changes them."""

    code = models.SlugField(primary_key=True, max_length=20)
    name = models.CharField(max_length=40)
    paid = models.BooleanField(default=True, help_text="Two-way texting comes with paid plans.")
    monthly_texts = models.PositiveIntegerField(help_text="Segments a month.")
    position = models.PositiveSmallIntegerField(default=0, help_text="Its place in the list of plans.")

    FREE = "free"

    class Meta:
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.name


# Where carriers verify toll-free numbers, so where two-way texting is offered (field.md 4.9).
TEXTING_COUNTRIES = ("US", "CA")


class Business(models.Model):
    """The tenant: a company with a country, a plan and a time zone."""

    class Mode(models.TextChoices):
        """What happens when a client answers: the choice of Settings > SMS Settings."""

        CALLS = "calls", "Calls and Texting"
        TEXTING = "texting", "Texting"
        DO_NOT_REPLY = "do_not_reply", "Do not reply: Auto message"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    country = models.CharField(max_length=2, default="US", help_text="ISO 3166-1, two letters.")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="businesses", default=Plan.FREE)
    mode = models.CharField(max_length=12, choices=Mode.choices, db_default=Mode.DO_NOT_REPLY)
    texting = models.BooleanField(db_default=True, help_text="The app's switch Texting: any text at all.")
    two_way = models.BooleanField(db_default=False, help_text="The app's switch Turn on two way texting.")
    auto_reply = models.CharField(
        max_length=320, blank=True, db_default="", help_text="What who answers is told where nobody reads."
    )
    time_zone = models.CharField(max_length=64, default="America/New_York", validators=[check_time_zone])
    language = models.CharField(
        max_length=2, blank=True, db_default="en", help_text="Of its clients, where nobody said otherwise."
    )
    address = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Where clients come to, if they do."
    )
    hours = models.JSONField(
        default=dict,
        db_default={},
        blank=True,
        help_text='When it is open: {"mon": [["09:00", "17:00"]], …}, in its zone. Empty: nobody has said.',
    )
    tells_closed = models.BooleanField(
        db_default=False,
        help_text="Who texts while it is closed is told so: kept by `alerts`, read by the road in.",
    )
    pays_by = models.TextField(
        max_length=1000,
        blank=True,
        db_default="",
        help_text="How clients pay: shown where they are asked for a payment.",
    )
    email = models.EmailField(help_text="The address that its emails to clients come from.")
    created_at = models.DateTimeField(auto_now_add=True)

    if TYPE_CHECKING:
        from parley.alerts.models import Due, Rule
        from parley.appointments.models import Appointment, Service
        from parley.calls.models import Answerer, Call, CallRules, Recording
        from parley.clients.models import Client, Consent, Handset
        from parley.connectors.models import Endpoint
        from parley.leads.models import Lead, LeadForm
        from parley.messaging.models import Attachment, Conversation, Message
        from parley.notifications.models import Letter, Notification
        from parley.numbers.models import PhoneNumber, Registration
        from parley.payments.models import Estimate, PaymentRequest
        from parley.quota.models import Balance, Entry, Order

        registration: Registration
        lead_form: LeadForm
        appointments: RelatedManager[Appointment]
        services: RelatedManager[Service]
        paymentrequests: RelatedManager[PaymentRequest]
        estimates: RelatedManager[Estimate]
        leads: RelatedManager[Lead]
        endpoints: RelatedManager[Endpoint]
        rules: RelatedManager[Rule]
        callruless: RelatedManager[CallRules]
        answerers: RelatedManager[Answerer]
        calls: RelatedManager[Call]
        recordings: RelatedManager[Recording]
        dues: RelatedManager[Due]
        balance: Balance
        consents: RelatedManager[Consent]
        handsets: RelatedManager[Handset]
        entries: RelatedManager[Entry]
        orders: RelatedManager[Order]
        members: RelatedManager[Member]
        invitations: RelatedManager[Invitation]
        clients: RelatedManager[Client]
        conversations: RelatedManager[Conversation]
        messages: RelatedManager[Message]
        attachments: RelatedManager[Attachment]
        letters: RelatedManager[Letter]
        notifications: RelatedManager[Notification]
        numbers: RelatedManager[PhoneNumber]

    class Meta:
        verbose_name_plural = "businesses"

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)

    @property
    def converses(self) -> bool:
        """Two-way texting is switched on, and this business may have it: what clients answer is read.

        `CONVERSES` says the same in SQL.
        """
        return (
            self.mode != self.Mode.DO_NOT_REPLY
            and self.texting
            and self.two_way
            and self.plan.paid
            and self.country in TEXTING_COUNTRIES
        )

    @property
    def auto_reply_words(self) -> str:
        """The "do not reply" text, in the business's words or else in ours."""
        return self.auto_reply or (
            f"{self.name}: nobody reads texts to this number. Please write to {self.email} instead."
        )


# `Business.converses` of the row `b` joined to its plan `p`.
CONVERSES = "(b.mode <> 'do_not_reply' AND b.texting AND b.two_way AND p.paid AND b.country IN ('US', 'CA'))"


def muted_at_first() -> list[str]:
    """A failed text is said in its conversation, in the centre and by push: an email would be one too many."""
    return ["failed:email"]


class Member(BusinessOwned):
    """A person who works for a business."""

    class Role(models.TextChoices):
        OWNER = "owner", "Owner"
        ADMIN = "admin", "Admin"
        STAFF = "staff", "Staff"

        @property
        def spoken(self) -> str:
            """As a sentence says it: an owner, an admin, staff."""
            return str(self.label).lower() if self == "staff" else f"an {self.label}".lower()

    MANAGERS = (Role.OWNER, Role.ADMIN)

    # Has this person other businesses too? Asked along by `access.find_member`.
    elsewhere = False

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices, default=Role.STAFF)
    phone = models.CharField(
        max_length=16,
        blank=True,
        db_default="",
        help_text="E.164: where this member tries texts out. Clients never see it.",
    )
    notifications_read_at = models.DateTimeField(
        auto_now_add=True, help_text="Notifications up to this moment have been read."
    )
    muted = ArrayField(
        models.CharField(max_length=20),
        default=muted_at_first,
        blank=True,
        help_text="What this member does not want: kind:channel, see notifications.choices.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["business", "user"], name="member_once_per_business"),
            tenant_target("member_tenant"),
        ]

    def __str__(self) -> str:
        return self.user.name

    @property
    def manages(self) -> bool:
        """Owners and admins decide about the business; staff talk to its clients."""
        return self.role in self.MANAGERS

    @property
    def owns(self) -> bool:
        return self.role == self.Role.OWNER

    @property
    def first_name(self) -> str:
        return self.user.name.split(" ")[0]

    @property
    def initials(self) -> str:
        return initials(self.user.name)

    @property
    def team(self) -> str:
        """Which of the design's two team colours this member wears: '' or '2'."""
        return "" if self.owns else "2"


class Invitation(BusinessOwned):
    """An open invitation to work for a business. It ends by being accepted or withdrawn, and the row with it.

    The link in the email holds a random token; only the token's hash is kept, so that nobody who reads the
    database can join by it.
    """

    LASTS = timedelta(days=14)

    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Member.Role.choices, default=Member.Role.STAFF)
    token_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hex.")
    invited_by = models.ForeignKey(
        Member, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False
    )
    sent_at = models.DateTimeField(help_text="When its link was last sent.")

    class Meta:
        constraints = [
            models.UniqueConstraint("business", Lower("email"), name="one_open_invitation_per_address"),
            TenantKey(field="invited_by", name="invitation_invited_by"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def expires_at(self) -> datetime:
        return self.sent_at + self.LASTS

    @property
    def expired(self) -> bool:
        return self.expires_at <= timezone.now()
