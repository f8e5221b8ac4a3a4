"""What the words of automatic messages may name, and what each name says for one client and one thing.

Days, times and money are written as CLDR has them (Babel) in the client's language, by the business's clock, with
plain spaces: a narrow one would make the text cost twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache

from babel.dates import format_date, format_time
from babel.numbers import format_currency
from babel.units import format_unit
from django.conf import settings
from django.utils import timezone

from parley.alerts.kinds import About
from parley.appointments.models import Appointment
from parley.businesses import opening
from parley.businesses.models import Business
from parley.clients.languages import LOCALES, Language
from parley.clients.models import Client
from parley.leads.models import Lead
from parley.numbers.models import PhoneNumber
from parley.payments.models import Asked, Estimate, PaymentRequest
from parley.sms.numbers import pretty

Subject = Appointment | PaymentRequest | Estimate | Lead | None
Values = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`name` is what is written, `label` what the screen calls it. `chip`: it is offered beside the wording."""

    name: str
    label: str
    chip: bool = False

    @property
    def liquid(self) -> str:
        """As it is put into the words: what may be empty brings along what is said instead."""
        return "{{ " + self.name + (' | default: "there"' if self.name == "client.first_name" else "") + " }}"


EVERYBODY = (
    Placeholder("client.first_name", "First name", chip=True),
    Placeholder("client.last_name", "Last name"),
    Placeholder("client.full_name", "Full name"),
    Placeholder("business.name", "Business name", chip=True),
    Placeholder("business.phone", "Your number"),
    Placeholder("business.address", "Your address"),
    Placeholder("staff.contact_name", "Business name"),
    Placeholder("staff.full_name", "Team member"),
    Placeholder("staff.first_name", "Team member’s first name"),
)
# Words that are about no one thing have no team member to name: only the business stands behind them.
OF_NOTHING = {
    each.name: each for each in EVERYBODY if each.name not in ("staff.full_name", "staff.first_name")
}
_OF: dict[About, tuple[Placeholder, ...]] = {
    "appointment": (
        Placeholder("appointment.service_name", "Service", chip=True),
        Placeholder("appointment.day", "Day", chip=True),
        Placeholder("appointment.time", "Time", chip=True),
        Placeholder("staff.full_name", "Team member", chip=True),
        Placeholder("appointment.location", "Address", chip=True),
        Placeholder("appointment.date", "Date"),
        Placeholder("appointment.title", "Title"),
        Placeholder("appointment.duration", "How long"),
    ),
    "payment": (
        Placeholder("payment.amount", "Amount", chip=True),
        Placeholder("payment.title", "What for", chip=True),
        Placeholder("payment.due_date", "Due date", chip=True),
        Placeholder("payment.link", "Payment link", chip=True),
    ),
    "estimate": (
        Placeholder("estimate.amount", "Amount", chip=True),
        Placeholder("estimate.title", "What for", chip=True),
        Placeholder("estimate.expiry_date", "Holds until", chip=True),
        Placeholder("estimate.link", "Estimate link", chip=True),
    ),
    "lead": (Placeholder("lead.message", "What they wrote"),),
    "text": (Placeholder("business.opens", "When you open", chip=True),),
}


@cache
def known(about: About) -> dict[str, Placeholder]:
    """What the words of messages about this may name, those of the thing itself first, by name."""
    return {each.name: each for each in (*EVERYBODY, *_OF[about])}


def chips(about: About) -> list[Placeholder]:
    """What is offered beside the wording: the client first, then what it is about, then the business."""
    first, *rest = (each for each in known(about).values() if each.chip)
    return [first, *(r for r in rest if r.name != "business.name"), known(about)["business.name"]]


def canonical(name: str) -> str:
    """A name with hyphens, as other platforms spell them (`client.first-name`), in our spelling."""
    return name.replace("-", "_")


def values(
    business: Business,
    client: Client,
    subject: Subject,
    language: str,
    *,
    at: datetime | None = None,
) -> Values:
    """What each placeholder says, "" where there is nothing to say. `at`: when it is sent, for "tomorrow".

    Asks the database nothing if `subject.member.user` and `subject.service` are loaded and the business's numbers
    prefetched; the numbers are asked for once a business at most.
    """
    at = at or timezone.now()
    today = at.astimezone(business.zone).date()
    found: Values = {
        "client": {
            "first_name": client.first_name,
            "last_name": client.last_name,
            "full_name": f"{client.first_name} {client.last_name}".strip(),
        },
        "business": {
            "name": business.name,
            "phone": own_number(business),
            "address": business.address,
            "opens": _opens(business, at, today, language),
        },
        "staff": {"full_name": business.name, "first_name": business.name, "contact_name": business.name},
    }
    if isinstance(subject, Appointment):
        found["appointment"] = _appointment(business, subject, today, language)
        if name := subject.member.user.name if subject.member else subject.with_name:
            found["staff"] |= {"full_name": name, "first_name": name.split(" ")[0]}
    elif isinstance(subject, PaymentRequest):
        found["payment"] = _asked(subject, language) | {
            "due_date": written(subject.due_on, today, language) if subject.due_on else "",
            "link": f"{settings.PUBLIC_URL}/p/{subject.token}",
        }
    elif isinstance(subject, Estimate):
        found["estimate"] = _asked(subject, language) | {
            "expiry_date": written(subject.expires_on, today, language) if subject.expires_on else "",
            "link": f"{settings.PUBLIC_URL}/e/{subject.token}",
        }
    elif isinstance(subject, Lead):
        found["lead"] = {"message": subject.message}
    return found


