"""The demo's one-click doors. They exist only where PARLEY_DEMO says so."""

from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from parley.businesses import second_factor
from parley.businesses.models import User
from parley.businesses.signed_in import BACKEND

OWNER = "nora@juniperhair.example"
# Of the business that has not begun to text.
BEGINNER = "amelia@harbourphysio.example"
OPERATOR = "operator@parley.example"
# In the session of whoever pressed a door before there was somebody behind it: who.
WAITED_FOR = "demo_waited_for"


@require_POST
def open_as_owner(request: HttpRequest) -> HttpResponse:
    """Sign in as the sample business's owner; 404 anywhere but in the demo."""
    return _open(request, OWNER)


@require_POST
def open_as_beginner(request: HttpRequest) -> HttpResponse:
    """Sign in as the owner of the business that has not begun to text; 404 anywhere but in the demo."""
    return _open(request, BEGINNER)


def _open(request: HttpRequest, email: str) -> HttpResponse:
    if not settings.DEMO:
        raise Http404
    owner = User.objects.filter(email=email).first()
    if owner is None:
        # Parley answers some seconds before its sample data is there.
        request.session[WAITED_FOR] = email
        return redirect("demo_loading")
    request.session.pop(WAITED_FOR, None)
    login(request, owner, backend=BACKEND)
    return redirect("inbox")


@never_cache
@require_GET
def loading(request: HttpRequest) -> HttpResponse:
    """Wait for the sample data, and then open the door that was pressed; 404 anywhere but in the demo."""
    email = request.session.get(WAITED_FOR)
    if not settings.DEMO:
        raise Http404
    if email is None:
        return redirect("account_login")
    if User.objects.filter(email=email).exists():
        return _open(request, email)
    return render(request, "account/loading.html")


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
    login(request, operator, backend=BACKEND)
    second_factor.pass_in_demo(request)
    return redirect("admin:index")
