"""A text that may have been an opt-out: the question that a member is asked about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, TypeVar

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from parley.businesses.models import Business
from parley.clients.models import Consent, Handset
from parley.ui.templatetags.ui import clock

Says = Consent.Says
Rows = TypeVar("Rows", bound=QuerySet[Any])

IN_DOUBT = Q(service=Handset.Service.DOUBTFUL) | Q(marketing=Handset.Marketing.DOUBTFUL)


def with_doubt(conversations: Rows) -> Rows:
    """Each conversation says as `in_doubt` whether a question about its client is open; no query of its own.

    Not EXISTS: for a list of any length PostgreSQL might read every handset there is, once, instead of these few.
    """
    own = Handset.objects.filter(business=OuterRef("business"), phone=OuterRef("client__phone"))
    return conversations.annotate(in_doubt=Subquery(own.filter(IN_DOUBT).values("pk")[:1]))


@dataclass(frozen=True, slots=True)
class Doubt:
    """What a client texted that may have been an opt-out, and until when somebody may say otherwise."""

    line: Consent
    ends_at: datetime | None
    zone: tzinfo

    @property
    def ends(self) -> str:
        """Thu 10:42 AM."""
        if self.ends_at is None:
            return ""
        return f"{self.ends_at.astimezone(self.zone):%a} {clock(self.ends_at, self.zone)}"

    @property
    def over(self) -> bool:
        return self.ends_at is not None and self.ends_at <= timezone.now()


def doubt_about(business: Business, phone: str) -> Doubt | None:
    """The open question about this number, if there is one."""
    known = business.handsets.filter(IN_DOUBT, phone=phone).first()
    return doubt_of(business, known) if known else None


def doubt_of(business: Business, known: Handset) -> Doubt | None:
    """The question that is open while `known` is doubtful."""
    asked = business.consents.filter(phone=known.phone, says=Says.DOUBTFUL).order_by("-id").first()
    return Doubt(asked, known.doubt_ends_at, business.zone) if asked else None


def answered_by(line: Consent) -> Consent | None:
    """What settled the question that this line asked; None while it is open."""
    later = line.business.consents.filter(phone=line.phone, id__gt=line.id).exclude(says=Says.DOUBTFUL)
    about = [line.category, Consent.Category.ALL]
    if line.category == Consent.Category.ALL:
        about.append(Consent.Category.SERVICE)
    return later.filter(category__in=about).order_by("id").first()
