"""The demo's one-click door. It exists only where PARLEY_DEMO says so."""

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from parley.businesses.models import User

OWNER = "nora@juniperhair.example"


@require_POST
def open_as_owner(request: HttpRequest) -> HttpResponse:
    """Sign in as the sample business's owner; 404 anywhere but in the demo."""
    if not settings.DEMO:
        raise Http404
    owner = get_object_or_404(User, email=OWNER)
    login(request, owner, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("inbox")
