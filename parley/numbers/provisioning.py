"""From a registration to a number of its own, and back: bought, handed to the carriers, given back.

A carrier has no key that makes buying safe to repeat, so it is made safe here, whoever dies at whatever step:

1. `choose`  one number that the carrier offers, committed as `registration.wanted` before any purchase;
2. `rent`    that very number. Asking for it again never buys a second: a number can be had once. What was bought and
             not recorded is found in the carrier's own list by its number, and bears our registration as its label;
3. `bind`    the number's row and the registration's, in one transaction;
4. `hand_over` the answers to the carriers, who take one request for a number: what was sent and not recorded is found
             in their list, by the reference of this submission.

Each step commits what it found, looks before it acts, and may run twice or in two workers at once. While the carrier
cannot be had, `registration.trouble` says so, and the job comes back.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, cast

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.carriers.base import (
    Application,
    BusinessType,
    Doubt,
    NotSent,
    OptIn,
    Paused,
    Refused,
    Rented,
    SendError,
    TooLate,
    Unavailable,
    Use,
    Verification,
)
from parley.carriers.directory import ask, seller
from parley.live.nudges import nudge
from parley.numbers import checker
from parley.numbers.checker import Finding
from parley.numbers.models import PhoneNumber, Registration
from parley.numbers.texting import lacks
from parley.numbers.verdicts import is_old_verdict, reject, settle
from parley.sms.addresses import COUNTRIES, REGIONS, WORDS
from parley.sms.numbers import is_toll_free

Status = Registration.Status

# By name, for the tasks' module imports this one.
HAND_OVER = "hand_over_registration"
GIVE_BACK = "give_back_number"
ADOPT = "adopt_number"
ASK = "ask_about_registration"
POINT = "point_number"

# The carrier's lists may lag behind what it did: that they lack something proves its absence only so long after.
LIST_LAG = timedelta(seconds=60)


class NotReady(Exception):
    """It cannot be sent like this; `findings` say why, each at its answer."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__(", ".join(finding.field for finding in findings))
        self.findings = findings


class Waits(Exception):
    """Not done yet, and nobody's fault here: the job comes back."""


def submit(registration: Registration) -> None:
    """Send it, or send it again after a rejection. Raises NotReady. A second tap sends nothing twice."""
    with transaction.atomic():
        row = (
            Registration.objects.select_for_update(of=("self",))
            .select_related("business__plan")
            .get(pk=registration.pk, business_id=registration.business_id)
        )
        if row.status in (Status.DRAFT, Status.REJECTED):
            if standing := _against(row):
                raise NotReady(standing)
            row.status = Status.SUBMITTED
            row.sent = answers(row)
            row.submissions += 1
            row.submitted_at = timezone.now()
            row.decided_at = row.overdue_told_at = None
            row.trouble = ""
            row.save()
            _defer(HAND_OVER, row.pk, registration_id=str(row.pk), business_id=str(row.business_id))
    registration.refresh_from_db()


def answers(registration: Registration) -> list[list[str]]:
    """What is sent, as [label, answer] in words, in the order of the form: a list, for PostgreSQL sorts objects."""
    return [[label, answer] for label, answer in _answers(registration) if answer]


def evidence_urls(registration: Registration) -> list[str]:
    """The public addresses where carriers see how people agree: the picture, if there is one, and our own page."""
    page = f"{settings.PUBLIC_URL}/opt-in/{registration.pk}"
    return [f"{page}/picture", page] if registration.opt_in_picture_type else [page]


def label_of(registration: Registration) -> str:
    """By which a number that was bought for it is known at the carrier."""
    return f"Parley {registration.pk}"


def webhook(carrier: str) -> str:
    """Where a carrier tells us what clients text."""
    return f"{settings.PUBLIC_URL}/hooks/{carrier}/text"


def addresses(carrier: str) -> dict[str, str]:
    """Where a carrier tells us what comes to a number, and asks what becomes of its calls."""
    voice = f"{settings.PUBLIC_URL}/voice/{carrier}"
    return {"sms_url": webhook(carrier), "voice_url": f"{voice}/call", "ended_url": f"{voice}/ended"}


