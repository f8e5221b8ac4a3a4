"""How allauth fits Parley: who signs up brings a business along; and it speaks Parley's words."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import (
    ChangePasswordForm,
    ConfirmEmailVerificationCodeForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SignupForm,
)
from allauth.account.models import EmailAddress
from allauth.account.stages import EmailVerificationStage
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateBySecondFactorForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from parley.businesses.fields import business_name_field, country_field, time_zone_field
from parley.businesses.models import User
from parley.businesses.starting import start_business

log = logging.getLogger(__name__)

WRONG_CODE = "That code doesn’t fit. Check it, or send a new one."


class Adapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "That email and password don’t belong together. Check both.",
        "invalid_login": "That email and password don’t belong together. Check both.",
        "too_many_login_attempts": "That was wrong too often. Wait five minutes, or choose a new password.",
        "rate_limited": "Too many tries. Wait a few minutes.",
        "incorrect_code": WRONG_CODE,
        "incorrect_password": "That isn’t your password.",
        "enter_current_password": "That isn’t your password.",
    }
    # What allauth says beyond that is seen on the page that follows.
    says = {
        "account/messages/password_changed.txt": "Your new password is saved",
        "mfa/messages/totp_activated.txt": "The second factor is on",
        "mfa/messages/totp_deactivated.txt": "The second factor is off",
    }

    def get_login_stages(self) -> list[str]:
        ours = f"{ProveEmail.__module__}.{ProveEmail.__name__}"
        theirs = "allauth.account.stages.EmailVerificationStage"
        return [ours if stage == theirs else stage for stage in super().get_login_stages()]

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """The Inbox; for an operator who works for no business, the back office."""
        user = request.user
        if user.is_authenticated and user.is_staff and not user.memberships.exists():
            return reverse("admin:index")
        return super().get_login_redirect_url(request)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("security_settings")

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        if words := message or self.says.get(message_template or ""):
            sign = "alert" if level >= messages.ERROR else "check-circle"
            messages.add_message(request, level, words, extra_tags=sign)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send at once: the person waits for it. A mail server that is away is said, not an error page."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError) as trouble:
            log.error("The mail server did not take a sign-in email: %s", type(trouble).__name__)
            # Who has just signed up has an account already: signing in sends the code again.
            forgot = template_prefix.startswith("account/email/password_reset")
            again = reverse("account_reset_password" if forgot else "account_login")
            raise ImmediateHttpResponse(
                render(self.request, "account/email_trouble.html", {"again": again}, status=503)
            ) from None

    def format_email_subject(self, subject: str) -> str:
        return subject


class ProveEmail(EmailVerificationStage):
    """Who signed themselves up proves their address. Whoever has no row of addresses was invited at theirs, or made
    by the operator."""

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        if user and not EmailAddress.objects.filter(user=user).exists():
            return None, True
        return super().handle()


class SecondFactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "That code doesn’t fit. Check it, or wait for the next one."
    }


def _ask(field: forms.Field, label: str, missing: str, **attrs: str) -> None:
    field.label, field.help_text = label, ""
    field.error_messages["required"] = missing
    field.widget.attrs.pop("placeholder", None)
    field.widget.attrs.update(attrs)


PASSWORD_RULE = "At least 10 characters, and not one that everybody uses."  # noqa: S105  words
CODE = {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": ""}
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


class SignUp(SignupForm):
    """A person and the business they own, in one form."""

    business = business_name_field()
    country = country_field()
    time_zone = time_zone_field()
    name = forms.CharField(
        label="Your name",
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Enter your name."},
    )
    field_order = ("business", "country", "time_zone", "name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["email"], "Email", "Enter your email.", **EMAIL)
        self.fields["email"].error_messages["invalid"] = NOT_AN_EMAIL
        _ask(self.fields["password1"], "Password", "Choose a password.")
        self.fields["password1"].help_text = PASSWORD_RULE
        if not self.is_bound:
            self.fields["time_zone"].widget.attrs["data-guess"] = ""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """All or nothing. Two sign-ups with one address at once: the second is told what a later one would be."""
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:
            self.account_already_exists = True
            return super().try_save(request)

    def signup(self, request: HttpRequest, user: User) -> None:
        data = self.cleaned_data
        user.name = data["name"]
        user.save(update_fields=["name"])
        start_business(user, data["business"], data["country"], data["time_zone"])


class EmailCode(ConfirmEmailVerificationCodeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["code"], "Code", "Enter the code from the email.", **CODE)


class SecondFactor(AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["code"], "Code", "Enter the code from your app.", **CODE)


class SecondFactorAgain(ReauthenticateBySecondFactorForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["code"], "Code", "Enter the code from your app.", **CODE)


class ActivateSecondFactor(ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["code"], "Code from the app", "Enter the code from your app.", **CODE)


class PasswordAgain(ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["password"], "Password", "Enter your password.", autofocus="")


class ChangePassword(ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _ask(self.fields["oldpassword"], "Your password now", "Enter your password.", autofocus="")
        _ask(self.fields["password1"], "New password", "Enter a new password.")
        _ask(self.fields["password2"], "The same again", "Enter it a second time.")
        self.fields["password1"].help_text = PASSWORD_RULE
