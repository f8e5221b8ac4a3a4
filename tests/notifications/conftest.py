"""A browser that allowed pushes, the sandbox's push service behind it, and the jobs in between."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from parley.businesses.models import User
from parley.notifications import vapid
from parley.notifications.models import PushSubscription
from tests.browser import chromium, visit  # noqa: F401
from tests.people import House
from tests.world import World, a_world


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Device:
    """What a browser keeps of its subscription: the keys that no server has."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = os.urandom(16)
        made = world.sandbox("POST", "/sandbox/push", {"key": vapid.public_key()})
        self.id, self.endpoint = made["id"], made["endpoint"]

    @property
    def keys(self) -> dict[str, str]:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {"p256dh": base64url(point), "auth": base64url(self.secret)}

    def belongs_to(self, user: User) -> PushSubscription:
        return PushSubscription.objects.create(
            user=user, endpoint=self.endpoint, browser="Chrome on Linux", **self.keys
        )

    def got(self) -> list[dict[str, Any]]:
        """The pushes that came, decrypted as the browser does it."""
        pushes = self.world.sandbox("GET", f"/sandbox/push/{self.id}")["pushes"]
        return [
            json.loads(
                http_ece.decrypt(
                    base64.b64decode(push["body"]),
                    private_key=self.key,
                    auth_secret=self.secret,
                    version="aes128gcm",
                )
            )
            for push in pushes
        ]


@pytest.fixture(scope="module")
def push_world(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[World]:
    """The sandbox alone."""
    with a_world(Path(tmp_path_factory.mktemp("sandbox")), "sandbox") as world:
        yield world


@pytest.fixture
def device(push_world: World, settings: Any) -> Callable[[], Device]:
    settings.SANDBOX_URL = push_world.sandbox_url
    settings.EMAIL_PORT = push_world.smtp_port
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS = "127.0.0.1", False
    return lambda: Device(push_world)


@pytest.fixture
def postbox(push_world: World, settings: Any) -> Callable[[], list[dict[str, Any]]]:
    """The mails that the sandbox's server got, the oldest first; it begins empty."""
    import urllib.request

    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = (
        "127.0.0.1",
        push_world.smtp_port,
        False,
    )
    # pytest-django keeps mails in memory; these go out for real.
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    address = f"{push_world.mailbox_url}/api/mails"
    urllib.request.urlopen(urllib.request.Request(address, method="DELETE"), timeout=10).close()

    def mails() -> list[dict[str, Any]]:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return list(json.load(answer)["mails"])[::-1]

    return mails


def work(house: House) -> list[str]:
    """Do the jobs of a house that wait, and those that they make, each once. Returns the names of those done."""
    done: dict[int, str] = {}
    while todo := [
        job
        for job in ProcrastinateJob.objects.filter(args__business_id=str(house.business.id)).order_by("id")
        if job.id not in done
    ]:
        for job in todo:
            done[job.id] = job.task_name.rsplit(".", 1)[-1]
            app.tasks[job.task_name](**job.args)
    return list(done.values())
