"""The pages of campaigns, and the recipients' own."""

from __future__ import annotations

from django.urls import URLPattern, path

from parley.campaigns import public

urlpatterns: list[URLPattern] = [
    # For whoever got a text: no sign-in.
    path("l/<str:end>", public.short_link, name="short_link"),
    path("o/<str:end>", public.own_page, name="own_page"),
]
