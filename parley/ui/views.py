"""What makes Parley an app on a device: its service worker, and the page for when there is no network."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

# What the offline page is made of.
FILES = (
    "ui/tokens.css",
    "ui/parley.css",
    "ui/extra.css",
    "ui/sheets.css",
    "ui/consent.css",
    "ui/payments.css",
    "ui/icons.svg",
    "ui/mark.svg",
    "ui/offline.js",
)


@cache
def _worker() -> str:
    """The worker's script. Its version is what it keeps: another byte, and every browser fetches all of it anew."""
    page = render_to_string("ui/offline.html")
    kept = sha256(page.encode())
    for name in FILES:
        found = finders.find(name)
        assert isinstance(found, str), f"{name} is missing"
        kept.update(Path(found).read_bytes())
    context = {
        "version": kept.hexdigest()[:16],
        "offline": reverse("offline"),
        "files": json.dumps([static(name) for name in FILES]),
        "icon": static("ui/icon-192.png"),
        "badge": static("ui/badge-96.png"),
    }
    return render_to_string("ui/sw.js", context)


@require_GET
@cache_control(no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """At the root, because a worker sees only what is below its own address."""
    return HttpResponse(_worker(), content_type="text/javascript; charset=utf-8")


@require_GET
def offline(request: HttpRequest) -> HttpResponse:
    """Kept by the worker, and shown in place of any page that cannot be fetched. It holds nothing of anybody."""
    return render(request, "ui/offline.html")
