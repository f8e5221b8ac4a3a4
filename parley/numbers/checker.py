"""What carriers are known to refuse, said before a registration is sent."""

from __future__ import annotations

from dataclasses import dataclass

from parley.numbers.models import Registration


@dataclass(frozen=True, slots=True)
class Finding:
    """`field` is the answer's name; `must` stops sending, the others are advice; `mend` says how."""

    field: str
    must: bool
    words: str
    mend: str


_NEEDED = {
    "legal_name": "Enter the name your business is registered under.",
    "business_type": "Choose what kind of business it is.",
    "website": "Enter your website.",
    "street": "Enter the street address.",
    "city": "Enter the city.",
    "region": "Choose one.",
    "postal_code": "Enter the postal code.",
    "contact_first_name": "Enter a first name.",
    "contact_last_name": "Enter a last name.",
    "contact_email": "Enter an email address.",
    "contact_phone": "Enter a phone number.",
    "uses": "Pick at least one.",
    "volume": "Choose about how many.",
    "sample": "Write one text that you’d send.",
    "opt_in": "Choose how clients agree.",
    "agreed": "Tick this to go on.",
}


def findings(registration: Registration) -> list[Finding]:
    """In the order of the form; empty if nothing stands in the way."""
    found = [
        Finding(field, True, words, "")
        for field, words in _NEEDED.items()
        if not getattr(registration, field)
    ]
    if registration.website and not registration.website.startswith(("http://", "https://")):
        found.append(
            Finding("website", True, "Carriers need the full address, like https://juniperhair.example", "")
        )
    sole = registration.business_type == Registration.BusinessType.SOLE
    if not registration.registration_number and not sole:
        found.append(
            Finding("registration_number", True, "Enter the number your business is registered by.", "")
        )
    if registration.sample and "STOP" not in registration.sample:
        found.append(
            Finding(
                "sample",
                False,
                "The text doesn’t say how to stop.",
                "End it with “Reply STOP to stop texts.”",
            )
        )
    return found
