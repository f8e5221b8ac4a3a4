"""How allauth fits Parley: members are invited, strangers cannot sign themselves up; and it speaks Parley's words."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm, ResetPasswordForm, ResetPasswordKeyForm
from allauth.core.exceptions import ImmediateHttpResponse
from django import forms
from django.http import HttpRequest
from django.shortcuts import render

log = logging.getLogger(__name__)


class Adapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "That email and password don’t belong together. Check both.",
        "invalid_login": "That email and password don’t belong together. Check both.",
        "too_many_login_attempts": "That was wrong too often. Wait five minutes, or choose a new password.",
        "rate_limited": "Too many tries. Wait a few minutes.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send at once: the person waits for it. A mail server that is away is said, not an error page."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError) as trouble:
            log.error("The mail server did not take a sign-in email: %s", type(trouble).__name__)
            raise ImmediateHttpResponse(
                render(self.request, "account/email_trouble.html", status=503)
            ) from None

    def format_email_subject(self, subject: str) -> str:
        return subject


def _ask(field: forms.Field, label: str, missing: str, **attrs: str) -> None:
    field.label, field.help_text = label, ""
    field.error_messages["required"] = missing
    field.widget.attrs.pop("placeholder", None)
    field.widget.attrs.update(attrs)


EMAIL = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
NOT_AN_EMAIL = "That isn’t a whole email address. One looks like nora@example.com."


class SignIn(LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["login"], "Email", "Enter your email.", autofocus="", **EMAIL)
        _ask(self.fields["password"], "Password", "Enter your password.")
        self.fields["login"].error_messages["invalid"] = NOT_AN_EMAIL


class AskForReset(ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["email"], "Email", "Enter your email.", autofocus="", **EMAIL)
        self.fields["email"].error_messages["invalid"] = NOT_AN_EMAIL


class NewPassword(ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["password1"], "New password", "Enter a new password.", autofocus="")
        _ask(self.fields["password2"], "The same again", "Enter it a second time.")
