"""Signing in and out. allauth has more pages; these are the ones that Parley shows."""

from allauth.account import views
from django.urls import path, re_path

urlpatterns = [
    path("", views.login, name="account_login"),
    path("out", views.logout, name="account_logout"),
    path("inactive", views.account_inactive, name="account_inactive"),
    path("forgot", views.password_reset, name="account_reset_password"),
    path("forgot/sent", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^forgot/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("forgot/done", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
