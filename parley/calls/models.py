"""Calls, whom they ring, and what callers leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q

from parley.businesses.models import Member
from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.messaging.models import Message
from parley.numbers.models import PhoneNumber

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager


class CallRules(BusinessOwned):
    """How a business wants its calls dealt with. No row: the combined app was never installed.

    Without it, or while it is removed, callers hear how to reach the business, and nobody is rung.
    """

    class Ring(models.TextChoices):
        ALL = "all", "Everyone at once"
        TURN = "turn", "One after another"

    installed_at = models.DateTimeField(null=True, help_text="Empty: it was removed.")
    ring = models.CharField(max_length=4, choices=Ring.choices, default=Ring.ALL)
    ring_seconds = models.PositiveSmallIntegerField(
        default=20, help_text="How long each phone rings, in seconds."
    )
    greeting = models.CharField(
        max_length=500, blank=True, help_text="What callers hear before it rings; empty: nothing."
    )
    voicemail_words = models.CharField(
        max_length=500, blank=True, help_text="What callers hear before the beep; empty: Parley’s own words."
    )
    keep_days = models.PositiveSmallIntegerField(
        default=365, help_text="After so many days a voicemail is deleted."
    )
    texts_back = models.BooleanField(default=False, help_text="Whoever was missed gets a text.")
    text_back = models.TextField(
        blank=True, max_length=1000, help_text="Its words, Liquid; empty: Parley’s own."
    )
    text_back_hours = models.PositiveSmallIntegerField(
        default=12, help_text="One client gets it once within so many hours."
    )
    transcribes = models.BooleanField(
        default=False, help_text="Voicemails are written down by the speech-to-text provider."
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["business"], name="call_rules_once")]

    def __str__(self) -> str:
        return f"Call rules {self.id}"

    @property
    def installed(self) -> bool:
        return self.installed_at is not None


class Answerer(BusinessOwned):
    """A member who can answer: their phone (`Member.phone`) rings, within their hours."""

    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    place = models.PositiveSmallIntegerField(help_text="Their turn, where phones ring one after another.")
    hours = models.JSONField(default=dict, blank=True, help_text="As `Business.hours`; empty: always.")

    class Meta:
        constraints = [
            TenantKey(field="member", name="answerer_member_tenant"),
            models.UniqueConstraint(fields=["business", "member"], name="answerer_once"),
        ]

    def __str__(self) -> str:
        return f"Answerer {self.id}"


class Call(BusinessOwned):
    """One call between a client and the business's number. `message` is its line in the conversation.

    ::

        in:   ringing -> talking -> ended
                      -> missed (nobody took it; a voicemail may follow)
                      -> ended  (heard the greeting of "Texting" alone: nobody is rung)
        out:  calling (the member's own phone rings) -> ringing (the client's does) -> talking -> ended
                      -> failed, busy, missed, canceled
    """

    class State(models.TextChoices):
        CALLING = "calling", "Calling you"
        RINGING = "ringing", "Ringing"
        TALKING = "talking", "Talking"
        ENDED = "ended", "Ended"
        MISSED = "missed", "Missed"
        BUSY = "busy", "Busy"
        FAILED = "failed", "Could not be connected"
        CANCELED = "canceled", "Hung up"

    ENDS = (State.ENDED, State.MISSED, State.BUSY, State.FAILED, State.CANCELED)

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, related_name="call", db_constraint=False
    )
    number = models.ForeignKey(PhoneNumber, on_delete=models.PROTECT, related_name="+", db_index=False)
    direction = models.CharField(max_length=3, choices=Message.Direction.choices)
    state = models.CharField(max_length=8, choices=State.choices)
    their_number = models.CharField(max_length=16, blank=True, help_text="E.164; empty: withheld.")
    carrier = models.CharField(max_length=16)
    carrier_id = models.CharField(
        max_length=64, blank=True, help_text="The carrier's id of the client's leg."
    )
    member = models.ForeignKey(
        Member,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_constraint=False,
        db_index=False,
        help_text="Who took it, or who called.",
    )
    client_key = models.UUIDField(
        null=True, help_text="The page's own id: a second POST of it is the same call."
    )
    started_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    seconds = models.PositiveIntegerField(default=0, help_text="How long they talked.")
    reason = models.CharField(
        max_length=300, blank=True, help_text="Why it could not be connected, for people."
    )
    texted_back_at = models.DateTimeField(null=True)

    if TYPE_CHECKING:
        rings: RelatedManager[Ring]
        recordings: RelatedManager[Recording]

    class Meta:
        constraints = [
            tenant_target("call_tenant"),
            TenantKey(field="message", name="call_message_tenant"),
            TenantKey(field="member", name="call_member_tenant"),
            models.UniqueConstraint(
                fields=["carrier", "carrier_id"], condition=~Q(carrier_id=""), name="call_once_per_carrier_id"
            ),
            models.UniqueConstraint(
                fields=["business", "client_key"],
                condition=Q(client_key__isnull=False),
                name="call_once_per_client_key",
            ),
        ]
        indexes = [
            models.Index("business", F("started_at").desc(), F("id").desc(), name="calls_listed"),
            models.Index(
                "started_at", name="calls_open", condition=Q(state__in=["calling", "ringing", "talking"])
            ),
        ]

    def __str__(self) -> str:
        return f"Call {self.id}"


class Ring(BusinessOwned):
    """One member's phone that rings for a call."""

    class State(models.TextChoices):
        RINGING = "ringing", "Rings"
        PICKED_UP = "picked_up", "Picked up, no key pressed yet"
        TAKEN = "taken", "Took the call"
        DECLINED = "declined", "Declined"
        MISSED = "missed", "Did not answer"
        CANCELED = "canceled", "Somebody else took it"

    call = models.ForeignKey(
        Call, on_delete=models.CASCADE, related_name="rings", db_constraint=False, db_index=False
    )
    member = models.ForeignKey(
        Member, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.RINGING)
    carrier_id = models.CharField(max_length=64, blank=True, help_text="The carrier's id of this leg.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            TenantKey(field="call", name="ring_call_tenant"),
            TenantKey(field="member", name="ring_member_tenant"),
            models.UniqueConstraint(fields=["business", "call", "member"], name="ring_once"),
        ]


