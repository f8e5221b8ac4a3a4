"""A file of people becomes clients: what is said of hostile files, each row once, and what a list cannot undo."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from parley.appointments import booking
from parley.businesses.tenancy import new_id
from parley.clients import cells, consent, importing, tables
from parley.clients.forms import ClientForm
from parley.clients.import_form import ImportForm
from parley.clients.models import Client, Import, ImportPart, ImportRow
from parley.config import asgi
from parley.leads.writing_in import Written, write_in
from parley.notifications.models import Letter, Notification
from parley.ui.spreadsheet import plain_cell
from tests.campaigns.test_at_once import somebody_waits
from tests.people import House
from tests.waiting import until

FORM = {"known": "fill", "agreed": "no"}
YES = {
    "agreed": "yes",
    "agreed_how": "on_paper",
    "agreed_on": "2026-03-31",
    "agreed_words": "Yes, text me offers.",
    "proof": "on",
}


@pytest.fixture
def nora(client: Browser, juniper: House) -> Browser:
    client.force_login(juniper.owner.user)
    return client


def kept(house: House, content: bytes, name: str = "people.csv") -> Import:
    return importing.keep(house.business, house.owner, SimpleUploadedFile(name, content))


def begun(house: House, content: bytes, **said: str) -> Import:
    """An import about which everything is said."""
    found = kept(house, content)
    columns = {f"column_{n}": name for n, name in enumerate(found.mapping)}
    form = ImportForm(found, {**columns, **FORM, **said})
    assert form.is_valid(), form.errors
    form.save()
    Import.objects.filter(pk=found.pk).update(state=Import.State.WAITING)
    return found


def imported(house: House, content: bytes, **said: str) -> tuple[Import, list[ImportRow]]:
    """An import that was worked off; and its report."""
    found = begun(house, content, **said)
    assert importing.work(house.business.pk, found.pk) is False
    found.refresh_from_db()
    return found, list(found.rows.order_by("number"))


# ---- Files

HEAD = b"First name,Mobile,Email\n"
ANA = b"Ana,(503) 555-0101,ana@lima.example\n"

# What is in a file; what is said of it, as far as it is not read.
REFUSED_FILES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "This file is empty."),
    ("blank", b" \r\n\t\n", "This file is empty."),
    ("mark alone", b"\xef\xbb\xbf", "This file is empty."),
    ("header alone", HEAD, "There is nobody in this file"),
    ("header and commas", HEAD + b",,\n\n", "There is nobody in this file"),
    (
        "excel",
        b"PK\x03\x04" + b"\0" * 26 + b"[Content_Types].xml",
        "This is an Excel file. In Excel choose File >",
    ),
    ("old excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "This is an Excel file."),
    ("zip", b"PK\x03\x04" + b"\0" * 26 + b"people.csv", "This is a zip file."),
    ("pdf", b"%PDF-1.7\n", "This is a PDF."),
    ("gzip", b"\x1f\x8b\x08", "This is a compressed file."),
    ("picture", b"\x89PNG\r\n", "This is a picture."),
    ("web page", b"\n<html><table>", "This is a web page"),
    ("contact cards", b"BEGIN:VCARD\n", "These are contact cards"),
    ("utf-16 without its mark", "Name,Mobile\nAna,5".encode("utf-16-le"), "This isn’t a text file."),
    ("nothing but NUL", b"Name,Mobile\n" + b"\0" * 100, "This isn’t a text file."),
    (
        "10,000 columns",
        b",".join(b"c%d" % n for n in range(10_000)) + b"\nx\n",
        "This file has 10,000 columns.",
    ),
    ("one endless line", b"a" * 3_000_000, "Line 1 has more than 1,000,000 characters."),
    ("an endless line later", HEAD + ANA + b"b" * 3_000_000, "Line 3 has more than 1,000,000 characters."),
    (
        "a quote that ate the rest",
        HEAD + b'"Ana,5035550101,\n' + ANA * 3,
        'A quotation mark (") in line 2 isn’t closed',
    ),
    ("a quote at the end", HEAD + ANA + b'Bo,5035550102,"', 'A quotation mark (") in line 3 isn’t closed'),
    (
        "a quote that ate much",
        HEAD + b'"Ana,' + ANA * 2_000,
        "In line 2 a cell has more than 32,767 characters.",
    ),
    (
        "nobody for long",
        HEAD + b"\n" * 32_767 + ANA,
        "The first person in this file stands in line 32,769.",
    ),
    ("nobody for long, and no header", b"\n" * 40_000 + ANA, "The first person in this file stands in line"),
    ("too many", HEAD + b"a,5,\n" * 200_001, "This file has more than 200,000 rows."),
]

# What is in a file; how its first person is read.
READ_FILES: list[tuple[str, bytes, list[str]]] = [
    ("utf-8", "Prénom,Mobile\nZoë,5035550101\n".encode(), ["Zoë", "+15035550101"]),
    ("utf-8 with its mark", "Prénom,Mobile\nZoë,5035550101".encode("utf-8-sig"), ["Zoë", "+15035550101"]),
    ("utf-16", "Prénom\tMobile\nZoë\t5035550101".encode("utf-16"), ["Zoë", "+15035550101"]),
    (
        "utf-16, big end first",
        b"\xfe\xff" + "Prénom\tMobile\nZoë\t5035550101".encode("utf-16-be"),
        ["Zoë", "+15035550101"],
    ),
    ("windows", "Prénom;Mobile\r\nZoë;5035550101\r\n".encode("cp1252"), ["Zoë", "+15035550101"]),
    (
        "utf-8 with a torn letter",
        ("Prénom,Mobile\nZoë,5035550101\n" + "é" * 20).encode() + b"\xe9",
        ["Zoë", "+15035550101"],
    ),
    ("old mac", b"First name|Mobile\rAna|5035550101\r", ["Ana", "+15035550101"]),
    ("sep=", b"sep=;\nFirst name;Mobile\nAna, B;5035550101", ["Ana, B", "+15035550101"]),
    ("commas in what semicolons part", b"First name;Mobile\nA,B,C,D;5035550101", ["A,B,C,D", "+15035550101"]),
    ("no header", b"Ana,5035550101\nBo,5035550102\n", ["", "+15035550101"]),
    ("lines before", b"\n\nFirst name,Mobile\n\nAna,5035550101\n", ["Ana", "+15035550101"]),
    ("a line break in a cell", b'"First\nname",Mobile\n"Ana\nB",5035550101\n', ["Ana B", "+15035550101"]),
    ("a quote within a cell", b'First name,Mobile\nAna "A",5035550101\n', ['Ana "A"', "+15035550101"]),
    ("cells without a name", b"First name,Mobile,,\nAna,5035550101,x,y\n", ["Ana", "+15035550101"]),
    ("doubled names", b"First name,Mobile,Mobile\nAna,5035550101,5035550102\n", ["Ana", "+15035550101"]),
]


def test_what_is_said_of_a_file(juniper: House) -> None:
    for name, content, words in REFUSED_FILES:
        with pytest.raises(tables.Unreadable) as said:
            kept(juniper, content)
        assert said.value.words.startswith(words), name
    assert not Import.objects.exists()
    assert not ImportPart.objects.exists()
    for name, content, (first, phone) in READ_FILES:
        found = kept(juniper, content)
        raw: Any = io.BufferedReader(importing.Pieces(found))
        reader = cells.Reader("US", found.mapping, [], date(2026, 11, 26))
        told = [
            reader.person(n, row)
            for n, row in tables.rows(raw, found.encoding, found.delimiter, found.skipped)
        ]
        assert (told[0].first_name, told[0].phone) == (first, phone), (name, found.mapping)
        assert len(told) == found.total, name
        importing.throw_away(found)
    assert not ImportPart.objects.exists()
    assert tables.names(["Mobile", "Mobile", "", "Mobile (2)", "a" * 200])[:4] == [
        "Mobile",
        "Mobile (2)",
        "Column 3",
        "Mobile (2) (2)",
    ]
    with pytest.raises(tables.Unreadable, match="The most is 50 MB"):
        big = SimpleUploadedFile("p.csv", HEAD + ANA)
        big.size = 51 * 1024 * 1024
        importing.keep(juniper.business, juniper.owner, big)


# A header, a row; what becomes of it, words of its report, and what the client is then.
ROWS: list[tuple[bytes, bytes, str, str, dict[str, Any]]] = [
    (
        b"Name,Mobile",
        b"Maya Okafor,503.555.0101",
        "added",
        "",
        {"first_name": "Maya", "last_name": "Okafor", "phone": "+15035550101"},
    ),
    (
        b"Name,Mobile",
        b'"Okafor, Maya",1 503 555 0101',
        "added",
        "",
        {"first_name": "Maya", "last_name": "Okafor"},
    ),
    (b"Name,Mobile", b"Maya,'+15035550101", "added", "", {"phone": "+15035550101"}),
    (b"Name,Mobile", b"=cmd|'/c calc'!A0,5035550101", "added", "", {"first_name": "=cmd|'/c"}),
    (
        b"Name,Mobile",
        b"<script>alert(1)</script>,5035550101",
        "added",
        "",
        {"first_name": "<script>alert(1)</script>"},
    ),
    (b"Name,Mobile", b"Maya,5035550101.0", "added", "", {"phone": "+15035550101"}),
    (b"Name,Mobile", b"Maya,1.50356E+10", "refused", "A spreadsheet has rounded this number.", {}),
    (b"Name,Mobile", b"Maya,12", "refused", "That number is too short.", {}),
    (b"Name,Mobile", b"Maya,", "refused", "There is no mobile number and no email in this row.", {}),
    (b"Name,Email", b"Maya,maya@", "refused", "“maya@” isn’t a whole email address", {}),
    (
        b"Name,Mobile,Email",
        b"Maya,12,m@x.example",
        "added",
        "That number is too short.",
        {"phone": "", "email": "m@x.example"},
    ),
    (b"Name,Mobile", b"Maya,5035550101,,", "added", "", {}),
    (
        b"Name,Mobile",
        b"Maya,5035550101,,x",
        "refused",
        "This row has 4 cells, and the file has 2 columns.",
        {},
    ),
    (b"Mobile,Name,Email", b"5035550101", "added", "The row has fewer cells", {"first_name": ""}),
    (b"Name,Mobile", b"Ma\0ya,5035550101", "refused", "This row holds signs that are no letters.", {}),
    (
        b"First name,Mobile",
        b"a" * 61 + b",5035550101",
        "added",
        "A first name has at most 60 characters",
        {"first_name": ""},
    ),
    (
        b"Mobile,ZIP,State",
        b"5035550101,2134,massachusetts",
        "added",
        "",
        {"postal_code": "02134", "region": "MA"},
    ),
    (
        b"Mobile,ZIP,State",
        b"5035550101,nowhere,Bavaria",
        "added",
        "“Bavaria” is no state",
        {"postal_code": "", "region": ""},
    ),
    (
        b"Mobile,Langue,Statut",
        "5035550101,Français,Prospect".encode(),
        "added",
        "",
        {"language": "fr", "status": "lead"},
    ),
    (b"Mobile,Tags", b'5035550101,"New mom; VIP, vip,, "', "added", "", {"tags": ["New mom", "VIP"]}),
    (b"Mobile,Tags", b"5035550101," + b"x" * 41, "added", "is too long for a tag.", {"tags": []}),
    (b"Mobile,Notes", b'5035550101,"Mild\r\n& kind"', "added", "", {"good_to_know": "Mild\n& kind"}),
    (
        b"Mobile,Notes",
        b"5035550101," + b"x" * 2001,
        "added",
        "A note has at most 2,000 characters",
        {"good_to_know": ""},
    ),
]


def test_what_becomes_of_a_row(juniper: House) -> None:
    for header, row, outcome, words, expected in ROWS:
        # The NUL comes late, or the whole file would be none.
        before = (b"x" * 30_000 + b",12\n") * 3 if b"\0" in row else b""
        found, rows = imported(juniper, header + b"\n" + before + row + b"\n")
        assert rows[-1].outcome == outcome, (row, rows[-1].words)
        assert words in rows[-1].words, row
        assert bool(words) == bool(rows[-1].words), (row, rows[-1].words)
        assert (rows[-1].client_id is None) == (outcome == "refused")
        if client := rows[-1].client:
            assert {name: getattr(client, name) for name in expected} == expected, row
            assert client.status in ("client", "lead")
        assert found.state == "done"
        juniper.business.clients.all().delete()


DAYS = [
    ("2026-03-31", "US", date(2026, 3, 31)),
    ("2026-03-31T10:00:00Z", "US", date(2026, 3, 31)),
    ("3/4/2026", "US", date(2026, 3, 4)),
    ("13/4/2026", "US", date(2026, 4, 13)),
    ("3/4/2026", "CA", None),
    ("4/4/2026", "CA", date(2026, 4, 4)),
    ("3/13/2026", "CA", date(2026, 3, 13)),
    ("Mar 4, 2026", "US", date(2026, 3, 4)),
    ("4 March 2026", "US", date(2026, 3, 4)),
    ("2026-02-30", "US", None),
    ("yesterday", "US", None),
]


def test_days_and_headings() -> None:
    for text, country, day in DAYS:
        assert cells.day_in(text, country) == day, text
    for columns, meant in [
        (["Mobile", "Prénom", "Nom", "Courriel"], ["phone", "first_name", "last_name", "email"]),
        (["Nombre", "Apellidos", "Teléfono móvil"], ["first_name", "last_name", "phone"]),
        (["Name", "Home Phone", "Mobile Phone", "Notes"], ["name", "", "phone", "good_to_know"]),
        (["E-mail", "SMS Opt-In", "Opt in date", "Étiquettes"], ["email", "agreed", "agreed_on", "tags"]),
        (
            ["Nom complet", "Téléphone", "État/Province", "Code postal"],
            ["name", "phone", "region", "postal_code"],
        ),
    ]:
        assert cells.guessed(columns, []) == meant
    # Every name is written as it is looked for, and means one field.
    words = [word for names in cells.HEADINGS.values() for word in names.split()]
    assert words == [cells.plain(word) for word in words]
    assert len(words) == len(set(words))
    assert set(cells.HEADINGS) == set(cells.FIELDS)


# ---- Each once


def people(count: int) -> bytes:
    return HEAD + b"".join(b"Person%d,503555%04d,p%d@x.example\n" % (n, n, n) for n in range(count))


def test_each_row_is_kept_once_whoever_dies(
    juniper: House, alder: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = alder.client("Person1", "Theirs", "+15035550001")
    found = begun(juniper, people(5_000), **YES)
    assert found.parts.count() == 1
    dies_at = iter([3, 1, 4])
    end = importing._Batch._report
    left = [next(dies_at)]

    def dying(batch: Any) -> None:
        end(batch)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    monkeypatch.setattr(importing._Batch, "_report", dying)
    reached = []
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            importing.work(juniper.business.pk, found.pk)
        found.refresh_from_db()
        assert found.state in Import.UNDER_WAY
        assert found.rows.count() == found.reached == juniper.business.clients.count()
        assert juniper.business.consents.count() == found.reached
        reached.append(found.reached)
        left = [next(dies_at, 1_000)]
    assert reached == [1_000, 1_000, 2_500]
    monkeypatch.setattr(importing._Batch, "_report", end)
    assert importing.work(juniper.business.pk, found.pk, seconds=0) is True
    assert importing.work(juniper.business.pk, found.pk) is False
    found.refresh_from_db()
    assert (found.state, found.reached, found.added, found.agreements) == ("done", 5_000, 5_000, 5_000)
    assert juniper.business.clients.count() == juniper.business.consents.count() == 5_000
    assert sorted(found.rows.values_list("number", flat=True)) == list(range(2, 5_002))
    assert not ImportPart.objects.exists()
    # A job that runs again does nothing; and nobody else's client was touched or matched.
    assert importing.work(juniper.business.pk, found.pk) is False
    assert juniper.business.clients.count() == 5_000
    assert list(alder.business.clients.all()) == [theirs]
    assert not alder.business.consents.exists()
    theirs.refresh_from_db()
    assert theirs.last_name == "Theirs"


def test_two_workers_keep_each_row_once(juniper: House) -> None:
    found = begun(juniper, people(20))
    stale = Import.objects.select_related("business").get(pk=found.pk)
    assert importing.work(juniper.business.pk, found.pk) is False
    reader = cells.Reader("US", found.mapping, [], date(2026, 11, 26))
    late = [reader.person(2, ["Late", "5035559999", ""])]
    Import.objects.filter(pk=found.pk).update(state="running")
    assert importing._keep_batch(stale, 0, late, False) is False
    assert juniper.business.clients.count() == 20


def test_whoever_began_it_is_told_in_parley_alone(juniper: House, alder: House, nora: Browser) -> None:
    found, _ = imported(juniper, people(3) + b"Nobody,12,\n")
    told = Notification.objects.get()
    assert (told.title, told.words) == ("“people.csv” is imported", "3 added, 1 not imported.")
    assert (told.link, told.member, told.alarming) == (f"/clients/import/{found.pk}", juniper.owner, False)
    assert f'href="{told.link}"><b>{told.title}' in nora.get("/notifications").content.decode()
    assert f'href="{told.link}">See it' in nora.get("/live?news=2026-01-01").content.decode()
    for stranger in (juniper.staff, alder.owner):
        assert not Notification.objects.told_to(stranger).exists()
    assert not Letter.objects.exists()
    # Whatever it came to, its end is told; but not to who stopped it.
    importing.end(juniper.business.pk, begun(juniper, people(2)).pk, Import.State.FAILED, "It went wrong.")
    told = Notification.objects.latest("created_at")
    assert (told.title, told.words) == ("“people.csv” was not imported to its end", "It went wrong.")
    assert told.alarming
    importing.end(juniper.business.pk, begun(juniper, people(2)).pk, Import.State.STOPPED)
    assert Notification.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_second_page_changes_nothing_of_an_import_that_has_started(juniper: House, nora: Browser) -> None:
    found = kept(juniper, people(3))
    columns = {f"column_{n}": name for n, name in enumerate(found.mapping)}

    def start() -> None:
        nora.post(f"/clients/import/{found.pk}", {**columns, **FORM, **YES})
        connections.close_all()

    second = threading.Thread(target=start)
    with transaction.atomic():
        Import.objects.filter(pk=found.pk).update(state=Import.State.WAITING)
        second.start()
        until(somebody_waits, what="the second page")
    second.join()
    found.refresh_from_db()
    assert (found.state, found.agreed) == ("waiting", False)


def test_stopping_keeps_what_was_done(juniper: House, nora: Browser) -> None:
    found = begun(juniper, people(1_200))
    assert importing.work(juniper.business.pk, found.pk, seconds=0) is True
    assert "500 of 1,200" in nora.get(f"/clients/import/{found.pk}").content.decode()
    nora.post(f"/clients/import/{found.pk}/stop")
    assert importing.work(juniper.business.pk, found.pk) is False
    found.refresh_from_db()
    assert (found.state, found.reached, juniper.business.clients.count()) == ("stopped", 500, 500)
    assert not ImportPart.objects.exists()
    page = nora.get(f"/clients/import/{found.pk}").content.decode()
    assert "Stopped after 500 of 1,200 rows. What was imported until then stays." in page


def test_a_row_that_the_database_refuses_is_refused_alone(juniper: House) -> None:
    found = begun(juniper, people(3))
    good = [cells.Person(n, phone=f"+1503555{n:04}", first_name="Good") for n in (2, 4)]
    # A name that no check of ours has seen.
    bad = cells.Person(3, "Bad", "5035550003", phone="+15035550003", first_name="x" * 61)
    found = Import.objects.select_related("business").get(pk=found.pk)
    assert importing._keep_all(found, 0, [good[0], bad, good[1]], False)
    assert list(found.rows.order_by("number").values_list("outcome", "words")) == [
        ("added", ""),
        ("refused", importing.LOST),
        ("added", ""),
    ]
    found.refresh_from_db()
    assert (found.reached, found.added, found.refused) == (3, 2, 1)


def test_somebody_adds_one_of_them_meanwhile(juniper: House, monkeypatch: pytest.MonkeyPatch) -> None:
    who = importing._Batch._who
    # What is added in the batch's own transaction goes when it is looked at again.
    for times, outcome, words in ((2, "added", ""), (1_000, "refused", importing.LOST)):
        looks: list[int] = []

        def late(batch: Any, looks: list[int] = looks, times: int = times) -> Any:
            found = who(batch)
            looks.append(1)
            if len(looks) <= times and found[1]:
                juniper.client(phone="+15035550000")
            return found

        monkeypatch.setattr(importing._Batch, "_who", late)
        _, rows = imported(juniper, people(1))
        assert [(row.outcome, row.words) for row in rows] == [(outcome, words)]
        assert len(looks) == min(times, importing.LOOKS) + 1
        juniper.business.clients.all().delete()


# ---- Who is who


def test_people_one_has_already(juniper: House) -> None:
    def afresh() -> tuple[Client, Client]:
        juniper.business.clients.all().delete()
        by_phone = juniper.client("Maya", "Okafor", "+15035550101", tags=["vip"], status="lead")
        return by_phone, juniper.client("", "", "", email="Ana@Lima.example")

    content = (
        b"First name,Last name,Mobile,Email,Tags,Status,Notes\n"
        b"May,O,5035550101,maya@x.example,VIP; New mom,past,Mild\n"
        b"Ana,Lima,5035550102,ana@lima.example,,,\n"
    )
    expected = {
        "fill": (
            ["filled", "filled"],
            ("Maya", "Okafor", "maya@x.example", ["vip", "All", "New mom"], "lead", "Mild"),
        ),
        "leave": (["unchanged", "unchanged"], ("Maya", "Okafor", "", ["vip"], "lead", "")),
        "overwrite": (
            ["filled", "filled"],
            ("May", "O", "maya@x.example", ["vip", "All", "New mom"], "past", "Mild"),
        ),
    }
    for known, (outcomes, card) in expected.items():
        maya, ana = afresh()
        _, rows = imported(juniper, content, known=known, tags="All")
        assert [row.outcome for row in rows] == outcomes, known
        assert [row.client_id for row in rows] == [maya.pk, ana.pk]
        maya.refresh_from_db()
        ana.refresh_from_db()
        assert (
            maya.first_name,
            maya.last_name,
            maya.email,
            maya.tags,
            maya.status,
            maya.good_to_know,
        ) == card
        assert (ana.first_name, ana.phone) == (("", "") if known == "leave" else ("Ana", "+15035550102"))
        assert juniper.business.clients.count() == 2
        # The same file once more changes nothing.
        again, rows = imported(juniper, content, known=known, tags="All")
        assert {row.outcome for row in rows} <= {"unchanged"}, known
        assert (again.unchanged, again.filled, again.added) == (2, 0, 0)


def test_the_same_person_twice_is_one(juniper: House, monkeypatch: pytest.MonkeyPatch) -> None:
    content = HEAD + (
        b"Ana,5035550101,ana@x.example\n"
        b"Ana again,+1 (503) 555-0101,\n"
        b"Mother,5035550102,ana@x.example\n"  # An address may be two people's who have numbers.
        b"By address,,ANA@x.example\n"
        b"Only address,,bo@x.example\n"
        b"With number,5035550103,Bo@x.example\n"
    )
    for size in (500, 1):
        monkeypatch.setattr(importing, "BATCH", size)
        juniper.business.clients.all().delete()
        found, rows = imported(juniper, content)
        assert [row.outcome for row in rows] == [
            "added",
            "same_as",
            "added",
            "same_as",
            "added",
            "same_as",
        ], size
        assert [row.words for row in rows if row.words] == [
            "The same person as in line 2.",
            "The same person as in line 2.",
            "The same person as in line 6.",
        ]
        assert rows[0].client_id == rows[1].client_id == rows[3].client_id
        assert found.added == juniper.business.clients.count() == 3


# ---- What they agreed to

ALL, MARKETING = consent.Category.ALL, consent.Category.MARKETING
AGREED, REFUSED, DOUBTFUL = consent.Says.AGREED, consent.Says.REFUSED, consent.Says.DOUBTFUL
TEXT, PERSON = consent.How.TEXT, consent.How.IN_PERSON
# What is in the ledger before; what holds for marketing after an import that says yes; words at the row.
AGAINST: list[tuple[list[dict[str, Any]], str, str]] = [
    ([], "agreed", ""),
    ([{"category": MARKETING, "says": AGREED, "how": PERSON}], "agreed", ""),
    ([{"category": ALL, "says": REFUSED, "how": TEXT}], "refused", consent.OnlyTheClient.words),
    ([{"category": MARKETING, "says": REFUSED, "how": TEXT}], "refused", consent.OnlyTheClient.words),
    ([{"category": ALL, "says": REFUSED, "how": PERSON}], "refused", consent.OPTED_OUT),
    ([{"category": MARKETING, "says": REFUSED, "how": PERSON}], "refused", consent.OPTED_OUT),
    ([{"category": ALL, "says": DOUBTFUL, "how": TEXT}], "doubtful", consent.MAY_HAVE_OPTED_OUT),
    (
        [
            {"category": ALL, "says": REFUSED, "how": TEXT},
            {"category": consent.Category.SERVICE, "says": AGREED, "how": TEXT},
        ],
        "refused",
        consent.OPTED_OUT,
    ),
]


def test_a_list_undoes_no_opt_out(juniper: House) -> None:
    for n, (lines, _, _) in enumerate(AGAINST):
        for line in lines:
            consent.record(juniper.business, f"+1503555{n:04}", **line)
    before = juniper.business.consents.count()
    found, rows = imported(juniper, people(len(AGAINST)), **YES)
    for n, (lines, marketing, words) in enumerate(AGAINST):
        held = consent.handset(juniper.business, f"+1503555{n:04}")
        assert held
        assert (held.marketing, rows[n].words) == (marketing, words), lines
    assert found.agreements == juniper.business.consents.count() - before == 2
    line = juniper.business.consents.latest("id")
    assert (line.category, line.says, line.how, line.words) == (
        MARKETING,
        AGREED,
        "on_paper",
        YES["agreed_words"],
    )
    assert (line.by_id, line.by_name) == (juniper.owner.pk, "Nora Kim")
    assert line.source == f"import:{found.pk}:{line.phone}"
    assert line.said_at == datetime(2026, 3, 31, 7, tzinfo=UTC)  # midnight in Los Angeles
    held = consent.handset(juniper.business, line.phone)
    assert held
    assert held.marketing_by == line.pk


def test_a_stop_that_could_not_wait_is_not_undone(juniper: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is committed without the lock, after it was asked what stands against."""
    consent.record(juniper.business, "+15035550000", category=ALL, says=REFUSED, how=TEXT)
    monkeypatch.setattr(consent, "AGAINST", f"SELECT * FROM ({consent.AGAINST}) asked WHERE false")
    found, _ = imported(juniper, people(1), **YES)
    held = consent.handset(juniper.business, "+15035550000")
    assert held
    assert (held.service, held.marketing, found.agreements) == ("refused", "refused", 0)


