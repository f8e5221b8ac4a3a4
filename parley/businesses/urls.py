"""Signing up and in, and the settings of a business and its people.

allauth has more pages; these are the ones that Parley shows.
"""

from typing import Any

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from django.urls import include, path, re_path

from parley.businesses import views
from parley.businesses.access import for_anonymous, for_signed_in
from parley.businesses.demo import loading, open_as_beginner, open_as_operator, open_as_owner
from parley.businesses.office import office


def _shown(page: Any) -> Any:
    """One of allauth's pages in the frame of our settings."""
    return for_signed_in(page.as_view(extra_context={"here": "security"}))


sign_up = [
    path("", account.signup, name="account_signup"),
    path(
        "code",
        for_anonymous(account.ConfirmEmailVerificationCodeView.as_view()),
        name="account_email_verification_sent",
    ),
    path("business", views.new_business, name="new_business"),
]
sign_in = [
    path("", account.login, name="account_login"),
    path("code", mfa.authenticate, name="mfa_authenticate"),
    path("again", for_signed_in(account.reauthenticate), name="account_reauthenticate"),
    path("again/code", for_signed_in(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("out", account.logout, name="account_logout"),
    path("inactive", account.account_inactive, name="account_inactive"),
    path("forgot", account.password_reset, name="account_reset_password"),
    path("forgot/sent", account.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^forgot/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("forgot/done", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
urlpatterns = [
    path("sign-up/", include(sign_up)),
    path("sign-in/", include(sign_in)),
    path("join/<str:token>", views.join, name="join"),
    path("switch", views.switch_business, name="switch_business"),
    path("settings/business", views.business_settings, name="business_settings"),
    path("settings/team", views.team_page, name="team"),
    path("settings/team/<uuid:id>", views.team_member, name="team_member"),
    path("settings/team/<uuid:id>/remove", views.team_remove, name="team_remove"),
    path("settings/team/invitations/<uuid:id>/again", views.invitation_again, name="invitation_again"),
    path(
        "settings/team/invitations/<uuid:id>/withdraw", views.invitation_withdraw, name="invitation_withdraw"
    ),
    path("settings/security", views.security_settings, name="security_settings"),
    # Where allauth returns to.
    path("settings/security", views.security_settings, name="mfa_index"),
    path("settings/security/password", views.change_password, name="account_change_password"),
    path("settings/security/second-factor", _shown(totp.ActivateTOTPView), name="mfa_activate_totp"),
    path("settings/security/second-factor/off", _shown(totp.DeactivateTOTPView), name="mfa_deactivate_totp"),
    path("settings/security/codes", _shown(codes.ViewRecoveryCodesView), name="mfa_view_recovery_codes"),
    path(
        "settings/security/codes/new",
        _shown(codes.GenerateRecoveryCodesView),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "settings/security/codes/file",
        for_signed_in(codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
    path("office/", office.urls),
    path("demo/open-as-owner", open_as_owner, name="open_as_owner"),
    path("demo/open-a-new-business", open_as_beginner, name="open_as_beginner"),
    path("demo/open-as-operator", open_as_operator, name="open_as_operator"),
    path("demo/loading", loading, name="demo_loading"),
]
