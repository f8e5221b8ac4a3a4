"""The public lead form, and its settings."""

from django.urls import path

from parley.leads import public, views

urlpatterns = [
    path("f/<slug:slug>", public.lead_form, name="lead_form"),
    path("settings/lead-form", views.lead_form_settings, name="lead_form_settings"),
]
