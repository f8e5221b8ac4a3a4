"""What stands against a registration before it is sent: what is missing, and what carriers are known to refuse.

A person waits weeks for the carriers' answer, so whatever they would send back is said here, in words, with how to
mend it. The facts are in `known_refusals`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from parley.businesses.models import TEXTING_COUNTRIES
from parley.numbers import known_refusals as known
from parley.numbers.models import Registration
from parley.sms import numbers, places
from parley.sms.addresses import REGIONS

Type = Registration.BusinessType
OptIn = Registration.OptIn


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one answer. `field` is the Registration attribute that it belongs to; empty for the whole.

    `must`: it cannot be sent like this. Otherwise it can, and carriers are known to send it back. `words` say what is
    wrong and `mend` how to mend it.
    """

    field: str
    must: bool
    words: str
    mend: str = ""


def findings(registration: Registration) -> list[Finding]:
    """All there is to say, in the order of the form. Asks nobody: it reads the row and its business."""
    country = registration.business.country
    if country not in TEXTING_COUNTRIES:
        words = "Carriers verify numbers for businesses in the United States and Canada only."
        return [Finding("", True, words)]
    return [
        *_name(registration, country),
        *_type(registration, country),
        *_number(registration, country),
        *_website(registration),
        *_address(registration, country),
        *_contact(registration, country),
        *_texts(registration),
        *_consent(registration),
    ]


def registration_number(text: str, country: str) -> str | None:
    """The number as its authority writes it, 12-3456789 or 123456789; None if it cannot be one.

    A Canadian one may end in a program account (RT0001), which carriers do not ask for and which is left out.
    """
    written = re.sub(r"[\s.\-–]", "", text).upper()
    if country == "US":
        return f"{written[:2]}-{written[2:]}" if re.fullmatch(r"[0-9]{9}", written) else None
    found = re.fullmatch(r"([0-9]{9})(?:[A-Z]{2}[0-9]{4})?", written)
    return found[1] if found and _luhn(found[1]) else None


def contact_phone(text: str, country: str) -> str:
    """The contact's number in E.164. Raises BadNumber.

    A business's own toll-free number is a number carriers can call, though no text can go there.
    """
    digits = re.sub(r"\D", "", text).removeprefix("1")
    if len(digits) == 10 and digits[:3] in places.TOLL_FREE and digits[3] not in "01":
        return f"+1{digits}"
    return numbers.parse(text, "CA" if country == "CA" else "US")


def postal_code(text: str, country: str) -> str | None:
    """As the post office writes it, 97214 or K1A 0B1; None if there can be no such code."""
    written = text.strip().upper()
    if country == "US":
        return written if re.fullmatch(r"[0-9]{5}(?:-[0-9]{4})?", written) else None
    found = re.fullmatch(
        r"([A-CEGHJ-NPR-TVXY][0-9][A-CEGHJ-NPR-TV-Z])[ -]?([0-9][A-CEGHJ-NPR-TV-Z][0-9])", written
    )
    return f"{found[1]} {found[2]}" if found else None


def _name(registration: Registration, country: str) -> Iterator[Finding]:
    name, kind = registration.legal_name.strip(), registration.business_type
    if not name:
        yield Finding(
            "legal_name", True, "Enter the legal business name.", "It’s on the letter with your tax number."
        )
        return
    if kind == Type.SOLE:
        if suffix := _suffix(name, country):
            yield Finding(
                "legal_name",
                False,
                f"A sole proprietor’s legal name is a person’s own name, and “{suffix}” says it’s a company.",
                "Write your own first and last name, or choose another business type.",
            )
        return
    expected = known.SUFFIXES[country].get(kind)
    if expected and not _ends_with(name, expected):
        other = next(
            (t for t in known.SUFFIXES[country] if _ends_with(name, known.SUFFIXES[country][t])), None
        )
        if other:
            yield Finding(
                "business_type",
                False,
                "The name and the business type say different things. Carriers refuse a mismatch.",
                f"“{name}” reads like: {Type(other).label.lower()}. Change whichever is wrong.",
            )
        else:
            yield Finding(
                "legal_name",
                False,
                "Carriers refuse a name without its legal ending.",
                f"Write it exactly as it’s registered, such as “{name.rstrip(',.')} {known.COMMON[kind]}”.",
            )


def _type(registration: Registration, country: str) -> Iterator[Finding]:
    if registration.business_type not in Type.values:
        yield Finding("business_type", True, "Choose the type of business.")
    elif country == "CA" and registration.business_type == Type.LLC:
        yield Finding(
            "business_type",
            False,
            "Canada has no limited liability companies, so carriers can’t find one.",
            "Most companies with Ltd. or Inc. are corporations.",
        )


