"""A file of rows and columns as strangers make it: what it is, or in words why it cannot be read.

Bytes in, rows out; no more than a row is held at once. Everything that is wrong with a file as a whole is found
before anything is done with it; what is wrong with one row is said at that row, by `cells`.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MOST_BYTES = 50 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 200
# As many characters as Excel takes for a cell. A quotation mark that is never closed reaches it, too.
LONGEST_CELL = 32_767
LONGEST_LINE = 1_000_000
LONGEST_NAME = 100
SAMPLED = 5
# Lines before the first row: as many as `Import.skipped` holds.
MOST_SKIPPED = 32_767
HEAD = 64 * 1024
DELIMITERS = ",;\t|"

csv.field_size_limit(LONGEST_CELL)

EXCEL = "This is an Excel file. In Excel choose File > Save as > CSV, and choose that file here."
# How files begin that people take for a CSV. Each format's own specification. Reviewed 2026-11-26.
OTHERS = [
    (b"PK\x03\x04", "This is a zip file. Open it, and choose the CSV file that is in it."),
    (b"\xd0\xcf\x11\xe0", EXCEL),
    (b"%PDF", "This is a PDF. Parley reads CSV files: export your list as CSV, and choose that file here."),
    (b"\x1f\x8b", "This is a compressed file. Open it, and choose the CSV file that is in it."),
    (b"7z\xbc\xaf", "This is a compressed file. Open it, and choose the CSV file that is in it."),
    (b"Rar!", "This is a compressed file. Open it, and choose the CSV file that is in it."),
    (b"\x89PNG", "This is a picture. Parley reads CSV files."),
    (b"\xff\xd8\xff", "This is a picture. Parley reads CSV files."),
    (b"GIF8", "This is a picture. Parley reads CSV files."),
    (b"{\\rtf", "This is a text document. Parley reads CSV files: export your list as CSV."),
    (
        b"BEGIN:VCARD",
        "These are contact cards (vCard). Export your contacts as CSV, and choose that file here.",
    ),
    (b"<", "This is a web page or XML. Parley reads CSV files: export your list as CSV."),
]

_SEPARATOR_LINE = re.compile(r"(?i)sep=(.)\r?\n?")
_NUMBER = re.compile(r"\+?[\d\s().\-]{7,20}")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Unreadable(ValueError):
    """`words` tell whoever chose the file what is wrong with it, and what to do."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is to be read, and what is in it. `skipped` lines stand before the first row."""

    encoding: str
    delimiter: str
    skipped: int
    columns: list[str]
    sample: list[list[str]]
    total: int


def shape(raw: IO[bytes]) -> Shape:
    """Look through a whole file. Raises Unreadable."""
    encoding = _encoding(raw)
    delimiter, first = _delimiter(_beginning(raw, encoding))
    raw.seek(0)
    told = _records(raw, encoding, delimiter, first)
    number, cells = next(told, (0, []))
    if not any(cells):
        raise Unreadable("This file is empty.")
    if len(cells) > MOST_COLUMNS:
        raise Unreadable(
            f"This file has {len(cells):,} columns. The most is {MOST_COLUMNS}: delete those you don’t need."
        )
    headed = not any(_NUMBER.fullmatch(cell.strip()) or _ADDRESS.fullmatch(cell.strip()) for cell in cells)
    sample = [] if headed else [cells]
    total, skipped = len(sample), number - 1
    for begins, row in told:
        if total == 0:
            skipped = begins - 1
        total += 1
        if total > MOST_ROWS:
            raise Unreadable(
                f"This file has more than {MOST_ROWS:,} rows. Split it, and import one part after the other."
            )
        if len(sample) < SAMPLED:
            sample.append(row)
    if total == 0:
        raise Unreadable("There is nobody in this file: it has only the line with the columns’ names.")
    if skipped > MOST_SKIPPED:
        raise Unreadable(
            f"The first person in this file stands in line {skipped + 1:,}. Delete the empty lines above."
        )
    columns = names(cells if headed else [""] * len(cells))
    shown = [[cell.replace("\0", "")[:200] for cell in row[: len(columns)]] for row in sample]
    return Shape(encoding, delimiter, skipped, columns, shown, total)


