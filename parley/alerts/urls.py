"""Settings > Auto Client Messages and SMS > Auto messages; and what was sent of one thing."""

from django.urls import path

from parley.alerts import views
from parley.alerts.about import alerts_about

urlpatterns = [
    path("alerts/<slug:about>/<uuid:id>", alerts_about, name="alerts_about"),
    path("settings/auto-messages", views.auto_messages, name="auto_messages"),
    path("settings/auto-messages/<slug:kind>", views.auto_message, name="auto_message"),
    path("settings/auto-messages/<slug:kind>/switch", views.switch, name="auto_message_switch"),
    path("settings/auto-messages/<slug:kind>/preview", views.preview, name="auto_message_preview"),
    path("settings/auto-messages/<slug:kind>/test", views.test, name="auto_message_test"),
    path("settings/auto-messages/<slug:kind>/rehearsal", views.rehearsal, name="auto_message_rehearsal"),
    path("settings/auto-messages/<slug:kind>/usual", views.usual, name="auto_message_usual"),
]
