"""Pages that also open in a dialog over the page one is on.

Such a page has an address of its own and works without scripts. Its template extends `layout`, which is the whole
page or the bare sheet; `static/ui/dialogs.js` asks for the sheet and puts it into the `<dialog>`.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render


def in_dialog(request: HttpRequest) -> bool:
    """Did the dialog ask?"""
    return request.headers.get("HX-Target") == "dialog#dialog"


def render_sheet(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """The template in its dialog or on a page of its own."""
    layout = "ui/sheet_dialog.html" if in_dialog(request) else "ui/sheet_page.html"
    return render(request, template, {**context, "layout": layout}, status=status)


def leave_for(request: HttpRequest, address: str) -> HttpResponse:
    """Go to another page, from the dialog or from the page."""
    if in_dialog(request):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)
