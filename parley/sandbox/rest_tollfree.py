"""Toll-free verification: https://www.twilio.com/docs/messaging/api/tollfree-verification-resource"""

from __future__ import annotations

import re
import time
from typing import Any

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.errors import Refusal
from parley.sandbox.numbering import is_toll_free
from parley.sandbox.records import Verification, new_sid
from parley.sandbox.rest import Page, choice_parameter, is_web_url, iso, listed_v1
from parley.sandbox.weather import Sky
from parley.sandbox.web import Request, Response, answer
from parley.sandbox.world import World

PATH = "/v1/Tollfree/Verifications"

STATUSES = ("PENDING_REVIEW", "IN_REVIEW", "TWILIO_APPROVED", "TWILIO_REJECTED")
USE_CASES = (
    "TWO_FACTOR_AUTHENTICATION",
    "ACCOUNT_NOTIFICATIONS",
    "CUSTOMER_CARE",
    "CHARITY_NONPROFIT",
    "DELIVERY_NOTIFICATIONS",
    "FRAUD_ALERT_MESSAGING",
    "EVENTS",
    "HIGHER_EDUCATION",
    "K12",
    "MARKETING",
    "POLLING_AND_VOTING_NON_POLITICAL",
    "POLITICAL_ELECTION_CAMPAIGNS",
    "PUBLIC_SERVICE_ANNOUNCEMENT",
    "SECURITY_ALERT",
)
_CHOICES = {
    "OptInType": (
        "VERBAL",
        "WEB_FORM",
        "PAPER_FORM",
        "VIA_TEXT",
        "MOBILE_QR_CODE",
        "IMPORT",
        "IMPORT_PLEASE_REPLACE",
    ),
    "BusinessType": ("PRIVATE_PROFIT", "PUBLIC_PROFIT", "SOLE_PROPRIETOR", "NON_PROFIT", "GOVERNMENT"),
    "BusinessRegistrationAuthority": (
        *("EIN", "CBN", "CRN", "PROVINCIAL_NUMBER", "VAT", "ACN", "ABN", "BRN", "SIREN", "SIRET", "NZBN"),
        *("USt-IdNr", "CIF", "NIF", "CNPJ", "UID", "NEQ", "OTHER"),
    ),
    "VettingProvider": ("CAMPAIGN_VERIFY",),
    "AgeGatedContent": ("true", "false"),
}
_LISTS = ("UseCaseCategories", "OptInImageUrls", "OptInKeywords")
_REQUIRED = (
    "BusinessName",
    "BusinessWebsite",
    "NotificationEmail",
    "UseCaseCategories",
    "UseCaseSummary",
    "ProductionMessageSample",
    "OptInImageUrls",
    "OptInType",
    "MessageVolume",
    "TollfreePhoneNumberSid",
)
_TEXTS = (
    *("AdditionalInformation", "BusinessCity", "BusinessContactEmail", "BusinessContactFirstName"),
    *(
        "BusinessContactLastName",
        "BusinessContactPhone",
        "BusinessCountry",
        "BusinessName",
        "BusinessPostalCode",
    ),
    *("BusinessRegistrationCountry", "BusinessRegistrationNumber", "BusinessRegistrationPhoneNumber"),
    *("BusinessStateProvinceRegion", "BusinessStreetAddress", "BusinessStreetAddress2", "BusinessWebsite"),
    *("CustomerProfileSid", "DoingBusinessAs", "ExternalReferenceId", "HelpMessageSample", "MessageVolume"),
    *("NotificationEmail", "OptInConfirmationMessage", "PrivacyPolicyUrl", "ProductionMessageSample"),
    *("TermsAndConditionsUrl", "UseCaseSummary", "VettingId"),
)


