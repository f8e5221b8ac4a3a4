"""Tables as files that people open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from django.http import StreamingHttpResponse

# A spreadsheet takes a cell that begins so for a formula, and does what a stranger wrote in it; some look past spaces.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
ROWS_AT_ONCE = 100


class _Echo:
    """A file that gives back what is written to it: the csv module wants one."""

    def write(self, row: str) -> str:
        return row


def plain_cell(value: Any) -> str:
    """A cell that a spreadsheet shows and does not carry out."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) or text.lstrip().startswith(FORMULA) else text


def rows_as_csv(name: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """The rows as a file `name`.csv, sent as they come. A mark at its beginning tells Excel that it is UTF-8."""
    writer = csv.writer(cast(Any, _Echo()))

    def content() -> Iterator[str]:
        held = ["\ufeff", writer.writerow([plain_cell(cell) for cell in headings])]
        for row in rows:
            held.append(writer.writerow([plain_cell(cell) for cell in row]))
            if len(held) >= ROWS_AT_ONCE:
                yield "".join(held)
                held = []
        yield "".join(held)

    return StreamingHttpResponse(
        content(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"},
    )
