"""What the columns of a file of people mean, and what is kept of each row: cells in, a `Person` out.

What cannot be kept is left out and said at its row; a row is refused only where nobody could be reached by it, or
where its cells may stand in the wrong columns.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from parley.clients.forms import LONGEST_NOTE, add_tag, clean_tag, one_line
from parley.clients.languages import Language, known
from parley.clients.models import Client
from parley.sms.addresses import REGIONS, postal_code
from parley.sms.numbers import BadNumber, Country, parse

# What a column may be, as the screen says it.
FIELDS = {
    "first_name": "First name",
    "last_name": "Last name",
    "name": "Full name",
    "phone": "Mobile",
    "email": "Email",
    "status": "Status",
    "tags": "Tags",
    "postal_code": "ZIP or postal code",
    "region": "State or province",
    "language": "Language",
    "good_to_know": "Good to know",
    "agreed": "Agreed to offers: yes or no",
    "agreed_on": "Day they agreed",
}

# How files call them in English, French and Spanish, the surest first: as exported by Google Contacts, Outlook, Square,
# Mailchimp, Vagaro and Booksy, without accents, spaces and signs. Reviewed 2026-11-26.
HEADINGS = {
    "first_name": "firstname givenname first forename fname prenom nombre nombredepila primernombre",
    "last_name": "lastname familyname surname last lname nomdefamille apellido apellidos primerapellido",
    "name": "fullname name clientname customername contactname displayname client customer contact nomcomplet nom "
    "nombrecompleto nombreyapellido nombreyapellidos cliente",
    "phone": "mobile mobilephone mobilenumber cell cellphone cellnumber smsphonenumber phonemobile mobilephonenumber "
    "telephonemobile cellulaire telephonecellulaire portable celular movil telefonomovil telefonocelular phone "
    "phonenumber telephone tel numerodetelephone telefono numerodetelefono "
    "phone1value primaryphone homephone sms number",
    "email": "email emailaddress mail email1value primaryemail courriel adressecourriel adressemail correo "
    "correoelectronico",
    "status": "status clientstatus leadstatus statut etat estado",
    "tags": "tags tag labels label groups group groupmembership etiquettes etiquette etiquetas etiqueta categories "
    "category categorie categoria",
    "postal_code": "zip zipcode postalcode postcode ziporpostalcode zippostalcode codepostal codigopostal cp "
    "homepostalcode address1postalcode",
    "region": "state province stateprovince stateorprovince region homestate etatprovince provincia estadoprovincia "
    "address1region",
    "language": "language preferredlanguage lang langue idioma lengua",
    "good_to_know": "notes note goodtoknow comments comment memo remarques remarque notas nota comentarios",
    "agreed": "consent smsconsent smsoptin optin marketingconsent smsmarketing agreed agreedtooffers smssubscribed "
    "textmarketing acceptssmsmarketing consentement accord consentimiento acepta acceptsmarketing",
    "agreed_on": "consentdate agreedon dateagreed optindate optintime consentedat smsoptindate datedeconsentement "
    "fechadeconsentimiento dayagreed daytheyagreed",
}
STATUSES = {
    Client.Status.LEAD: "lead prospect new prospecto nouveau",
    Client.Status.CLIENT: "client customer active current cliente actif activo",
    Client.Status.PAST: "past pastclient former formerclient inactive lapsed ancien ancienclient inactif anterior "
    "excliente inactivo",
}
LANGUAGES = {
    Language.EN: "en eng english anglais ingles",
    Language.FR: "fr fra fre french francais frances",
    Language.ES: "es spa spanish espagnol espanol",
}
YES = frozenset("yes y true t 1 x oui o vrai si s verdadero ok agreed optedin subscribed ✓ ✔".split())  # noqa: SIM905

# Nobody agreed to get texts before there were texts.
FIRST = date(1993, 1, 1)
_FORMULA = re.compile(r"'(?=\s*[=+\-@\t\r])")
_SHORTENED = re.compile(r"(?i)\d(?:[.,]\d+)?e\+?\d+")
_SLASHED = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:[ T,].*)?")
_ISO = re.compile(r"(\d{4})[/.\-](\d{1,2})[/.\-](\d{1,2})(?:[ T,].*)?")
_TAGS = re.compile(r"\s*[,;|]\s*|\s*:::\s*")


def plain(text: str) -> str:
    """Small letters and digits only: "Prénom " and "prenom" are the same."""
    spread = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in spread if c.isalnum() or c in "✓✔")


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word: str(value) for value, words in table.items() for word in words.split()}


_STATUS_OF, _LANGUAGE_OF = _by_word(cast(dict[str, str], STATUSES)), _by_word(cast(dict[str, str], LANGUAGES))
_REGION_OF = {
    plain(word): code for names in REGIONS.values() for code, name in names.items() for word in (code, name)
}


def guessed(columns: Sequence[str], sample: Sequence[Sequence[str]]) -> list[str]:
    """What each column is, as far as its name tells; empty where it tells nothing. Each field is one column's."""
    said = [plain(column) for column in columns]
    found = [""] * len(columns)
    for name, words in HEADINGS.items():
        for word in words.split():
            if word in said and not found[said.index(word)]:
                found[said.index(word)] = name
                break
    for name, fits in (("phone", _is_number), ("email", _is_address)):
        if name not in found:
            for place in range(len(columns)):
                values = [row[place] for row in sample if place < len(row) and row[place].strip()]
                if not found[place] and values and all(fits(value) for value in values):
                    found[place] = name
                    break
    # "Name" beside a first name is the last one, and the other way round.
    for own, other in (("first_name", "last_name"), ("last_name", "first_name")):
        if "name" in found and own in found and other not in found:
            found[found.index("name")] = other
    return found


