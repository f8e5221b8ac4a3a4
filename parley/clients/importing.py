"""A file of people becomes clients: the one place where an import is written.

Rows are kept in batches. A batch is one transaction: the clients, what they agreed to, what became of each row, and how
far the import has come; so whoever goes on after a SIGKILL begins with the first row that nobody has kept, and two
workers who go on at once keep each row once, because a batch holds the import's row and must find it where it left it.
Nobody is told: an import is no happening, and no message goes out because of it.
"""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from itertools import islice
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import DataError, IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from parley.businesses.models import Business, Member
from parley.businesses.planned import built, columns
from parley.businesses.tenancy import new_id
from parley.clients import consent, tables
from parley.clients.cells import Person, Reader, guessed
from parley.clients.forms import MOST_TAGS
from parley.clients.models import Client, Consent, Import, ImportPart, ImportRow
from parley.live.nudges import nudge
from parley.notifications.models import Notification

PART = 1024 * 1024
# Rows of one transaction: it holds the locks of so many numbers, against which texts to them wait.
BATCH = 500
# Files that wait for somebody to say what their columns are.
MOST_DRAFTS = 5
# How often a batch is looked at while others add the same people.
LOOKS = 5
# Seconds between two nudges.
NUDGE_EVERY = 1.0

Outcome, State, Known = ImportRow.Outcome, Import.State, Import.Known

LOST = "Parley could not keep this row."

# What a card has of a person that an import may fill in; its number is not among it.
FILLED = ("email", "status", "postal_code", "region", "language", "good_to_know")

# A business that is new has few clients by PostgreSQL's statistics, while its first import adds 200,000: it would read
# all of them for each batch. So each row looks for its own.
ONE_BY_ONE = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
EARLIER = """
    LEFT JOIN LATERAL (
        SELECT min(r.number) AS number FROM (
            SELECT number FROM clients_importrow
            WHERE business_id = %(business)s AND client_id = c.id AND of_id = %(import)s OFFSET 0
        ) r
    ) earlier ON true
"""
BY_PHONE = f"""
    SELECT given.phone, c.id, earlier.number
    FROM unnest(%(phones)s::text[]) AS given (phone)
    CROSS JOIN LATERAL (
        SELECT id FROM clients_client WHERE business_id = %(business)s AND phone = given.phone AND phone <> '' LIMIT 1
    ) c
    {EARLIER}
"""  # noqa: S608  our own words
# As `leads.writing_in.client_of` tells who it is: by the address only where no number tells them apart.
BY_EMAIL = f"""
    SELECT given.place, c.id, earlier.number
    FROM unnest(%(emails)s::text[], %(have_phones)s::bool[]) WITH ORDINALITY AS given (email, has_phone, place)
    CROSS JOIN LATERAL (
        SELECT id FROM clients_client
        WHERE business_id = %(business)s AND upper(email) = upper(given.email) AND email <> ''
          AND (phone = '' OR NOT given.has_phone)
        ORDER BY created_at, id LIMIT 1
    ) c
    {EARLIER}
"""  # noqa: S608  our own words
HELD = """
    SELECT {columns} FROM unnest(%(ids)s::uuid[]) AS given (id)
    JOIN clients_client c ON c.business_id = %(business)s AND c.id = given.id
    ORDER BY c.id FOR UPDATE OF c
"""
ADD = """
    INSERT INTO clients_client (id, business_id, first_name, last_name, phone, email, tags, good_to_know, postal_code,
                                region, language, status, time_zone, texting, created_at)
    SELECT id, %(business)s, first_name, last_name, phone, email, string_to_array(tags, E'\\x1f'), good_to_know,
           postal_code, region, language, status, '', 'ok', now()
    FROM unnest(%(id)s::uuid[], %(first_name)s::text[], %(last_name)s::text[], %(phone)s::text[], %(email)s::text[],
                %(tags)s::text[], %(good_to_know)s::text[], %(postal_code)s::text[], %(region)s::text[],
                %(language)s::text[], %(status)s::text[])
         AS given (id, first_name, last_name, phone, email, tags, good_to_know, postal_code, region, language, status)
    ON CONFLICT (business_id, phone) WHERE phone <> '' DO NOTHING
"""
CHANGE = """
    UPDATE clients_client c
    SET first_name = given.first_name, last_name = given.last_name, email = given.email,
        tags = string_to_array(given.tags, E'\\x1f'), good_to_know = given.good_to_know,
        postal_code = given.postal_code, region = given.region, language = given.language, status = given.status
    FROM unnest(%(id)s::uuid[], %(first_name)s::text[], %(last_name)s::text[], %(email)s::text[], %(tags)s::text[],
                %(good_to_know)s::text[], %(postal_code)s::text[], %(region)s::text[], %(language)s::text[],
                %(status)s::text[])
         AS given (id, first_name, last_name, email, tags, good_to_know, postal_code, region, language, status)
    WHERE c.business_id = %(business)s AND c.id = given.id
"""
# Apart, because it asks the ledger what holds for the number.
GIVE_PHONE = """
    UPDATE clients_client c SET phone = given.phone
    FROM unnest(%(id)s::uuid[], %(phone)s::text[]) AS given (id, phone)
    WHERE c.business_id = %(business)s AND c.id = given.id AND c.phone = ''
"""
REPORT = """
    INSERT INTO clients_importrow (business_id, of_id, number, outcome, words, name, reach, client_id)
    SELECT %(business)s, %(import)s, * FROM unnest(%(number)s::int[], %(outcome)s::text[], %(words)s::text[],
                                                   %(name)s::text[], %(reach)s::text[], %(client)s::uuid[])
"""
THROW_AWAY = """
    WITH gone AS (
        DELETE FROM clients_import
        WHERE state = 'draft' AND (business_id = %(business)s AND id = %(id)s OR created_at < now() - %(age)s::interval)
        RETURNING business_id, id
    )
    DELETE FROM clients_importpart p USING gone WHERE p.business_id = gone.business_id AND p.of_id = gone.id
"""
TAG_ENDS = "\x1f"


