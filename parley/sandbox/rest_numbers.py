"""Numbers: what can be had, and what the account has.

https://www.twilio.com/docs/phone-numbers/api/availablephonenumber-resource and …/incomingphonenumber-resource
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from parley.sandbox.account import ACCOUNT_SID
from parley.sandbox.errors import Refusal
from parley.sandbox.network import API_VERSION
from parley.sandbox.numbering import TOLL_FREE_CODES, e164, is_toll_free, national
from parley.sandbox.records import Number, new_sid
from parley.sandbox.rest import V2010, Page, choice_parameter, listed_2010, rfc2822, url_parameter
from parley.sandbox.weather import Sky
from parley.sandbox.web import Request, Response, answer
from parley.sandbox.world import World

# Area code: locality, rate centre, region, postal code, latitude, longitude, LATA.
_LOCAL: dict[str, dict[str, tuple[str, str, str, str, str, str, str]]] = {
    "US": {
        "503": ("Portland", "PORTLAND", "OR", "97204", "45.518400", "-122.655400", "672"),
        "415": ("San Francisco", "SNFC CNTRL", "CA", "94103", "37.773900", "-122.411200", "722"),
        "212": ("New York", "NWYRCYZN01", "NY", "10001", "40.750600", "-73.997200", "132"),
        "512": ("Austin", "AUSTIN", "TX", "78701", "30.271100", "-97.743700", "558"),
        "206": ("Seattle", "SEATTLE", "WA", "98101", "47.609700", "-122.333100", "674"),
    },
    "CA": {
        "604": ("Vancouver", "VANCOUVER", "BC", "V6B", "49.282700", "-123.120700", "888"),
        "416": ("Toronto", "TORONTO", "ON", "M5H", "43.653200", "-79.383200", "888"),
        "514": ("Montreal", "MONTREAL", "QC", "H3B", "45.501700", "-73.567300", "888"),
        "403": ("Calgary", "CALGARY", "AB", "T2P", "51.044700", "-114.071900", "888"),
    },
}
_CAPABILITIES = {"fax": False, "mms": True, "sms": True, "voice": True}
_FRIENDLY_NAME_LIMIT = 64
_PAGE_OF_NUMBERS = 30

# The resource's parameter, our fact.
_URLS = {
    "SmsUrl": "sms_url",
    "SmsFallbackUrl": "sms_fallback_url",
    "VoiceUrl": "voice_url",
    "VoiceFallbackUrl": "voice_fallback_url",
    "StatusCallback": "status_callback",
}
_METHODS = {
    "SmsMethod": "sms_method",
    "SmsFallbackMethod": "sms_fallback_method",
    "VoiceMethod": "voice_method",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallbackMethod": "status_callback_method",
}


class Numbers:
    """The handlers. In stock is what is set aside for fiction: 555-0100 to 555-0199 of each area code."""

    def __init__(self, world: World, sky: Sky) -> None:
        self._world = world
        self._sky = sky

    # What can be had

    def available_toll_free(self, request: Request, country: str) -> Response:
        """GET AvailablePhoneNumbers/{US|CA}/TollFree.json"""
        if country not in _LOCAL:
            raise Refusal(20404, request.path)
        return self._available(request, country, "TollFree", self._free(TOLL_FREE_CODES))

    def available_local(self, request: Request, country: str) -> Response:
        """GET AvailablePhoneNumbers/{US|CA}/Local.json"""
        if country not in _LOCAL:
            raise Refusal(20404, request.path)
        query = request.query
        wanted = {
            place: query.get(key) for place, key in ((2, "InRegion"), (0, "InLocality"), (3, "InPostalCode"))
        }
        areas = [
            area
            for area, facts in _LOCAL[country].items()
            if all(not value or facts[place].lower() == value.lower() for place, value in wanted.items())
        ]
        return self._available(request, country, "Local", self._free(areas))

    def _available(self, request: Request, country: str, kind: str, numbers: Iterator[str]) -> Response:
        query = request.query
        area, pattern = query.get("AreaCode"), _pattern(query.get("Contains", ""))
        # No fax anywhere; everything else everywhere.
        if query.get("FaxEnabled") == "true":
            numbers = iter(())
        _, size, _ = Page.asked(request)
        rows: list[dict[str, Any]] = []
        for number in numbers:
            if (not area or number[2:5] == area) and (pattern is None or pattern.search(number)):
                rows.append(_offer(number, country))
                if len(rows) >= min(size, _PAGE_OF_NUMBERS):
                    break
        return answer(
            {"available_phone_numbers": rows, "uri": f"{V2010}/AvailablePhoneNumbers/{country}/{kind}.json"}
        )

    def _free(self, areas: Any) -> Iterator[str]:
        for area in areas:
            for last in range(100):
                number = f"+1{area}55501{last:02}"
                if number not in self._world.numbers and number not in self._world.handsets:
                    yield number

    # What the account has

    def buy(self, request: Request) -> Response:
        """POST IncomingPhoneNumbers.json"""
        wanted, area = request.value("PhoneNumber"), request.value("AreaCode")
        stock = [*TOLL_FREE_CODES, *(code for areas in _LOCAL.values() for code in areas)]
        if wanted:
            phone_number = e164(wanted)
            if phone_number is None:
                raise Refusal(21421, wanted)
            if phone_number not in self._free([phone_number[2:5]] if phone_number[2:5] in stock else []):
                raise Refusal(21422, phone_number)
        elif area:
            phone_number = next(self._free([area] if area in stock else []), None)
            if phone_number is None:
                raise Refusal(21452, area)
        else:
            raise Refusal(20001, "PhoneNumber or AreaCode is required")
        # Bought again it has another sid, and nothing that was said of the one before.
        bought = self._world.put_number(phone_number, sid=new_sid("PN"), **_facts(request))
        return answer(_resource(bought), 201)

    def list_numbers(self, request: Request) -> Response:
        """GET IncomingPhoneNumbers.json, newest first"""
        self._sky.before_list()
        page = Page.asked(request)
        query = request.query
        pattern, name = _pattern(query.get("PhoneNumber", "")), query.get("FriendlyName")
        found = [
            number
            for number in reversed(self._world.numbers.values())
            if (pattern is None or pattern.search(number.phone_number))
            and (not name or number.friendly_name == name)
            and self._sky.lists(number.created)
            and query.get("Origin", "twilio") == "twilio"
        ]
        rows, more = page.cut(found, {number.sid: place for place, number in enumerate(found)})
        return listed_2010(
            request, "incoming_phone_numbers", [_resource(number) for number in rows], page, more
        )

    def fetch(self, request: Request, sid: str) -> Response:
        """GET IncomingPhoneNumbers/{sid}.json"""
        return answer(_resource(self._found(request, sid)))

    def update(self, request: Request, sid: str) -> Response:
        """POST IncomingPhoneNumbers/{sid}.json"""
        number = self._found(request, sid)
        return answer(_resource(self._world.put_number(number.phone_number, **_facts(request))))

    def release(self, request: Request, sid: str) -> Response:
        """DELETE IncomingPhoneNumbers/{sid}.json"""
        self._world.release_number(self._found(request, sid))
        return Response(204, content_type=b"")

    def _found(self, request: Request, sid: str) -> Number:
        number = self._world.number_by_sid(sid)
        if number is None:
            raise Refusal(20404, request.path)
        return number


def _facts(request: Request) -> dict[str, str]:
    """What the form says of a number. Raises Refusal."""
    facts: dict[str, str] = {}
    for parameter, fact in _URLS.items():
        value = url_parameter(request, parameter)
        if value is not None:
            facts[fact] = value
    for parameter, fact in _METHODS.items():
        value = choice_parameter(request, parameter, ("GET", "POST"))
        if value is not None:
            facts[fact] = value
    name = request.value("FriendlyName")
    if name:
        if len(name) > _FRIENDLY_NAME_LIMIT:
            raise Refusal(20001, f"FriendlyName may have {_FRIENDLY_NAME_LIMIT} characters")
        facts["friendly_name"] = name
    return facts


def _pattern(text: str) -> re.Pattern[str] | None:
    """Digits, and * for any one of them, anywhere in the number."""
    kept = "".join(c for c in text if c.isdigit() or c == "*")
    return re.compile(kept.replace("*", r"\d")) if kept else None


def _offer(number: str, country: str) -> dict[str, Any]:
    place = _LOCAL[country].get(number[2:5])
    locality, rate_center, region, postal_code, latitude, longitude, lata = place or (None,) * 7
    return {
        "address_requirements": "none",
        "beta": False,
        "capabilities": _CAPABILITIES,
        "friendly_name": national(number),
        "iso_country": country,
        "lata": lata,
        "latitude": latitude,
        "locality": locality,
        "longitude": longitude,
        "phone_number": number,
        "postal_code": postal_code,
        "rate_center": rate_center,
        "region": region,
    }


def _resource(number: Number) -> dict[str, Any]:
    uri = f"{V2010}/IncomingPhoneNumbers/{number.sid}"
    return {
        "account_sid": ACCOUNT_SID,
        "address_requirements": "none",
        "address_sid": None,
        "api_version": API_VERSION,
        "beta": False,
        "bundle_sid": None,
        "capabilities": _CAPABILITIES,
        "date_created": rfc2822(number.created),
        "date_updated": rfc2822(number.updated),
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "emergency_status": "Inactive",
        "friendly_name": number.friendly_name,
        "identity_sid": None,
        "origin": "twilio",
        "phone_number": number.phone_number,
        "sid": number.sid,
        "sms_application_sid": "",
        "sms_fallback_method": number.sms_fallback_method,
        "sms_fallback_url": number.sms_fallback_url,
        "sms_method": number.sms_method,
        "sms_url": number.sms_url,
        "status": "in-use",
        "status_callback": number.status_callback,
        "status_callback_method": number.status_callback_method,
        "subresource_uris": {"assigned_add_ons": uri + "/AssignedAddOns.json"},
        "trunk_sid": None,
        "type": "toll-free" if is_toll_free(number.phone_number) else "local",
        "uri": uri + ".json",
        "voice_application_sid": "",
        "voice_caller_id_lookup": False,
        "voice_fallback_method": number.voice_fallback_method,
        "voice_fallback_url": number.voice_fallback_url,
        "voice_method": number.voice_method,
        "voice_receive_mode": "voice",
        "voice_url": number.voice_url,
    }
