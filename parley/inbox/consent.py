"""What a client agreed to, as a member reads it: what holds now, why, and the ledger line by line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property

from parley.businesses.models import Business
from parley.clients.consent import may_be_undone
from parley.clients.models import Client, Consent, Handset
from parley.inbox.doubts import Doubt, doubt_of
from parley.sms.numbers import pretty
from parley.ui.templatetags.ui import clock, weekday

Category, Says, How = Consent.Category, Consent.Says, Consent.How

# As many lines as the card shows by itself.
SHORT = 3
PAGE = 50

WHAT = {
    (Says.AGREED, Category.ALL): "Agreed to texts",
    (Says.AGREED, Category.SERVICE): "Agreed to service texts",
    (Says.AGREED, Category.MARKETING): "Agreed to marketing",
    (Says.REFUSED, Category.ALL): "Opted out of all texts",
    (Says.REFUSED, Category.SERVICE): "Opted out of service texts",
    (Says.REFUSED, Category.MARKETING): "Opted out of marketing",
}
HOW = {
    How.TEXT: "by text",
    How.CARRIER: "the carrier said so",
    How.IN_PERSON: "in person",
    How.BY_PHONE: "by phone",
    How.BY_EMAIL: "by email",
    How.WEB_FORM: "on a web form",
    How.ON_PAPER: "on paper",
    How.UNANSWERED: "nobody said otherwise within a day",
    How.MEMBER: "decided by your team",
}


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the ledger in words."""

    line: Consent
    zone: tzinfo

    @property
    def undoes(self) -> bool:
        return self.line.says == Says.AGREED and self.line.how == How.MEMBER

    @property
    def what(self) -> str:
        says, category = Says(self.line.says), Category(self.line.category)
        if says == Says.DOUBTFUL:
            return "May have opted out"
        if says == Says.MEANT_ELSE:
            return "It was about an appointment"
        if self.undoes:
            return "An opt-out was undone"
        return WHAT[says, category]

    @property
    def how(self) -> str:
        """In the middle of a sentence; empty where the record says nothing but who decided."""
        if self.line.how == How.MEMBER and self.line.by_name:
            return ""
        return HOW[How(self.line.how)]

    @property
    def at(self) -> str:
        """Tue, Nov 18, 3:18 PM."""
        return moment(self.line, self.zone)

    @property
    def by(self) -> str:
        """Who wrote it down, or decided; empty for what came by itself."""
        name = self.line.by_name
        if not name:
            return ""
        if self.line.how == How.TEXT:
            return f"{name} said that it meant no more texts."
        if self.line.how == How.MEMBER:
            return f"{name} {'undid it' if self.undoes else 'said so'}."
        return f"Recorded by {name}."

    @property
    def icon(self) -> str:
        return {Says.REFUSED: "block", Says.DOUBTFUL: "clock"}.get(Says(self.line.says), "check-circle")


def moment(line: Consent, zone: tzinfo) -> str:
    return f"{weekday(line.said_at, zone)}, {clock(line.said_at, zone)}"


@dataclass(frozen=True, slots=True)
class Reach:
    """That texts do not get to a number, and what helps."""

    title: str
    words: str


REACH = {
    Handset.Reach.LANDLINE: Reach(
        "Landline", "Texts can’t get there. Ask for a mobile number, or send an email."
    ),
    Handset.Reach.INVALID: Reach(
        "Not a working number",
        "The carrier says that nobody has it. Look for a slip of the finger, or ask for the new number.",
    ),
    Handset.Reach.UNREACHABLE: Reach(
        "Out of reach lately",
        "The last texts did not get through. You can still try; if it lasts, ask whether this is still the number.",
    ),
}


