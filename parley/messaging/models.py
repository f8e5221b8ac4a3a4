"""Conversations, messages, and what stands between a message and its carrier.

How a message lives is drawn in `Message.State`; who may write which state is in docs/life-of-a-message.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.db.models.lookups import LessThanOrEqual

from parley.businesses.models import Business, Member
from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.businesses.words import OwnWords
from parley.carriers.base import MOST_MEDIA_BYTES
from parley.clients.models import Client
from parley.numbers.models import PhoneNumber

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager


SHOWN_IN_LIST = (
    *("business_id", "last_at", "unread", "waiting", "closed_at"),
    *(f"client__{name}" for name in ("business_id", "first_name", "last_name", "phone", "email", "texting")),
    *(f"last_message__{name}" for name in ("business_id", "at", "direction", "channel", "kind", "title")),
    *(f"last_message__{name}" for name in ("subject", "body", "state", "reason", "media", "code")),
    *("last_message__author__user__name", "last_message__author__role"),
    *("assignee__user__name", "assignee__user__email", "assignee__role"),
)


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Named in the language of the Inbox."""

    def for_list(self) -> ConversationQuerySet:
        """With all that a row of the list shows and nothing else, newest first."""
        return (
            self.select_related("client", "last_message__author__user", "assignee__user")
            .only(*SHOWN_IN_LIST)
            .order_by(F("last_at").desc(), F("id").desc())
        )

    def open(self) -> ConversationQuerySet:
        return self.filter(closed_at=None)

    def closed(self) -> ConversationQuerySet:
        return self.filter(closed_at__isnull=False)

    def waiting(self) -> ConversationQuerySet:
        """The client spoke last and nobody has answered."""
        return self.filter(waiting=True, closed_at=None)

    def unread(self) -> ConversationQuerySet:
        return self.filter(unread__gt=0, closed_at=None)

    def of(self, member: Member) -> ConversationQuerySet:
        return self.filter(assignee=member, closed_at=None)

    def before(self, at: datetime, id: object) -> ConversationQuerySet:
        """Older than the row `(at, id)`: the next page of a list."""
        return self.filter(Q(last_at__lt=at) | Q(last_at=at, id__lt=id))


def _inbox_list(name: str, shows: Q, *of: str) -> models.Index:
    """An index of its own for each list of the Inbox, in the order the list is read."""
    return models.Index("business", *of, F("last_at").desc(), F("id").desc(), name=name, condition=shows)


