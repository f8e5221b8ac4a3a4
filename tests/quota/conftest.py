from __future__ import annotations

import uuid

from django.db.models import Sum

from parley.businesses.models import Business, Plan
from parley.quota.models import Balance, Entry, Order
from tests.browser import chromium, visit  # noqa: F401
from tests.businesses.test_office import office, operator  # noqa: F401
from tests.inbox.conftest import nora, sign_in  # noqa: F401
from tests.messaging.conftest import line, patience  # noqa: F401
from tests.quota.till import _provider, till  # noqa: F401


def add_up(business: Business) -> tuple[int, int]:
    """The ledger's two sums; they are the balance, or the test ends here."""
    pots = Entry.objects.filter(business=business).aggregate(monthly=Sum("monthly"), bought=Sum("bought"))
    sums = (pots["monthly"] or 0, pots["bought"] or 0)
    known = Balance.objects.filter(business=business).first()
    assert sums == ((known.monthly, known.bought) if known else (0, 0))
    return sums


def plan_of(texts: int) -> Plan:
    """A paid plan of so many segments a month."""
    plan, _ = Plan.objects.get_or_create(
        code=f"of-{texts}", defaults={"name": f"Plan of {texts}", "monthly_texts": texts}
    )
    return plan


def on_plan(business: Business, texts: int) -> None:
    """As the back office does it: with a save, which the ledger hears of."""
    business.plan = plan_of(texts)
    business.save(update_fields=["plan"])


def paid_order(business: Business, texts: int) -> Order:
    return Order.objects.create(
        business=business, texts=texts, cents=100, state=Order.State.PAID, provider_id=str(uuid.uuid4())
    )
