"""The ledger's page, and the meter alone."""

from django.urls import path

from parley.quota import views

urlpatterns = [
    path("settings/texts", views.texts, name="texts"),
    path("settings/texts/meter", views.meter, name="texts_meter"),
]