def set_going(registration: Registration) -> None:
    """See that a submitted one is being worked at: its job was lost if there is none (a database from a backup)."""
    defer_unless_under_way(
        HAND_OVER,
        registration.pk,
        registration_id=str(registration.pk),
        business_id=str(registration.business_id),
    )


def advance(registration_id: uuid.UUID, business_id: uuid.UUID) -> None:
    """All that is left to do until the carriers have it. Raises Waits if something is in the way just now."""
    registration = (
        Registration.objects.select_related("business", "number")
        .filter(pk=registration_id, business_id=business_id, status=Status.SUBMITTED)
        .first()
    )
    if registration is None:
        return
    try:
        if registration.number is None:
            choose(registration)
            bind(registration, rent(registration))
        hand_over(registration)
    except SendError as error:
        if _submitted(registration).exclude(trouble=error.words).update(trouble=error.words):
            nudge(business_id, [])
        raise Waits(type(error).__name__) from None


def choose(registration: Registration) -> None:
    """Step 1: settle on one number. Two workers settle on the same: the first one's choice stands."""
    if not registration.wanted:
        number = _bought_already(registration) or _offered(registration)
        _submitted(registration).filter(number=None, wanted="").update(wanted=number, tried_at=None)
        registration.refresh_from_db()


def rent(registration: Registration) -> Rented:
    """Step 2: have the chosen number, once."""
    found = _held(registration)
    if found is not None:
        # Bought by a job that died, or by an installation that this database was copied from.
        carrier_id = found.carrier_id
        ask(seller(), lambda carrier: carrier.update(carrier_id, **addresses(carrier.name)))
        return found
    if not registration.wanted:
        raise Waits
    _submitted(registration).filter(tried_at=None).update(tried_at=timezone.now())
    try:
        return ask(
            seller(),
            lambda carrier: carrier.buy(
                registration.wanted, label=label_of(registration), **addresses(carrier.name)
            ),
        )
    except (Doubt, Refused) as error:
        if found := _held(registration):
            return found
        if isinstance(error, Refused) and error.taken:
            _let_go(registration)
        raise


def bind(registration: Registration, rented: Rented) -> PhoneNumber:
    """Step 3: the number is this business's, though not approved yet."""
    number = None
    try:
        with transaction.atomic():
            row = Registration.objects.select_for_update().get(pk=registration.pk)
            if row.number_id:
                number = PhoneNumber.objects.get(pk=row.number_id)
            elif row.status == Status.SUBMITTED and row.wanted == rented.number:
                number = PhoneNumber.objects.create(
                    number=rented.number,
                    duty=PhoneNumber.Duty.BUSINESS,
                    business_id=row.business_id,
                    carrier=seller(),
                    carrier_id=rented.carrier_id,
                    asks_at=addresses(seller())["voice_url"],
                )
                row.number = number
                row.tried_at = None
                row.save(update_fields=["number", "tried_at"])
    except IntegrityError:
        # A row of ours has this number for something else: another one is chosen.
        _abandon(registration)
        raise Waits from None
    if number is None or number.number != rented.number:
        # Bought for a registration that was taken back, or that has got another meanwhile.
        ask(seller(), lambda carrier: carrier.release(rented.carrier_id))
    if number is None:
        raise Waits
    registration.refresh_from_db()
    return number


def hand_over(registration: Registration) -> None:
    """Step 4: the carriers have the answers of this submission, and we their id for it."""
    number = registration.number
    assert number is not None
    _give_back_strays(registration, number)
    told = ask(number.carrier, lambda carrier: carrier.verifications(number.carrier_id))
    said = next((one for one in told if one.reference == _reference(registration)), None)
    if said is None:
        said = _sent(registration, number, told[0] if told else None)
    if said is not None:
        settle(registration, said)


