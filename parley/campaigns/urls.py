"""The pages of campaigns, and the recipients' own."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
