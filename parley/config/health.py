"""Is this web process fit to serve?"""

from django.db import connection
from django.http import HttpRequest, JsonResponse

from parley import __version__


def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers; it says nothing that a stranger could use."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ok": True, "version": __version__})
