"""Browsers that a user allowed to be told: remembered, renewed, named, and forgotten when their user signs out."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from django.contrib.auth.signals import user_logged_out
from django.http import HttpRequest

from parley.businesses.models import User
from parley.notifications import push_services
from parley.notifications.models import PushSubscription

# In the session: which subscription is this browser's.
SESSION = "push"
# Nobody has more browsers; whoever sends us more of them loses the oldest.
MOST = 20


class NotABrowser(ValueError):
    """It is no subscription that we can push to; the words say why."""


def remember(request: HttpRequest, user: User, endpoint: str, p256dh: str, auth: str) -> PushSubscription:
    """Push to this browser for this user from now on, and for nobody who used it before. Raises NotABrowser."""
    if len(endpoint) > 1000 or not push_services.known(endpoint):
        raise NotABrowser("This browser’s push service isn’t one that Parley knows.")
    _check_keys(p256dh, auth)
    subscription, _ = PushSubscription.objects.update_or_create(
        endpoint=endpoint,
        defaults={
            "user": user,
            "p256dh": p256dh,
            "auth": auth,
            "off": False,
            "browser": name(request.headers.get("User-Agent", "")),
        },
    )
    for extra in user.push_subscriptions.order_by("-created_at")[MOST:]:
        extra.delete()
    request.session[SESSION] = str(subscription.pk)
    return subscription


def _check_keys(p256dh: str, auth: str) -> None:
    try:
        point, secret = (urlsafe_b64decode(key + "=" * (-len(key) % 4)) for key in (p256dh, auth))
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except (ValueError, binascii.Error):
        raise NotABrowser("This browser’s key can’t be read.") from None
    if len(point) != 65 or len(secret) != 16:
        raise NotABrowser("This browser’s key can’t be read.")


def forget_at_sign_out(request: HttpRequest | None, **_: Any) -> None:
    """Whoever uses this browser next should not be shown what was another's."""
    if request is not None and isinstance(request.user, User) and (id := request.session.get(SESSION)):
        request.user.push_subscriptions.filter(pk=id).delete()


user_logged_out.connect(forget_at_sign_out, dispatch_uid="forget the browser")

# The first that fits: most browsers claim to be several others too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
)


def name(user_agent: str) -> str:
    """For people: Chrome on Android."""
    browser = next((said for mark, said in _BROWSERS if mark in user_agent), "A browser")
    system = next((said for mark, said in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if system else browser
