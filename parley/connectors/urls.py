"""Settings > Connections, and where other systems send their events."""

from django.urls import path

from parley.connectors import receiving, views

urlpatterns = [
    path("in/<uuid:id>", receiving.told, name="told"),
    path("settings/connections", views.connections, name="connections"),
    path("settings/connections/<str:source>", views.connection, name="connection"),
    path("settings/connections/<str:source>/events/<uuid:id>/again", views.again, name="event_again"),
]
