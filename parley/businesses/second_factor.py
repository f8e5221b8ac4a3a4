"""Whether this session was opened with a second factor: the back office asks for one."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_used
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest

from parley.businesses.models import User

USED_BY = "second_factor_used_by"
IN_DEMO = "demo"


def used(request: HttpRequest) -> bool:
    """Was a second factor given in this session, by this user, and is it still switched on?"""
    by = request.session.get(USED_BY)
    if by == IN_DEMO:
        return settings.DEMO
    return by == request.user.pk and by is not None and is_mfa_enabled(request.user)


def pass_in_demo(request: HttpRequest) -> None:
    """Let the demo's operator in without one. It counts nowhere but in the demo, whatever the session says."""
    request.session[USED_BY] = IN_DEMO


@receiver([authenticator_used, authenticator_added], sender=Authenticator)
def _remember(request: HttpRequest, user: User, **_: Any) -> None:
    # Switching it on takes a code of it: that counts as having used it.
    request.session[USED_BY] = user.pk