def _number(registration: Registration, country: str) -> Iterator[Finding]:
    text = registration.registration_number.strip()
    sole = registration.business_type == Type.SOLE
    kind, example = ("EIN", "12-3456789") if country == "US" else ("Business Number", "123456782")
    if not text:
        if not sole:
            yield Finding(
                "registration_number",
                True,
                f"Enter your {kind}. Carriers refuse a registration without it.",
                "It’s on the IRS letter that confirmed it."
                if country == "US"
                else "It’s on letters from the CRA.",
            )
        return
    if country == "US" and re.fullmatch(r"\d{3}-\d{2}-\d{4}", text):
        yield Finding(
            "registration_number",
            True,
            "That is written like a Social Security number. Never send one to carriers.",
            "Leave it empty." if sole else f"Enter your EIN, like {example}.",
        )
        return
    number = registration_number(text, country)
    if number is None:
        yield Finding(
            "registration_number",
            True,
            f"A{'n' if kind == 'EIN' else ''} {kind} has 9 digits, like {example}."
            + ("" if country == "US" else " One digit of this is wrong, or there are too many or too few."),
            "Leave it empty if you have none." if sole else "Copy it from the letter that gave it to you.",
        )
    elif country == "US" and number[:2] not in known.EIN_PREFIXES:
        yield Finding(
            "registration_number",
            False,
            f"The IRS gives out no EINs that begin with {number[:2]}.",
            "Compare it with the IRS letter that confirmed it.",
        )


def _website(registration: Registration) -> Iterator[Finding]:
    text = registration.website.strip()
    host = _host(text)
    if not text or not text.lower().startswith("https://") or host is None:
        bare = re.sub(r"^\w+://", "", text).strip("/")
        example = (
            f"https://{bare}"
            if _host(f"https://{bare}")
            else f"https://{_slug(bare) or 'yourbusiness'}.example"
        )
        yield Finding("website", True, f"Carriers need the full address, like {example}")
    elif _within(host, known.SOCIAL):
        yield Finding(
            "website",
            False,
            "Carriers refuse a site that is only a social page.",
            "Enter a site of your own. One page with your name, address and what you do is enough.",
        )


def _address(registration: Registration, country: str) -> Iterator[Finding]:
    street = registration.street.strip()
    if not street:
        yield Finding("street", True, "Enter the street address.")
    elif re.match(r"(?i)\s*(?:p\.?\s*o\.?\s*box|post office box|c\.?p\.?\s+\d|box\s+\d)", street):
        yield Finding(
            "street",
            False,
            "Carriers often refuse a P.O. box.",
            "Enter the street address on your registration.",
        )
    if not registration.city.strip():
        yield Finding("city", True, "Enter the city.")
    region = registration.region.strip().upper()
    if region not in REGIONS[country]:
        yield Finding(
            "region", True, "Choose the state." if country == "US" else "Choose the province or territory."
        )
    code = postal_code(registration.postal_code, country)
    if code is None:
        words = (
            "A ZIP code has 5 digits, like 97214." if country == "US" else "A postal code looks like K1A 0B1."
        )
        yield Finding("postal_code", True, words)
    elif country == "CA" and region in REGIONS["CA"] and region not in known.POSTAL_LETTERS[code[0]]:
        yield Finding(
            "postal_code",
            False,
            f"Postal codes in {REGIONS['CA'][region]} don’t begin with {code[0]}.",
            "Check the postal code and the province: carriers look the address up.",
        )


def _contact(registration: Registration, country: str) -> Iterator[Finding]:
    if not registration.contact_first_name.strip():
        yield Finding("contact_first_name", True, "Enter their first name.")
    if not registration.contact_last_name.strip():
        yield Finding("contact_last_name", True, "Enter their last name.")
    if not registration.contact_role.strip():
        yield Finding("contact_role", True, "Enter their role, such as Owner.")
    email = registration.contact_email.strip()
    try:
        validate_email(email)
    except ValidationError:
        yield Finding("contact_email", True, "Enter an email address, like nora@yourbusiness.com.")
    else:
        domain = email.rpartition("@")[2].lower()
        site = _host(registration.website.strip()) or ""
        if domain in known.FREE_MAIL:
            yield Finding(
                "contact_email",
                False,
                f"Carriers refuse free addresses such as {domain}.",
                f"Use one at your own website, such as hello@{site.removeprefix('www.')}."
                if site and not _within(site, known.SOCIAL)
                else "Use one at your own website’s domain.",
            )
        elif site and not _within(site, known.SOCIAL) and not _related(domain, site):
            yield Finding(
                "contact_email",
                False,
                "The email address and the website have different domains, which carriers ask about.",
                "If you can, use an address at your website’s domain.",
            )
    phone = registration.contact_phone.strip()
    try:
        number = contact_phone(phone, country)
    except numbers.BadNumber as bad:
        yield Finding(
            "contact_phone", True, bad.words if phone else "Enter a phone number carriers can call."
        )
    else:
        if numbers.is_toll_free(number):
            yield Finding(
                "contact_phone",
                False,
                "Carriers like to reach the person themselves, and a toll-free number often ends at a menu.",
                "Give a direct line if there is one.",
            )


