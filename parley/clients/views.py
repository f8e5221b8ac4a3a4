"""The Clients list, and adding and editing a client."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from parley.businesses.access import MemberRequest, for_members
from parley.clients.forms import ClientForm, add_tag, clean_tag, tell_open_pages
from parley.clients.models import Client, ClientQuerySet
from parley.clients.search import People, people
from parley.ui.dialogs import leave_for, render_sheet

PAGE = 50
# What a new client may have been added for: `then`, and the page that goes on with them.
THEN = {"message": "send_message_to", "appointment": "appointment_for"}


@for_members
def clients(request: MemberRequest) -> HttpResponse:
    """Everybody by name, or those whose name, number or email matches `q`; `after` is the last one already shown."""
    q = " ".join(request.GET.get("q", "").split())[:100]
    everybody: ClientQuerySet = request.member.business.clients.all()  # type: ignore[assignment]
    last = get_object_or_404(everybody, pk=_id(after)) if (after := request.GET.get("after")) else None
    page = people(request.member.business, q, PAGE, last) if q else _everybody(everybody, last)
    context = {"place": "clients", "q": q, "clients": page.clients, "more": page.more}
    if request.headers.get("HX-Target") == "li#more":
        return render(request, "clients/_rows.html", context)
    if request.headers.get("HX-Target") == "section#found":
        return render(request, "clients/_found.html", context)
    return render(request, "clients/clients.html", context)


def _everybody(clients: ClientQuerySet, after: Client | None) -> People:
    if after:
        # Written so that the index `clients_page` is entered at its place and read from there.
        clients = clients.filter(
            Q(sort_name__gte=after.sort_name) & (Q(sort_name__gt=after.sort_name) | Q(id__gt=after.id))
        )
    rows = list(clients.by_name().select_related("conversation")[: PAGE + 1])
    return People(rows[:PAGE], rows[PAGE - 1].pk if rows[PAGE:] else None)


def _id(typed: str) -> uuid.UUID:
    try:
        return uuid.UUID(typed)
    except ValueError:
        raise Http404 from None


@for_members
def client_new(request: MemberRequest) -> HttpResponse:
    """Add a client. `then` says where to go on to with them; what else is said goes along."""
    then = request.GET.get("then", "")
    rest = request.GET.copy()
    rest.pop("then", None)
    form = ClientForm(request.member.business, request.POST or None)
    if request.method == "POST" and form.is_valid() and (client := form.save()):
        if next_page := THEN.get(then):
            return redirect(f"{reverse(next_page, args=[client.pk])}?{rest.urlencode()}".rstrip("?"))
        return leave_for(request, reverse("client", args=[client.pk]))
    return _render(request, form, {"then": then if then in THEN else "", "query": request.GET.urlencode()})


@for_members
def client_edit(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Edit a client."""
    client = get_object_or_404(request.member.business.clients, pk=id)
    form = ClientForm(request.member.business, request.POST or None, client=client)
    if request.method == "POST" and form.is_valid() and form.save():
        return leave_for(request, reverse("client", args=[client.pk]))
    return _render(request, form, {"client": client})


def _render(request: MemberRequest, form: ClientForm, context: dict[str, object]) -> HttpResponse:
    status = 422 if form.errors else 200
    return render_sheet(
        request, "clients/client_form.html", {"place": "clients", "form": form, **context}, status=status
    )


@for_members
@require_POST
@transaction.atomic
def client_tags(request: MemberRequest, id: uuid.UUID) -> HttpResponse:
    """Add the tag `add`, or remove the tag `remove`; the answer is the row of tags."""
    # Locked, so that two people who tag at once both succeed.
    client = get_object_or_404(request.member.business.clients.select_for_update(), pk=id)
    problem, typed = "", request.POST.get("add", "")
    try:
        tags = add_tag(client.tags, clean_tag(typed))
    except ValidationError as wrong:
        problem, tags = str(wrong.message), client.tags
    tags = [tag for tag in tags if tag != request.POST.get("remove")]
    if tags != client.tags:
        client.tags = tags
        client.save(update_fields=["tags"])
        tell_open_pages(client)
    if request.headers.get("HX-Request"):
        context = {
            "client": client,
            "problem": problem,
            "typed": typed if problem else "",
            "adding": bool(typed),
        }
        return render(request, "clients/_tags.html", context)
    if problem:
        messages.error(request, problem, extra_tags="alert")
    return redirect("client", client.pk)
