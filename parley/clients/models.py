"""Clients: the people a business serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchVector, SearchVectorField
from django.db import models
from django.db.models import Case, Func, Q, Value, When
from django.db.models.functions import Concat, Lower, Right

from parley.businesses.models import initials
from parley.businesses.tenancy import BusinessOwned, tenant_target
from parley.sms.numbers import pretty

if TYPE_CHECKING:
    from parley.messaging.models import Conversation

TINTS = ("fern", "sky", "plum", "clay", "honey", "slate")


class ClientQuerySet(models.QuerySet["Client"]):
    def matching(self, words: str) -> ClientQuerySet:
        """Clients whose name, number or email holds words that begin so, in any order."""
        if not any(c.isalpha() for c in words):
            digits = "".join(c for c in words if c.isdigit())
            terms = [digits[1:] if len(digits) == 11 and digits[0] == "1" else digits]
        else:
            terms = "".join(c if c.isalnum() else " " for c in words.lower()).split()
        query = " & ".join(f"{term}:*" for term in terms if term)
        return (
            self.filter(search=SearchQuery(query, search_type="raw", config="simple"))
            if query
            else self.none()
        )

    def by_name(self) -> ClientQuerySet:
        """In the order of the Clients page; people without a name come last."""
        return self.order_by("sort_name", "id")


class Client(BusinessOwned):
    """A person the business serves. A text from an unknown number makes one that has only the number."""

    class Texting(models.TextChoices):
        OK = "ok", "Texts welcome"
        STOPPED = "stopped", "Asked to stop texts"
        CANNOT = "cannot", "Can't get texts"

    first_name = models.CharField(max_length=60, blank=True)
    last_name = models.CharField(max_length=60, blank=True)
    phone = models.CharField(max_length=16, blank=True, help_text="E.164")
    email = models.EmailField(blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    good_to_know = models.TextField(blank=True, max_length=2000)
    since = models.DateField(null=True, blank=True)
    texting = models.CharField(max_length=8, choices=Texting.choices, default=Texting.OK)
    texting_changed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # "~" sorts after every letter in the C collation: people without a name come last.
    sort_name = models.GeneratedField(
        expression=Case(
            When(
                first_name="",
                last_name="",
                then=Concat(Value("~"), "phone", "email", output_field=models.TextField()),
            ),
            default=Lower(Concat("first_name", Value(" "), "last_name", output_field=models.TextField())),
            output_field=models.TextField(),
        ),
        output_field=models.CharField(max_length=400),
        db_persist=True,
    )
    # A number is found by its ten digits, its last seven or its last four: whichever part people remember.
    search = models.GeneratedField(
        expression=SearchVector(
            "first_name",
            "last_name",
            Func(
                "email", Value("@.-_+"), Value("     "), function="translate", output_field=models.TextField()
            ),
            Right("phone", 10),
            Right("phone", 7),
            Right("phone", 4),
            config="simple",
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ClientQuerySet.as_manager()

    if TYPE_CHECKING:
        conversation: Conversation

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["business", "phone"], condition=~Q(phone=""), name="one_client_per_phone"
            ),
            tenant_target("client_tenant"),
        ]
        indexes = [
            models.Index("business", "sort_name", "id", name="clients_page"),
            GinIndex("search", name="clients_search"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What the screen calls this person: their name, else their number, else their email."""
        full = f"{self.first_name} {self.last_name}".strip()
        return full or (pretty(self.phone) if self.phone else self.email)

    @property
    def named(self) -> bool:
        return bool(self.first_name or self.last_name)

    @property
    def calls(self) -> str:
        """How a sentence names this person: by first name where there is one."""
        return self.first_name or self.name

    @property
    def pretty_phone(self) -> str:
        return pretty(self.phone) if self.phone else ""

    @property
    def initials(self) -> str:
        return initials(f"{self.first_name} {self.last_name}")

    @property
    def tint(self) -> str:
        return TINTS[self.id.int % len(TINTS)]