class TooMany(Exception):
    """Files wait already; `words` say what to do."""

    words = f"{MOST_DRAFTS} files wait to be imported already. Import one of them, or throw one away."


class _Again(Exception):
    """Somebody else has added one of them meanwhile: the batch is to be looked at anew."""


# ---- The file


@transaction.atomic
def keep(business: Business, member: Member, upload: UploadedFile) -> Import:
    """Look through an uploaded file, and keep it in pieces. Raises tables.Unreadable and TooMany."""
    assert upload.file is not None
    if (upload.size or 0) > tables.MOST_BYTES:
        raise tables.Unreadable(too_large(upload.size or 0))
    if business.imports.filter(state=State.DRAFT).count() >= MOST_DRAFTS:
        raise TooMany
    shape = tables.shape(upload.file)
    made = Import.objects.create(
        business=business,
        member=member,
        by_name=str(member)[:120],
        file_name=(upload.name or "people.csv").replace("\0", "")[-120:],
        size=upload.size or 0,
        encoding=shape.encoding,
        delimiter=shape.delimiter,
        skipped=shape.skipped,
        columns=shape.columns,
        sample=shape.sample,
        total=shape.total,
        mapping=guessed(shape.columns, shape.sample),
    )
    upload.file.seek(0)
    for number, content in enumerate(iter(lambda: upload.file.read(PART), b"")):  # type: ignore[union-attr]
        ImportPart.objects.create(business=business, of=made, number=number, content=content)
    return made


def throw_away(found: Import) -> None:
    """A file that is not wanted, if its import has not been started."""
    _throw_away({"business": found.business_id, "id": found.pk, "age": None})


def throw_away_old() -> None:
    """Files of all businesses that nobody went on with for a day."""
    _throw_away({"business": None, "id": None, "age": timedelta(days=1)})


def _throw_away(given: dict[str, Any]) -> None:
    # Not as Django deletes: it would look for rows of the report among those of all businesses.
    with connection.cursor() as cursor:
        cursor.execute(THROW_AWAY, given)


def too_large(size: int) -> str:
    most = tables.MOST_BYTES // 1024 // 1024
    has = size / 1024 / 1024
    return (
        f"This file has {has:,.0f} MB. The most is {most} MB: split it, and import one part after the other."
    )


class Pieces(io.RawIOBase):
    """An import's file from its pieces, one at a time."""

    def __init__(self, found: Import) -> None:
        self.parts = ImportPart.objects.filter(business_id=found.business_id, of=found)
        self.number = 0
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self.rest:
            content = self.parts.filter(number=self.number).values_list("content", flat=True).first()
            self.rest = memoryview(content or b"")
            self.number += 1
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