def release(number: PhoneNumber) -> None:
    """Begin to give a number back for good. A registration that it was bought for is a draft again.

    Nothing new leaves from it. Texts that wait in its queue go on leaving until the carrier has it back; those that
    are left the carrier refuses then, and they fail with its words.
    """
    with transaction.atomic():
        Registration.objects.filter(number=number).update(
            status=Status.DRAFT, number=None, wanted="", tried_at=None, verification_id="", trouble="",
            reasons=[], edit_until=None, may_resubmit=True,
        )  # fmt: skip
        if PhoneNumber.objects.filter(pk=number.pk, releasing_at=None).update(releasing_at=timezone.now()):
            _defer(GIVE_BACK, number.pk, number_id=str(number.pk))
    number.refresh_from_db()


def give_back(number_id: uuid.UUID) -> None:
    """The carrier has it back: asking twice is asking once. Raises Waits."""
    number = PhoneNumber.objects.exclude(releasing_at=None).filter(pk=number_id, released_at=None).first()
    if number is None:
        return
    try:
        # One that was never looked up at the carrier has no id of theirs yet.
        ids = [number.carrier_id] if number.carrier_id else [rented.carrier_id for rented in _listed(number)]
        for carrier_id in ids:
            ask(number.carrier, lambda carrier: carrier.release(carrier_id))  # noqa: B023
    except SendError as error:
        raise Waits(type(error).__name__) from None
    PhoneNumber.objects.filter(pk=number.pk, released_at=None).update(released_at=timezone.now())


def defer_adoption(number: PhoneNumber) -> None:
    """Have the carrier asked about a shared number, unless it is being asked."""
    defer_unless_under_way(ADOPT, number.pk, number_id=str(number.pk))


def adopt(number: PhoneNumber) -> None:
    """Take a shared number into use: ours at the carrier, verified, and its texts told to us. Else `paused` says why.

    Raises Waits while the carrier cannot be asked.
    """
    try:
        rented = next(iter(_listed(number)), None)
        if rented is None:
            _pause(number, "The carrier’s account does not have this number.")
            return
        told = ask(number.carrier, lambda carrier: carrier.verifications(rented.carrier_id))
        _point(number, rented.carrier_id)
    except SendError as error:
        _pause(number, error.words)
        raise Waits(type(error).__name__) from None
    if not any(one.status == "approved" for one in told):
        _pause(number, NOT_VERIFIED, rented.carrier_id)
        return
    _unapproved(number).update(carrier_id=rented.carrier_id, approved_at=timezone.now(), paused="")
    number.refresh_from_db()


def see_pointed(numbers: QuerySet[PhoneNumber]) -> None:
    """See that the carrier asks us what becomes of these numbers' calls, at the address that is ours now."""
    for number in numbers.filter(releasing_at=None, released_at=None):
        if number.asks_at != addresses(number.carrier)["voice_url"]:
            defer_unless_under_way(POINT, number.pk, number_id=str(number.pk))


def point(number_id: uuid.UUID) -> None:
    """Have the carrier tell us what comes to a number: texts as before, and its calls. Raises Waits."""
    number = PhoneNumber.objects.filter(pk=number_id, releasing_at=None, released_at=None).first()
    if number is None or number.asks_at == addresses(number.carrier)["voice_url"]:
        return
    try:
        ids = [number.carrier_id] if number.carrier_id else [rented.carrier_id for rented in _listed(number)]
        for carrier_id in ids:
            _point(number, carrier_id)
    except SendError as error:
        raise Waits(type(error).__name__) from None


def _point(number: PhoneNumber, carrier_id: str) -> None:
    told = addresses(number.carrier)
    ask(number.carrier, lambda carrier: carrier.update(carrier_id, **told))
    PhoneNumber.objects.filter(pk=number.pk).update(asks_at=told["voice_url"])


NOT_VERIFIED = "The carriers have not verified this number."


def _against(registration: Registration) -> list[Finding]:
    """All that keeps it from being sent."""
    if not registration.may_resubmit:
        return [
            Finding(
                "",
                True,
                "Carriers have closed this registration, and it can’t be sent again.",
                "Please ask whoever runs Parley.",
            )
        ]
    if missing := lacks(registration.business):
        return [Finding("", True, lack.words) for lack in missing]
    return [finding for finding in checker.findings(registration) if finding.must]