class Conversation(BusinessOwned):
    """All that passed between a business and one client."""

    client = models.OneToOneField(
        Client, on_delete=models.CASCADE, related_name="conversation", db_constraint=False
    )
    assignee = models.ForeignKey(
        Member,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    last_message = models.ForeignKey(
        "Message", null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False, db_index=False
    )
    last_at = models.DateTimeField()
    unread = models.PositiveIntegerField(default=0, help_text="Texts from the client that nobody has opened.")
    waiting = models.BooleanField(default=False)
    closed_at = models.DateTimeField(null=True, blank=True)
    auto_replied_at = models.DateTimeField(
        null=True, blank=True, help_text="When the client was last told that nobody reads answers."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConversationQuerySet.as_manager()

    if TYPE_CHECKING:
        messages: RelatedManager[Message]

    class Meta:
        constraints = [
            tenant_target("conversation_tenant"),
            TenantKey(field="client", name="conversation_client_tenant"),
            TenantKey(field="assignee", name="conversation_assignee_tenant"),
            TenantKey(field="last_message", name="conversation_message_tenant"),
        ]
        indexes = [
            _inbox_list("inbox_open", Q(closed_at=None)),
            _inbox_list("inbox_closed", Q(closed_at__isnull=False)),
            _inbox_list("inbox_waiting", Q(closed_at=None, waiting=True)),
            _inbox_list("inbox_unread", Q(closed_at=None, unread__gt=0)),
            _inbox_list("inbox_mine", Q(closed_at=None), "assignee"),
            # Asked by the database for every message that is deleted. Without it, it would read all of a business's.
            models.Index(
                "business",
                "last_message",
                name="conversation_last_message",
                condition=Q(last_message__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Conversation {self.id}"


class MessageQuerySet(models.QuerySet["Message"]):
    def for_thread(self) -> MessageQuerySet:
        return self.select_related("author__user")

    def newest_first(self) -> MessageQuerySet:
        return self.order_by(F("at").desc(), F("id").desc())

    def before(self, message: Message) -> MessageQuerySet:
        return self.filter(Q(at__lt=message.at) | Q(at=message.at, id__lt=message.id))

    def after(self, message: Message) -> MessageQuerySet:
        return self.filter(Q(at__gt=message.at) | Q(at=message.at, id__gt=message.id))


# `Message.code` of a call's line says what became of the call (its title says it in words): `calls.outcomes`.
MISSED = "missed"


class Message(BusinessOwned):
    """One text or email, inbound or outbound; or the line of a call, which is `received` or `sent` and stays so.

    ::

        queued -> sending -> accepted -> sent -> delivered -> read
           ^         |  \\        \\________\\-> undelivered, failed (-> queued: the code allows another try)
           |         |   `-> failed (the carrier said no)
           `---------+-> unknown -> accepted/… (a receipt or the carrier's log names it)
             proved absent  `-> unconfirmed (proof is not to be had: a person decides)

    Only a conditional UPDATE changes `state`; receipts only climb (rule R7). `received` is an inbound one.
    """

    class Direction(models.TextChoices):
        IN = "in", "Inbound"
        OUT = "out", "Outbound"

    class Channel(models.TextChoices):
        SMS = "sms", "SMS"
        EMAIL = "email", "Email"
        CALL = "call", "Call"

    class Kind(models.TextChoices):
        DIRECT = "direct", "Direct"
        TRANSACTIONAL = "transactional", "Transactional"
        MARKETING = "marketing", "Marketing"

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting to send"
        SENDING = "sending", "Sending"
        UNKNOWN = "unknown", "Checking with the carrier…"
        ACCEPTED = "accepted", "Sent"
        SENT = "sent", "Sent"
        DELIVERED = "delivered", "Delivered"
        READ = "read", "Read"
        UNDELIVERED = "undelivered", "Not delivered"
        FAILED = "failed", "Not delivered"
        UNCONFIRMED = "unconfirmed", "May not have arrived"
        CANCELED = "canceled", "Not sent"
        RECEIVED = "received", "Received"

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages", db_constraint=False, db_index=False
    )
    direction = models.CharField(max_length=3, choices=Direction.choices)
    channel = models.CharField(max_length=5, choices=Channel.choices, default=Channel.SMS)
    kind = models.CharField(max_length=13, choices=Kind.choices, default=Kind.DIRECT)
    title = models.CharField(max_length=80, blank=True, help_text="The name of an automatic message.")
    author = models.ForeignKey(
        Member,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    state = models.CharField(max_length=11, choices=State.choices, db_default=State.QUEUED)
    reason = models.CharField(max_length=300, blank=True, help_text="Why it waits or failed, for people.")
    code = models.CharField(max_length=16, blank=True, help_text="The carrier's code for the reason.")
    number = models.ForeignKey(
        PhoneNumber, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    their_address = models.CharField(
        max_length=254, help_text="The client's number (E.164) or email, as used."
    )
    segments = models.PositiveSmallIntegerField(default=0)
    media = models.JSONField(default=list, blank=True, help_text="[{url, content_type}]")
    # An inbound text's. Those of an outbound one are its attempts': here, changing an indexed column would cost each
    # text a new entry in every index of this table (measured: a third of the database's work for it).
    carrier_id = models.CharField(max_length=64, blank=True)
    client_key = models.UUIDField(
        null=True, blank=True, help_text="The page's own id: a second POST of it is the same message."
    )
    why = models.JSONField(
        default=dict,
        db_default={},
        help_text="What was decided when it was written, and by which rows: see messaging.why.",
    )
    at = models.DateTimeField(help_text="Its place in the conversation.")
    changed_at = models.DateTimeField(help_text="When its state last changed.")

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            tenant_target("message_tenant"),
            TenantKey(field="conversation", name="message_conversation_tenant"),
            TenantKey(field="author", name="message_author_tenant"),
            # The database says "duplicate": one row for what a page sent once, one for what a carrier holds once.
            # Most messages have no page's key and cost this index nothing; nor can a plan that was made while the table
            # was empty take it for the way to any message, and read all of a business's for each.
            models.UniqueConstraint(
                fields=["business", "client_key"],
                condition=Q(client_key__isnull=False),
                name="message_once_per_client_key",
            ),
            models.UniqueConstraint(
                fields=["business", "carrier_id"],
                condition=~Q(carrier_id=""),
                name="message_once_per_carrier_id",
            ),
        ]
        indexes = [
            models.Index("business", "conversation", F("at").desc(), F("id").desc(), name="thread"),
            GinIndex(OwnWords("body"), name="inbox_words"),
        ]

    def __str__(self) -> str:
        return f"Message {self.id}"

    @property
    def inbound(self) -> bool:
        return self.direction == self.Direction.IN


class Attachment(BusinessOwned):
    """One of a message's media, fetched from the carrier and kept. Its address there is in `Message.media[place]`."""

    class State(models.TextChoices):
        WAITING = "waiting", "On its way"
        KEPT = "kept", "Kept"
        FAILED = "failed", "Not to be had"

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="attachments", db_constraint=False, db_index=False
    )
    place = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    content_type = models.CharField(max_length=32, blank=True, help_text="Told from the bytes alone.")
    content = models.BinaryField(null=True)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it is not to be had, for people.")

    class Meta:
        constraints = [
            TenantKey(field="message", name="attachment_message_tenant"),
            models.UniqueConstraint(fields=["business", "message", "place"], name="attachment_once"),
            models.CheckConstraint(
                condition=Q(state="kept", content__isnull=False) | (~Q(state="kept") & Q(content=None)),
                name="attachment_kept_is_there",
            ),
            models.CheckConstraint(
                condition=LessThanOrEqual(
                    models.Func(
                        F("content"), function="octet_length", output_field=models.IntegerField(null=True)
                    ),
                    MOST_MEDIA_BYTES,
                ),
                name="attachment_size",
            ),
        ]


class Route(models.Model):
    """Whom a client means when they answer a shared number.

    A shared number texts for many businesses, so it is remembered which of them a handset knows it by.
    """

    class Holds(models.TextChoices):
        CONVERSATION = (
            "conversation",
            "One business talks with this handset: nobody else may use the number for it",
        )
        ALONE = "alone", "Only one business has used it: an answer can only mean that business"
        SHARED = "shared", "Several businesses have used it: nobody's Inbox gets an answer"

    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, related_name="+", db_index=False)
    phone = models.CharField(max_length=16, help_text="The handset, E.164.")
    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="+", db_index=False)
    holds = models.CharField(max_length=12, choices=Holds.choices)
    used_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["phone", "number"], name="route_once")]


