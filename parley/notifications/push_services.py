"""The push services that browsers use. A browser names its endpoint, and we send there: so only where we know it.

Anything else could be an address inside our own network. Reviewed 2026-11; a browser that is not here says
"not supported" until its host is added.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

# Host, or (with a leading dot) every host below it.
HOSTS = (
    # Chrome, Edge on Android, Opera, Samsung Internet, Brave. https://firebase.google.com/docs/cloud-messaging
    "fcm.googleapis.com",
    # Firefox. https://mozilla-push-service.readthedocs.io/
    ".push.services.mozilla.com",
    # Safari and every browser on iPhone and iPad.
    # https://developer.apple.com/documentation/usernotifications/sending-web-push-notifications-in-web-apps-and-browsers
    ".push.apple.com",
    # Edge on Windows.
    # https://learn.microsoft.com/windows/apps/design/shell/tiles-and-notifications/windows-push-notification-services--wns--overview
    ".notify.windows.com",
)


def known(endpoint: str) -> bool:
    """Whether we may send to this address: https, a push service's host, its usual port; or the sandbox's own."""
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        return False
    if settings.SANDBOX_URL and endpoint.startswith(f"{settings.SANDBOX_URL}/push/"):
        return True
    if parts.scheme != "https" or port not in (None, 443) or parts.username is not None or "\\" in endpoint:
        return False
    host = parts.hostname or ""
    return any(host.endswith(one) if one.startswith(".") else host == one for one in HOSTS)


def origin(endpoint: str) -> str:
    """Scheme and host of an endpoint, and its port if it names one."""
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc}"
