"""Every address that Django answers. /hooks/, /events, /healthz and /metrics are the ASGI shell's own (asgi.py)."""

from django.urls import include, path

urlpatterns = [
    # Before the back office, which answers for all that begins with its address.
    path("", include("parley.operating.urls")),
    path("", include("parley.businesses.urls")),
    path("", include("parley.ui.urls")),
    path("", include("parley.inbox.urls")),
    path("", include("parley.clients.urls")),
    path("", include("parley.payments.urls")),
    path("", include("parley.leads.urls")),
    path("", include("parley.alerts.urls")),
    path("", include("parley.campaigns.editing_urls")),
    path("", include("parley.campaigns.urls")),
    path("voice/", include("parley.calls.webhook_urls")),
    path("", include("parley.calls.urls")),
    path("", include("parley.notifications.urls")),
    path("", include("parley.appointments.urls")),
    path("", include("parley.numbers.urls")),
    path("", include("parley.quota.buying_urls")),
    path("", include("parley.quota.urls")),
    path("", include("parley.connectors.urls")),
]

handler500 = "parley.ui.failed.failed"