class Recording(BusinessOwned):
    """A voicemail: fetched from the carrier, kept here, deleted there, and here after `CallRules.keep_days`."""

    class State(models.TextChoices):
        WAITING = "waiting", "On its way"
        KEPT = "kept", "Kept"
        FAILED = "failed", "Not to be had"
        DELETED = "deleted", "Deleted"

    class Transcript(models.TextChoices):
        NONE = "", "Not asked for"
        WAITING = "waiting", "On its way"
        DONE = "done", "Done"
        FAILED = "failed", "Not to be had"

    call = models.ForeignKey(
        Call, on_delete=models.CASCADE, related_name="recordings", db_constraint=False, db_index=False
    )
    carrier_id = models.CharField(max_length=64)
    url = models.CharField(max_length=500, help_text="Where the carrier says that it is.")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it is not to be had, for people.")
    seconds = models.PositiveIntegerField(default=0)
    content_type = models.CharField(max_length=32, blank=True, help_text="Told from the bytes alone.")
    content = models.BinaryField(null=True)
    wave = models.JSONField(default=list, blank=True, help_text="Its loudness, 0 to 100, in equal steps.")
    heard_at = models.DateTimeField(null=True, help_text="When a member first played it.")
    transcript_state = models.CharField(
        max_length=7, choices=Transcript.choices, blank=True, default=Transcript.NONE
    )
    transcript = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)
    delete_at = models.DateTimeField()

    class Meta:
        constraints = [
            TenantKey(field="call", name="recording_call_tenant"),
            models.UniqueConstraint(fields=["business", "carrier_id"], name="recording_once"),
            models.CheckConstraint(
                condition=Q(state="kept", content__isnull=False) | (~Q(state="kept") & Q(content=None)),
                name="recording_kept_is_there",
            ),
        ]
        indexes = [
            models.Index("business", F("at").desc(), F("id").desc(), name="recordings_listed"),
            models.Index("business", "call", name="recordings_of_call"),
            # What `recordings.look_after` looks for: those to be deleted here, and those still at a carrier, of which
            # some have yet to be fetched.
            models.Index("delete_at", name="recordings_expire", condition=Q(state__in=["kept", "failed"])),
            models.Index("at", name="recordings_there", condition=~Q(url="")),
        ]
