"""What the back office shows of buying texts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from parley.businesses.office import office
from parley.quota.models import Order, Pack


@admin.register(Pack, site=office)
class PackAdmin(admin.ModelAdmin):
    """Prices are in US cents. What was ordered keeps its price; a pack that is not offered any more can stay."""

    list_display = ("code", "texts", "price", "each", "position", "offered")
    fields = ("code", "texts", "cents", "position", "offered")

    def get_readonly_fields(self, request: HttpRequest, obj: Pack | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()


@admin.register(Order, site=office)
class OrderAdmin(admin.ModelAdmin):
    """Shown, never changed: an order is settled by the payment provider alone."""

    list_display = ("created_at", "business", "texts", "price", "state", "automatic", "by_name")
    list_filter = ("state", "automatic")
    list_select_related = ("business",)
    search_fields = ("id", "provider_id", "business__name")
    ordering = ("-created_at",)
    fields = readonly_fields = (
        "business",
        "texts",
        "price",
        "state",
        "automatic",
        "keep_card",
        "provider_id",
        "by_name",
        "trouble",
        "created_at",
        "settled_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