def test_many_agree_as_one_does(juniper: House, alder: House) -> None:
    """`agree_many` and `record` leave the same behind, for whoever nothing stands against."""
    at = timezone.now() - timedelta(days=3)
    said = {"how": consent.How.WEB_FORM, "words": "Yes"}
    lines = [
        consent.Line(
            business=juniper.business.pk,
            phone=f"+1503555{n:04}",
            category=MARKETING,
            says=AGREED,
            said_at=at,
            source=f"x{n}",
            **said,
        )
        for n in range(3)
    ]
    for _ in range(2):
        became = consent.agree_many(juniper.business, lines)
    assert became == consent.Agreed(frozenset(), {})
    for line in lines:
        consent.record(
            alder.business,
            line.phone,
            category=MARKETING,
            says=AGREED,
            said_at=at,
            source=line.source,
            **said,
        )  # type: ignore[arg-type]
    ledgers, handsets = [], []
    for house in (juniper, alder):
        skipped = ("id", "business_id", "recorded_at", "changed_at", "marketing_by")
        ledgers.append(
            [
                {k: v for k, v in row.items() if k not in skipped}
                for row in house.business.consents.order_by("phone").values()
            ]
        )
        handsets.append(
            [
                {k: v for k, v in row.items() if k not in skipped}
                for row in house.business.handsets.order_by("phone").values()
            ]
        )
    assert ledgers[0] == ledgers[1]
    assert handsets[0] == handsets[1]
    assert consent.agree_many(juniper.business, []) == consent.Agreed(frozenset(), {})


