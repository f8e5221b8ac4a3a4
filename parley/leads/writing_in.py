"""The one place where leads are written: somebody new, or known, asks a business to get in touch."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import IntegrityError, transaction

from parley.businesses.models import Business
from parley.clients import consent
from parley.clients.happened import Happening, tell
from parley.clients.models import Client, Consent, with_email
from parley.leads.models import Lead


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote. `phone` is E.164 or empty; `agreed_words` are those beside the box they ticked, empty if
    they ticked none; `marketing_words` likewise."""

    first_name: str
    last_name: str = ""
    phone: str = ""
    email: str = ""
    message: str = ""
    language: str = ""
    agreed_words: str = ""
    marketing_words: str = ""


@transaction.atomic
def write_in(business: Business, written: Written, *, source: str = "", source_id: str = "") -> Lead:
    """Keep a lead, and the client it is of: whoever has the number, else the address, else a new one.

    What a known client's card says is not overwritten by a stranger's form. An event (`source_id`) is one lead.
    Consent goes to the ledger under the number. An opt-out by text stays: only the client can undo it, by texting.
    """
    if source_id and (
        first := Lead.objects.filter(business=business, source=source, source_id=source_id).first()
    ):
        return first
    client, new = client_of(
        business,
        phone=written.phone,
        email=written.email,
        first_name=written.first_name,
        last_name=written.last_name,
        language=written.language,
        status=Client.Status.LEAD,
    )
    lead = Lead(
        business=business,
        client=client,
        message=written.message,
        agreed_words=written.agreed_words,
        new_client=new,
        source=source,
        source_id=source_id,
    )
    try:
        with transaction.atomic():
            lead.save(force_insert=True)
    except IntegrityError:
        return Lead.objects.get(business=business, source=source, source_id=source_id)
    for words, category in (
        (written.agreed_words, Consent.Category.SERVICE),
        (written.marketing_words, Consent.Category.MARKETING),
    ):
        if words and client.phone:
            try:
                consent.record(
                    business,
                    client.phone,
                    category=category,
                    says=Consent.Says.AGREED,
                    how=Consent.How.WEB_FORM,
                    words=words,
                    source=f"lead:{lead.id}:{category}",
                )
            except consent.OnlyTheClient:
                pass
    tell(Happening(client, lead, "new"))
    return lead


def client_of(
    business: Business,
    *,
    phone: str = "",
    email: str = "",
    first_name: str = "",
    last_name: str = "",
    language: str = "",
    status: str = Client.Status.CLIENT,
) -> tuple[Client, bool]:
    """Whoever has the number, else the address (where no number tells them apart), else a new client; and if new.

    `status` is a new client's. Raises ValueError where there is neither.
    """
    if not phone and not email:
        raise ValueError("neither a number nor an address")
    known = business.clients.filter(phone=phone).first() if phone else None
    if known is None and email:
        by_address = with_email(business, email)
        known = (by_address.filter(phone="") if phone else by_address).order_by("created_at", "id").first()
    if known is None:
        made = Client(
            business=business,
            first_name=first_name[:60],
            last_name=last_name[:60],
            phone=phone,
            email=email,
            language=language,
            status=status,
        )
        try:
            with transaction.atomic():
                made.save(force_insert=True)
        except IntegrityError:
            return business.clients.get(phone=phone), False
        return made, True
    missing = {
        name: value
        for name, value in (("phone", phone), ("email", email), ("language", language))
        if value and not getattr(known, name)
    }
    if not known.named and first_name:
        missing |= {"first_name": first_name[:60], "last_name": last_name[:60]}
    if missing:
        for name, value in missing.items():
            setattr(known, name, value)
        known.save(update_fields=list(missing))
    return known, False
