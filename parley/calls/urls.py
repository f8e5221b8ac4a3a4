"""The app's pages, a voicemail's sound, and calling a client."""

from django.urls import path

from parley.calls import views

urlpatterns = [
    path("apps/calls", views.calls, name="calls"),
    path("apps/calls/install", views.install_calls, name="calls_install"),
    path("apps/calls/remove", views.remove_calls, name="calls_remove"),
    path("apps/calls/voicemail", views.voicemails, name="voicemails"),
    path("apps/calls/answerers", views.answerers, name="answerers"),
    path("apps/calls/answerers/<uuid:id>/hours", views.answerer_hours, name="answerer_hours"),
    path("apps/calls/usage", views.usage, name="calls_usage"),
    path("voicemail/<uuid:id>", views.sound, name="voicemail_sound"),
    path("voicemail/<uuid:id>/heard", views.heard, name="voicemail_heard"),
    path("voicemail/<uuid:id>/again", views.fetch_again, name="voicemail_again"),
    path("voicemail/<uuid:id>/delete", views.delete, name="voicemail_delete"),
    path("clients/<uuid:id>/call", views.call_client, name="call_client"),
]
