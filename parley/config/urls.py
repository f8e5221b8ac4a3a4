"""Every address that Django answers. /hooks/ and /events are the ASGI shell's own (asgi.py)."""

from django.urls import include, path

from parley.businesses.demo import open_as_owner
from parley.config.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("demo/open-as-owner", open_as_owner, name="open_as_owner"),
    path("sign-in/", include("parley.businesses.urls")),
    path("", include("parley.inbox.urls")),
    path("", include("parley.clients.urls")),
    path("", include("parley.notifications.urls")),
    path("", include("parley.numbers.urls")),
]
