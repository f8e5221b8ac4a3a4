"""The Clients pages. The card of one client (`client`) is the inbox room's: it shows messages."""

from django.urls import path

from parley.clients.choosing import client_pick
from parley.clients.imports import import_file, import_new, import_page, import_stop
from parley.clients.views import client_edit, client_new, client_tags, clients

urlpatterns = [
    path("clients", clients, name="clients"),
    path("clients/pick", client_pick, name="client_pick"),
    path("clients/new", client_new, name="client_new"),
    path("clients/import", import_new, name="import_new"),
    path("clients/import/<uuid:id>", import_page, name="import"),
    path("clients/import/<uuid:id>/stop", import_stop, name="import_stop"),
    path("clients/import/<uuid:id>/report.csv", import_file, name="import_file"),
    path("clients/<uuid:id>/edit", client_edit, name="client_edit"),
    path("clients/<uuid:id>/tags", client_tags, name="client_tags"),
]