def _answers(registration: Registration) -> Iterable[tuple[str, str]]:
    r, words = registration, WORDS[registration.business.country]
    yield "Legal business name", r.legal_name
    yield "Name your clients know", r.trade_name
    yield "Business type", r.get_business_type_display()
    yield words["registration_number"], r.registration_number
    yield "Website", r.website
    yield "Street address", ", ".join(part for part in (r.street, r.street2) if part)
    yield "City", r.city
    yield words["region"], REGIONS[r.business.country].get(r.region, r.region)
    yield words["postal_code"], r.postal_code
    yield "Country", COUNTRIES[r.business.country]
    yield "Contact", f"{r.contact_first_name} {r.contact_last_name}".strip()
    yield "Role", r.contact_role
    yield "Work email", r.contact_email
    yield "Phone", r.contact_phone
    yield "What you’ll text about", ", ".join(Registration.Use(use).label for use in r.uses)
    yield "Texts a month", dict(Registration.VOLUMES).get(r.volume or 0, "")
    yield "One text you’d send", r.sample
    yield "How clients agree", r.get_opt_in_display()
    yield "Where carriers see it", "\n".join(evidence_urls(r))


def _application(registration: Registration) -> Application:
    r, country = registration, registration.business.country
    known = r.trade_name or r.legal_name
    uses = ", ".join(Registration.Use(use).label.lower() for use in r.uses)
    how = Registration.OptIn(r.opt_in).label
    return Application(
        reference=_reference(r),
        country=country,
        legal_name=r.legal_name.strip(),
        trade_name=r.trade_name.strip(),
        business_type=cast(BusinessType, r.business_type),
        registration_number=checker.registration_number(r.registration_number, country) or "",
        website=r.website.strip(),
        street=r.street.strip(),
        street2=r.street2.strip(),
        city=r.city.strip(),
        region=r.region.strip().upper(),
        postal_code=checker.postal_code(r.postal_code, country) or "",
        contact_first_name=r.contact_first_name.strip(),
        contact_last_name=r.contact_last_name.strip(),
        contact_email=r.contact_email.strip(),
        contact_phone=checker.contact_phone(r.contact_phone, country),
        uses=cast(tuple[Use, ...], tuple(r.uses)),
        summary=f"{known} texts its own clients, who agreed to it, about: {uses}. Its staff read and answer.",
        sample=r.sample.strip(),
        monthly_texts=r.volume or 0,
        opt_in=cast(OptIn, r.opt_in),
        evidence_urls=tuple(evidence_urls(r)),
        more=(
            f"How people agree: {how.lower()}. The words they agree to are at {evidence_urls(r)[-1]}. "
            f"Contact: {r.contact_first_name} {r.contact_last_name}, {r.contact_role}."
        ),
    )


def _reference(registration: Registration) -> str:
    return f"{registration.pk}:{registration.submissions}"


def _sent(registration: Registration, number: PhoneNumber, held: Verification | None) -> Verification | None:
    """What became of handing in or editing. None if carriers refused the answers, which is written down then."""
    if held is not None:
        if held.status != "rejected":
            # Our edit arrived and its answer did not; or they took the request up again themselves.
            return held
        if held.carrier_id == registration.verification_id and not is_old_verdict(registration, held):
            # Our edit was looked at and rejected before we heard of the first.
            return held
    _claim(registration)
    application = _application(registration)
    try:
        if held is not None and held.may_resubmit:
            try:
                return ask(number.carrier, lambda carrier: carrier.edit(held.carrier_id, application))
            except TooLate:
                pass
        return ask(number.carrier, lambda carrier: carrier.apply(number.carrier_id, application))
    except (NotSent, Paused):
        _submitted(registration).update(tried_at=None)
        raise
    except Refused as refused:
        words = refused.verbatim or refused.words
        reasons = [{"code": refused.code or "", "words": words, "mend": "", "at_once": True}]
        reject(registration, reasons, now=timezone.now(), tried_at=None)
        registration.refresh_from_db()
        return None


def _claim(registration: Registration) -> None:
    """Committed before anything is sent: while nobody knows what came of it, nobody sends again."""
    now = timezone.now()
    free = Q(tried_at=None) | Q(tried_at__lte=now - LIST_LAG * settings.PATIENCE)
    if not _submitted(registration).filter(free, submissions=registration.submissions).update(tried_at=now):
        raise Doubt("The carrier has not said yet whether it has your registration.")


