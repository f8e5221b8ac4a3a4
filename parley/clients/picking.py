"""Choosing a client within a form: the template `clients/_pick.html`, and what it shows."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from parley.businesses.access import MemberRequest, for_members
from parley.businesses.models import Business
from parley.clients.models import Client, ClientQuerySet
from parley.clients.search import people

OFFERED = 6


class Picker:
    """Who was chosen, or whom to choose from.

    A form that holds it sends `client`, the id of whoever is chosen; and without scripts `pick`, the id of whoever is
    chosen just now (empty: choose anew), and `pick_q`, what is looked for: then `picking` is true, and the form is to
    be shown again as it was typed.
    """

    problem = ""

    def __init__(self, business: Business, data: Any = None, client: Client | None = None) -> None:
        self.business = business
        given = data or {}
        self.q = " ".join(given.get("pick_q", "").split())[:100]
        self.picking = "pick" in given
        self.client = client or self._own(given.get("pick", given.get("client", "")))

    def _own(self, typed: str) -> Client | None:
        try:
            return self.business.clients.filter(pk=uuid.UUID(typed)).first()
        except ValueError:
            return None

    @property
    def offered(self) -> list[Client]:
        """Those whose name, number or email matches, else the first by name."""
        if self.q:
            return people(self.business, self.q, OFFERED).clients
        everybody: ClientQuerySet = self.business.clients.all()  # type: ignore[assignment]
        return list(everybody.by_name()[:OFFERED])


@for_members
def client_pick(request: MemberRequest) -> HttpResponse:
    """The picker by itself: chosen (`pick`), or the list that `pick_q` finds."""
    picker = Picker(request.member.business, request.GET)
    found = request.headers.get("HX-Target") == "div#pick-found"
    template = "clients/_pick_found.html" if found else "clients/_pick.html"
    return render(request, template, {"picker": picker, "answers": True})
