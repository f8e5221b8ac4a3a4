"""The back office: where who runs Parley sets plans and looks after businesses.

It is Django's admin, which keeps a log of every change, behind staff sign-in and a second factor. A room registers
its own models in its `admin.py`: `@admin.register(Plan, site=office)`.
"""

from __future__ import annotations

from typing import Any

from allauth.account.views import logout as sign_out
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from parley.businesses import second_factor


class Office(AdminSite):
    site_header = site_title = "Parley back office"
    index_title = "Back office"
    site_url = None
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Active staff, with a second factor used in this session."""
        user = request.user
        return user.is_active and user.is_staff and second_factor.used(request)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Lead whoever may not come in yet to what is missing."""
        asked = request.GET.get(REDIRECT_FIELD_NAME, "")
        wanted = asked if url_has_allowed_host_and_scheme(asked, None) else reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(wanted)
        if not request.user.is_staff:
            return render(request, "businesses/operators_only.html", status=403)
        if self.has_permission(request):
            return redirect(wanted)
        step = "mfa_reauthenticate" if is_mfa_enabled(request.user) else "mfa_activate_totp"
        return redirect(f"{reverse(step)}?{urlencode({REDIRECT_FIELD_NAME: wanted})}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return sign_out(request)

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        return redirect("account_change_password")


office = Office(name="office")
