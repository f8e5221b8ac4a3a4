"""Which rule holds: the service's own, else the business's, else what `kinds` says."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from parley.alerts.kinds import KINDS, Kind
from parley.alerts.models import Rule
from parley.businesses.models import Business


def at_first(business: Business, kind: Kind) -> Rule:
    """The rule of a business that has said nothing of this kind: not saved."""
    return Rule(
        business=business,
        kind=kind.code,
        on=kind.on,
        sms=kind.sms,
        email=kind.email,
        amount=kind.amount,
        unit=kind.unit,
        confirms=kind.confirms,
        stop_line=False,
    )


class Rules:
    """All rules of one business: one query, whatever is asked."""

    def __init__(self, business: Business, rows: Iterable[Rule] | None = None) -> None:
        self.business = business
        saved = Rule.objects.filter(business=business) if rows is None else rows
        self._saved = {(rule.kind, rule.service_id): rule for rule in saved}
        for rule in self._saved.values():
            rule.business = business

    def of(self, kind: str, service_id: uuid.UUID | None = None) -> Rule:
        """The rule that holds for this kind; for what is of a service, that service's."""
        own = self._saved.get((kind, service_id)) if service_id else None
        return own or self._saved.get((kind, None)) or at_first(self.business, KINDS[kind])

    def own_of(self, kind: str, service_id: uuid.UUID) -> Rule | None:
        """What this service says for itself, if it does."""
        return self._saved.get((kind, service_id))

    def all_of(self, kind: str) -> list[Rule]:
        """What holds for this kind in general, and what services say for themselves."""
        own = [rule for (code, service), rule in self._saved.items() if code == kind and service]
        return [self.of(kind), *own]
