"""The Clients pages. The card of one client (`client`) is the inbox room's: it shows messages."""

from django.urls import path

from parley.clients.picking import client_pick
from parley.clients.views import client_edit, client_new, client_tags, clients

urlpatterns = [
    path("clients", clients, name="clients"),
    path("clients/pick", client_pick, name="client_pick"),
    path("clients/new", client_new, name="client_new"),
    path("clients/<uuid:id>/edit", client_edit, name="client_edit"),
    path("clients/<uuid:id>/tags", client_tags, name="client_tags"),
]