def test_only_who_said_yes_on_a_day_agreed(juniper: House) -> None:
    content = (
        b"Mobile,Email,SMS consent,Consent date\n"
        b"5035550101,,Yes,3/31/2026\n"
        b"5035550102,,no,3/31/2026\n"
        b"5035550103,,s\xed,\n"
        b"5035550104,,X,31/31/2026\n"
        b"5035550105,,true,2099-01-01\n"
        b",a@x.example,yes,2026-03-31\n"
    )
    found, rows = imported(juniper, content, **(YES | {"agreed_on": ""}))
    assert list(juniper.business.consents.values_list("phone", flat=True)) == ["+15035550101"]
    assert "no day on which they agreed" in rows[2].words
    assert all("isn’t a day on which somebody can have agreed" in rows[n].words for n in (3, 4))
    assert rows[1].words == rows[5].words == ""
    assert found.agreements == 1
    juniper.business.clients.all().delete()
    imported(juniper, content, **(YES | {"agreed_on": "2026-03-31"}))
    assert set(juniper.business.consents.values_list("phone", flat=True)) == {"+15035550101", "+15035550103"}
    # Without a yes of the member, nothing of it counts.
    juniper.business.clients.all().delete()
    before = juniper.business.consents.count()
    imported(juniper, content)
    assert juniper.business.consents.count() == before


