"""Clients: the people a business serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Concat, Lower, Right, Upper

from parley.businesses.models import Business, Member, initials
from parley.businesses.tenancy import BusinessOwned, TenantKey, tenant_target
from parley.businesses.words import OwnWords
from parley.sms.numbers import is_toll_free, pretty

if TYPE_CHECKING:
    from parley.messaging.models import Conversation

TINTS = ("fern", "sky", "plum", "clay", "honey", "slate")


class ClientQuerySet(models.QuerySet["Client"]):
    def by_name(self) -> ClientQuerySet:
        """In the order of the Clients page; people without a name come last."""
        return self.order_by("sort_name", "id")


def with_email(business: Business, email: str) -> models.QuerySet[Client]:
    """The business's clients who have this address, in whatever case it is written."""
    return Client.objects.filter(business=business, email__iexact=email).exclude(email="")


class Client(BusinessOwned):
    """A person the business serves. A text from an unknown number makes one that has only the number."""

    class Texting(models.TextChoices):
        OK = "ok", "Texts welcome"
        STOPPED = "stopped", "Asked to stop texts"
        CANNOT = "cannot", "Can't get texts"

    class Status(models.TextChoices):
        LEAD = "lead", "Lead"
        CLIENT = "client", "Client"
        PAST = "past", "Past client"

    first_name = models.CharField(max_length=60, blank=True)
    last_name = models.CharField(max_length=60, blank=True)
    phone = models.CharField(max_length=16, blank=True, help_text="E.164")
    email = models.EmailField(blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    good_to_know = models.TextField(blank=True, max_length=2000)
    since = models.DateField(null=True, blank=True)
    texting = models.CharField(
        max_length=8,
        choices=Texting.choices,
        default=Texting.OK,
        help_text="What `Handset` says of their number, kept here by the database.",
    )
    texting_changed_at = models.DateTimeField(null=True, blank=True)
    postal_code = models.CharField(
        max_length=10, blank=True, db_default="", help_text="ZIP or postal code, as written."
    )
    region = models.CharField(
        max_length=2, blank=True, db_default="", help_text="State or province, two letters."
    )
    time_zone = models.CharField(
        max_length=64, blank=True, db_default="", help_text="IANA name; only where they told the business."
    )
    language = models.CharField(
        max_length=2, blank=True, db_default="", help_text="See `languages`; empty: the business’s."
    )
    status = models.CharField(
        max_length=6,
        choices=Status.choices,
        default=Status.CLIENT,
        db_default=Status.CLIENT,
        help_text="Whoever wrote in is a lead until they book or pay.",
    )
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
        expression=OwnWords(
            Concat(
                "first_name",
                Value(" "),
                "last_name",
                Value(" "),
                "email",
                Value(" "),
                Right("phone", 10),
                Value(" "),
                Right("phone", 7),
                Value(" "),
                Right("phone", 4),
                output_field=models.TextField(),
            )
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
            # As `iexact` asks it.
            models.Index("business", Upper("email"), name="clients_of_email", condition=~Q(email="")),
            # Whom a STOP to a shared number means: everybody who has the number.
            models.Index("phone", name="clients_of_phone", condition=~Q(phone="")),
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
    def takes_texts(self) -> bool:
        """Can they be texted at all? `sending.why_no_texts` has the words."""
        return bool(self.phone) and self.texting == self.Texting.OK and not is_toll_free(self.phone)

    @property
    def pretty_phone(self) -> str:
        return pretty(self.phone) if self.phone else ""

    @property
    def initials(self) -> str:
        return initials(f"{self.first_name} {self.last_name}")

    @property
    def tint(self) -> str:
        return TINTS[self.id.int % len(TINTS)]


class Consent(models.Model):
    """One line of the ledger: what a client agreed to or refused. Appended, never changed (the database refuses it).

    It belongs to the number, not to the card: it outlives the card, and holds again for a new card with the number.
    So it refers to nobody by a key that could go away: it names them. Kept five years and longer: who sends
    carries the proof (field.md 4.2, row 9).
    """

    class Category(models.TextChoices):
        ALL = "all", "All texts"
        SERVICE = "service", "Service texts"
        MARKETING = "marketing", "Marketing"

    class Says(models.TextChoices):
        AGREED = "agreed", "Agreed"
        REFUSED = "refused", "Opted out"
        DOUBTFUL = "doubtful", "May have opted out"
        MEANT_ELSE = "meant_else", "Meant something else"

    class How(models.TextChoices):
        TEXT = "text", "By text"
        CARRIER = "carrier", "The carrier said so"
        IN_PERSON = "in_person", "In person"
        BY_PHONE = "by_phone", "By phone"
        BY_EMAIL = "by_email", "By email"
        WEB_FORM = "web_form", "On a web form"
        ON_PAPER = "on_paper", "On paper"
        UNANSWERED = "unanswered", "Nobody said otherwise within a day"
        MEMBER = "member", "Somebody of the team decided"

    # What a member was told or decided may be taken back by a member; what the client texted only by the client.
    BY_TEAM = (How.IN_PERSON, How.BY_PHONE, How.BY_EMAIL, How.ON_PAPER, How.MEMBER)

    id = models.BigAutoField(primary_key=True)
    business = models.ForeignKey(Business, on_delete=models.PROTECT, related_name="consents", db_index=False)
    phone = models.CharField(max_length=16, help_text="The client's number, E.164.")
    category = models.CharField(max_length=9, choices=Category.choices)
    says = models.CharField(max_length=10, choices=Says.choices)
    how = models.CharField(max_length=10, choices=How.choices)
    words = models.TextField(blank=True, help_text="What they wrote or said, or the words they agreed to.")
    our_number = models.CharField(max_length=16, blank=True, help_text="The number they wrote to, E.164.")
    by_id = models.UUIDField(null=True, help_text="The member who recorded it.")
    by_name = models.CharField(max_length=120, blank=True)
    source = models.CharField(
        max_length=120, blank=True, help_text="The event it came by: the same event is one line."
    )
    said_at = models.DateTimeField(help_text="When the client said it.")
    recorded_at = models.DateTimeField(help_text="When Parley acted on it, by the database's clock.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["business", "source"], condition=~Q(source=""), name="consent_once_per_event"
            )
        ]
        indexes = [
            models.Index("business", "phone", "id", name="consent_of_number"),
            models.Index(
                "business",
                models.F("id").desc(),
                name="opt_outs",
                condition=Q(says__in=["refused", "doubtful"]),
            ),
            # The few that were told to a member, among all that were texted.
            models.Index(
                "business",
                models.F("id").desc(),
                name="opt_outs_told",
                condition=Q(says="refused", how__in=["in_person", "by_phone", "by_email", "on_paper"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Consent {self.id}"


class Handset(models.Model):
    """What holds now for one client's number: the sum of its ledger, and whether texts reach it at all.

    Every gate of the road out asks this row. Written only together with the ledger (`consent.record`), or by what
    carriers say of the number.
    """

    class Service(models.TextChoices):
        WELCOME = "", "Welcome"
        REFUSED = "refused", "Opted out"
        DOUBTFUL = "doubtful", "May have opted out"

    class Marketing(models.TextChoices):
        NEVER_ASKED = "", "Never asked"
        AGREED = "agreed", "Agreed"
        REFUSED = "refused", "Opted out"
        DOUBTFUL = "doubtful", "May have opted out"

    class Reach(models.TextChoices):
        FINE = "", "Gets texts"
        LANDLINE = "landline", "Landline"
        INVALID = "invalid", "Not a working number"
        UNREACHABLE = "unreachable", "Out of reach lately"

    id = models.BigAutoField(primary_key=True)
    business = models.ForeignKey(Business, on_delete=models.CASCADE, related_name="handsets", db_index=False)
    phone = models.CharField(max_length=16, help_text="E.164")
    service = models.CharField(max_length=8, choices=Service.choices, blank=True, db_default="")
    marketing = models.CharField(max_length=8, choices=Marketing.choices, blank=True, db_default="")
    service_by = models.BigIntegerField(null=True, help_text="The ledger's line that says so.")
    marketing_by = models.BigIntegerField(null=True, help_text="The ledger's line that says so.")
    doubt_ends_at = models.DateTimeField(
        null=True, help_text="From then on, what was doubtful counts as refused."
    )
    reach = models.CharField(max_length=11, choices=Reach.choices, blank=True, db_default="")
    misses = models.PositiveSmallIntegerField(
        db_default=0, help_text="Texts in a row that the network could not place (30005)."
    )
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["business", "phone"], name="handset_once")]
        indexes = [
            models.Index(
                "doubt_ends_at",
                name="doubts_to_end",
                condition=Q(service="doubtful") | Q(marketing="doubtful"),
            )
        ]

    def __str__(self) -> str:
        return f"Handset {self.id}"


class Import(BusinessOwned):
    """A file of people on its way to the Clients list, and afterwards what became of each of its rows.

    ::

        draft -> waiting -> running -> done
                    |          |-----> stopped   (a member stopped it: what was done stays)
                    |          `-----> failed    (Parley could not go on: what was done stays)
                    `----------------> stopped

    A draft waits for a member to say what its columns are; one that nobody goes on with is thrown away after a day.
    What is in the file is read by `tables`, what its cells mean is told by `cells`, and only `importing` writes.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Not started"
        WAITING = "waiting", "About to start"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Not finished"

    UNDER_WAY = (State.WAITING, State.RUNNING)

    class Known(models.TextChoices):
        FILL = "fill", "Fill in what is empty"
        LEAVE = "leave", "Leave them as they are"
        OVERWRITE = "overwrite", "Overwrite with the file"

    # The file, as it came.
    file_name = models.CharField(
        max_length=120, help_text="As the browser told it: shown, never used as a path."
    )
    size = models.PositiveIntegerField(help_text="Bytes.")
    encoding = models.CharField(max_length=10)
    delimiter = models.CharField(max_length=1)
    skipped = models.PositiveSmallIntegerField(help_text="Lines before the first row of people.")
    columns = ArrayField(models.CharField(max_length=100), help_text="What the first line calls them.")
    sample = models.JSONField(help_text="The cells of the first rows, by column.")
    total = models.PositiveIntegerField(help_text="Rows of people in the file.")

    # What a member said of it.
    mapping = ArrayField(models.CharField(max_length=12, blank=True), default=list, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    known = models.CharField(max_length=9, choices=Known.choices, default=Known.FILL)
    agreed = models.BooleanField(default=False, help_text="They agreed to get offers by text.")
    agreed_how = models.CharField(max_length=10, choices=Consent.How.choices, blank=True)
    agreed_on = models.DateField(
        null=True, blank=True, help_text="The day they agreed, where no column says it."
    )
    agreed_words = models.TextField(blank=True, help_text="The exact words they agreed to.")
    proof = models.BooleanField(default=False, help_text="A member says that there is proof of each.")

    member = models.ForeignKey(
        Member, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False, db_index=False
    )
    by_name = models.CharField(max_length=120, help_text="Who began it.")

    # What became of it.
    state = models.CharField(max_length=7, choices=State.choices, default=State.DRAFT)
    stop_asked = models.BooleanField(default=False)
    trouble = models.CharField(max_length=300, blank=True, help_text="Why it failed, in words.")
    reached = models.PositiveIntegerField(default=0, help_text="Rows that are done.")
    added = models.PositiveIntegerField(default=0)
    filled = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    same_as = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    agreements = models.PositiveIntegerField(default=0, help_text="Lines of the ledger that it wrote.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            tenant_target("import_tenant"),
            TenantKey(field="member", name="import_member_tenant"),
        ]
        indexes = [
            models.Index("created_at", name="imports_to_forget", condition=Q(state="draft")),
            models.Index("business", "member", name="imports_of_member", condition=Q(member__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Import {self.id}"

    @property
    def under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def share(self) -> float:
        """How much of the file is done, in percent."""
        return round(100 * self.reached / self.total, 1)


class ImportPart(BusinessOwned):
    """A piece of an import's file, at most 1 MB: whoever works on it may be on another machine. Gone when it ended."""

    of = models.ForeignKey(
        Import, on_delete=models.CASCADE, related_name="parts", db_constraint=False, db_index=False
    )
    number = models.PositiveSmallIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["business", "of", "number"], name="import_part_once"),
            TenantKey(field="of", name="import_part_tenant"),
        ]

    def __str__(self) -> str:
        return f"Part {self.number}"


class ImportRow(models.Model):
    """What became of one row of an import's file, and which client it is."""

    class Outcome(models.TextChoices):
        ADDED = "added", "Added"
        FILLED = "filled", "Changed"
        UNCHANGED = "unchanged", "Known already"
        SAME_AS = "same_as", "Twice in the file"
        REFUSED = "refused", "Not imported"

    id = models.BigAutoField(primary_key=True)
    business = models.ForeignKey(
        Business, on_delete=models.CASCADE, related_name="import_rows", db_index=False
    )
    of = models.ForeignKey(
        Import, on_delete=models.CASCADE, related_name="rows", db_constraint=False, db_index=False
    )
    number = models.PositiveIntegerField(help_text="The line of the file on which it begins.")
    outcome = models.CharField(max_length=9, choices=Outcome.choices)
    words = models.TextField(blank=True, help_text="Why it was refused, or what was left out.")
    name = models.CharField(max_length=160, blank=True, help_text="As typed.")
    reach = models.CharField(max_length=160, blank=True, help_text="The number as typed, else the email.")
    client = models.ForeignKey(
        Client, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["business", "of", "number"], name="import_row_once"),
            TenantKey(field="of", name="import_row_tenant"),
            TenantKey(field="client", name="import_row_client_tenant"),
        ]
        indexes = [
            models.Index("business", "of", "outcome", "number", name="import_rows_page"),
            # Whoever comes a second time; and a campaign's audience.
            models.Index(
                "business", "client", "of", name="import_rows_client", condition=Q(client__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"Row {self.number}"
