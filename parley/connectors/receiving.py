"""Where other systems send their events: believed by the signature, kept under their own key, then answered."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from parley.connectors.models import Endpoint, Event
from parley.connectors.systems import SYSTEMS
from parley.connectors.tasks import read_event
from parley.connectors.told import Unreadable

MOST_BODY = 256 * 1024


@csrf_exempt
@require_POST
def told(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """One webhook. 200: kept, or kept before; 401: not signed with the secret; 400: the words say what is wrong.

    An address that nobody has, or that is switched off, is 404. 503: the database is away, and their system tries
    again.
    """
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BODY:
        return HttpResponse(status=413)
    body = request.body
    if len(body) > MOST_BODY:
        return HttpResponse(status=413)
    try:
        return _keep(request, id, body)
    except (OperationalError, InterfaceError):
        return HttpResponse(status=503, headers={"Retry-After": "30"})


def _keep(request: HttpRequest, id: uuid.UUID, body: bytes) -> HttpResponse:
    endpoint = Endpoint.objects.filter(pk=id, on=True).first()
    if endpoint is None:
        return HttpResponse(status=404)
    system = SYSTEMS[endpoint.source]
    if not endpoint.secret or not system.authentic(endpoint.secret, request.headers, body):
        return _words(401, "This is not signed with the secret of this address.")
    try:
        parsed: Any = json.loads(body)
    except (ValueError, RecursionError):
        return _words(400, "The body is no JSON.")
    if not isinstance(parsed, dict) or b"\\u0000" in body:
        return _words(400, "The body is no JSON object, or holds a NUL.")
    key, kind = system.key(request.headers, body, parsed)
    if not key or not kind:
        return _words(400, "The event has no id or no type.")
    if system.check:
        try:
            system.check(parsed)
        except Unreadable as wrong:
            return _words(400, wrong.words)
    with transaction.atomic():
        event, new = Event.objects.get_or_create(
            business_id=endpoint.business_id,
            endpoint=endpoint,
            key=key,
            defaults={"kind": kind, "body": parsed, "received_at": timezone.now()},
        )
        if new:
            read_event.defer(event_id=str(event.id), business_id=str(event.business_id))
    return HttpResponse(status=200)


def _words(status: int, words: str) -> HttpResponse:
    return HttpResponse(words + "\n", status=status, content_type="text/plain; charset=utf-8")
