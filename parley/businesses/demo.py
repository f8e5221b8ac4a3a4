"""The demo's one-click doors. They exist only where PARLEY_DEMO says so."""

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from parley.businesses import second_factor
from parley.businesses.models import User

OWNER = "nora@juniperhair.example"
OPERATOR = "operator@parley.example"


@require_POST
def open_as_owner(request: HttpRequest) -> HttpResponse:
    """Sign in as the sample business's owner; 404 anywhere but in the demo."""
    if not settings.DEMO:
        raise Http404
    owner = get_object_or_404(User, email=OWNER)
    login(request, owner, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("inbox")


@require_POST
def open_as_operator(request: HttpRequest) -> HttpResponse:
    """Open the back office without password or second factor; 404 anywhere but in the demo.

    The demo's operator has no password, and the session's pass counts only in the demo (see `second_factor.used`).
    """
    if not settings.DEMO:
        raise Http404
    operator = User.objects.filter(email=OPERATOR).first() or User.objects.create_superuser(
        OPERATOR, name="The operator"
    )
    login(request, operator, backend="django.contrib.auth.backends.ModelBackend")
    second_factor.pass_in_demo(request)
    return redirect("admin:index")