class Verifications:
    """The handlers. Judging is done at the desk."""

    def __init__(self, world: World, sky: Sky) -> None:
        self._world = world
        self._sky = sky

    def create(self, request: Request) -> Response:
        """POST /v1/Tollfree/Verifications"""
        for name in _REQUIRED:
            if not any(request.form.get(name, ())):
                raise Refusal(20001, f"Missing required parameter {name} in the post body")
        number = self._world.number_by_sid(request.value("TollfreePhoneNumberSid") or "")
        if number is None or not is_toll_free(number.phone_number):
            raise Refusal(20001, "TollfreePhoneNumberSid is not a toll-free number of this account")
        for one in self._world.verifications.values():
            if one.number_sid == number.sid and one.status != "TWILIO_REJECTED":
                raise Refusal(20001, f"{number.phone_number} has a verification already: {one.sid}")
        now = time.time()
        verification = Verification(
            sid=new_sid("HH"),
            number_sid=number.sid,
            phone_number=number.phone_number,
            status="PENDING_REVIEW",
            created=now,
            updated=now,
            asked=_answers(request),
        )
        self._world.put_verification(verification)
        return answer(_resource(verification, request), 201)

    def fetch(self, request: Request, sid: str) -> Response:
        """GET /v1/Tollfree/Verifications/{sid}"""
        return answer(_resource(self._found(request, sid), request))

    def list_verifications(self, request: Request) -> Response:
        """GET /v1/Tollfree/Verifications, newest first"""
        self._sky.before_list()
        page = Page.asked(request)
        query = request.query
        number_sid, status = query.get("TollfreePhoneNumberSid"), query.get("Status")
        reference = query.get("ExternalReferenceId")
        if status and status not in STATUSES:
            raise Refusal(20001, f"Invalid parameter Status: {status}")
        found = [
            one
            for one in reversed(self._world.verifications.values())
            if (not number_sid or one.number_sid == number_sid)
            and (not status or one.status == status)
            and (not reference or one.asked.get("external_reference_id") == reference)
            and self._sky.lists(one.created)
        ]
        rows, more = page.cut(found, {one.sid: place for place, one in enumerate(found)})
        return listed_v1(request, "verifications", [_resource(one, request) for one in rows], page, more)

    def edit(self, request: Request, sid: str) -> Response:
        """POST /v1/Tollfree/Verifications/{sid}: only after a rejection, and in time."""
        verification = self._found(request, sid)
        if verification.status != "TWILIO_REJECTED" or verification.edit_until is None:
            raise Refusal(20001, f"A verification that is {verification.status} cannot be edited")
        if verification.edit_until < time.time():
            raise Refusal(30437)
        verification.asked = {**verification.asked, **_answers(request)}
        verification.status = "PENDING_REVIEW"
        verification.rejection_reason = verification.rejection_code = verification.edit_until = None
        self._world.put_verification(verification)
        return answer(_resource(verification, request), 202)

    def delete(self, request: Request, sid: str) -> Response:
        """DELETE /v1/Tollfree/Verifications/{sid}"""
        verification = self._found(request, sid)
        self._world.delete_verification(verification)
        number = self._world.numbers.get(verification.phone_number)
        if number is not None:
            self._world.put_number(number.phone_number, verified=False)
        return Response(204, content_type=b"")

    def _found(self, request: Request, sid: str) -> Verification:
        verification = self._world.verifications.get(sid)
        if verification is None:
            raise Refusal(20404, request.path)
        return verification


def _answers(request: Request) -> dict[str, Any]:
    """What the form says, by the names of the answer. Raises Refusal."""
    answers: dict[str, Any] = {}
    for name in _TEXTS:
        value = request.value(name)
        if value is not None:
            answers[_snake(name)] = value
    for name, choices in _CHOICES.items():
        value = choice_parameter(request, name, choices)
        if value is not None:
            answers[_snake(name)] = value == "true" if name == "AgeGatedContent" else value
    for name in _LISTS:
        if name in request.form:
            answers[_snake(name)] = request.form[name]
    for category in answers.get("use_case_categories", ()):
        if category not in USE_CASES:
            raise Refusal(20001, f"Invalid parameter UseCaseCategories: {category}")
    for url in answers.get("opt_in_image_urls", ()):
        if not is_web_url(url):
            raise Refusal(20001, f"Invalid parameter OptInImageUrls: {url}")
    return answers


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


_ASKED = sorted(_snake(name) for name in (*_TEXTS, *_CHOICES, *_LISTS))


def _resource(verification: Verification, request: Request) -> dict[str, Any]:
    rejected = verification.status == "TWILIO_REJECTED"
    until = verification.edit_until
    reason = {"reason": verification.rejection_reason, "code": verification.rejection_code}
    return {
        **{name: verification.asked.get(name) for name in _ASKED},
        "sid": verification.sid,
        "account_sid": ACCOUNT_SID,
        "trust_product_sid": None,
        "regulated_item_sid": None,
        "tollfree_phone_number_sid": verification.number_sid,
        "tollfree_phone_number": verification.phone_number,
        "status": verification.status,
        "rejection_reason": verification.rejection_reason,
        "rejection_reasons": [reason] if rejected else None,
        "error_code": verification.rejection_code,
        "edit_allowed": until is not None and until > time.time() if rejected else None,
        "edit_expiration": iso(until) if until is not None else None,
        "resource_links": {},
        "vetting_id_expiration": None,
        "date_created": iso(verification.created),
        "date_updated": iso(verification.updated),
        "url": f"{request.origin}{PATH}/{verification.sid}",
    }