def own_number(business: Business) -> str:
    """A business's own number, found once for each time it is loaded."""
    kept = vars(business)
    if "_own_number_words" not in kept:
        kept["_own_number_words"] = next(
            (
                pretty(number.number)
                for number in business.numbers.all()
                if number.duty == PhoneNumber.Duty.BUSINESS
                and number.approved_at
                and not number.releasing_at
                and not number.released_at
            ),
            "",
        )
    return str(kept["_own_number_words"])


def _opens(business: Business, at: datetime, today: date, language: str) -> str:
    opens = opening.next_opening(business, at) if business.hours else None
    if opens is None:
        return ""
    day = relative(opens.date(), today, language)
    return _AT[language].format(day=day, time=clock(opens.hour, opens.minute, language))


def _appointment(business: Business, appointment: Appointment, today: date, language: str) -> dict[str, str]:
    starts = appointment.starts_at.astimezone(business.zone)
    service = appointment.service
    return {
        "title": appointment.title,
        "service_name": service.name if service else appointment.title,
        "location": appointment.location or (service.location if service else "") or business.address,
        "day": relative(starts.date(), today, language),
        "date": written(starts.date(), today, language),
        "time": clock(starts.hour, starts.minute, language),
        "duration": _duration(appointment.lasts, language),
    }


def _asked(asked: Asked, language: str) -> dict[str, str]:
    return {"title": asked.title, "amount": money(asked.cents, asked.currency, language)}


def _locale(language: str) -> str:
    return LOCALES[Language(language)]


# How languages say a day that is not near, and a day with a time.
_PATTERNS = {"en": "EEEE, MMMM d", "fr": "EEEE d MMMM", "es": "EEEE d 'de' MMMM"}
_WITH_YEAR = {"en": "EEEE, MMMM d, y", "fr": "EEEE d MMMM y", "es": "EEEE d 'de' MMMM 'de' y"}
_ON = {"en": "{}", "fr": "le {}", "es": "el {}"}
_AT = {"en": "{day} at {time}", "fr": "{day} à {time}", "es": "{day}, {time}"}
_NEAR = {
    "en": {0: "today", 1: "tomorrow"},
    "fr": {0: "aujourd'hui", 1: "demain"},
    "es": {0: "hoy", 1: "mañana"},
}


@lru_cache(maxsize=4096)
def written(day: date, today: date, language: str) -> str:
    """A day in words: "Thursday, November 20"; with its year where that is not this one."""
    pattern = (_PATTERNS if day.year == today.year else _WITH_YEAR)[language]
    if language == "fr" and day.day == 1:
        pattern = pattern.replace(" d ", " d'er' ")
    said = format_date(day, pattern, locale=_locale(language))
    # "Aout" is right since the spelling reform of 1990, and keeps an August's texts in GSM-7.
    return said.replace("août", "aout")


def relative(day: date, today: date, language: str) -> str:
    """A day as one says it in a sentence: "tomorrow", else "Thursday, November 20" ("le jeudi 20 novembre")."""
    near = _NEAR[language].get((day - today).days)
    return near or _ON[language].format(written(day, today, language))


@lru_cache(maxsize=4096)
def clock(hour: int, minute: int, language: str) -> str:
    """A time of day: "2:45 PM", "14 h 45"."""
    at = time(hour, minute)
    if language == "fr":
        return format_time(at, "H 'h' mm", locale=_locale(language))
    return _plain(format_time(at, "short", locale=_locale(language)))


# A business's own dollar is just a dollar: "$85.00", where CLDR's English of the United States says "CA$85.00".
_MONEY = {("en", "CAD"): "en_CA", ("es", "CAD"): "es_419"}


@lru_cache(maxsize=4096)
def money(cents: int, currency: str, language: str) -> str:
    """A sum: "$85.00", "85,00 $"."""
    return _plain(
        format_currency(cents / 100, currency, locale=_MONEY.get((language, currency), _locale(language)))
    )


def _duration(lasts: timedelta, language: str) -> str:
    hours, minutes = divmod(int(lasts.total_seconds()) // 60, 60)
    return " ".join(_unit(n, unit, language) for n, unit in ((hours, "hour"), (minutes, "minute")) if n)


@lru_cache(maxsize=1024)
def _unit(number: int, unit: str, language: str) -> str:
    return _plain(format_unit(number, f"duration-{unit}", "long", locale=_locale(language)))


def _plain(words: str) -> str:
    return words.replace("\u202f", " ").replace("\u00a0", " ")