def rows(raw: IO[bytes], encoding: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, each with the line on which it begins. Raises Unreadable."""
    return _records(raw, encoding, delimiter, skipped)


def names(cells: list[str]) -> list[str]:
    """What the columns are called on screen: each differently, and none by nothing."""
    found: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = " ".join(cell.replace("\0", "").split())[: LONGEST_NAME - 6] or f"Column {place}"
        same = sum(name == known or known.startswith(f"{name} (") for known in found)
        found.append(f"{name} ({same + 1})" if same else name)
    return found


# ---- What the bytes are


def _encoding(raw: IO[bytes]) -> str:
    """UTF-8, UTF-16 by its mark, else what Windows writes in the West. Raises Unreadable for what is no CSV."""
    raw.seek(0)
    head = raw.read(HEAD)
    if not head.strip():
        raise Unreadable("This file is empty.")
    for beginning, words in OTHERS:
        if head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(beginning):
            excel = beginning.startswith(b"PK") and (b"xl/" in head or b"[Content_Types].xml" in head)
            raise Unreadable(EXCEL if excel else words)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        raise Unreadable("This isn’t a text file. Save your list as “CSV UTF-8”, and choose that file here.")
    good, bad = _as_utf8(raw)
    # One torn letter must not turn every accent of a long list into two strange ones.
    return "utf-8-sig" if bad * 10 <= good else "cp1252"


def _as_utf8(raw: IO[bytes]) -> tuple[int, int]:
    """How many letters beyond ASCII are whole, and how many places are torn, if this is UTF-8."""
    raw.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    good = bad = 0
    while True:
        piece = raw.read(1024 * 1024)
        text = decoder.decode(piece, final=not piece)
        if not text.isascii():
            torn = text.count("\ufffd")
            bad += torn
            good += len(text) - len(text.encode("ascii", "ignore")) - torn
        if not piece:
            return good, bad


def _beginning(raw: IO[bytes], encoding: str) -> str:
    raw.seek(0)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(raw.read(HEAD))
    if "\0" in text:
        raise Unreadable("This isn’t a text file. Save your list as “CSV UTF-8”, and choose that file here.")
    return text


def _delimiter(beginning: str) -> tuple[str, int]:
    """The one that makes most cells of the first rows; and how many lines only tell it, as Excel's "sep=;" does."""
    if told := _SEPARATOR_LINE.match(beginning):
        return told[1], 1

    def cells(delimiter: str) -> int:
        first: list[list[str]] = []
        try:
            for row in csv.reader(io.StringIO(beginning, newline=""), delimiter=delimiter):
                first.append(row)
                if len(first) > 10:
                    break
        except csv.Error:
            return 0
        width = len(first[0]) if first else 0
        return sum(min(len(row), width) for row in first)

    return max(DELIMITERS, key=cells), 0


# ---- Rows


class _Lines:
    """The lines of a text, and those of the row that is being read."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.text = text
        self.number = 0
        self.held: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.text.readline(LONGEST_LINE + 1)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) > LONGEST_LINE:
            raise Unreadable(
                f"Line {self.number} has more than {LONGEST_LINE:,} characters. "
                "Is this a CSV file, with one person a line?"
            )
        self.held.append(line)
        return line


def _records(raw: IO[bytes], encoding: str, delimiter: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    text = io.TextIOWrapper(raw, encoding, errors="replace", newline="")
    lines = _Lines(text)
    try:
        for _ in range(skipped):
            next(lines, None)
        begins, last = lines.number + 1, []
        lines.held = []
        try:
            for cells in csv.reader(lines, delimiter=delimiter):
                last, lines.held = lines.held, []
                if any(cells) and any(cell.strip() for cell in cells):
                    yield begins, cells
                begins = lines.number + 1
        except csv.Error:
            raise Unreadable(
                f"In line {begins} a cell has more than {LONGEST_CELL:,} characters. "
                'Often a quotation mark (") isn’t closed there: close it or delete it, and choose the file again.'
            ) from None
        _must_be_closed(last, delimiter, lines.number - len(last) + 1)
    finally:
        # The file belongs to whoever opened it, who may have closed it.
        with contextlib.suppress(ValueError):
            text.detach()


def _must_be_closed(last: list[str], delimiter: str, begins: int) -> None:
    """The reader takes a row that ends within quotation marks for a whole one, and with it all rows that it ate."""
    try:
        for _ in csv.reader(last, delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise Unreadable(
                f'A quotation mark (") in line {begins} isn’t closed, so everything after it is one cell. '
                "Close it or delete it, and choose the file again."
            ) from None
