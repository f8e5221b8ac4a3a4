"""The one place where appointments are written: booked, moved, cancelled, confirmed; and told to whoever acts on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from django.db import IntegrityError, transaction
from django.utils import timezone

from parley.appointments.models import Appointment, Service
from parley.businesses.models import Business, Member
from parley.businesses.tenancy import new_id
from parley.clients.elsewhere import Elsewhere
from parley.clients.happened import Happening, What, tell
from parley.clients.models import Client
from parley.live.nudges import nudge

Status = Appointment.Status


@transaction.atomic
def book(
    business: Business,
    client: Client,
    *,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    service: Service | None = None,
    member: Member | None = None,
    with_name: str = "",
    location: str = "",
    note: str = "",
    requested: bool = False,
    silent: bool = False,
    id: uuid.UUID | None = None,
) -> Appointment:
    """Write an appointment into the calendar; `requested`: the business has not agreed to it yet.

    `id`: chosen by the form, so that a second press of its button is the same appointment. Of what has begun already
    the client is told nothing.
    """
    appointment = Appointment(
        id=id or new_id(),
        business=business,
        client=client,
        service=service,
        member=member,
        title=title,
        with_name=with_name,
        location=location,
        note=note,
        starts_at=starts_at,
        ends_at=ends_at,
        status=Status.REQUESTED if requested else Status.BOOKED,
    )
    try:
        with transaction.atomic():
            appointment.save(force_insert=True)
    except IntegrityError:
        if known := Appointment.objects.filter(business=business, pk=appointment.id, client=client).first():
            return known
        # Somebody else's: this form cannot have chosen it by chance.
        appointment.id = new_id()
        appointment.save(force_insert=True)
    _tell(appointment, "requested" if requested else "booked", silent or _begun(appointment))
    return appointment


@transaction.atomic
def edit(business: Business, id: uuid.UUID, *, silent: bool = False, **fields: object) -> Appointment:
    """Change what an appointment is about, and its time: `starts_at` and `ends_at` among `fields` move it.

    Another time is a new one: what the client confirmed was the old. Of one that has begun already the client is told
    nothing. Raises Appointment.DoesNotExist.
    """
    appointment = held(business, id)
    before = appointment.starts_at
    for name, value in fields.items():
        setattr(appointment, name, value)
    moved = appointment.starts_at != before
    if moved:
        appointment.moves += 1
        appointment.confirmed_at = appointment.declined_at = appointment.asked_at = None
        appointment.declined_words = ""
    appointment.save()
    _tell(appointment, "moved" if moved and appointment.holds else "changed", silent or _begun(appointment))
    return appointment


@transaction.atomic
def cancel(business: Business, id: uuid.UUID, *, silent: bool = False) -> Appointment:
    """Take it off the calendar; what is cancelled already stays so. Raises Appointment.DoesNotExist."""
    appointment = held(business, id)
    if appointment.status != Status.CANCELLED:
        appointment.status = Status.CANCELLED
        appointment.declined_at = None
        appointment.save()
        _tell(appointment, "cancelled", silent or appointment.over(timezone.now()))
    return appointment


@transaction.atomic
def accept(business: Business, id: uuid.UUID, *, silent: bool = False) -> Appointment:
    """Agree to what was requested. Raises Appointment.DoesNotExist."""
    appointment = held(business, id)
    if appointment.status == Status.REQUESTED:
        appointment.status = Status.BOOKED
        appointment.save()
        _tell(appointment, "booked", silent or _begun(appointment))
    return appointment


@transaction.atomic
def missed(business: Business, id: uuid.UUID, came: bool) -> Appointment:
    """Write down that the client did not come, or that they did after all. Raises Appointment.DoesNotExist.

    What was cancelled stays so: nobody was expected.
    """
    appointment = held(business, id)
    if appointment.status != Status.CANCELLED:
        appointment.status = Status.BOOKED if came else Status.MISSED
        appointment.declined_at = None
        appointment.save()
        _tell(appointment, "changed")
    return appointment


@transaction.atomic
def confirm(business: Business, id: uuid.UUID, *, by_client: bool) -> Appointment:
    """They say they come: a member heard it, or the client answered (who is told that it was understood)."""
    appointment = held(business, id)
    if appointment.holds and appointment.confirmed_at is None:
        appointment.confirmed_at = timezone.now()
        appointment.declined_at, appointment.declined_words = None, ""
        appointment.save()
        _tell(appointment, "confirmed", silent=not by_client)
    return appointment


def asked(business: Business, ids: Iterable[uuid.UUID], at: datetime) -> None:
    """Their clients were asked to answer C: what they answer from then on is of this time. No happening."""
    Appointment.objects.filter(business=business, pk__in=list(ids)).update(asked_at=at)


def tell_answered(appointment: Appointment, what: Literal["confirmed", "declined"]) -> None:
    """Tell what a client's text has done already (`messaging.answering`), in the caller's transaction."""
    _tell(appointment, what)


@transaction.atomic
def decline(business: Business, id: uuid.UUID, words: str) -> Appointment:
    """The client wrote that they may not come: flagged for a member, and still on the calendar."""
    appointment = held(business, id)
    if appointment.holds:
        appointment.declined_at, appointment.declined_words = timezone.now(), words[:300]
        appointment.confirmed_at = None
        appointment.save()
        _tell(appointment, "declined")
    return appointment


@transaction.atomic
def keep(business: Business, id: uuid.UUID) -> Appointment:
    """A member has read what was flagged: it stays as it is."""
    appointment = held(business, id)
    appointment.declined_at, appointment.declined_words = None, ""
    appointment.save()
    _tell(appointment, "changed")
    return appointment


@transaction.atomic
def told_elsewhere(
    business: Business,
    client: Client,
    elsewhere: Elsewhere,
    *,
    status: str,
    title: str,
    starts_at: datetime,
    ends_at: datetime,
    with_name: str = "",
    location: str = "",
    service: Service | None = None,
    instead_of: str = "",
) -> Appointment:
    """Follow what another system says of an appointment of its own, in whatever order its words come.

    What it said before it last spoke of it changes nothing. A cancellation that comes before its booking is kept, so
    that the booking comes too late. `instead_of`: its former name there, where moving it gives it another; what is
    told under a former name comes too late.
    """
    known = _of(business, elsewhere.source, elsewhere.id)
    former = _of(business, elsewhere.source, instead_of) if instead_of else None
    if known is not None and former is not None and known.pk != former.pk:
        known = _one_of_both(former, known)
    if known is not None and former is None and instead_of:
        # What comes under that name, comes too late.
        known.source_before = [*known.source_before, instead_of]
        known.save(update_fields=["source_before"])
    if known is not None and known.source_id != elsewhere.id:
        return known
    if known is None and former is not None:
        known = former
        known.source_before = [*known.source_before, known.source_id]
        known.source_id = elsewhere.id
    if known is None:
        appointment = Appointment(
            business=business,
            client=client,
            service=service,
            title=title,
            with_name=with_name,
            location=location,
            starts_at=starts_at,
            ends_at=ends_at,
            status=status,
            source=elsewhere.source,
            source_id=elsewhere.id,
            source_at=elsewhere.at,
            source_before=[instead_of] if instead_of else [],
        )
        try:
            with transaction.atomic():
                appointment.save(force_insert=True)
        except IntegrityError:
            known = _of(business, elsewhere.source, elsewhere.id)
            if known is None:
                raise
        else:
            past = appointment.starts_at <= timezone.now()
            if status == Status.REQUESTED:
                _tell(appointment, "requested", past)
            elif status == Status.BOOKED:
                _tell(appointment, "booked", past)
            else:
                _tell(appointment, "cancelled", silent=True)
            return appointment
    if known.source_at is not None and known.source_at >= elsewhere.at:
        return known
    was, held_before = known.status, known.holds
    moved = known.starts_at != starts_at
    known.source_at, known.title, known.status = elsewhere.at, title, status
    known.starts_at, known.ends_at = starts_at, ends_at
    known.with_name, known.location = with_name or known.with_name, location or known.location
    known.service = service or known.service
    if moved:
        known.moves += 1
        known.confirmed_at = known.declined_at = known.asked_at = None
    known.save()
    what: What = "changed"
    if status == Status.CANCELLED:
        what = "cancelled" if held_before else "changed"
    elif status == Status.BOOKED and was != Status.BOOKED:
        what = "booked"
    elif moved:
        what = "moved"
    _tell(known, what, silent=known.starts_at <= timezone.now())
    return known


def _one_of_both(former: Appointment, later: Appointment) -> Appointment:
    """What came under two names before it was told that they are one; the client was told of either, or of both."""
    if former.source_at and later.source_at and former.source_at > later.source_at:
        former, later = later, former
    names = [*former.source_before, former.source_id, *later.source_before]
    if later.status == Status.CANCELLED and former.holds:
        # It was cancelled before anybody heard of it under this name, and they know it under the other.
        later.delete()
        former.status, former.starts_at, former.ends_at = Status.CANCELLED, later.starts_at, later.ends_at
        former.source_id, former.source_at, former.source_before = later.source_id, later.source_at, names
        former.save()
        _tell(former, "cancelled", silent=former.starts_at <= timezone.now())
        return former
    # Else its reminders would be planned on, of what is not there.
    former.status = Status.CANCELLED
    _tell(former, "cancelled", silent=True)
    former.delete()
    later.source_before = names
    later.save()
    return later


def held(business: Business, id: uuid.UUID) -> Appointment:
    """The appointment, locked until the transaction ends. Raises Appointment.DoesNotExist."""
    return (
        Appointment.objects.select_for_update(of=("self",))
        .select_related("client", "service")
        .get(business=business, pk=id)
    )


def _of(business: Business, source: str, source_id: str) -> Appointment | None:
    found = Appointment.objects.select_for_update(of=("self",)).select_related("client", "service")
    own = found.filter(business=business, source=source)
    return own.filter(source_id=source_id).first() or own.filter(source_before__contains=[source_id]).first()


def _begun(appointment: Appointment) -> bool:
    return appointment.starts_at <= timezone.now()


def _tell(appointment: Appointment, what: What, silent: bool = False) -> None:
    tell(Happening(appointment.client, appointment, what, silent))
    conversation = getattr(appointment.client, "conversation", None)
    nudge(appointment.business_id, [conversation.pk] if conversation else [])
