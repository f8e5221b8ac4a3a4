"""What the back office shows of this room: numbers, which the operator adds and gives back, and registrations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from parley.businesses.office import office
from parley.numbers import provisioning, verification
from parley.numbers.checker import contact_phone
from parley.numbers.models import PhoneNumber, Registration
from parley.sms.numbers import BadNumber, is_toll_free

Duty = PhoneNumber.Duty
Status = Registration.Status


class NumberForm(forms.ModelForm):
    """A shared number: one that the operator has bought and had verified at the carrier."""

    number = forms.CharField(max_length=30, help_text="A toll-free number of your account at the carrier.")
    duty = forms.ChoiceField(choices=[(duty.value, duty.label) for duty in (Duty.SYSTEM, Duty.MARKETING)])

    class Meta:
        model = PhoneNumber
        fields = ["number", "duty", "pace"]

    def clean_number(self) -> str:
        try:
            number = contact_phone(self.cleaned_data["number"], "US")
        except BadNumber as bad:
            raise ValidationError(bad.words) from None
        if not is_toll_free(number):
            raise ValidationError(
                "Enter a toll-free number: it begins with 800, 833, 844, 855, 866, 877 or 888."
            )
        if PhoneNumber.objects.filter(number=number, released_at=None).exists():
            raise ValidationError("Parley has this number already.")
        return number


@admin.register(PhoneNumber, site=office)
class PhoneNumberAdmin(admin.ModelAdmin):
    """Businesses get their own by registering; the shared ones are added here."""

    list_display = ("pretty", "duty", "business", "approved_at", "paused", "standing")
    list_filter = ("duty", ("released_at", admin.EmptyFieldListFilter))
    list_select_related = ("business",)
    search_fields = ("number", "business__name")
    ordering = ("-created_at",)
    actions = ("ask_now", "give_back")
    shown = (
        "pretty",
        "duty",
        "business",
        "carrier",
        "carrier_id",
        "approved_at",
        "paused",
        "standing",
        "created_at",
    )

    @admin.display(description="Number", ordering="number")
    def pretty(self, number: PhoneNumber) -> str:
        return number.pretty

    @admin.display(description="At the carrier")
    def standing(self, number: PhoneNumber) -> str:
        if number.released_at:
            return "Given back"
        if number.releasing_at:
            return "Being given back"
        return "In use" if number.approved_at else "Not approved yet"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **more: Any) -> Any:
        return super().get_form(request, obj, change, **({} if change else {"form": NumberForm}) | more)

    def get_fields(self, request: HttpRequest, obj: PhoneNumber | None = None) -> tuple[str, ...]:
        return ("pace", *self.shown) if obj else ("number", "duty", "pace")

    def get_readonly_fields(self, request: HttpRequest, obj: PhoneNumber | None = None) -> tuple[str, ...]:
        return self.shown if obj else ()

    def save_model(self, request: HttpRequest, obj: PhoneNumber, form: Any, change: bool) -> None:
        if not change:
            obj.paused = "The carrier is being asked about this number."
        super().save_model(request, obj, form, change)
        if not change:
            provisioning.defer_adoption(obj)

    def has_delete_permission(self, request: HttpRequest, obj: PhoneNumber | None = None) -> bool:
        """Messages name it: it is given back, and stays."""
        return False

    @admin.action(description="Ask the carrier now", permissions=["change"])
    def ask_now(self, request: HttpRequest, numbers: QuerySet[PhoneNumber]) -> None:
        waiting = numbers.exclude(duty=Duty.BUSINESS).filter(approved_at=None, releasing_at=None)
        for number in waiting:
            provisioning.defer_adoption(number)
        self.message_user(request, f"The carrier is being asked about {len(waiting)}.")

    @admin.action(description="Give back to the carrier", permissions=["change"])
    def give_back(self, request: HttpRequest, numbers: QuerySet[PhoneNumber]) -> HttpResponse | None:
        numbers = numbers.filter(releasing_at=None).select_related("business")
        if "confirmed" in request.POST:
            for number in numbers:
                provisioning.release(number)
                self.log_change(request, number, "Given back to the carrier.")
            self.message_user(request, "The carrier is getting them back. This takes a minute.")
            return None
        if not numbers:
            self.message_user(request, "They have been given back already.", messages.WARNING)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": "Give back to the carrier?",
            "opts": self.opts,
            "numbers": numbers,
        }
        return TemplateResponse(request, "numbers/give_back.html", context)


@admin.register(Registration, site=office)
class RegistrationAdmin(admin.ModelAdmin):
    """Shown, never changed: the answers are the business's, the verdict is the carriers'."""

    list_display = ("business", "status", "pretty", "submissions", "submitted_at", "checked_at", "trouble")
    list_filter = ("status",)
    list_select_related = ("business", "number")
    search_fields = ("business__name", "legal_name", "number__number")
    ordering = ("-submitted_at",)
    actions = ("ask_now",)
    fields = (
        "business",
        "status",
        "trouble",
        "why",
        "may_resubmit",
        "edit_until",
        "pretty",
        "wanted",
        "verification_id",
        "submissions",
        "submitted_at",
        "checked_at",
        "decided_at",
        "overdue_told_at",
        "what_was_sent",
    )

    @admin.display(description="Number")
    def pretty(self, registration: Registration) -> str:
        return registration.number.pretty if registration.number else "–"

    @admin.display(description="What carriers said")
    def why(self, registration: Registration) -> SafeString | str:
        told = [(reason.get("code", ""), reason.get("words", "")) for reason in registration.reasons]
        return format_html_join("", "<p>{} {}</p>", told) or "–"

    @admin.display(description="What was sent")
    def what_was_sent(self, registration: Registration) -> SafeString | str:
        return format_html_join("", "<p><b>{}</b>: {}</p>", registration.sent or []) or "–"

    @admin.action(description="Ask the carrier now", permissions=["view"])
    def ask_now(self, request: HttpRequest, registrations: QuerySet[Registration]) -> None:
        for registration in registrations.filter(status=Status.SUBMITTED):
            provisioning.set_going(registration)
        asked = registrations.filter(status__in=(Status.IN_REVIEW, Status.REJECTED))
        verification.ask_about(asked)
        self.message_user(request, "The carrier was asked. What it said is in the list.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Registration | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Registration | None = None) -> bool:
        return False
