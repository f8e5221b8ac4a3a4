"""The pages of imports: choosing a file, saying what is in it, watching it run, and what became of each row."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from parley.businesses.access import MemberRequest, for_members
from parley.clients import importing, tables, tasks
from parley.clients.import_form import ImportForm
from parley.clients.models import Import, ImportRow
from parley.ui.spreadsheet import rows_as_csv

Outcome, State = ImportRow.Outcome, Import.State

PAGE = 50
EARLIER = 20
HEADINGS = ["Line", "Name", "Number or email", "What became of it", "Why"]
TONES = {
    Outcome.ADDED: ("good", "check-circle"),
    Outcome.FILLED: ("good", "check"),
    Outcome.UNCHANGED: ("quiet", "check"),
    Outcome.SAME_AS: ("quiet", "people"),
    Outcome.REFUSED: ("pending", "alert"),
}


@for_members
def import_new(request: MemberRequest) -> HttpResponse:
    """Choose a file; below, those that were imported before. `before` is the last one already shown."""
    business = request.member.business
    problem = ""
    if request.method == "POST":
        if (file := request.FILES.get("file")) is None:
            problem = "Choose a file first."
        else:
            try:
                return redirect("import", importing.keep(business, request.member, file).pk)
            except (tables.Unreadable, importing.TooMany) as wrong:
                problem = wrong.words
    earlier = business.imports.order_by("-pk")
    if before := request.GET.get("before"):
        earlier = earlier.filter(pk__lt=_id(before))
    rows = list(earlier.defer("sample", "columns")[: EARLIER + 1])
    context = {
        "place": "clients",
        "problem": problem,
        "imports": rows[:EARLIER],
        "more": rows[EARLIER - 1].pk if rows[EARLIER:] else None,
        "most_rows": tables.MOST_ROWS,
        "most_mb": tables.MOST_BYTES // 1024 // 1024,
        "most_bytes": tables.MOST_BYTES,
    }
    if request.headers.get("HX-Target") == "li#more":
        return render(request, "clients/import/_earlier.html", context)
    return render(request, "clients/import/new.html", context, status=422 if problem else 200)


@for_members
def import_page(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """One import: what its columns are, then how far it is, then its report (`show` one outcome, `after` a line)."""
    found = _own(request, id)
    if found.state != State.DRAFT:
        return _report(request, found)
    if request.method == "POST":
        with transaction.atomic():
            # Held, so that what one page says of a file never changes an import that another has started.
            found = _own(request, id, held=True)
            form = ImportForm(found, request.POST)
            if found.state != State.DRAFT:
                return redirect("import", found.pk)
            if form.is_valid():
                tasks.begin(form.save())
                return redirect("import", found.pk)
    else:
        form = ImportForm(found)
    context = {"place": "clients", "import": found, "form": form}
    return render(request, "clients/import/columns.html", context, status=422 if form.errors else 200)


def _report(request: MemberRequest, found: Import) -> HttpResponse:
    show = _outcome(request)
    rows = found.rows.filter(business_id=found.business_id, number__gt=_line(request)).order_by("number")
    if show:
        rows = rows.filter(outcome=show)
    page = [] if found.under_way else list(rows.select_related("client")[: PAGE + 1])
    context: dict[str, Any] = {
        "place": "clients",
        "import": found,
        "show": show,
        "filters": [("", "All", found.reached), *((str(o), o.label, getattr(found, o)) for o in Outcome)],
        "rows": [(row, *TONES[Outcome(row.outcome)]) for row in page[:PAGE]],
        "more": page[PAGE - 1].number if page[PAGE:] else None,
    }
    template = {"section#import": "clients/import/_import.html", "tr#more": "clients/import/_rows.html"}.get(
        request.headers.get("HX-Target", ""), "clients/import/import.html"
    )
    return render(request, template, context)


@require_POST
@for_members
def import_stop(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Stop after the batch that is being kept; a file that is not started yet is thrown away."""
    found = _own(request, id)
    if found.state == State.DRAFT:
        importing.throw_away(found)
        return redirect("import_new")
    request.member.business.imports.filter(pk=id, state__in=Import.UNDER_WAY).update(stop_asked=True)
    return redirect("import", id)


@require_GET
@for_members
def import_file(request: MemberRequest, id: uuid.UUID) -> HttpResponseBase:
    """The report as a file; `show` one outcome."""
    found = _own(request, id)
    show = _outcome(request)
    rows = (
        (row.number, row.name, row.reach, row.get_outcome_display(), row.words)
        for row in importing.report(found, show)
    )
    return rows_as_csv(f"import-{found.created_at:%Y-%m-%d}{f'-{show}' if show else ''}", HEADINGS, rows)


def _own(request: MemberRequest, id: uuid.UUID, *, held: bool = False) -> Import:
    own = request.member.business.imports.all()
    found: Import = get_object_or_404(own.select_for_update() if held else own, pk=id)
    found.business = request.member.business
    return found


def _outcome(request: MemberRequest) -> str:
    show = request.GET.get("show", "")
    if show and show not in Outcome.values:
        raise Http404
    return show


def _line(request: MemberRequest) -> int:
    after = request.GET.get("after", "0")
    if not after.isdecimal() or len(after) > 9:
        raise Http404
    return int(after)


def _id(typed: str) -> uuid.UUID:
    try:
        return uuid.UUID(typed)
    except ValueError:
        raise Http404 from None