# ---- The work


def work(business_id: uuid.UUID, import_id: uuid.UUID, *, seconds: float = float("inf")) -> bool:
    """Go on with an import for about so long. True if there is more to do. Raises tables.Unreadable."""
    until = time.monotonic() + seconds
    nudged = 0.0
    while found := _under_way(business_id, import_id):
        today = timezone.now().astimezone(found.business.zone).date()
        reader = Reader(found.business.country, found.mapping, found.tags, today)
        if found.agreed:
            reader.look_through(_rows(found))
        at = found.reached
        people = (reader.person(number, cells) for number, cells in islice(_rows(found), at, None))
        while batch := list(islice(people, BATCH)):
            say = time.monotonic() >= nudged + NUDGE_EVERY
            if not _keep_all(found, at, batch, say):
                break
            if at == 0:
                _look_at_tables(len(batch))
            at += len(batch)
            nudged = time.monotonic() if say else nudged
            if time.monotonic() >= until:
                return True
        else:
            end(business_id, import_id, State.DONE)
    return False


def _rows(found: Import) -> Iterator[tuple[int, list[str]]]:
    raw = io.BufferedReader(Pieces(found), PART)
    return tables.rows(raw, found.encoding, found.delimiter, found.skipped)


def _look_at_tables(rows: int) -> None:
    """Tell PostgreSQL how many clients there are, if it does not know yet.

    Of a table that was empty when it last looked it takes every index to be as good: it would check each row of the
    report against all clients of its business, until its own next look a minute later.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples < %s FROM pg_class WHERE oid = 'clients_client'::regclass", [rows])
        if cursor.fetchone() == (True,):
            cursor.execute("ANALYZE clients_client, clients_importrow, clients_consent, clients_handset")


def _under_way(business_id: uuid.UUID, import_id: uuid.UUID) -> Import | None:
    found = Import.objects.select_related("business", "member__user")
    return found.filter(business_id=business_id, pk=import_id, state__in=Import.UNDER_WAY).first()


def _keep_all(found: Import, at: int, people: list[Person], say: bool) -> bool:
    """Keep a batch; a row that the database refuses is told apart from its neighbours, and refused alone."""
    for _ in range(LOOKS):
        try:
            return _keep_batch(found, at, people, say)
        except _Again:
            continue
        except (DataError, IntegrityError):
            break
    if len(people) == 1:
        return _keep_batch(found, at, [people[0].refuse(LOST)], say)
    half = len(people) // 2
    first = _keep_all(found, at, people[:half], say)
    return first and _keep_all(found, at + half, people[half:], say)


@transaction.atomic
def _keep_batch(found: Import, at: int, people: list[Person], say: bool) -> bool:
    """One transaction. False if the import is not where it was left, or is to go no further."""
    now = Import.objects.select_for_update().get(business_id=found.business_id, pk=found.pk)
    if now.state not in Import.UNDER_WAY or now.reached != at:
        return False
    if now.stop_asked:
        end(now.business_id, now.pk, State.STOPPED)
        return False
    batch = _Batch(found, people)
    batch.write()
    now.state = State.RUNNING
    now.started_at = now.started_at or timezone.now()
    now.reached += len(people)
    for outcome in Outcome.values:
        setattr(now, outcome, getattr(now, outcome) + sum(o == outcome for o in batch.outcomes))
    now.agreements += batch.agreements
    now.save(update_fields=["state", "started_at", "reached", *Outcome.values, "agreements"])
    if say:
        nudge(now.business_id, [])
    return True


@transaction.atomic
def end(business_id: uuid.UUID, import_id: uuid.UUID, state: Import.State, trouble: str = "") -> None:
    """An import goes no further: its file is thrown away, its report stays."""
    now = Import.objects.select_for_update().get(business_id=business_id, pk=import_id)
    if now.state in Import.UNDER_WAY:
        now.state, now.trouble, now.ended_at = state, trouble, timezone.now()
        now.save(update_fields=["state", "trouble", "ended_at"])
        ImportPart.objects.filter(business_id=business_id, of=now).delete()
        # Who stopped it knows.
        if state != State.STOPPED:
            _tell(now)
        nudge(business_id, [], news=state != State.STOPPED)


def _tell(ended: Import) -> None:
    """In Parley alone: whoever began it, or everybody if they have left."""
    failed = ended.state == State.FAILED
    counted = [
        f"{number:,} {words}"
        for number, words in (
            (ended.added, "added"),
            (ended.filled, "changed"),
            (ended.unchanged + ended.same_as, "known already"),
            (ended.refused, "not imported"),
        )
        if number
    ]
    Notification.objects.create(
        business_id=ended.business_id,
        kind=Notification.Kind.IMPORT,
        key=f"import {ended.pk}",
        title=f"“{ended.file_name}” {'was not imported to its end' if failed else 'is imported'}"[:160],
        words=(f"{', '.join(counted)}." if counted else ended.trouble if failed else "")[:200],
        address=reverse("import", args=[ended.pk]),
        member_id=ended.member_id,
        trouble=failed,
        created_at=timezone.now(),
    )


class _Batch:
    """Some rows of an import, within its transaction."""

    def __init__(self, found: Import, people: list[Person]) -> None:
        self.found = found
        self.business = found.business
        self.people = people
        # Copied, because a batch may be looked at again.
        self.words = [list(person.words) for person in people]
        self.outcomes: list[str] = [Outcome.REFUSED] * len(people)
        self.clients: list[uuid.UUID | None] = [None] * len(people)
        self.agreements = 0

    def write(self) -> None:
        """Numbers are locked before cards, as whoever obeys a STOP does it."""
        with connection.cursor() as cursor:
            cursor.execute(ONE_BY_ONE)
        known, new = self._who()
        self._agree([*known, *new])
        self._change(known)
        self._add(new)
        self._report()

    def _ask(self, statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, given | {"business": self.business.pk, "import": self.found.pk})
            return cursor.fetchall() if cursor.description else []

    def _who(self) -> tuple[list[int], list[int]]:
        """Who is a client already, and who is new; the others are refused, or stood in the file before."""
        people = self.people
        rows = self._ask(BY_PHONE, {"phones": [p.phone for p in people if p.phone]})
        by_phone = {phone: (id, earlier) for phone, id, earlier in rows}
        asked = [n for n, p in enumerate(people) if not p.refused and p.email and p.phone not in by_phone]
        by_email: dict[int, tuple[uuid.UUID, int | None]] = {}
        if asked:
            given = {
                "emails": [people[n].email for n in asked],
                "have_phones": [bool(people[n].phone) for n in asked],
            }
            by_email = {asked[place - 1]: (id, earlier) for place, id, earlier in self._ask(BY_EMAIL, given)}
        known: list[int] = []
        new: list[int] = []
        seen: dict[object, int] = {}
        # Of this batch: whoever has an address, and whoever has nothing else to be told by.
        at_address: dict[str, int] = {}
        address_only: dict[str, int] = {}
        for n, person in enumerate(people):
            if person.refused:
                continue
            id, earlier = by_phone.get(person.phone) or by_email.get(n) or (None, None)
            key, email = id or person.phone, person.email.casefold()
            first = seen.get(key) if key else None
            if first is None and not id and email:
                first = (address_only if person.phone else at_address).get(email)
            if first is not None:
                self.clients[n], earlier = self.clients[first], people[first].number
            else:
                self.clients[n] = id or new_id()
            if earlier is not None:
                self.outcomes[n] = Outcome.SAME_AS
                self.words[n] = [f"The same person as in line {earlier}."]
                if person.doubted:
                    self.words[n].append(person.doubted)
                continue
            seen[self.clients[n]] = n
            if person.phone:
                seen[person.phone] = n
            if email:
                at_address.setdefault(email, n)
                if not person.phone and not id:
                    address_only[email] = n
            (known if id else new).append(n)
        return known, new

    def _agree(self, places: list[int]) -> None:
        found = self.found
        if not found.agreed:
            return
        on = found.agreed_on
        lines, whose = [], {}
        for n in places:
            person = self.people[n]
            day = person.agreed_on or on
            if person.doubted:
                self.words[n].append(person.doubted)
            if not person.agreed or not person.phone:
                continue
            if day is None:
                self.words[n].append(
                    "The row has no day on which they agreed, so that they agreed was left out."
                )
                continue
            lines.append(
                consent.Line(
                    business=self.business.pk,
                    phone=person.phone,
                    category=Consent.Category.MARKETING,
                    says=Consent.Says.AGREED,
                    how=found.agreed_how,
                    words=found.agreed_words,
                    by_id=found.member_id,
                    by_name=found.by_name,
                    source=f"import:{found.pk}:{person.phone}",
                    said_at=datetime.combine(day, time_of_day(), self.business.zone).astimezone(UTC),
                )
            )
            whose[person.phone] = n
        became = consent.agree_many(self.business, lines)
        self.agreements = len(became.phones)
        for phone, why in became.against.items():
            self.words[whose[phone]].append(why)

    def _change(self, places: list[int]) -> None:
        """Fill in or overwrite what the cards of known clients say."""
        changed: list[Client] = []
        given_phone: list[Client] = []
        cards: dict[uuid.UUID | None, Client] = {}
        if self.found.known != Known.LEAVE and places:
            held = self._ask(
                HELD.format(columns=columns(Client, "c")), {"ids": [self.clients[n] for n in places]}
            )
            cards = {card.pk: card for card in (built(Client, row) for row in held)}
        for n in places:
            self.outcomes[n] = Outcome.UNCHANGED
            card = cards.get(self.clients[n])
            if card is None:
                continue
            person = self.people[n]
            before = [getattr(card, name) for name in ("first_name", "last_name", "tags", *FILLED)]
            self._merge(n, card, person)
            if [getattr(card, name) for name in ("first_name", "last_name", "tags", *FILLED)] != before:
                changed.append(card)
                self.outcomes[n] = Outcome.FILLED
            if person.phone and not card.phone:
                card.phone = person.phone
                given_phone.append(card)
                self.outcomes[n] = Outcome.FILLED
        if changed:
            self._ask(CHANGE, _columns(changed))
        if given_phone:
            self._ask(
                GIVE_PHONE, {"id": [c.pk for c in given_phone], "phone": [c.phone for c in given_phone]}
            )

    def _merge(self, n: int, card: Client, person: Person) -> None:
        over = self.found.known == Known.OVERWRITE
        if (person.first_name or person.last_name) and (over or not card.named):
            card.first_name, card.last_name = person.first_name, person.last_name
        for name in FILLED:
            value = getattr(person, name)
            if value and (over or not getattr(card, name)):
                setattr(card, name, value)
        have = {tag.casefold() for tag in card.tags}
        wanted = [tag for tag in person.tags if tag.casefold() not in have]
        if room := max(MOST_TAGS - len(card.tags), 0):
            card.tags = [*card.tags, *wanted[:room]]
        if len(wanted) > room:
            self.words[n].append(f"They have {MOST_TAGS} tags already: some were left out.")

    def _add(self, places: list[int]) -> None:
        if not places:
            return
        for n in places:
            self.outcomes[n] = Outcome.ADDED
        made = [(self.clients[n], self.people[n]) for n in places]
        given = _columns([person for _, person in made])
        given |= {"id": [id for id, _ in made], "phone": [person.phone for _, person in made]}
        given["status"] = [status or Client.Status.CLIENT.value for status in given["status"]]
        with connection.cursor() as cursor:
            cursor.execute(ADD, given | {"business": self.business.pk})
            if cursor.rowcount != len(made):
                raise _Again

    def _report(self) -> None:
        self._ask(
            REPORT,
            {
                "number": [p.number for p in self.people],
                "outcome": [str(outcome) for outcome in self.outcomes],
                "words": [" ".join(words) for words in self.words],
                "name": [p.name for p in self.people],
                "reach": [p.reach for p in self.people],
                "client": self.clients,
            },
        )


def _columns(cards: list[Any]) -> dict[str, list[Any]]:
    """The columns of clients, or of people to be: what `ADD` and `CHANGE` are given."""
    names = (
        "first_name",
        "last_name",
        "email",
        "good_to_know",
        "postal_code",
        "region",
        "language",
        "status",
    )
    found: dict[str, list[Any]] = {name: [str(getattr(card, name)) for card in cards] for name in names}
    found["tags"] = [TAG_ENDS.join(card.tags) for card in cards]
    found["id"] = [getattr(card, "pk", None) for card in cards]
    return found


def report(found: Import, outcome: str = "", after: int = 0) -> Iterator[ImportRow]:
    """All rows after a line, in the order of the file; only so many are held at once."""
    rows = found.rows.select_related("client").order_by("number")
    if outcome:
        rows = rows.filter(outcome=outcome)
    while chunk := list(rows.filter(business_id=found.business_id, number__gt=after)[:1000]):
        yield from chunk
        after = chunk[-1].number