class Outbox(models.Model):
    """The queue: a narrow row for each text that waits for its turn. Claiming it deletes it.

    Kept apart from Message because claiming from a narrow table was measured two to three times faster than
    flipping a status on the wide one. `message_id` is a UUIDv7, so its order is the order of writing.
    """

    message = models.OneToOneField(Message, primary_key=True, on_delete=models.CASCADE, db_constraint=False)
    business_id = models.UUIDField()
    number = models.ForeignKey(PhoneNumber, on_delete=models.CASCADE, related_name="+", db_index=False)
    recipient = models.CharField(max_length=16)
    priority = models.PositiveSmallIntegerField(help_text="0 direct, 1 transactional, 2 marketing.")
    run_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    past = models.BooleanField(
        default=False, help_text="A member let it go ahead of a text that is in doubt."
    )
    confirms = models.BooleanField(
        db_default=False, help_text="It says that somebody was opted out: the one text that may follow."
    )
    closes_at = models.DateTimeField(
        null=True, help_text="Marketing must not reach the client from then on: the window of `run_at` ends."
    )
    # The database says so of a row that is written before its time (a trigger, so that no road can forget it), and
    # `delivery` takes it back. Those that wait are not in the lane's index, or each look would read through them.
    waits = models.BooleanField(
        default=False, db_default=False, help_text="It is not due yet, or has come due just now."
    )

    class Meta:
        indexes = [
            models.Index("number", "priority", "message", name="lane", condition=Q(waits=False)),
            models.Index("number", "priority", "run_at", name="lane_later", condition=Q(waits=True)),
            # R3: the texts of one pair leave in order, so an older one that waits holds back the younger. The
            # recipient comes first, so that all that waits for somebody who opts out is found too.
            models.Index("recipient", "number", "message", name="recipient_queue"),
            models.Index("closes_at", name="windows_to_close", condition=Q(closes_at__isnull=False)),
        ]


class Lane(models.Model):
    """A number's turn. Whoever claims from the lane holds this row's lock for the length of that transaction."""

    number = models.OneToOneField(PhoneNumber, primary_key=True, on_delete=models.CASCADE)
    next_at = models.DateTimeField(help_text="Before this the number's pace forbids another text.")