# What rows say of one person and others, from line 2 on: N stands for an exchange that each case has to itself. Whether
# that person agreed, which lines say yes in vain, and which line takes it back.
SAID_TWICE: list[tuple[list[str], bool, list[int], int]] = [
    (["503N0101,,yes", "(503) N-0101,,no"], False, [2], 3),
    (["503N0101,,no", "(503) N-0101,,yes"], False, [3], 2),
    (["503N0101,,yes", "503N0199,,yes", "503N0101,,"], False, [2], 4),
    (["503N0101,,yes", "503N0101,,yes", "503N0101,,no,and more"], False, [2, 3], 4),
    (["503N0101,a@x.example,yes", ",A@X.example,no"], False, [2], 3),
    (["503N0101,a@x.example,yes", "503N0199,a@x.example,no"], True, [], 0),
    (["503N0101,,yes", "503N0101,,oui"], True, [], 0),
]


def test_a_no_anywhere_in_a_file_wins(juniper: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for case, (said, agreed, in_vain, no) in enumerate(SAID_TWICE):
        for size, exchange in ((500, 220 + case), (1, 320 + case)):
            monkeypatch.setattr(importing, "BATCH", size)
            juniper.business.clients.all().delete()
            lines = ["Mobile,Email,Consent", *(line.replace("N", str(exchange)) for line in said)]
            _, rows = imported(juniper, "\n".join(lines).encode(), **YES)
            ledger = juniper.business.consents.filter(phone=f"+1503{exchange}0101")
            assert ledger.exists() is agreed, said
            words = f"Line {no} doesn’t say that they agreed, so they count as not agreed."
            assert [row.number for row in rows if words in row.words] == in_vain, said
    # Where no column says it, the member speaks for all of them.
    found, _ = imported(juniper, b"Mobile\n5033990101\n5033990101\n", **YES)
    assert found.agreements == 1


# What is said in the form; at which field something is wrong, and what.
FORMS: list[tuple[dict[str, str], str, str]] = [
    ({"column_1": "", "column_2": ""}, "__all__", "Say which column is Mobile or Email"),
    ({"column_2": "phone"}, "column_2", "“Mobile” is Mobile already."),
    ({"column_0": "password"}, "column_0", "Choose from the list."),
    ({"known": ""}, "known", "Choose what to do with them."),
    ({"agreed": ""}, "agreed", "Choose one."),
    ({"tags": "x" * 41}, "tags", "is too long for a tag."),
    (YES | {"agreed_how": ""}, "agreed_how", "Choose how they agreed."),
    (YES | {"agreed_how": "text"}, "agreed_how", "Choose how they agreed."),
    (YES | {"agreed_words": " "}, "agreed_words", "Write the words they agreed to"),
    (YES | {"agreed_on": ""}, "agreed_on", "Say when they agreed."),
    (YES | {"agreed_on": "2099-01-01"}, "agreed_on", "That day is still to come."),
    (YES | {"agreed_on": "1026-01-01"}, "agreed_on", "Nobody agreed to get texts that long ago."),
    (YES | {"agreed_on": "soon"}, "agreed_on", "That isn’t a day."),
    (YES | {"proof": ""}, "proof", "Without proof"),
    (YES | {"column_1": ""}, "agreed", "Offers by text need a number"),
]


def test_what_a_member_must_say(juniper: House, nora: Browser) -> None:
    found = kept(juniper, HEAD + ANA)
    columns = {f"column_{n}": name for n, name in enumerate(found.mapping)}
    for said, field, words in FORMS:
        form = ImportForm(found, columns | FORM | said)
        assert not form.is_valid(), said
        assert set(form.errors) == {field}, (said, form.errors)
        assert words in form.errors[field][0]
    page = nora.post(
        f"/clients/import/{found.pk}", columns | FORM | YES | {"proof": "", "agreed_words": "<Yes>"}
    )
    assert page.status_code == 422
    assert "&lt;Yes&gt;" in page.content.decode()
    found.refresh_from_db()
    assert found.state == "draft"
    assert nora.post(f"/clients/import/{found.pk}", columns | FORM | YES).status_code == 302
    found.refresh_from_db()
    assert (found.state, found.agreed, found.proof, found.agreed_how) == ("waiting", True, True, "on_paper")


# ---- Pages


def test_a_stranger_sees_nothing(juniper: House, alder: House, nora: Browser, client: Browser) -> None:
    found = kept(juniper, HEAD + ANA)
    done, _ = imported(juniper, HEAD + ANA)
    stranger, jules = Browser(), Browser()
    stranger.force_login(alder.owner.user)
    jules.force_login(juniper.staff.user)
    for one in (found, done):
        address = f"/clients/import/{one.pk}"
        assert stranger.get(address).status_code == 404
        assert stranger.get(f"{address}/report.csv").status_code == 404
        assert stranger.post(f"{address}/stop").status_code == 404
        assert stranger.post(address, FORM).status_code == 404
        # Whoever may add a client may add many.
        assert jules.get(address).status_code == 200
        assert Browser().get(address)["Location"].startswith("/sign-in/")
    assert "people.csv" not in stranger.get("/clients/import").content.decode()
    assert "people.csv" in jules.get("/clients/import").content.decode()
    for nonsense in ("?show=x", "?after=x", "?after=" + "9" * 20):
        assert nora.get(f"/clients/import/{done.pk}{nonsense}").status_code == 404
    assert nora.get("/clients/import?before=x").status_code == 404
    assert nora.get(f"/clients/import/{done.pk}/stop").status_code == 405
    assert Import.objects.filter(pk=found.pk).exists()
    nora.post(f"/clients/import/{found.pk}/stop")
    assert not Import.objects.filter(pk=found.pk).exists()
    assert not ImportPart.objects.exists()
    # A row cannot name another business's client, nor its import.
    theirs = alder.client()
    for wrong in ({"client_id": theirs.pk, "of_id": done.pk}, {"of_id": done.pk, "business": alder.business}):
        with pytest.raises(IntegrityError, match="violates foreign key"), checked():
            ImportRow.objects.create(**({"business": juniper.business} | wrong), number=99, outcome="added")


@contextmanager
def checked() -> Iterator[None]:
    """A transaction of which the database judges at once."""
    with transaction.atomic(), connection.cursor() as cursor:
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_uploading(juniper: House, nora: Browser) -> None:
    assert "Choose a file first." in nora.post("/clients/import", {}).content.decode()
    wrong = nora.post("/clients/import", {"file": SimpleUploadedFile("p.xlsx", b"PK\x03\x04 xl/")})
    assert wrong.status_code == 422
    assert "This is an Excel file." in wrong.content.decode()
    name = "../../<b>" + "x" * 200 + ".csv"
    for n in range(importing.MOST_DRAFTS):
        answer = nora.post("/clients/import", {"file": SimpleUploadedFile(name, HEAD + ANA)})
        assert answer.status_code == 302, n
    page = nora.get(answer["Location"]).content.decode()
    assert "x" * 50 in page
    assert "<b>x" not in page
    assert (
        "5 files wait"
        in nora.post("/clients/import", {"file": SimpleUploadedFile("p.csv", HEAD + ANA)}).content.decode()
    )
    importing.throw_away_old()
    assert Import.objects.count() == 5
    Import.objects.update(created_at=timezone.now() - timedelta(days=2))
    importing.throw_away_old()
    assert not Import.objects.exists()
    assert not ImportPart.objects.exists()


def test_a_large_file_goes_in_pieces(juniper: House, nora: Browser) -> None:
    content = HEAD + b"".join(
        b"Person %d,503555%04d,%s@x.example\n" % (n, n % 10_000, b"a" * 60) for n in range(30_000)
    )
    nora.post("/clients/import", {"file": SimpleUploadedFile("people.csv", content)})
    found = juniper.business.imports.get()
    assert found.total == 30_000
    assert max(len(part.content) for part in found.parts.all()) <= importing.PART
    assert found.parts.count() == -(-len(content) // importing.PART) > 2
    assert io.BufferedReader(importing.Pieces(found)).read() == content
    # What is sent is bounded before Django sees it: by more than what is said here in words.
    assert asgi.MORE_BODY[reverse("import_new")] > tables.MOST_BYTES
    assert set(asgi.MORE_BODY) == {reverse("import_new")}


def test_the_report(juniper: House, nora: Browser) -> None:
    content = (
        HEAD
        + b'=HYPERLINK("x"),5035550101,\n'
        + b"".join(b"P%d,503555%04d,\n" % (n, 1_000 + n) for n in range(120))
    )
    content += b" +Bad,12,\n"
    found, _ = imported(juniper, content)
    address = f"/clients/import/{found.pk}"
    page = nora.get(address).content.decode()
    assert page.count("<tr><td>") == 50
    more = nora.get(
        f"{address}?after=51", headers={"HX-Request": "true", "HX-Target": "tr#more"}
    ).content.decode()
    assert "<html" not in more
    assert more.count("<tr><td>") == 50
    refused = nora.get(f"{address}?show=refused").content.decode()
    assert refused.count("<tr><td>") == 1
    assert "That number is too short." in refused
    answer = nora.get(f"{address}/report.csv")
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"), newline="")))
    assert len(rows) == 1 + 122
    assert rows[1][:4] == ["2", '\'=HYPERLINK("x")', "5035550101", "Added"]
    assert rows[-1][1] == "'+Bad"
    assert (
        len(list(csv.reader(nora.get(f"{address}/report.csv?show=refused").getvalue().decode().splitlines())))
        == 2
    )


def test_no_cell_is_a_formula() -> None:
    for typed, shown in [
        ("=1+1", "'=1+1"), ("+15035550101", "'+15035550101"), ("-1", "'-1"), ("@x", "'@x"), ("\tx", "'\tx"),
        ("\rx", "'\rx"), ("  =1", "'  =1"), (" \n@x", "' \n@x"), ("Maya", "Maya"), (" Maya", " Maya"), (5, "5"),
        (None, ""), ("a=b", "a=b"), ("", ""),
    ]:  # fmt: skip
        assert plain_cell(typed) == shown


def test_pages_cost_the_same_with_many_rows(juniper: House, nora: Browser) -> None:
    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as asked:
            assert nora.get(address).status_code == 200
        return len(asked)

    small, _ = imported(juniper, people(1))
    few = [
        cost(f"/clients/import/{small.pk}"),
        cost("/clients/import"),
        cost(f"/clients/import/{small.pk}?show=refused"),
    ]
    large, _ = imported(juniper, people(300))
    for _ in range(25):
        small.pk = new_id()
        small.save(force_insert=True)
    assert [
        cost(f"/clients/import/{large.pk}"),
        cost("/clients/import"),
        cost(f"/clients/import/{large.pk}?show=refused"),
    ] == few
    # The session, the user, the frame's three; the import and its rows with their clients.
    assert few == [2 + 3 + 2, 2 + 3 + 1, 2 + 3 + 2]


# ---- Leads


def test_whoever_books_or_pays_is_no_lead_any_more(juniper: House, nora: Browser) -> None:
    lead = write_in(juniper.business, Written("Ana", phone="+15035550101"))
    assert lead.client.status == "lead"
    starts = timezone.now() + timedelta(days=2)
    when = {"starts_at": starts, "ends_at": starts + timedelta(hours=1)}
    booking.book(juniper.business, lead.client, title="Cut", requested=True, **when)
    assert Client.objects.get(pk=lead.client.pk).status == "lead"
    booking.book(juniper.business, lead.client, title="Cut", **when)
    assert Client.objects.get(pk=lead.client.pk).status == "client"
    past = juniper.client()
    form = ClientForm(juniper.business, {"phone": past.phone, "status": "past"}, client=past)
    assert form.is_valid()
    form.save()
    # A form that does not ask for it leaves it as it is.
    form = ClientForm(juniper.business, {"phone": past.phone}, client=past)
    assert form.is_valid()
    form.save()
    assert "Past client" in nora.get(f"/clients/{past.pk}").content.decode()
    booking.book(juniper.business, past, title="Cut", **when)
    past.refresh_from_db()
    assert past.status == "past"
    assert write_in(juniper.business, Written("Maya", phone=past.phone)).client.status == "past"
