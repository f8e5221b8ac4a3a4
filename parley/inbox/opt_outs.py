"""The list of opt-outs: who asked for no more texts, how, and whether the law's ten business days were kept.

And the ledger as a file, for whoever asks for the evidence.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, cast

from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from parley.businesses.access import MemberRequest, for_managers, for_members
from parley.businesses.models import Business, Member
from parley.clients.models import Client, Consent
from parley.inbox.consent import Record
from parley.inbox.doubts import IN_DOUBT
from parley.sms.business_days import due
from parley.sms.numbers import pretty
from parley.ui.spreadsheet import rows_as_csv

Category, How, Says = Consent.Category, Consent.How, Consent.Says

PAGE = 50
# 47 CFR 64.1200(a)(10) and CASL s. 11(3): within ten business days. Reviewed 2026-11-25.
DAYS = 10
TOLD = (How.IN_PERSON, How.BY_PHONE, How.BY_EMAIL, How.ON_PAPER)
SHOWS = {"all": "All", "waiting": "Waiting for an answer", "told": "Told to us"}


@dataclass(frozen=True, slots=True)
class Row:
    """One opt-out, or one text that may have been one."""

    line: Consent
    client: Client | None
    business: Business
    reader: Member

    @property
    def record(self) -> Record:
        return Record(self.line, self.business.zone)

    @property
    def who(self) -> str:
        return self.client.name if self.client else pretty(self.line.phone)

    @property
    def number(self) -> str:
        """Beside the name, where there is one."""
        return pretty(self.line.phone) if self.client and self.client.named else ""

    @property
    def what(self) -> str:
        return "Marketing" if self.line.category == Category.MARKETING else "All texts"

    @property
    def later(self) -> str:
        """What was said next about the same: agreed, refused, meant_else; empty if nothing was."""
        return self.line.later or ""  # type: ignore[attr-defined]

    @property
    def asked(self) -> bool:
        """It waits for somebody to say what was meant."""
        return self.line.says == Says.DOUBTFUL and not self.later

    @property
    def state(self) -> str:
        if self.asked:
            return "Being asked"
        if self.line.says == Says.DOUBTFUL and self.later != Says.REFUSED:
            return "Not an opt-out"
        if self.line.says == Says.REFUSED and self.later == Says.AGREED:
            return "Agreed again"
        return "Honored"

    @property
    def tone(self) -> str:
        return {"Being asked": "pending", "Honored": "good"}.get(self.state, "quiet")

    @property
    def undoable(self) -> bool:
        """Shown to those who may; what else stands against it is said by the page that it leads to."""
        recorded = self.line.says == Says.REFUSED and not self.later and self.line.how in Consent.BY_TEAM
        return recorded and self.reader.manages and self.client is None

    @property
    def took(self) -> str:
        """How long it was until Parley acted on it: at once, 4 minutes later, 2 days later."""
        return later_by(self.line.recorded_at - self.line.said_at)

    @property
    def due(self) -> date:
        """The last day on which the law lets a text go out to them still."""
        country = self.business.country if self.business.country in ("US", "CA") else "US"
        said = self.line.said_at.astimezone(self.business.zone).date()
        return due(said, DAYS, cast(Literal["US", "CA"], country))


def later_by(time: timedelta) -> str:
    """A span as a sentence says it, in its largest unit."""
    seconds = int(time.total_seconds())
    if seconds < 5:
        return "at once"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''} later"
    raise AssertionError  # five seconds are seconds


def shown(business: Business, show: str) -> QuerySet[Consent]:
    """The lines of the list, newest first, each with what was said `later` about the same."""
    about = Case(
        When(category=Category.MARKETING, then=Value(Category.MARKETING)), default=Value(Category.SERVICE)
    )
    after = (
        Consent.objects.filter(business=OuterRef("business"), phone=OuterRef("phone"), id__gt=OuterRef("id"))
        .exclude(says=Says.DOUBTFUL)
        .filter(Q(category=Category.ALL) | Q(category=OuterRef("about")))
        .order_by("id")
    )
    lines = business.consents.filter(says__in=[Says.REFUSED, Says.DOUBTFUL])
    if show == "told":
        lines = lines.filter(says=Says.REFUSED, how__in=TOLD)
    if show == "waiting":
        # By the few numbers that are in doubt now, not by all that ever were.
        doubted = business.handsets.filter(IN_DOUBT).values_list("service_by", "marketing_by")
        lines = lines.filter(says=Says.DOUBTFUL, pk__in={id for pair in doubted for id in pair if id})
    return lines.annotate(about=about, later=Subquery(after.values("says")[:1])).order_by(F("id").desc())


@require_GET
@for_members
def opt_outs(request: MemberRequest) -> HttpResponse:
    """The list. `show` filters it, `before` is the last line already shown."""
    business = request.member.business
    show = request.GET.get("show", "all")
    if show not in SHOWS:
        raise Http404
    lines = shown(business, show)
    if before := request.GET.get("before"):
        if not before.isdecimal() or len(before) > 18:
            raise Http404
        lines = lines.filter(id__lt=int(before))
    page = list(lines[: PAGE + 1])
    clients = {c.phone: c for c in business.clients.filter(phone__in={line.phone for line in page})}
    context = {
        "place": "clients",
        "show": show,
        "filters": list(SHOWS.items()),
        "rows": [Row(line, clients.get(line.phone), business, request.member) for line in page[:PAGE]],
        "more": page[PAGE - 1] if page[PAGE:] else None,
    }
    if request.headers.get("HX-Target") == "li#more":
        return render(request, "inbox/consent/_opt_outs.html", context)
    if request.headers.get("HX-Target") == "section#opt-outs":
        return render(request, "inbox/consent/_list.html", context)
    return render(request, "inbox/consent/opt_outs.html", context)


# ---- The evidence as a file

HEADINGS = [
    "Line", "Number", "Client", "About", "Said", "How", "Words", "Sent to", "Said at (UTC)", "Said at (local)",
    "Recorded at (UTC)", "Recorded at (local)", "Recorded by", "Source",
]  # fmt: skip
CHUNK = 1000


def _at(at: datetime, business: Business) -> tuple[str, str]:
    return at.astimezone(UTC).isoformat(), at.astimezone(business.zone).isoformat()


def _cells(business: Business, line: Consent, client: Client | None) -> list[Any]:
    return [
        line.id, line.phone, client.name if client and client.named else "", line.get_category_display(),
        line.get_says_display(), line.get_how_display(), line.words, line.our_number,
        *_at(line.said_at, business), *_at(line.recorded_at, business), line.by_name, line.source,
    ]  # fmt: skip


def ledger_rows(business: Business, lines: QuerySet[Consent]) -> Iterator[list[Any]]:
    """Every line in the order in which it was written. Never more than a chunk is held at once."""
    last = 0
    while chunk := list(lines.filter(id__gt=last).order_by("id")[:CHUNK]):
        found = business.clients.filter(phone__in={line.phone for line in chunk})
        clients = {client.phone: client for client in found}
        for line in chunk:
            yield _cells(business, line, clients.get(line.phone))
        last = chunk[-1].id


def _file(business: Business, lines: QuerySet[Consent], name: str) -> StreamingHttpResponse:
    today = timezone.now().astimezone(business.zone).date()
    return rows_as_csv(f"{name}-{today}", HEADINGS, ledger_rows(business, lines))


@require_GET
@for_managers
def export(request: MemberRequest) -> HttpResponseBase:
    """The whole ledger of the business."""
    business = request.member.business
    return _file(business, business.consents.all(), "consent")


@require_GET
@for_managers
def export_of_client(request: MemberRequest, id: uuid.UUID) -> HttpResponseBase:
    """The ledger of one client's number."""
    business = request.member.business
    client = get_object_or_404(business.clients.exclude(phone=""), pk=id)
    return _file(business, business.consents.filter(phone=client.phone), f"consent-{client.phone[-4:]}")