def _texts(registration: Registration) -> Iterator[Finding]:
    uses = registration.uses
    if not uses or set(uses) - set(Registration.Use.values):
        yield Finding("uses", True, "Choose what you’ll text about.")
    if registration.volume not in dict(Registration.VOLUMES):
        yield Finding("volume", True, "Choose about how many texts a month.")
    sample = registration.sample.strip()
    if not sample:
        yield Finding("sample", True, "Write one text you’d send.")
        return
    known_as = (registration.trade_name, registration.business.name, registration.legal_name)
    names = [name.strip() for name in known_as if name.strip()]
    if names and not any(_bare(name, registration.business.country) in _plain(sample) for name in names):
        yield Finding(
            "sample",
            False,
            "Carriers want to see who the text is from.",
            f"Add your name, such as “{names[0]}”.",
        )
    if not re.search(r"(?i)\b(?:stop|arr[eê]t)\b", sample):
        yield Finding(
            "sample",
            False,
            "The text doesn’t say how to stop.",
            "End it with “Reply STOP to stop texts.” Carriers look for it.",
        )
    hosts = re.findall(r"(?i)(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?=[/\s.,;!?)]|$)", sample)
    if any(_within(host.lower(), known.SHORTENERS) for host in hosts):
        yield Finding(
            "sample",
            False,
            "Carriers block texts with shortened links.",
            "Write the whole address, at your own domain.",
        )


def _consent(registration: Registration) -> Iterator[Finding]:
    if registration.opt_in not in OptIn.values:
        yield Finding("opt_in", True, "Choose how clients agree.")
    elif registration.opt_in == OptIn.PAPER:
        yield Finding(
            "opt_in_picture",
            False,
            "Carriers refuse a form whose words don’t name texts."
            if registration.opt_in_picture
            else "Carriers want to see the form, and refuse one whose words don’t name texts.",
            ("" if registration.opt_in_picture else "Add a picture of it. ")
            + "It must say something like “I agree to get text messages from you. Reply STOP to stop.”",
        )
    elif registration.opt_in == OptIn.VIA_TEXT and not registration.opt_in_picture:
        yield Finding(
            "opt_in_picture",
            False,
            "Carriers want to see where people read that they can text you.",
            "Add a picture of the sign or page. It must say that they will get text messages back.",
        )
    if not registration.agreed:
        yield Finding(
            "agreed", True, "Confirm that you may register this business and only text people who agreed."
        )


def _luhn(digits: str) -> bool:
    """The check digit of Business Numbers (and of bank cards)."""
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _plain(text: str) -> str:
    """Without accents, dots and case: “Ltée” is ltee, “L.L.C.” is llc."""
    flat = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(
        re.sub(r"[^\w\s&]", " ", flat.replace(".", "").replace("’", "").replace("'", "")).lower().split()
    )


def _ends_with(name: str, suffixes: tuple[str, ...]) -> str:
    """Which of them the name ends with; empty if none, or if it is nothing else."""
    plain = _plain(name)
    return next(
        (suffix for suffix in sorted(suffixes, key=len, reverse=True) if plain.endswith(f" {suffix}")), ""
    )


def _suffix(name: str, country: str) -> str:
    """The legal ending of a name as it is written; empty if it has none. A person may well be called Co or Sa."""
    every = {
        suffix for suffixes in known.SUFFIXES[country].values() for suffix in suffixes if len(suffix) > 2
    }
    found = _ends_with(name, tuple(every))
    return " ".join(name.split()[-len(found.split()) :]) if found else ""


def _bare(name: str, country: str) -> str:
    """The plain name without its legal ending, as a text would give it."""
    plain = _plain(name)
    for suffixes in known.SUFFIXES[country].values():
        if found := _ends_with(name, suffixes):
            return plain.removesuffix(f" {found}")
    return plain


def _host(url: str) -> str | None:
    """The host of a web address, if it can be one that everybody reaches."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.username or re.search(r"\s", url):
        return None
    return host if re.fullmatch(r"(?:[\w-]+\.)+[^\W\d_][\w-]*[^\W_]", host) else None


def _within(host: str, hosts: frozenset[str]) -> bool:
    """Is it one of these hosts, or below one?"""
    parts = host.split(".")
    return any(".".join(parts[n:]) in hosts for n in range(len(parts) - 1))


def _related(domain: str, site: str) -> bool:
    site = site.removeprefix("www.")
    return domain == site or domain.endswith(f".{site}") or site.endswith(f".{domain}")


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9-]", "", text.lower())