def _bought_already(registration: Registration) -> str:
    """A number that bears our label: bought, and then forgotten by a database from a backup. Empty if there is none."""
    found = ask(seller(), lambda carrier: carrier.rented(label=label_of(registration)))
    # One that has a row already is in use for something, or being given back.
    rows = PhoneNumber.objects.filter(number__in=[rented.number for rented in found], released_at=None)
    used = set(rows.values_list("number", flat=True))
    return next((rented.number for rented in found if rented.number not in used), "")


def _offered(registration: Registration) -> str:
    """Any of the toll-free numbers that the carrier offers for the business's country: none can be wished for."""
    country = registration.business.country
    where: Literal["US", "CA"] = "CA" if country == "CA" else "US"
    offers = {
        offer.number
        for offer in ask(seller(), lambda carrier: carrier.available(where, "toll-free"))
        if is_toll_free(offer.number)
    }
    offers -= set(Registration.objects.filter(wanted__in=offers).values_list("wanted", flat=True))
    if not offers:
        raise Unavailable("The carrier has no toll-free number to offer just now.")
    return secrets.choice(sorted(offers))


def _held(registration: Registration) -> Rented | None:
    """The chosen number in the carrier's list, if we have it for this registration."""
    if not registration.wanted:
        return None
    for rented in ask(seller(), lambda carrier: carrier.rented(number=registration.wanted)):
        if rented.label == label_of(registration):
            return rented
        # Ours, and for something else.
        _abandon(registration)
        raise Waits
    return None


def _let_go(registration: Registration) -> None:
    """Somebody has the chosen number. If the list still lacks it long after we tried, it is somebody else."""
    registration.refresh_from_db(fields=["tried_at"])
    if registration.tried_at and registration.tried_at <= timezone.now() - LIST_LAG * settings.PATIENCE:
        _abandon(registration)


def _abandon(registration: Registration) -> None:
    _submitted(registration).filter(wanted=registration.wanted, number=None).update(wanted="", tried_at=None)


def _give_back_strays(registration: Registration, number: PhoneNumber) -> None:
    """One registration pays for one number, whatever happened on the way: no row knows the others."""
    for rented in ask(number.carrier, lambda carrier: carrier.rented(label=label_of(registration))):
        if not PhoneNumber.objects.filter(number=rented.number, released_at=None).exists():
            ask(number.carrier, lambda carrier: carrier.release(rented.carrier_id))  # noqa: B023


def _listed(number: PhoneNumber) -> list[Rented]:
    return list(ask(number.carrier, lambda carrier: carrier.rented(number=number.number)))


def _submitted(registration: Registration) -> QuerySet[Registration]:
    return Registration.objects.filter(
        pk=registration.pk, business_id=registration.business_id, status=Status.SUBMITTED
    )


def _unapproved(number: PhoneNumber) -> QuerySet[PhoneNumber]:
    return PhoneNumber.objects.filter(pk=number.pk, approved_at=None, releasing_at=None)


def _pause(number: PhoneNumber, words: str, carrier_id: str = "") -> None:
    _unapproved(number).update(paused=words[:200], **({"carrier_id": carrier_id} if carrier_id else {}))
    number.refresh_from_db()


def defer_unless_under_way(task: str, lock: uuid.UUID, at: datetime | None = None, **arguments: str) -> None:
    """As `_defer`, if no job of this thing waits or runs."""
    if not ProcrastinateJob.objects.filter(lock=str(lock), status__in=("todo", "doing")).exists():
        _defer(task, lock, at, **arguments)


def _defer(task: str, lock: uuid.UUID, at: datetime | None = None, **arguments: str) -> None:
    """With the caller's transaction, or not at all. Two jobs of one thing run one after the other.

    Not a queueing lock: it would forbid the rescue of a job whose worker died while another waits.
    """
    app.configure_task(task, allow_unknown=False, lock=str(lock), schedule_at=at).defer(**arguments)