def _is_number(text: str) -> bool:
    try:
        return bool(parse(text))
    except BadNumber:
        return False


def _is_address(text: str) -> bool:
    try:
        validate_email(text.strip())
    except ValidationError:
        return False
    return True


@dataclass(slots=True)
class Person:
    """One row: `number` is its line, `name` and `reach` are as typed, and `words` say what was left out of it.

    `refused`: nothing is kept, and `words` say why. `agreed`: they said yes, on the day `agreed_on` if the file tells.
    `doubted`: the row says yes, and another of the same person does not; in words.
    """

    number: int
    name: str = ""
    reach: str = ""
    words: list[str] = field(default_factory=list)
    refused: bool = False
    phone: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    status: str = ""
    tags: list[str] = field(default_factory=list)
    postal_code: str = ""
    region: str = ""
    language: str = ""
    good_to_know: str = ""
    agreed: bool = False
    agreed_on: date | None = None
    doubted: str = ""

    def refuse(self, words: str) -> Person:
        self.words, self.refused = [words], True
        return self


class Reader:
    """Reads the rows of one file as its `mapping` says: a field for each column, or nothing.

    `tags` are everybody's. `today` is the last day on which somebody can have agreed.
    """

    def __init__(self, country: str, mapping: Sequence[str], tags: Sequence[str], today: date) -> None:
        self.country = cast(Country, country if country in ("US", "CA") else "US")
        self.width = len(mapping)
        self.places = {name: place for place, name in enumerate(mapping) if name}
        self.tags = list(tags)
        self.today = today
        # Of whom a row does not say that they agreed: their number, or their address where there is none, and the line.
        self.unagreed: dict[str, int] = {}

    def look_through(self, rows: Iterable[tuple[int, Sequence[str]]]) -> None:
        """See in a whole file who did not agree, before the first of its people is kept.

        A file may say yes and no of one person. In doubt they have not agreed, whichever row comes first, so every row
        of theirs must say yes; also rows of which nothing is kept are asked. What is empty is no yes.
        """
        places = self.places.get("agreed"), self.places.get("phone"), self.places.get("email")
        if places[0] is None:
            return
        for number, cells in rows:
            agreed, phone, email = (
                "" if place is None or place >= len(cells) else cells[place].strip() for place in places
            )
            if plain(agreed) in YES:
                continue
            try:
                self.unagreed.setdefault(self._number(phone), number)
            except BadNumber:
                if email:
                    self.unagreed.setdefault(email.casefold(), number)

    def person(self, number: int, cells: Sequence[str]) -> Person:
        """Whom a row is about."""
        typed = {name: cells[place].strip() for name, place in self.places.items() if place < len(cells)}
        one = Person(number)
        one.name, one.reach = _shown(typed)
        if any("\0" in cell for cell in cells):
            return one.refuse("This row holds signs that are no letters. Type it again.")
        if len(cells) > self.width and any(cell.strip() for cell in cells[self.width :]):
            return one.refuse(
                f"This row has {len(cells)} cells, and the file has {self.width} columns. Where a comma is part of a "
                "cell, put the cell in quotation marks."
            )
        typed = {name: _FORMULA.sub("", value, count=1) for name, value in typed.items() if value}
        self._reach(one, typed)
        if one.refused:
            return one
        self._name(one, typed)
        self._rest(one, typed)
        if len(cells) < self.width:
            one.words.append(
                "The row has fewer cells than the file has columns: what was missing stays empty."
            )
        return one

    def _reach(self, one: Person, typed: dict[str, str]) -> None:
        if email := typed.get("email"):
            if _is_address(email) and len(email) <= 254:
                one.email = email
            else:
                one.words.append(f"“{email[:60]}” isn’t a whole email address, so it was left out.")
        if phone := typed.get("phone"):
            try:
                if _SHORTENED.fullmatch(phone):
                    raise BadNumber(
                        "A spreadsheet has rounded this number. Set the column to Text, and save it again."
                    )
                one.phone = self._number(phone)
            except BadNumber as bad:
                if not one.email:
                    one.refuse(bad.words)
                else:
                    one.words.append(f"{bad.words} It was left out.")
        elif not one.email:
            one.refuse(one.words[0] if one.words else "There is no mobile number and no email in this row.")

    def _number(self, phone: str) -> str:
        return parse(_FORMULA.sub("", phone, count=1).removesuffix(".0"), self.country)

    def _name(self, one: Person, typed: dict[str, str]) -> None:
        first, last = one_line(typed.get("first_name", "")), one_line(typed.get("last_name", ""))
        if not first and not last:
            first, last = split_name(one_line(typed.get("name", "")))
        for name, value in (("first_name", first), ("last_name", last)):
            if len(value) > 60:
                one.words.append(f"A {FIELDS[name].lower()} has at most 60 characters, so it was left out.")
            else:
                setattr(one, name, value)

    def _rest(self, one: Person, typed: dict[str, str]) -> None:
        if zip_code := typed.get("postal_code"):
            # A spreadsheet takes the zero away from the ZIP codes of New England.
            padded = zip_code.zfill(5) if zip_code.isdecimal() and len(zip_code) in (3, 4) else zip_code
            if found := postal_code(padded):
                one.postal_code = found[0]
            else:
                one.words.append(f"“{zip_code[:20]}” isn’t a ZIP or postal code, so it was left out.")
        for name, table in (("region", _REGION_OF), ("status", _STATUS_OF), ("language", _LANGUAGE_OF)):
            if value := typed.get(name):
                meant = table.get(plain(value)) or (known(value) if name == "language" else "")
                if meant:
                    setattr(one, name, meant)
                else:
                    what = {"region": "state or province", "status": "status", "language": "language"}[name]
                    one.words.append(f"“{value[:40]}” is no {what} that Parley knows, so it was left out.")
        if note := typed.get("good_to_know"):
            if len(note) > LONGEST_NOTE:
                one.words.append(f"A note has at most {LONGEST_NOTE:,} characters, so it was left out.")
            else:
                one.good_to_know = note.replace("\r\n", "\n").replace("\r", "\n")
        one.tags = self.tags
        for typed_tag in _TAGS.split(typed.get("tags", "")):
            try:
                one.tags = add_tag(one.tags, clean_tag(typed_tag.removeprefix("* ")))
            except ValidationError as wrong:
                one.words.append(f"{wrong.message} It was left out.")
        one.agreed = plain(typed.get("agreed", "")) in YES if "agreed" in self.places else True
        line = self.unagreed.get(one.phone) or self.unagreed.get(one.email.casefold())
        if one.agreed and line:
            one.agreed = False
            one.doubted = f"Line {line} doesn’t say that they agreed, so they count as not agreed."
        if day := typed.get("agreed_on"):
            one.agreed_on = day_in(day, self.country)
            if one.agreed and (one.agreed_on is None or not FIRST <= one.agreed_on <= self.today):
                one.agreed = False
                one.words.append(
                    f"“{day[:30]}” isn’t a day on which somebody can have agreed, so that they agreed was left out. "
                    "Write days like 2026-03-31."
                )


def _shown(typed: dict[str, str]) -> tuple[str, str]:
    parts = (
        (typed.get("first_name", ""), typed.get("last_name", "")) if "name" not in typed else (typed["name"],)
    )
    name = one_line(" ".join(parts).replace("\0", ""))
    reach = one_line((typed.get("phone") or typed.get("email") or "").replace("\0", ""))
    return name[:160], reach[:160]


def split_name(name: str) -> tuple[str, str]:
    """First and last name: "Maya Okafor" and "Okafor, Maya" are the same."""
    if name.count(",") == 1:
        last, _, first = name.partition(",")
        return first.strip(), last.strip()
    first, _, last = name.partition(" ")
    return first, last


def day_in(text: str, country: str) -> date | None:
    """The day that somebody wrote; None where it could be another one: in Canada 3/4/2026 is either."""
    try:
        if found := _ISO.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _SLASHED.fullmatch(text):
            one, two, year = int(found[1]), int(found[2]), int(found[3])
            if one > 12 or (country == "CA" and one == two):
                return date(year, two, one)
            return date(year, one, two) if country == "US" or two > 12 else None
    except ValueError:
        return None
    for form in ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  a day has no zone
        except ValueError:
            continue
    return None