class Attempt(models.Model):
    """One try to hand one message to a carrier: committed before the socket opens (R1), named to the carrier (R2)."""

    class State(models.TextChoices):
        SENDING = "sending", "Being handed over"
        UNKNOWN = "unknown", "Nobody knows"
        BOUND = "bound", "The carrier has it"
        REFUSED = "refused", "The carrier said no"
        NOT_SENT = "not_sent", "Certainly never arrived"
        LOST = "lost", "It did not arrive, and is tried again"
        ABSENT = "absent", "Proved absent"
        GIVEN_UP = "given_up", "Proof is not to be had"

    id = models.UUIDField(
        primary_key=True, editable=False, help_text="Random: it is an address that a carrier calls."
    )
    business_id = models.UUIDField()
    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="attempts", db_constraint=False
    )
    number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, related_name="+", db_index=False)
    recipient = models.CharField(max_length=16)
    try_number = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=8, choices=State.choices)
    # Empty, or the digest of the words where a member sent them past a text in doubt: other words are told apart.
    apart = models.CharField(max_length=32, blank=True, default="")
    started_at = models.DateTimeField()
    carrier_id = models.CharField(max_length=64, null=True)
    code = models.CharField(max_length=16, blank=True)
    words = models.CharField(
        max_length=300, blank=True, db_default="", help_text="What the code says, for people of the business."
    )
    answered_at = models.DateTimeField(null=True, help_text="When its outcome was written down.")
    # What has to be asked of the carrier next, and how often it was asked: settling doubt, then missing receipts.
    check_at = models.DateTimeField(null=True)
    checks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            # R3: one open attempt for a pair of numbers, or the carrier's log could not tell two texts apart.
            models.UniqueConstraint(
                fields=["number", "recipient", "apart"],
                condition=Q(state__in=["sending", "unknown"]),
                name="one_open_attempt_per_pair",
            ),
            models.UniqueConstraint(fields=["carrier_id"], name="one_attempt_per_carrier_id"),
        ]
        indexes = [models.Index("check_at", name="attempts_to_check", condition=Q(check_at__isnull=False))]


class CarrierEvent(models.Model):
    """A webhook as it came: stored under a permanent unique key before the carrier gets its 200.

    Twilio's signatures carry no time, so a replay verifies for ever: the key must never expire.
    """

    class Kind(models.TextChoices):
        TEXT = "text", "A text arrived"
        RECEIPT = "receipt", "A receipt arrived"

    id = models.BigAutoField(primary_key=True)
    carrier = models.CharField(max_length=16)
    kind = models.CharField(max_length=7, choices=Kind.choices)
    key = models.CharField(max_length=120)
    attempt_id = models.UUIDField(null=True)
    shard = models.SmallIntegerField(
        help_text="Which pair of numbers it belongs to: one worker reads a shard in order."
    )
    form = models.TextField(help_text="The form as it came.")
    received_at = models.DateTimeField()
    late = models.BooleanField(
        db_default=False, help_text="No webhook brought it: it was found in the carrier's log."
    )
    done_at = models.DateTimeField(null=True)
    trouble = models.CharField(
        max_length=200, blank=True, help_text="Why it could not be read. It stays for a person."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["carrier", "key"], name="event_once")]
        indexes = [
            models.Index("shard", "id", name="events_to_read", condition=Q(done_at=None, trouble="")),
            models.Index("id", name="events_set_aside", condition=Q(done_at=None) & ~Q(trouble="")),
        ]


class Standing(models.Model):
    """Whether this database is what Parley left (rule R9): one row, which `messaging.quarantine` keeps.

    While it is in quarantine nothing is handed to a carrier and no job runs, because the database went back in time
    and what left since is not in it.
    """

    only_row = models.BooleanField(primary_key=True, default=True)
    house = models.UUIDField(help_text="Random: which Parley this is. A restored database has the same.")
    tick = models.BigIntegerField(
        default=0,
        help_text="Moved on every few seconds; whoever has seen a higher one knows that it went back.",
    )
    ticked_at = models.DateTimeField(db_default=Now())
    quarantined_at = models.DateTimeField(null=True, help_text="Since when it is in quarantine.")
    since = models.DateTimeField(null=True, help_text="From when on it may lack what left and what came.")
    trouble = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Why it is not released yet, for the operator."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(only_row=True), name="one_standing"),
            models.CheckConstraint(
                condition=Q(quarantined_at=None, since=None)
                | Q(quarantined_at__isnull=False, since__isnull=False),
                name="quarantine_has_a_since",
            ),
        ]


class Watermark(models.Model):
    """How far the carrier's log of one number has been read for what no webhook brought (`messaging.backfill`)."""

    number = models.OneToOneField(PhoneNumber, primary_key=True, on_delete=models.CASCADE)
    listed_to = models.DateTimeField(help_text="Every text that came before this is here.")
    settled_to = models.DateTimeField(
        null=True, help_text="In quarantine: what left before this is known, by the carrier's log."
    )
    next_at = models.DateTimeField(help_text="When to ask again; or until when somebody is asking.")
    cause = models.CharField(
        max_length=5, default="clock", help_text="Why it is asked then: boot, gap, clock."
    )

    class Meta:
        indexes = [models.Index("next_at", name="logs_to_read")]


class Backfill(models.Model):
    """What an hour of reading carriers' logs came to. Counts only grow."""

    hour = models.DateTimeField()
    cause = models.CharField(max_length=5, help_text="boot, gap, clock.")
    asked = models.PositiveIntegerField(default=0, help_text="How many logs were asked for.")
    failed = models.PositiveIntegerField(default=0, help_text="How many of them could not be read.")
    found = models.PositiveIntegerField(default=0, help_text="Texts in them that no webhook had brought.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hour", "cause"], name="one_backfill_an_hour")]
