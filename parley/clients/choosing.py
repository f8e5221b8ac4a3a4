"""Whom something is for: a dialog's first step (`choose`), and a field within a form (`Picker`)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.http import HttpResponse
from django.shortcuts import redirect, render

from parley.businesses.access import MemberRequest, for_members
from parley.businesses.models import Business
from parley.clients.models import Client, ClientQuerySet
from parley.clients.search import MORE_PEOPLE, people
from parley.ui.dialogs import render_sheet

# In a dialog's first step, and within a form.
MANY, FEW = 20, 6


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who is offered; `wrote`: when, if the last words of their conversation are theirs."""

    client: Client
    wrote: datetime | None = None

    @property
    def email_only(self) -> bool:
        return bool(self.client.email) and not self.client.takes_texts


@dataclass(frozen=True, slots=True)
class Offered:
    """Whom a business may choose from. `note`: that there are more of them, in words."""

    contacts: list[Contact]
    note: str = ""

    @property
    def clients(self) -> list[Client]:
        return [contact.client for contact in self.contacts]


def offered(business: Business, q: str, most: int) -> Offered:
    """Those whose name, number or email matches `q`; without it, whom one spoke with last, then everybody by name."""
    if q:
        found = people(business, q, most)
        return Offered([Contact(client) for client in found.clients], MORE_PEOPLE if found.more else "")
    by_name = cast(ClientQuerySet, business.clients.all()).by_name()
    recent = business.conversations.open().for_list()[:most]  # type: ignore[attr-defined]
    contacts = {
        talk.client_id: Contact(
            talk.client, talk.last_message.at if talk.last_message and talk.last_message.inbound else None
        )
        for talk in recent
    }
    for client in by_name[:most]:
        contacts.setdefault(client.pk, Contact(client))
    return Offered(list(contacts.values())[:most])


def choose(request: MemberRequest, then: Callable[[uuid.UUID], str], **context: Any) -> HttpResponse:
    """A dialog's first step: `q` searches, `continue` goes on with `contact`, and says so when nobody was chosen.

    `then` is the address of the second. `context` has two addresses, `close` and `new_client`; what one would do with
    a first client, `first`; and may have `said`, which goes along.
    """
    q, chosen, problem = _looked_for(request.GET.get("q", "")), request.GET.get("contact", ""), ""
    if "continue" in request.GET:
        try:
            return redirect(then(uuid.UUID(chosen)))
        except ValueError:
            problem = "Choose who it is for."
    found = offered(request.member.business, q, MANY)
    context |= {
        "here": request.path,
        "q": q,
        "contacts": found.contacts,
        "note": found.note,
        "chosen": chosen,
        "problem": problem,
    }
    if request.headers.get("HX-Target") == "div#contacts":
        return render(request, "clients/_contacts.html", context)
    return render_sheet(request, "clients/choose.html", context, status=422 if problem else 200)


class Picker:
    """Who was chosen, or whom to choose from: the template `clients/_pick.html` shows it.

    A form that holds it sends `client`, the id of whoever is chosen; and without scripts `pick`, the id of whoever is
    chosen just now (empty: choose anew), and `pick_q`, what is looked for: then `picking` is true, and the form is to
    be shown again as it was typed.
    """

    problem = ""

    def __init__(self, business: Business, data: Any = None, client: Client | None = None) -> None:
        self.business = business
        given = data or {}
        self.q = _looked_for(given.get("pick_q", ""))
        self.picking = "pick" in given
        self.client = client or self._own(given.get("pick", given.get("client", "")))

    def _own(self, typed: str) -> Client | None:
        try:
            return self.business.clients.filter(pk=uuid.UUID(typed)).first()
        except ValueError:
            return None

    @property
    def offered(self) -> list[Client]:
        return offered(self.business, self.q, FEW).clients


@for_members
def client_pick(request: MemberRequest) -> HttpResponse:
    """The picker by itself: chosen (`pick`), or the list that `pick_q` finds."""
    picker = Picker(request.member.business, request.GET)
    found = request.headers.get("HX-Target") == "div#pick-found"
    template = "clients/_pick_found.html" if found else "clients/_pick.html"
    return render(request, template, {"picker": picker, "answers": True})


def _looked_for(typed: str) -> str:
    return " ".join(typed.split())[:100]
