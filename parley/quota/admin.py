"""What the back office shows of this room: the ledger, to which the operator can add texts that it gives; the packs
that it sells, and their orders.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest

from parley.businesses.office import office
from parley.quota import ledger
from parley.quota.models import Entry, Order, Pack

# Nobody turns more pages than these lines fill, and counting on would read every row.
COUNTED = 10_000


class BoundedPaginator(Paginator):
    @property
    def count(self) -> int:
        lines: Any = self.object_list
        return len(lines.values_list("pk")[:COUNTED])


class GiveForm(forms.ModelForm):
    """Texts that a business gets from whoever runs Parley. They never expire."""

    texts = forms.IntegerField(min_value=1, max_value=1_000_000, help_text="Segments.")
    note = forms.CharField(max_length=200, help_text="Why. Its owners and admins read this.")

    class Meta:
        model = Entry
        fields = ["business", "texts", "note"]


@admin.register(Entry, site=office)
class EntryAdmin(admin.ModelAdmin):
    """Read, and added to: a ledger's lines are never changed."""

    form = GiveForm
    autocomplete_fields = ("business",)
    list_display = ("at", "business", "kind", "monthly", "bought", "used_for", "note")
    list_filter = ("kind",)
    list_select_related = ("business",)
    search_fields = ("business__name",)
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    shown = (
        "at",
        "business",
        "kind",
        "month",
        "monthly",
        "bought",
        "used_for",
        "message_id",
        "order",
        "note",
    )

    def get_fields(self, request: HttpRequest, obj: Entry | None = None) -> tuple[str, ...]:
        return self.shown if obj else ("business", "texts", "note")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any) -> Any:
        """A business is picked here; it is edited on its own page."""
        form = super().get_form(request, obj, change, **more)
        if business := form.base_fields.get("business"):
            for link in ("add", "change", "delete", "view"):
                setattr(business.widget, f"can_{link}_related", False)
        return form

    def save_model(self, request: HttpRequest, obj: Entry, form: Any, change: bool) -> None:
        obj.pk = ledger.give(obj.business, form.cleaned_data["texts"], form.cleaned_data["note"])

    def has_change_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Entry | None = None) -> bool:
        return False


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
    paginator = BoundedPaginator
    show_full_result_count = False
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
