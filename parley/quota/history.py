"""Where texts went: the ledger as people read it, a month at a time.

The lines of a business are numbered in the order of its months (see `ledger`), so a month is a range of numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models import QuerySet, Sum

from parley.businesses.models import Business
from parley.quota.models import Entry

if TYPE_CHECKING:
    from parley.messaging.models import Message

PAGE = 50

SPENT_FOR = {"automatic": "Automatic text", "direct": "Direct text", "marketing": "Campaign text"}
WORDS = {
    Entry.Kind.MONTH: "The month’s texts",
    Entry.Kind.LAPSED: "Not used, lost with the month",
    Entry.Kind.PLAN: "A larger plan",
    Entry.Kind.REFUND: "Came back, not sent",
    Entry.Kind.BOUGHT: "Bought",
    Entry.Kind.GIVEN: "Given",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the ledger, and the text it is about if that is still there."""

    entry: Entry
    message: Message | None = None

    @property
    def words(self) -> str:
        entry = self.entry
        if entry.kind == Entry.Kind.SPENT:
            return SPENT_FOR[entry.used_for]
        return WORDS[Entry.Kind(entry.kind)] + (f": {entry.note}" if entry.note else "")

    @property
    def change(self) -> str:
        return signed(self.entry.monthly + self.entry.bought)

    @property
    def of_bought(self) -> str:
        """Said of a text that took bought ones, or brought them back; the others' kind says it."""
        count = abs(self.entry.bought)
        if not count or not self.entry.used_for:
            return ""
        return f"{count} of them bought" if self.entry.monthly else "bought"


class History:
    """One month of a business's ledger: the month asked for (2026-11), else the newest. Four queries at most."""

    def __init__(self, business: Business, asked: str = "", before: int = 0) -> None:
        self.business = business
        self.before = before
        begun = list(
            business.entries.filter(kind=Entry.Kind.MONTH).order_by("-month").values_list("month", "id")
        )
        months = [month for month, _ in begun]
        self.place = next((n for n, month in enumerate(months) if f"{month:%Y-%m}" == asked), 0)
        self.month: date | None = months[self.place] if months else None
        self.earlier = months[self.place + 1] if months[self.place + 1 :] else None
        self.later = months[self.place - 1] if self.place else None
        self._first = begun[self.place][1] if begun else 0
        self._next = begun[self.place - 1][1] if self.place else None

    @property
    def _entries(self) -> QuerySet[Entry]:
        entries = self.business.entries.filter(id__gte=self._first)
        return entries.filter(id__lt=self._next) if self._next else entries

    @cached_property
    def sums(self) -> list[tuple[str, int]]:
        """What came and what went, in segments, as (words, how many); what did not happen is left out."""
        by_kind: dict[str, int] = {}
        for kind, used_for, monthly, bought in (
            self._entries.values_list("kind", "used_for")
            .annotate(month_part=Sum("monthly"), bought_part=Sum("bought"))
            .order_by()
        ):
            what = used_for if kind == Entry.Kind.SPENT else kind
            by_kind[what] = by_kind.get(what, 0) + monthly + bought
        told = (
            ("The month’s texts", by_kind.get("month", 0) + by_kind.get("plan", 0)),
            ("Bought", by_kind.get("bought", 0)),
            ("Given", by_kind.get("given", 0)),
            ("Automatic", by_kind.get("automatic", 0)),
            ("Direct", by_kind.get("direct", 0)),
            ("Campaigns", by_kind.get("marketing", 0)),
            ("Came back", by_kind.get("refund", 0)),
            ("Not used", by_kind.get("lapsed", 0)),
        )
        return [(words, count) for words, count in told if count]

    @cached_property
    def _page(self) -> list[Entry]:
        entries = self._entries.filter(id__lt=self.before) if self.before else self._entries
        return list(entries.order_by("-id")[: PAGE + 1])

    @cached_property
    def lines(self) -> list[Line]:
        """Newest first, with the conversations that their texts are in."""
        page = self._page[:PAGE]
        texts = self.business.messages.select_related("conversation__client").in_bulk(
            [entry.message_id for entry in page if entry.message_id]
        )
        return [Line(entry, texts.get(entry.message_id)) for entry in page]

    @property
    def more(self) -> int:
        """The number before which the next page begins; 0 if this is the last."""
        return self._page[PAGE - 1].id if self._page[PAGE:] else 0


def signed(count: int) -> str:
    """+2,000 or −3, with a real minus sign."""
    return f"{'−' if count < 0 else '+' if count else ''}{abs(count):,}"
