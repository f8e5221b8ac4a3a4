"""Toll-free verification: an application as Twilio's form, and its answer as a Verification.

Source: Twilio's OpenAPI file messaging.v1 (Tollfree/Verifications) and its guide to onboarding toll-free numbers.
Reviewed 2026-11-25. There is no status webhook (only Event Streams), so whoever wants to know must ask.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from parley.carriers.base import (
    Application,
    BusinessType,
    Doubt,
    OptIn,
    Reason,
    Unavailable,
    Use,
    Verification,
)
from parley.carriers.twilio import words
from parley.carriers.twilio.http import Form
from parley.carriers.twilio.webhooks import clean, whole

SID = re.compile(r"HH[0-9a-fA-F]{32}")

_TYPES: dict[BusinessType, str] = {
    "llc": "PRIVATE_PROFIT",
    "corporation": "PRIVATE_PROFIT",
    "partnership": "PRIVATE_PROFIT",
    "public": "PUBLIC_PROFIT",
    "sole": "SOLE_PROPRIETOR",
    "non_profit": "NON_PROFIT",
    "government": "GOVERNMENT",
}
_AUTHORITIES = {"US": "EIN", "CA": "CBN"}
_CATEGORIES: dict[Use, str] = {
    "appointments": "ACCOUNT_NOTIFICATIONS",
    "conversations": "CUSTOMER_CARE",
    "payments": "ACCOUNT_NOTIFICATIONS",
    "offers": "MARKETING",
}
_OPT_INS: dict[OptIn, str] = {"web_form": "WEB_FORM", "paper": "PAPER_FORM", "via_text": "VIA_TEXT"}
_STATUSES: dict[str, Any] = {
    "PENDING_REVIEW": "in_review",
    "IN_REVIEW": "in_review",
    "TWILIO_APPROVED": "approved",
    "TWILIO_REJECTED": "rejected",
}
_UNREADABLE = "The carrier's records could not be read."


def first_form(number_id: str, application: Application) -> Form:
    """What is posted to have a number verified."""
    return [
        ("TollfreePhoneNumberSid", number_id),
        ("ExternalReferenceId", application.reference),
        *_answers(application),
    ]


def edit_form(application: Application) -> Form:
    """What is posted to mend a rejected one; its reference and its number stay."""
    return [*_answers(application), ("EditReason", "The business corrected its answers.")]


def taken(said: dict[str, Any]) -> Verification:
    """What Twilio made of a form. Raises Doubt if the answer does not tell."""
    try:
        return read(said)
    except Unavailable:
        raise Doubt("The carrier did not say whether it took the registration.") from None


def read(row: dict[str, Any]) -> Verification:
    """A verification resource. Raises Unavailable if it lacks what proves something."""
    sid, number_id, status = row.get("sid"), row.get("tollfree_phone_number_sid"), row.get("status")
    if (
        not (isinstance(sid, str) and SID.fullmatch(sid))
        or not isinstance(status, str)
        or status not in _STATUSES
    ):
        raise Unavailable(_UNREADABLE)
    rejected = _STATUSES[status] == "rejected"
    until = _moment(row.get("edit_expiration")) if rejected else None
    return Verification(
        carrier_id=sid,
        number_id=str(number_id or ""),
        reference=str(row.get("external_reference_id") or ""),
        status=_STATUSES[status],
        reasons=_reasons(row) if rejected else (),
        edit_until=until,
        # Twilio says that it cannot be edited once the time for it is over, too: then it had an end.
        may_resubmit=not rejected or not (row.get("edit_allowed") is False and until is None),
    )


def _answers(application: Application) -> list[tuple[str, str]]:
    given = {
        "BusinessName": application.legal_name,
        "DoingBusinessAs": application.trade_name,
        "BusinessType": _TYPES[application.business_type],
        "BusinessWebsite": application.website,
        "BusinessStreetAddress": application.street,
        "BusinessStreetAddress2": application.street2,
        "BusinessCity": application.city,
        "BusinessStateProvinceRegion": application.region,
        "BusinessPostalCode": application.postal_code,
        "BusinessCountry": application.country,
        "BusinessContactFirstName": application.contact_first_name,
        "BusinessContactLastName": application.contact_last_name,
        "BusinessContactEmail": application.contact_email,
        "BusinessContactPhone": application.contact_phone,
        "NotificationEmail": application.contact_email,
        "UseCaseSummary": application.summary,
        "ProductionMessageSample": application.sample,
        "OptInType": _OPT_INS[application.opt_in],
        "MessageVolume": f"{application.monthly_texts:,}",
        "AdditionalInformation": application.more,
    }
    if application.registration_number:
        given |= {
            "BusinessRegistrationNumber": application.registration_number,
            "BusinessRegistrationAuthority": _AUTHORITIES[application.country],
            "BusinessRegistrationCountry": application.country,
        }
    form = [(name, value) for name, value in given.items() if value]
    categories = dict.fromkeys(_CATEGORIES[use] for use in application.uses)
    form += [("UseCaseCategories", category) for category in categories]
    return form + [("OptInImageUrls", url) for url in application.evidence_urls]


def _reasons(row: dict[str, Any]) -> tuple[Reason, ...]:
    """All that Twilio says. The items of its list are of no declared type: objects by its guide, else plain text."""
    found: list[Reason] = []
    listed = row.get("rejection_reasons")
    for item in listed if isinstance(listed, list) else []:
        said = item if isinstance(item, dict) else {"reason": item}
        found += _reason(said.get("reason"), said.get("code"))
    return tuple(found or _reason(row.get("rejection_reason"), row.get("error_code")))


def _reason(said: object, code: object) -> list[Reason]:
    number = whole(code)
    text = clean(said).strip() if isinstance(said, str) else ""
    if not text and number is None:
        return []
    return [
        Reason(
            code="" if number is None else str(number),
            words=text or "The carriers gave no reason in words.",
            mend="" if number is None else words.MENDS.get(number, ""),
        )
    ]


def _moment(told: object) -> datetime | None:
    if not isinstance(told, str):
        return None
    try:
        when = datetime.fromisoformat(told)
    except ValueError:
        return None
    return when if when.tzinfo else None