class Standing:
    """What holds for one number of a business: a handful of queries at most, however long the ledger is."""

    def __init__(self, business: Business, phone: str) -> None:
        self.business = business
        self.phone = phone
        self.zone = business.zone

    @cached_property
    def handset(self) -> Handset:
        """As the database has it, or as it is for a number that nothing is known of."""
        known = self.business.handsets.filter(phone=self.phone).first()
        nothing = {"service": "", "marketing": "", "reach": ""}
        return known or Handset(business=self.business, phone=self.phone, **nothing)

    @cached_property
    def _newest(self) -> list[Consent]:
        return list(self.business.consents.filter(phone=self.phone).order_by("-id")[: SHORT + 1])

    @property
    def history(self) -> list[Record]:
        return [Record(line, self.zone) for line in self._newest[:SHORT]]

    @property
    def more(self) -> bool:
        """Is there more in the ledger than `history` shows?"""
        return len(self._newest) > SHORT

    @cached_property
    def _by(self) -> dict[int, Consent]:
        ids = [id for id in (self.handset.service_by, self.handset.marketing_by) if id]
        return {line.id: line for line in self.business.consents.filter(pk__in=ids)} if ids else {}

    def _record(self, id: int | None) -> Record | None:
        line = self._by.get(id or 0)
        return Record(line, self.zone) if line else None

    @property
    def service(self) -> Record | None:
        """What made it so that service texts are welcome or not; None if nothing was ever said."""
        return self._record(self.handset.service_by)

    @property
    def marketing(self) -> Record | None:
        return self._record(self.handset.marketing_by)

    @cached_property
    def doubt(self) -> Doubt | None:
        if "doubtful" not in (self.handset.service, self.handset.marketing):
            return None
        return doubt_of(self.business, self.handset)

    @property
    def reach(self) -> Reach | None:
        return REACH.get(Handset.Reach(self.handset.reach)) if self.handset.reach else None

    # ---- What a member may do about it

    @property
    def refusal(self) -> Record | None:
        """The opt-out that holds: of all texts, else of marketing."""
        if self.handset.service == Handset.Service.REFUSED:
            return self.service
        return self.marketing if self.handset.marketing == Handset.Marketing.REFUSED else None

    @cached_property
    def theirs(self) -> bool:
        """They opted out themselves, or a carrier said so: only they can undo it, whatever was recorded since."""
        by = self.refusal
        if by is None or by.line.how not in Consent.BY_TEAM:
            return by is not None
        all_texts = self.handset.service == Handset.Service.REFUSED
        return not may_be_undone(
            self.business, self.phone, Category.SERVICE if all_texts else Category.MARKETING
        )

    @cached_property
    def to_undo(self) -> Record | None:
        """The opt-out that a manager may undo: one that a member recorded, with something to go back to."""
        by = self.refusal
        return by if by and not self.theirs and self._back_to else None

    @cached_property
    def _back_to(self) -> Consent.Category | None:
        """What holds again once the opt-out is undone: never more than was agreed to before it."""
        by = self.refusal
        assert by is not None
        before = (
            self.business.consents.filter(phone=self.phone, id__lt=by.line.id)
            .filter(category__in=[Category.ALL, Category.MARKETING], says__in=[Says.AGREED, Says.REFUSED])
            .order_by("-id")
            .first()
        )
        agreed = before is not None and before.says == Says.AGREED
        if self.handset.service == Handset.Service.REFUSED:
            return Category.ALL if agreed else Category.SERVICE
        return Category.MARKETING if agreed else None

    @property
    def undone(self) -> Consent.Category:
        """The category that undoing the opt-out records; only where `to_undo` says that it may be."""
        assert self.to_undo is not None
        assert self._back_to is not None
        return self._back_to

    @property
    def can_opt_out(self) -> bool:
        """Is there anything left to refuse?"""
        return self.handset.service != Handset.Service.REFUSED

    @property
    def can_agree(self) -> bool:
        """May consent to marketing be recorded now? Not over what they texted, nor while no text is welcome."""
        if self.handset.service or self.handset.marketing == Handset.Marketing.DOUBTFUL:
            return False
        return self.handset.marketing != Handset.Marketing.AGREED and not self.theirs

    @property
    def start_to(self) -> str:
        """The number that START goes to, as people write it; empty if it is not known which one they wrote to."""
        by = self.refusal
        return pretty(by.line.our_number) if by and by.line.our_number else ""


def standing_of(business: Business, client: Client) -> Standing | None:
    """None for a client without a number: nothing can be agreed to for it."""
    return Standing(business, client.phone) if client.phone else None
