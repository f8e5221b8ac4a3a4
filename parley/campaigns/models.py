"""Campaigns, who is in them, and what is counted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.clients.models import Client

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

LONGEST_NAME = 80
# "Texted in the last N days" looks back no further.
MOST_REST_DAYS = 90


class Campaign(BusinessOwned):
    """One marketing message to many. Only `control` and `clock` change its status.

    ::

        draft <-> scheduled -> preparing -> sending <-> paused
                                              |  \\______/ |
                                              v          v
                                             sent      stopped
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        PREPARING = "preparing", "Getting ready"
        SENDING = "sending", "Sending"
        PAUSED = "paused", "Paused"
        STOPPED = "stopped", "Stopped"
        SENT = "sent", "Sent"

    class Phase(models.TextChoices):
        """How far a campaign that is sending may go."""

        CANARY = "canary", "The first few"
        WATCHING = "watching", "Waiting to hear how the first few arrived"
        REST = "rest", "Everyone else"

    name = models.CharField(max_length=LONGEST_NAME)
    wording = models.TextField(blank=True, help_text="Liquid; what `wording.compose` adds is not in it.")
    wording_b = models.TextField(blank=True, db_default="", help_text="Liquid; the second of two wordings.")
    share_b = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Per cent of the audience that get the second wording; 0: nobody."
    )
    audience = models.JSONField(default=dict, db_default={}, help_text="See `audience.Audience`.")
    rest_days = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="Whoever had a campaign’s text in so many days gets none; 0: all do.",
    )
    canary = models.BooleanField(default=True, db_default=True, help_text="A few first, and a look at them.")
    send_at = models.DateTimeField(null=True, blank=True, help_text="When it begins.")
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.DRAFT)
    phase = models.CharField(max_length=8, choices=Phase.choices, default=Phase.REST, db_default="rest")
    phase_at = models.DateTimeField(null=True, help_text="Since when it is in this phase.")
    reason = models.CharField(
        max_length=300, blank=True, db_default="", help_text="Why it is paused or stopped, for people."
    )
    braked = models.BooleanField(default=False, db_default=False, help_text="Parley paused it, not a member.")
    # Written when it is prepared, and as it goes.
    fit = models.PositiveIntegerField(default=0, db_default=0, help_text="How many may be texted.")
    unfit = models.PositiveIntegerField(default=0, db_default=0, help_text="How many may not.")
    first_few = models.PositiveIntegerField(default=0, db_default=0, help_text="How many the canary is.")
    queued = models.PositiveIntegerField(
        default=0, db_default=0, help_text="For how many a text was written."
    )
    braked_from = models.JSONField(
        default=dict, db_default={}, help_text="What the brake had counted when a member let it go on."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(help_text="When its words, audience or status last changed.")
    changed_by = models.ForeignKey(
        Member, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False, db_index=False
    )
    started_at = models.DateTimeField(null=True)
    started_by = models.ForeignKey(
        Member, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False, db_index=False
    )
    ended_at = models.DateTimeField(null=True)

    if TYPE_CHECKING:
        links: RelatedManager[Link]
        recipients: RelatedManager[Recipient]

    class Meta:
        constraints = [
            tenant_target("campaign_tenant"),
            TenantKey(field="changed_by", name="campaign_changed_by_tenant"),
            TenantKey(field="started_by", name="campaign_started_by_tenant"),
        ]
        indexes = [
            models.Index("business", F("changed_at").desc(), F("id").desc(), name="campaigns_listed"),
            models.Index(
                "status",
                name="campaigns_going",
                condition=Q(status__in=["scheduled", "preparing", "sending"]),
            ),
            # What the clock looks for besides: texts left over of those that were halted lately, and who talks now.
            models.Index(
                fields=["changed_at"], name="campaigns_halted", condition=Q(status__in=["paused", "stopped"])
            ),
            models.Index("started_at", name="campaigns_begun", condition=Q(started_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def going(self) -> bool:
        """Has it begun and not ended?"""
        return self.status in (self.Status.PREPARING, self.Status.SENDING, self.Status.PAUSED)

    @property
    def editable(self) -> bool:
        """May its words and its audience still be changed?"""
        return self.status == self.Status.DRAFT or (self.status == self.Status.SCHEDULED and not self.due)

    @property
    def due(self) -> bool:
        """Has its time come, and the clock not looked yet?"""
        return (
            self.status == self.Status.SCHEDULED
            and self.send_at is not None
            and self.send_at <= timezone.now()
        )


class Foretelling(BusinessOwned):
    """What a campaign would do if it began as somebody has typed it, saved or not; kept a day. See `foretelling`."""

    key = models.CharField(max_length=32, help_text="A hash of all that it depends on.")
    page = models.UUIDField(
        help_text="Of the questions of one open page only the last one is worth an answer."
    )
    asked = models.JSONField(help_text="The campaign’s words, audience and time.")
    asked_at = models.DateTimeField()
    told = models.JSONField(null=True, help_text="See `foretelling.Foretold`; null: not counted yet.")
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["business", "key"], name="foretelling_once"),
        ]
        indexes = [
            models.Index("business", "page", F("asked_at").desc(), name="foretellings_of_page"),
        ]

    def __str__(self) -> str:
        return f"Foretelling {self.id}"


class Recipient(models.Model):
    """One client in one campaign: their place in it, and what became of them. Only `preparing` and `clock` write it.

    ::

        skipped (they may not be texted: `code`)
        waiting -> queued -> sent -> delivered
           ^         |  \\       \\-> failed (`code` is the carrier's)
           |         |   `-> skipped (they opted out meanwhile)
           `---------' the campaign was paused before it left

    What is waiting in a campaign that was stopped is not sent. A text is written in the transaction that takes its
    recipient from `waiting`: so whatever dies, nobody is texted twice and nobody is left out.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        QUEUED = "queued", "On its way"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Not delivered"
        SKIPPED = "skipped", "Not sent"

    id = models.BigAutoField(primary_key=True)
    business = models.ForeignKey(
        Business, on_delete=models.CASCADE, related_name="recipients", db_index=False
    )
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="recipients", db_constraint=False, db_index=False
    )
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    phone = models.CharField(max_length=16, blank=True, help_text="E.164; empty: they have none.")
    place = models.PositiveIntegerField(
        help_text="Their turn, in an order that says nothing of them, so that the first few stand for all."
    )
    variant = models.CharField(max_length=1, default="a", help_text="Which wording: a or b.")
    state = models.CharField(max_length=9, choices=State.choices)
    code = models.CharField(
        max_length=16,
        blank=True,
        db_default="",
        help_text="Why not: `audience.WHY_NOT`, or the carrier’s code.",
    )
    opens_at = models.DateTimeField(help_text="No sooner: their quiet hours.")
    # No key: a text that is taken back when the campaign is paused is deleted.
    message_id = models.UUIDField(null=True)
    tries = models.PositiveSmallIntegerField(
        db_default=0, help_text="How many texts were written, and taken back."
    )
    segments = models.PositiveSmallIntegerField(db_default=0)
    queued_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    replied_at = models.DateTimeField(null=True)
    talked_at = models.DateTimeField(
        null=True, help_text="When they first texted the business’s own number after their reply."
    )
    opted_out_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            TenantKey(field="campaign", name="recipient_campaign_tenant"),
            TenantKey(field="client", name="recipient_client_tenant"),
            # Also how whoever replies, or opts out, is found.
            models.UniqueConstraint(
                fields=["business", "phone", "campaign"], condition=~Q(phone=""), name="recipient_once"
            ),
        ]
        indexes = [
            # Whose turn it is; and each list of the people's page.
            models.Index("campaign", "state", "opens_at", "place", name="recipient_turn"),
            models.Index("message_id", name="recipient_of_message", condition=Q(message_id__isnull=False)),
            models.Index(
                "campaign", "place", name="recipient_replied", condition=Q(replied_at__isnull=False)
            ),
            models.Index(
                "campaign", "place", name="recipient_opted_out", condition=Q(opted_out_at__isnull=False)
            ),
            models.Index(
                "campaign", "place", name="recipient_clicked", condition=Q(clicked_at__isnull=False)
            ),
            # The Inbox’s list of those who talk to the business now.
            models.Index("campaign", "place", name="recipient_talked", condition=Q(talked_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Recipient {self.id}"


class Link(BusinessOwned):
    """An address in a campaign's words, for which a short one of Parley's own is sent (`tokens`)."""

    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="links", db_constraint=False, db_index=False
    )
    place = models.PositiveSmallIntegerField(help_text="From 0, in the order of the words.")
    url = models.URLField(max_length=1000)
    clicks = models.PositiveIntegerField(db_default=0, help_text="How many people opened it.")

    class Meta:
        constraints = [
            tenant_target("link_tenant"),
            TenantKey(field="campaign", name="link_campaign_tenant"),
            models.UniqueConstraint(fields=["business", "campaign", "place"], name="link_once"),
        ]

    def __str__(self) -> str:
        return f"Link {self.place}"


class Click(models.Model):
    """One client opened one link: the first time that they did."""

    id = models.BigAutoField(primary_key=True)
    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="+", db_index=False)
    link = models.ForeignKey(
        Link, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    recipient = models.ForeignKey(
        Recipient, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [
            TenantKey(field="link", name="click_link_tenant"),
            models.UniqueConstraint(fields=["link", "recipient"], name="click_once"),
        ]


class Change(models.Model):
    """Something happened that a campaign counts, and nobody has counted it yet.

    Appended by whoever sees it happen (triggers on the messages and the ledger, a click, a reply), without a lock on
    anything; `counting` takes it away. It says that something changed; what holds now is asked when it is counted.
    """

    class What(models.TextChoices):
        MESSAGE = "message", "A text changed its state"
        OPTED_OUT = "opted_out", "A client opted out"
        REPLIED = "replied", "A client replied"
        CLICKED = "clicked", "A client opened a link"

    id = models.BigAutoField(primary_key=True)
    business_id = models.UUIDField()
    what = models.CharField(max_length=9, choices=What.choices)
    message_id = models.UUIDField(null=True)
    phone = models.CharField(
        max_length=16, blank=True, db_default="", help_text="E.164; who opted out or replied."
    )
    recipient_id = models.BigIntegerField(null=True)
    link_id = models.UUIDField(null=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # Whoever opens a link again and again appends once until it is counted; then `Click` has it.
            models.UniqueConstraint(
                fields=["recipient_id", "link_id"], condition=Q(what="clicked"), name="click_waits_once"
            )
        ]


class Count(models.Model):
    """How many of a campaign's recipients are so, by wording, and by reason where they failed or were skipped.

    `what` is a `Recipient.State`, or replied, talked, opted_out, clicked. Written by `preparing` and `counting`.
    """

    id = models.BigAutoField(primary_key=True)
    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="counts", db_constraint=False, db_index=False
    )
    variant = models.CharField(max_length=1)
    what = models.CharField(max_length=9)
    code = models.CharField(max_length=16, blank=True, db_default="")
    number = models.IntegerField()

    class Meta:
        constraints = [
            TenantKey(field="campaign", name="count_campaign_tenant"),
            models.UniqueConstraint(fields=["campaign", "variant", "what", "code"], name="count_once"),
        ]


class Minute(models.Model):
    """How many of a campaign's recipients became so in one minute: the chart. `what` as of `Count`."""

    id = models.BigAutoField(primary_key=True)
    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="+", db_index=False)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="minutes", db_constraint=False, db_index=False
    )
    at = models.DateTimeField(help_text="The minute’s beginning.")
    what = models.CharField(max_length=9)
    number = models.IntegerField()

    class Meta:
        constraints = [
            TenantKey(field="campaign", name="minute_campaign_tenant"),
            models.UniqueConstraint(fields=["campaign", "at", "what"], name="minute_once"),
        ]
