"""The evidence that carriers ask for: a public page that shows how a business's clients agree to texts."""

from __future__ import annotations

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from parley.businesses.access import BUSINESS, find_member
from parley.numbers import consent
from parley.numbers.models import Registration


def _shown(request: HttpRequest, id: uuid.UUID, *, picture: bool = False) -> tuple[Registration, bool]:
    """The registration, and whether this is its owners' preview. Strangers see it once it was sent; else 404."""
    registrations = Registration.objects.select_related("business", "number")
    registration = get_object_or_404(
        registrations if picture else registrations.defer("opt_in_picture"), pk=id
    )
    if registration.submissions:
        return registration, False
    member = (
        find_member(request.user, request.session.get(BUSINESS)) if request.user.is_authenticated else None
    )
    if member is None or member.business_id != registration.business_id or not member.manages:
        raise Http404
    return registration, True


def _unlisted(response: HttpResponse) -> HttpResponse:
    """For the reviewer who was given the address, not for search engines."""
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@require_safe
def page(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """How this business's clients agree to texts."""
    registration, preview = _shown(request, id)
    name = consent.known_as(registration)
    number = registration.number
    context = {
        "registration": registration,
        "preview": preview,
        "name": name,
        "statements": consent.statements(name, registration.uses),
        "invitation": consent.invitation(name, registration.uses),
        "number": number.pretty if number and number.released_at is None else "",
        "web": registration.website.startswith(("https://", "http://")),
    }
    return _unlisted(render(request, "numbers/opt_in.html", context))


@require_safe
def picture(request: HttpRequest, id: uuid.UUID) -> HttpResponse:
    """The picture of the form, if one was added."""
    registration, _ = _shown(request, id, picture=True)
    if not registration.opt_in_picture:
        raise Http404
    # Its type was told from its bytes when it was kept: a JPEG or PNG, which cannot run anything.
    response = HttpResponse(bytes(registration.opt_in_picture), content_type=registration.opt_in_picture_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    return _unlisted(response)
