"""The one place where payment requests and estimates are written, and told to whoever acts on it."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any, NotRequired, TypedDict, TypeVar, Unpack

from django.db import IntegrityError, transaction
from django.utils import timezone

from parley.businesses.models import Business
from parley.businesses.tenancy import new_id
from parley.clients.elsewhere import Elsewhere
from parley.clients.happened import Happening, What, tell
from parley.clients.models import Client
from parley.live.nudges import nudge
from parley.payments import news
from parley.payments.models import Asked, Estimate, PaymentRequest

T = TypeVar("T", bound=Asked)
# By country (ISO 4217): where Parley texts.
CURRENCIES = {"US": "USD", "CA": "CAD"}


class NotOpen(Exception):
    """It has been paid, answered or cancelled meanwhile, and is not changed any more."""


def currency_of(business: Business) -> str:
    return CURRENCIES.get(business.country, "USD")


class Fields(TypedDict):
    """What is written of both. `silent`: the client is told nothing. Twice with the same `id` (of `new_id`) is one."""

    title: str
    cents: int
    details: NotRequired[str]
    link: NotRequired[str]
    silent: NotRequired[bool]
    id: NotRequired[uuid.UUID | None]


class Due(Fields):
    due_on: NotRequired[date | None]


class Expires(Fields):
    expires_on: NotRequired[date | None]


def ask(business: Business, client: Client, **fields: Unpack[Due]) -> PaymentRequest:
    """Ask a client for a payment."""
    return _write(PaymentRequest, "asked", business, client, **fields)


def offer(business: Business, client: Client, **fields: Unpack[Expires]) -> Estimate:
    """Send a client an estimate."""
    return _write(Estimate, "offered", business, client, **fields)


@transaction.atomic
def edit(asked: T, *, silent: bool = True, **fields: object) -> T:
    """Change an open one: its words, sum or dates. Reminders follow a new date. Raises NotOpen."""
    now = _held(asked)
    if now.status != "open":  # type: ignore[attr-defined]
        raise NotOpen
    for name, value in fields.items():
        setattr(now, name, value)
    now.save()
    _tell(now, "changed", silent)
    return now


@transaction.atomic
def pay(request: PaymentRequest, *, how: str = "", silent: bool = False) -> PaymentRequest:
    """Write down that it was paid; what is paid already stays so."""
    now = _held(request)
    if now.status != PaymentRequest.Status.PAID:
        now.status, now.paid_how, now.closed_at = PaymentRequest.Status.PAID, how[:60], timezone.now()
        now.save()
        _tell(now, "paid", silent)
    return now


@transaction.atomic
def answer(estimate: Estimate, *, accepted: bool, by_client: bool = False) -> Estimate:
    """The client took it, or did not. What is answered or withdrawn already stays so.

    Members are told of what a client answered by themselves.
    """
    now = _held(estimate)
    if now.status == Estimate.Status.OPEN:
        now.status = Estimate.Status.ACCEPTED if accepted else Estimate.Status.DECLINED
        now.closed_at = timezone.now()
        now.save()
        _tell(now, "accepted" if accepted else "declined")
        if by_client:
            news.answered(now)
    return now


@transaction.atomic
def cancel(asked: T) -> T:
    """Take back a request, or an estimate, that is open. The client is told nothing."""
    now = _held(asked)
    if now.status == "open":  # type: ignore[attr-defined]
        now.status, now.closed_at = "cancelled", timezone.now()  # type: ignore[attr-defined]
        now.save()
        _tell(now, "cancelled", silent=True)
    return now


def viewed(asked: Asked) -> None:
    """Its page was opened by whoever has its address."""
    found = type(asked)._default_manager.filter(pk=asked.pk, business_id=asked.business_id, viewed_at=None)
    if found.update(viewed_at=timezone.now()):
        conversation = getattr(asked.client, "conversation", None)
        nudge(asked.business_id, [conversation.pk] if conversation else [])


@transaction.atomic
def told_elsewhere(
    kind: type[T], business: Business, client: Client, elsewhere: Elsewhere, *, status: str, **fields: object
) -> T:
    """Follow what another system says of a sum it asked for, or an estimate, in whatever order its words come.

    What it said before it last spoke of it changes nothing; "paid" is final, for money has no other order.
    """
    known = _of(kind, business, elsewhere)
    if known is None:
        made = kind(
            business=business,
            client=client,
            status=status,
            source=elsewhere.source,
            source_id=elsewhere.id,
            source_at=elsewhere.at,
            closed_at=None if status == "open" else elsewhere.at,
            **fields,
        )
        try:
            with transaction.atomic():
                made.save(force_insert=True)
        except IntegrityError:
            known = _of(kind, business, elsewhere)
            if known is None:
                raise
        else:
            whats: dict[str, What] = {
                "open": "asked" if kind is PaymentRequest else "offered",
                "paid": "paid",
            }
            _tell(made, whats.get(status, "cancelled"), silent=status not in whats)
            news.settled(made)
            return made
    if known.source_at is not None and known.source_at >= elsewhere.at and status != "paid":
        return known
    was = known.status  # type: ignore[attr-defined]
    if was == "paid":
        return known
    for name, value in fields.items():
        setattr(known, name, value)
    known.source_at = max(elsewhere.at, known.source_at or elsewhere.at)
    known.status = status  # type: ignore[attr-defined]
    if status != "open" and was == "open":
        known.closed_at = elsewhere.at
    known.save()
    follows: dict[str, What] = {"paid": "paid", "accepted": "accepted", "declined": "declined"}
    changed = status != was
    _tell(
        known,
        follows.get(status, "cancelled") if changed and status != "open" else "changed",
        silent=status not in follows,
    )
    if changed:
        news.settled(known)
    return known


@transaction.atomic
def _write(
    kind: type[T],
    what: What,
    business: Business,
    client: Client,
    *,
    silent: bool = False,
    id: uuid.UUID | None = None,
    **fields: Any,
) -> T:
    """It, saved and told; or what the same form has written already."""
    asked = kind(
        id=id or new_id(), business=business, client=client, currency=currency_of(business), **fields
    )
    try:
        with transaction.atomic():
            asked.save(force_insert=True)
    except IntegrityError:
        known = kind._default_manager.filter(business=business, pk=asked.pk).first()
        if known is None:
            raise
        return known
    _tell(asked, what, silent)
    return asked


def _held(asked: T) -> T:
    """It, as it is now, locked until the transaction ends."""
    found = type(asked)._default_manager.select_for_update(of=("self",)).select_related("client", "business")
    return found.get(business_id=asked.business_id, pk=asked.pk)


def _of(kind: type[T], business: Business, elsewhere: Elsewhere) -> T | None:
    found = kind._default_manager.select_for_update(of=("self",)).select_related("client", "business")
    return found.filter(business=business, source=elsewhere.source, source_id=elsewhere.id).first()


def find(kind: type[T], business: Business, id: uuid.UUID) -> T:
    """One of the business's own. Raises its DoesNotExist."""
    return kind._default_manager.select_related("client").get(business=business, pk=id)


def _tell(asked: Asked, what: What, silent: bool = False) -> None:
    tell(Happening(asked.client, asked, what, silent))
    conversation = getattr(asked.client, "conversation", None)
    nudge(asked.business_id, [conversation.pk] if conversation else [])
