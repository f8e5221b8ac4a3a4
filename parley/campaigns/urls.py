"""The pages of campaigns, and the recipients' own."""

from __future__ import annotations

from django.urls import path

from parley.campaigns import public, views

urlpatterns = [
    path("campaigns", views.campaigns, name="campaigns"),
    path("campaigns/<uuid:id>", views.campaign, name="campaign"),
    path("campaigns/<uuid:id>/pause", views.campaign_pause, name="campaign_pause"),
    path("campaigns/<uuid:id>/resume", views.campaign_resume, name="campaign_resume"),
    path("campaigns/<uuid:id>/stop", views.campaign_stop, name="campaign_stop"),
    path("campaigns/<uuid:id>/people", views.campaign_people, name="campaign_people"),
    path("campaigns/<uuid:id>/export", views.campaign_export, name="campaign_export"),
    # For whoever got a text: no sign-in.
    path("l/<str:end>", public.short_link, name="short_link"),
    path("o/<str:end>", public.own_page, name="own_page"),
]
