"""What the back office shows of this room."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django_countries import countries

from parley.businesses.models import Business, Member, Plan, User
from parley.businesses.office import office


class MembersInline(admin.TabularInline):
    """Shown, never changed: a business decides itself who works for it."""

    model = Member
    fields = readonly_fields = ("user", "role")
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        return super().get_queryset(request).select_related("user", "business")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembershipsInline(MembersInline):
    fields = readonly_fields = ("business", "role")


@admin.register(Plan, site=office)
class PlanAdmin(admin.ModelAdmin):
    list_display = ("name", "code", "paid", "monthly_texts", "taken")
    fields = ("name", "code", "paid", "monthly_texts", "position")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        return super().get_queryset(request).annotate(taken=Count("businesses"))

    @admin.display(description="Businesses")
    def taken(self, plan: Any) -> int:
        return plan.taken

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """Whoever signs up starts on the free plan: it stays."""
        free = obj is not None and obj.code == Plan.FREE
        return not free and super().has_delete_permission(request, obj)


@admin.register(Business, site=office)
class BusinessAdmin(admin.ModelAdmin):
    """The plan is the operator's to set; all else is the business's own and only shown."""

    list_display = ("name", "plan", "in_country", "mode", "two_way", "created_at")
    list_filter = ("plan", "mode", "two_way")
    list_select_related = ("plan",)
    search_fields = ("name", "email", "members__user__email")
    ordering = ("name",)
    own = (
        "name",
        "in_country",
        "time_zone",
        "email",
        "mode",
        "texting",
        "two_way",
        "auto_reply",
        "created_at",
    )
    fields = ("plan", *own)
    readonly_fields = own
    inlines = (MembersInline,)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any) -> Any:
        """A plan is picked here; it is edited on its own page."""
        form = super().get_form(request, obj, change, **more)
        if plan := form.base_fields.get("plan"):
            for link in ("add", "change", "delete", "view"):
                setattr(plan.widget, f"can_{link}_related", False)
        return form

    @admin.display(description="Country", ordering="country")
    def in_country(self, business: Business) -> str:
        return countries.name(business.country)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Business | None = None) -> bool:
        return False


@admin.register(User, site=office)
class UserAdmin(admin.ModelAdmin):
    """Operators are made on the command line, members by their business: here they can only be shut out."""

    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    readonly_fields = ("email", "name", "is_staff", "date_joined", "last_login")
    inlines = (MembershipsInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False
