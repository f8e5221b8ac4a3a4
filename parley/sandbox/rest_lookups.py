"""Lookup v2 with line type intelligence: https://www.twilio.com/docs/lookup/v2-api"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import phonenumbers

from parley.sandbox.numbering import is_toll_free
from parley.sandbox.web import Request, Response, answer
from parley.sandbox.world import World

_IMPOSSIBLE = {
    phonenumbers.ValidationResult.TOO_SHORT: "TOO_SHORT",
    phonenumbers.ValidationResult.TOO_LONG: "TOO_LONG",
    phonenumbers.ValidationResult.INVALID_COUNTRY_CODE: "INVALID_COUNTRY_CODE",
    phonenumbers.ValidationResult.INVALID_LENGTH: "INVALID_LENGTH",
}


class Lookups:
    """What a number is: of a handset the world knows, of any other the numbering plan tells."""

    def __init__(self, world: World) -> None:
        self._world = world

    def fetch(self, request: Request, number: str) -> Response:
        """GET /v2/PhoneNumbers/{number}?Fields=line_type_intelligence"""
        text = unquote(number)
        errors: list[str] = []
        parsed = None
        try:
            parsed = phonenumbers.parse(text, request.query.get("CountryCode") or "US")
        except phonenumbers.NumberParseException:
            errors.append("NOT_A_NUMBER")
        if parsed is not None and not phonenumbers.is_valid_number(parsed):
            possible = phonenumbers.is_possible_number_with_reason(parsed)
            errors.append(_IMPOSSIBLE.get(possible, "INVALID_BUT_POSSIBLE"))
        e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if parsed else text
        packages: dict[str, Any] = {}
        if "line_type_intelligence" in (request.query.get("Fields") or "").split(",") and not errors:
            packages["line_type_intelligence"] = self._line_type(e164)
        return answer(
            {
                "calling_country_code": str(parsed.country_code) if parsed else None,
                "country_code": phonenumbers.region_code_for_number(parsed) if parsed else None,
                "phone_number": e164,
                "national_format": phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
                if parsed
                else None,
                "valid": not errors,
                "validation_errors": errors,
                **packages,
                "url": f"{request.origin}/v2/PhoneNumbers/{e164}",
            }
        )

    def _line_type(self, number: str) -> dict[str, Any]:
        handset = self._world.handsets.get(number)
        kind = "tollFree" if is_toll_free(number) else (handset.line_type if handset else "mobile")
        carrier = {"mobile": "Sandbox Wireless", "landline": "Sandbox Telephone"}.get(kind, "Sandbox")
        codes = {"mobile_country_code": "311", "mobile_network_code": "480"} if kind == "mobile" else {}
        return {"carrier_name": carrier, "type": kind, **codes}
